"""What every wire model shares: tolerance when it is read, strictness when it is built.

*Read* means validated from JSON by the codec; *built* means made in Python, by a constructor or by
`model_validate`. Every model keeps the fields it does not know when it is read; refusing them is
decided where something is built, and only for what callers send (`SentModel`).

This module does not know a single event or field.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias, cast, final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from trio_realtime._redaction import redact

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@final
class Unrecognised(str):
    """A value that this release does not know, where the wire has a fixed set.

    It is the string the server sent. A field declared `Literal[...] | Unrecognised` holds one of
    the literals or this, so a `match` over the literals stays exhaustive with one more arm.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Unrecognised({super().__repr__()})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Second in a union behind the literals, so that only unknown values come here.
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class _Audio:
    """How audio travels: base64 in JSON, plain bytes in Python."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Decoding is Rust's (`val_json_bytes`), and accepts both alphabets. Encoding is ours: its
        # "base64" writes the URL-safe alphabet, which the server refuses.
        return core_schema.json_or_python_schema(
            json_schema=core_schema.union_schema(
                [
                    (core_schema.bytes_schema(), "bytes"),
                    (
                        core_schema.no_info_plain_validator_function(_audio_from_odd_base64),
                        "base64",
                    ),
                ],
                mode="left_to_right",
            ),
            python_schema=core_schema.no_info_plain_validator_function(_audio_from_buffer),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _base64_from_audio, when_used="json"
            ),
        )


def _audio_from_odd_base64(text: object) -> bytes:
    if isinstance(text, str):
        packed = "".join(text.split()).rstrip("=").translate(_STANDARD_ALPHABET)
        try:
            return b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        except ValueError:
            pass
    raise PydanticCustomError("audio_encoding", "Audio should be base64")


def _audio_from_buffer(audio: object) -> bytes:
    if isinstance(audio, bytes | bytearray | memoryview):
        return bytes(cast("ReadableBuffer", audio))
    # Base64 given here would be encoded a second time. A TypeError leaves the constructor as it
    # is: pydantic collects only ValueError and AssertionError.
    hint = "; decode base64 with base64.b64decode" if isinstance(audio, str) else ""
    raise TypeError(
        f"audio must be bytes, bytearray or memoryview, not {type(audio).__name__}{hint}"
    )


def _base64_from_audio(audio: bytes) -> str:
    return b64encode(audio).decode("ascii")


_STANDARD_ALPHABET = str.maketrans("-_", "+/")

Audio: TypeAlias = Annotated[bytes, _Audio]
"""Samples, as bytes here and as base64 on the wire."""


class _Number:
    """A JSON number that stays the int or the float that it was."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.union_schema(
            [core_schema.int_schema(strict=True), core_schema.float_schema()], mode="left_to_right"
        )


Number: TypeAlias = Annotated[float, _Number]
"""A number that is written back as it was read: 60 does not become 60.0."""


@final
class _Shown:
    """A text that is its own repr."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return _Shown(f"<{len(value)} bytes>")
    if isinstance(value, str) and value.startswith("data:"):
        return _Shown(f"<data URL of {len(value)} characters>")
    # The server repeats keys in its messages.
    return redact(value) if isinstance(value, str) else value


class WireModel(BaseModel):
    """A frozen model of something on the wire."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        defer_build=True,  # a schema takes milliseconds; most programs meet few of them
        hide_input_in_errors=True,  # what is refused may hold a credential, or a megabyte
        val_json_bytes="base64",
        ser_json_inf_nan="constants",
        protected_namespaces=(),
    )

    _tags: ClassVar[tuple[str, ...]] = ()
    """The fields whose value is the class's own, such as `type`: always written."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        cls._tags = tuple(
            name for name, field in cls.model_fields.items() if isinstance(field.default, str)
        )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        for name, value in super().__repr_args__():
            # What we do not know may be a credential: named, not shown.
            known = name in type(self).model_fields
            yield name, _shown(value) if known else _Shown("<not shown>")


class ReceivedModel(WireModel):
    """What the server sends, and what goes both ways: unknown fields are kept, always."""

    def __init__(self, /, **data: object) -> None:
        self.__pydantic_validator__.validate_python(data, self_instance=self)
        # Read from JSON a tag is always there; built, it would count as unset and be left out.
        self.__pydantic_fields_set__.update(self._tags)

    # As on BaseModel itself: reading JSON goes past this constructor.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class SentModel(WireModel):
    """What callers build: an unknown field is refused, also inside of mappings.

    Read from JSON (by a server, or as part of the effective session) it is as tolerant as the rest.
    """

    def __init__(self, /, **data: object) -> None:
        self.__pydantic_validator__.validate_python(data, self_instance=self, extra="forbid")

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: object, **options: Any) -> Self:
        """Build from a mapping, as strictly as the constructor does."""
        options.setdefault("extra", "forbid")
        return super().model_validate(obj, **options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Build from JSON, as strictly as the constructor does."""
        options.setdefault("extra", "forbid")
        return super().model_validate_json(json_data, **options)

    def model_post_init(self, context: object, /) -> None:
        """Count the tags as set, so that leaving out what is unset keeps them."""
        if self._tags:
            self.__pydantic_fields_set__.update(self._tags)
        # pydantic leaves None where extra fields were refused; 2.12 takes {} for another value.
        if self.__pydantic_extra__ is None:
            object.__setattr__(self, "__pydantic_extra__", {})


class ServerModel(ReceivedModel):
    """An event that the server sends."""

    event_id: str | None = None
    """The server's id of this event. DTMF events have none."""


class ClientModel(SentModel):
    """An event that a client sends."""

    event_id: str | None = None
    """Yours to choose, up to 512 characters; an `error` that this event causes repeats it."""

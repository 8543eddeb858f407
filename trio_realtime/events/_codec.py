"""Text to events, and events to text.

This module knows how to find the class of a frame quickly, and what to deliver when there is none.
It does not know what any event means, and never raises for what a frame holds.

A table leads from the wire name to the class. A class is built when its first event comes, so a
program pays for the events it meets. The `type` is peeked at: it is the first key of what OpenAI's
server sends, and the first or the second of every frame that was recorded. The peek only guesses
the class, whose own `type` literal confirms it; whatever does not come out right is parsed anew,
slowly and with care.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from typing import (
    TYPE_CHECKING,
    Final,
    Generic,
    Literal,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    overload,
)

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from trio_realtime.events._ga import ClientEvent, ServerEvent
from trio_realtime.events._unknown import InvalidEvent, UnknownEvent
from trio_realtime.types._base import ClientModel, ServerModel, WireModel
from trio_realtime.types._unknown import Problem, Unknown, problems_from_error, wire_type_of

if TYPE_CHECKING:
    from trio_realtime import beta, translation

Dialect: TypeAlias = Literal["ga", "beta", "translation"]
"""Which set of events a server speaks: in another, the same names may hold other things."""

_DIALECTS: Final[Mapping[str, str]] = {
    "ga": "trio_realtime.events._ga",
    "beta": "trio_realtime.beta",
    "translation": "trio_realtime.translation",
}
"""Where the unions of a dialect are: loaded when its first frame comes."""

E = TypeVar("E")

_Reader: TypeAlias = Callable[[str], E]

_HEAD: Final = '{"type":"'
"""What most frames begin with: finding the end of the name is then a third of the price."""

_peek: Final = re.compile(
    r'\s*\{\s*(?:"[^"\\]*"\s*:\s*"[^"\\]*"\s*,\s*)?"type"\s*:\s*"([^"\\]*)"'
).match

_escape: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: kept
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half a pair
    r"|.)",  # any other escape, a backslash among them: kept
    re.DOTALL,
)


class _Table(Generic[E]):
    """The classes of one direction of one dialect, by wire name."""

    def __init__(self, union: object) -> None:
        members = cast("tuple[type[object], ...]", get_args(union))
        self._classes: dict[str, type[WireModel]] = {
            cls.model_fields["type"].default: cls for cls in members if issubclass(cls, WireModel)
        }
        self.readers: dict[str, _Reader[E]] = {}
        """Of the classes that are built."""

    def reader(self, wire_type: str) -> _Reader[E] | None:
        """What reads this type from JSON; None for a type that is not in the table."""
        reader = self.readers.get(wire_type)
        cls = self._classes.get(wire_type)
        if reader is None and cls is not None:
            cls.model_rebuild()
            reader = cast("_Reader[E]", cls.__pydantic_validator__.validate_json)
            self.readers[wire_type] = reader
        return reader


_server_tables: Final[dict[str, _Table[object]]] = {}
_client_tables: Final[dict[str, _Table[object]]] = {}


def _load(dialect: str) -> None:
    if dialect not in _DIALECTS:
        raise ValueError(f"no such dialect: {dialect!r}; there is {', '.join(_DIALECTS)}")
    module: Mapping[str, object] = vars(importlib.import_module(_DIALECTS[dialect]))
    _server_tables[dialect] = _Table(module["ServerEvent"])
    _client_tables[dialect] = _Table(module["ClientEvent"])


@overload
def decode_server(data: str | bytes, dialect: Literal["ga"] = "ga") -> ServerEvent: ...
@overload
def decode_server(data: str | bytes, dialect: Literal["beta"]) -> beta.ServerEvent: ...
@overload
def decode_server(
    data: str | bytes, dialect: Literal["translation"]
) -> translation.ServerEvent: ...
@overload
def decode_server(
    data: str | bytes, dialect: Dialect
) -> ServerEvent | beta.ServerEvent | translation.ServerEvent: ...
def decode_server(data: str | bytes, dialect: Dialect = "ga") -> object:
    """Make an event of a frame from the server.

    A type that this release does not know makes an `UnknownEvent`, everything else that is not
    right an `InvalidEvent`. Nothing in a frame makes this raise.
    """
    if dialect not in _server_tables:
        _load(dialect)
    return _decode(data, _server_tables[dialect])


@overload
def decode_client(
    data: str | bytes, dialect: Literal["ga"] = "ga"
) -> ClientEvent | UnknownEvent | InvalidEvent: ...
@overload
def decode_client(
    data: str | bytes, dialect: Literal["beta"]
) -> beta.ClientEvent | UnknownEvent | InvalidEvent: ...
@overload
def decode_client(
    data: str | bytes, dialect: Literal["translation"]
) -> translation.ClientEvent | UnknownEvent | InvalidEvent: ...
@overload
def decode_client(
    data: str | bytes, dialect: Dialect
) -> ClientEvent | beta.ClientEvent | translation.ClientEvent | UnknownEvent | InvalidEvent: ...
def decode_client(data: str | bytes, dialect: Dialect = "ga") -> object:
    """Make an event of a frame from a client, for servers and tests.

    As tolerant as `decode_server`: fields that a client could not build are kept.
    """
    if dialect not in _client_tables:
        _load(dialect)
    return _decode(data, _client_tables[dialect])


def _decode(data: str | bytes, table: _Table[E]) -> E | UnknownEvent | InvalidEvent:
    if isinstance(data, str):
        text = data
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            shown = data.decode(errors="replace")
            return InvalidEvent(None, None, shown, (Problem((), "utf8_invalid"),))
    if text.startswith(_HEAD):
        wire_type = text[len(_HEAD) : text.find('"', len(_HEAD))]
    else:
        peeked = _peek(text)
        wire_type = "" if peeked is None else peeked[1]
    reader = table.readers.get(wire_type)
    if reader is not None:
        try:
            return reader(text)
        except ValueError:
            pass
    return _decode_with_care(text, table)


def _decode_with_care(text: str, table: _Table[E]) -> E | UnknownEvent | InvalidEvent:
    try:
        data: JsonValue = from_json(text)
    except (ValueError, TypeError):  # TypeError: a str that is not Unicode
        mended = _mended(text)
        try:
            data = from_json(mended)
        except ValueError:
            return InvalidEvent(None, None, text, (Problem((), "json_invalid"),))
        text = mended
    if not isinstance(data, dict):
        return InvalidEvent(None, None, data, (Problem((), "dict_type"),))
    given_id = data.get("event_id")
    event_id = given_id if isinstance(given_id, str) else None
    wire_type = wire_type_of(data)
    if wire_type is None:
        kind = "string_type" if "type" in data else "missing"
        return InvalidEvent(None, event_id, data, (Problem(("type",), kind),))
    reader = table.reader(wire_type)
    if reader is None:
        return UnknownEvent(wire_type, event_id, data)
    try:
        return reader(text)
    except ValidationError as error:
        return InvalidEvent(wire_type, event_id, data, problems_from_error(error))


def _mended(text: str) -> str:
    """The text without a byte order mark and without halves of surrogate pairs.

    A server that cuts deltas by UTF-16 units cuts an emoji in two; no Unicode string can hold the
    halves, so each becomes U+FFFD.
    """
    whole = (
        text.lstrip("\ufeff").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    )
    return _escape.sub(lambda found: r"\ufffd" if found[1] else found[0], whole)


def encode(
    event: ClientModel | ServerModel | UnknownEvent | InvalidEvent | Mapping[str, JsonValue],
    *,
    extra_fields: Mapping[str, JsonValue] | None = None,
) -> str:
    """Make compact JSON of an event.

    Fields that were never set are left out; None that was set is written as null. What was received
    is written back as it came. A mapping goes out as it is.

    Args:
        event: The event, or a mapping in the shape of the wire.
        extra_fields: Merged into the frame last, object by object, for what the models do not have.

    Raises:
        TypeError: if a mapping holds what JSON cannot, such as bytes.
        ValueError: if a mapping holds a number that JSON cannot, such as NaN.
    """
    if isinstance(event, WireModel):
        if not extra_fields:
            return event.__pydantic_serializer__.to_json(event, exclude_unset=True).decode()
        data: JsonValue = event.__pydantic_serializer__.to_python(
            event, mode="json", exclude_unset=True
        )
    elif isinstance(event, UnknownEvent | InvalidEvent):
        data = event.data
        if isinstance(event, InvalidEvent) and event.problems[:1] in _NOT_JSON:
            return str(data)
    else:
        data = dict(event)
    if extra_fields:
        data = _merged(data, extra_fields)
    # What was received may hold NaN, which some servers take for JSON; nobody should send it anew.
    received = isinstance(event, UnknownEvent | InvalidEvent)
    return json.dumps(
        data, ensure_ascii=False, separators=(",", ":"), allow_nan=received, default=_json_from
    )


_NOT_JSON: Final = ((Problem((), "json_invalid"),), (Problem((), "utf8_invalid"),))


def _merged(data: JsonValue, extra: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    merged = dict(data) if isinstance(data, dict) else {}
    for name, value in extra.items():
        if isinstance(value, Mapping):
            merged[name] = _merged(merged.get(name), value)
        else:
            merged[name] = value
    return merged


def _json_from(value: object) -> object:
    if isinstance(value, WireModel):
        return value.__pydantic_serializer__.to_python(value, mode="json", exclude_unset=True)
    if isinstance(value, Unknown):
        return value.data
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    hint = "; audio is base64 text here" if isinstance(value, bytes | bytearray) else ""
    raise TypeError(f"{type(value).__name__} is not JSON{hint}")


def prepare(*classes: type[WireModel]) -> None:
    """Build classes now, so that their first event need not wait for it.

    Building one takes a few milliseconds; it happens by itself when the first event comes.
    """
    for cls in classes:
        cls.model_rebuild()

"""The arms that unions have for what this release does not know, or cannot read.

This module knows how such an arm is filled. It does not know the unions.
"""

import dataclasses
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, Union, cast, final, get_args, get_origin

from pydantic import (
    BaseModel,
    GetCoreSchemaHandler,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema, to_json


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Why something does not validate: where, and what kind of mistake. Never the value itself."""

    location: tuple[str | int, ...]
    """The way to the field, from the outside in."""

    kind: str
    """pydantic's name of the mistake, such as `missing` or `int_parsing`."""

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.location)) or 'the whole'}: {self.kind}"


def problems_from_error(error: ValidationError) -> tuple[Problem, ...]:
    """The problems that a validation error reports, without what was validated."""
    return tuple(
        Problem(line["loc"], line["type"])
        for line in error.errors(include_url=False, include_context=False, include_input=False)
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """Something that this release does not know, or that does not validate; its data is kept.

    `type` is a tag that no server sends, so that `if thing.type == ...` tells it apart from the
    known ones; what the server sent is in `wire_type`.
    """

    wire_type: str | None
    """The `type` on the wire, if there was one."""

    data: JsonValue = dataclasses.field(repr=False)
    """What was on the wire. It is written back as it came."""

    problems: tuple[Problem, ...] = ()
    """Empty for an unknown type; for a known one, why it does not validate."""

    type: Literal["<unknown>"] = dataclasses.field(default="<unknown>", init=False, repr=False)


def wire_type_of(data: object) -> str | None:
    """The `type` of a JSON object; None for anything else."""
    if isinstance(data, Mapping):
        wire_type = cast("Mapping[str, object]", data).get("type")
        if isinstance(wire_type, str):
            return wire_type
    return None


class _Open:
    """Marks a union whose last member, a subclass of `Unknown`, takes what the others do not.

    The known members are tried first, in Rust, so the last one costs nothing until it is needed.
    Read from JSON it takes anything, so that one odd item never costs a whole event. In Python it
    takes itself, and mappings of an unknown type: a known type that is wrong is an error where it
    is made.
    """

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        *members, last = get_args(source)
        known = _union_of(members)
        return core_schema.union_schema(
            [
                (handler.generate_schema(known), "known"),
                (_Arm(last, known).schema(), "unknown"),
            ],
            mode="left_to_right",
        )


def _union_of(members: Iterable[object]) -> object:
    return Union[tuple(members)]  # noqa: UP007 - they are known at run time only


OPEN: Final = _Open()


class _Tagged:
    """Marks a model that is the only one in its union: read without its `type` it is not known.

    Unions of several models look at the `type` first. This one would take what has none, and the
    model would write its own when it is written back.
    """

    def __get_pydantic_core_schema__(
        self, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        (tag,) = _tags_of(source)
        built = handler(source)
        read = core_schema.tagged_union_schema({tag: built}, discriminator="type")
        return core_schema.json_or_python_schema(json_schema=read, python_schema=built)


TAGGED: Final = _Tagged()


class _Arm:
    def __init__(self, arm: type[Unknown], known: object) -> None:
        self._arm = arm
        self._known = known
        self._adapter: TypeAdapter[object] | None = None
        self._tags = frozenset(_tags_of(known))

    def schema(self) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._read,
            serialization=core_schema.plain_serializer_function_ser_schema(_data_of),
        )

    def _read(self, value: object, info: ValidationInfo) -> Unknown:
        if isinstance(value, self._arm):
            return value
        data = cast("JsonValue", value)
        wire_type = wire_type_of(data)
        if isinstance(data, Mapping) and wire_type not in self._tags:
            return self._arm(wire_type, data)
        if info.mode != "json":
            raise PydanticCustomError("known_but_invalid", "It is known, and not valid")
        return self._arm(wire_type, data, self._problems(data))

    def _problems(self, data: JsonValue) -> tuple[Problem, ...]:
        """Why the known members have just refused it: they say so only when asked alone."""
        if self._adapter is None:
            self._adapter = TypeAdapter(cast("type[object]", self._known))
        problems: tuple[Problem, ...] = ()
        try:
            self._adapter.validate_json(to_json(data))
        except ValidationError as error:
            problems = problems_from_error(error)
        return problems


def _data_of(unknown: Unknown) -> JsonValue:
    return unknown.data


def _tags_of(known: object) -> Iterator[str]:
    """The `type` literals of every model in a union, however deep."""
    if isinstance(known, type) and issubclass(known, BaseModel):
        field = known.model_fields.get("type")
        if field is not None and isinstance(field.default, str):
            yield field.default
    elif get_origin(known) in (Union, types.UnionType, Annotated):
        for member in get_args(known):
            yield from _tags_of(member)

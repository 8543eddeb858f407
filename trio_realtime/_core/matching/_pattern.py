"""One wanted event: its type, and what its fields must be.

This module does not know in which order events are wanted.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.matching._values import (
    ANY,
    MISSING,
    Anything,
    Found,
    found_text,
    is_wanted,
    name_text,
    wanted_text,
)
from trio_realtime._core.matching._view import EventView
from trio_realtime._redaction import REDACTED, is_credential, redact
from trio_realtime.types._base import WireModel

EventKind: TypeAlias = str | type[WireModel] | Anything
"""Which type an event must have: a name in which `*` stands for any characters, an event class, or
`ANY`."""

_NESTED: Final = "__"


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """A field that is not as wanted."""

    path: tuple[str, ...]
    wanted: object
    found: Found

    @property
    def place(self) -> str:
        """Where it is, as `response.status`."""
        return ".".join(self.path)

    @property
    def text(self) -> str:
        """What is wrong, in a line."""
        name = self.path[-1]
        wanted = wanted_text(self.wanted, self.found, name=name)
        found = found_text(self.found, self.wanted, name=name)
        return f"{name_text(self.place)}: wanted {wanted}, got {found}"


@final
class EventPattern:
    """An event that is wanted. Made by `like`."""

    __slots__ = ("_glob", "fields", "type")

    def __init__(self, kind: EventKind | EventPattern, fields: Mapping[str, object]) -> None:
        before: Mapping[tuple[str, ...], object] = {}
        if isinstance(kind, EventPattern):
            before, kind = kind.fields, kind.type
        self.type: str = _name_of_kind(kind)
        """The type, in which `*` stands for any characters."""
        self.fields: Mapping[tuple[str, ...], object] = MappingProxyType(
            {**before, **{_path_of_name(name): wanted for name, wanted in fields.items()}}
        )
        """What is wanted at which place."""
        self._glob = re.compile(
            ".*".join(map(re.escape, self.type.split("*"))), re.DOTALL
        ).fullmatch

    def __repr__(self) -> str:
        if not self.fields:
            return "ANY" if self.type == "*" else repr(self.type)
        fields = (
            f"{_NESTED.join(path)}={_argument_text(path[-1], wanted)}"
            for path, wanted in self.fields.items()
        )
        return f"like({', '.join((repr(self.type), *fields))})"

    def has_type_of(self, event: EventView) -> bool:
        """Whether the event is of the type, whatever its fields are."""
        return self._glob(event.type) is not None

    def fits(self, event: EventView) -> bool:
        """Whether the event is the wanted one."""
        return self.has_type_of(event) and not self.problems(event)

    def problems(self, event: EventView) -> list[Problem]:
        """The fields that are not as wanted, whatever the event's type is."""
        problems: list[Problem] = []
        for path, wanted in self.fields.items():
            found = value_at(event.data, path)
            try:
                right = is_wanted(wanted, found)
            except Exception as error:
                error.add_note(f"raised while looking at {'.'.join(path)} of a {event.type}")
                raise
            if not right:
                problems.append(Problem(path, wanted, found))
        return problems


def value_at(value: JsonValue, path: tuple[str, ...]) -> Found:
    """What lies at a path; a number in it counts the elements of an array."""
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _argument_text(name: str, wanted: object) -> str:
    if is_credential(name) and isinstance(wanted, str | bytes):
        return repr(REDACTED)
    return redact(reprlib.repr(wanted))


def _path_of_name(name: str) -> tuple[str, ...]:
    path = tuple(name.split(_NESTED))
    if "" in path:
        raise ValueError(f"no field has the name {name!r}; two underscores lead into an object")
    return path


def _name_of_kind(kind: object) -> str:
    if kind is ANY:
        return "*"
    if isinstance(kind, str):
        if not kind:
            raise ValueError("the type of an event is not empty; ANY is any event")
        return kind
    if isinstance(kind, type) and issubclass(kind, WireModel) and "type" in kind.model_fields:
        return str(kind.model_fields["type"].default)
    raise TypeError(
        f"an event is wanted by its type's name, its class, like(...) or ANY, not {kind!r}"
    )

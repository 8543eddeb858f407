"""What tests of the wire need: golden samples, recordings, and a search for the unknown.

The recordings lie in a folder `shared` beside the checkout and are not part of the project; tests
that read them are skipped where it is absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast, get_args

import pytest
from pydantic import BaseModel, JsonValue

from trio_realtime.events import ClientEvent, InvalidEvent, ServerEvent, UnknownEvent
from trio_realtime.types import Unknown

GOLDEN = Path(__file__).parent / "data" / "events"
SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "wire"

needs_recordings = pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not here")


def event_classes(union: object) -> dict[str, type[BaseModel]]:
    """The classes of a union of events, by wire name."""
    members = cast("tuple[type[object], ...]", get_args(union))
    return {cls.model_fields["type"].default: cls for cls in members if issubclass(cls, BaseModel)}


SERVER_CLASSES = event_classes(ServerEvent)
CLIENT_CLASSES = event_classes(ClientEvent)
CLASSES = SERVER_CLASSES | CLIENT_CLASSES


def golden(wire_name: str) -> dict[str, JsonValue]:
    """The golden sample of an event."""
    text = (GOLDEN / f"{wire_name}.json").read_text(encoding="utf-8")
    return cast("dict[str, JsonValue]", json.loads(text))


def shared_json(name: str) -> object:
    """A file of the wire's description."""
    return cast("object", json.loads((SHARED / name).read_text(encoding="utf-8")))


def shared_lines(name: str) -> list[dict[str, JsonValue]]:
    """A file of the wire's description that holds one object a line."""
    lines = (SHARED / name).read_text(encoding="utf-8").splitlines()
    return [cast("dict[str, JsonValue]", json.loads(line)) for line in lines]


def canonical(value: object) -> str:
    """JSON that tells 1 from 1.0 and from true, whatever the order of keys."""
    return json.dumps(value, sort_keys=True)


def unknown_things(value: object, path: str = "") -> Iterator[str]:
    """Everything in an event, at any depth, that the models do not know."""
    if isinstance(value, UnknownEvent | InvalidEvent | Unknown):
        yield f"{path}: {value!r}"
    elif isinstance(value, BaseModel):
        yield from (f"{path}.{name}: extra" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from unknown_things(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for member in cast("list[object]", value):
            yield from unknown_things(member, f"{path}[]")
    elif isinstance(value, Mapping):
        for name, member in cast("Mapping[str, object]", value).items():
            yield from unknown_things(member, f"{path}.{name}")

"""A reader finds an event by its wire name: class, file and sample are called after it."""

from __future__ import annotations

import json
from typing import cast

import pytest
from pydantic import BaseModel

from tests.wire import (
    CLASSES,
    CLIENT_CLASSES,
    GOLDEN,
    SERVER_CLASSES,
    canonical,
    golden,
    needs_recordings,
    shared_json,
    unknown_things,
)
from trio_realtime import events, types
from trio_realtime.events import decode_client, decode_server, encode
from trio_realtime.types import Unknown

_FILES = {"mcp_list_tools": "_mcp"}


def test_the_ga_dialect_has_11_client_and_46_server_events() -> None:
    assert (len(CLIENT_CLASSES), len(SERVER_CLASSES)) == (11, 46)
    assert not CLIENT_CLASSES.keys() & SERVER_CLASSES.keys()


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_the_class_and_its_file_are_named_after_the_wire(wire_name: str) -> None:
    cls = CLASSES[wire_name]
    words = wire_name.replace(".", "_").split("_")
    assert cls.__name__ == "".join(word.capitalize() for word in words)
    segment = wire_name.split(".", maxsplit=1)[0]
    assert cls.__module__ == f"trio_realtime.events.{_FILES.get(segment, f'_{segment}')}"
    assert getattr(events, cls.__name__) is cls
    assert cls.__name__ in events.__all__


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_the_golden_sample_survives_reading_and_writing(wire_name: str) -> None:
    sample = golden(wire_name)
    decode = decode_server if wire_name in SERVER_CLASSES else decode_client
    event = decode(json.dumps(sample))
    assert type(event) is CLASSES[wire_name]
    assert list(unknown_things(event)) == []
    assert canonical(json.loads(encode(event))) == canonical(sample)


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_an_event_built_in_python_is_the_event_read_from_json(wire_name: str) -> None:
    cls = CLASSES[wire_name]
    sample = golden(wire_name)
    decode = decode_server if wire_name in SERVER_CLASSES else decode_client
    event = decode(json.dumps(sample))
    assert isinstance(event, BaseModel)
    built = cls(**{name: getattr(event, name) for name in event.model_fields_set - {"type"}})
    assert built == event
    assert canonical(json.loads(encode(built))) == canonical(sample)  # pyright: ignore[reportArgumentType]


def test_every_sample_belongs_to_an_event() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == CLASSES.keys()


@needs_recordings
def test_the_inventory_of_the_wire_is_complete() -> None:
    rows = cast("list[dict[str, dict[str, object]]]", shared_json("event_types.json"))
    fields = {str(row["type"]): set(row["fields"]) for row in rows if "ga" in row["dialects"]}
    assert fields.keys() == CLASSES.keys()
    assert {
        f"{name}: {field}"
        for name in fields
        for field in fields[name] - CLASSES[name].model_fields.keys()
    } == set()


def test_the_public_names_are_sorted_and_there() -> None:
    for module in (events, types):
        assert sorted(module.__all__) == list(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)


def test_every_unknown_arm_is_public() -> None:
    arms = {cls.__name__ for cls in Unknown.__subclasses__()}
    assert arms <= set(types.__all__)

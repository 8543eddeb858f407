"""Everything that servers and clients were recorded to say, and the schema, is in the models."""

from __future__ import annotations

import json
from typing import cast

from tests.described import Schema, Walk, declares
from tests.wire import (
    CLASSES,
    canonical,
    needs_recordings,
    shared_json,
    shared_lines,
    unknown_things,
)
from trio_realtime.events import InvalidEvent, UnknownEvent, decode_client, decode_server, encode

pytestmark = needs_recordings

EXTRA: frozenset[str] = frozenset()
"""What the recordings hold and the models do not: nothing."""

STALE = {
    " input_audio_buffer.dtmf_event_received": "a blank in front of the type",
    "conversation.item.retrieved": "audio that ends in dots",
    "input_audio_buffer.append": "the words Base64EncodedAudioData for audio",
    "response.output_audio.delta": "the words Base64EncodedAudioDelta for audio",
}
"""The specification's examples that nothing genuine agrees with."""


def test_every_recorded_frame_is_known_to_the_last_field() -> None:
    counted = 0
    for row in shared_lines("recorded_events.jsonl"):
        if row["dialect"] != "ga":
            continue
        counted += 1
        decode = decode_server if row["direction"] == "server" else decode_client
        event = decode(json.dumps(row["event"]))
        assert set(unknown_things(event)) <= EXTRA
        assert canonical(json.loads(encode(event))) == canonical(row["event"])
    assert counted > 1000


def test_every_recorded_type_is_read_the_quick_way_and_the_slow_way_alike() -> None:
    for row in shared_lines("recorded_events.jsonl"):
        if row["dialect"] != "ga":
            continue
        decode = decode_server if row["direction"] == "server" else decode_client
        assert isinstance(row["event"], dict)
        turned = dict(reversed(row["event"].items()))
        assert decode(json.dumps(turned)) == decode(json.dumps(row["event"]).encode())


def test_the_examples_of_the_specification_are_known_but_for_the_stale_ones() -> None:
    stale: set[str] = set()
    for row in shared_lines("spec_examples.jsonl"):
        if row["dialect"] != "ga" or row["kind"] != "event":
            continue
        decode = decode_server if row["direction"] == "server" else decode_client
        example = row["event"]
        assert isinstance(example, dict)
        event = decode(json.dumps(example))
        same = canonical(json.loads(encode(event))) == canonical(example)
        if list(unknown_things(event)) or not same:
            stale.add(str(example["type"]))
    assert stale == STALE.keys()


def test_nothing_in_the_recordings_is_lost_even_where_it_is_another_dialects() -> None:
    for row in shared_lines("recorded_events.jsonl"):
        event = decode_server(json.dumps(row["event"]))
        if isinstance(event, UnknownEvent | InvalidEvent):
            assert canonical(event.data) == canonical(row["event"])
        else:
            assert canonical(json.loads(encode(event))) == canonical(row["event"])


def test_every_field_that_was_ever_counted_is_declared() -> None:
    counted = cast("dict[str, dict[str, dict[str, Schema]]]", shared_json("field_presence.json"))
    missing = [
        f"{name}: {path}"
        for provider in ("openai_ga", "azure_ga")
        for name, fields in counted[provider].items()
        for path in fields["fields"]
        if not declares({CLASSES[name]}, path.replace("[]", "").split("."))
    ]
    assert missing == []


def test_every_property_of_the_schema_is_declared() -> None:
    schema = cast("dict[str, dict[str, Schema]]", shared_json("schema.json"))["$defs"]
    events = [
        cast("str", member["$ref"]).rsplit("/", maxsplit=1)[1]
        for union in ("RealtimeClientEvent", "RealtimeServerEvent")
        for member in cast("list[Schema]", schema[union]["anyOf"])
    ]
    missing: list[str] = []
    for definition in events:
        properties = cast("dict[str, Schema]", schema[definition]["properties"])
        (wire_name,) = cast("list[str]", properties["type"]["enum"])
        missing += Walk(schema).missing(schema[definition], {CLASSES[wire_name]}, wire_name)
    assert len(events) == len(CLASSES)
    assert missing == []


def test_the_walk_finds_what_is_missing() -> None:
    schema: Schema = {"properties": {"type": {"enum": ["error"]}, "lamp": {"type": "string"}}}
    assert list(Walk({}).missing(schema, {CLASSES["error"]}, "error")) == ["error.lamp"]
    nested: Schema = {"properties": {"error": {"properties": {"lamp": {}, "code": {}}}}}
    assert list(Walk({}).missing(nested, {CLASSES["error"]}, "error")) == ["error.error.lamp"]

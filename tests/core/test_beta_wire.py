"""The beta dialect holds all of its wire, and writes back what it read."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import cast

import pytest
from pydantic import BaseModel, JsonValue

from tests.core.betas import (
    BEYOND,
    CLASSES,
    CLIENT_CLASSES,
    GOLDEN,
    OWN,
    SERVER_CLASSES,
    beta_golden,
    beta_models,
)
from tests.described import Walk, declares
from tests.wire import (
    canonical,
    needs_recordings,
    shared_json,
    shared_lines,
    unknown_things,
)
from trio_realtime import beta, events, types
from trio_realtime.events import (
    InvalidEvent,
    UnknownEvent,
    decode_client,
    decode_server,
    encode,
)

Decoded = beta.ServerEvent | beta.ClientEvent


def _decode(wire_name: str, frame: JsonValue) -> Decoded:
    text = json.dumps(frame)
    if wire_name in SERVER_CLASSES:
        return decode_server(text, "beta")
    return decode_client(text, "beta")


def test_the_beta_dialect_has_12_client_and_34_server_events_and_what_was_added_to_it() -> None:
    assert (len(CLIENT_CLASSES), len(SERVER_CLASSES.keys() - BEYOND)) == (12, 34)
    assert SERVER_CLASSES.keys() >= BEYOND
    assert not CLIENT_CLASSES.keys() & SERVER_CLASSES.keys()


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_the_class_and_its_file_are_named_after_the_wire(wire_name: str) -> None:
    cls = CLASSES[wire_name]
    words = wire_name.replace(".", "_").split("_")
    assert cls.__name__ == "".join(word.capitalize() for word in words)
    assert getattr(beta, cls.__name__) is cls
    assert cls.__name__ in beta.__all__
    segment = wire_name.split(".", maxsplit=1)[0]
    if wire_name in OWN:
        assert cls.__module__ == f"trio_realtime.beta._{segment}"
    else:
        assert cls is getattr(events, cls.__name__)


def test_the_public_names_are_sorted_and_there() -> None:
    assert sorted(beta.__all__) == list(beta.__all__)
    assert all(hasattr(beta, name) for name in beta.__all__)


def test_what_is_called_as_in_ga_is_that_class_or_says_another_thing_on_the_wire() -> None:
    here: Mapping[str, object] = vars(beta)
    ga: Mapping[str, object] = {**vars(events), **vars(types)}
    other = {name for name in beta.__all__ if name in ga and here[name] is not ga[name]}
    assert other == {
        "AudioFormat", "ClientEvent", "InputTranscription", "Response", "ResponseConfig",
        "ResponseCreate", "ResponseCreated", "ResponseDone", "ServerEvent", "ServerVad", "Session",
        "SessionConfig", "SessionCreated", "SessionUpdate", "SessionUpdated",
        "TranscriptionSessionConfig", "TurnDetection", "Voice", "as_input",
    }  # fmt: skip


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_the_golden_sample_survives_reading_and_writing(wire_name: str) -> None:
    sample = beta_golden(wire_name)
    event = _decode(wire_name, sample)
    assert type(event) is CLASSES[wire_name]
    assert list(unknown_things(event)) == []
    assert canonical(json.loads(encode(event))) == canonical(sample)


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_an_event_built_in_python_is_the_event_read_from_json(wire_name: str) -> None:
    sample = beta_golden(wire_name)
    event = _decode(wire_name, sample)
    assert isinstance(event, BaseModel)
    values = {name: getattr(event, name) for name in event.model_fields_set - {"type"}}
    built = cast("Decoded", CLASSES[wire_name](**values))
    assert built == event
    assert canonical(json.loads(encode(built))) == canonical(sample)


def test_every_sample_belongs_to_an_event_and_every_own_event_has_one() -> None:
    samples = {path.stem for path in GOLDEN.glob("*.json")}
    assert OWN <= samples <= CLASSES.keys()


def _holders(value: JsonValue) -> list[dict[str, JsonValue]]:
    found: list[dict[str, JsonValue]] = [value] if isinstance(value, dict) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in inner:
        found += _holders(member)
    return found


# promise 6
@pytest.mark.parametrize("how", ["removed", "null", "odd"])
@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_no_member_is_so_needed_that_the_rest_is_lost_without_it(wire_name: str, how: str) -> None:
    sample = beta_golden(wire_name)
    for number, holder in enumerate(_holders(sample)):
        for name in holder.keys() - ({"type"} if number == 0 else set()):
            frame = copy.deepcopy(sample)
            changed = _holders(frame)[number]
            if how == "removed":
                del changed[name]
            else:
                changed[name] = None if how == "null" else {"lamp": [True]}
            event = _decode(wire_name, frame)
            assert isinstance(event, CLASSES[wire_name] | InvalidEvent)
            assert canonical(json.loads(encode(event))) == canonical(frame)


# promise 6
@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_a_field_that_is_new_is_kept_wherever_it_stands(wire_name: str) -> None:
    frame = beta_golden(wire_name)
    for holder in _holders(frame):
        holder["lamp"] = "lit"
    event = _decode(wire_name, frame)
    assert type(event) is CLASSES[wire_name]
    assert canonical(json.loads(encode(event))) == canonical(frame)


# promise 6
@pytest.mark.parametrize("wire_name", ["session.created", "session.updated", "response.done"])
def test_a_session_and_a_response_need_nothing_and_take_null_everywhere(wire_name: str) -> None:
    member = wire_name.split(".", maxsplit=1)[0]
    sample = beta_golden(wire_name)
    body = cast("dict[str, JsonValue]", sample[member])
    for changed in ({}, dict.fromkeys(body)):
        frame = cast("JsonValue", sample | {member: changed})
        event = _decode(wire_name, frame)
        assert type(event) is CLASSES[wire_name]
        assert canonical(json.loads(encode(event))) == canonical(frame)


def test_an_event_of_the_other_direction_or_of_ga_alone_is_unknown() -> None:
    for text in ('{"type":"response.create"}', '{"type":"input_audio_buffer.dtmf_event_received"}'):
        assert isinstance(decode_server(text, "beta"), UnknownEvent)
    assert isinstance(decode_client('{"type":"response.text.done"}', "beta"), UnknownEvent)
    assert isinstance(decode_server('{"type":"response.text.delta"}'), UnknownEvent)


def test_the_dialect_decides_what_a_name_means() -> None:
    text = '{"type":"session.updated","session":{"modalities":["text"],"turn_detection":null}}'
    ga, older = decode_server(text), decode_server(text, "beta")
    assert isinstance(ga, events.SessionUpdated)
    assert isinstance(older, beta.SessionUpdated)
    assert list(unknown_things(older)) == []
    assert encode(ga) == encode(older) == text


def test_importing_the_dialect_builds_no_class_and_the_package_does_not_import_it() -> None:
    program = (
        "import sys; import trio_realtime; from trio_realtime import events;"
        "events.decode_server('{}'); assert 'trio_realtime.beta' not in sys.modules;"
        "from trio_realtime import beta; from pydantic import BaseModel;"
        "models = [cls for cls in vars(beta).values()"
        " if isinstance(cls, type) and issubclass(cls, BaseModel)];"
        "assert len(models) > 100;"
        "print([cls.__name__ for cls in models if cls.__pydantic_complete__])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == "[]"


def test_every_model_is_frozen_and_tolerant_when_it_is_read() -> None:
    for name, cls in beta_models().items():
        assert cls.model_config.get("frozen") is True, name
        assert cls.model_config.get("extra") == "allow", name
        assert cls.model_config.get("hide_input_in_errors") is True, name
        for field_name, field in cls.model_fields.items():
            if not field.is_required() and field.default is not None:
                assert field_name in {"type", "role"}, (name, field_name)


@needs_recordings
def test_every_recorded_frame_is_known_to_the_last_field() -> None:
    counted = 0
    for row in shared_lines("recorded_events.jsonl"):
        if row["dialect"] == "beta":
            counted += 1
            decode = decode_server if row["direction"] == "server" else decode_client
            event = decode(json.dumps(row["event"]), "beta")
            assert list(unknown_things(event)) == []
            assert canonical(json.loads(encode(event))) == canonical(row["event"])
    assert counted > 150


@needs_recordings
def test_the_examples_of_the_specification_are_known() -> None:
    odd: dict[str, list[str]] = {}
    for row in shared_lines("spec_examples.jsonl"):
        if row["dialect"] != "beta" or row["kind"] != "event":
            continue
        example = cast("dict[str, JsonValue]", row["event"])
        wire_name = str(example["type"])
        event = _decode(wire_name, example)
        assert type(event) is CLASSES[wire_name]
        unknown = list(unknown_things(event))
        if unknown or canonical(json.loads(encode(event))) != canonical(example):
            odd[wire_name] = unknown
    assert odd == {
        # Words, or bytes that are no multiple of three, in place of audio.
        "input_audio_buffer.append": [],
        "response.output_audio.delta": [],
        "conversation.item.created": [],
        # A time that whoever took the example down put there.
        "response.created": [".timestamp: extra"],
    }


@needs_recordings
def test_the_sessions_that_rest_makes_are_known() -> None:
    rows = [row for row in shared_lines("spec_examples.jsonl") if row["kind"] == "rest"]
    for part, name, cls in (
        ("/realtime/sessions response", "realtime", beta.Session),
        ("/realtime/sessions request", "realtime", beta.SessionConfig),
        ("/realtime/transcription_sessions response", "", beta.TranscriptionSession),
        ("/realtime/transcription_sessions request", "", beta.TranscriptionSessionConfig),
    ):
        (example,) = [row["event"] for row in rows if str(row["source"]).endswith(part)]
        model = cls.model_validate_json(json.dumps(example))
        assert list(unknown_things(model)) == [], name
        assert canonical(model.model_dump(mode="json", exclude_unset=True)) == canonical(example)


@needs_recordings
def test_the_inventory_of_the_wire_is_complete() -> None:
    rows = cast("list[dict[str, dict[str, object]]]", shared_json("event_types.json"))
    fields = {str(row["type"]): set(row["fields"]) for row in rows if "beta" in row["dialects"]}
    assert fields.keys() == CLASSES.keys() - BEYOND
    assert {
        f"{name}: {field}"
        for name in fields
        for field in fields[name] - CLASSES[name].model_fields.keys()
    } == set()


@needs_recordings
def test_every_field_that_was_ever_counted_is_declared() -> None:
    counted = cast(
        "dict[str, dict[str, dict[str, dict[str, object]]]]", shared_json("field_presence.json")
    )["openai_beta"]
    assert len(counted) > 25
    assert [
        f"{name}: {path}"
        for name, fields in counted.items()
        for path in fields["fields"]
        if not declares({CLASSES[name]}, path.replace("[]", "").split("."))
    ] == []


@needs_recordings
def test_every_property_of_the_schema_is_declared() -> None:
    schema = cast("dict[str, dict[str, dict[str, JsonValue]]]", shared_json("schema.json"))["$defs"]
    names = [name for name in schema if name.startswith("RealtimeBeta") and "Event" in name]
    missing: list[str] = []
    for name in names:
        properties = cast("dict[str, dict[str, list[str]]]", schema[name]["properties"])
        (wire_name,) = properties["type"]["enum"]
        missing += Walk(schema).missing(schema[name], {CLASSES[wire_name]}, wire_name)
    assert len(names) > 50
    # The specification gives the request for a session the key of its answer.
    assert set(missing) == {
        "session.update.session.client_secret.value",
        "session.update.session.client_secret.expires_at",
    }

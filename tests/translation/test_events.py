"""The events of the translation dialect: their names, what they hold, and what was recorded."""

from __future__ import annotations

import json
from typing import Final, cast

import pytest
from pydantic import BaseModel, JsonValue, ValidationError

from tests.wire import (
    canonical,
    event_classes,
    needs_recordings,
    shared_json,
    shared_lines,
    unknown_things,
)
from trio_realtime import events, translation
from trio_realtime.events import decode_client, decode_server, encode
from trio_realtime.translation import (
    ClientEvent,
    InvalidEvent,
    ServerEvent,
    SessionClose,
    SessionCreated,
    SessionInputAudioBufferAppend,
    SessionOutputAudioDelta,
    SessionUpdate,
    TranslationConfig,
    UnknownEvent,
)
from trio_realtime.types import Unrecognised

CLIENT: Final = event_classes(ClientEvent)
SERVER: Final = event_classes(ServerEvent)

AUDIO: Final[JsonValue] = {
    "input": {
        "transcription": {"model": "gpt-realtime-whisper"},
        "noise_reduction": {"type": "near_field"},
    },
    "output": {"language": "nb"},
}

SESSION: Final[JsonValue] = {
    "id": "sess_translated",
    "type": "translation",
    "expires_at": 1_900_000_000,
    "model": "gpt-realtime-translate",
    "audio": AUDIO,
    "include": None,
}

SAMPLES: Final[dict[str, dict[str, JsonValue]]] = {
    "session.update": {"session": {"audio": AUDIO}},
    "session.input_audio_buffer.append": {"audio": "+/8AAQ=="},
    "session.close": {},
    "error": {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "No such language.",
            "param": "session.audio.output.language",
            "event_id": "event_mine",
        }
    },
    "session.created": {"session": SESSION},
    "session.updated": {"session": SESSION},
    "session.closed": {},
    "session.input_transcript.delta": {"delta": " sea", "elapsed_ms": 1400},
    "session.output_transcript.delta": {"delta": " sjøen", "elapsed_ms": 3200},
    "session.output_audio.delta": {
        "delta": "AAEAAg==",
        "sample_rate": 24_000,
        "channels": 1,
        "format": "pcm16",
        "elapsed_ms": 3200,
    },
}


def decoded(frame: dict[str, JsonValue]) -> ClientEvent | ServerEvent:
    if frame["type"] in CLIENT:
        return decode_client(json.dumps(frame), "translation")
    return decode_server(json.dumps(frame), "translation")


def test_the_dialect_has_3_client_and_7_server_events() -> None:
    assert (len(CLIENT), len(SERVER)) == (3, 7)
    assert CLIENT.keys() | SERVER.keys() == SAMPLES.keys()


@pytest.mark.parametrize("wire_name", SAMPLES)
def test_a_class_is_named_after_the_wire(wire_name: str) -> None:
    cls = (CLIENT | SERVER)[wire_name]
    words = wire_name.replace(".", "_").split("_")
    assert cls.__name__ == "".join(word.capitalize() for word in words)
    assert getattr(translation, cls.__name__) is cls
    assert cls.__name__ in translation.__all__


@pytest.mark.parametrize("wire_name", SAMPLES)
def test_an_event_survives_reading_writing_and_building(wire_name: str) -> None:
    sample = {"type": wire_name, "event_id": "event_1", **SAMPLES[wire_name]}
    event = decoded(sample)
    cls = (CLIENT | SERVER)[wire_name]
    assert type(event) is cls
    assert isinstance(event, BaseModel)
    assert list(unknown_things(event)) == []
    assert canonical(json.loads(encode(event))) == canonical(sample)
    built = cls(**{name: getattr(event, name) for name in event.model_fields_set - {"type"}})
    assert built == event


def test_one_name_means_something_else_in_each_dialect() -> None:
    frame = json.dumps({"type": "session.created", "session": SESSION})
    assert type(decode_server(frame, "translation")) is SessionCreated
    assert type(decode_server(frame)) is events.SessionCreated
    # What is not of this dialect is unknown to it.
    other = decode_server('{"type": "response.done", "response": {}}', "translation")
    assert isinstance(other, UnknownEvent)
    assert other.wire_type == "response.done"


def test_an_error_is_the_error_of_every_dialect() -> None:
    assert translation.Error is events.Error
    assert translation.UnknownEvent is events.UnknownEvent
    assert translation.InvalidEvent is events.InvalidEvent


def test_audio_is_bytes() -> None:
    event = decoded({"type": "session.output_audio.delta", "delta": "AAEAAg=="})
    assert isinstance(event, SessionOutputAudioDelta)
    assert event.delta == b"\0\1\0\2"
    assert event.sample_rate is None
    sent = SessionInputAudioBufferAppend(audio=b"\xfb\xff\0\1")
    assert json.loads(encode(sent))["audio"] == "+/8AAQ=="
    with pytest.raises(TypeError, match="base64"):
        SessionInputAudioBufferAppend(audio="AAAA")  # type: ignore[arg-type]


def test_what_is_newer_than_this_release_is_kept() -> None:
    frame: dict[str, JsonValue] = {
        "type": "session.output_audio.delta",
        "delta": "AAA=",
        "format": "opus",
        "speaker": 2,
    }
    event = decoded(frame)
    assert isinstance(event, SessionOutputAudioDelta)
    assert event.format == Unrecognised("opus")
    assert json.loads(encode(event)) == frame
    broken = decoded({"type": "session.output_audio.delta", "delta": "!"})
    assert isinstance(broken, InvalidEvent)


def test_unset_is_not_null_and_a_typo_is_refused() -> None:
    config = TranslationConfig.model_validate(
        {"audio": {"input": {"transcription": None}, "output": {"language": "fr"}}}
    )
    frame = json.loads(encode(SessionUpdate(session=config)))
    assert frame["session"] == {
        "audio": {"input": {"transcription": None}, "output": {"language": "fr"}}
    }
    assert json.loads(encode(SessionClose())) == {"type": "session.close"}
    with pytest.raises(ValidationError, match="lang"):
        TranslationConfig.model_validate({"audio": {"output": {"lang": "fr"}}})


def test_the_public_names_are_sorted_and_there() -> None:
    assert sorted(translation.__all__) == list(translation.__all__)
    assert all(hasattr(translation, name) for name in translation.__all__)


@needs_recordings
def test_every_recorded_frame_is_known_to_the_last_field() -> None:
    counted = 0
    for row in shared_lines("recorded_events.jsonl"):
        if row["dialect"] != "translation":
            continue
        counted += 1
        decode = decode_server if row["direction"] == "server" else decode_client
        event = decode(json.dumps(row["event"]), "translation")
        assert list(unknown_things(event)) == []
        assert canonical(json.loads(encode(event))) == canonical(row["event"])
    assert counted > 20


@needs_recordings
def test_the_inventory_of_the_wire_is_complete() -> None:
    rows = cast("list[dict[str, dict[str, object]]]", shared_json("event_types.json"))
    fields = {
        str(row["type"]): set(row["fields"]) for row in rows if "translation" in row["dialects"]
    }
    classes = CLIENT | SERVER
    assert fields.keys() == classes.keys()
    for name, members in fields.items():
        assert members <= classes[name].model_fields.keys()

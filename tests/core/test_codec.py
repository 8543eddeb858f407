from __future__ import annotations

import json
from base64 import b64encode
from types import MappingProxyType
from typing import cast

import pytest
from pydantic import BaseModel, JsonValue

from tests.wire import CLASSES, CLIENT_CLASSES, SERVER_CLASSES, canonical, golden, unknown_things
from trio_realtime.events import (
    ConversationItemAdded,
    Dialect,
    Error,
    InputAudioBufferAppend,
    InvalidEvent,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    SessionCreated,
    SessionUpdate,
    UnknownEvent,
    decode_client,
    decode_server,
    encode,
    prepare,
)
from trio_realtime.types import (
    AssistantMessage,
    InputText,
    Problem,
    RealtimeSessionConfig,
    ServerVad,
    UnknownContentPart,
    UnknownItem,
    UnknownSessionConfig,
    UnknownTurnDetection,
    Unrecognised,
    UserMessage,
)


def _audio_delta(delta: str) -> str:
    return json.dumps(golden("response.output_audio.delta") | {"delta": delta})


# promise 6, pain 6
def test_an_unknown_type_is_delivered_with_its_data() -> None:
    frame = {"type": "session.lamp.lit", "event_id": "event_1", "colour": {"red": [1, 2.5, None]}}
    event = decode_server(json.dumps(frame))
    assert event == UnknownEvent("session.lamp.lit", "event_1", cast("dict[str, JsonValue]", frame))
    assert event.type == "<unknown>"
    assert canonical(json.loads(encode(event))) == canonical(frame)


def test_an_event_of_the_other_direction_is_unknown() -> None:
    assert isinstance(decode_server('{"type":"response.create"}'), UnknownEvent)
    assert isinstance(decode_client('{"type":"response.done","response":{}}'), UnknownEvent)


# promise 6, pain 6
@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("", "json_invalid"),
        ("{", "json_invalid"),
        ('{"type":"error"', "json_invalid"),
        ("[" * 100_000, "json_invalid"),
        ('{"type":"x","n":' + "9" * 5000 + "}", "json_invalid"),
        ("null", "dict_type"),
        ("[]", "dict_type"),
        ('"error"', "dict_type"),
        ("5", "dict_type"),
        ("NaN", "dict_type"),
        ("{}", "missing"),
        ('{"type":null}', "string_type"),
        ('{"type":{"type":"error"}}', "string_type"),
        (b"\xff\xfe{", "utf8_invalid"),
    ],
)
def test_what_is_not_an_event_is_an_invalid_one(frame: str | bytes, kind: str) -> None:
    event = decode_server(frame)
    assert isinstance(event, InvalidEvent)
    assert event.type == "<invalid>"
    assert event.wire_type is None
    assert [problem.kind for problem in event.problems] == [kind]


def test_an_invalid_event_is_written_back_as_it_came() -> None:
    for frame in ("{", "null", "[]", '"{"', '{"event_id":"event_1"}'):
        event = decode_server(frame)
        assert encode(event) == frame
    assert encode(decode_server(b"\xff")) == "\ufffd"


def test_an_invalid_event_says_where_and_what_but_never_the_value() -> None:
    frame = {"type": "error", "event_id": "event_1", "error": {"code": ["sk-secret"]}}
    event = decode_server(json.dumps(frame))
    assert event == InvalidEvent(
        "error", "event_1", cast("JsonValue", frame), (Problem(("error", "code"), "string_type"),)
    )
    assert "sk-secret" not in repr(event)
    assert isinstance(event, InvalidEvent)
    assert str(event.problems[0]) == "error.code: string_type"
    assert str(Problem((), "json_invalid")) == "the whole: json_invalid"


def test_a_binary_frame_is_read_as_json_text() -> None:
    frame = json.dumps(golden("response.output_text.delta"), ensure_ascii=False)
    assert decode_server(frame.encode()) == decode_server(frame)


def test_the_type_is_found_wherever_it_stands() -> None:
    sample = golden("response.output_text.delta")
    keys = [key for key in sample if key != "type"]
    events = [
        decode_server(json.dumps({key: sample[key] for key in [*keys[:n], "type", *keys[n:]]}))
        for n in range(len(keys) + 1)
    ]
    assert all(event == events[0] for event in events)
    assert isinstance(events[0], ResponseOutputTextDelta)


def test_a_type_that_only_looks_like_it_is_not_believed() -> None:
    twice = '{"type":"response.done","type":"error","error":{"code":"c"}}'
    event = decode_server(twice)
    assert isinstance(event, Error)
    assert event.error.code == "c"
    escaped = decode_server('{"type":"err\\u006fr","error":{}}')
    assert isinstance(escaped, Error)
    inside = decode_server('{"error":{"type":"response.done"},"type":"error"}')
    assert isinstance(inside, Error)


def test_numbers_that_json_does_not_have_are_read_and_written_back() -> None:
    event = decode_server('{"type":"x","a":NaN,"b":-Infinity}')
    assert isinstance(event, UnknownEvent)
    assert encode(event) == '{"type":"x","a":NaN,"b":-Infinity}'
    known = '{"type":"rate_limits.updated","rate_limits":[{"reset_seconds":NaN}]}'
    assert encode(decode_server(known)) == known


def test_half_an_emoji_does_not_cost_the_event() -> None:
    sample = golden("response.output_text.delta") | {"delta": "DELTA"}
    frame = json.dumps(sample).replace("DELTA", r"\\ud83d \ud83d\ude00 \ud83d\u0041 \ude00")
    event = decode_server(frame)
    assert isinstance(event, ResponseOutputTextDelta)
    assert event.delta == "\\ud83d \U0001f600 \ufffdA \ufffd"
    raw = decode_server(json.dumps(sample).replace("DELTA", "\ud83d"))
    assert isinstance(raw, ResponseOutputTextDelta)
    assert raw.delta == "\ufffd"


def test_a_byte_order_mark_does_not_cost_the_event() -> None:
    assert isinstance(decode_server('\ufeff{"type":"error","error":{}}'), Error)


@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_no_event_needs_its_event_id(wire_name: str) -> None:
    sample = golden(wire_name)
    sample.pop("event_id", None)
    decode = decode_server if wire_name in SERVER_CLASSES else decode_client
    event = decode(json.dumps(sample))
    assert type(event) is CLASSES[wire_name]
    assert event.event_id is None
    assert "event_id" not in json.loads(encode(event))


# pain 6
@pytest.mark.parametrize("wire_name", sorted(CLASSES))
def test_new_fields_of_an_event_are_kept(wire_name: str) -> None:
    sample = golden(wire_name) | {"lamp": {"lit": [True]}}
    decode = decode_server if wire_name in SERVER_CLASSES else decode_client
    event = decode(json.dumps(sample))
    assert isinstance(event, CLASSES[wire_name])
    assert event.model_extra == {"lamp": {"lit": [True]}}
    assert canonical(json.loads(encode(event))) == canonical(sample)


def test_one_odd_item_does_not_cost_the_response() -> None:
    good: JsonValue = {"type": "message", "role": "assistant", "content": []}
    odd: list[JsonValue] = [
        {"type": "lamp", "deep": [[[1]]]},
        {"type": "message", "role": "keeper", "content": []},
        {"type": "function_call", "name": "tide"},
        {"role": "user"},
        None,
        7,
    ]
    frame: JsonValue = {"type": "response.done", "response": {"output": [good, *odd]}}
    event = decode_server(json.dumps(frame))
    assert isinstance(event, ResponseDone)
    assert event.response.output == [
        AssistantMessage(content=[]),
        UnknownItem("lamp", odd[0]),
        UnknownItem("message", odd[1], (Problem(("message",), "union_tag_invalid"),)),
        UnknownItem("function_call", odd[2], (Problem(("function_call", "arguments"), "missing"),)),
        UnknownItem(None, odd[3]),
        UnknownItem(None, None, (Problem((), "dict_type"),)),
        UnknownItem(None, 7, (Problem((), "dict_type"),)),
    ]
    assert canonical(json.loads(encode(event))) == canonical(frame)


def test_one_odd_part_does_not_cost_the_item() -> None:
    parts: list[JsonValue] = [{"type": "input_smell"}, {"type": "input_audio", "audio": "AB?D"}]
    frame: JsonValue = {
        "type": "conversation.item.added",
        "item": {"type": "message", "role": "user", "content": parts},
    }
    event = decode_server(json.dumps(frame))
    assert isinstance(event, ConversationItemAdded)
    assert isinstance(event.item, UserMessage)
    smell, audio = event.item.content
    assert smell == UnknownContentPart("input_smell", parts[0])
    assert isinstance(audio, UnknownContentPart)
    assert [problem.kind for problem in audio.problems] == [
        "bytes_invalid_encoding",
        "audio_encoding",
    ]
    assert canonical(json.loads(encode(event))) == canonical(frame)


def test_a_setting_that_is_new_does_not_cost_the_session() -> None:
    detection: JsonValue = {"type": "lamp_vad", "brightness": 0.5}
    session: JsonValue = {
        "type": "sailing",
        "audio": {"input": {"turn_detection": detection, "format": {"type": "audio/opus"}}},
        "tools": [{"type": "function", "name": "tide", "strict": True}, {"type": "web_search"}],
        "tool_choice": {"type": "custom"},
        "truncation": {"type": "oldest"},
        "output_modalities": ["smell"],
        "max_output_tokens": "plenty",
        "lamp": {},
    }
    frame: JsonValue = {"type": "session.created", "session": session}
    event = decode_server(json.dumps(frame))
    assert isinstance(event, SessionCreated)
    assert event.session.type == Unrecognised("sailing")
    assert event.session.audio is not None
    assert event.session.audio.input is not None
    assert event.session.audio.input.turn_detection == UnknownTurnDetection("lamp_vad", detection)
    assert event.session.max_output_tokens == "plenty"
    assert isinstance(event.session.max_output_tokens, Unrecognised)
    assert canonical(json.loads(encode(event))) == canonical(frame)


def test_a_server_can_see_that_a_client_left_out_the_session_type() -> None:
    frame = '{"type":"session.update","session":{"instructions":"Hello."}}'
    event = decode_client(frame)
    assert isinstance(event, SessionUpdate)
    assert event.session == UnknownSessionConfig(None, {"instructions": "Hello."})
    assert encode(event) == frame


# Rust decodes both alphabets, but no mixture and no white space: refusals are tried again.
def test_audio_is_read_in_every_spelling_of_base64() -> None:
    audio = bytes([0xFB, 0xEF, 0xFF, 0x00, 0x3E, 0x3F, 0x01])
    standard = b64encode(audio).decode()
    spellings = [
        standard,
        standard.rstrip("="),
        standard.replace("+", "-").replace("/", "_"),
        standard.replace("+", "-"),
        "\n".join(standard),
        f" {standard}\r\n",
    ]
    for spelling in spellings:
        event = decode_server(_audio_delta(spelling))
        assert isinstance(event, ResponseOutputAudioDelta)
        assert event.delta == audio
        assert json.loads(encode(event))["delta"] == standard


@pytest.mark.parametrize("audio", ["AB?D", "ABCDE", "å", 7, None, ["AAAA"]])
def test_audio_that_is_not_base64_makes_the_event_invalid(audio: JsonValue) -> None:
    frame = golden("response.output_audio.delta") | {"delta": audio}
    event = decode_server(json.dumps(frame))
    assert isinstance(event, InvalidEvent)
    assert event.wire_type == "response.output_audio.delta"
    assert {problem.location[0] for problem in event.problems} == {"delta"}
    assert canonical(json.loads(encode(event))) == canonical(frame)


def test_audio_is_written_in_the_standard_alphabet() -> None:
    event = InputAudioBufferAppend(audio=b"\xfb\xef\xff" * 2)
    assert encode(event) == '{"type":"input_audio_buffer.append","audio":"++//++//"}'


def test_a_mapping_goes_out_as_it_is() -> None:
    frame: dict[str, JsonValue] = {"type": "lamp.light", "colour": None, "name": "Brandaris ☼"}
    assert encode(frame) == '{"type":"lamp.light","colour":null,"name":"Brandaris ☼"}'


def test_a_mapping_may_hold_models_and_other_mappings() -> None:
    frame = {
        "type": "conversation.item.create",
        "item": UserMessage(content=[InputText(text="Ahoy.")]),
        "more": MappingProxyType({"a": UnknownItem("x", {"type": "x"})}),
    }
    assert json.loads(encode(cast("dict[str, JsonValue]", frame))) == {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Ahoy."}],
        },
        "more": {"a": {"type": "x"}},
    }


def test_a_mapping_with_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes is not JSON; audio is base64 text here"):
        encode(cast("dict[str, JsonValue]", {"type": "input_audio_buffer.append", "audio": b"a"}))
    with pytest.raises(TypeError, match=r"set is not JSON$"):
        encode(cast("dict[str, JsonValue]", {"type": "x", "a": {1}}))
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"type": "x", "a": float("nan")})


def test_extra_fields_are_merged_into_the_frame_last() -> None:
    update = SessionUpdate(session=RealtimeSessionConfig(instructions="Hello.", tools=[]))
    extra: dict[str, JsonValue] = {
        "session": {"instructions": "Ahoy.", "tools": [{"type": "lamp"}], "lamp": {"lit": True}},
        "event_id": None,
    }
    assert json.loads(encode(update, extra_fields=extra)) == {
        "type": "session.update",
        "event_id": None,
        "session": {
            "type": "realtime",
            "instructions": "Ahoy.",
            "tools": [{"type": "lamp"}],
            "lamp": {"lit": True},
        },
    }
    assert json.loads(encode(ResponseCreate(), extra_fields={"response": {"lamp": 1}})) == {
        "type": "response.create",
        "response": {"lamp": 1},
    }
    assert encode({"type": "x", "a": 1}, extra_fields={"a": 2}) == '{"type":"x","a":2}'


def test_extra_fields_leave_the_event_alone() -> None:
    frame: dict[str, JsonValue] = {"type": "x", "a": {"b": 1}}
    assert encode(frame, extra_fields={"a": {"c": 2}}) == '{"type":"x","a":{"b":1,"c":2}}'
    assert frame == {"type": "x", "a": {"b": 1}}


def test_a_dialect_that_does_not_exist_is_a_value_error() -> None:
    for decode in (decode_server, decode_client):
        with pytest.raises(ValueError, match="no such dialect: 'morse'; there is ga"):
            decode("{}", cast("Dialect", "morse"))


def test_preparing_builds_classes_ahead_of_their_first_event() -> None:
    prepare(ResponseDone, ServerVad)
    assert ResponseDone.__pydantic_complete__
    assert ServerVad.__pydantic_complete__


def test_reading_never_goes_through_the_constructors() -> None:
    # They are for building, and stricter and slower. Pydantic takes the long way when it thinks
    # that `__init__` is not its own.
    for cls in [*CLIENT_CLASSES.values(), *SERVER_CLASSES.values()]:
        assert issubclass(cls, BaseModel)
        assert not getattr(cls, "__pydantic_custom_init__", False)


def test_the_search_for_the_unknown_finds_it_at_any_depth() -> None:
    frame = {
        "type": "session.updated",
        "session": {
            "lamp": 1,
            "tools": [{"type": "x"}],
            "prompt": {"id": "p", "variables": {"v": {"type": "x"}}},
        },
    }
    found = list(unknown_things(decode_server(json.dumps(frame))))
    assert [place.split(":")[0] for place in found] == [
        ".session.lamp",
        ".session.tools[]",
        ".session.prompt.variables.v",
    ]

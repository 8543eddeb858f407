"""The simulated server's settings: what a session may be told, and what it tells back."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import types_of

INPUT = ("audio", "input")


def nested(path: str, value: JsonValue) -> dict[str, JsonValue]:
    """An update of one setting."""
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("instructions", 7, "invalid_type"),
        ("output_modalities", ["video"], "invalid_value"),
        ("audio", [], "invalid_type"),
        ("audio.output.speed", 0.2, "decimal_below_min_value"),
        ("audio.output.speed", 2, "decimal_above_max_value"),
        ("audio.output.speed", "fast", "invalid_type"),
        ("audio.output.voice", "bob", "invalid_value"),
        ("audio.output.voice", {}, "missing_required_parameter"),
        ("audio.input.format", {"type": "audio/pcm", "rate": 16000}, "invalid_value"),
        ("audio.input.noise_reduction", {"type": "loud_field"}, "invalid_value"),
        ("audio.input.transcription", {"delay": "bogus"}, "invalid_value"),
        ("audio.input.transcription", {"model": "whisper-1", "delay": "low"}, "invalid_value"),
        ("audio.input.transcription", {"model": "gpt-transcribe", "languages": []},
         "array_below_min_length"),
        ("audio.input.transcription", {"model": "whisper-1", "languages": ["de"]}, "invalid_value"),
        ("audio.input.transcription", {"model": "gpt-realtime-whisper", "prompt": "x"},
         "invalid_value"),
        ("audio.input.turn_detection", {"threshold": 1.5}, "decimal_above_max_value"),
        ("audio.input.turn_detection", {"threshold": True}, "invalid_type"),
        ("audio.input.turn_detection", {"prefix_padding_ms": -1}, "integer_below_min_value"),
        ("audio.input.turn_detection", {"silence_duration_ms": 0.5}, "invalid_type"),
        ("audio.input.turn_detection", {"silence_duration_ms": True}, "invalid_type"),
        ("audio.input.turn_detection", {"idle_timeout_ms": 4999}, "integer_below_min_value"),
        ("audio.input.turn_detection", {"idle_timeout_ms": 30_001}, "integer_above_max_value"),
        ("audio.input.turn_detection", {"create_response": "yes"}, "invalid_type"),
        ("audio.input.turn_detection", {"eagerness": "low"}, "unknown_parameter"),
        ("audio.input.turn_detection", {"type": "semantic_vad", "idle_timeout_ms": 5000},
         "unknown_parameter"),
        ("audio.input.turn_detection", {"type": "semantic_vad", "eagerness": "very"},
         "invalid_value"),
        ("max_output_tokens", 0, "integer_below_min_value"),
        ("max_output_tokens", 4097, "integer_above_max_value"),
        ("max_output_tokens", "some", "invalid_type"),
        ("include", ["everything"], "invalid_value"),
        ("include", "all", "invalid_type"),
        ("tracing", "manual", "invalid_value"),
        ("tracing", {"workflow": "x"}, "unknown_parameter"),
        ("tool_choice", "maybe", "invalid_value"),
        ("tool_choice", {"name": "f"}, "missing_required_parameter"),
        ("tool_choice", {"type": "mcp"}, "missing_required_parameter"),
        ("tools", [{"type": "function", "name": "f", "meta": 1}], "unknown_parameter"),
        ("tools", [{"type": "oracle"}], "invalid_value"),
        ("tools", [7], "invalid_type"),
        ("tools", [{"type": "mcp", "server_label": "x", "server_url": "u",
                    "allowed_tools": "all"}], "invalid_type"),
        ("tools", [{"type": "mcp", "server_label": "x", "server_url": "u",
                    "require_approval": "perhaps"}], "invalid_value"),
        ("parallel_tool_calls", 1, "invalid_type"),
        ("reasoning", {"effort": "enormous"}, "invalid_value"),
        ("truncation", "never", "invalid_value"),
        ("truncation", {"type": "retention_ratio", "retention_ratio": 1.1},
         "decimal_above_max_value"),
        ("truncation", {"type": "retention_ratio"}, "missing_required_parameter"),
        ("prompt", {"version": "2"}, "missing_required_parameter"),
        ("prompt", {"id": "p", "variables": {"city": 7}}, "invalid_type"),
        ("prompt", {"id": "p", "variables": {"city": {"text": "x"}}},
         "missing_required_parameter"),
    ],
)  # fmt: skip
def test_a_setting_that_does_not_fit_is_refused(path: str, value: JsonValue, code: str) -> None:
    client = Client()
    error = error_of(client.update(**nested(path, value)))
    assert error["code"] == code, error
    assert str(error["param"]).startswith(f"session.{path}")
    assert client.simulation.session == at(client.opening[0], "session")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("output_modalities", ["text"]),
        ("audio.output.speed", 1.5),
        ("audio.output.voice", "voice_1234"),
        ("audio.input.noise_reduction", {"type": "far_field"}),
        ("max_output_tokens", 4096),
        ("include", ["item.input_audio_transcription.logprobs"]),
        ("tracing", "auto"),
        ("tracing", {"workflow_name": "x", "metadata": {"any": [1]}}),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "name": "f"}),
        ("tools", [{"type": "function", "name": "f", "description": "d",
                    "parameters": {"type": "object"}}]),
        ("parallel_tool_calls", True),
        ("reasoning", {"effort": "high"}),
        ("truncation", "disabled"),
        ("truncation", {"type": "retention_ratio", "retention_ratio": 0.8,
                        "token_limits": {"post_instructions": 5000}}),
        ("prompt", {"id": "pmpt_1", "version": "2", "variables": {"city": "Paris"}}),
        ("prompt", {"id": "p", "variables": {"x": {"type": "input_text", "text": "y"}}}),
    ],
)  # fmt: skip
def test_a_setting_that_fits_is_told_back(path: str, value: JsonValue) -> None:
    client = Client()
    (updated,) = client.update(**nested(path, value))
    assert at(updated, "session", *path.split(".")) == value


def test_a_function_is_told_back_with_nulls_for_what_it_lacks() -> None:
    server: JsonValue = {"type": "mcp", "server_label": "s", "server_url": "https://e.com"}
    (updated,) = Client().update(tools=[server, {"name": "f", "type": "function"}])
    function: JsonValue = {"type": "function", "name": "f", "description": None, "parameters": None}
    assert at(updated, "session", "tools") == [server, function]
    tool = at(updated, "session", "tools", 1)
    assert isinstance(tool, dict)
    assert list(tool) == ["type", "name", "description", "parameters"]


def test_empty_instructions_are_those_the_session_began_with() -> None:
    client = Client()
    client.update(instructions="Be brief.")
    (updated,) = client.update(instructions="")
    assert updated["session"] == client.opening[0]["session"]
    client.listen_with(transcription={"model": "whisper-1", "prompt": "Names"})
    (updated,) = client.listen_with(transcription={"prompt": ""})
    assert at(updated, "session", *INPUT, "transcription", "prompt") == ""


def test_a_custom_voice_is_shown_by_its_id() -> None:
    client = Client()
    custom: JsonValue = {"id": "voice_1234"}
    (updated,) = client.update(audio={"output": {"voice": custom}})
    assert at(updated, "session", "audio", "output", "voice") == "voice_1234"
    created, *_ = client.send("response.create", response={"audio": {"output": {"voice": custom}}})
    assert at(created, "response", "audio", "output", "voice") == "voice_1234"


@pytest.mark.parametrize(
    "path",
    [
        *("instructions", "output_modalities", "tools", "tool_choice", "max_output_tokens"),
        *("truncation", "prompt", "include", "audio", "audio.input", "audio.output"),
        *("audio.input.format", "audio.output.voice", "audio.output.speed"),
    ],
)
def test_null_gives_a_setting_its_default_back(path: str) -> None:
    client = Client()
    client.update(
        instructions="Be brief.",
        output_modalities=["text"],
        tools=[{"type": "function", "name": "f"}],
        tool_choice="none",
        max_output_tokens=7,
        truncation="disabled",
        prompt={"id": "pmpt_1"},
        include=["item.input_audio_transcription.logprobs"],
        audio={
            "input": {"format": {"type": "audio/pcmu"}},
            "output": {"voice": "cedar", "speed": 1.2},
        },
    )
    (updated,) = client.update(**nested(path, None))
    steps = path.split(".")
    assert at(updated, "session", *steps) == at(client.opening[0], "session", *steps)


@pytest.mark.parametrize(
    ("model", "voice", "silence_ms"),
    [
        ("gpt-realtime", "alloy", 200),
        ("gpt-realtime-2025-08-28", "alloy", 200),
        ("gpt-realtime-2.1", "marin", 500),
        ("gpt-realtime-2.1-mini", "marin", 500),
    ],
)
def test_each_model_has_its_own_defaults(model: str, voice: str, silence_ms: int) -> None:
    (created,) = Client(query=f"model={model}").opening
    assert at(created, "session", "audio", "output", "voice") == voice
    vad = at(created, "session", *INPUT, "turn_detection")
    assert at(vad, "silence_duration_ms") == silence_ms


@pytest.mark.parametrize("cut", [True, False])
def test_what_was_heard_of_a_voice_locks_it_also_once_it_is_deleted(*, cut: bool) -> None:
    client = Client()
    client.say("Hello")
    client.respond()
    item_id = client.simulation.conversation.last_id
    if cut:
        client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    client.send("conversation.item.delete", item_id=item_id)
    error = error_of(client.update(audio={"output": {"voice": "cedar"}}))
    assert error["code"] == "cannot_update_voice"


def test_the_speed_is_changed_only_between_turns() -> None:
    client = Client()
    client.send("response.create")
    error = error_of(client.update(audio={"output": {"speed": 1.1}}))
    assert error["code"] == "cannot_update_speed"
    assert types_of(client.update(instructions="Be brief.")) == ["session.updated"]
    client.run()
    assert types_of(client.update(audio={"output": {"speed": 1.1}})) == ["session.updated"]


def test_tracing_that_is_on_stays_as_it_is() -> None:
    client = Client()
    client.update(tracing="auto")
    assert types_of(client.update(tracing="auto")) == ["session.updated"]
    others: tuple[JsonValue, ...] = (None, {"group_id": "g"})
    for other in others:
        assert error_of(client.update(tracing=other))["code"] == "cannot_update_tracing"


def transcribing(**settings: JsonValue) -> list[dict[str, JsonValue]]:
    client = Client(query="intent=transcription")
    return client.send(
        "session.update", session={"type": "transcription", "audio": {"input": settings}}
    )


def test_a_transcription_session_tells_no_delay_and_all_languages() -> None:
    (updated,) = transcribing(
        transcription={
            "model": "gpt-live-transcribe",
            "delay": "low",
            "languages": ["de", "en"],
            "keywords": ["Trio"],
        }
    )
    assert at(updated, "session", *INPUT, "transcription") == {
        "model": "gpt-live-transcribe",
        "language": None,
        "prompt": None,
        "languages": ["de", "en"],
    }
    (updated,) = transcribing(transcription={"model": "whisper-1"})
    assert at(updated, "session", *INPUT, "transcription", "languages") is None


def test_a_streaming_model_of_a_transcription_session_hears_no_turns() -> None:
    model: JsonValue = {"model": "gpt-realtime-whisper"}
    error = error_of(transcribing(transcription=model, turn_detection={"type": "server_vad"}))
    assert error["param"] == "session.audio.input.turn_detection"
    for settings in ({"transcription": model}, {"transcription": model, "turn_detection": None}):
        (updated,) = transcribing(**settings)
        assert at(updated, "session", *INPUT, "turn_detection") is None


@pytest.mark.parametrize("detection", ["server_vad", "semantic_vad"])
def test_a_transcription_session_tells_nothing_of_responses_in_its_turn_detection(
    detection: str,
) -> None:
    (created,) = Client(query="intent=transcription").opening
    answering = {"create_response", "interrupt_response"}
    begun = at(created, "session", *INPUT, "turn_detection")
    (updated,) = transcribing(
        turn_detection={"type": detection, "create_response": True, "interrupt_response": True}
    )
    told = at(updated, "session", *INPUT, "turn_detection")
    assert isinstance(begun, dict)
    assert isinstance(told, dict)
    assert told["type"] == detection
    assert not answering & {*begun, *told}


@pytest.mark.parametrize(
    ("query", "asked"), [("intent=transcription", "realtime"), ("model=m", "transcription")]
)
def test_a_session_keeps_its_type(query: str, asked: str) -> None:
    error = error_of(Client(query=query).send("session.update", session={"type": asked}))
    assert (error["code"], error["param"]) == ("invalid_value", "session.type")


def test_a_transcription_session_knows_no_settings_of_responses() -> None:
    client = Client(query="intent=transcription")
    frames = client.send("session.update", session={"type": "transcription", "tools": []})
    assert error_of(frames)["param"] == "session.tools"


@pytest.mark.parametrize(
    ("create", "code", "param"),
    [
        ({"temperature": 1}, "unknown_parameter", "response.temperature"),
        ({"conversation": "second"}, "invalid_value", "response.conversation"),
        ({"audio": {"output": {"speed": 1}}}, "unknown_parameter", "response.audio.output.speed"),
        ({"metadata": []}, "invalid_type", "response.metadata"),
        ({"metadata": {"n": 1}}, "invalid_type", "response.metadata.n"),
        ({"metadata": {"n": "x" * 513}}, "string_above_max_length", "response.metadata.n"),
        ({"metadata": {"n" * 65: ""}}, "string_above_max_length", "response.metadata"),
        (
            {"metadata": {str(n): "" for n in range(17)}},
            "object_above_max_properties",
            "response.metadata",
        ),
        ({"input": "Hello"}, "invalid_type", "response.input"),
        ({"output_modalities": "text"}, "invalid_value", "response.output_modalities"),
    ],
)
def test_parameters_of_a_response_that_do_not_fit_are_refused(
    create: JsonValue, code: str, param: str
) -> None:
    client = Client()
    error = error_of(client.send("response.create", response=create, event_id="event_1"))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "event_1")

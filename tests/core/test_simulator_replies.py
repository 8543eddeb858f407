"""What the simulated model says by default, and the values it makes up."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from trio_realtime._core.simulator import Action, CallTool, Entry, Say, default_reply
from trio_realtime._core.simulator._echo import sample_from_schema
from trio_realtime._core.simulator._json import Object, at, kind_of, objects_of, text_of

TOOLS: list[Object] = [
    {
        "type": "function",
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "title": "City"}},
            "required": ["city"],
        },
    },
    {"type": "function", "name": "now"},
    {"type": "mcp", "server_label": "shop", "name": "buy"},
]


def message(text: str, role: str = "user") -> Entry:
    part: JsonValue = {"type": "input_text", "text": text}
    return Entry({"type": "message", "role": role, "content": [part]})


def spoken(milliseconds: float, transcript: str | None = None) -> Entry:
    part: JsonValue = {"type": "input_audio", "transcript": transcript}
    item: Object = {"type": "message", "role": "user", "content": [part]}
    return Entry(item, speech_ms=milliseconds)


def call(name: str, call_id: str) -> Entry:
    return Entry({"type": "function_call", "name": name, "call_id": call_id, "arguments": "{}"})


def output(call_id: str, said: str) -> Entry:
    return Entry({"type": "function_call_output", "call_id": call_id, "output": said})


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ([], "Nothing was said yet."),
        ([message("Be brief.", "system")], "Nothing was said yet."),
        ([message("Hello!")], "You said: Hello!"),
        ([message("Hello!"), message("You said: Hello!", "assistant")], "You said: Hello!"),
        ([message("one"), message("two")], "You said: two"),
        ([spoken(1234)], "You spoke for 1.2 seconds."),
        ([spoken(0)], "You spoke for 0.0 seconds."),
        ([message("call nobody")], "You said: call nobody"),
        ([message("call buy")], "You said: call buy"),
        ([message("x"), call("f", "1"), output("1", "42")], "f returned 42"),
        (
            [call("f", "1"), call("g", "2"), output("1", "42"), output("2", "43")],
            "f returned 42 g returned 43",
        ),
        ([output("7", "42")], "7 returned 42"),
    ],
)
def test_the_model_repeats_what_it_is_told(context: list[Entry], said: str) -> None:
    assert default_reply(TOOLS, "auto", context) == (Say(said),)


def test_speech_that_was_transcribed_is_still_answered_by_its_length() -> None:
    heard = spoken(1200, "Speech of 1.2 seconds.")
    assert default_reply((), "auto", [heard]) == (Say("You spoke for 1.2 seconds."),)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("call now", [CallTool("now", {})]),
        ("Please CALL get_weather.", [CallTool("get_weather", {"city": "city"})]),
        ('call get_weather {"city": "Oslo"}', [CallTool("get_weather", '{"city": "Oslo"}')]),
        ("call now {not json}", [CallTool("now", {})]),
        ('call now {"a": 1} then call now', [CallTool("now", '{"a": 1}'), CallTool("now", {})]),
        ("recall now", []),
    ],
)
def test_tools_are_called_by_name(text: str, calls: list[Action]) -> None:
    reply = default_reply(TOOLS, "auto", [message(text)])
    assert reply == (tuple(calls) or (Say(f"You said: {text}"),))


def test_tool_choice_can_forbid_and_force_a_call() -> None:
    asked = [message("call now")]
    plain = [message("Hello")]
    assert default_reply(TOOLS, "none", asked) == (Say("You said: call now"),)
    assert default_reply(TOOLS, "required", asked) == (CallTool("now", {}),)
    forced = (CallTool("get_weather", {"city": "city"}),)
    assert default_reply(TOOLS, "required", plain) == forced
    assert default_reply([], "required", plain) == (Say("You said: Hello"),)
    choice: JsonValue = {"type": "function", "name": "get_weather"}
    assert default_reply(TOOLS, choice, plain) == forced
    assert default_reply(TOOLS, {"type": "function", "name": "?"}, plain) == (
        Say("You said: Hello"),
    )


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "title": "City Name"}, "city name"),
        ({"const": 7}, 7),
        ({"default": [1]}, [1]),
        ({"enum": ["b", "a"]}, "b"),
        ({"enum": [], "type": "boolean"}, True),
        ({"examples": ["Oslo"]}, "Oslo"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"oneOf": [{"type": "integer"}]}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "number"}, 1),
        ({"type": ["boolean", "null"]}, True),
        ({"type": []}, "text"),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "object"}, {}),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "boolean"}, "b": {}},
                "required": ["a", "b", 7],
            },
            {"a": True, "b": "text"},
        ),
        (None, "text"),
    ],
)
def test_values_are_made_from_their_schema(schema: JsonValue, value: JsonValue) -> None:
    assert sample_from_schema(schema) == value
    json.dumps(value)


def test_json_of_any_kind_can_be_read() -> None:
    kinds: dict[str, JsonValue] = {
        "null": None,
        "a boolean": True,
        "an integer": 1,
        "a decimal number": 1.5,
        "a string": "",
        "an array": [],
        "an object": {},
    }
    assert {name: kind_of(value) for name, value in kinds.items()} == {name: name for name in kinds}
    assert at([], "a", "b") is None
    assert objects_of("no list") == []
    assert text_of(7) == ""

"""Whatever a client sends, the simulated server answers as a server does: it never falls over."""

from __future__ import annotations

import base64
import copy
import json
import random
from typing import Final

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import JsonValue

from tests.core.simulated import by_default
from tests.effort import effort
from trio_realtime._core.simulator import ClientHandshake, Manner, Simulation
from trio_realtime._core.simulator._frames import CLIENT_EVENTS
from trio_realtime.audio import silence, tone

AUDIO: Final = base64.b64encode(tone(300, 200) + silence(100)).decode()

Part = dict[str, JsonValue]

TEXT: Final[Part] = {"type": "input_text", "text": "call f please"}
TOOL: Final[Part] = {
    "type": "function",
    "name": "f",
    "parameters": {"type": "object", "required": ["x"], "properties": {"x": {"type": "array"}}},
}
MCP: Final[Part] = {
    "type": "mcp",
    "server_label": "s",
    "server_url": "https://mcp.example.org",
    "require_approval": {"always": {"tool_names": ["f"]}},
    "allowed_tools": ["f"],
}

# One of everything that a client may send.
VALID: Final[list[Part]] = [
    {
        "type": "session.update",
        "event_id": "event_1",
        "session": {
            "type": "realtime",
            "model": "gpt-realtime-2.1",
            "instructions": "Be kind.",
            "output_modalities": ["audio"],
            "tools": [TOOL, MCP],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": 100,
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
            "reasoning": {"effort": "low"},
            "tracing": {"workflow_name": "w", "metadata": {"a": "b"}},
            "include": ["item.input_audio_transcription.logprobs"],
            "prompt": {"id": "pmpt_1", "variables": {}},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "gpt-live-transcribe", "languages": ["de"]},
                    "noise_reduction": {"type": "near_field"},
                    "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000},
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "cedar", "speed": 1.1},
            },
        },
    },
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}},
        },
    },
    {"type": "input_audio_buffer.append", "audio": AUDIO},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear", "event_id": "event_2"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "id": "item_1",
            "type": "message",
            "role": "user",
            "content": [TEXT, {"type": "input_audio", "audio": AUDIO}],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "f", "call_id": "call_1", "arguments": "{}"},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "1"},
    },
    {
        "type": "conversation.item.create",
        "item": {
            "type": "mcp_approval_request",
            "id": "mcpr_1",
            "server_label": "s",
            "name": "f",
            "arguments": "{}",
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    },
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "metadata": {"a": "b"},
            "input": [
                {"type": "message", "role": "user", "content": [TEXT]},
                {"type": "item_reference", "id": "item_1"},
            ],
            "tools": [TOOL],
            "tool_choice": "required",
            "output_modalities": ["text"],
            "audio": {"output": {"voice": {"id": "voice_1"}, "format": {"type": "audio/pcma"}}},
            "max_output_tokens": "inf",
        },
    },
    {"type": "response.create"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "output_audio_buffer.clear"},
]

ODD: Final[list[JsonValue]] = [
    *(None, True, False, 0, -1, 1, 10**400, 1e308, -0.5, "", "root", "auto", "x" * 600),
    *("\ud800", "\u0000"),
    [],
    {},
    [[]],
    [None],
    [{}],
    ["text"],
    {"type": None},
    {"type": []},
]


class Session:
    """A simulated session whose frames nobody checks but for being JSON."""

    def __init__(self, query: str) -> None:
        chance = random.Random(0)
        self.now: float = 0.0
        self.simulation: Simulation = Simulation(
            ClientHandshake("/v1/realtime", query),
            Manner(),
            lambda count: "".join(chance.choices("abcdefgh", k=count)),
            now=0.0,
            unix_time=0.0,
        )
        self.simulation.open()
        self.collect()

    def send(self, data: str | bytes) -> list[str]:
        """Send a message; returns the types of what is answered at once."""
        self.simulation.receive(data, self.now)
        self.answer()
        return self.collect()

    def answer(self) -> None:
        while self.simulation.questions:
            question = self.simulation.questions.popleft()
            self.simulation.answer(question, by_default(question), self.now)

    def collect(self) -> list[str]:
        types: list[str] = []
        while self.simulation.outbox:
            sent = self.simulation.outbox.popleft()
            assert isinstance(sent, str)
            types.append(json.loads(sent.encode(), parse_constant=pytest.fail)["type"])
        return types

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.simulation.due) is not None and due <= end:
            self.now = max(self.now, due)
            self.simulation.tick(self.now)
            self.answer()
            self.collect()
        self.now = end


def places(value: JsonValue, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    found = [path]
    if isinstance(value, dict):
        for name, each in value.items():
            found += places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            found += places(each, (*path, number))
    return found


def replaced(value: JsonValue, path: tuple[str | int, ...], by: JsonValue) -> JsonValue:
    if not path:
        return by
    value = copy.copy(value)
    step = path[0]
    if isinstance(value, dict):
        value[str(step)] = replaced(value[str(step)], path[1:], by)
    else:
        assert isinstance(value, list)
        assert isinstance(step, int)
        value[step] = replaced(value[step], path[1:], by)
    return value


@pytest.mark.sweep
@pytest.mark.parametrize("query", ["model=gpt-realtime", "intent=transcription", "call_id=rtc_1"])
def test_a_valid_event_with_anything_odd_in_it_is_answered_or_taken(query: str) -> None:
    session = Session(query)
    for event in VALID:
        for path in places(event):
            for odd in ODD:
                session.send(json.dumps(replaced(event, path, odd)))
        session.run(5)
    # Whatever it was told, it goes on as it should.
    session.run(60)
    kind = "transcription" if "intent" in query else "realtime"
    update = {"type": "session.update", "session": {"type": kind}}
    assert session.send(json.dumps(update)) == ["session.updated"]


def test_a_valid_event_is_no_error() -> None:
    session = Session("model=gpt-realtime-2.1")
    refused: list[JsonValue] = []
    for event in VALID:
        if "error" in session.send(json.dumps(event)):
            refused.append(event["type"])
        session.run(30)
    assert refused == [
        "conversation.item.truncate",  # the user said it
        "response.create",  # the item it refers to is deleted
        "response.cancel",
    ]


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text()
    | st.sampled_from(["\udcff", "audio/pcm", "function", "message", "server_vad", "inf"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "id", "item", "session", "audio", "content", "tools", "x"])
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.sweep
@settings(max_examples=effort(300, deep=3000), deadline=None)
@given(st.data())
def test_any_json_at_any_place_of_any_event_leaves_the_session_alive(data: st.DataObject) -> None:
    session = Session("model=gpt-realtime-2.1")
    for _ in range(data.draw(st.integers(1, 4))):
        event = data.draw(st.sampled_from(VALID))
        path = data.draw(st.sampled_from(places(event)))
        session.send(json.dumps(replaced(event, path, data.draw(JSON))))
        session.run(data.draw(st.sampled_from([0.0, 0.05, 20.0])))
    update = {"type": "session.update", "session": {"type": "realtime"}}
    assert session.send(json.dumps(update))[-1] == "session.updated"


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.text())
def test_anything_that_is_no_event_is_an_error(data: bytes | str) -> None:
    assert Session("model=gpt-realtime").send(data) == ["error"]


@pytest.mark.parametrize(
    "data",
    [
        '{"type": "response.cancel", "response_id": NaN}',
        '{"type": "response.cancel", "response_id": 1e999}',
        '{"type": "response.cancel", "response_id": -Infinity}',
        '{"type": "response.cancel", "response_id": "\\ud800"}',
        '{"type": "response.cancel", "\\uDFFF": 1}',
        '{"type": "response.cancel", "response_id": "\ud800"}',
        '{"type": "response.cancel", "response_id": ' + "9" * 5000 + "}",
        '{"type": "response.cancel", "response_id": ' + "[" * 100 + "]" * 100 + "}",
        b'\xff\xfe{\x00"\x00',
        "{" * 200_000,
    ],
)
def test_what_could_not_be_sent_back_is_refused(data: str | bytes) -> None:
    assert Session("model=gpt-realtime").send(data) == ["error"]


def test_whole_characters_and_deep_schemas_are_taken() -> None:
    session = Session("model=gpt-realtime")
    deep: JsonValue = {"type": "object"}
    for _ in range(40):
        deep = {"type": "object", "properties": {"x": deep}, "required": ["x"]}
    tool: JsonValue = {"type": "function", "name": "f", "parameters": deep}
    update: JsonValue = {
        "type": "session.update",
        "session": {"type": "realtime", "instructions": "\N{CAT FACE}", "tools": [tool]},
    }
    assert session.send(json.dumps(update)) == ["session.updated"]
    asked: JsonValue = {"type": "response.create", "response": {"tool_choice": "required"}}
    assert session.send(json.dumps(asked)) == ["response.created"]
    session.run(60)


def test_every_client_event_is_among_the_valid_ones() -> None:
    assert {str(event["type"]) for event in VALID} == set(CLIENT_EVENTS)

"""The simulated server's items: which it takes, refuses, cuts, and when it answers."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import types_of
from trio_realtime._core.simulator import CallTool, Say, _simulation
from trio_realtime.audio import tone

CREATE = "conversation.item.create"
IMAGE = "data:image/png;base64,iVBORw0KGgo="


def message(role: str, *parts: JsonValue, **fields: JsonValue) -> JsonValue:
    return {"type": "message", "role": role, "content": list(parts), **fields}


@pytest.mark.parametrize(
    "item",
    [
        message("system", {"type": "input_text", "text": "Be kind."}),
        message("user", {"type": "input_text", "text": "Hi"}, object="realtime.item"),
        message("user", {"type": "input_image", "image_url": IMAGE, "detail": "low"}),
        message(
            "assistant", {"type": "output_text", "text": "Hi"}, phase="final_answer", status=None
        ),
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
        {"type": "mcp_list_tools", "server_label": "s", "tools": []},
        {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}", "output": "1"},
        {"type": "mcp_approval_request", "server_label": "s", "name": "f", "arguments": "{}"},
    ],
)
def test_every_kind_of_item_can_be_created(item: JsonValue) -> None:
    client = Client()
    frames = client.send(CREATE, item=item)
    assert types_of(frames)[:2] == ["conversation.item.added", "conversation.item.done"]
    (kept, *_) = client.simulation.conversation.items
    assert kept["type"] == at(item, "type")
    client.check()


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (
            message("assistant", {"type": "output_audio", "audio": "", "transcript": "Hi"}),
            "invalid_value",
            "item.content[0].type",
        ),
        (message("user", {"type": "input_text"}), "missing_required_parameter",
         "item.content[0].text"),
        (message("user", {"text": "Hi"}), "missing_required_parameter", "item.content[0].type"),
        (message("user", "Hi"), "invalid_type", "item.content[0]"),
        (message("user", {"type": "input_audio"}), "missing_required_parameter",
         "item.content[0].audio"),
        (message("user", {"type": "input_image"}), "missing_required_parameter",
         "item.content[0].image_url"),
        (message("user", {"type": "input_image", "image_url": "https://example.org/x.png"}),
         "invalid_value", "item.content[0].image_url"),
        (message("user", {"type": "input_image", "image_url": "data:image/png;base64,%"}),
         "invalid_value", "item.content[0].image_url"),
        (message("user", {"type": "input_image", "image_url": IMAGE, "detail": "some"}),
         "invalid_value", "item.content[0].detail"),
        (message("user", mood="good"), "unknown_parameter", "item.mood"),
        (message("user", status="odd"), "invalid_value", "item.status"),
        (message("user", id=7), "invalid_type", "item.id"),
        ({"type": "function_call", "name": "f", "arguments": {}}, "invalid_type",
         "item.arguments"),
        ({"type": "function_call", "name": "f", "arguments": "", "call_id": "a/b"},
         "invalid_value", "item.call_id"),
        ({"type": "mcp_approval_response", "approval_request_id": "x", "approve": "yes"},
         "invalid_type", "item.approve"),
    ],
)  # fmt: skip
def test_an_item_with_the_wrong_parts_is_refused(item: JsonValue, code: str, param: str) -> None:
    client = Client()
    error = error_of(client.send(CREATE, item=item, event_id="event_1"))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "event_1")
    assert len(client.simulation.conversation) == 0


def test_the_output_of_an_unknown_call_is_refused_without_naming_the_event() -> None:
    client = Client(reply=lambda _: [CallTool("f")])
    output: JsonValue = {"type": "function_call_output", "call_id": "call_none", "output": ""}
    error = error_of(client.send(CREATE, item=output, event_id="event_1"))
    assert error == {
        "type": "invalid_request_error",
        "code": "invalid_tool_call_id",
        "message": "Tool call ID 'call_none' not found in conversation.",
        "param": None,
        "event_id": None,
    }
    client.respond()
    (call,) = client.simulation.conversation.items
    item: JsonValue = {**at_object(output), "call_id": call["call_id"]}
    assert types_of(client.send(CREATE, item=item))[0] == "conversation.item.added"


def test_an_approval_answers_a_request_of_the_conversation() -> None:
    client = Client()
    client.say("Hi", id="item_1")
    request: JsonValue = {
        "type": "mcp_approval_request",
        "id": "mcpr_1",
        "server_label": "s",
        "name": "f",
        "arguments": "{}",
    }
    answer: dict[str, JsonValue] = {"type": "mcp_approval_response", "approve": False}
    client.send(CREATE, item=request)
    for unknown in ("mcpr_2", "item_1"):
        item: JsonValue = {**answer, "approval_request_id": unknown}
        assert error_of(client.send(CREATE, item=item, event_id="event_1")) == {
            "type": "invalid_request_error",
            "code": "invalid_approval_request_id",
            "message": f"MCP approval request ID '{unknown}' not found in conversation.",
            "param": "item.approval_request_id",
            "event_id": "event_1",
        }
    (added, _) = client.send(CREATE, item={**answer, "approval_request_id": "mcpr_1"})
    assert at(added, "item", "approve") is False


def at_object(value: JsonValue) -> dict[str, JsonValue]:
    assert isinstance(value, dict)
    return value


def test_half_a_sample_is_dropped_from_an_item() -> None:
    client = Client()
    audio = tone(300, 100)
    encoded = base64.b64encode(audio + b"\x01").decode()
    client.send(CREATE, item=message("user", {"type": "input_audio", "audio": encoded}, id="i"))
    (entry,) = client.simulation.conversation
    assert (entry.audio, entry.input_ms) == (audio, 100)
    client.listen_with(format={"type": "audio/pcmu"})
    encoded = base64.b64encode(b"\x7f" * 801).decode()
    client.send(CREATE, item=message("user", {"type": "input_audio", "audio": encoded}, id="j"))
    assert len([*client.simulation.conversation][-1].audio) == 801


def test_a_truncation_below_zero_or_of_something_else_is_refused() -> None:
    client = Client()
    client.say("Hello", id="item_1")
    client.respond()
    spoken = str(client.simulation.conversation.last_id)

    def truncate(item_id: str, content_index: int, audio_end_ms: int) -> JsonValue:
        return error_of(
            client.send(
                "conversation.item.truncate",
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        )["code"]

    assert truncate(spoken, 0, -1) == "integer_below_min_value"
    assert truncate(spoken, 0, 10**6) == "invalid_value"
    assert truncate(spoken, 1, 0) == "unsupported_content_type"
    assert truncate("item_1", 0, 0) == "unsupported_content_type"


def test_what_is_truncated_while_it_streams_ends_without_a_transcript() -> None:
    client = Client(reply=lambda _: [Say("one two three four five six seven eight nine ten")])
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    item_id = str(client.simulation.conversation.last_id)
    client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    client.send("response.cancel")
    client.run()
    (item,) = client.simulation.conversation.items
    assert at(item, "content", 0, "transcript") is None
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content", 0, "transcript") is None
    client.check()


@pytest.mark.sweep
def test_items_wait_for_the_active_response_but_not_without_bound() -> None:  # promise 7
    client = Client(reply=lambda _: None)
    client.send("response.create")
    for _ in range(1024):
        assert client.say("Hello") == []
    assert error_of(client.say("One too many", id="item_x"))["code"] == "too_many_items"
    client.simulation.answer(client.unanswered[0], [Say("Hi")], client.now)
    frames = client.run()
    assert sum(frame["type"] == "conversation.item.added" for frame in frames) == 1025
    client.send("response.create")
    big = base64.b64encode(bytes(5 * 2**20)).decode()
    item = message("user", {"type": "input_audio", "audio": big})
    assert client.send(CREATE, item=item) == []
    assert client.send(CREATE, item=item) == []
    assert error_of(client.send(CREATE, item=item, event_id="e"))["event_id"] == "e"


def test_what_waits_is_counted_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps({"type": CREATE, "item": message("user")}))
    monkeypatch.setattr(_simulation, "DEFERRED_BYTES_MAX", 2 * size)
    client = Client()
    for _ in range(2):
        client.send("response.create")
        assert client.send(CREATE, item=message("user")) == []
        assert client.send(CREATE, item=message("user")) == []
        assert error_of(client.send(CREATE, item=message("user")))["code"] == "too_many_items"
        client.run()


def test_nothing_is_answered_once_the_session_is_over() -> None:
    client = Client()
    client.simulation.expire()
    client.collect()
    assert client.raw("{") == []
    assert client.say("Hello") == []
    assert client.raw(json.dumps({"type": "response.create"})) == []
    assert client.simulation.conversation.items == []


def test_a_session_ends_once_and_nothing_goes_on_by_itself() -> None:
    client = Client(reply=lambda _: None)
    client.send("response.create")
    client.simulation.close(1000, "first")
    client.simulation.close(1001, "second")
    assert client.simulation.closing == (1000, "first")
    assert client.simulation.due is None
    client.simulation.answer(client.unanswered[0], [Say("Hi")], client.now)
    assert client.simulation.due is None

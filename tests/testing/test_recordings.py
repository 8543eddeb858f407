"""The simulated server answers recorded clients in the order in which the real one did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, recorded_sessions
from trio_realtime._core.simulator import Action, CallTool, Say, Together

pytestmark = pytest.mark.one_library

SESSIONS = recorded_sessions()

# How many there are (deltas), whether they come (rate limits, one in three), or when
# (transcription: a model of its own), differs from one run of the real server to the next.
FREE = ("delta", "rate_limits.updated", "conversation.item.input_audio_transcription")


def plans_of(frames: Sequence[tuple[str, Frame]]) -> list[list[Action]]:
    """What the model said in each recorded response; items that overlapped, together."""
    plans: list[list[Action]] = []
    most = held = 0
    for direction, frame in frames:
        match direction, frame["type"]:
            case "server", "response.output_item.added":
                held += 1
                most = max(most, held)
            case "server", "response.output_item.done":
                held -= 1
            case "server", "response.done":
                output = at(frame, "response", "output")
                assert isinstance(output, list)
                said = [action_of(item) for item in output]
                plans.append([Together(*said)] if most > 1 else [*said])
                most = 0
            case _:
                pass
    return plans


def action_of(item: JsonValue) -> Say | CallTool:
    if at(item, "type") == "function_call":
        return CallTool(str(at(item, "name")), str(at(item, "arguments")))
    part = at(item, "content", 0)
    assert isinstance(part, dict)
    return Say(str(part.get("text", part.get("transcript"))))


def kinds(types: Sequence[JsonValue]) -> list[str]:
    return [str(kind) for kind in types if not any(free in str(kind) for free in FREE)]


@pytest.mark.skipif(not SESSIONS, reason="the recordings are not here")
@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_clients_get_the_events_they_got(name: str) -> None:
    frames = SESSIONS[name]
    plans = plans_of(frames)
    model = next(at(frame, "session", "model") for _, frame in frames if "id" in session_of(frame))
    query = "call_id=rtc_1" if "sideband" in name else f"model={model}"
    client = Client(query=query, reply=lambda _: plans.pop(0))
    calls = 0
    for direction, frame in frames:
        match direction, frame["type"]:
            case "client", "input_audio_buffer.append":
                pass  # its audio was cut by whoever recorded it
            case "client", _:
                client.raw(renamed(json.dumps(frame), frames, client.frames))
            case _, "input_audio_buffer.speech_started":
                client.simulation.speech_started()
            case _, "input_audio_buffer.speech_stopped":
                client.simulation.speech_stopped()
                client.answer()
            case _, "response.function_call_arguments.done":
                # Clients answer a call at once, before `response.done`.
                calls += 1
                while len(call_ids(client.frames)) < calls:
                    client.run_until("response.function_call_arguments.done")
            case _, "response.done":
                client.run()
            case _:
                pass
    client.run()
    client.check()
    answered = kinds([frame["type"] for frame in client.frames])
    recorded = kinds([frame["type"] for direction, frame in frames if direction == "server"])
    assert answered == recorded
    server = [frame for direction, frame in frames if direction == "server"]
    assert phases_of(client.frames) == phases_of(server)
    assert previous_of(client.frames) == previous_of(server)


def test_all_recorded_sessions_are_played() -> None:
    assert len(SESSIONS) in (0, 17)


def renamed(sent: str, recorded: Sequence[tuple[str, Frame]], ours: Sequence[Frame]) -> str:
    """What a client sends to us in place of what it sent: the calls have other ids."""
    theirs = call_ids(frame for direction, frame in recorded if direction == "server")
    for old, new in zip(theirs, call_ids(ours), strict=False):
        sent = sent.replace(old, new)
    return sent


def call_ids(frames: Iterable[Frame]) -> list[str]:
    return [
        str(frame["call_id"])
        for frame in frames
        if frame["type"] == "response.function_call_arguments.done"
    ]


def session_of(frame: Frame) -> dict[str, JsonValue]:
    session = frame.get("session")
    return session if isinstance(session, dict) else {}


def phases_of(frames: Sequence[Frame]) -> list[JsonValue]:
    """What each message of the model's was for."""
    return [
        at(frame, "item", "phase") if "phase" in str(frame["item"]) else None
        for frame in frames
        if frame["type"] == "response.output_item.done"
    ]


def previous_of(frames: Sequence[Frame]) -> list[int | None]:
    """Behind which item each was added and done, as the number of that one."""
    numbers: dict[JsonValue, int] = {}
    places: list[int | None] = []
    for frame in frames:
        if frame["type"] in ("conversation.item.added", "conversation.item.done"):
            places.append(numbers.get(frame["previous_item_id"]))
            numbers.setdefault(at(frame, "item", "id"), len(numbers))
    return places

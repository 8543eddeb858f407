"""The simulated server answers recorded clients in the order in which the real one did."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, recorded_sessions
from trio_realtime._core.simulator import Action, CallTool, Say

SESSIONS = recorded_sessions()

# How many there are, or when they come, differs from one run of the real server to the next.
FREE = ("delta", "rate_limits", "input_audio_transcription", "output_audio_buffer")


def plans_of(frames: Sequence[tuple[str, Frame]]) -> list[list[Action]]:
    """What the model said in each recorded response."""
    plans: list[list[Action]] = []
    for direction, frame in frames:
        if (direction, frame["type"]) == ("server", "response.done"):
            output = at(frame, "response", "output")
            assert isinstance(output, list)
            plans.append([action_of(item) for item in output])
    return plans


def action_of(item: JsonValue) -> Action:
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
    query = "call_id=rtc_1" if "sideband" in name else "model=gpt-realtime"
    client = Client(query=query, reply=lambda _: plans.pop(0))
    for direction, frame in frames:
        match direction, frame["type"]:
            case "client", "input_audio_buffer.append":
                pass  # its audio was cut by whoever recorded it
            case "client", _:
                client.raw(json.dumps(frame))
            case _, "input_audio_buffer.speech_started":
                client.simulation.speech_started()
            case _, "input_audio_buffer.speech_stopped":
                client.simulation.speech_stopped()
                client.answer()
            case _, "response.done":
                client.run()
            case _:
                pass
    client.run()
    client.check()
    answered = kinds([frame["type"] for frame in client.frames])
    recorded = kinds([frame["type"] for direction, frame in frames if direction == "server"])
    if "openai-current" in name:
        # The newest model begins a call before its text is done; ours goes one by one.
        answered.sort()
        recorded.sort()
    assert answered == recorded

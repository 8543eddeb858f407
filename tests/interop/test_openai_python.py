"""openai-python completes its flows against the simulated server, on a real port.

It runs by an interpreter of its own, which `nox -s tests` prepares: its extra wants a `websockets`
that ours must not be held to. What it saw is what its own models made of our frames.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest
import trio
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.faithful import Frame
from trio_realtime.audio import duration_ms
from trio_realtime.testing import (
    Answer,
    ClientFrame,
    Conversation,
    Responder,
    SimulatedServerOptions,
    SimulatedSession,
    serve_simulated,
)

CLIENT = Path(__file__).with_name("openai_client.py")


class Flow:
    """What both sides saw of one flow."""

    def __init__(self, events: list[Frame], session: SimulatedSession) -> None:
        self.events = events
        self.session: SimulatedSession = session
        self.received: list[ClientFrame] = session.received

    def all(self, kind: str) -> list[Frame]:
        return [event for event in self.events if event["type"] == kind]

    def one(self, kind: str) -> Frame:
        (event,) = self.all(kind)
        return event

    def joined(self, kind: str, response_id: JsonValue = None) -> str:
        """The deltas of a kind, of one response or of all."""
        return "".join(
            str(event["delta"])
            for event in self.all(kind)
            if response_id in {None, str(event["response_id"])}
        )

    @property
    def statuses(self) -> list[JsonValue]:
        return [at(event, "response", "status") for event in self.all("response.done")]

    @property
    def sent(self) -> list[str]:
        """The types of what the client sent, audio once."""
        types = [frame.type for frame in self.received]
        return [
            kind
            for number, kind in enumerate(types)
            if kind != "input_audio_buffer.append" or types[number - 1 : number] != [kind]
        ]


async def played(
    python: str, flow: str, reply: Responder = None, **options: Unpack[SimulatedServerOptions]
) -> Flow:
    """Let openai-python play a flow."""
    with trio.fail_after(30):
        async with serve_simulated(reply=reply, **options) as server:
            environment = os.environ | {
                "OPENAI_API_KEY": "test",
                "OPENAI_BASE_URL": server.base_url,
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [python, str(CLIENT), flow],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
            (session,) = server.sessions
            await session.wait_closed()
    assert done.returncode == 0, done.stderr.decode()
    seen = json.loads(done.stdout)
    assert seen["refused"] == []
    return Flow(seen["events"], session)


def in_order(types: Sequence[str], events: Sequence[Frame]) -> bool:
    """Whether events of these types came in this order, whatever came between."""
    rest = iter(events)
    return all(any(event["type"] == kind for event in rest) for kind in types)


async def test_openai_python_completes_a_text_turn(openai_python: str) -> None:
    flow = await played(openai_python, "text")
    assert flow.statuses == ["completed"]
    assert flow.joined("response.output_text.delta") == "You said: Hello from openai-python"
    done = flow.one("response.done")
    assert at(done, "response", "usage", "output_tokens") == 5
    assert flow.sent == ["session.update", "conversation.item.create", "response.create"]
    assert [item["role"] for item in flow.session.conversation.items] == ["user", "assistant"]
    assert flow.session.conversation.items[1] == at(done, "response", "output", 0)


@pytest.mark.parametrize("name", ["commit", "vad"])
async def test_openai_python_completes_a_spoken_turn(openai_python: str, name: str) -> None:
    flow = await played(openai_python, name, audio_speed=50)
    assert flow.statuses == ["completed"]
    said = flow.joined("response.output_audio_transcript.delta")
    assert said == "You spoke for 1.2 seconds."
    deltas = flow.all("response.output_audio.delta")
    audio = b"".join(base64.b64decode(str(event["delta"])) for event in deltas)
    assert duration_ms(len(audio), "audio/pcm") == 5 * 300
    detected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "response.created",
        "response.done",
    ]
    assert in_order(detected if name == "vad" else detected[2:], flow.events)
    heard = flow.all("conversation.item.input_audio_transcription.completed")
    assert [event["transcript"] for event in heard] == ["Speech of 1.2 seconds."][: name == "vad"]
    asked = ["input_audio_buffer.commit", "response.create"]
    wanted = ["session.update", "input_audio_buffer.append", *(asked if name == "commit" else [])]
    assert flow.sent == wanted


async def test_openai_python_completes_a_tool_call(openai_python: str) -> None:
    flow = await played(openai_python, "tool")
    assert flow.statuses == ["completed", "completed"]
    call = flow.one("response.function_call_arguments.done")
    assert call["name"] == "get_weather"
    assert json.loads(str(call["arguments"])) == {"city": "Paris"}
    assert flow.joined("response.function_call_arguments.delta") == call["arguments"]
    said = 'get_weather returned {"city": "Paris", "celsius": 21}'
    assert flow.joined("response.output_text.delta") == said
    _, made, output, _ = flow.session.conversation.items
    assert made["call_id"] == output["call_id"] == call["call_id"]
    assert output["type"] == "function_call_output"


async def test_openai_python_cancels_in_mid_stream(openai_python: str) -> None:
    answers = ["word " * 10_000, "And on."]
    flow = await played(openai_python, "cancel", answers, tokens_per_second=500)
    assert flow.statuses == ["cancelled", "completed"]
    cancelled, _ = flow.all("response.done")
    details: JsonValue = {"type": "cancelled", "reason": "client_cancelled"}
    assert at(cancelled, "response", "status_details") == details
    # All that was said before the end, whole, as it is in the conversation.
    response_id = at(cancelled, "response", "id")
    said = flow.joined("response.output_text.delta", response_id)
    assert 3 <= len(said.split()) < 10_000
    assert at(cancelled, "response", "output", 0, "status") == "incomplete"
    assert at(cancelled, "response", "output", 0, "content", 0, "text") == said
    first, second = flow.session.conversation.items
    assert at(first, "content", 0, "text") == said
    assert at(second, "content", 0, "text") == "And on."
    assert flow.sent.count("response.cancel") == 1


async def test_openai_python_truncates_after_a_barge_in(openai_python: str) -> None:
    answers = ["word " * 1000, "What is it?"]
    flow = await played(openai_python, "barge_in", answers, tokens_per_second=2000, audio_speed=20)
    assert flow.statuses == ["cancelled", "completed"]
    interrupted, _ = flow.all("response.done")
    details: JsonValue = {"type": "cancelled", "reason": "turn_detected"}
    assert at(interrupted, "response", "status_details") == details
    truncated = flow.one("conversation.item.truncated")
    assert truncated["item_id"] == at(interrupted, "response", "output", 0, "id")
    assert truncated["audio_end_ms"] == 450
    turn = ["speech_started", "speech_stopped", "committed"]
    assert in_order(
        [
            *(f"input_audio_buffer.{what}" for what in turn),
            "response.created",
            "input_audio_buffer.speech_started",
            "response.done",
            "conversation.item.truncated",
            "input_audio_buffer.speech_stopped",
            "response.created",
            "response.done",
        ],
        flow.events,
    )
    part = at(flow.one("conversation.item.retrieved"), "item", "content", 0)
    assert isinstance(part, dict)
    # What was not heard is gone: the audio behind the end, and the whole transcript.
    assert part["transcript"] is None
    assert duration_ms(len(base64.b64decode(str(part["audio"]))), "audio/pcm") == 450
    roles = [item["role"] for item in flow.session.conversation.items]
    assert roles == ["user", "assistant", "user", "assistant"]


async def test_openai_python_recovers_from_errors(openai_python: str) -> None:
    answers = ["word " * 100, "Yes."]
    flow = await played(openai_python, "recover", answers, tokens_per_second=1000)
    errors = [event["error"] for event in flow.all("error")]
    assert [at(error, "event_id") for error in errors] == [
        "evt_delete",
        "evt_model",
        "evt_unknown",
        "evt_cancel",
        "evt_commit",
        "evt_second",
    ]
    assert [at(error, "type") for error in errors] == ["invalid_request_error"] * 6
    codes = [at(error, "code") for error in errors]
    assert codes[3:] == [
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "conversation_already_has_active_response",
    ]
    # Nothing of what was refused was done, and the session goes on.
    assert len(flow.all("session.updated")) == 1
    assert flow.session.session["model"] == "gpt-realtime-2.1"
    assert flow.statuses == ["completed", "completed"]
    assert flow.joined("response.output_text.delta").endswith("Yes.")
    assert flow.session.closed


async def test_openai_python_asks_twice_out_of_band_beside_a_turn(openai_python: str) -> None:
    def reply(session: SimulatedSession, conversation: Conversation, create: Frame) -> Answer:
        metadata = create.get("metadata")
        return f"{at(metadata, 'topic')} " * 60 if metadata else "story " * 90

    flow = await played(openai_python, "beside", reply, tokens_per_second=300)
    assert flow.statuses == ["completed"] * 3
    created = [event["response"] for event in flow.all("response.created")]
    # All three at once: the last began before the first was over.
    assert in_order(["response.created"] * 3 + ["response.done"], flow.events)
    assert [at(response, "metadata") for response in created] == [
        None,
        {"topic": "mood"},
        {"topic": "topic"},
    ]
    words = ["story", "mood", "topic"]
    for word, response in zip(words, created, strict=True):
        said = flow.joined("response.output_text.delta", at(response, "id"))
        assert set(said.split()) == {word}
    for event in flow.all("response.done"):
        (began,) = (each for each in created if at(each, "id") == at(event, "response", "id"))
        assert at(began, "metadata") == at(event, "response", "metadata")
    # Only the turn's answer is in the conversation, on either side.
    added = [at(event, "item", "id") for event in flow.all("conversation.item.added")]
    items = flow.session.conversation.items
    assert added == [item["id"] for item in items]
    assert [item["role"] for item in items] == ["user", "assistant"]

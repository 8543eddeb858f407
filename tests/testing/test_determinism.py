"""Same seed, same everything: a session with all there is, down to the frames and the schedule."""

from __future__ import annotations

import json
from typing import final

import pytest
import trio
import trio.abc
from pydantic import JsonValue
from trio.testing import MockClock

from tests.testing.faithful import Frame
from tests.testing.racing import Seen
from tests.testing.test_conversation import MODEL
from trio_realtime import RealtimeError, open_realtime
from trio_realtime.audio import silence, tone
from trio_realtime.testing import (
    Answer,
    CallTool,
    Conversation,
    FaultPlan,
    Say,
    SimulatedServer,
    SimulatedSession,
    seeded,
)

SESSION: dict[str, JsonValue] = {
    "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
}
BESIDE: Frame = {"conversation": "none", "metadata": {"do": "say"}, "output_modalities": ["text"]}
SPEECH = tone(300, 400) + silence(700)


@final
class Schedule(trio.abc.Instrument):
    """Notes which task took each step."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps.append(task.name)


def reply(session: SimulatedSession, conversation: Conversation, create: Frame) -> Answer:
    match create.get("metadata"):
        case {"do": "call"}:
            return [CallTool("one", {"n": 1}), CallTool("two", {"n": 2})]
        case {"do": "say"}:
            return [Say("beside " * 20)]
        case _:
            return "a spoken answer to a spoken question"


async def everything(server: SimulatedServer, seen: list[str]) -> None:
    """Voice detection, transcription, barge-in, tools, a cancel, and two responses beside it."""
    async with open_realtime(
        MODEL, endpoint=server.endpoint, session=SESSION, errors="yield"
    ) as conn:
        session = server.sessions[-1]
        told = Seen(conn)
        try:
            await conn.input_audio_buffer.append(SPEECH)
            await told.until("response.output_audio.delta", 2)
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    conn.send_nowait({"type": "response.create", "response": BESIDE})
                nursery.start_soon(conn.input_audio_buffer.append, SPEECH)
                await told.until("response.done", 4)
            await conn.response.create(metadata={"do": "call"})
            await told.until("response.done")
            await conn.response.create()
            await told.until("response.created")
            await conn.response.cancel()
            session.hears("one two three four")
            await told.until("response.done", 2)
        finally:
            seen += [repr(event) for event in told.events]


def run(seed: int, *, faults: bool = False) -> tuple[list[str], list[str], list[str]]:
    """What two clients saw, what the server received, and who ran when."""
    seen: list[str] = []
    received: list[str] = []
    schedule = Schedule()

    async def main() -> None:
        plan = FaultPlan(seed) if faults else None
        async with SimulatedServer(reply, faults=plan) as server:

            async def client() -> None:
                try:
                    with trio.move_on_after(600):
                        await everything(server, seen)
                except* RealtimeError as group:
                    seen.append(repr(group.exceptions))

            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(client)
            for session in server.sessions:
                received.extend(json.dumps(frame) for frame in session.received)

    with seeded(seed):
        trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[schedule])
    return seen, received, schedule.steps


def test_a_session_with_everything_is_the_same_again() -> None:
    first, again, other = run(1), run(1), run(2)
    assert first == again
    assert [len(each) > 30 for each in first] == [True, False, True]
    assert first[2] != other[2]


@pytest.mark.sweep
def test_with_faults_too_it_is_the_same_again() -> None:
    for seed in range(5):
        assert run(seed, faults=True) == run(seed, faults=True)

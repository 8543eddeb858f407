"""Many sessions at once in one server: each has its own, and none waits for another."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.testing.test_conversation import MODEL, TEXT, reply_of
from trio_realtime import open_realtime
from trio_realtime.audio import silence, tone
from trio_realtime.testing import SimulatedServer

SESSIONS = 200
SPEECH = tone(300, 300) + silence(600)


@pytest.mark.sweep
async def test_200_sessions_at_once_are_strangers_to_each_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answers: dict[int, list[str]] = {}

    async def client(server: SimulatedServer, number: int) -> None:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            said: list[str] = []
            await conn.conversation.item.create(role="user", text=f"I am {number}.")
            await conn.response.create()
            said.append(await reply_of(conn))
            await conn.input_audio_buffer.append(SPEECH)
            said.append(await reply_of(conn))
            answers[number] = said
            await all_are_here(number)
            assert sum(not session.closed for session in server.sessions) == SESSIONS
            await all_are_here(-number - 1)

    waiting: set[int] = set()
    gates = {True: trio.Event(), False: trio.Event()}

    async def all_are_here(number: int) -> None:
        """Go on when everybody has come so far."""
        waiting.add(number)
        first = number >= 0
        if sum((each >= 0) is first for each in waiting) == SESSIONS:
            gates[first].set()
        await gates[first].wait()

    async with SimulatedServer(tokens_per_second=10) as server:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(SESSIONS):
                nursery.start_soon(client, server, number)
        # As long as one alone takes: nobody queued behind anybody.
        assert trio.current_time() - began < 3
        for session in server.sessions:
            await session.wait_closed()
            assert len(session.conversation) == 4
    assert answers == {
        number: [f"You said: I am {number}.", "You spoke for 0.3 seconds."]
        for number in range(SESSIONS)
    }

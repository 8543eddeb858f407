"""What a round of mutations left alive in the testing kit, pinned."""

from __future__ import annotations

import json
import math
from typing import cast

import pytest
import trio
import trio.testing
import trio_websocket

from tests.testing.test_conversation import MODEL
from trio_realtime import ConnectionClosedError, open_realtime
from trio_realtime.testing import SimulatedServer, seeded


@pytest.mark.sweep
async def test_a_client_that_does_not_read_makes_the_model_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    create = {"type": "response.create", "response": {"output_modalities": ["text"]}}
    async with SimulatedServer("word" + " word" * 4999, tokens_per_second=math.inf) as server:
        # Any stream does; trio-websocket's annotations name those it makes itself.
        stream = cast("trio.SocketStream", await server.connect())
        async with trio.open_nursery() as nursery:
            ws = await trio_websocket.wrap_client_stream(
                nursery, stream, "localhost", f"/v1/realtime?model={MODEL}"
            )
            await ws.send_message(json.dumps(create))
            await trio.sleep(60)
            (session,) = server.sessions
            assert 0 < len(session._simulation.outbox) < 50
            words = 0
            while json.loads(message := await ws.get_message())["type"] != "response.done":
                words += json.loads(message)["type"] == "response.output_text.delta"
            assert words == 5000
            await ws.aclose()


async def test_a_server_that_answers_no_close_still_drops_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(answer_close=False) as server:
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                await conn.receive()
                server.sessions[0].drop()
                with trio.fail_after(1):
                    await conn.receive()


async def test_what_is_driven_after_the_client_has_gone_is_not_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint):
            (session,) = server.sessions
        await session.wait_closed()
        session.push({"type": "too.late"})
        session.hears("Hello?")
        assert not session._simulation.outbox


async def test_inside_seeded_the_calendar_goes_with_the_clock(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def expires_at() -> int:
        async with SimulatedServer(session_seconds=600) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                assert conn.session.current is not None
                return int(str(vars(conn.session.current)["expires_at"]))

    with seeded(1):
        first = await expires_at()
        await trio.sleep(100)
        with seeded(2):
            assert await expires_at() == first + 100
        assert await expires_at() == first + 100
    # Outside it is the world's.
    assert await expires_at() != first + 100

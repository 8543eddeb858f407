"""Waiting for an application to connect: a test drives the session of a client it does not hold."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_realtime import Endpoint, open_realtime
from trio_realtime.testing import SimulatedServer


async def application(endpoint: Endpoint, *, after: float = 0.0) -> None:
    await trio.sleep(after)
    async with open_realtime("gpt-realtime-2.1", endpoint=endpoint) as conn:
        await conn.wait_closed()


async def test_a_test_waits_until_the_application_has_connected(autojump_clock: object) -> None:
    async with SimulatedServer() as server, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: application(server.endpoint, after=1.0))
        nursery.start_soon(lambda: application(server.endpoint, after=2.0))
        first = await server.wait_session()
        assert first is server.sessions[0]
        assert trio.current_time() == 1.0
        second = await server.wait_session(1)
        assert trio.current_time() == 2.0
        assert server.sessions == [first, second]
        assert await server.wait_session() is first  # once connected, there is nothing to wait for
        first.close()
        second.close()


async def test_a_session_that_was_waited_for_has_been_greeted(autojump_clock: object) -> None:
    async with SimulatedServer() as server, trio.open_nursery() as nursery:
        nursery.start_soon(application, server.endpoint)
        session = await server.wait_session()
        session.close()  # opening the connection does not fail: the greeting comes first
        await session.wait_closed()


async def test_waiting_for_a_client_that_never_comes_can_be_cancelled(
    autojump_clock: object,
) -> None:
    async with SimulatedServer() as server:
        with trio.move_on_after(5) as scope:
            await server.wait_session()
        assert scope.cancelled_caught
        async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint):
            await wait_all_tasks_blocked()
            assert (await server.wait_session()) is server.sessions[0]

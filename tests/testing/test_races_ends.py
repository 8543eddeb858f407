"""The races that peers of ours lost: losses, ends, slow readers. See `test_races`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import trio

from tests.testing.faithful import Frame
from tests.testing.racing import WORDS, Seen, swept
from tests.testing.test_conversation import MODEL, TEXT
from trio_realtime import (
    AuthenticationError,
    CloseInfo,
    ConnectionClosedError,
    Options,
    SessionExpiredError,
    open_realtime,
)
from trio_realtime.events import (
    ResponseDone,
    ServerEvent,
)
from trio_realtime.testing import (
    SimulatedServer,
)


def test_a_create_out_of_the_receiving_loop_of_a_dying_connection_says_so() -> None:
    # race: deferred create fails on dying socket inside the receive loop
    async def race() -> None:
        async with SimulatedServer("Yes.") as server:
            with pytest.RaisesGroup(ConnectionClosedError):
                async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                    await conn.response.create()
                    async for event in conn:
                        if isinstance(event, ResponseDone):
                            server.sessions[0].drop()
                            await conn.response.create()

    swept(race)


@pytest.mark.parametrize("hung", [False, True])
def test_a_request_whose_answer_is_lost_with_the_connection_does_not_wait(hung: bool) -> None:
    # race: reply lost with the socket leaves waiter hanging
    async def race() -> None:
        async with SimulatedServer() as server:
            with pytest.RaisesGroup(ConnectionClosedError):
                async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                    (session,) = server.sessions
                    if hung:
                        session.pause()
                    async with trio.open_nursery() as nursery:
                        began = trio.current_time()

                        async def lose() -> None:
                            await trio.sleep(1 if hung else 0)
                            session.drop()

                        nursery.start_soon(lose)
                        with pytest.raises(ConnectionClosedError) as caught:
                            while True:
                                await conn.session.update(instructions="Be brief.")
                        assert trio.current_time() - began <= 1
                    raise caught.value

    swept(race)


def test_items_of_others_answer_no_request_that_names_its_own() -> None:
    # race: item.added for items made by a sideband browser
    async def race() -> None:
        async with SimulatedServer() as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                (session,) = server.sessions
                seen = Seen(conn)
                await conn.conversation.item.create(role="user", text="mine")
                await seen.until("conversation.item.done")
                own = str(session.conversation.items[0]["id"])
                foreign: Frame = {"id": "item_of_another", "type": "message", "role": "user"}
                foreign |= {"status": "completed", "content": []}

                async def other() -> None:
                    for kind in ("added", "done", "retrieved"):
                        event: Frame = {"type": f"conversation.item.{kind}", "item": foreign}
                        session.push({"previous_item_id": None, **event})
                        await trio.lowlevel.checkpoint()
                    session.push({"type": "conversation.item.deleted", "item_id": "another"})

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(other)
                    assert "mine" in str(await conn.conversation.item.retrieve(own))
                    await conn.conversation.item.delete(own)
                assert len(session.conversation) == 0

    swept(race)


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_a_close_in_the_middle_of_a_turn_is_told_after_what_was_said(code: int) -> None:
    # race: clean close mid-turn
    async def race() -> None:
        async with SimulatedServer(WORDS) as server:
            with pytest.RaisesGroup(ConnectionClosedError) as caught:
                async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                    seen = Seen(conn)
                    await conn.response.create()
                    await seen.until("response.output_text.delta", 3)
                    server.sessions[0].close(code, "so it is")
                    await seen.until("response.done")
            (lost,) = caught.value.exceptions
            assert isinstance(lost, ConnectionClosedError)
            assert lost.info == CloseInfo(code, "so it is", "server")

    swept(race)


def test_what_arrived_before_the_loss_is_delivered_before_it_is_told() -> None:
    # race: abnormal close with backlog
    async def race() -> None:
        words = "one two three four five six seven eight nine ten"
        async with SimulatedServer(words, tokens_per_second=math.inf) as server:
            with pytest.RaisesGroup(ConnectionClosedError):
                async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                    seen = Seen(conn)
                    await conn.response.create()
                    await trio.sleep(1)  # everything is here, and nobody has read it
                    server.sessions[0].drop()
                    await trio.sleep(1)
                    await seen.until("response.done")
                    assert seen.types.count("response.output_text.delta") == 10
                    await seen.until("more")

    swept(race)


def test_closing_ends_the_loops_of_other_tasks_quietly() -> None:
    # race: close while iterating
    async def race() -> None:
        async with SimulatedServer(WORDS) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                ended: list[int] = []

                async def read() -> None:
                    count = 0
                    async for _ in conn:
                        count += 1
                    ended.append(count)

                async with trio.open_nursery() as nursery:
                    for _ in range(3):
                        nursery.start_soon(read)
                    await conn.response.create()
                    await trio.sleep(0.1)
                    await conn.aclose()
                assert len(ended) == 3
            await server.sessions[0].wait_closed()

    swept(race)


@pytest.mark.parametrize("hung", [False, True])
def test_a_server_that_answers_no_close_costs_the_close_timeout(hung: bool) -> None:
    # race: close that raises, race: silent close
    async def race() -> None:
        async with SimulatedServer(answer_close=False) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, options=Options(close_timeout=1)
            ):
                if hung:
                    server.sessions[0].pause()
                began = trio.current_time()
            assert trio.current_time() - began <= 1

    swept(race)


def test_a_reader_that_is_cancelled_again_and_again_loses_nothing() -> None:
    # race: consumer cancelled mid-iteration
    async def race() -> None:
        async with SimulatedServer("one two three four five") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                await conn.response.create()
                with conn.tap() as tapped:
                    while not seen.done:
                        with trio.move_on_after(0.003):
                            async for event in conn:
                                seen.events.append(event)
                    every: list[ServerEvent] = []
                    while not any(isinstance(each, ResponseDone) for each in every):
                        every.append(await tapped.receive())
                assert [e.event_id for e in seen.events[-len(every) :]] == [
                    e.event_id for e in every
                ]
                assert "".join(str(getattr(e, "delta", "")) for e in every) == (
                    "one two three four five"
                )

    swept(race)


def test_a_consumer_that_sleeps_keeps_its_connection() -> None:
    # race: slow consumer + ping
    async def race() -> None:
        async with SimulatedServer(WORDS) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await trio.sleep(600)
                await seen.until("response.done")
                assert conn.statistics().last_ping_ms is not None
                assert seen.statuses == ["completed"]

    swept(race, seeds=3)


def test_a_session_says_when_it_ends_and_ends_then() -> None:
    # pain 12
    async def race() -> None:
        async with SimulatedServer(session_seconds=5) as server:
            with pytest.RaisesGroup(SessionExpiredError):
                async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                    current = conn.session.current
                    assert current is not None
                    seen = Seen(conn)
                    await seen.until("error")
                    assert trio.current_time() == 5
                    await seen.until("more")
            assert server.sessions[0].closed

    swept(race)


@pytest.mark.parametrize("key", ["sk-wrong", "sk-right-but-longer"])
def test_a_wrong_key_is_refused_after_the_upgrade_and_never_lets_a_block_begin(key: str) -> None:
    # pain 15
    async def race() -> None:
        async with SimulatedServer(api_key="sk-right") as server:
            endpoint = server.endpoint
            with pytest.raises(AuthenticationError) as caught:
                async with open_realtime(
                    MODEL,
                    endpoint=type(endpoint)(
                        endpoint.base_url, key or "none", endpoint.stream_factory
                    ),
                ):
                    raise AssertionError("the block was entered")
            assert caught.value.code == "invalid_api_key"
            (session,) = server.sessions
            assert session.received == []

    swept(race, seeds=5)


def test_every_turn_of_many_clients_is_answered_once_whoever_comes_first() -> None:
    # race: every started response ends exactly once
    async def race() -> None:
        async with SimulatedServer() as server:
            answers: list[Sequence[str | None]] = []

            async def client(number: int) -> None:
                async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                    seen = Seen(conn)
                    for turn in range(3):
                        await conn.conversation.item.create(role="user", text=f"{number}.{turn}")
                        await conn.response.create()
                        done = await seen.until("response.done")
                        assert f"You said: {number}.{turn}" in str(done)
                    answers.append(seen.created)

            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(client, number)
            every = [response_id for each in answers for response_id in each]
            assert len(set(every)) == len(every) == 15

    swept(race, seeds=5)

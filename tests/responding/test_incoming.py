"""`conn.incoming()`: handles of the responses that others start."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    LONG,
    PATIENT,
    QUIET,
    WRITING,
    Talk,
    errors_of,
    held_by,
    of_response,
    scripted,
    talking,
    text_of,
    types_of,
)
from trio_realtime import ConnectionClosedError, IncomingReplies, Options, Reply


def created(response_id: str, *, is_outside: bool = False) -> dict[str, JsonValue]:
    response: dict[str, JsonValue] = {
        "id": response_id,
        "status": "in_progress",
        "output": [],
        "metadata": {"asked_by": "another client"},
    }
    if is_outside:
        response["conversation_id"] = None
    return {"type": "response.created", "response": response}


def delta(response_id: str, text: str) -> dict[str, JsonValue]:
    return {
        "type": "response.output_text.delta",
        "response_id": response_id,
        "item_id": f"item_of_{response_id}",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    }


def done(response_id: str, status: str = "completed") -> dict[str, JsonValue]:
    return {
        "type": "response.done",
        "response": {"id": response_id, "status": status, "output": []},
    }


async def test_a_voice_loop_takes_one_response_after_the_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heard: list[str] = []
    async with talking(session=WRITING) as talk:
        conn = talk.conn
        async with conn.incoming() as replies:
            async with trio.open_nursery() as nursery:

                async def loop() -> None:
                    async for reply in replies:
                        heard.append(await text_of(reply))

                nursery.start_soon(loop)
                for number in range(3):
                    talk.server.hears(f"turn {number}")
                    await trio.sleep(1)
                nursery.cancel_scope.cancel()
        assert heard == [f"You said: turn {number}" for number in range(3)]
        assert not any(kind.startswith("response.") for kind in types_of(held_by(conn)))
        assert talk.sent("response.cancel") == []


async def test_what_has_begun_before_is_kept_until_it_is_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "second"], session=PATIENT) as talk:
        async with talk.conn.incoming() as replies:
            talk.server.hears("one")
            await trio.sleep(1)
            talk.server.hears("two")
            await trio.sleep(9)
            assert repr(replies) == "<IncomingReplies 2 waiting, 0 dropped>"
            first = await replies.receive()
            assert (await text_of(first), first.status) == (LONG, "completed")
            second = await replies.receive()
            assert await text_of(second) == "second"
            assert replies.dropped == 0


async def test_only_what_others_start_is_taken(autojump_clock: trio.testing.MockClock) -> None:
    async with talking() as talk:
        conn = talk.conn
        async with conn.incoming() as replies:
            await conn.response.create(instructions="mine")
            await trio.sleep(1)
            async with conn.respond("mine, too") as mine:
                assert await text_of(mine) == "You said: mine, too"
            async with conn.respond(conversation="none", instructions="and mine") as mine:
                await mine.result()
            assert repr(replies) == "<IncomingReplies 0 waiting, 0 dropped>"
        assert types_of(held_by(conn)).count("response.created") == 1


# The same server, with and without an echo of metadata, and our request overtaken by the turn.
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("is_overtaken", [True, False])
async def test_beside_respond_each_has_its_own(
    is_overtaken: bool, echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    texts: list[str] = []
    async with talking(session=PATIENT, echo_metadata=echoes) as talk:
        conn = talk.conn
        async with conn.incoming() as replies:
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    async with conn.respond("the question") as reply:
                        texts.append(await text_of(reply))

                async def loop() -> None:
                    texts.append(await text_of(await replies.receive()))

                if is_overtaken:
                    talk.server.pause()
                nursery.start_soon(ask)
                nursery.start_soon(loop)
                await trio.testing.wait_all_tasks_blocked()
                talk.server.hears("the turn")
                talk.server.resume()
        assert sorted(texts) == ["You said: the question", "You said: the turn"]
        events = held_by(conn)
        assert {of_response(event) for event in events} == {None}
        assert errors_of(events) == []


async def test_going_on_ends_the_one_before(autojump_clock: trio.testing.MockClock) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with conn.incoming() as replies:
            await line.send(created("resp_1"))
            first = await replies.receive()
            await line.send(delta("resp_1", "begun"))
            text = first.text()
            assert await text.receive() == "begun"
            await line.send(created("resp_2", is_outside=True))
            second = await replies.receive()
            assert (first.id, second.id) == ("resp_1", "resp_2")
            await line.expect("response.cancel", response_id="resp_1")
            with pytest.raises(trio.ClosedResourceError):
                await text.receive()
            await line.send(delta("resp_1", "too late"))
            await line.send(done("resp_1", "cancelled"))
            await line.send(done("resp_2"))
            assert (await second.result()).status == "completed"
            await line.send(created("resp_3"))
            third = await replies.receive()
            # The second was over: there is nothing to cancel.
            await line.expect_nothing(5)
        assert first.status == "cancelled"
        await line.expect("response.cancel", response_id="resp_3")
        assert third.status == "in_progress"
        assert {of_response(event) for event in held_by(conn)} == {None}


async def test_leaving_ends_also_those_that_were_not_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with conn.incoming() as replies:
            for number in range(3):
                await line.send(created(f"resp_{number}", is_outside=True))
            await line.send(done("resp_2"))
            await trio.testing.wait_all_tasks_blocked()
            first = await replies.receive()
        await line.expect("response.cancel", response_id="resp_0")
        await line.expect("response.cancel", response_id="resp_1")
        await line.expect_nothing(5)
        with pytest.raises(trio.ClosedResourceError):
            await first.result()
        with pytest.raises(trio.ClosedResourceError, match="was left"):
            await replies.receive()
        await line.send(delta("resp_0", "too late"))
        await line.send(delta("resp_1", "too late"))
        await line.send(created("resp_4"))
        await trio.testing.wait_all_tasks_blocked()
        # What begins now is nobody's, and so in the stream.
        assert types_of(held_by(conn))[2:] == ["response.created"]


async def test_more_than_thirty_two_are_not_kept(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with conn.incoming() as replies:
            for number in range(32):
                await line.send(created(f"resp_{number}", is_outside=True))
            await trio.testing.wait_all_tasks_blocked()
            assert (replies.dropped, caplog.records) == (0, [])
            with caplog.at_level(logging.WARNING, "trio_realtime"):
                for number in range(32, 34):
                    await line.send(created(f"resp_{number}", is_outside=True))
            await line.expect("response.cancel", response_id="resp_0")
            await line.expect("response.cancel", response_id="resp_1")
            assert repr(replies) == "<IncomingReplies 32 waiting, 2 dropped>"
            assert [record.getMessage() for record in caplog.records] == [
                "32 responses wait to be taken: the oldest is ended"
            ] * 2
            assert (await replies.receive()).id == "resp_2"
            await conn.aclose()


async def test_there_is_one_such_block_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    async with talking() as talk:
        async with talk.conn.incoming():
            with pytest.raises(trio.BusyResourceError, match="is open already"):
                async with talk.conn.incoming():
                    pass
        async with talk.conn.incoming() as replies:
            assert replies.dropped == 0


async def test_one_task_takes_them(autojump_clock: trio.testing.MockClock) -> None:
    async with talking(session=WRITING) as talk:
        async with talk.conn.incoming() as replies:
            async with trio.open_nursery() as nursery:

                async def take() -> None:
                    assert await text_of(await replies.receive()) == "You said: hello"

                nursery.start_soon(take)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(trio.BusyResourceError, match="another task is waiting"):
                    await replies.receive()
                talk.server.hears("hello")


async def test_a_cancelled_wait_loses_no_response(autojump_clock: trio.testing.MockClock) -> None:
    async with talking(["one", "two"], session=WRITING) as talk:
        async with talk.conn.incoming() as replies:
            with trio.move_on_after(1) as scope:
                await replies.receive()
            assert scope.cancelled_caught
            talk.server.hears("hello")
            await trio.sleep(1)
            with trio.CancelScope() as scope:
                scope.cancel()
                await replies.receive()
            assert scope.cancelled_caught
            taken: list[Reply] = []
            with trio.CancelScope() as scope:
                taken.append(await replies.receive())
                scope.cancel()
            assert await text_of(taken[0]) == "one"


async def test_every_response_is_delivered_before_the_loss_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with pytest.RaisesGroup(ConnectionClosedError):
        async with talking([LONG, "beside"], session=WRITING) as talk:
            conn = talk.conn
            async with conn.incoming() as replies:
                talk.server.hears("hello")
                await trio.sleep(1)
                talk.server.drop()
                await trio.sleep(1)
                reply = await replies.receive()
                pieces: list[str] = []
                with pytest.raises(ConnectionClosedError):
                    async for piece in reply.text():
                        pieces.append(piece)
                assert len(pieces) > 50
                with pytest.raises(ConnectionClosedError):
                    await replies.receive()
                with pytest.raises(ConnectionClosedError):
                    async for _ in replies:
                        pytest.fail("there are no more")
            with pytest.raises(ConnectionClosedError):
                async with conn.incoming():
                    pass
            await conn.wait_closed()


async def test_the_loss_wakes_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.RaisesGroup(ConnectionClosedError):
        async with talking(session=WRITING) as talk:
            async with talk.conn.incoming() as replies:
                async with trio.open_nursery() as nursery:

                    async def wait() -> None:
                        with pytest.raises(ConnectionClosedError):
                            await replies.receive()

                    nursery.start_soon(wait)
                    await trio.testing.wait_all_tasks_blocked()
                    talk.server.drop()
            await talk.conn.wait_closed()


@pytest.mark.parametrize("by_us", [True, False])
async def test_a_quiet_end_ends_the_loop(
    by_us: bool, autojump_clock: trio.testing.MockClock
) -> None:
    rounds = 0
    async with talking(session=WRITING) as talk:
        async with talk.conn.incoming() as replies:
            async with trio.open_nursery() as nursery:

                async def loop() -> None:
                    nonlocal rounds
                    async for reply in replies:
                        await reply.result()
                        rounds += 1

                nursery.start_soon(loop)
                talk.server.hears("hello")
                await trio.sleep(1)
                if by_us:
                    await talk.conn.aclose()
                else:
                    talk.server.close(1000)
            with pytest.raises(trio.EndOfChannel):
                await replies.receive()
    assert rounds == 1


async def test_leaving_wakes_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    async def wait(replies: IncomingReplies) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await replies.receive()

    async with talking() as talk, AsyncExitStack() as stack:
        replies = await stack.enter_async_context(talk.conn.incoming())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, replies)
            await trio.testing.wait_all_tasks_blocked()
            await stack.aclose()


async def test_an_exception_in_the_loop_cancels_the_response(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class ProgramError(Exception):
        pass

    async def loop(talk: Talk) -> None:
        async with talk.conn.incoming() as replies:
            async for reply in replies:
                assert reply.status == "in_progress"
                raise ProgramError

    async with talking(LONG, session=WRITING) as talk:
        talk.server.hears("hello")
        with pytest.raises(ProgramError):
            await loop(talk)
        await trio.sleep(1)
        assert talk.sent("response.cancel") == ["response.cancel"]
        assert "response.output_text.delta" not in types_of(held_by(talk.conn))


async def test_barge_in_ends_a_reply_and_brings_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ends: list[tuple[str, int]] = []
    async with talking(["word " * 20, "short"], session=None) as talk:
        conn, server = talk.conn, talk.server
        async with conn.incoming() as replies:
            async with trio.open_nursery() as nursery:

                async def play(reply: Reply) -> None:
                    async for chunk in reply.audio():
                        await trio.sleep(len(chunk) / 48_000)

                async def loop() -> None:
                    async for reply in replies:
                        with trio.CancelScope() as playing:
                            scopes.append(playing)
                            await play(reply)
                        ends.append((reply.status, len(reply.items)))

                scopes: list[trio.CancelScope] = []
                nursery.start_soon(loop)
                server.hears("tell me")
                await trio.sleep(2)
                server.speech_started()
                scopes[0].cancel()
                await trio.testing.wait_all_tasks_blocked()
                server.speech_stopped()
                await trio.sleep(5)
                nursery.cancel_scope.cancel()
        assert [status for status, _ in ends] == ["completed", "completed"]
        (cut,) = talk.frames("conversation.item.truncate")
        assert 1000 < int(str(cut["audio_end_ms"])) < 2000
        assert talk.sent("response.cancel") == []


async def test_every_wait_is_a_checkpoint(autojump_clock: trio.testing.MockClock) -> None:
    async with talking(["one"], session=WRITING) as talk:
        conn = talk.conn
        async with AsyncExitStack() as stack:
            with trio.testing.assert_checkpoints():
                replies = await stack.enter_async_context(conn.incoming())
            talk.server.hears("hello")
            await trio.sleep(1)
            with trio.testing.assert_checkpoints():
                await replies.receive()
            await conn.aclose()
            with trio.testing.assert_checkpoints(), pytest.raises(trio.EndOfChannel):
                await replies.receive()


# Whoever waits for the server never waits for himself.
async def test_waiting_for_a_response_reads_on_though_the_stream_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client = Options(inbox_bytes=30_000)
    async with talking(session=WRITING, client=client) as talk:
        conn, server = talk.conn, talk.server
        await conn.receive()  # what a stream holds counts once it was read
        async with conn.incoming() as replies:
            for _ in range(30):
                server.push({"type": "session.from_the_future"})
            await trio.testing.wait_all_tasks_blocked()
            assert conn.statistics().reader_paused
            async with trio.open_nursery() as nursery:

                async def take() -> None:
                    reply = await replies.receive()
                    await reply.result()

                nursery.start_soon(take)
                await trio.testing.wait_all_tasks_blocked()
                assert not conn.statistics().reader_paused
                server.hears("hello")
            for _ in range(30):
                server.push({"type": "session.from_the_future"})
            await trio.testing.wait_all_tasks_blocked()
            # Nobody waits any more.
            assert conn.statistics().reader_paused


async def test_who_takes_responses_has_not_forgotten_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with pytest.RaisesGroup(ConnectionClosedError):
        async with scripted(session=QUIET) as (conn, line):
            async with conn.incoming() as replies:
                for number in range(3):
                    await line.send(created(f"resp_{number}", is_outside=True))
                await trio.testing.wait_all_tasks_blocked()
                line.drop()
                for number in range(3):
                    await trio.sleep(8)
                    assert (await replies.receive()).id == f"resp_{number}"
                await trio.sleep(8)
                with pytest.raises(ConnectionClosedError):
                    await replies.receive()
            await conn.wait_closed()

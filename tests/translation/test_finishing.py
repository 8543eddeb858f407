"""`finish()`: what is behind is waited for, and nobody is left waiting."""

from __future__ import annotations

import json
import signal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.translation.helpers import Peer, facing, translating
from trio_realtime import ConnectionClosedError, Options, ServerError
from trio_realtime.audio import silence
from trio_realtime.translation import SessionClose, SessionClosed


async def says_two_words_and_closes(peer: Peer) -> None:
    await trio.sleep(3)
    await peer.say("to")
    await trio.sleep(3)
    await peer.say(" ord")
    await peer.tell("session.closed")
    await peer.hang_up()


async def never_answers(peer: Peer) -> None:
    del peer


async def never_ends(peer: Peer) -> None:
    while True:
        await peer.say("ad nauseam ")
        await trio.sleep(7)


async def test_all_that_comes_while_finishing_is_delivered(autojump_clock: object) -> None:
    async with facing(says_two_words_and_closes) as (conn, peer):
        said: list[str] = []

        async def read() -> None:
            async for piece in conn.transcript():
                said.append(piece)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            await conn.finish()
            # Who reads ends by itself, for there is no more.
        assert said == ["to", " ord"]
        assert peer.received == ["session.update", "session.close"]
        # What nobody has read yet can be read afterwards.
        assert [event.type async for event in conn][-3:] == [
            "session.output_transcript.delta",
            "session.output_transcript.delta",
            "session.closed",
        ]
        assert conn.close_info is not None
        assert conn.close_info.code == 1000


async def test_a_server_that_does_not_hang_up_is_closed_by_us(autojump_clock: object) -> None:
    async def closes_the_session(peer: Peer) -> None:
        await peer.tell("session.closed")

    async with facing(closes_the_session) as (conn, _):
        await conn.finish()
        assert conn.close_info is not None
        assert conn.close_info.closed_by == "us"


@pytest.mark.parametrize("code", [1000, 1001, 4000, None])
async def test_what_is_over_may_end_in_any_way(code: int | None, autojump_clock: object) -> None:
    async def ends(peer: Peer) -> None:
        await peer.tell("session.closed")
        await (peer.vanish() if code is None else peer.hang_up(code))

    async with facing(ends) as (conn, _):
        await conn.finish()
        assert isinstance([event async for event in conn][-1], SessionClosed)
        assert await conn.wait_closed() is not None


async def test_finishing_twice_is_finishing_once(autojump_clock: object) -> None:
    async with facing(says_two_words_and_closes) as (conn, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conn.finish)
            nursery.start_soon(conn.finish)
        await conn.finish()
        assert peer.received.count("session.close") == 1


async def test_the_deadline_is_the_callers_and_finishing_goes_on(autojump_clock: object) -> None:
    async with facing(says_two_words_and_closes) as (conn, peer):
        said = conn.transcript()
        with trio.move_on_after(4) as scope:
            await conn.finish()
        assert scope.cancelled_caught
        assert said.receive_nowait() == "to"
        # It was asked for, and is waited for again; it is not asked for twice.
        with pytest.raises(trio.ClosedResourceError, match=r"finish\(\) has said"):
            await conn.append(silence(200))
        await conn.finish()
        assert said.receive_nowait() == " ord"
        assert peer.received.count("session.close") == 1
    assert trio.current_time() > 0


async def test_finishing_that_is_given_up_ends_with_the_block(autojump_clock: object) -> None:
    began = trio.current_time()
    async with facing(never_ends) as (conn, _):
        with trio.move_on_after(20):
            await conn.finish()
    assert trio.current_time() - began < 22


# promise 4
async def test_cancelled_before_it_is_written_nothing_was_said(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        with trio.CancelScope() as scope:
            scope.cancel()
            await conn.finish()
        server.pause()
        # The pipe to the server is full, and the request stands behind what fills it.
        for _ in range(40):
            conn.send_nowait({"type": "session.input_audio_buffer.append", "audio": "A" * 20_000})
        with trio.move_on_after(1) as scope:
            await conn.finish()
        assert scope.cancelled_caught
        server.resume()
        await conn.append(silence(200))
        assert "session.close" not in [frame.type for frame in server.received]
        server.hears("sea")
        await conn.finish()
        assert [piece async for piece in said] == ["sea-nb"]


# promise 7
async def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    autojump_clock: object,
) -> None:
    async with facing(never_answers) as (conn, peer):
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError, match="sent nothing for 10 s"):
            await conn.finish()
        assert trio.current_time() - began == pytest.approx(10)
        with pytest.raises(trio.TooSlowError):
            await conn.finish()
        assert peer.received.count("session.close") == 1


async def test_a_server_that_goes_on_is_waited_for(autojump_clock: object) -> None:
    async with facing(never_ends) as (conn, _):
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError) as caught, trio.fail_after(300):
            await conn.finish()
        assert "finish_timeout" not in str(caught.value)
        assert trio.current_time() - began == pytest.approx(300)


async def test_patience_may_be_without_end(autojump_clock: object) -> None:
    async def takes_its_time(peer: Peer) -> None:
        await trio.sleep(400)
        await peer.tell("session.closed")

    async with facing(takes_its_time, options=Options(finish_timeout=None)) as (conn, _):
        began = trio.current_time()
        await conn.finish()
        assert trio.current_time() - began == pytest.approx(400)


async def test_a_loss_while_finishing_is_told_behind_what_came(autojump_clock: object) -> None:
    async def says_a_word_and_vanishes(peer: Peer) -> None:
        await peer.say("nesten")
        await trio.sleep(1)
        await peer.vanish()

    async with facing(says_a_word_and_vanishes) as (conn, _):
        said = conn.transcript()
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.finish()
        assert [kind for _, kind in caught.value.uncertain] == ["session.close"]
        assert await said.receive() == "nesten"
        with pytest.raises(ConnectionClosedError):
            await said.receive()
        with pytest.raises(ConnectionClosedError):
            await conn.finish()


async def test_a_server_that_hangs_up_without_saying_so_has_not_finished(
    autojump_clock: object,
) -> None:
    async with facing(Peer.hang_up) as (conn, _):
        with pytest.raises(ConnectionClosedError):
            await conn.finish()


async def test_a_refused_end_is_raised_and_the_session_goes_on(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        server.refuse_next("session.close", "not_yet", "There is more to come.")
        with pytest.raises(ServerError, match="not_yet"):
            await conn.finish()
        await conn.append(silence(200))
        await conn.finish()


async def test_an_end_that_is_refused_after_it_was_given_up_is_told_by_the_next(
    autojump_clock: object,
) -> None:
    async with translating() as (conn, server):
        server.refuse_next("session.close", "not_yet", "There is more to come.")
        server.pause()
        with trio.move_on_after(1):
            await conn.finish()
        with pytest.raises(trio.ClosedResourceError):
            await conn.append(silence(200))
        server.resume()
        await trio.sleep(1)
        await conn.append(silence(200))
        with pytest.raises(ServerError, match="not_yet"):
            await conn.finish()
        await conn.finish()


async def test_a_session_that_is_closed_by_somebody_else_cannot_be_finished(
    autojump_clock: object,
) -> None:
    async with facing(never_answers) as (conn, _):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def close() -> None:
                await trio.sleep(1)
                await conn.aclose()

            with pytest.raises(ConnectionClosedError):
                await conn.finish()
        with pytest.raises(ConnectionClosedError):
            await conn.finish()


async def test_a_request_of_the_programs_own_comes_first(autojump_clock: object) -> None:
    async with facing(says_two_words_and_closes) as (conn, peer):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def ask() -> None:
                assert isinstance(await conn.request(SessionClose()), SessionClosed)

            await wait_all_tasks_blocked()
            await conn.finish()
        assert peer.received.count("session.close") == 1


async def test_a_session_that_the_server_ends_by_itself_is_finished(
    autojump_clock: object,
) -> None:
    async with translating() as (conn, server):
        server.push({"type": "session.closed"})
        server.close()
        assert isinstance([event async for event in conn][-1], SessionClosed)
        await conn.finish()
        with pytest.raises(trio.ClosedResourceError):
            await conn.append(silence(200))


async def test_an_end_that_cannot_be_read_is_an_end(autojump_clock: object) -> None:
    async def ends_oddly(peer: Peer) -> None:
        await peer.tell("session.closed", event_id=7)

    async with facing(ends_oddly) as (conn, _):
        await conn.finish()
        *_, last = [event async for event in conn]
        assert last.type == "<invalid>"


@pytest.mark.parametrize("half_seconds", range(14))
async def test_a_deadline_at_any_time_neither_asks_twice_nor_loses_a_word(
    half_seconds: int, autojump_clock: object
) -> None:
    async with facing(says_two_words_and_closes) as (conn, peer):
        said = conn.transcript()
        for _ in range(3):
            with trio.move_on_after(half_seconds / 2):
                await conn.finish()
        await conn.finish()
        assert "".join([piece async for piece in said]) == "to ord"
        assert peer.received.count("session.close") == 1


@pytest.mark.usefixtures("ctrl_c_is_heard")
async def test_ctrl_c_while_finishing_leaves_the_block() -> None:
    async def interrupts(peer: Peer) -> None:
        del peer
        signal.raise_signal(signal.SIGINT)

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        async with facing(interrupts) as (conn, _):
            await conn.finish()


async def test_finishing_reads_on_though_nobody_reads(autojump_clock: object) -> None:
    async def says_much(peer: Peer) -> None:
        for _ in range(30):
            await peer.say("x" * 1000)
        await peer.tell("session.closed")

    # Twice the inbox is held while somebody waits for the server.
    options = Options(inbox_bytes=50_000, backlog_bytes=500_000)
    async with facing(says_much, options=options) as (conn, _):
        assert json.dumps((await conn.receive()).type) == '"session.created"'
        await conn.finish()
        said = [event.type async for event in conn]
        assert said.count("session.output_transcript.delta") == 30

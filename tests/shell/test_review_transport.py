"""What a review doubted where the connection reads its own stream: many events in one go."""

from __future__ import annotations

import json
import random

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.shell.lines import SESSION, Behaviour, Peer, line_to, polite, refusal
from tests.shell.peers import close, ping, text, transport_to, writes
from trio_realtime import ConnectionClosedError, InboxOverflowError, Options, open_realtime
from trio_realtime._connection import Link
from trio_realtime._transport._wire import LINGER
from trio_realtime.events import ServerEvent, SessionCreated, UnknownEvent

KIB = 1024


def event(kind: str, **fields: JsonValue) -> bytes:
    """The frame of one event."""
    return text(json.dumps({"type": kind, "event_id": f"event_{kind}", **fields}))


def numbered(count: int, size: int = 0, start: int = 0) -> bytes:
    """Events of an unknown type, numbered."""
    return b"".join(
        event("of.tomorrow", number=start + number, padding="x" * size) for number in range(count)
    )


def numbers(events: list[ServerEvent]) -> list[JsonValue]:
    return [event.data["number"] for event in events if isinstance(event, UnknownEvent)]


def says(data: bytes, *, breaks: bool = False) -> Behaviour:
    """Open a session and send these bytes, all in one go; then read on, or break the line."""

    async def behave(peer: Peer) -> None:
        await peer.stream.send_all(event("session.created", session=SESSION) + data)
        if breaks:
            await trio.testing.wait_all_tasks_blocked()
            peer.stream.abort()
        await peer.drain()

    return behave


# promise 2
@pytest.mark.parametrize("broken", [False, True])
async def test_a_batch_that_fills_the_inbox_is_delivered_whole_before_the_loss(
    broken: bool, autojump_clock: trio.testing.MockClock
) -> None:
    data = numbered(200, size=KIB) + (b"" if broken else close(1001, "enough"))
    options = Options(inbox_bytes=64 * KIB)
    async with line_to(says(data, breaks=broken), capacity=KIB * KIB) as endpoint:
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime("m", endpoint=endpoint, options=options) as conn:
                seen: list[ServerEvent] = [await conn.receive()]
                await trio.sleep(30)
                assert conn.statistics().reader_paused
                with pytest.raises(ConnectionClosedError) as caught:
                    while True:
                        seen.append(await conn.receive())
                        await trio.lowlevel.checkpoint()
                assert numbers(seen) == list(range(200))
                assert caught.value.info.closed_by == ("network" if broken else "server")
                raise caught.value
    assert trio.current_time() == 30


async def test_a_batch_that_is_too_much_for_a_task_that_waits_fails_within_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive()
        await peer.stream.send_all(numbered(100, size=KIB // 2))
        await peer.drain()

    options = Options(inbox_bytes=32 * KIB)
    async with line_to(behave) as endpoint:
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            with pytest.raises(InboxOverflowError):
                await conn.input_audio_buffer.clear()
            assert 64 * KIB < conn.statistics().inbox_bytes < 66 * KIB
            seen: list[ServerEvent] = []
            with pytest.raises(InboxOverflowError):
                async for each in conn:
                    seen.append(each)
            assert numbers(seen) == list(range(len(seen)))
            # One event beyond twice the limit, and not the rest of what was read with it.
            assert 30 < len(seen) < 50
    assert trio.current_time() == 0


# promise 1
async def test_leaving_in_the_middle_of_a_batch_is_an_orderly_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    options = Options(inbox_bytes=16 * KIB)
    async with line_to(says(numbered(200, size=KIB)), capacity=KIB * KIB) as endpoint:
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.testing.wait_all_tasks_blocked()
            assert conn.statistics().reader_paused
        assert conn.close_info is not None
        assert conn.close_info.closed_by == "us"
        await trio.testing.wait_all_tasks_blocked()
        assert endpoint.peer.close_code == 1000
    assert trio.current_time() == 0


async def test_a_mistake_a_tap_and_an_end_in_one_batch_keep_their_order() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        frame = await peer.receive()
        error = refusal("invalid_value", frame["event_id"])
        await peer.stream.send_all(
            numbered(2) + event("error", error=error) + numbered(2, start=2) + close(1000)
        )
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        assert isinstance(await conn.receive(), SessionCreated)
        await conn.send({"type": "of.today"})
        told: list[JsonValue] = []
        with conn.tap() as tap:
            while not told or told[-1] != "end":
                try:
                    told += numbers([await conn.receive()])
                except trio.EndOfChannel:
                    told.append("end")
                except Exception as error:  # noqa: BLE001 - of which kind is looked at
                    told.append(type(error).__name__)
            assert told == [0, 1, "ServerError", 2, 3, "end"]
            assert [each.type async for each in tap][2] == "error"


async def test_a_session_that_is_updated_and_ended_in_one_batch_was_open() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive()
        updated = event("session.updated", session=SESSION)
        await peer.stream.send_all(updated + numbered(3) + close(1000))
        await peer.drain()

    for _ in range(20):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, session={}) as conn:
                assert numbers([each async for each in conn]) == [0, 1, 2]


# promise 8
async def test_a_send_frees_a_server_that_writes_many_small_events_before_it_reads(
    autojump_clock: trio.testing.MockClock,
) -> None:
    count = 6000

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for start in range(0, count, 100):
            await peer.stream.send_all(numbered(100, start=start))
        await peer.drain()

    async with line_to(behave, capacity=16 * KIB) as endpoint:
        options = Options(inbox_bytes=4096 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.sleep(1)
            assert conn.statistics().reader_paused
            assert conn.statistics().frames_in < count - 1000
            before = trio.current_time()
            await conn.input_audio_buffer.append(bytes(100_000))
            # Within two seconds it is found to be stuck; to read on takes no more.
            assert trio.current_time() - before <= 2
            assert numbers([await conn.receive() for _ in range(count)]) == list(range(count))


# promise 2
async def test_a_write_that_fails_while_reading_has_stopped_cuts_nothing_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    data = numbered(300, size=KIB) + close(3000, "the reason")
    options = Options(inbox_bytes=400 * KIB)
    async with line_to(says(data, breaks=True), capacity=KIB * KIB) as endpoint:
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            seen: list[ServerEvent] = [await conn.receive()]
            await trio.sleep(30)
            assert conn.statistics().reader_paused
            with pytest.raises(ConnectionClosedError) as told:
                await conn.send({"type": "of.today"})
            assert told.value.info.code == 3000
            assert trio.current_time() < 30 + LINGER
            with pytest.raises(ConnectionClosedError) as caught:
                while True:
                    seen.append(await conn.receive())
            assert numbers(seen) == list(range(300))
            assert caught.value.info.code == 3000


@pytest.mark.parametrize("leaves", ["normally", "failing", "cancelled"])
async def test_a_block_is_left_at_once_while_the_reader_lets_the_program_catch_up(
    leaves: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with line_to(says(numbered(300, size=KIB)), capacity=KIB * KIB) as endpoint:
        with trio.CancelScope() as scope:
            try:
                async with open_realtime("m", endpoint=endpoint) as conn:
                    await conn.receive()
                    await trio.testing.wait_all_tasks_blocked()
                    assert _link_of(conn).lets_catch_up
                    if leaves == "failing":
                        raise LookupError
                    if leaves == "cancelled":
                        scope.cancel()
                        await trio.lowlevel.checkpoint()
            except* LookupError:
                pass
        await trio.testing.wait_all_tasks_blocked()
        assert endpoint.peer.close_code == 1000
    assert trio.current_time() == 0


def _link_of(conn: object) -> Link:
    link = getattr(conn, "_link", None)
    assert isinstance(link, Link)
    return link


# promise 2
async def test_a_line_that_breaks_while_the_reader_lets_the_program_catch_up_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    behave = says(numbered(300, size=KIB), breaks=True)
    async with line_to(behave, capacity=KIB * KIB) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            seen: list[ServerEvent] = []
            with pytest.raises(ConnectionClosedError):
                while True:
                    seen.append(await conn.receive())
            assert numbers(seen) == list(range(300))
            with pytest.raises(ConnectionClosedError):
                await conn.send({"type": "of.today"})
    assert trio.current_time() < 0.1


@pytest.mark.parametrize("step", range(2, 9))
async def test_a_receive_that_is_cancelled_at_any_step_loses_nothing(step: int) -> None:
    data = b"".join(text(str(number)) + ping() for number in range(50))
    received: list[str | bytes] = []
    async with transport_to(writes(data + close(1000)), capacity=(65536, 7)) as transport:
        with trio.fail_after(30):
            while len(received) < 50:
                async with trio.open_nursery() as nursery:

                    async def receive() -> None:
                        received.append(await transport.receive())

                    nursery.start_soon(receive)
                    for _ in range(step):
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()
    assert received == [str(number) for number in range(50)]


@pytest.mark.parametrize("seed", range(20))
async def test_tasks_that_are_cancelled_as_events_arrive_share_each_event_once(seed: int) -> None:
    chance = random.Random(seed)
    seen: list[ServerEvent] = []
    count = 200

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        sent = 0
        while sent < count:
            some = min(chance.choice([1, 2, 5, 20]), count - sent)
            await peer.stream.send_all(numbered(some, start=sent))
            sent += some
            for _ in range(chance.randrange(4)):
                await trio.lowlevel.checkpoint()
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:

        async def read(scope: trio.CancelScope) -> None:
            with scope:
                while True:
                    seen.append(await conn.receive())

        with trio.fail_after(30):
            while len(seen) < count + 1:
                async with trio.open_nursery() as nursery:
                    scopes = [trio.CancelScope() for _ in range(3)]
                    for scope in scopes:
                        nursery.start_soon(read, scope)
                    for scope in scopes:
                        for _ in range(chance.randrange(6)):
                            await trio.lowlevel.checkpoint()
                        scope.cancel()
        assert sorted(map(str, numbers(seen))) == sorted(map(str, range(count)))
        link = _link_of(conn)
        assert (link.budget.held, link.budget.waiting) == (0, 0)
        assert conn.statistics().inbox_bytes == 0
        # Nobody waits: what comes now is held.
        assert not link.stream.holds_unread


# promise 1
async def test_a_server_that_closes_and_does_not_read_costs_no_socket_while_the_block_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.testing.wait_all_tasks_blocked()
        await peer.stream.send_all(close(1001, "enough"))
        await trio.sleep_forever()

    async with line_to(behave, capacity=KIB) as endpoint:
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime("m", endpoint=endpoint) as conn:
                with pytest.raises(ConnectionClosedError) as caught:
                    await conn.input_audio_buffer.append(bytes(100_000))
                assert caught.value.info.code == 1001
                await trio.sleep(Options().close_timeout + 0.1)
                (stream,) = endpoint.streams
                assert stream.closed
                raise caught.value


async def test_a_close_frame_is_written_to_its_end_also_when_an_exception_leaves_the_block(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(polite, capacity=1) as endpoint:
        with pytest.RaisesGroup(LookupError):
            async with open_realtime("m", endpoint=endpoint):
                raise LookupError
        await trio.testing.wait_all_tasks_blocked()
        assert endpoint.peer.close_code == 1000

"""Receiving: streams, taps, the budget, and server errors in their order."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from tests.shell.lines import Behaviour, Peer, line_to, polite, refusal
from trio_realtime import (
    ConnectionClosedError,
    InboxOverflowError,
    MessageTooBigError,
    Options,
    ServerError,
    SessionExpiredError,
    open_realtime,
)
from trio_realtime._connection import Link
from trio_realtime.events import Error, InvalidEvent, UnknownEvent
from trio_realtime.types import ErrorDetails

KIB = 1024


def speaks(count: int, size: int = 0) -> Behaviour:
    """Open a session and send `count` events of an unknown type, numbered, of a size."""

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for number in range(count):
            await peer.send("of.tomorrow", number=number, padding="x" * size)
        await peer.drain()

    return behave


def numbers(events: list[object]) -> list[object]:
    return [event.data["number"] for event in events if isinstance(event, UnknownEvent)]


async def test_breaking_out_of_the_loop_and_coming_back_loses_nothing() -> None:
    async with line_to(speaks(4)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        seen: list[object] = []
        while len(seen) < 5:
            async for event in conn:
                seen.append(event)
                break
        assert numbers(seen) == [0, 1, 2, 3]


async def test_every_receive_is_a_checkpoint() -> None:
    async with line_to(speaks(2)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await trio.testing.wait_all_tasks_blocked()
        with trio.testing.assert_checkpoints():
            await conn.receive()
        with trio.testing.assert_checkpoints():
            await anext(conn)


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with line_to(speaks(2)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await trio.testing.wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            scope.cancel()
            await conn.receive()
        assert scope.cancelled_caught
        seen: list[object] = [await conn.receive() for _ in range(3)]
        assert numbers(seen) == [0, 1]
        with trio.move_on_after(0):
            await conn.receive()


async def test_a_receive_that_was_cancelled_before_it_began_has_not_read_the_stream() -> None:
    async with line_to(speaks(20, size=KIB)) as endpoint:
        options = Options(inbox_bytes=8 * KIB, backlog_bytes=7 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            with trio.CancelScope() as scope:
                scope.cancel()
                await conn.receive()
            await trio.testing.wait_all_tasks_blocked()
            looked = conn.statistics()
            assert (looked.inbox_bytes, looked.reader_paused) == (0, False)
            assert looked.dropped > 0


async def test_two_tasks_share_a_stream() -> None:
    async with line_to(speaks(2)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        seen: list[object] = []

        async def take() -> None:
            seen.append(await conn.receive())

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(take)
        assert sorted(numbers(seen), key=str) == [0, 1]


async def test_receive_nowait_says_when_there_is_nothing() -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        assert conn.receive_nowait().type == "session.created"
        with pytest.raises(trio.WouldBlock):
            conn.receive_nowait()


def when_asked(count: int, size: int = 0) -> Behaviour:
    """As `speaks`, once the client has sent a frame."""

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive()
        for number in range(count):
            await peer.send("of.tomorrow", number=number, padding="x" * size)
        await peer.drain()

    return behave


async def test_a_tap_sees_every_event_from_now_on_beside_the_stream() -> None:
    async with line_to(when_asked(3)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with conn.tap() as events, conn.tap() as copy:
            await conn.send_raw("{}")
            seen: list[object] = [await events.receive() for _ in range(3)]
            assert "tap" in repr(copy)
        assert numbers(seen) == [0, 1, 2]
        with pytest.raises(trio.ClosedResourceError):
            await events.receive()
        assert numbers([await conn.receive() for _ in range(4)]) == [0, 1, 2]


async def test_a_tap_drops_its_oldest_and_counts_them() -> None:
    async with line_to(when_asked(10, size=KIB)) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            with conn.tap(max_bytes=7 * KIB) as events:
                await conn.send_raw("{}")
                await trio.testing.wait_all_tasks_blocked()
                kept = numbers([events.receive_nowait() for _ in range(10 - events.dropped)])
                assert kept == list(range(10))[-len(kept) :]
                assert 1 <= len(kept) <= 3
                with pytest.raises(trio.WouldBlock):
                    events.receive_nowait()


async def test_a_tap_that_is_opened_too_late_ends_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.aclose()
        with conn.tap() as events, pytest.raises(trio.EndOfChannel):
            await events.receive()


# promise 7
async def test_a_stream_that_nobody_has_read_keeps_the_newest_and_counts_the_rest() -> None:
    async with line_to(speaks(10, size=KIB)) as endpoint:
        options = Options(backlog_bytes=7 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await trio.testing.wait_all_tasks_blocked()
            dropped = conn.statistics().dropped
            kept = numbers([await conn.receive() for _ in range(11 - dropped)])
            assert kept == list(range(10))[-len(kept) :]
            assert 1 <= len(kept) <= 3


async def test_the_newest_event_is_kept_whatever_it_weighs() -> None:
    async with line_to(speaks(2, size=9 * KIB)) as endpoint:
        options = Options(backlog_bytes=KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await trio.testing.wait_all_tasks_blocked()
            assert numbers([await conn.receive()]) == [1]


# promise 8; pain 10
async def test_the_reader_pauses_when_the_inbox_is_full_and_goes_on_when_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with line_to(speaks(100, size=4 * KIB)) as endpoint:
        options = Options(inbox_bytes=64 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.testing.wait_all_tasks_blocked()
            paused = conn.statistics()
            assert paused.reader_paused
            assert 64 * KIB <= paused.inbox_bytes < 70 * KIB
            assert "unread" in caplog.text
            seen: list[object] = []
            pauses = 0
            while len(seen) < 100:
                seen.append(await conn.receive())
                # The reader takes one more, and the inbox is as full as before.
                await trio.testing.wait_all_tasks_blocked()
                pauses += conn.statistics().reader_paused
            assert numbers(seen) == list(range(100))
            assert conn.statistics().inbox_bytes == 0
            assert not conn.statistics().reader_paused
            assert pauses > 10
            assert caplog.text.count("unread") == 1


# promise 8
async def test_requests_are_answered_while_the_inbox_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for number in range(20):
            await peer.send("of.tomorrow", number=number, padding="x" * 4 * KIB)
        await peer.receive_type("input_audio_buffer.clear")
        await peer.send("input_audio_buffer.cleared")
        await peer.drain()

    async with line_to(behave) as endpoint:
        options = Options(inbox_bytes=64 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.testing.wait_all_tasks_blocked()
            assert conn.statistics().reader_paused
            await conn.input_audio_buffer.clear()
            assert trio.current_time() == 0
            assert numbers([await conn.receive() for _ in range(21)]) == list(range(20))


async def test_a_wait_for_the_server_fails_the_connection_only_beyond_twice_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(speaks(100, size=4 * KIB)) as endpoint:
        options = Options(inbox_bytes=64 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            with pytest.raises(InboxOverflowError) as caught:
                await conn.input_audio_buffer.clear()
            assert caught.value.limit == 128 * KIB
            seen: list[object] = []
            with pytest.raises(InboxOverflowError):
                async for event in conn:
                    seen.append(event)
            assert numbers(seen) == list(range(len(seen)))
            assert len(seen) >= 25


# promise 8
async def test_a_send_to_a_server_that_writes_before_it_reads_does_not_wait_for_ourselves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for number in range(200):
            await peer.send("of.tomorrow", number=number, padding="x" * 4 * KIB)
        await peer.drain()

    async with line_to(behave, capacity=16 * KIB) as endpoint:
        options = Options(inbox_bytes=600 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            # Longer than the reader waits for a program that is behind.
            await trio.sleep(1)
            assert conn.statistics().reader_paused
            with trio.fail_after(10):
                await conn.input_audio_buffer.append(bytes(100_000))
            assert numbers([await conn.receive() for _ in range(200)]) == list(range(200))


async def test_reading_stays_near_a_program_that_reads_as_well(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(speaks(400, size=4 * KIB), capacity=10_000 * KIB) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            held = 0
            while not isinstance(event := await conn.receive(), UnknownEvent) or (
                event.data["number"] != 399
            ):
                held = max(held, conn.statistics().inbox_bytes)
                for _ in range(5):  # slower than the server, yet never away
                    await trio.lowlevel.checkpoint()
            # Some hundred events, and what one more read brings.
            assert 100 * KIB < held < 400 * KIB
    assert trio.current_time() < 0.01


# promise 8
async def test_reading_goes_on_without_a_program_that_stopped_reading(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(speaks(2000, size=4 * KIB)) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            await conn.receive()
            await trio.sleep(10)
            assert conn.statistics().frames_in == 2001
            assert not conn.statistics().reader_paused
            assert numbers([await conn.receive() for _ in range(2000)]) == list(range(2000))


async def test_waiting_on_an_empty_tap_keeps_the_reader_going() -> None:
    async with line_to(speaks(20, size=4 * KIB)) as endpoint:
        options = Options(inbox_bytes=64 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            with conn.tap(max_bytes=1) as events:
                await trio.testing.wait_all_tasks_blocked()
                assert conn.statistics().reader_paused
                while not isinstance(event := await events.receive(), UnknownEvent) or (
                    event.data["number"] != 19
                ):
                    pass


async def test_a_message_above_the_limit_ends_the_connection_after_what_came_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.send("of.tomorrow", number=1)
        await peer.send("of.tomorrow", number=2, padding="x" * 10 * KIB)
        await peer.drain()

    async with line_to(behave) as endpoint:
        options = Options(max_message_bytes=10 * KIB)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            seen: list[object] = []
            with pytest.raises(MessageTooBigError) as caught:
                async for event in conn:
                    seen.append(event)
            assert numbers(seen) == [1]
            assert caught.value.limit == 10 * KIB


# pain 18
async def test_a_message_of_three_and_a_half_megabytes_arrives() -> None:
    async with line_to(speaks(1, size=3_500_000)) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            assert numbers([await conn.receive() for _ in range(2)]) == [0]


# promise 6; pain 6
async def test_content_never_ends_the_stream() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for frame in ("{", "[1]", "null", '{"type":7}', '{"type":"response.done"}', ""):
            await peer.ws.send(frame)
        await peer.ws.send_bytes(b"\xff\xfe")
        await peer.send("of.tomorrow", number=1)
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        seen = [await conn.receive() for _ in range(9)]
        assert [type(event) for event in seen[1:8]] == [InvalidEvent] * 7
        assert numbers([seen[8]]) == [1]


def errors_of(code: str, kind: str, *, named: bool) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        frame = await peer.receive()
        await peer.send("error", error=refusal(code, frame["event_id"] if named else None, kind))
        await peer.send("of.tomorrow", number=1)
        await peer.drain()

    return behave


# promise 5
async def test_an_error_about_a_plain_frame_is_raised_from_the_stream_once_and_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    behave = errors_of("invalid_value", "invalid_request_error", named=True)
    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with conn.tap() as events:
            event_id = await conn.send({"type": "conversation.item.delete", "item_id": "x"})
            seen: list[object] = [await conn.receive()]
            with pytest.raises(ServerError) as caught:
                await conn.receive()
            seen.append(await conn.receive())
            assert caught.value.event_id == event_id
            assert caught.value.event is not None
            assert numbers(seen) == [1]
            assert isinstance(await events.receive(), Error)
        (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert "invalid_value" in record.getMessage()


# pain 2
@pytest.mark.parametrize(
    ("code", "kind", "named"),
    [
        ("invalid_value", "invalid_request_error", False),
        ("server_error", "server_error", True),
        ("response_cancel_not_active", "invalid_request_error", True),
        ("conversation_already_has_active_response", "invalid_request_error", True),
        ("input_audio_buffer_commit_empty", "invalid_request_error", True),
    ],
)
async def test_other_errors_are_delivered_as_events(code: str, kind: str, named: bool) -> None:
    async with line_to(errors_of(code, kind, named=named)) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            await conn.send({"type": "conversation.item.delete", "item_id": "x"})
            await conn.receive()
            event = await conn.receive()
            assert isinstance(event, Error)
            assert event.error.code == code
            assert numbers([await conn.receive()]) == [1]


async def test_with_errors_yield_nothing_is_raised_from_the_stream() -> None:
    behave = errors_of("invalid_value", "invalid_request_error", named=True)
    async with line_to(behave) as endpoint:
        async with open_realtime("m", endpoint=endpoint, errors="yield") as conn:
            await conn.send({"type": "conversation.item.delete", "item_id": "x"})
            await conn.receive()
            assert isinstance(await conn.receive(), Error)


# pain 12
@pytest.mark.parametrize("with_event", [True, False])
async def test_an_expired_session_has_an_error_of_its_own(
    autojump_clock: trio.testing.MockClock, with_event: bool
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        if with_event:
            await peer.send("error", error=refusal("session_expired", None))
        await peer.ws.close(1001, "Your session hit the maximum duration of 60 minutes.")

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        seen: list[object] = []
        with pytest.raises(SessionExpiredError) as caught:
            async for event in conn:
                seen.append(event)
        assert len(seen) == 1 + with_event
        assert isinstance(caught.value, ConnectionClosedError)
        assert caught.value.info.code == 1001


async def test_a_close_carries_the_code_of_the_error_that_ended_the_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.send("error", error=refusal("credit_balance_exhausted", None))
        await peer.ws.close(4000, "")

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        assert isinstance(await conn.receive(), Error)
        with pytest.raises(ConnectionClosedError, match="credit_balance_exhausted"):
            await conn.receive()


async def test_a_connection_can_be_looked_at() -> None:
    async with line_to(speaks(1)) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        assert conn.url == "ws://localhost/v1/realtime?model=m"
        assert (conn.subprotocol, conn.request_id) == (None, None)
        assert "open" in repr(conn)
        await conn.receive()
        await conn.receive()
        looked = conn.statistics()
        assert (looked.frames_in, looked.inbox_bytes, looked.dropped) == (2, 0, 0)
        assert looked.bytes_in > 100
        assert looked.bytes_out > 100
        assert looked.last_ping_ms is None
        await conn.aclose()
        assert "closed" in repr(conn)


async def test_a_receive_that_is_cancelled_as_an_event_arrives_leaves_the_budget_right(
    autojump_clock: trio.testing.MockClock,
) -> None:
    link = Link(options=Options(), raises_errors=True, url="", secrets=())
    events = link.stream
    async with trio.open_nursery() as nursery:
        nursery.start_soon(events.receive)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        # The task is cancelled and has not run yet: it will not take this.
        link.dispatch(Error(error=ErrorDetails(code="first")), 2 * KIB)
    link.dispatch(Error(error=ErrorDetails(code="second")), 2 * KIB)
    assert link.budget.held == 4 * KIB
    assert len([events.receive_nowait(), events.receive_nowait()]) == 2
    assert link.budget.held == 0

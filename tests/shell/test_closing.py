"""Leaving the block: who is told what, and how long it takes. The table of the design's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import pytest
import trio
import trio.testing

from tests.shell.lines import (
    Behaviour,
    LineEndpoint,
    Peer,
    anatomy,
    line_to,
    polite,
    silent_at_close,
)
from trio_realtime import (
    CloseInfo,
    ConnectionClosedError,
    Options,
    RealtimeConnection,
    open_realtime,
)

Body = Callable[[RealtimeConnection], Awaitable[None]]


async def stops_reading(peer: Peer) -> None:
    """Open a session and read nothing more, ever."""
    await peer.open_session()
    await trio.sleep_forever()


def drops_after(seconds: float, events: int = 0) -> Behaviour:
    """Open a session, send some events, and after a while end the line without a close frame."""

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for _ in range(events):
            await peer.send("input_audio_buffer.cleared")
        await trio.sleep(seconds)
        await trio.aclose_forcefully(peer.stream)

    return behave


async def sleeps(conn: RealtimeConnection) -> None:
    await trio.sleep(1)


async def sleeps_forever(conn: RealtimeConnection) -> None:
    await trio.sleep_forever()


async def fails(conn: RealtimeConnection) -> None:
    raise ValueError("body")


async def fails_after_a_loss(conn: RealtimeConnection) -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("body")


async def moves_on(conn: RealtimeConnection) -> None:
    with trio.move_on_after(1):
        await trio.sleep_forever()


async def exits(conn: RealtimeConnection) -> None:
    raise SystemExit(3)


async def interrupted(conn: RealtimeConnection) -> None:
    raise KeyboardInterrupt


async def queues(conn: RealtimeConnection) -> None:
    conn.send_nowait({"type": "input_audio_buffer.append", "audio": "A" * 400_000})
    conn.send_nowait({"type": "input_audio_buffer.commit"})


async def queues_and_fails(conn: RealtimeConnection) -> None:
    await queues(conn)
    raise ValueError("body")


async def speaks_in_finally(conn: RealtimeConnection) -> None:
    try:
        await trio.sleep_forever()
    finally:
        conn.send_nowait({"type": "input_audio_buffer.clear"})


async def reads(conn: RealtimeConnection) -> None:
    async for _ in conn:
        await trio.sleep(2)


async def leaving(
    behave: Behaviour, body: Body, *, outer: float | None = None, options: Options | None = None
) -> tuple[str, float, bool, LineEndpoint]:
    """Run a body in a block; tell what left it, after how long, and what the scope caught."""
    left = "nothing"
    async with line_to(behave) as endpoint:
        began = trio.current_time()
        with trio.CancelScope() as scope:
            scope.deadline = trio.current_time() + outer if outer is not None else scope.deadline
            try:
                async with open_realtime(
                    "m", endpoint=endpoint, options=options or Options()
                ) as conn:
                    await body(conn)
            except BaseException as error:
                left = anatomy(error)
                if scope.cancel_called:
                    raise
        took = trio.current_time() - began
        await trio.testing.wait_all_tasks_blocked()
        # promise 1: our end of the line is closed, however the block was left.
        assert [stream.is_closed for stream in endpoint.streams] == [True]
    return left, took, scope.cancelled_caught, endpoint


LOST = "ExceptionGroup[ConnectionClosedError]"


CASES: Final = (
    pytest.param(polite, sleeps, None, "nothing", 1, False, id="normal"),
    pytest.param(silent_at_close, sleeps, None, "nothing", 2, False, id="no answer to CLOSE"),
    pytest.param(polite, fails, None, "ExceptionGroup[ValueError]", 0, False, id="body error"),
    pytest.param(
        silent_at_close, fails, None, "ExceptionGroup[ValueError]", 0, False,
        id="body error, no answer to CLOSE: the peer is not waited for",
    ),
    pytest.param(
        stops_reading, queues_and_fails, None, "ExceptionGroup[ValueError]", 1, False,
        id="body error, a frame is stuck",
    ),
    pytest.param(drops_after(1), sleeps_forever, None, LOST, 11, False, id="a loss in sleep"),
    pytest.param(
        drops_after(1), fails_after_a_loss, None,
        "ExceptionGroup[ConnectionClosedError, ValueError]", 11, False, id="both",
    ),
    pytest.param(
        drops_after(1, events=4), reads, None, LOST, 10, False,
        id="a loss with a backlog: all of it first",
    ),
    pytest.param(
        polite, sleeps_forever, 3, "BaseExceptionGroup[Cancelled]", 3, True, id="cancelled",
    ),
    pytest.param(
        drops_after(1), sleeps_forever, 3, "BaseExceptionGroup[Cancelled]", 3, True,
        id="cancelled after a loss",
    ),
    pytest.param(
        silent_at_close, sleeps, 1.5, "BaseExceptionGroup[Cancelled]", 1.5, True,
        id="cancelled while closing",
    ),
    pytest.param(
        silent_at_close, speaks_in_finally, 3, "BaseExceptionGroup[Cancelled]", 3, True,
        id="cancelled, with last words",
    ),
    pytest.param(polite, moves_on, None, "nothing", 1, False, id="move_on_after inside"),
    pytest.param(polite, exits, None, "BaseExceptionGroup[SystemExit]", 0, False, id="exit"),
    pytest.param(
        polite, interrupted, None, "BaseExceptionGroup[KeyboardInterrupt]", 0, False,
        id="Ctrl-C",
    ),
    pytest.param(polite, queues, None, "nothing", 0, False, id="queued frames are written"),
    pytest.param(stops_reading, queues, None, LOST, 1, False, id="queued frames are stuck"),
)  # fmt: skip
"""Server, body, when an outer scope strikes; what leaves the block, when, and who caught it."""


# promise 1; pain 5
@pytest.mark.parametrize(("behave", "body", "outer", "left", "took", "caught"), CASES)
async def test_what_leaves_the_block(
    autojump_clock: trio.testing.MockClock,
    behave: Behaviour,
    body: Body,
    outer: float | None,
    left: str,
    took: float,
    caught: bool,
) -> None:
    what, seconds, scope_caught, _ = await leaving(behave, body, outer=outer)
    assert (what, scope_caught) == (left, caught)
    assert seconds == pytest.approx(took, abs=0.01)


async def test_nested_blocks_group_one_level_each(autojump_clock: trio.testing.MockClock) -> None:
    async with line_to(polite) as one, line_to(polite) as two:
        with pytest.RaisesGroup(pytest.RaisesGroup(ValueError)) as caught:
            async with open_realtime("m", endpoint=one), open_realtime("m", endpoint=two):
                raise ValueError("body")
    assert anatomy(caught.value) == "ExceptionGroup[ExceptionGroup[ValueError]]"


async def test_last_words_of_a_cancelled_body_reach_the_server(
    autojump_clock: trio.testing.MockClock,
) -> None:
    *_, endpoint = await leaving(polite, speaks_in_finally, outer=3)
    assert [frame["type"] for frame in endpoint.peer.received] == ["input_audio_buffer.clear"]


async def test_a_shielded_send_in_finally_still_has_a_line(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await conn.send({"type": "input_audio_buffer.clear"})

    *_, endpoint = await leaving(polite, body, outer=3)
    assert [frame["type"] for frame in endpoint.peer.received] == ["input_audio_buffer.clear"]


async def test_the_server_sees_a_close_frame_also_when_the_block_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    *_, endpoint = await leaving(polite, sleeps_forever, outer=3)
    assert endpoint.peer.close_code == 1000


async def test_a_stuck_frame_of_send_nowait_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(stops_reading) as endpoint:
        with pytest.RaisesGroup(ConnectionClosedError) as caught:
            async with open_realtime("m", endpoint=endpoint) as conn:
                await queues(conn)
    (error,) = caught.value.exceptions
    assert isinstance(error, ConnectionClosedError)
    assert [kind for _, kind in error.unsent] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]
    assert error.info.closed_by == "us"


async def test_a_loss_that_kept_frames_of_send_nowait_is_told_at_a_normal_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(1)
        peer.stream.abort()

    async def body(conn: RealtimeConnection) -> None:
        await queues(conn)
        await trio.sleep(2)

    left, took, *_ = await leaving(behave, body)
    assert (left, took) == (LOST, 2)


async def test_a_loss_that_a_call_was_told_of_is_not_told_again_at_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        await queues(conn)
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.wait_closed()
        kinds = [kind for _, kind in (*caught.value.uncertain, *caught.value.unsent)]
        assert kinds == ["input_audio_buffer.append", "input_audio_buffer.commit"]

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(1)
        peer.stream.abort()

    left, took, *_ = await leaving(behave, body)
    assert (left, took) == ("nothing", 1)


async def test_a_full_inbox_does_not_keep_us_from_hearing_the_answer_to_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for _ in range(60):
            await peer.send("of.tomorrow", padding="x" * 4096)
        await peer.drain()

    async def body(conn: RealtimeConnection) -> None:
        await conn.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert conn.statistics().reader_paused

    left, took, _, endpoint = await leaving(behave, body, options=Options(inbox_bytes=64 * 1024))
    assert (left, took) == ("nothing", 0)
    assert endpoint.peer.close_code == 1000


async def test_no_answer_to_close_is_no_error_with_a_timeout_of_zero(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left, took, *_ = await leaving(silent_at_close, sleeps, options=Options(close_timeout=0))
    assert (left, took) == ("nothing", 1)


async def test_a_loss_is_told_only_after_the_grace(autojump_clock: trio.testing.MockClock) -> None:
    left, took, *_ = await leaving(drops_after(1), sleeps_forever, options=Options(failure_grace=3))
    assert left == LOST
    assert took == pytest.approx(4, abs=0.01)


async def test_without_a_grace_the_body_is_never_told_of_a_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        await trio.sleep(3600)

    left, took, *_ = await leaving(drops_after(1), body, options=Options(failure_grace=None))
    assert left == "nothing"
    assert took == pytest.approx(3600, abs=0.01)


# promise 2
async def test_a_backlog_is_never_cut_short_however_slowly_it_is_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    seen: list[str] = []

    async def body(conn: RealtimeConnection) -> None:
        async for event in conn:
            seen.append(event.type)
            await trio.sleep(60)

    left, took, *_ = await leaving(drops_after(0.1, events=5), body)
    assert seen == ["session.created", *["input_audio_buffer.cleared"] * 5]
    # Ten seconds after the last event was taken, and no sooner.
    assert left == LOST
    assert took == pytest.approx(310, abs=0.01)


async def test_a_body_that_stopped_reading_is_told_at_its_next_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        await conn.receive()
        await trio.sleep(3600)
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.send({"type": "input_audio_buffer.clear"})
        assert caught.value.info == CloseInfo(None, "", "network")
        with pytest.raises(ConnectionClosedError) as again:
            await conn.wait_closed()
        assert again.value is not caught.value

    left, took, *_ = await leaving(drops_after(0.1, events=5), body)
    assert left == "nothing"
    assert took == pytest.approx(3600, abs=0.01)


# pain 4
@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4001])
async def test_a_close_of_the_server_is_quiet_only_with_1000(
    autojump_clock: trio.testing.MockClock, code: int
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(1)
        if code == 1006:
            peer.stream.abort()
        else:
            await peer.ws.close(code, "so long")

    async def body(conn: RealtimeConnection) -> None:
        async for _ in conn:
            pass
        assert await conn.wait_closed() == CloseInfo(1000, "so long", "server")

    left, *_ = await leaving(behave, body)
    assert left == ("nothing" if code == 1000 else LOST)


async def test_a_1000_in_the_middle_of_a_response_is_a_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("response.create")
        await peer.ws.close(1000, "")

    async def body(conn: RealtimeConnection) -> None:
        await conn.response.create()
        async for _ in conn:
            pass

    left, *_ = await leaving(behave, body)
    assert left == LOST


async def test_closing_early_ends_streams_after_what_they_hold(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.send("input_audio_buffer.cleared")
        await peer.drain()

    async def body(conn: RealtimeConnection) -> None:
        before = conn.close_info
        assert before is None
        await trio.testing.wait_all_tasks_blocked()
        await conn.aclose(3001, "enough")
        await conn.aclose()
        assert conn.close_info == CloseInfo(3001, "enough", "us")
        assert [event.type async for event in conn] == [
            "session.created",
            "input_audio_buffer.cleared",
        ]
        with pytest.raises(trio.EndOfChannel):
            await conn.receive()
        with pytest.raises(trio.EndOfChannel):
            conn.receive_nowait()
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.send({"type": "input_audio_buffer.clear"})
        assert caught.value.info.closed_by == "us"
        assert await conn.wait_closed() == conn.close_info

    left, took, _, endpoint = await leaving(behave, body)
    assert (left, took) == ("nothing", 0)
    assert endpoint.peer.close_code == 3001


async def test_a_cancelled_aclose_closes_by_force(autojump_clock: trio.testing.MockClock) -> None:
    async def body(conn: RealtimeConnection) -> None:
        with trio.move_on_after(0.5) as scope:
            await conn.aclose()
        assert scope.cancelled_caught
        assert conn.close_info is not None

    left, took, *_ = await leaving(silent_at_close, body)
    assert (left, took) == ("nothing", 0.5)


async def test_aclose_names_what_send_nowait_could_not_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        await queues(conn)
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.aclose()
        assert len(caught.value.unsent) == 2

    left, took, *_ = await leaving(stops_reading, body)
    assert (left, took) == ("nothing", 1)


@pytest.mark.parametrize(("code", "reason"), [(1001, ""), (2999, ""), (5000, ""), (1000, "é" * 62)])
async def test_a_close_that_the_protocol_forbids_is_refused(code: int, reason: str) -> None:
    async def body(conn: RealtimeConnection) -> None:
        with pytest.raises(ValueError, match="close"):
            await conn.aclose(code, reason)

    left, *_ = await leaving(polite, body)
    assert left == "nothing"


# promise 3
async def test_everybody_that_waits_is_woken_by_a_local_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        woken: list[str] = []

        async def asks() -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                await conn.request({"type": "input_audio_buffer.commit"})
            woken.append(f"request {caught.value.info.closed_by}")

        async def reads_all() -> None:
            async for _ in conn:
                pass
            woken.append("stream")

        async def waits() -> None:
            await conn.wait_closed()
            woken.append("wait_closed")

        async def taps() -> None:
            with conn.tap() as events:
                async for _ in events:
                    pass
            woken.append("tap")

        async with trio.open_nursery() as nursery:
            for task in (asks, asks, reads_all, waits, taps):
                nursery.start_soon(task)
            await trio.testing.wait_all_tasks_blocked()
            await conn.aclose()
        assert sorted(woken) == ["request us", "request us", "stream", "tap", "wait_closed"]

    left, *_ = await leaving(polite, body)
    assert left == "nothing"


# promise 3
async def test_everybody_that_waits_is_told_of_a_loss_with_an_error_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def body(conn: RealtimeConnection) -> None:
        told: list[ConnectionClosedError] = []

        async def expects(what: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                await what()
            told.append(caught.value)

        async def drain() -> None:
            async for _ in conn:
                pass

        async def ask() -> None:
            await conn.request({"type": "input_audio_buffer.commit", "event_id": "ours"})

        async with trio.open_nursery() as nursery:
            for what in (drain, drain, ask, ask, conn.wait_closed):
                nursery.start_soon(expects, what)
        assert len({id(error) for error in told}) == 5
        assert all(error.info.closed_by == "network" for error in told)
        assert {error.uncertain for error in told} == {(("ours", "input_audio_buffer.commit"),)}

    left, *_ = await leaving(drops_after(1), body)
    assert left == "nothing"


async def test_what_a_stream_factory_raises_leaves_unchanged() -> None:
    async def factory(host: str, port: int) -> trio.abc.Stream:
        raise ValueError("mine")

    async with line_to(polite) as endpoint:
        with pytest.raises(ValueError, match="mine"):
            async with open_realtime("m", endpoint=endpoint, stream_factory=factory):
                raise AssertionError

"""The views of a response: what each of them delivers, what they may hold, and what was heard."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final, Literal, TypeAlias

import pytest
import trio
import trio.testing
from hypothesis import example, given, strategies as st

from tests.shell.handles import BYTES_PER_MS, KIB, Handle
from tests.shell.test_ki import PACKAGE, AtLine
from trio_realtime import ConnectionClosedError, Options, ResponseFailedError
from trio_realtime._response import ReplyView
from trio_realtime.events import ResponseContentPartDone, ResponseOutputTextDone, ServerEvent
from trio_realtime.types import (
    AudioConfig,
    AudioFormat,
    AudioOutputConfig,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    Session,
    TextPart,
)

pytestmark = pytest.mark.one_library

View: TypeAlias = ReplyView[ServerEvent] | ReplyView[str] | ReplyView[bytes]


def here(view: ReplyView[str] | ReplyView[bytes]) -> list[str | bytes]:
    """What a view holds."""
    pieces: list[str | bytes] = []
    with pytest.raises(trio.WouldBlock):
        while True:
            pieces.append(view.receive_nowait())
    return pieces


def types_here(view: ReplyView[ServerEvent]) -> list[str]:
    """The types of the events that a view holds, as short as they go."""
    types: list[str] = []
    with pytest.raises(trio.WouldBlock):
        while True:
            types.append(view.receive_nowait().type.rpartition(".")[2])
    return types


async def first(view: ReplyView[str] | ReplyView[bytes]) -> str | bytes | None:
    """The next piece, by a loop that is left at once."""
    async for piece in view:
        return piece
    return None


def ms(count: int) -> bytes:
    """So many milliseconds of audio."""
    return bytes(BYTES_PER_MS * count)


# From when on


def test_views_that_are_open_when_the_first_is_read_see_the_response_from_its_start() -> None:
    handle = Handle()
    handle.says("a", "b")
    handle.sounds(b"1")
    reply = handle.reply
    events, words, chunks = aiter(reply), reply.text(), reply.audio()
    handle.says("c")
    handle.sounds(b"2")
    assert here(words) == ["a", "b", "c"]
    handle.says("d")
    handle.sounds(b"3")
    assert here(chunks) == [b"1", b"2", b"3"]
    assert types_here(events) == ["created", *["delta"] * 7]
    assert here(words) == ["d"]


async def test_a_view_that_is_opened_later_sees_the_response_from_then_on() -> None:
    handle = Handle()
    handle.says("a", "b")
    handle.sounds(b"1")
    await anext(handle.reply)
    handle.says("c")
    words, chunks = handle.reply.text(), handle.reply.audio()
    assert here(words) == []
    handle.says("d")
    handle.sounds(b"2")
    assert (here(words), here(chunks)) == (["d"], [b"2"])
    assert len(types_here(aiter(handle.reply))) == 6


async def test_tasks_that_are_started_together_see_the_same_response_whoever_is_first() -> None:
    handle = Handle()
    handle.says("a")
    handle.sounds(b"1")
    reply = handle.reply
    seen: dict[str, list[object]] = {}

    async def read(name: str, view_of: Callable[[], View]) -> None:
        seen[name] = [piece async for piece in view_of()]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, "text", reply.text)
        nursery.start_soon(read, "audio", reply.audio)
        nursery.start_soon(read, "events", lambda: aiter(reply))
        await trio.testing.wait_all_tasks_blocked()
        handle.says("b")
        handle.ends()
    assert (seen["text"], seen["audio"], len(seen["events"])) == (["a", "b"], [b"1"], 5)


async def test_while_nothing_is_handed_out_a_new_view_sees_the_response_from_its_start() -> None:
    handle = Handle(Options(backlog_bytes=4 * KIB))
    chunks = handle.reply.audio()
    with pytest.raises(trio.WouldBlock):
        chunks.receive_nowait()
    handle.says(*"abcdef")
    assert here(handle.reply.text()) == [*"cdef"]
    assert handle.reply.dropped == 3
    handle.ends()
    # By now something was.
    with pytest.raises(trio.EndOfChannel):
        await aiter(handle.reply).receive()


async def test_the_text_of_a_response_can_be_read_after_its_audio_turned_out_to_be_none() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.says("a")
    handle.ends()
    assert [chunk async for chunk in chunks] == []
    assert [piece async for piece in handle.reply.text()] == ["a"]


async def test_a_view_that_is_opened_after_the_end_is_empty() -> None:
    handle = Handle()
    handle.says("a")
    await anext(handle.reply)
    handle.ends()
    with pytest.raises(trio.EndOfChannel):
        await handle.reply.text().receive()


async def test_views_are_read_in_full_after_the_response_is_over() -> None:
    handle = Handle()
    handle.says("a", "b")
    handle.ends()
    words = handle.reply.text()
    assert [event.type async for event in handle.reply] == [
        "response.created",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.done",
    ]
    assert [piece async for piece in words] == ["a", "b"]


def test_a_view_asked_for_again_is_the_same() -> None:
    reply = Handle().reply
    assert reply.text() is reply.text()
    assert reply.audio() is reply.audio()
    assert aiter(reply) is aiter(reply)
    assert "0 bytes held, 0 dropped" in repr(reply.text())


# What the views deliver


async def test_the_text_of_an_audio_response_is_its_transcript() -> None:
    handle = Handle()
    handle.sounds(b"1")
    handle.transcribes("Good ", "", "day")
    handle.sounds(b"", b"2")
    words, chunks = handle.reply.text(), handle.reply.audio()
    handle.ends()
    assert [piece async for piece in words] == ["Good ", "day"]
    assert [chunk async for chunk in chunks] == [b"1", b"2"]


async def test_the_audio_of_a_text_response_is_empty() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.says("Good day")
    handle.ends()
    assert [chunk async for chunk in chunks] == []


@pytest.mark.parametrize("is_open_before", [True, False])
def test_a_text_that_was_not_streamed_comes_at_its_end(is_open_before: bool) -> None:
    handle = Handle()
    words = handle.reply.text()
    if is_open_before:
        assert here(words) == []
    handle.says("Good ")
    handle.take(
        ResponseOutputTextDone(
            response_id="resp_1",
            item_id="item_1",
            output_index=0,
            content_index=0,
            text="Good day",
        ),
        ResponseContentPartDone(
            response_id="resp_1",
            item_id="item_1",
            output_index=0,
            content_index=0,
            part=TextPart(text="Good day"),
        ),
    )
    assert here(words) == ["Good ", "day"]


async def test_breaking_out_of_a_view_and_coming_back_loses_nothing() -> None:
    handle = Handle()
    handle.says(*"abcd")
    handle.ends()
    assert [await first(handle.reply.text()) for _ in range(5)] == [*"abcd", None]


# promise 2
async def test_what_arrived_before_a_failure_is_delivered_before_it_is_raised() -> None:
    handle = Handle()
    reply = handle.reply
    words = reply.text()
    handle.says("a", "b")
    events: list[str] = []
    with pytest.raises(ResponseFailedError) as first:
        async for event in reply:
            events.append(event.type)
            if len(events) == 2:
                handle.ends("failed")
    assert events[-1] == "response.done"
    assert len(events) == 4
    assert [await words.receive(), words.receive_nowait()] == ["a", "b"]
    with pytest.raises(ResponseFailedError) as second:
        words.receive_nowait()
    with pytest.raises(ResponseFailedError) as third:
        await words.receive()
    assert len({id(first.value), id(second.value), id(third.value)}) == 3


# promise 2
async def test_what_arrived_before_a_loss_is_delivered_before_it_is_raised() -> None:
    handle = Handle()
    reply = handle.reply
    words, chunks = reply.text(), reply.audio()
    await anext(reply)
    handle.says("a", "b")
    handle.sounds(b"1")
    handle.loses()
    assert handle.sink.holds_unread
    seen: list[str] = []
    with pytest.raises(ConnectionClosedError):
        async for piece in words:
            seen.append(piece)
    assert seen == ["a", "b"]
    assert await chunks.receive() == b"1"
    with pytest.raises(ConnectionClosedError):
        await chunks.receive()
    assert len([await anext(reply) for _ in range(3)]) == 3
    with pytest.raises(ConnectionClosedError):
        await anext(reply)
    assert handle.held == 0


@pytest.mark.parametrize("close", [Handle.ends, Handle.closes], ids=["ended", "closed"])
async def test_a_quiet_end_is_quiet_for_ever(close: Callable[[Handle], object]) -> None:
    handle = Handle()
    handle.says("a")
    words = handle.reply.text()
    close(handle)
    assert [piece async for piece in words] == ["a"]
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await words.receive()
        with pytest.raises(trio.EndOfChannel):
            words.receive_nowait()
        assert [piece async for piece in words] == []


# One reader


async def test_a_second_task_that_reads_a_view_is_told_so() -> None:
    handle = Handle()
    words = handle.reply.text()
    got: list[str] = []

    async def read() -> None:
        got.append(await words.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="another task"):
            await words.receive()
        with pytest.raises(trio.BusyResourceError, match="for one task"):
            words.receive_nowait()
        handle.says("a", "b")
        # The first of them is on its way to the task that waited: it is still reading.
        with pytest.raises(trio.BusyResourceError):
            words.receive_nowait()
    assert got == ["a"]
    assert await words.receive() == "b"


async def test_a_second_task_that_reads_an_audio_view_has_not_heard_anything() -> None:
    handle = Handle()
    chunks = handle.reply.audio()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(chunks.receive)
        await trio.testing.wait_all_tasks_blocked()
        handle.sounds(ms(20))
        with pytest.raises(trio.BusyResourceError):
            chunks.receive_nowait()
    assert handle.heard() == [("item_1", 0)]


async def test_different_views_are_for_different_tasks() -> None:
    handle = Handle()
    reply = handle.reply
    words, chunks = reply.text(), reply.audio()
    seen: dict[str, list[object]] = {}

    async def read(name: str, view: ReplyView[str] | ReplyView[bytes]) -> None:
        seen[name] = [piece async for piece in view]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, "text", words)
        nursery.start_soon(read, "audio", chunks)
        await trio.testing.wait_all_tasks_blocked()
        assert handle.waiting == 2
        for number in range(3):
            handle.transcribes(str(number))
            handle.sounds(bytes([number + 1]))
            await trio.testing.wait_all_tasks_blocked()
        handle.ends()
    assert seen == {"text": ["0", "1", "2"], "audio": [b"\1", b"\2", b"\3"]}
    assert (handle.waiting, handle.held) == (0, 0)


# Cancellation


async def test_a_receive_that_was_cancelled_before_it_began_has_not_read_the_handle() -> None:
    handle = Handle()
    handle.says("a")
    with trio.CancelScope() as scope:
        scope.cancel()
        await handle.reply.text().receive()
    assert scope.cancelled_caught
    assert handle.held == 0
    assert types_here(aiter(handle.reply)) == ["created", "delta"]
    assert here(handle.reply.text()) == ["a"]


async def test_a_cancelled_receive_loses_nothing() -> None:
    handle = Handle()
    words = handle.reply.text()
    for _ in range(2):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(words.receive)
                await trio.testing.wait_all_tasks_blocked()
                assert handle.waiting == 1
                scope.cancel()
        assert handle.waiting == 0
        handle.says("a")
        with trio.CancelScope() as scope:
            scope.cancel()
            await words.receive()
        assert await words.receive() == "a"
    assert handle.held == 0


async def test_a_piece_that_came_just_before_a_cancellation_is_delivered() -> None:
    handle = Handle()
    words = handle.reply.text()
    got: list[str] = []

    async def read() -> None:
        got.append(await words.receive())

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            handle.says("a")
            scope.cancel()
            handle.says("b")
    assert got == ["a"]
    assert (handle.waiting, handle.held) == (0, 1)
    assert await words.receive() == "b"


async def test_a_piece_that_comes_just_after_a_cancellation_stays() -> None:
    handle = Handle()
    words = handle.reply.text()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(words.receive)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            handle.says("a")
    assert (handle.waiting, handle.held) == (0, 1)
    assert await words.receive() == "a"


async def test_every_receive_is_a_checkpoint() -> None:
    handle = Handle()
    handle.says("a", "b")
    handle.sounds(b"1")
    events, words, chunks = aiter(handle.reply), handle.reply.text(), handle.reply.audio()
    with trio.testing.assert_checkpoints():
        assert await words.receive() == "a"
    with trio.testing.assert_checkpoints():
        assert await anext(words) == "b"
    with trio.testing.assert_checkpoints():
        assert await chunks.receive() == b"1"
    with trio.testing.assert_checkpoints():
        await anext(events)


class InViews(AtLine):
    """Raises SIGINT before the given line of a view, or of what is behind it, that runs."""

    def _chosen(self, frame: FrameType) -> bool:
        path = Path(frame.f_code.co_filename)
        return path.is_relative_to(PACKAGE) and path.name in {"_views.py", "_sink.py"}


def read_under(trap: InViews) -> tuple[list[bytes], list[tuple[str, int]]]:
    """Read some audio, through any Ctrl-C; what was read, and what counts as heard of it."""
    handle = Handle()
    handle.sounds(ms(1), ms(2), ms(3))
    seen: list[bytes] = []

    async def main() -> None:
        while len(seen) < 3:
            with contextlib.suppress(KeyboardInterrupt):
                chunks = handle.reply.audio()
                seen.append(await chunks.receive() if len(seen) < 2 else chunks.receive_nowait())

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # Held back until the end, it is raised there.
        with contextlib.suppress(KeyboardInterrupt), trap.armed():
            trio.run(main)
    finally:
        signal.signal(signal.SIGINT, before)
    return seen, handle.heard()


def test_ctrl_c_at_any_line_of_a_view_loses_nothing_and_counts_nothing_twice() -> None:
    dry = InViews(None)
    expected = read_under(dry)
    assert expected == ([ms(1), ms(2), ms(3)], [("item_1", 3)])
    assert dry.count > 50
    for at in range(1, dry.count + 1):
        assert read_under(InViews(at)) == expected


def test_ctrl_c_while_a_view_is_awaited_loses_nothing() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    handles: list[Handle] = []

    async def interrupted() -> None:
        handle = Handle()
        handles.append(handle)

        @trio.lowlevel.enable_ki_protection
        async def strike() -> None:
            await trio.testing.wait_all_tasks_blocked()
            signal.raise_signal(signal.SIGINT)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(strike)
            await handle.reply.text().receive()

    async def resumed() -> None:
        handles[0].says("a", "b")
        words = handles[0].reply.text()
        assert [await words.receive(), await words.receive()] == ["a", "b"]

    try:
        with pytest.RaisesGroup(KeyboardInterrupt):
            trio.run(interrupted)
        assert handles[0].waiting == 0
        trio.run(resumed)
    finally:
        signal.signal(signal.SIGINT, before)


# What may be held


# promise 7
def test_a_handle_that_nobody_has_read_keeps_the_newest_and_counts_the_rest() -> None:
    handle = Handle(Options(backlog_bytes=3 * KIB))
    words = handle.reply.text()
    handle.says(*"abcde")
    assert (handle.reply.dropped, handle.held) == (3, 0)
    assert here(words) == ["c", "d", "e"]
    assert handle.reply.dropped == 3


# promise 7
async def test_a_view_that_nobody_has_read_keeps_the_newest_and_counts_the_rest() -> None:
    handle = Handle(Options(backlog_bytes=3 * KIB))
    words = handle.reply.text()
    await anext(handle.reply)
    handle.says(*"abcde")
    assert handle.reply.dropped == 2
    assert handle.held == 5
    assert here(words) == ["c", "d", "e"]
    handle.says(*"fghij")
    assert handle.held == 10 + 5
    assert here(words) == [*"fghij"]
    assert handle.reply.dropped == 2


async def test_the_newest_event_is_kept_whatever_it_weighs() -> None:
    handle = Handle(Options(backlog_bytes=KIB))
    done = handle.ends
    handle.says("a")
    handle.take(
        ResponseOutputTextDone(
            response_id="resp_1", item_id="item_1", output_index=0, content_index=0, text="ab"
        ),
        weight=9 * KIB,
    )
    assert handle.reply.dropped == 2
    assert here(handle.reply.text()) == ["b"]
    done()
    assert [piece async for piece in handle.reply.text()] == []


# promise 8
async def test_what_views_hold_that_were_read_counts_and_what_others_hold_does_not() -> None:
    handle = Handle()
    reply = handle.reply
    words, chunks = reply.text(), reply.audio()
    handle.says("a", "b")
    handle.sounds(b"1")
    assert (handle.held, handle.sink.holds_unread) == (0, False)
    assert await words.receive() == "a"
    assert (handle.held, handle.sink.holds_unread) == (1, True)
    wakes = handle.connection.wakes
    assert await words.receive() == "b"
    assert handle.connection.wakes == wakes + 1
    assert (handle.held, handle.sink.holds_unread) == (0, False)
    assert await chunks.receive() == b"1"
    assert (handle.held, handle.sink.holds_unread) == (0, False)
    handle.sounds(b"2", b"3")
    assert handle.held == 2
    handle.ends()
    assert [chunk async for chunk in chunks] == [b"2", b"3"]
    assert handle.held == 0
    assert handle.connection.touches == 6


async def test_what_goes_into_the_hands_of_a_task_that_waits_is_not_held() -> None:
    handle = Handle()
    words = handle.reply.text()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(words.receive)
        await trio.testing.wait_all_tasks_blocked()
        wakes = handle.connection.wakes
        assert wakes == 1
        handle.says("a")
        assert handle.held == 0
        handle.says("b")
        assert handle.held == 1


# What was heard


async def test_a_chunk_was_heard_when_its_consumer_asks_for_the_next() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.sounds(ms(10), ms(20), ms(30))
    await chunks.receive()
    assert chunks.receive_nowait() == ms(20)
    assert handle.heard() == [("item_1", 10)]


async def test_a_chunk_was_heard_when_its_consumer_comes_back_after_a_break() -> None:
    handle = Handle()
    handle.sounds(ms(10), ms(20), ms(30))
    assert [await first(handle.reply.audio()) for _ in range(2)] == [ms(10), ms(20)]
    assert handle.heard() == [("item_1", 10)]


async def test_who_comes_back_and_is_cancelled_at_once_has_heard_the_last_chunk() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.sounds(ms(10), ms(20))
    await chunks.receive()
    for _ in range(2):
        with trio.CancelScope() as scope:
            scope.cancel()
            await chunks.receive()
    assert handle.heard() == [("item_1", 10)]


async def test_who_comes_back_and_waits_has_heard_the_last_chunk() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.sounds(ms(10))
    await chunks.receive()
    with pytest.raises(trio.WouldBlock):
        chunks.receive_nowait()
    handle.sounds(ms(20))
    assert handle.heard() == [("item_1", 10)]


async def test_what_waits_in_the_view_was_not_heard() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.sounds(ms(10), ms(20), item="item_1")
    handle.sounds(ms(30), item="item_2")
    await chunks.receive()
    await chunks.receive()
    await chunks.receive()
    assert handle.heard() == [("item_1", 30), ("item_2", 0)]


async def test_audio_from_before_the_view_was_opened_was_not_heard() -> None:
    handle = Handle()
    handle.sounds(ms(10), item="item_1")
    await anext(handle.reply)
    handle.sounds(ms(20), item="item_2")
    chunks = handle.reply.audio()
    handle.sounds(ms(30), item="item_2")
    assert here(chunks) == [ms(30)]
    assert handle.heard() == [("item_1", 0), ("item_2", 50)]


@pytest.mark.parametrize("another_is_read", [True, False])
async def test_audio_that_an_unread_view_gave_up_was_not_heard(another_is_read: bool) -> None:
    handle = Handle(Options(backlog_bytes=2 * KIB))
    chunks = handle.reply.audio()
    if another_is_read:
        await anext(handle.reply)
    handle.sounds(ms(10), item="item_1")
    handle.sounds(ms(20), ms(30), item="item_2")
    assert await chunks.receive() == ms(20)
    handle.sounds(ms(40), item="item_3")
    assert await chunks.receive() == ms(30)
    assert handle.heard() == [("item_1", 0), ("item_2", 20), ("item_3", 0)]


async def test_a_report_counts_in_place_of_what_was_taken() -> None:
    handle = Handle()
    handle.sounds(ms(10), ms(20), ms(30))
    handle.ends("cancelled")
    assert [len(chunk) async for chunk in handle.reply.audio()] == [480, 960, 1440]
    handle.reply.heard(5)
    handle.reply.heard(17.9)
    assert handle.heard() == [("item_1", 17)]


def test_a_report_is_enough_for_audio_that_nobody_reads() -> None:
    handle = Handle()
    handle.sounds(ms(60))
    handle.reply.heard(0)
    handle.ends("cancelled")
    assert handle.heard() == [("item_1", 0)]


def test_a_report_of_less_than_nothing_is_refused() -> None:
    handle = Handle()
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="ms"):
            handle.reply.heard(wrong)


def test_where_nobody_listened_nothing_is_cut_off_a_response_that_is_over() -> None:
    handle = Handle()
    handle.sounds(ms(10))
    handle.ends("cancelled")
    assert handle.heard() == []


def test_audio_that_arrived_and_was_not_asked_for_is_cut_off_a_response_that_goes_on() -> None:
    handle = Handle()
    handle.sounds(ms(10))
    assert handle.heard() == [("item_1", 0)]


def test_an_item_that_is_done_and_was_heard_is_not_cut() -> None:
    handle = Handle()
    chunks = handle.reply.audio()
    handle.finishes_item("item_0")
    handle.finishes_item(None)
    handle.sounds(ms(10), item="item_1")
    handle.finishes_item("item_1")
    handle.sounds(ms(20), item="item_2")
    assert here(chunks) == [ms(10), ms(20)]
    assert handle.heard() == [("item_2", 20)]


async def test_beside_the_conversation_nothing_is_cut() -> None:
    handle = Handle(in_conversation=False)
    chunks = handle.reply.audio()
    handle.sounds(ms(10), ms(20))
    await chunks.receive()
    assert handle.heard() == []


def test_leaving_again_cuts_nothing_again() -> None:
    handle = Handle()
    handle.sounds(ms(10))
    assert handle.heard() == [("item_1", 0)]
    handle.sounds(ms(10))
    assert handle.heard() == []


def test_audio_after_a_refused_item_counts_too() -> None:
    handle = Handle()
    handle.sink.refuse(lambda: ValueError("no such item"))
    handle.sounds(ms(10))
    assert handle.heard() == [("item_1", 0)]


def session(output_format: AudioFormat | None) -> Session:
    return Session(audio=AudioConfig(output=AudioOutputConfig(format=output_format)))


@pytest.mark.parametrize(
    ("of_session", "of_response", "heard_ms"),
    [
        (None, None, 10),
        (session(None), None, 10),
        (Session(), None, 10),
        (Session(audio=AudioConfig()), None, 10),
        (session(PcmaFormat()), None, 60),
        (session(PcmFormat(rate=16000)), None, 15),
        (session(PcmFormat(rate=24000)), PcmuFormat(), 60),
        (session(PcmuFormat()), PcmFormat(), 10),
    ],
)
async def test_the_format_of_the_response_or_else_of_the_session_tells_the_length(
    of_session: Session | None, of_response: AudioFormat | None, heard_ms: int
) -> None:
    handle = Handle(session=of_session, output_format=of_response)
    chunks = handle.reply.audio()
    handle.sounds(bytes(480), b"rest")
    await chunks.receive()
    await chunks.receive()
    assert handle.heard() == [("item_1", heard_ms)]


# Everything at once

STEPS = st.lists(
    st.sampled_from(
        [
            *("say", "sound"),
            *("open events", "open text", "open audio"),
            *("read events", "read text", "read audio"),
        ]
    ),
    max_size=40,
)

Ending: TypeAlias = Literal["completed", "failed", "lose", "left"]
ENDINGS: Final[tuple[Ending, ...]] = ("completed", "failed", "lose", "left")


class Model:
    """What each view has to deliver: plain lists, of at most `backlog` things while unread."""

    def __init__(self, backlog: int) -> None:
        self.backlog = backlog
        self.kept: list[dict[str, object]] | None = []
        self.was_begun = False
        self.views: dict[str, list[object]] = {}
        self.was_read: set[str] = set()

    def arrives(self, pieces: dict[str, object]) -> None:
        if self.kept is not None:
            self.kept.append(pieces)
            del self.kept[: -self.backlog]
        for name in self.views if self.was_begun else ():
            self.puts(pieces, name)

    def puts(self, pieces: dict[str, object], name: str) -> None:
        if name in pieces:
            self.views[name].append(pieces[name])
            if name not in self.was_read:
                del self.views[name][: -self.backlog]

    def opens(self, name: str) -> None:
        if name not in self.views:
            self.views[name] = []
            for pieces in (self.kept or ()) if self.was_begun else ():
                self.puts(pieces, name)

    def reads(self, name: str) -> object:
        """The next piece of an open view; None when there is none."""
        if not self.was_begun:
            self.was_begun = True
            for opened in self.views:
                for pieces in self.kept or ():
                    self.puts(pieces, opened)
        self.was_read.add(name)
        if not self.views[name]:
            return None
        self.kept = None
        return self.views[name].pop(0)

    @property
    def held(self) -> int:
        return sum(len(self.views[name]) for name in self.was_read)


def take(view: View) -> object:
    """The next piece, or the type of an event; None when there is none."""
    try:
        piece = view.receive_nowait()
    except trio.WouldBlock:
        return None
    return piece if isinstance(piece, str | bytes) else piece.type


MIXED = ["open text", "say", "sound", "read text", "open audio", "sound", "sound", "read events"]


@example(MIXED, "completed", 1)
@example(MIXED, "failed", 2)
@example(MIXED, "lose", 3)
@example(MIXED, "left", 1)
@given(STEPS, st.sampled_from(ENDINGS), st.integers(1, 5))
def test_each_view_gets_its_own_pieces_in_order_and_the_budget_is_what_they_hold(
    steps: list[str], ending: Ending, backlog: int
) -> None:
    handle, model = Handle(Options(backlog_bytes=backlog * KIB)), Model(backlog)
    model.arrives({"events": "response.created"})
    reply = handle.reply
    openers: dict[str, Callable[[], View]] = {
        "events": lambda: aiter(reply),
        "text": reply.text,
        "audio": reply.audio,
    }
    for number, step in enumerate(steps):
        verb, _, name = step.partition(" ")
        if verb == "say":
            handle.says(str(number))
            model.arrives({"events": "response.output_text.delta", "text": str(number)})
        elif verb == "sound":
            handle.sounds(bytes([number]))
            model.arrives({"events": "response.output_audio.delta", "audio": bytes([number])})
        else:
            view = openers[name]()
            model.opens(name)
            if verb == "read":
                assert take(view) == model.reads(name)
        assert (handle.held, handle.sink.holds_unread) == (model.held, model.held > 0)
    if ending == "lose":
        handle.loses()
    elif ending != "left":
        handle.ends(ending)
        model.arrives({"events": "response.done"})
    if ending != "left":
        for name in model.views:
            while (piece := model.reads(name)) is not None:
                assert take(openers[name]()) == piece
            with pytest.raises((trio.EndOfChannel, ResponseFailedError, ConnectionClosedError)):
                take(openers[name]())
        assert handle.held == 0
    handle.sink.leave()
    assert (handle.held, handle.waiting) == (0, 0)

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_realtime.testing._pipes import PipeStream, pipe_pair

pytestmark = pytest.mark.one_library


async def _pair() -> tuple[PipeStream, PipeStream]:
    return pipe_pair()


async def _clogged_pair() -> tuple[PipeStream, PipeStream]:
    first, second = pipe_pair(capacity=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first.send_all, b"full")
        nursery.start_soon(second.send_all, b"full")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return first, second


async def test_a_pipe_keeps_the_contract_of_a_trio_stream() -> None:
    await trio.testing.check_half_closeable_stream(_pair, _clogged_pair)


async def test_a_cancelled_send_has_sent_what_there_was_room_for() -> None:
    first, second = pipe_pair(capacity=4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first.send_all, b"abcdefgh")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert first.unread_bytes == 4
    assert await second.receive_some(3) == b"abc"
    assert await second.receive_some() == b"d"


async def test_each_direction_has_its_own_capacity(autojump_clock: trio.testing.MockClock) -> None:
    first, second = pipe_pair(capacity=(2, 8))
    with trio.move_on_after(1):
        await first.send_all(b"12345678")
    await second.send_all(b"12345678")
    assert (first.unread_bytes, second.unread_bytes) == (2, 8)


def test_a_capacity_below_one_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        pipe_pair(capacity=0)


async def test_what_was_sent_before_a_reset_is_received_before_it_is_raised() -> None:
    first, second = pipe_pair()
    await first.send_all(b"last words")
    first.abort()
    assert first.closed
    assert not second.closed
    assert await second.receive_some() == b"last words"
    with pytest.raises(trio.BrokenResourceError):
        await second.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await second.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await first.receive_some()


async def test_nothing_arrives_while_a_direction_is_stalled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first, second = pipe_pair()
    first.stall()
    await first.send_all(b"held back")
    await first.send_eof()
    with trio.move_on_after(60) as waited:
        await second.receive_some()
    assert waited.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_expect, second, b"held back")
        await trio.testing.wait_all_tasks_blocked()
        first.resume()
    assert await second.receive_some() == b""


async def _expect(stream: PipeStream, data: bytes) -> None:
    assert await stream.receive_some() == data


async def test_waiting_for_room_ends_when_this_end_is_closed() -> None:
    first, _second = await _clogged_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_wait_for_room_and_be_told, first)
        await trio.testing.wait_all_tasks_blocked()
        await first.aclose()


async def _wait_for_room_and_be_told(stream: PipeStream) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.wait_send_all_might_not_block()


async def test_an_end_cannot_be_sent_after_closing() -> None:
    first, _second = pipe_pair()
    await first.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await first.send_eof()

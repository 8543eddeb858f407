"""The handle of a response: what it tells, how it ends, and who is told of that."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest
import trio
import trio.testing

from tests.shell.handles import Connection, Handle
from trio_realtime import CloseInfo, ConnectionClosedError, ResponseFailedError, ServerError
from trio_realtime._core._loss import Loss
from trio_realtime._response import Reply, ReplySink, dropped_reply
from trio_realtime.events import ResponseDone, SessionUpdated
from trio_realtime.types import AssistantMessage, OutputText, Session

pytestmark = pytest.mark.one_library


def refusal() -> ServerError:
    return ServerError(type="invalid_request_error", code="no_such_item", message="No")


async def texts(reply: Reply) -> list[str]:
    return [piece async for piece in reply.text()]


def test_a_handle_tells_what_is_known_of_its_response() -> None:
    handle = Handle()
    reply = handle.reply
    assert (reply.id, reply.status, reply.usage) == ("resp_1", "in_progress", None)
    assert not reply.items
    handle.begins_item()
    handle.says("Good ", "day")
    (item,) = reply.items
    assert isinstance(item, AssistantMessage)
    assert item.content == [OutputText(text="Good day")]
    assert reply.response.status == "in_progress"
    done = handle.ends()
    assert reply.status == "completed"
    assert reply.response.usage is reply.usage is done.response.usage
    assert reply.dropped == 0
    assert repr(reply) == "<Reply resp_1 completed>"


async def test_the_state_follows_a_response_that_was_left() -> None:
    handle = Handle()
    handle.sink.leave()
    handle.says("too late")
    assert handle.reply.status == "in_progress"
    handle.ends("cancelled")
    assert handle.reply.status == "cancelled"
    assert handle.reply.usage is not None
    assert (await handle.reply.result()).status == "cancelled"


async def test_what_comes_after_the_end_is_in_the_items_and_in_no_view() -> None:
    handle = Handle()
    handle.ends()
    handle.begins_item()
    assert len(handle.reply.items) == 1
    assert [event.type async for event in handle.reply] == ["response.created", "response.done"]


async def test_a_reply_that_was_dropped_is_over_and_holds_nothing() -> None:
    reply = dropped_reply(ReplySink(Connection()))
    assert (reply.id, reply.status, reply.usage, reply.items) == (None, "cancelled", None, ())
    details = reply.response.status_details
    assert details is not None
    assert details.reason == "turn_detected"
    assert await reply.result() is reply.response
    assert [event async for event in reply] == []
    assert await texts(reply) == []
    assert [chunk async for chunk in reply.audio()] == []
    reply.heard(20)
    assert repr(reply) == "<Reply without an id cancelled>"


async def test_a_reply_that_was_dropped_can_be_left() -> None:
    sink = ReplySink(Connection())
    reply = dropped_reply(sink)
    reply.heard(20)
    assert sink.leave() == []
    with pytest.raises(trio.ClosedResourceError):
        await anext(reply)


@pytest.mark.parametrize("status", ["completed", "cancelled", "incomplete"])
async def test_the_result_of_a_response_that_is_done_is_there_at_once(
    status: Literal["completed", "cancelled", "incomplete"],
) -> None:
    handle = Handle()
    done = handle.ends(status)
    with trio.testing.assert_checkpoints():
        assert await handle.reply.result() is done.response
    assert handle.connection.touches == 1


async def test_the_result_needs_no_reading_and_keeps_the_link_reading() -> None:
    handle = Handle()
    results: list[object] = []

    async def wait() -> None:
        results.append(await handle.reply.result())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert handle.waiting == 3
        assert handle.connection.wakes == 3
        handle.says("Good day")
        await trio.testing.wait_all_tasks_blocked()
        assert results == []
        handle.ends()
    assert results == [handle.reply.response] * 3
    assert handle.waiting == 0
    assert await texts(handle.reply) == ["Good day"]


async def test_a_cancelled_wait_for_the_result_changes_nothing() -> None:
    handle = Handle()
    for deadline in (0, 1):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(handle.reply.result)
                if deadline:
                    await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert handle.waiting == 0
    done = handle.ends()
    with trio.CancelScope() as scope:
        scope.cancel()
        await handle.reply.result()
    assert scope.cancelled_caught
    assert await handle.reply.result() is done.response


async def test_a_failed_response_raises_a_new_error_each_time() -> None:
    handle = Handle()
    done = handle.ends("failed")
    errors: list[ResponseFailedError] = []
    for _ in range(2):
        with pytest.raises(ResponseFailedError, match="overloaded: Too much") as caught:
            await handle.reply.result()
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert errors[0].response is done.response
    assert errors[0].event is done


async def test_each_of_several_waiters_gets_an_error_of_its_own() -> None:
    handle = Handle()
    errors: list[ResponseFailedError] = []

    async def wait() -> None:
        with pytest.raises(ResponseFailedError) as caught:
            await handle.reply.result()
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        handle.ends("failed")
    assert errors[0] is not errors[1]


async def test_an_end_that_cannot_be_read_ends_with_what_streamed() -> None:
    handle = Handle()
    handle.begins_item()
    handle.says("Good day")
    handle.ends_unreadably()
    result = await handle.reply.result()
    assert (result.id, result.status) == ("resp_1", "completed")
    assert result.output == list(handle.reply.items)
    assert await texts(handle.reply) == ["Good day"]


async def test_an_end_that_cannot_be_read_may_tell_of_a_failure() -> None:
    handle = Handle()
    handle.ends_unreadably("failed")
    with pytest.raises(ResponseFailedError) as caught:
        await handle.reply.result()
    assert caught.value.event is None
    with pytest.raises(ResponseFailedError):
        await texts(handle.reply)


# promise 3
async def test_who_waits_for_the_result_is_told_at_once_that_the_connection_is_lost() -> None:
    handle = Handle()
    await anext(handle.reply)
    handle.says("unread")

    async def wait() -> None:
        with pytest.raises(ConnectionClosedError) as caught:
            await handle.reply.result()
        assert caught.value.info.closed_by == "network"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        handle.loses()
    await wait()
    assert handle.waiting == 0


async def test_who_waits_for_the_result_is_told_that_we_closed() -> None:
    handle = Handle()

    async def wait() -> None:
        with pytest.raises(ConnectionClosedError) as caught:
            await handle.reply.result()
        assert caught.value.info.closed_by == "us"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        handle.closes()
    await wait()


async def test_a_response_that_was_done_before_the_connection_was_lost_has_its_result() -> None:
    handle = Handle()
    done = handle.ends()
    handle.loses()
    assert await handle.reply.result() is done.response
    assert [event.type async for event in handle.reply] == ["response.created", "response.done"]


async def test_the_result_of_a_response_that_was_left_early_never_comes() -> None:
    handle = Handle()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError, match="before the response was done"):
            await handle.reply.result()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        handle.sink.leave()
    await wait()
    assert handle.waiting == 0


async def test_a_response_that_ends_as_it_is_left_has_a_result() -> None:
    handle = Handle()
    results: list[object] = []

    async def wait() -> None:
        results.append(await handle.reply.result())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        done = handle.ends("cancelled")
        handle.sink.leave()
    assert results == [done.response]


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_refused_item_is_told_to_everybody_after_what_they_hold(is_done: bool) -> None:
    handle = Handle()
    reply = handle.reply
    words = reply.text()
    handle.says("Good ", "day")
    errors: list[ServerError] = []

    async def wait() -> None:
        with pytest.raises(ServerError) as caught:
            await reply.result()
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        handle.sink.refuse(refusal)
    if is_done:
        handle.says("and more")
        handle.ends()
    await wait()
    assert [await words.receive(), await words.receive()] == ["Good ", "day"]
    for _ in range(2):
        with pytest.raises(ServerError) as caught:
            await words.receive()
        errors.append(caught.value)
    assert len(set(map(id, errors))) == 4
    # A view that is opened only now has nothing to deliver.
    with pytest.raises(ServerError):
        await anext(aiter(reply))


async def test_a_refusal_that_comes_after_the_end_is_told_all_the_same() -> None:
    handle = Handle()
    handle.ends()
    handle.sink.refuse(refusal)
    with pytest.raises(ServerError):
        await handle.reply.result()
    assert (await anext(handle.reply)).type == "response.created"
    assert (await anext(handle.reply)).type == "response.done"
    with pytest.raises(ServerError):
        await anext(handle.reply)


async def test_leaving_closes_every_view_and_gives_the_room_back() -> None:
    handle = Handle()
    reply = handle.reply
    events, words = aiter(reply), reply.text()
    await events.receive()
    handle.says(*"abc")
    assert await words.receive() == "a"
    assert (handle.held, handle.sink.holds_unread) == (3 + 2, True)
    wakes, touches = handle.connection.wakes, handle.connection.touches
    handle.sink.leave()
    assert handle.connection.wakes > wakes
    assert handle.connection.touches == touches + 1
    assert (handle.held, handle.sink.holds_unread) == (0, False)
    handle.says("too late")
    for view in (events, words, reply.audio()):
        with pytest.raises(trio.ClosedResourceError, match="read its views inside of it"):
            await view.receive()
        with pytest.raises(trio.ClosedResourceError, match="read its views inside of it"):
            view.receive_nowait()
    assert handle.held == 0


async def test_leaving_before_anything_was_read_closes_what_is_opened_later() -> None:
    handle = Handle()
    handle.says("Good day")
    words = handle.reply.text()
    handle.sink.leave()
    assert handle.sink.leave() == []
    with pytest.raises(trio.ClosedResourceError):
        await words.receive()
    with pytest.raises(trio.ClosedResourceError):
        await anext(handle.reply)
    assert handle.held == 0


# promise 7
def test_leaving_forgets_the_events_also_those_that_nobody_asked_for() -> None:
    handle = Handle()
    event = SessionUpdated(session=Session())
    handle.take(event)
    forgotten = weakref.ref(event)
    del event
    assert forgotten() is not None
    handle.sink.leave()
    gc.collect()
    assert forgotten() is None


async def test_whoever_waits_in_a_view_is_told_that_its_block_was_left() -> None:
    handle = Handle()
    words = handle.reply.text()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError, match="block of this response was left"):
            await words.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert handle.waiting == 1
        handle.sink.leave()
    assert handle.waiting == 0


async def test_leaving_after_the_connection_was_lost_is_quiet() -> None:
    handle = Handle()
    await anext(handle.reply)
    handle.loses()
    handle.sink.leave()
    with pytest.raises(trio.ClosedResourceError):
        await anext(handle.reply)
    with pytest.raises(trio.ClosedResourceError):
        await handle.reply.result()


async def test_a_quiet_loss_is_quiet_in_the_views_and_not_in_the_result() -> None:
    handle = Handle()
    await anext(handle.reply)
    handle.connection.is_closed = True
    handle.sink.end()
    assert [event async for event in handle.reply] == []
    with pytest.raises(ConnectionClosedError):
        await handle.reply.result()


async def test_the_cause_of_a_loss_is_shown_by_what_the_views_raise() -> None:
    handle = Handle()
    cause = OSError("cut")
    handle.connection.loss = Loss(CloseInfo(None, "", "network"), cause=cause)
    handle.sink.end()
    await anext(handle.reply)
    with pytest.raises(ConnectionClosedError) as caught:
        await anext(handle.reply)
    assert caught.value.__cause__ is cause


ENDS: dict[str, Callable[[Handle], object]] = {
    "done": lambda handle: handle.ends(),
    "lost": lambda handle: handle.loses(),
    "closed": lambda handle: handle.closes(),
    "refused": lambda handle: handle.sink.refuse(refusal),
    "left": lambda handle: handle.sink.leave(),
}


# promise 3
@pytest.mark.parametrize("how", ENDS)
async def test_nobody_waits_on_however_it_ends(how: str) -> None:
    handle = Handle()
    ended: list[str] = []

    async def wait(name: str, wait_for: Callable[[], Awaitable[object]]) -> None:
        with contextlib.suppress(
            ConnectionClosedError, ServerError, trio.EndOfChannel, trio.ClosedResourceError
        ):
            await wait_for()
        ended.append(name)

    await anext(handle.reply)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "result", handle.reply.result)
        nursery.start_soon(wait, "text", handle.reply.text().receive)
        nursery.start_soon(wait, "audio", handle.reply.audio().receive)
        await trio.testing.wait_all_tasks_blocked()
        assert handle.waiting == 3
        ENDS[how](handle)
    assert sorted(ended) == ["audio", "result", "text"]
    assert handle.waiting == 0


async def test_the_event_of_the_end_is_the_last_one() -> None:
    handle = Handle()
    await anext(handle.reply)
    done = handle.ends()
    assert [event async for event in handle.reply] == [done]
    assert isinstance(done, ResponseDone)

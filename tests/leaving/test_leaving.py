"""Leaving a response's block: what is sent, what is swallowed, and when the next one may begin."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.core.simulated import at
from tests.leaving.helpers import (
    LONG,
    MODEL,
    TEXT,
    UNHEARD,
    drained,
    endings_in,
    errors_in,
    met,
    of_responses,
    response_of,
    settled,
)
from trio_realtime import (
    ConnectionClosedError,
    Options,
    RealtimeConnection,
    Reply,
    ServerError,
    open_realtime,
)
from trio_realtime.events import ResponseCreated, ResponseDone, ServerEvent
from trio_realtime.testing import (
    CallTool,
    FaultPlan,
    Faults,
    Say,
    ScriptedServer,
    SimulatedServer,
    Together,
)

Leaving: TypeAlias = Callable[[RealtimeConnection], Awaitable[None]]

BUSY: Final = "conversation_already_has_active_response"


class OwnError(Exception):
    """Raised by the program, not by the library."""


async def by_break(conn: RealtimeConnection) -> None:
    async with conn.respond("Hello?") as reply:
        async for _ in reply.text():
            break


async def by_return(conn: RealtimeConnection) -> None:
    async with conn.respond("Hello?") as reply:
        await reply.text().receive()
        return


async def by_an_error(conn: RealtimeConnection) -> None:
    with pytest.raises(OwnError):
        async with conn.respond("Hello?") as reply:
            async for _ in reply:
                raise OwnError


async def by_a_deadline(conn: RealtimeConnection) -> None:
    with trio.move_on_after(0.055):
        async with conn.respond("Hello?") as reply:
            await reply.result()


async def by_falling_off_its_end(conn: RealtimeConnection) -> None:
    async with conn.respond("Hello?"):
        pass


async def by_falling_off_after_a_while(conn: RealtimeConnection) -> None:
    async with conn.respond("Hello?"):
        await trio.sleep(0.055)


# pain 8; pain 38
@pytest.mark.parametrize(
    "leave",
    [
        by_break,
        by_return,
        by_an_error,
        by_a_deadline,
        by_falling_off_its_end,
        by_falling_off_after_a_while,
    ],
)
async def test_however_a_block_is_left_its_response_is_cancelled_once_and_by_its_id(
    leave: Leaving, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG) as talk:
        with talk.conn.tap() as tap:
            await leave(talk.conn)
            assert talk.cancelled() == []  # not sent yet: nothing was awaited
            await trio.sleep(1)
            events = tapped(tap.receive_nowait)
        (created,) = [each for each in events if isinstance(each, ResponseCreated)]
        assert talk.cancelled() == [created.response.id]
        assert endings_in(events) == {created.response.id: "cancelled"}
        assert [status for status, _ in talk.answers()] == ["incomplete"]
        assert of_responses(drained(talk.conn)) == []
        assert settled(talk.conn)


def tapped(receive_nowait: Callable[[], ServerEvent]) -> list[ServerEvent]:
    events: list[ServerEvent] = []
    try:
        while True:
            events.append(receive_nowait())
    except trio.WouldBlock:
        return events


# pain 38
async def test_an_error_leaves_the_block_as_it_is_in_no_group(
    autojump_clock: trio.testing.MockClock,
) -> None:
    error = OwnError()
    async with met(LONG) as talk:
        for beside in ("auto", "none"):
            with pytest.raises(OwnError) as caught:
                async with talk.conn.respond("Hello?", conversation=beside):
                    raise error
            assert caught.value is error
            assert error.__context__ is error.__cause__ is None


async def test_leaving_takes_no_time_though_the_server_reads_nothing_and_the_outbox_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, options=Options(outbox_bytes=1000)) as talk:
        conn = talk.conn
        async with trio.open_nursery() as nursery:
            async with conn.respond("Hello?"):
                talk.session.pause()
                await trio.sleep(1)
                # More than the pipe and the outbox hold; whoever sends now has to wait.
                for _ in range(4):
                    nursery.start_soon(conn.input_audio_buffer.append, bytes(200_000))
                await trio.sleep(1)
                began = trio.current_time()
            assert trio.current_time() == began
            # The time that it may take to cancel counts from here, and not from when that is sent.
            was_open: list[bool] = []
            for seconds in (4.9, 0.2):
                await trio.sleep(seconds)
                was_open.append(conn._link.gate.is_open)
            assert was_open == [False, True]
            assert talk.sent("response.cancel") == []
            talk.session.resume()
        await trio.sleep(1)
        assert len(talk.cancelled()) == 1
        assert settled(conn)


async def test_what_cuts_off_and_what_cancels_leave_back_to_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([[Say("one two"), Say("three four five")]], session=UNHEARD) as talk:
        conn = talk.conn
        async with conn.respond("Hello?") as reply:
            await trio.sleep(0.13)
            assert len(reply.items) == 2
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(conn.input_audio_buffer.append, bytes(4800))
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            conn.send_nowait({"type": "input_audio_buffer.clear"})
        conn.send_nowait({"type": "input_audio_buffer.clear"})
        await trio.sleep(1)
        assert [frame.type for frame in talk.session.received][-5:] == [
            "input_audio_buffer.clear",
            "conversation.item.truncate",
            "conversation.item.truncate",
            "response.cancel",
            "input_audio_buffer.clear",
        ]
        first, second = talk.session.conversation.items[1:]
        assert talk.cuts() == [(first["id"], 0), (second["id"], 0)]


@pytest.mark.parametrize(
    ("answer", "session", "beside"),
    [
        pytest.param(LONG, TEXT, False, id="text"),
        pytest.param([CallTool("f", "{" + " " * 2000 + "}")], UNHEARD, False, id="call"),
        pytest.param(LONG, UNHEARD, True, id="out of band"),
        pytest.param(LONG, TEXT, True, id="text out of band"),
    ],
)
async def test_nothing_is_cut_off_but_audio_in_the_conversation(
    answer: str | list[CallTool],
    session: dict[str, JsonValue],
    beside: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([answer], session=session) as talk:
        async with talk.conn.respond(conversation="none" if beside else "auto") as reply:
            with trio.move_on_after(0.105):
                async for _ in reply.audio():
                    pass
        await trio.sleep(1)
        assert talk.sent("conversation.item.truncate") == []
        assert talk.cancelled() == [reply.id]


async def test_of_a_call_beside_what_is_said_only_the_audio_is_cut_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answer = Together(Say("one two"), CallTool("f", {"x": "y " * 50}))
    async with met(answer, session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.1)
        assert [item.type for item in reply.items] == ["message", "function_call"]
        await trio.sleep(1)
        assert talk.cuts() == [(talk.session.conversation.items[1]["id"], 0)]


@pytest.mark.parametrize("session", [TEXT, UNHEARD], ids=["text", "audio"])
async def test_a_response_that_is_done_is_left_alone(
    session: dict[str, JsonValue], autojump_clock: trio.testing.MockClock
) -> None:
    async with met("one two three", session=session) as talk:
        for _ in range(3):
            async with talk.conn.respond("Hello?") as reply:
                assert (await reply.result()).status == "completed"
        await trio.sleep(1)
        sent = {frame.type for frame in talk.session.received}
        assert sent == {"session.update", "conversation.item.create", "response.create"}
        assert settled(talk.conn)


async def test_the_handle_tells_how_the_response_ended_after_its_block(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.055)
        assert (reply.status, reply.usage) == ("in_progress", None)
        with pytest.raises(trio.ClosedResourceError):
            await reply.result()
        await trio.sleep(1)
        assert reply.status == "cancelled"
        assert reply.usage is not None
        response = await reply.result()
        assert response.status_details is not None
        assert response.status_details.reason == "client_cancelled"


async def test_whoever_still_reads_is_told_that_the_block_was_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told: list[str] = []

    async def reads(name: str, receive: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(trio.ClosedResourceError):
            while True:
                await receive()
        told.append(name)

    async with met(LONG, session=UNHEARD) as talk, trio.open_nursery() as nursery:
        async with talk.conn.respond("Hello?") as reply:
            waits = {
                "events": reply.__anext__,
                "text": reply.text().receive,
                "audio": reply.audio().receive,
                "result": reply.result,
            }
            for name, receive in waits.items():
                nursery.start_soon(reads, name, receive)  # they outlive the block: that is meant
            await trio.sleep(0.1)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(told) == ["audio", "events", "result", "text"]


async def test_taps_see_all_that_comes_of_a_response_that_was_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_client=Faults(delay=0.1))
    async with met(LONG, faults=plan) as talk:
        with talk.conn.tap() as tap:
            async with talk.conn.respond("Hello?") as reply:
                await reply.text().receive()
            before = tapped(tap.receive_nowait)
            await trio.sleep(1)
            after = tapped(tap.receive_nowait)
        deltas = [event for event in after if event.type == "response.output_text.delta"]
        assert len(deltas) > 5
        assert {response_of(event) for event in of_responses(before + after)} == {reply.id}
        assert of_responses(after)[-1].type == "response.done"
        assert of_responses(drained(talk.conn)) == []


# pain 1
async def test_the_next_response_begins_when_the_server_says_that_the_one_before_is_done(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "Next."]) as talk:
        talk.session.late_done(3.0, stays_active=False)
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.1)
        left = trio.current_time()
        async with talk.conn.respond("And?") as following:
            assert trio.current_time() - left == pytest.approx(3.0)
            assert "".join([piece async for piece in following.text()]) == "Next."
        assert reply.status == "cancelled"
        assert len(talk.sent("response.create")) == 2


# pain 1
@pytest.mark.parametrize("cancel_timeout", [0.5, 5.0])
async def test_the_next_response_begins_in_time_though_the_one_before_is_never_done(
    cancel_timeout: float, autojump_clock: trio.testing.MockClock
) -> None:
    options = Options(cancel_timeout=cancel_timeout)
    async with met([LONG, "Next.", "Last."], options=options) as talk:
        talk.session.late_done(100.0, stays_active=False)
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.1)
        left = trio.current_time()
        async with talk.conn.respond("And?") as following:
            assert trio.current_time() - left == pytest.approx(cancel_timeout)
            async for event in following:
                assert response_of(event) == following.id
        assert reply.status == "in_progress"
        # Its end comes in the midst of another, and means nothing to that.
        await trio.sleep(99 - cancel_timeout)
        async with talk.conn.respond("And?") as last:
            await trio.sleep(2)
            assert last.status == "completed"
        assert reply.status == "cancelled"
        assert of_responses(drained(talk.conn)) == []
        assert settled(talk.conn)


# pain 1
async def test_a_server_that_takes_longer_to_cancel_is_asked_again_and_its_refusals_not_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(["word " * 750, "Next."]) as talk:
        talk.session.refuse_next("response.cancel", "response_cancel_not_active")
        began = trio.current_time()
        async with talk.conn.respond("Hello?"):
            pass
        async with talk.conn.respond("And?") as following:
            assert trio.current_time() - began == pytest.approx(7.5, abs=0.02)
            assert (await following.result()).status == "completed"
        items = [item for item in talk.session.conversation.items if item.get("role") == "user"]
        assert len(items) == 2
        events = drained(talk.conn)
        assert (errors_in(events), of_responses(events)) == ([], [])


# pain 1
async def test_a_server_that_never_cancels_refuses_the_next_request_in_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("word " * 10_000) as talk:
        talk.session.refuse_next("response.cancel", "response_cancel_not_active")
        async with talk.conn.respond("Hello?"):
            await trio.sleep(0.1)
        with pytest.raises(ServerError) as caught:
            async with talk.conn.respond("And?"):
                pass
        assert caught.value.code == BUSY
        assert len(talk.sent("response.create")) == 5


async def test_an_end_that_comes_more_than_once_is_read_by_nobody_and_opens_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, LONG, "Last."]) as talk:
        talk.session.late_done(0.2, duplicates=3)
        async with talk.conn.respond("Hello?"):
            await trio.sleep(0.1)
        with talk.conn.tap() as tap:
            async with talk.conn.respond("And?") as following:
                events = [await anext(following) for _ in range(20)]
            ends = [each for each in tapped(tap.receive_nowait) if isinstance(each, ResponseDone)]
            assert len(ends) == 4
        assert {response_of(event) for event in events} == {following.id}
        async with talk.conn.respond("And?") as last:
            assert (await last.result()).status == "completed"
        assert of_responses(drained(talk.conn)) == []
        assert len(talk.sent("response.create")) == 3


# pain 8
async def test_a_cancel_that_comes_too_late_is_nobody_s_affair(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    plan = FaultPlan(1, from_client=Faults(delay=1.0))
    async with met(["one two three", "Next."], faults=plan) as talk:
        conn = talk.conn
        with caplog.at_level(logging.DEBUG, "trio_realtime"), conn.tap() as tap:
            async with conn.respond("Hello?") as reply:
                await trio.sleep(0.005)
            await trio.sleep(5)
            assert errors_in(tapped(tap.receive_nowait)) == ["response_cancel_not_active"]
        assert reply.status == "completed"
        assert errors_in(drained(conn)) == []
        (record,) = [each for each in caplog.records if "not_active" in each.getMessage()]
        assert record.levelno == logging.DEBUG
        async with conn.respond("And?") as following:
            assert (await following.result()).status == "completed"


async def test_a_cancel_that_is_refused_for_another_reason_is_delivered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        talk.session.refuse_next("response.cancel", "invalid_value")
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.1)
        await trio.sleep(5)
        # As an event: nobody who reads has done anything wrong.
        assert errors_in(drained(talk.conn)) == ["invalid_value"]
        assert reply.status == "completed"


@pytest.mark.sweep
async def test_errors_at_the_last_256_cancels_are_absorbed_and_older_ones_are_not_known(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cancels: list[JsonValue] = []

    def too_late(event_id: JsonValue) -> dict[str, JsonValue]:
        error: dict[str, JsonValue] = {
            "type": "invalid_request_error",
            "code": "response_cancel_not_active",
            "message": "Cancellation failed: no active response found",
            "event_id": event_id,
        }
        return {"type": "error", "error": error}

    async with ScriptedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:

            async def serve() -> None:
                for number in range(257):
                    async with server.expect("response.create") as create:
                        response: dict[str, JsonValue] = {
                            "id": f"resp_{number}",
                            "metadata": at(create.event, "response", "metadata"),
                        }
                        await create.send({"type": "response.created", "response": response})
                    async with server.expect("response.cancel") as cancel:
                        cancels.append(cancel.event["event_id"])
                        response["status"] = "cancelled"
                        await cancel.send({"type": "response.done", "response": response})

            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
                for _ in range(257):
                    async with conn.respond():
                        pass
            drained(conn)
            await server.send(too_late(cancels[1]))
            await server.send(too_late(cancels[256]))
            await trio.testing.wait_all_tasks_blocked()
            assert errors_in(drained(conn)) == []
            await server.send(too_late(cancels[0]))
            await trio.testing.wait_all_tasks_blocked()
            assert errors_in(drained(conn)) == ["response_cancel_not_active"]


@pytest.mark.sweep
async def test_a_server_that_never_ends_what_is_left_costs_no_memory(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with ScriptedServer(ignore="response.cancel") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:

            async def serve() -> None:
                for number in range(300):
                    async with server.expect("response.create") as create:
                        response: dict[str, JsonValue] = {
                            "id": f"resp_{number}",
                            "metadata": at(create.event, "response", "metadata"),
                        }
                        await create.send({"type": "response.created", "response": response})

            replies: list[Reply] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
                for _ in range(300):
                    async with conn.respond(conversation="none") as reply:
                        replies.append(reply)
            assert len(conn._link.replies._left) == 256
            # Those that were forgotten are known as ours for as long: nobody sees them.
            drained(conn)
            for number in (1, 299):
                await server.send(
                    {"type": "response.done", "response": {"id": f"resp_{number}", "status": "x"}}
                )
            await trio.testing.wait_all_tasks_blocked()
            assert drained(conn) == []
            assert replies[299].status == "x"
            assert replies[1].status == "in_progress"


async def test_what_a_handle_held_no_longer_counts_once_it_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        conn = talk.conn
        async with conn.respond("Hello?") as reply:
            await reply.text().receive()
            await anext(reply)
            await trio.sleep(1)
            drained(conn)
            assert conn.statistics().inbox_bytes > 100_000
        assert conn.statistics().inbox_bytes == 0
        await trio.sleep(1)
        assert settled(conn)


async def test_leaving_a_handle_that_nobody_reads_lets_a_paused_reader_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "Next."], options=Options(inbox_bytes=20_000)) as talk:
        conn = talk.conn
        async with conn.respond("Hello?") as reply:
            await reply.text().receive()
            await trio.sleep(2)
            assert conn.statistics().reader_paused
        await trio.sleep(1)
        assert not conn.statistics().reader_paused
        assert reply.status == "cancelled"
        async with conn.respond("And?") as following:
            assert (await following.result()).status == "completed"


# promise 1
async def test_closing_inside_the_block_ends_its_handles_quietly_and_sends_no_cancel(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        conn = talk.conn
        async with (
            conn.respond("Hello?") as reply,
            conn.respond("Hello?", conversation="none") as beside,
        ):
            await trio.sleep(0.1)
            async with trio.open_nursery() as nursery:
                raised: list[ConnectionClosedError] = []

                async def waits() -> None:
                    with pytest.raises(ConnectionClosedError) as caught:
                        async with conn.respond("And?"):
                            raise AssertionError
                    raised.append(caught.value)

                async def wants_the_end() -> None:
                    with pytest.raises(ConnectionClosedError) as caught:
                        await reply.result()
                    raised.append(caught.value)

                nursery.start_soon(waits)
                nursery.start_soon(wants_the_end)
                await trio.testing.wait_all_tasks_blocked()
                await conn.aclose()
            assert [each.info.closed_by for each in raised] == ["us", "us"]
            heard = [event.type async for event in reply]
            assert heard[0] == "response.created"
            assert "response.done" not in heard
            assert (await anext(beside)).type == "response.created"
            async for event in beside:
                assert event.type != "response.done"
        assert talk.sent("response.cancel") == talk.sent("conversation.item.truncate") == []
        with pytest.raises(ConnectionClosedError):
            async with conn.respond("And?"):
                raise AssertionError


# promise 1
async def test_a_program_that_is_cancelled_still_has_its_response_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ids: list[str | None] = []
    async with SimulatedServer(LONG) as server:
        with trio.move_on_after(0.1) as scope:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=UNHEARD) as conn:
                async with conn.respond("Hello?") as reply:
                    ids.append(reply.id)
                    await trio.sleep_forever()
        assert scope.cancelled_caught
        (session,) = server.sessions
        await session.wait_closed()
        types = [frame.type for frame in session.received]
        assert types[-2:] == ["conversation.item.truncate", "response.cancel"]
        assert session.received[-1]["response_id"] == ids[0]


# promise 1
async def test_an_error_that_ends_the_program_still_cancels_its_response(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(LONG) as server:
        with pytest.RaisesGroup(OwnError):
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                async with conn.respond("Hello?"):
                    raise OwnError
        (session,) = server.sessions
        await session.wait_closed()
        assert session.received[-1].type == "response.cancel"


async def test_blocks_in_one_another_end_what_is_theirs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        conn = talk.conn
        async with conn.respond("Hello?") as outer:
            async with conn.respond(instructions="Sum up.", conversation="none") as inner:
                await inner.text().receive()
            await trio.sleep(0.5)
            assert talk.cancelled() == [inner.id]
            assert (inner.status, outer.status) == ("cancelled", "in_progress")
            await outer.text().receive()
        await trio.sleep(0.5)
        assert talk.cancelled() == [inner.id, outer.id]


# promise 4
async def test_ten_blocks_left_at_the_same_moment_end_all_of_theirs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        replies: list[Reply] = []

        async def asks(beside: bool) -> None:
            async with talk.conn.respond(conversation="none" if beside else "auto") as reply:
                replies.append(reply)
                await trio.sleep_forever()

        with trio.move_on_after(0.1):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(asks, number != 3)
        await trio.sleep(1)
        assert sorted(map(str, talk.cancelled())) == sorted(str(reply.id) for reply in replies)
        assert {reply.status for reply in replies} == {"cancelled"}
        assert settled(talk.conn)


async def test_a_handle_is_left_before_its_connection_was_lost_or_after(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        async with talk.conn.respond("Hello?"):
            await trio.sleep(0.1)
        talk.session.drop()
        with pytest.raises(ConnectionClosedError):
            while True:
                await talk.conn.receive()

"""Whose turn it is in the default conversation, seen from `respond()`."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    BUSY,
    LONG,
    PATIENT,
    WRITING,
    Talk,
    errors_of,
    held_by,
    of_response,
    scripted,
    statuses_of,
    talking,
    text_of,
    types_of,
)
from trio_realtime import Options, ServerError
from trio_realtime.events import ResponseCreate, ResponseCreated
from trio_realtime.testing import ScriptedConnection, Silence


def created(response_id: str) -> dict[str, JsonValue]:
    response: JsonValue = {"id": response_id, "status": "in_progress", "output": []}
    return {"type": "response.created", "response": response}


def done(response_id: str) -> dict[str, JsonValue]:
    response: JsonValue = {"id": response_id, "status": "completed", "output": []}
    return {"type": "response.done", "response": response}


async def ask(talk: Talk, text: str, answers: list[str]) -> None:
    async with talk.conn.respond(text) as reply:
        await reply.result()
        answers.append(text)


# Promise 8: nobody sees that the server is busy.
async def test_requests_are_answered_one_at_a_time_in_the_order_in_which_they_came(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answers: list[str] = []
    async with talking() as talk:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(ask, talk, f"question {number}", answers)
                await trio.testing.wait_all_tasks_blocked()
        assert answers == [f"question {number}" for number in range(10)]
        assert errors_of(held_by(talk.conn)) == []
        sent = talk.sent("conversation.item.create", "response.create")
        assert sent == ["conversation.item.create", "response.create"] * 10


async def test_a_turn_ends_with_the_response_and_not_with_its_block(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        async with talk.conn.respond("one") as first:
            await first.result()
            async with talk.conn.respond("two") as second:
                assert await text_of(second) == "You said: two"
            assert await text_of(first) == "You said: one"


# Pain 2. Fifty tasks, turns of the user in between, and voice detection answers those.
@pytest.mark.sweep
@pytest.mark.parametrize("echoes", [True, False])
async def test_fifty_tasks_ask_on_one_connection_while_the_user_speaks(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    begun: list[int] = []
    async with talking(session=PATIENT, echo_metadata=echoes) as talk:
        async with trio.open_nursery() as nursery:

            async def one(number: int) -> None:
                async with talk.conn.respond(f"question {number}") as reply:
                    begun.append(number)
                    assert await text_of(reply) == f"You said: question {number}"
                    assert reply.status == "completed"

            for number in range(50):
                nursery.start_soon(one, number)
                await trio.testing.wait_all_tasks_blocked()
                if number % 7 == 0:
                    await trio.sleep(0.413)
                    talk.server.hears(f"turn {number}")
        await trio.sleep(5)
        assert begun == list(range(50))
        assert talk.sent("conversation.item.create") == ["conversation.item.create"] * 50
        events = held_by(talk.conn)
        assert errors_of(events) == []
        # Those of the user's turns, and all of them: each was answered.
        assert set(statuses_of(events)) == {"completed"}
        assert types_of(events).count("response.created") == 8


async def test_fifty_tasks_ask_while_the_user_barges_in(
    autojump_clock: trio.testing.MockClock,
) -> None:
    begun: list[int] = []
    ends: dict[int, str | None] = {}
    async with talking(session=WRITING) as talk:
        async with trio.open_nursery() as nursery:

            async def one(number: int) -> None:
                async with talk.conn.respond(f"question {number}") as reply:
                    if reply.id is None:
                        details = reply.response.status_details
                        assert details is not None
                        assert details.reason == "turn_detected"
                        assert (await reply.result()).status == "cancelled"
                    else:
                        begun.append(number)
                        await reply.result()
                    ends[number] = reply.status

            for number in range(50):
                nursery.start_soon(one, number)
                await trio.testing.wait_all_tasks_blocked()
                if number % 7 == 6:
                    await trio.sleep(0.123)
                    talk.server.hears(f"turn {number}")
                    await trio.sleep(0.123)
        await trio.sleep(5)
        assert begun == sorted(begun)
        assert 7 < len(begun) < 50
        assert sorted(ends) == list(range(50))
        assert set(ends.values()) == {"completed", "cancelled"}
        # What was not asked was said all the same.
        assert talk.sent("conversation.item.create") == ["conversation.item.create"] * 50
        assert errors_of(held_by(talk.conn)) == []


async def test_a_response_that_was_left_holds_the_next_until_it_is_done(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "short"]) as talk:
        async with talk.conn.respond("one") as first:
            async for _ in first.text():
                break
        begun = trio.current_time()
        assert first.status == "in_progress"
        async with talk.conn.respond("two") as second:
            assert trio.current_time() == begun
            assert first.status == "cancelled"
            assert await text_of(second) == "short"
        assert talk.sent()[1:] == [
            "conversation.item.create",
            "response.create",
            "response.cancel",
            "conversation.item.create",
            "response.create",
        ]
        assert not any(of_response(event) == first.id for event in held_by(talk.conn))


async def test_a_response_that_never_ends_holds_the_next_no_longer_than_cancel_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client = Options(cancel_timeout=3)
    async with talking([LONG, LONG, "short"], client=client) as talk:
        async with talk.conn.respond("one") as first:
            talk.server.late_done(4.5, stays_active=False)
            await trio.sleep(1)
        left = trio.current_time()
        async with talk.conn.respond("two") as second:
            assert trio.current_time() == left + 3
            assert first.status == "in_progress"
            # Its end comes at long last, and frees nobody's turn.
            await trio.sleep(1.6)
            assert (first.status, second.status) == ("cancelled", "in_progress")
            async with talk.conn.respond("three") as third:
                assert second.status == "completed"
                assert await text_of(third) == "short"
        assert errors_of(held_by(talk.conn)) == []


async def test_a_request_that_is_cancelled_in_line_sends_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "third"]) as talk:
        async with talk.conn.respond("one") as first:
            with trio.move_on_after(0.5) as scope:
                async with talk.conn.respond("two"):
                    raise AssertionError("it has no turn yet")
            assert scope.cancelled_caught
            await first.result()
        async with talk.conn.respond("three") as third:
            assert await text_of(third) == "third"
        assert len(talk.frames("conversation.item.create")) == 2
        assert len(talk.frames("response.create")) == 2


async def test_a_request_that_is_cancelled_after_it_was_handed_over_is_cancelled_at_the_server(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "second"]) as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        with trio.move_on_after(1) as scope:
            async with conn.respond("one"):
                raise AssertionError("it has not begun")
        assert scope.cancelled_caught
        server.resume()
        async with conn.respond("two") as reply:
            assert await text_of(reply) == "second"
        assert talk.sent("response.create", "response.cancel") == [
            "response.create",
            "response.cancel",
            "response.create",
        ]
        events = held_by(conn)
        assert "response.created" not in types_of(events)
        assert errors_of(events) == []


@pytest.mark.parametrize("is_beside", [False, True])
async def test_a_request_that_is_cancelled_before_the_writer_takes_it_is_not_sent(
    is_beside: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking() as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        # More than fits on the way: the writer is busy with it.
        await trio.testing.wait_all_tasks_blocked()
        conn.send_nowait({"type": "session.update", "session": {"instructions": "x" * 10**6}})
        entered: list[object] = []
        with trio.move_on_after(1):
            async with conn.respond(
                None if is_beside else "one", conversation="none" if is_beside else "auto"
            ) as reply:
                entered.append(reply)
        server.resume()
        async with conn.respond("two") as reply:
            await reply.result()
        assert entered == []
        assert len(talk.frames("response.create")) == 1
        assert len(talk.frames("conversation.item.create")) == 1
        assert not conn._link.pending.outstanding


# Rule: the moment in which somebody is cancelled is never the wrong one.
@pytest.mark.sweep
@pytest.mark.parametrize("conversation", ["auto", "none"])
@pytest.mark.parametrize("ticks", range(24))
async def test_a_request_may_be_cancelled_at_any_moment(
    ticks: int, conversation: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking([LONG, "again", "again"]) as talk:
        conn = talk.conn
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def one() -> None:
                    async with conn.respond(
                        None if conversation == "none" else "one",
                        conversation="none" if conversation == "none" else "auto",
                    ) as reply:
                        await reply.result()

                nursery.start_soon(one)
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        begun = trio.current_time()
        async with conn.respond("two") as second:
            assert trio.current_time() == begun
            await second.result()
            assert trio.current_time() < begun + 1.5 or second.items
        await trio.sleep(1)
        assert len(talk.frames("response.cancel")) <= 1
        # Nothing of it runs on: what was begun was cancelled.
        assert len(talk.frames("response.create")) - 1 == len(talk.frames("response.cancel"))
        events = held_by(conn)
        assert errors_of(events) == []
        assert types_of(events).count("response.created") == 0


async def test_a_plain_create_counts_for_the_gate(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "mine"]) as talk:
        conn = talk.conn
        await conn.response.create()
        async with conn.respond("a question") as reply:
            assert await text_of(reply) == "mine"
        events = held_by(conn)
        assert types_of(events).count("response.created") == 1
        assert statuses_of(events) == ["completed"]
        assert errors_of(events) == []
        assert len(talk.frames("response.create")) == 2


@pytest.mark.parametrize("echoes", [True, False])
async def test_a_plain_create_beside_respond_is_refused_and_respond_goes_on(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking(LONG, echo_metadata=echoes) as talk:
        conn = talk.conn
        async with conn.respond("a question") as reply:
            await conn.response.create()
            assert await text_of(reply) == LONG
        events = held_by(conn)
        assert errors_of(events) == [BUSY]
        assert "response.created" not in types_of(events)


@pytest.mark.parametrize("echoes", [True, False])
async def test_a_requested_create_is_answered_beside_respond(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking([LONG, "mine"], echo_metadata=echoes) as talk:
        conn = talk.conn
        answer = await conn.request(ResponseCreate())
        assert isinstance(answer, ResponseCreated)
        async with conn.respond("a question") as reply:
            assert reply.id != answer.response.id
            with pytest.raises(ServerError, match="active response"):
                await conn.request(ResponseCreate())
            assert await text_of(reply) == "mine"
        events = held_by(conn)
        assert {of_response(event) for event in events} == {None, answer.response.id}


async def test_with_voice_detection_a_request_waits_for_the_answer_to_the_users_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(["to the user", "to the program"], session=WRITING) as talk:
        server = talk.server
        server.hears("a turn")
        await talk.conn.input_audio_buffer.append(b"\0\0")  # until the turn has arrived here
        await trio.testing.wait_all_tasks_blocked()
        async with talk.conn.respond("a question") as reply:
            assert await text_of(reply) == "to the program"
        assert errors_of(held_by(talk.conn)) == []
        assert len(talk.frames("response.create")) == 1


async def _turn(server: ScriptedConnection, item_id: str) -> None:
    """A turn of the user, to its end."""
    item: JsonValue = {
        "id": item_id,
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    place: dict[str, JsonValue] = {"previous_item_id": None, "item_id": item_id}
    added: dict[str, JsonValue] = {"previous_item_id": None, "item": item}
    at: dict[str, JsonValue] = {"item_id": item_id}
    await server.send({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, **at})
    await server.send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, **at})
    await server.send({"type": "input_audio_buffer.committed", **place})
    await server.send({"type": "conversation.item.added", **added})
    await server.send({"type": "conversation.item.done", **added})


async def test_a_turn_that_is_not_answered_holds_requests_for_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, server):
        await _turn(server, "item_of_the_user")
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    assert await text_of(reply) == "here"

            nursery.start_soon(program)
            begun = trio.current_time()
            async with server.expect("response.create") as request:
                assert trio.current_time() == begun + 1
                await request.say("here")


# Pain 1. No end of a response but of the one that is active opens the gate.
async def test_an_end_that_comes_twice_or_for_another_frees_no_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, server):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as first:
                    await first.result()
                async with conn.respond() as second:
                    await second.result()
                async with conn.respond() as third:
                    await third.result()

            nursery.start_soon(program)
            await server.expect("response.create")
            await server.send(created("resp_1"))
            await server.send(done("resp_of_nobody"))
            await server.expect_nothing(5)
            await server.send(done("resp_1"))
            await server.expect("response.create")
            await server.send(created("resp_2"))
            await server.send(done("resp_1"))
            await server.expect_nothing(5)
            await server.send(done("resp_2"))
            request = await server.expect("response.create")
            await request.say("the end")


async def test_an_end_that_cannot_be_read_frees_the_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, server):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as first:
                    assert (await first.result()).status == "completed"
                async with conn.respond() as second:
                    assert await text_of(second) == "here"

            nursery.start_soon(program)
            await server.expect("response.create")
            await server.send(created("resp_1"))
            await server.send({"type": "response.done", "response": {"id": "resp_1", "output": 7}})
            request = await server.expect("response.create")
            await request.say("here")


async def test_a_request_in_a_cancelled_scope_sends_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        entered: list[object] = []
        with trio.CancelScope() as scope:
            scope.cancel()
            async with talk.conn.respond("one") as reply:
                entered.append(reply)
        await trio.sleep(1)
        assert scope.cancelled_caught
        assert entered == []
        assert talk.sent() == ["session.update"]


async def test_a_response_may_take_its_time_to_begin(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([[Silence(100), "at last"]]) as talk:
        async with talk.conn.respond() as reply:
            assert await text_of(reply) == "at last"


# Whoever waits for the server never waits for himself.
async def test_waiting_for_a_turn_and_for_an_answer_reads_on_though_the_stream_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client = Options(inbox_bytes=60_000)
    async with talking([LONG, "two", "three"], client=client) as talk:
        conn, server = talk.conn, talk.server
        await conn.receive()  # what a stream holds counts once it was read

        def fill() -> None:
            for _ in range(60):
                server.push({"type": "session.from_the_future"})

        async with conn.respond("one") as first:
            await trio.sleep(0.5)
            fill()
            await trio.testing.wait_all_tasks_blocked()
            assert conn.statistics().reader_paused
            begun = trio.current_time()
            async with conn.respond("two") as second:
                assert first.status == "completed"
                # At once, and not when the reader looks again by itself.
                assert trio.current_time() - begun < 1.6
                await trio.sleep(1)
                # Nobody waits any more.
                assert conn.statistics().reader_paused
                assert second.status == "in_progress"
                with trio.fail_after(1):
                    async with conn.respond(conversation="none") as third:
                        assert third.status == "in_progress"
            await trio.sleep(1)
            assert conn.statistics().reader_paused
            assert second.status == "completed"

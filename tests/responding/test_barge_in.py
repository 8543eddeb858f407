"""The user speaks while responses run or wait."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    DRIVEN,
    LONG,
    WRITING,
    Talk,
    errors_of,
    held_by,
    statuses_of,
    talking,
    text_of,
    types_of,
)
from trio_realtime import Reply
from trio_realtime.events import ResponseDone
from trio_realtime.types import Response, StatusDetails

SPEECH: Mapping[str, JsonValue] = {
    "type": "input_audio_buffer.speech_started",
    "audio_start_ms": 0,
    "item_id": "item_of_the_user",
}


async def reason_of(reply: Reply) -> str | None:
    details = (await reply.result()).status_details
    return None if details is None else details.reason


async def ask(talk: Talk, text: str, replies: dict[str, Reply]) -> None:
    async with talk.conn.respond(text) as reply:
        replies[text] = reply
        async for _ in reply:
            pass
        await reply.result()


# What waits is dropped where the user will be answered ...
async def test_requests_that_wait_give_way_to_the_users_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    replies: dict[str, Reply] = {}
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        async with trio.open_nursery() as nursery:
            for text in ("active", "second", "third"):
                nursery.start_soon(ask, talk, text, replies)
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.5)
            talk.server.hears("wait")
        await trio.sleep(2)
        assert replies["active"].id is not None
        assert await reason_of(replies["active"]) == "turn_detected"
        assert replies["active"].items != ()
        for text in ("second", "third"):
            reply = replies[text]
            assert (reply.id, reply.status, reply.usage) == (None, "cancelled", None)
            assert reply.items == ()
            assert await reason_of(reply) == "turn_detected"
            assert reply.response.output == []
        # Their items are in the conversation, and the answer to the user is in the stream.
        said = [content_of(item) for item in talk.server.conversation.items]
        assert said[0] == "active"
        assert LONG.startswith(said[1])
        assert sorted(said[2:]) == ["second", "third", "to the user", "wait"]
        assert said.index("second") < said.index("third")
        assert len(talk.frames("response.create")) == 1
        assert talk.sent("response.cancel") == []
        events = held_by(talk.conn)
        assert statuses_of(events) == ["completed"]
        assert errors_of(events) == []


# All of them are woken at once, and Trio runs them in any order.
async def test_what_they_bring_comes_in_the_order_in_which_they_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    replies: dict[str, Reply] = {}
    asked = [f"question {number}" for number in range(20)]
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        async with trio.open_nursery() as nursery:
            for text in ("active", *asked):
                nursery.start_soon(ask, talk, text, replies)
                await trio.testing.wait_all_tasks_blocked()
            talk.server.hears("wait")
        await trio.sleep(1)
        said = [content_of(item) for item in talk.server.conversation.items]
        assert [text for text in said if text in asked] == asked


@pytest.mark.parametrize("has_gone", [True, False])
async def test_a_caller_who_goes_when_it_gives_way_brings_nothing(
    has_gone: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        conn, server = talk.conn, talk.server
        async with conn.respond("active") as active:
            server.pause()
            await trio.testing.wait_all_tasks_blocked()
            # More than fits on the way: the writer is busy with it.
            conn.send_nowait({"type": "session.update", "session": {"instructions": "x" * 10**6}})
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:

                    async def second() -> None:
                        async with conn.respond("second"):
                            pytest.fail("it has gone")

                    nursery.start_soon(second)
                    await trio.testing.wait_all_tasks_blocked()
                    event = ResponseDone(
                        response=Response(
                            id=active.id,
                            status="cancelled",
                            status_details=StatusDetails(reason="turn_detected"),
                        )
                    )
                    if has_gone:
                        scope.cancel()
                    conn._link.dispatch(event, 100)
                    with trio.CancelScope(shield=True):
                        await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()
            server.resume()
        await trio.sleep(1)
        assert len(talk.frames("conversation.item.create")) == 1


# ... and goes ahead where nobody else answers.
async def test_requests_that_wait_go_ahead_where_voice_detection_creates_no_responses(
    autojump_clock: trio.testing.MockClock,
) -> None:
    replies: dict[str, Reply] = {}
    async with talking([LONG, "two", "three"], session=DRIVEN) as talk:
        async with trio.open_nursery() as nursery:
            for text in ("active", "second", "third"):
                nursery.start_soon(ask, talk, text, replies)
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.5)
            talk.server.hears("wait")
        assert list(replies) == ["active", "second", "third"]
        assert await reason_of(replies["active"]) == "turn_detected"
        assert [replies[text].status for text in ("second", "third")] == ["completed"] * 2
        assert len(talk.frames("response.create")) == 3
        assert "response.created" not in types_of(held_by(talk.conn))


async def test_requests_that_wait_go_ahead_when_the_client_cancels(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "second"], session=WRITING) as talk:
        conn = talk.conn
        async with conn.respond("active") as active:
            async with trio.open_nursery() as nursery:

                async def second() -> None:
                    async with conn.respond("second") as reply:
                        assert await text_of(reply) == "second"

                nursery.start_soon(second)
                await trio.sleep(0.5)
                done = await conn.response.cancel(active.id)
                assert isinstance(done, ResponseDone)
            assert await reason_of(active) == "client_cancelled"


async def test_the_input_of_a_dropped_request_is_sent_once_also_if_it_was_refused_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(session=WRITING) as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond("the question") as reply:
                    assert reply.status == "cancelled"
                    assert reply.id is None

            nursery.start_soon(program)
            await trio.testing.wait_all_tasks_blocked()
            server.hears("a turn of many words, so that its answer takes some time to write")
            server.resume()
            # It was refused, for the turn is answered. Now the user interrupts that answer.
            await server.wait_for("response.create")
            await trio.sleep(0.05)
            server.hears("no")
        await trio.sleep(2)
        assert talk.sent("conversation.item.create", "response.create") == [
            "conversation.item.create",
            "response.create",
        ]
        assert errors_of(held_by(conn)) == []


async def test_a_dropped_request_without_input_sends_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        conn = talk.conn
        async with conn.respond("active") as active:
            async with trio.open_nursery() as nursery:

                async def second() -> None:
                    async with conn.respond() as reply:
                        assert await reason_of(reply) == "turn_detected"
                        assert [event async for event in reply] == []
                        assert await text_of(reply) == ""
                        assert [chunk async for chunk in reply.audio()] == []
                    with pytest.raises(trio.ClosedResourceError):
                        await reply.text().receive()

                nursery.start_soon(second)
                await trio.sleep(0.5)
                talk.server.hears("wait")
            assert active.status == "cancelled"
        await trio.sleep(1)
        assert len(talk.frames("conversation.item.create")) == 1
        assert len(talk.frames("response.create")) == 1


async def test_what_a_dropped_request_brings_may_be_refused_in_the_stream(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "to the user"], session=WRITING, yields_errors=True) as talk:
        conn = talk.conn
        async with conn.respond("active"):
            async with trio.open_nursery() as nursery:

                async def second() -> None:
                    async with conn.respond("second") as reply:
                        assert await reason_of(reply) == "turn_detected"

                nursery.start_soon(second)
                await trio.sleep(0.5)
                talk.server.refuse_next("conversation.item.create", "item_create_invalid")
                talk.server.hears("wait")
        await trio.sleep(1)
        assert errors_of(held_by(conn)) == ["item_create_invalid"]


async def test_a_request_that_comes_after_the_barge_in_waits_for_the_answer_to_the_user(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "to the user", "to the program"], session=WRITING) as talk:
        conn = talk.conn
        async with conn.respond("active") as active:
            await trio.sleep(0.5)
            talk.server.hears("wait")
            assert await reason_of(active) == "turn_detected"
            async with conn.respond("a question") as reply:
                assert await text_of(reply) == "to the program"
        assert errors_of(held_by(conn)) == []


# Left while voice detection is cutting it off: a cancel could hit the answer to the user.
async def test_no_cancel_is_sent_for_a_response_that_the_user_is_cutting_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        conn, server = talk.conn, talk.server
        server.late_done(0.4, stays_active=False)
        async with conn.respond("active") as active:
            await trio.sleep(0.5)
            server.speech_started()
            await trio.testing.wait_all_tasks_blocked()
        assert active.status == "in_progress"
        server.speech_stopped()
        await trio.sleep(5)
        assert active.status == "cancelled"
        assert talk.sent("response.cancel") == []
        assert statuses_of(held_by(conn)) == ["completed"]


async def test_a_cancel_is_sent_after_all_when_voice_detection_has_not_cut_it_off_in_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG * 10, "to the user"], session=WRITING) as talk:
        conn, server = talk.conn, talk.server
        async with conn.respond("active") as active:
            await trio.sleep(0.5)
            # It tells that somebody speaks, and forgets to cut the model off.
            server.push(SPEECH)
            await trio.testing.wait_all_tasks_blocked()
        left = trio.current_time()
        await server.wait_for("response.cancel")
        assert trio.current_time() == left + 1
        await trio.testing.wait_all_tasks_blocked()
        assert active.status == "cancelled"


async def test_a_request_that_would_cancel_leaves_that_to_voice_detection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG * 10, "instead"], session=WRITING) as talk:
        conn, server = talk.conn, talk.server
        async with conn.respond("active") as active:
            await trio.sleep(0.5)
            server.push(SPEECH)
            await trio.testing.wait_all_tasks_blocked()
            begun = trio.current_time()
            async with conn.respond("instead", when_busy="cancel") as reply:
                assert trio.current_time() == begun + 1
                assert active.status == "cancelled"
                assert await text_of(reply) == "instead"


def content_of(item: dict[str, JsonValue]) -> str:
    content = item["content"]
    assert isinstance(content, list)
    (part,) = content
    assert isinstance(part, dict)
    return str(part.get("text") or "wait")

"""Which events come to a handle, which to the connection's stream, and which to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    LONG,
    QUIET,
    SPEAKING,
    errors_of,
    held_by,
    of_response,
    scripted,
    talking,
    text_of,
    types_of,
)
from trio_realtime import EventStream, IncomingReplies, Reply
from trio_realtime.events import (
    InvalidEvent,
    ResponseCreated,
    ResponseDone,
    ResponseOutputTextDelta,
    ServerEvent,
    UnknownEvent,
)
from trio_realtime.testing import Answer, CallMcp, CallTool, McpServer, ScriptedRequest, Together
from trio_realtime.types import AssistantMessage, FunctionCall, McpCall, OutputText

SHOP: dict[str, JsonValue] = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "https://shop.example/mcp",
    "require_approval": "never",
}


async def events_of(reply: Reply) -> list[ServerEvent]:
    return [event async for event in reply]


def in_tap(tap: EventStream) -> list[ServerEvent]:
    events: list[ServerEvent] = []
    try:
        while True:
            events.append(tap.receive_nowait())
    except trio.WouldBlock:
        return events


def created(response_id: str, **fields: JsonValue) -> dict[str, JsonValue]:
    response: JsonValue = {"id": response_id, "status": "in_progress", "output": [], **fields}
    return {"type": "response.created", "response": response}


def answer_to(request: ScriptedRequest, response_id: str) -> dict[str, JsonValue]:
    return created(response_id, metadata={"trio_realtime": request.event["event_id"]})


def done(response_id: str, **fields: JsonValue) -> dict[str, JsonValue]:
    response: JsonValue = {"id": response_id, "status": "completed", "output": [], **fields}
    return {"type": "response.done", "response": response}


def delta(response_id: str, text: str) -> dict[str, JsonValue]:
    return {
        "type": "response.output_text.delta",
        "response_id": response_id,
        "item_id": f"item_of_{response_id}",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    }


async def test_a_handle_gets_the_whole_response_and_the_stream_the_rest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking("one two", rate_limits=True) as talk:
        with talk.conn.tap() as tap:
            async with talk.conn.respond("a question") as reply:
                own = await events_of(reply)
            await trio.testing.wait_all_tasks_blocked()
            everything = in_tap(tap)
        rest = held_by(talk.conn)[2:]
        assert types_of(own) == [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        # Items and rate limits are the session's: they name no response.
        assert types_of(rest) == [
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.added",
            "conversation.item.done",
            "rate_limits.updated",
        ]
        assert everything == sorted([*own, *rest], key=everything.index)
        assert len(everything) == len(own) + len(rest)


async def test_a_response_without_a_handle_is_in_the_stream_before_and_after_one_with(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking("one") as talk:
        conn = talk.conn
        held_by(conn)
        await conn.response.create()
        await trio.sleep(1)
        before = held_by(conn)
        async with conn.respond() as reply:
            await reply.result()
        held_by(conn)
        await conn.response.create()
        await trio.sleep(1)
        after = held_by(conn)
        assert types_of(before) == types_of(after)
        assert types_of(before)[0] == "response.created"
        assert types_of(before)[-1] == "response.done"


async def test_stragglers_are_in_no_stream_but_in_a_tap(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG) as talk:
        with talk.conn.tap() as tap:
            async with talk.conn.respond("a question") as reply:
                await trio.sleep(0.5)
            assert reply.status == "in_progress"
            await trio.sleep(1)
            assert reply.status == "cancelled"
            late = [event for event in in_tap(tap) if of_response(event) == reply.id]
            assert isinstance(late[0], ResponseCreated)
            assert isinstance(late[-1], ResponseDone)
        assert not any(of_response(event) for event in held_by(talk.conn))


# Some servers close items after the response.
async def test_late_events_of_a_response_whose_block_is_open_are_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:
            over = trio.Event()

            async def program() -> None:
                async with conn.respond() as reply:
                    assert (await reply.result()).status == "completed"
                    await over.wait()
                    (item,) = reply.items
                    assert isinstance(item, AssistantMessage)
                    assert item.content == [OutputText(text="the whole")]

            nursery.start_soon(program)
            request = await line.expect("response.create")
            await line.send(answer_to(request, "resp_1"))
            await line.send(delta("resp_1", "the "))
            await line.send(done("resp_1"))
            await trio.testing.wait_all_tasks_blocked()
            late: dict[str, JsonValue] = {
                **delta("resp_1", ""),
                "type": "response.output_text.done",
                "text": "the whole",
            }
            await line.send(late)
            await trio.testing.wait_all_tasks_blocked()
            over.set()
        await line.send(late)
        await trio.testing.wait_all_tasks_blocked()
        assert {of_response(event) for event in held_by(conn)} == {None}


@pytest.mark.parametrize("session", [QUIET, SPEAKING])
async def test_the_order_of_another_server_changes_nothing(
    session: Mapping[str, JsonValue], autojump_clock: trio.testing.MockClock
) -> None:
    async with talking("one two three", event_order="xai", session=session) as talk:
        async with talk.conn.respond("a question") as reply:
            assert await text_of(reply) == "one two three"
            assert reply.status == "completed"
        await trio.sleep(1)
        assert not any(of_response(event) for event in held_by(talk.conn))


async def test_items_may_overlap(autojump_clock: trio.testing.MockClock) -> None:
    both = Together("I will look.", CallTool("look", {"at": "it"}))
    tool: dict[str, JsonValue] = {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object", "properties": {}},
    }
    async with talking([both]) as talk:
        async with talk.conn.respond("a question", tools=[tool]) as reply:
            assert await text_of(reply) == "I will look."
            said, called = reply.items
            assert isinstance(said, AssistantMessage)
            assert isinstance(called, FunctionCall)
            assert called.arguments == '{"at": "it"}'


# Events of MCP calls name an item, and no response.
@pytest.mark.parametrize("echoes", [True, False])
async def test_events_of_mcp_calls_come_to_the_handle_of_their_response(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    def shop(session: object, conversation: object, create: Mapping[str, JsonValue]) -> Answer:
        del session, conversation
        what = str(create["instructions"])
        return CallMcp("buy", {"what": what}, output=f"bought {what}", seconds=1)

    seen: dict[str, list[ServerEvent]] = {}
    async with talking(
        shop,
        session={**QUIET, "tools": [SHOP]},
        mcp_servers={"shop": McpServer(["buy"])},
        echo_metadata=echoes,
    ) as talk:
        conn = talk.conn
        await trio.sleep(1)
        held_by(conn)

        async def buy(what: str) -> None:
            async with conn.respond(
                conversation="auto" if what == "salt" else "none", instructions=what
            ) as reply:
                seen[what] = await events_of(reply)
                (item,) = reply.items
                assert isinstance(item, McpCall)
                assert item.output == f"bought {what}"

        async with trio.open_nursery() as nursery:
            for what in ("bread", "butter", "salt"):
                nursery.start_soon(buy, what)
                await trio.testing.wait_all_tasks_blocked()
        for what, events in seen.items():
            mcp = [event for event in events if "mcp_call" in event.type]
            assert types_of(mcp)[-1] == "response.mcp_call.completed"
            assert types_of(mcp)[0] in {
                "response.mcp_call.in_progress",
                "response.mcp_call_arguments.delta",
            }
            items = {str(getattr(event, "item_id", None)) for event in mcp}
            assert len(items) == 1, what
        assert not any("mcp_call" in event.type for event in held_by(conn))


async def test_mcp_events_of_items_that_nobody_knows_are_the_sessions(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    assert types_of(await events_of(reply)) == ["response.created", "response.done"]

            nursery.start_soon(program)
            request = await line.expect("response.create")
            await line.send(answer_to(request, "resp_1"))
            await line.send(
                {"type": "response.mcp_call.in_progress", "item_id": "mcp_1", "output_index": 0}
            )
            await line.send(done("resp_1"))
        assert types_of(held_by(conn))[2:] == ["response.mcp_call.in_progress"]


async def test_what_this_release_does_not_know_goes_by_its_response_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        own: list[ServerEvent] = []
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    own.extend(await events_of(reply))

            nursery.start_soon(program)
            request = await line.expect("response.create")
            await line.send(answer_to(request, "resp_1"))
            await line.send({"type": "response.from_the_future", "response_id": "resp_1"})
            await line.send({"type": "response.from_the_future", "response_id": "resp_9"})
            await line.send({"type": "response.from_the_future"})
            await line.send({"type": "session.from_the_future", "response_id": "resp_1"})
            await line.send({**delta("resp_1", ""), "delta": 7})
            await line.send(done("resp_1"))
        assert [type(event) for event in own] == [
            ResponseCreated,
            UnknownEvent,
            InvalidEvent,
            ResponseDone,
        ]
        rest = held_by(conn)[2:]
        assert [event.wire_type for event in rest if isinstance(event, UnknownEvent)] == [
            "response.from_the_future",
            "response.from_the_future",
            "session.from_the_future",
        ]
        assert len(rest) == 3


# Our request reaches the server just before its voice detection commits a turn. One response comes,
# which looks like the answer to the turn, and is ours.
async def test_a_response_that_may_be_ours_is_ours_when_nothing_better_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    assert reply.id == "resp_1"
                    assert reply.status == "completed"
                    assert await text_of(reply) == "one two"

            nursery.start_soon(program)
            await line.expect("response.create")
            item: dict[str, JsonValue] = {"item_id": "item_of_the_user"}
            await line.send(
                {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, **item}
            )
            await line.send(
                {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 9, **item}
            )
            await line.send(
                {"type": "input_audio_buffer.committed", "previous_item_id": None, **item}
            )
            await line.send(created("resp_1"))
            await line.send(delta("resp_1", "one "))
            await line.send(delta("resp_1", "two"))
            await line.expect_nothing(5)
            await line.send(done("resp_1"))
        deltas = [event for event in held_by(conn) if isinstance(event, ResponseOutputTextDelta)]
        # Whoever reads the stream has seen them, too: nobody could know.
        assert len(deltas) == 2


async def test_a_doubt_ends_when_the_better_answer_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    assert reply.id == "resp_2"
                    assert await text_of(reply) == "mine"

            nursery.start_soon(program)
            request = await line.expect("response.create")
            item: dict[str, JsonValue] = {"item_id": "item_of_the_user"}
            await line.send(
                {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 9, **item}
            )
            await line.send(
                {"type": "input_audio_buffer.committed", "previous_item_id": None, **item}
            )
            await line.send(created("resp_1"))
            await line.send(delta("resp_1", "the user's"))
            await line.send(done("resp_1", status="cancelled"))
            await line.send(answer_to(request, "resp_2"))
            await line.send(delta("resp_2", "mine"))
            await line.send(done("resp_2"))
        in_stream = {of_response(event) for event in held_by(conn)} - {None}
        assert in_stream == {"resp_1"}


@pytest.mark.parametrize("yields_errors", [True, False])
async def test_errors_of_the_session_are_in_the_stream_whatever_runs(
    yields_errors: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking(LONG, yields_errors=yields_errors) as talk:
        error: JsonValue = {"type": "server_error", "code": "oops", "message": "Oops"}
        async with talk.conn.respond() as reply:
            talk.server.push({"type": "error", "error": error})
            assert await text_of(reply) == LONG
        assert errors_of(held_by(talk.conn)) == ["oops"]


async def test_two_connections_know_nothing_of_each_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG) as one:
        async with talking("short") as other:
            async with one.conn.respond("a question") as first:
                async with other.conn.respond("a question") as second:
                    assert await text_of(second) == "short"
                assert first.status == "in_progress"


async def test_a_beginning_that_cannot_be_read_begins_a_response(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond() as reply:
                    assert reply.id == "resp_1"
                    assert await text_of(reply) == "here"

            nursery.start_soon(program)
            request = await line.expect("response.create")
            frame = answer_to(request, "resp_1")
            assert isinstance(frame["response"], dict)
            await line.send({**frame, "response": {**frame["response"], "output": 7}})
            await line.send(delta("resp_1", "here"))
            await line.send(done("resp_1"))


# Pain 1: what comes twice counts once.
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_beginning_that_comes_twice_begins_one_response(
    is_open: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with AsyncExitStack() as stack:
            replies: IncomingReplies | None = None
            if is_open:
                replies = await stack.enter_async_context(conn.incoming())
            async with trio.open_nursery() as nursery:

                async def program() -> None:
                    async with conn.respond() as reply:
                        assert await text_of(reply) == "here"
                        assert len(await events_of(reply)) == 0

                nursery.start_soon(program)
                request = await line.expect("response.create")
                for _ in range(2):
                    await line.send(answer_to(request, "resp_1"))
                await line.send(delta("resp_1", "here"))
                await line.send(done("resp_1"))
            await line.send(created("resp_2"))
            await line.send(created("resp_2"))
            await line.send(done("resp_2"))
            await trio.testing.wait_all_tasks_blocked()
            if replies is not None:
                assert repr(replies) == "<IncomingReplies 1 waiting, 0 dropped>"
                assert (await (await replies.receive()).result()).id == "resp_2"
            else:
                assert {of_response(event) for event in held_by(conn)} == {None, "resp_2"}
        assert conn._link.gate.is_open


# As servers do that imitate the real one for a test.
async def test_a_server_may_give_all_its_responses_one_id(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                for number in range(3):
                    async with conn.respond() as reply:
                        assert reply.id == "resp_1"
                        assert await text_of(reply) == f"answer {number}"
                        assert reply.status == "completed"

            nursery.start_soon(program)
            for number in range(3):
                await line.expect("response.create")
                await line.send(created("resp_1"))
                await line.send(delta("resp_1", f"answer {number}"))
                await line.send(done("resp_1"))
        assert {of_response(event) for event in held_by(conn)} == {None}

"""Responses beside the conversation: any number at a time, each with its own handle."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    LONG,
    PATIENT,
    QUIET,
    errors_of,
    held_by,
    of_response,
    statuses_of,
    talking,
    text_of,
    types_of,
)
from trio_realtime import ServerError
from trio_realtime.events import ResponseDone, ServerEvent
from trio_realtime.testing import Refuse
from trio_realtime.types import InputItem, ItemReference, UserMessage


def repeat(session: object, conversation: object, create: Mapping[str, JsonValue]) -> str:
    """Say what the instructions are, at length; to the user and the program, LONG."""
    del session, conversation
    instructions = create.get("instructions")
    return LONG if instructions is None else f"{instructions} " * 5


# Promise 9.
@pytest.mark.sweep
@pytest.mark.parametrize("echoes", [True, False])
async def test_fifty_run_beside_a_live_conversation_and_each_sees_its_own_events(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    seen: dict[str, list[ServerEvent]] = {}
    texts: dict[int, str] = {}
    async with talking(repeat, session=PATIENT, echo_metadata=echoes) as talk:
        conn = talk.conn
        with conn.tap(max_bytes=2**26) as tap:
            async with conn.respond("to the program") as main:
                begun = trio.current_time()
                async with trio.open_nursery() as nursery:

                    async def beside(number: int) -> None:
                        async with conn.respond(
                            conversation="none", instructions=f"I am {number}"
                        ) as reply:
                            assert reply.id is not None
                            seen[reply.id] = []
                            reply.text()
                            async for event in reply:
                                seen[reply.id].append(event)
                                await trio.lowlevel.checkpoint()
                            texts[number] = await text_of(reply)

                    for number in range(50):
                        nursery.start_soon(beside, number)
                        await trio.testing.wait_all_tasks_blocked()
                    assert trio.current_time() == begun
                    assert len(seen) == 50
                    talk.server.hears("a turn of the user")
                assert main.status in {"in_progress", "completed"}
                assert await text_of(main) == LONG
            await trio.sleep(5)
            everything: list[ServerEvent] = []
            try:
                while True:
                    everything.append(tap.receive_nowait())
            except trio.WouldBlock:
                pass
            assert tap.dropped == 0
        # Those without an echo have no better evidence than the order, in which they were answered.
        assert texts == {number: f"I am {number} " * 5 for number in range(50)}
        for response_id, events in seen.items():
            assert events == [event for event in everything if of_response(event) == response_id]
            assert isinstance(events[-1], ResponseDone)
        in_stream = {of_response(event) for event in held_by(conn)} - {None}
        assert len(in_stream) == 1
        assert in_stream.isdisjoint(seen)


async def test_nothing_of_them_is_in_the_conversation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking("beside") as talk:
        async with talk.conn.respond("Sum up.", conversation="none") as reply:
            assert await text_of(reply) == "beside"
            (item,) = reply.items
            assert not isinstance(item, UserMessage)
        assert talk.server.conversation.items == []
        assert talk.sent() == ["session.update", "response.create"]
        assert "conversation.item.added" not in types_of(held_by(talk.conn))


async def test_input_takes_the_place_of_the_conversation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        conn = talk.conn
        async with conn.respond("in the conversation") as reply:
            await reply.result()
        item_id = talk.server.conversation.items[0]["id"]
        assert isinstance(item_id, str)
        async with conn.respond("beside it", conversation="none") as reply:
            assert await text_of(reply) == "You said: beside it"
        async with conn.respond(conversation="none", instructions="Sum up") as reply:
            assert "in the conversation" in await text_of(reply)
        async with conn.respond([], conversation="none", instructions="No context") as reply:
            assert "in the conversation" not in await text_of(reply)
        mixed: list[InputItem | Mapping[str, JsonValue]] = [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "!"}]},
            ItemReference(id=item_id),
        ]
        async with conn.respond(mixed, conversation="none") as reply:
            assert await text_of(reply) == "You said: in the conversation"
        inputs: list[JsonValue] = []
        for create in talk.frames("response.create"):
            response = create["response"]
            assert isinstance(response, dict)
            inputs.append(response.get("input"))
        message: JsonValue = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "beside it"}],
        }
        assert inputs[:4] == [None, [message], None, []]


async def test_one_that_is_left_early_is_cancelled_and_truncates_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG, session={"audio": {"input": {"turn_detection": None}}}) as talk:
        async with talk.conn.respond("Speak", conversation="none") as reply:
            async for _ in reply.audio():
                break
        await trio.sleep(1)
        assert talk.sent()[1:] == ["response.create", "response.cancel"]
        assert reply.status == "cancelled"
        assert [of_response(event) for event in held_by(talk.conn)] == [None, None]


async def test_one_that_is_refused_raises_and_the_others_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, Refuse("rate_limit_exceeded"), "fine"]) as talk:
        conn = talk.conn
        async with conn.respond(conversation="none") as first:
            with pytest.raises(ServerError) as caught:
                async with conn.respond(conversation="none"):
                    pass
            assert caught.value.code == "rate_limit_exceeded"
            async with conn.respond(conversation="none") as third:
                assert await text_of(third) == "fine"
            assert await text_of(first) == LONG
        assert errors_of(held_by(conn)) == []


# Pain 38. A turn of the user, three out of band, and one of these is refused.
@pytest.mark.sweep
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("refused", range(3))
@pytest.mark.parametrize("turn_at", range(4))
async def test_a_turn_and_three_out_of_band_of_which_one_is_refused(
    turn_at: int,
    refused: int,
    echoes: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    def say(session: object, conversation: object, create: Mapping[str, JsonValue]) -> str | Refuse:
        if create.get("instructions") == f"number {refused}":
            return Refuse("rate_limit_exceeded")
        return repeat(session, conversation, create)

    ends: dict[int, str] = {}
    async with talking(say, session=PATIENT, echo_metadata=echoes) as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        async with trio.open_nursery() as nursery:

            async def one(number: int) -> None:
                try:
                    async with conn.respond(
                        conversation="none", instructions=f"number {number}"
                    ) as reply:
                        ends[number] = await text_of(reply)
                except ServerError as error:
                    ends[number] = str(error.code)

            async def program() -> None:
                async with conn.respond("a question", instructions="in it") as reply:
                    ends[-1] = await text_of(reply)

            for number in range(3):
                if number == turn_at:
                    server.hears("a turn")
                nursery.start_soon(one, number)
                await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(program)
            await trio.testing.wait_all_tasks_blocked()
            if turn_at == 3:
                server.hears("a turn")
            server.resume()
        await trio.sleep(5)
        wanted = {number: f"number {number} " * 5 for number in range(3)}
        assert ends == {**wanted, refused: "rate_limit_exceeded", -1: "in it " * 5}
        events = held_by(conn)
        assert statuses_of(events) == ["completed"]
        assert errors_of(events) == []
        assert len({of_response(event) for event in events} - {None}) == 1


async def test_extra_fields_may_put_it_beside_the_conversation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "beside"], session=QUIET) as talk:
        conn = talk.conn
        async with conn.respond("in it"):
            async with conn.respond(
                "beside it", extra_fields={"response": {"conversation": "none"}}
            ) as reply:
                assert await text_of(reply) == "beside"
        assert len(talk.frames("conversation.item.create")) == 1

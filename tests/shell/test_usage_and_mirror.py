"""`conn.usage` and `conn.conversation.items` on a connection: what arrived, and all of it."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from trio_realtime import RealtimeConnection, ServerError, UsageTotals, open_realtime
from trio_realtime.audio import silence, tone
from trio_realtime.events import ResponseDone, ServerEvent
from trio_realtime.testing import CallTool, Responder, Say, SimulatedServer, SimulatedSession
from trio_realtime.types import AssistantMessage, Item, UnknownItem, as_input

MODEL = "gpt-realtime-2.1"
MINUTES = 10 * 60

Json = dict[str, JsonValue]

QUIET: Json = {
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},
}
VOICE: Json = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}


@asynccontextmanager
async def mirrored(
    reply: Responder = "one two three", session: Json = QUIET, *, mirror: bool = True
) -> AsyncGenerator[tuple[RealtimeConnection, SimulatedSession]]:
    """A conversation that is mirrored; refusals are events in it."""
    with trio.fail_after(MINUTES):
        async with SimulatedServer(reply) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=session, errors="yield", mirror=mirror
            ) as conn:
                yield conn, server.sessions[0]


async def until(conn: RealtimeConnection, wire_type: str) -> ServerEvent:
    while (event := await conn.receive()).type != wire_type:
        pass
    return event


def shown(item: Item) -> Json:
    assert not isinstance(item, UnknownItem)
    wire: Json = json.loads(item.model_dump_json(exclude_unset=True))
    return wire


def held(conn: RealtimeConnection) -> list[Json]:
    return [shown(item) for item in conn.conversation.items]


async def test_usage_is_what_the_responses_said_together(
    autojump_clock: trio.testing.MockClock,
) -> None:  # pain 47
    async with mirrored() as (conn, _):
        assert conn.usage == UsageTotals()
        told: list[ResponseDone] = []
        for conversation in ("auto", "none"):
            await conn.conversation.item.create(role="user", text="Hello!")
            await conn.response.create(conversation=conversation)
            event = await until(conn, "response.done")
            assert isinstance(event, ResponseDone)
            told.append(event)
        usages = [each.response.usage for each in told]
        usage = conn.usage
        assert usage.responses == len(told) == 2
        assert usage.total_tokens == sum(each.total_tokens or 0 for each in usages if each)
        assert usage.output_tokens == usage.output_text_tokens == 6
    assert conn.usage == usage


async def test_usage_counts_before_anybody_reads(autojump_clock: trio.testing.MockClock) -> None:
    async with mirrored() as (conn, session):
        await conn.response.create()
        await session.wait_for("response.create")
        await trio.sleep(60)
        assert conn.usage.responses == 1


async def test_a_late_and_duplicate_done_counts_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with mirrored() as (conn, session):
        session.late_done(1, duplicates=2)
        await conn.response.create()
        await trio.sleep(60)
        assert conn.usage.responses == 1
        assert conn.usage.output_text_tokens == 3


@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-4o-transcribe"])
async def test_transcription_is_counted_apart(
    autojump_clock: trio.testing.MockClock, model: str
) -> None:
    session: Json = {"audio": {"input": {"transcription": {"model": model}}}}
    async with mirrored(session=session) as (conn, _):
        await conn.input_audio_buffer.append(tone(300, 1200) + silence(800))
        await trio.sleep(60)
        usage = conn.usage
    assert (usage.responses, usage.transcriptions) == (1, 1)
    paid = (usage.transcription_input_tokens > 0, usage.transcription_seconds > 0)
    assert paid == (model == "gpt-4o-transcribe", model != "gpt-4o-transcribe")
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_usage_needs_no_mirror_and_items_say_that_they_do(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with mirrored(mirror=False) as (conn, _):
        await conn.response.create()
        await until(conn, "response.done")
        assert conn.usage.responses == 1
        with pytest.raises(RuntimeError, match="open the connection with mirror=True"):
            _ = conn.conversation.items


async def test_the_items_are_those_of_the_server_at_any_time(
    autojump_clock: trio.testing.MockClock,
) -> None:  # pain 48
    reply: Responder = [[Say("Let me see."), CallTool("look")]]
    async with mirrored(reply) as (conn, session):
        assert held(conn) == []
        await conn.conversation.item.create(role="user", text="Hello!")
        await conn.response.create()
        async for event in conn:
            # The mirror is never behind what is read; it may be ahead.
            if event.type == "conversation.item.added":
                assert shown(event.item)["id"] in [item["id"] for item in held(conn)]
            if event.type == "response.done":
                break
        assert held(conn) == session.conversation.items
        types = [item.type for item in conn.conversation.items]
        assert types == ["message", "message", "function_call"]
    assert held(conn) == session.conversation.items


async def test_an_interrupted_answer_has_lost_its_transcript(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with mirrored("word " * 20, {}) as (conn, session):
        await conn.response.create()
        await until(conn, "response.done")
        (item,) = conn.conversation.items
        assert isinstance(item, AssistantMessage)
        assert "word word" in repr(item)
        assert item.id is not None
        await conn.conversation.item.truncate(item.id, audio_end_ms=100)
        assert held(conn) == session.conversation.items
        assert "word" not in repr(conn.conversation.items)
        retrieved = await conn.conversation.item.retrieve(item.id)
        assert retrieved.type == "message"
        assert "bytes" in repr(retrieved)
        assert held(conn) == session.conversation.items
        assert "bytes" not in repr(conn.conversation.items)


async def test_a_spoken_conversation_goes_into_another_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with mirrored("Yes.", VOICE) as (conn, _):
        await conn.input_audio_buffer.append(tone(300, 1200) + silence(800))
        await until(conn, "response.done")
        await trio.sleep(10)
        items = conn.conversation.items
    async with mirrored() as (conn, session):
        for each in items:
            await conn.conversation.item.create(as_input(each))
        await trio.sleep(10)
        assert [item["content"] for item in session.conversation.items] == [
            [{"type": "input_text", "text": "Speech of 1.2 seconds."}],
            [{"type": "output_text", "text": "Yes."}],
        ]
        assert held(conn) == session.conversation.items


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_done_the_items_stay_those_of_the_server(
    autojump_clock: trio.testing.MockClock, seed: int
) -> None:  # pain 48
    chance = random.Random(seed)
    reply: Responder = [[Say("one two three four")], [Say("Hm."), CallTool("look")], "yes"] * 40
    async with mirrored(reply, VOICE) as (conn, session):
        for _ in range(40):
            await do_something(conn, session, chance)
            if chance.random() < 0.3:
                await trio.sleep(chance.choice([0.05, 0.5, 5]))
        await trio.sleep(60)
        assert held(conn) == session.conversation.items
        assert conn.statistics().dropped == 0
        done = [event for event in drained(conn) if isinstance(event, ResponseDone)]
        assert conn.usage.responses == len(done)


async def do_something(
    conn: RealtimeConnection, session: SimulatedSession, chance: random.Random
) -> None:
    """One call of the conversation's; the server may refuse it."""
    ids = [str(item["id"]) for item in session.conversation.items]
    some_id = chance.choice([*ids[-6:], "nobody"])
    item = conn.conversation.item
    try:
        match chance.randrange(8):
            case 0:
                await item.create(role="user", text="Hello!")
            case 1:
                await item.create(role="user", text="Before!", previous_item_id=some_id)
            case 2:
                await item.create(role="system", text="Be kind.", previous_item_id="root")
            case 3:
                await item.delete(some_id)
            case 4:
                await item.retrieve(some_id)
            case 5:
                await item.truncate(some_id, audio_end_ms=chance.choice([0, 200]))
            case 6:
                await conn.response.create(conversation=chance.choice(["auto", "none"]))
            case _:
                await conn.input_audio_buffer.append(tone(300, 400) + silence(700))
    except ServerError:
        pass


def drained(conn: RealtimeConnection) -> list[ServerEvent]:
    events: list[ServerEvent] = []
    while True:
        try:
            events.append(conn.receive_nowait())
        except trio.WouldBlock:
            return events


async def test_a_sideband_mirrors_what_happens_from_now_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.fail_after(MINUTES):
        async with SimulatedServer() as server:
            server.create_call(call_id="rtc_1")
            async with open_realtime(
                call_id="rtc_1", endpoint=server.endpoint, mirror=True
            ) as conn:
                await conn.conversation.item.create(role="user", text="Hello!")
                await until(conn, "conversation.item.done")
                assert held(conn) == server.sessions[0].conversation.items


async def test_what_is_retained_does_not_grow_with_the_audio(
    autojump_clock: trio.testing.MockClock,
) -> None:  # promise 7
    async with mirrored("word " * 50, VOICE) as (conn, session):
        for _ in range(10):
            await conn.input_audio_buffer.append(tone(300, 400) + silence(700))
            await until(conn, "response.done")
            await conn.conversation.item.delete(str(session.conversation.items[0]["id"]))
        assert len(conn.conversation.items) == 10
        assert conn.statistics().bytes_in > 2_000_000
        assert len(repr(conn.conversation.items)) < 20_000

"""What of a response's audio was heard, and so where the conversation is cut off on leaving it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.leaving.helpers import (
    LONG,
    PCM_MS,
    TEXT,
    UNHEARD,
    Config,
    Met,
    drained,
    errors_in,
    g711,
    met,
    settled,
)
from trio_realtime import Reply
from trio_realtime.audio import AudioFormat, bytes_per_ms
from trio_realtime.events import ResponseOutputAudioDelta, ServerEvent
from trio_realtime.testing import Action, CallTool, Say

WORD_MS = 300
"""How long the simulated voice takes for a word."""


def cuts_at(talk: Met) -> list[object]:
    return [ms for _, ms in talk.cuts()]


async def hears(reply: Reply, chunks: int) -> int:
    """Play so many chunks to their end; say how many bytes they were."""
    view, size = reply.audio(), 0
    for _ in range(chunks):
        size += len(await view.receive())
    # Coming back for another is what says that the last was played.
    with trio.CancelScope() as scope:
        scope.cancel()
        await view.receive()
    return size


# pain 7
@pytest.mark.parametrize(
    ("session", "per_ms"),
    [
        pytest.param(UNHEARD, 48, id="pcm"),
        pytest.param(g711("audio/pcmu"), 8, id="pcmu"),
        pytest.param(g711("audio/pcma"), 8, id="pcma"),
    ],
)
@pytest.mark.parametrize("chunks", [0, 1, 3])
async def test_what_the_consumer_has_come_back_for_was_heard(
    session: Config, per_ms: int, chunks: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG, session=session) as talk:
        async with talk.conn.respond("Hello?") as reply:
            size = await hears(reply, chunks)
            await trio.sleep(0.5)  # far more has come
        await trio.sleep(1)
        assert cuts_at(talk) == [size // per_ms]
        assert (size > 0) == (chunks > 0)
        # The server agrees: it has that much, and forgot the words.
        (answer,) = [each for each in talk.session.conversation.items if each["role"] != "user"]
        assert answer["id"] == talk.cuts()[0][0]
        assert talk.answers() == [("incomplete", None)]
        assert errors_in(drained(talk.conn)) == []


# pain 7
@pytest.mark.parametrize("own", ["audio/pcm", "audio/pcmu", "audio/pcma"])
async def test_a_response_may_have_a_format_of_its_own(
    own: AudioFormat, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG, session=g711("audio/pcmu") if own == "audio/pcm" else UNHEARD) as talk:
        format_of_its_own: dict[str, JsonValue] = {"output": {"format": {"type": own}}}
        async with talk.conn.respond("Hello?", audio=format_of_its_own) as reply:
            size = await hears(reply, 2)
        await trio.sleep(1)
        assert cuts_at(talk) == [size // bytes_per_ms(own)]
        assert errors_in(drained(talk.conn)) == []


async def test_a_chunk_that_is_being_played_was_not_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        sizes: list[int] = []
        async with talk.conn.respond("Hello?") as reply:
            async for chunk in reply.audio():
                sizes.append(len(chunk))
                await trio.sleep(len(chunk) / PCM_MS / 1000)
                if len(sizes) == 3:
                    break
        await trio.sleep(1)
        assert cuts_at(talk) == [sum(sizes[:2]) // PCM_MS]


async def test_nothing_was_heard_by_one_who_only_reads_the_words(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            async for _ in reply.text():
                if reply.items and trio.current_time() > 0.3:
                    break
        await trio.sleep(1)
        assert cuts_at(talk) == [0]


@pytest.mark.parametrize(
    ("reports", "at_ms"),
    [
        pytest.param([0], 0, id="nothing"),
        pytest.param([120], 120, id="some"),
        pytest.param([120.9], 120, id="a fraction"),
        pytest.param([120, 240], 240, id="more and more"),
        pytest.param([240, 120], 120, id="the newest counts"),
    ],
)
async def test_what_the_consumer_reports_counts_in_place_of_what_it_took(
    reports: Sequence[float], at_ms: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await hears(reply, 3)
            for ms in reports:
                reply.heard(ms)
        await trio.sleep(1)
        assert cuts_at(talk) == [at_ms]
        assert errors_in(drained(talk.conn)) == []


# pain 7
@pytest.mark.parametrize("ms", [10_000_000, float("inf")])
async def test_no_more_was_heard_than_was_received(
    ms: float, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        received = 0
        async with talk.conn.respond("Hello?") as reply:
            with trio.move_on_after(0.5):
                async for event in reply:
                    if isinstance(event, ResponseOutputAudioDelta):
                        received += len(event.delta)
            reply.heard(ms)
        await trio.sleep(1)
        assert cuts_at(talk) == [received // PCM_MS]
        assert errors_in(drained(talk.conn)) == []


@pytest.mark.parametrize("ms", [-1, float("nan")])
async def test_what_cannot_have_been_heard_is_told_to_the_caller(
    ms: float, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            with pytest.raises(ValueError, match="how much was heard"):
                reply.heard(ms)


# pain 7
@pytest.mark.parametrize(
    ("heard_ms", "cuts"),
    [
        pytest.param(0, [0, 0], id="nothing"),
        pytest.param(450, [450, 0], id="a part of the first"),
        pytest.param(600, [0], id="all of the first"),
        pytest.param(750, [150], id="a part of the second"),
    ],
)
async def test_each_of_several_items_is_cut_off_where_its_listener_was(
    heard_ms: int, cuts: list[int], autojump_clock: trio.testing.MockClock
) -> None:
    answer: list[Action] = [Say("one two"), Say("three four five " * 10)]
    async with met([answer], session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.5)
            reply.heard(heard_ms)
        await trio.sleep(1)
        assert cuts_at(talk) == cuts
        first, second = talk.session.conversation.items[1:]
        assert [item for item, _ in talk.cuts()] == [first["id"], second["id"]][-len(cuts) :]
        # Whoever heard the whole of an item finds its words in the conversation.
        assert talk.answers()[0] == ("completed", "one two" if len(cuts) == 1 else None)
        assert errors_in(drained(talk.conn)) == []


# pain 7; pain 31
@pytest.mark.parametrize(
    ("heard_ms", "cuts"),
    [
        pytest.param(None, [], id="nobody listens"),
        pytest.param(0, [0], id="nothing"),
        pytest.param(500, [500], id="half"),
        pytest.param(3 * WORD_MS - 20, [880], id="nearly all"),
        pytest.param(3 * WORD_MS - 19, [], id="all but what a device may be off by"),
        pytest.param(3 * WORD_MS, [], id="all"),
        pytest.param(10_000, [], id="more than all"),
    ],
)
async def test_a_response_that_is_done_is_cut_off_where_its_listener_was(
    heard_ms: int | None, cuts: list[int], autojump_clock: trio.testing.MockClock
) -> None:
    async with met("one two three", session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.result()
            if heard_ms is not None:
                reply.heard(heard_ms)
        await trio.sleep(1)
        assert cuts_at(talk) == cuts
        assert talk.cancelled() == []
        assert errors_in(drained(talk.conn)) == []
        assert settled(talk.conn)


# pain 7; pain 31
async def test_audio_that_was_played_to_its_end_is_left_as_it_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("one two three", session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            assert sum([len(chunk) async for chunk in reply.audio()]) == 900 * PCM_MS
        await trio.sleep(1)
        assert cuts_at(talk) == []
        assert talk.answers() == [("completed", "one two three")]


async def test_audio_of_which_a_listener_played_a_part_is_cut_off_though_all_had_come(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("one two three", session=UNHEARD) as talk:
        async with talk.conn.respond("Hello?") as reply:
            reply.audio()
            await reply.result()
            size = await hears(reply, 2)
        await trio.sleep(1)
        assert 0 < size < 900 * PCM_MS
        assert cuts_at(talk) == [size // PCM_MS]


async def test_what_had_gone_by_before_a_listener_came_is_before_the_cut(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        with talk.conn.tap() as tap:
            async with talk.conn.respond("Hello?") as reply:
                await anext(reply)  # from now on nothing is kept for views to come
                await trio.sleep(0.3)
                missed = 0
                while tap._held:
                    event = tap.receive_nowait()
                    if isinstance(event, ResponseOutputAudioDelta):
                        missed += len(event.delta)
                size = await hears(reply, 1)
        await trio.sleep(1)
        assert missed > 0
        # The conversation cannot be cut off in its middle alone.
        assert cuts_at(talk) == [(missed + size) // PCM_MS]
        assert errors_in(drained(talk.conn)) == []


@pytest.mark.parametrize(
    ("beside", "session", "answer"),
    [
        pytest.param(True, UNHEARD, LONG, id="out of band"),
        pytest.param(False, TEXT, LONG, id="text"),
        pytest.param(False, UNHEARD, CallTool("f", {"x": LONG}), id="a call"),
    ],
)
async def test_what_is_reported_of_a_response_without_audio_in_the_conversation_cuts_nothing(
    beside: bool, session: Config, answer: Action | str, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(answer, session=session) as talk:
        async with talk.conn.respond(conversation="none" if beside else "auto") as reply:
            reply.heard(50)
            await trio.sleep(0.3)
        await trio.sleep(1)
        assert talk.sent("conversation.item.truncate") == []
        assert talk.cancelled() == [reply.id]


async def test_a_cut_that_comes_too_late_is_nobody_s_affair(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("one two three", session=UNHEARD) as talk:
        conn = talk.conn
        with conn.tap() as tap:
            async with conn.respond("Hello?") as reply:
                await reply.result()
                reply.heard(100)
                item_id = talk.session.conversation.items[-1]["id"]
                conn.send_nowait({"type": "conversation.item.delete", "item_id": item_id})
            await trio.sleep(1)
            events: list[ServerEvent] = []
            while tap._held:
                events.append(tap.receive_nowait())
        assert len(talk.cuts()) == 1
        assert errors_in(events) == ["item_truncate_invalid_item_id"]
        assert errors_in(drained(conn)) == []
        assert settled(conn)


async def test_a_server_that_rewrites_the_ids_of_items_is_told_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD, rewrite_item_ids=True) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await hears(reply, 1)
        await trio.sleep(1)
        assert [item for item, _ in talk.cuts()] == [talk.session.conversation.items[1]["id"]]
        assert errors_in(drained(talk.conn)) == []

"""Handles of real responses: through `respond()`, over a line, against the simulated server."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.responding.helpers import QUIET, SPEAKING, held_by, talking, types_of
from trio_realtime import ConnectionClosedError, Options, ResponseFailedError
from trio_realtime._response import ReplyView
from trio_realtime.testing import Fail, Say
from trio_realtime.types import AssistantMessage

KIB = 1024

LINE = "one two three four five six seven eight nine ten"


async def test_a_spoken_response_is_read_through_all_its_views_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    seen: dict[str, list[object]] = {}

    async def read(name: str, view: ReplyView[str] | ReplyView[bytes]) -> None:
        seen[name] = [piece async for piece in view]

    async with talking(Say(LINE), session=SPEAKING) as talk:
        async with talk.conn.respond("Count!") as reply, trio.open_nursery() as nursery:
            events = aiter(reply)
            nursery.start_soon(read, "text", reply.text())
            nursery.start_soon(read, "audio", reply.audio())
            types = types_of([event async for event in events])
        assert "".join(map(str, seen["text"])) == LINE
        assert len(seen["audio"]) == types.count("response.output_audio.delta") > 1
        assert (types[0], types[-1]) == ("response.created", "response.done")
        (item,) = reply.items
        assert isinstance(item, AssistantMessage)
        assert reply.response.output == [item]
        assert (await reply.result()).output_text == LINE
        assert reply.usage is not None
        assert talk.conn.statistics().inbox_bytes == 0
        assert not any(kind.startswith("response.") for kind in types_of(held_by(talk.conn)))


async def test_audio_that_was_played_is_what_the_server_keeps_of_a_response_left_early(
    autojump_clock: trio.testing.MockClock,
) -> None:
    played = 0
    async with talking(Say(LINE), session=SPEAKING) as talk:
        async with talk.conn.respond("Count!") as reply:
            async for chunk in reply.audio():
                if played > 4800:
                    break
                played += len(chunk)
        with pytest.raises(trio.ClosedResourceError):
            await reply.audio().receive()
        with pytest.raises(trio.ClosedResourceError):
            await reply.result()
        await trio.sleep(10)
        (cut,) = talk.frames("conversation.item.truncate")
        assert cut["audio_end_ms"] == played // 48
        assert reply.status == "cancelled"
        assert (await reply.result()).status == "cancelled"
        assert talk.conn.statistics().inbox_bytes == 0


# promise 8
async def test_a_view_that_is_left_behind_stops_the_reading_but_not_the_wait_for_the_result(
    autojump_clock: trio.testing.MockClock,
) -> None:
    options = Options(inbox_bytes=8 * KIB)
    async with talking(Say(LINE), session=QUIET, client=options) as talk:
        async with talk.conn.respond("Count!") as reply:
            words = reply.text()
            pieces = [await words.receive()]
            await trio.sleep(10)
            looked = talk.conn.statistics()
            assert (looked.reader_paused, reply.status) == (True, "in_progress")
            assert looked.inbox_bytes >= 8 * KIB
            assert (await reply.result()).status == "completed"
            assert talk.conn.statistics().inbox_bytes > looked.inbox_bytes
            pieces += [piece async for piece in words]
            assert "".join(pieces) == LINE
            assert talk.conn.statistics().inbox_bytes == 0


async def test_a_view_that_is_left_behind_with_its_block_lets_the_reading_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    options = Options(inbox_bytes=8 * KIB)
    async with talking(Say(LINE), session=QUIET, client=options) as talk:
        async with talk.conn.respond("Count!") as reply:
            await reply.text().receive()
            await trio.sleep(10)
            assert talk.conn.statistics().reader_paused
        await trio.sleep(10)
        looked = talk.conn.statistics()
        assert (looked.reader_paused, looked.inbox_bytes) == (False, 0)
        assert reply.status != "in_progress"


# promise 2
async def test_a_connection_lost_in_the_middle_is_told_after_everything_that_arrived(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(Say(LINE), session=QUIET) as talk:
        async with talk.conn.respond("Count!") as reply:
            events, words = aiter(reply), reply.text()
            await events.receive()
            pieces = [await words.receive()]
            await trio.sleep(0.05)
            assert talk.conn.statistics().inbox_bytes > 2 * KIB
            talk.server.drop()
            with pytest.raises(ConnectionClosedError):
                await talk.conn.wait_closed()
            with pytest.raises(ConnectionClosedError) as first:
                await reply.result()
            with pytest.raises(ConnectionClosedError) as second:
                async for piece in words:
                    pieces.append(piece)
            types: list[str] = []
            with pytest.raises(ConnectionClosedError) as third:
                async for event in events:
                    types.append(event.type)
            assert len({id(each.value) for each in (first, second, third)}) == 3
            assert types.count("response.output_text.delta") == len(pieces) > 1
            said = "".join(pieces)
            assert LINE.startswith(said)
            assert said != LINE
        assert talk.conn.statistics().inbox_bytes == 0


async def test_a_failed_response_raises_in_every_view_and_in_its_result(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(Fail("server_error"), session=QUIET) as talk:
        async with talk.conn.respond("Count!") as reply:
            events = aiter(reply)
            with pytest.raises(ResponseFailedError):
                await reply.result()
            with pytest.raises(ResponseFailedError):
                _ = [piece async for piece in reply.text()]
            types: list[str] = []
            with pytest.raises(ResponseFailedError):
                async for event in events:
                    types.append(event.type)
            assert (types[0], types[-1]) == ("response.created", "response.done")
        assert reply.status == "failed"


# promise 3
async def test_a_loss_is_told_once_the_block_of_a_response_that_was_not_read_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left_at = told_at = 0.0
    with pytest.RaisesGroup(ConnectionClosedError):
        async with talking(Say(LINE), session=QUIET, client=Options(failure_grace=10)) as talk:
            async with talk.conn.respond("Count!") as reply:
                await reply.text().receive()
                await trio.sleep(0.05)
                talk.server.drop()
                await trio.sleep(100)
                left_at = trio.current_time()
            try:
                await trio.sleep_forever()
            finally:
                told_at = trio.current_time()
    assert told_at == pytest.approx(left_at + 10)

"""`conn.transcripts()`: what comes, in which order, and how it ends."""

from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.core.test_transcripts import line_of
from tests.transcribing.helpers import MODEL, STREAMING, dictating, reasons, without_deltas
from trio_realtime import (
    ConnectionClosedError,
    Options,
    ServerError,
    SessionExpiredError,
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptionConnection,
    TranscriptStream,
    open_transcription,
)
from trio_realtime.audio import silence, tone
from trio_realtime.cli._problem import leaves
from trio_realtime.events import (
    ConversationItemDelete,
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    ServerEvent,
)
from trio_realtime.testing import ScriptedConnection, ScriptedServer, SimulatedSession


async def test_files_end_when_everything_committed_has_its_transcript(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        first, second = await talk.dictate("Good morning, Trio!", "And good night.")
        assert await talk.rest() == [
            f"{first}+ Good",
            f"{first}+ morning,",
            f"{first}+ Trio!",
            f"{first}=Good morning, Trio!",
            f"{second}+ And",
            f"{second}+ good",
            f"{second}+ night.",
            f"{second}=And good night.",
        ]
        assert await talk.rest() == []
        (third,) = await talk.dictate("Once more.")
        assert without_deltas(await talk.rest()) == [f"{third}=Once more."]
        assert talk.conn.usage.transcriptions == 3


async def test_transcripts_that_come_out_of_order_are_read_in_the_order_of_the_commits(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        items = await talk.dictate("The long one", "Short", "Shorter", after=[3, 1, 0])
        ends = without_deltas(await talk.rest())
        assert ends == [f"{items[0]}=The long one", f"{items[1]}=Short", f"{items[2]}=Shorter"]
        # The stream of events has them as they came.
        order = [
            event.item_id
            for event in events_here(talk.conn)
            if isinstance(event, ConversationItemInputAudioTranscriptionCompleted)
        ]
        assert order == [items[2], items[1], items[0]]


def events_here(conn: TranscriptionConnection) -> list[ServerEvent]:
    """What has arrived and was not read."""
    events: list[ServerEvent] = []
    with contextlib.suppress(trio.WouldBlock):
        while True:
            events.append(conn.receive_nowait())
    return events


async def test_a_streaming_model_is_read_before_the_commit(
    autojump_clock: MockClock,
) -> None:
    async with dictating(STREAMING) as talk:
        talk.server.hears("Let us begin at once")
        stream = talk.conn.transcripts()
        early = [await stream.receive() for _ in range(2)]
        assert [piece.text for piece in early if isinstance(piece, TranscriptDelta)] == [
            " Let",
            " us",
        ]
        item = await talk.conn.input_audio_buffer.commit()
        assert {piece.item_id for piece in early} == {item}
        assert (await talk.rest())[-1] == f"{item}=Let us begin at once"


async def test_turn_detection_commits_by_itself(
    autojump_clock: MockClock,
) -> None:
    async with dictating(turns=True) as talk:
        talk.server.hears("One turn.")
        talk.server.hears("Another turn.")
        ends: list[str] = []
        async for piece in talk.conn.transcripts():
            if isinstance(piece, TranscriptCompleted):
                ends.append(piece.text)
                if len(ends) == 2:
                    break
        assert ends == ["One turn.", "Another turn."]
        assert await talk.rest() == []


async def test_a_failed_transcription_ends_its_item_and_nothing_else(
    autojump_clock: MockClock,
) -> None:  # pain 36
    async with dictating() as talk:
        talk.server.transcription_fails("audio_unintelligible", "mumbling")
        items = await talk.dictate("Mumble", "Clear")
        pieces = [each async for each in talk.conn.transcripts(until_committed=True)]
        assert without_deltas(map(line_of, pieces)) == [f"{items[0]}!server", f"{items[1]}=Clear"]
        assert reasons(pieces) == ["server"]


async def test_segments_tell_the_speakers(
    autojump_clock: MockClock,
) -> None:
    async with dictating("gpt-4o-transcribe-diarize") as talk:
        (item,) = await talk.dictate("Who is it?")
        assert without_deltas(await talk.rest()) == [f"{item} A: Who is it?", f"{item}=Who is it?"]


async def test_silence_has_an_empty_transcript(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        await talk.conn.input_audio_buffer.append(silence(500))
        item = await talk.conn.input_audio_buffer.commit()
        assert await talk.rest() == [f"{item}="]


async def test_a_commit_sent_without_waiting_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        await talk.conn.input_audio_buffer.append(tone(440, 200))
        await talk.conn.send(InputAudioBufferCommit())
        assert len(without_deltas(await talk.rest())) == 1
        await talk.conn.input_audio_buffer.append(tone(440, 200))
        talk.conn.send_nowait(InputAudioBufferCommit())
        assert len(without_deltas(await talk.rest())) == 1


async def test_a_commit_that_is_refused_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:  # promise 3
    async with dictating() as talk:
        with pytest.raises(ServerError, match="buffer"):
            await talk.conn.input_audio_buffer.commit()
        assert await talk.rest() == []
        await talk.conn.send(InputAudioBufferCommit())
        assert await talk.rest() == []


async def test_an_item_that_is_deleted_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:  # promise 3
    async with dictating() as talk:
        items = await talk.dictate("Forget this", "Keep this", after=[1000, 0])
        await talk.conn.request(ConversationItemDelete(item_id=items[0]))
        assert without_deltas(await talk.rest()) == [
            f"{items[0]}!item_deleted",
            f"{items[1]}=Keep this",
        ]


async def test_audio_that_is_cleared_ends_what_was_told_of_it(
    autojump_clock: MockClock,
) -> None:  # promise 3
    async with dictating(STREAMING) as talk:
        talk.server.hears("Never mind this")
        await talk.conn.input_audio_buffer.clear()
        pieces = [await talk.conn.transcripts().receive() for _ in range(2)]
        assert isinstance(pieces[0], TranscriptDelta)
        assert reasons(pieces) == ["buffer_cleared"]


async def test_a_session_that_does_not_transcribe_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:  # promise 3
    async with dictating() as talk:
        await talk.conn.session.update(audio={"input": {"transcription": None}})
        await talk.say()
        assert await talk.rest() == []


async def test_a_cancelled_wait_loses_nothing(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        stream = talk.conn.transcripts()
        seen: list[Transcript] = []
        with trio.move_on_after(1) as waited:
            await stream.receive()
        assert waited.cancelled_caught
        (item,) = await talk.dictate("Here")
        await talk.server.wait_for("input_audio_buffer.commit")
        await trio.sleep(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.receive()
        assert scope.cancelled_caught
        with trio.CancelScope() as scope:
            # What was taken is handed out, though the scope is cancelled meanwhile.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel, scope)
                seen.append(await stream.receive())
                nursery.cancel_scope.cancel()
        assert [*map(line_of, seen), *await talk.rest()] == [f"{item}+ Here", f"{item}=Here"]


async def _cancel(scope: trio.CancelScope) -> None:
    await trio.lowlevel.cancel_shielded_checkpoint()
    scope.cancel()


async def test_each_piece_goes_to_one_of_several_readers(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        seen: list[str] = []

        async def read() -> None:
            async for piece in talk.conn.transcripts(until_committed=True):
                seen.append(line_of(piece))
                await trio.lowlevel.checkpoint()

        items = await talk.dictate("one two three", "four five six", after=[1, 0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(read)
        assert len(seen) == len(set(seen)) == 8
        assert {line.partition("+")[0].partition("=")[0] for line in seen} == {*items}


async def test_what_is_here_can_be_taken_without_waiting(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        endless, stream = talk.conn.transcripts(), talk.conn.transcripts(until_committed=True)
        with pytest.raises(trio.WouldBlock):
            endless.receive_nowait()
        with pytest.raises(trio.EndOfChannel):
            stream.receive_nowait()
        (item,) = await talk.dictate("Here", after=[1])
        with pytest.raises(trio.WouldBlock):
            stream.receive_nowait()
        assert line_of(await stream.receive()) == f"{item}+ Here"
        await trio.sleep(1)
        assert line_of(stream.receive_nowait()) == f"{item}=Here"
        with pytest.raises(trio.EndOfChannel):
            await stream.receive()
    with pytest.raises(trio.EndOfChannel):
        endless.receive_nowait()


# promise 2
async def test_a_loss_is_raised_after_everything_that_arrived(
    autojump_clock: MockClock,
) -> None:
    lines: list[str] = []
    items: list[str] = []
    with pytest.raises(ConnectionClosedError):
        async with _ungrouped(), dictating() as talk:
            items += await talk.dictate("first", "second", after=[1000, 0])
            await trio.sleep(1)
            talk.server.drop()
            async for piece in talk.conn.transcripts(until_committed=True):
                lines.append(line_of(piece))
    # The second one waited for its turn, which it has now.
    assert lines == [f"{items[1]}+ second", f"{items[1]}=second"]


class _ungrouped:  # noqa: N801 - reads like a function
    """Let the one error out, of however many groups."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()
        assert error is not None
        (alone,) = leaves(error)
        raise alone


async def test_who_waits_is_told_when_the_session_expires(
    autojump_clock: MockClock,
) -> None:  # promise 3
    with pytest.raises(SessionExpiredError):
        async with _ungrouped(), dictating() as talk:
            await talk.dictate("never transcribed", after=[5000])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expire, talk.server)
                await talk.rest()


async def _expire(server: SimulatedSession) -> None:
    await trio.testing.wait_all_tasks_blocked()
    server.expire()


async def test_closing_ends_the_stream_in_every_task(
    autojump_clock: MockClock,
) -> None:  # promise 3
    async with dictating() as talk:
        await talk.dictate("never transcribed", after=[5000])
        async with trio.open_nursery() as nursery:
            for until_committed in (False, True):
                nursery.start_soon(
                    _read_to_the_end, talk.conn.transcripts(until_committed=until_committed)
                )
            await trio.testing.wait_all_tasks_blocked()
            await talk.conn.aclose()
        with pytest.raises(trio.EndOfChannel):
            await talk.conn.transcripts().receive()


async def _read_to_the_end(stream: TranscriptStream) -> None:
    assert [each async for each in stream] == []


async def test_a_loss_waits_for_transcripts_that_were_begun_to_be_read(
    autojump_clock: MockClock,
) -> None:  # promise 2
    seen: list[str] = []
    items: list[str] = []
    options = Options(failure_grace=1)
    with pytest.raises(ConnectionClosedError):
        async with _ungrouped(), dictating(options=options) as talk:
            items += await talk.dictate("one two three")
            await trio.sleep(1)
            stream = talk.conn.transcripts()
            seen.append(line_of(await stream.receive()))
            talk.server.drop()
            await trio.sleep(30)
            async for piece in stream:
                seen.append(line_of(piece))
    assert seen == [
        f"{items[0]}+ one",
        f"{items[0]}+ two",
        f"{items[0]}+ three",
        f"{items[0]}=one two three",
    ]


async def test_what_nobody_reads_is_bounded_and_keeps_the_whole_texts(
    autojump_clock: MockClock,
) -> None:  # promise 7
    async with dictating(options=Options(backlog_bytes=10_000)) as talk:
        items = await talk.dictate("one two three four", "five six seven eight", "nine ten")
        await trio.sleep(5)
        stream = talk.conn.transcripts()
        assert talk.conn.statistics().inbox_bytes == 0
        assert (
            await talk.rest()
            == [
                f"{items[0]}=one two three four",
                f"{items[1]}=five six seven eight",
                f"{items[2]}=nine ten",
            ]
            or stream.dropped
        )
        assert stream.dropped > 0
        assert repr(stream).startswith("<TranscriptStream 0 bytes held, ")


async def test_what_is_read_counts_in_the_inbox(
    autojump_clock: MockClock,
) -> None:  # promise 8
    options = Options(inbox_bytes=20_000)
    async with dictating(options=options) as talk:
        stream = talk.conn.transcripts()
        with pytest.raises(trio.WouldBlock):
            stream.receive_nowait()
        for number in range(40):
            talk.commit(f"item_{number}")
            talk.complete(f"item_{number}", f"{number}")
        await trio.sleep(1)
        assert talk.conn.statistics().reader_paused
        seen = [line_of(await stream.receive()) for _ in range(40)]
        assert seen == [f"item_{number}={number}" for number in range(40)]
        assert talk.conn.statistics().inbox_bytes == 0


async def test_a_server_that_names_no_commits_is_read_too(
    autojump_clock: MockClock,
) -> None:  # pain 43
    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update") as request:
            await request.acknowledge()
        for text in ("one", "two"):
            await line.send(
                {
                    "type": "conversation.item.input_audio_transcription.completed",
                    "item_id": f"item_{text}",
                    "content_index": 0,
                    "transcript": text,
                }
            )
        await line.expect_close()

    async with ScriptedServer(script) as server:
        async with open_transcription(model=MODEL, endpoint=server.endpoint) as conn:
            stream = conn.transcripts()
            assert line_of(await stream.receive()) == "item_one=one"
            assert line_of(await stream.receive()) == "item_two=two"


async def test_the_stream_of_events_stays_whole(
    autojump_clock: MockClock,
) -> None:
    async with dictating() as talk:
        item = await talk.say()
        await talk.rest()
        events = events_here(talk.conn)
        kinds = [event.type for event in events]
        assert kinds[:2] == ["session.created", "session.updated"]
        assert kinds[-1] == "conversation.item.input_audio_transcription.completed"
        (committed,) = (each for each in events if isinstance(each, InputAudioBufferCommitted))
        assert committed.item_id == item

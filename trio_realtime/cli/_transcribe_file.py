"""One file: read, sent piece by piece, and read back as transcripts.

Audio goes out as fast as the connection takes it, much faster than it plays; a few pieces are under
way at a time, so that a slow server is not buried. This module does not know of other files, nor
what becomes of the words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, final

import trio

from trio_realtime import (
    Endpoint,
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptionConnection,
    TranscriptSegment,
    open_transcription,
)
from trio_realtime.audio import chunks_of, duration_ms
from trio_realtime.cli._problem import ProblemError, verdict
from trio_realtime.cli._transcribe_progress import Progress
from trio_realtime.cli._transcribe_recording import Recording, recording_from_file
from trio_realtime.cli._transcribe_result import FileTranscript, Passage

T = TypeVar("T")
ArgumentT = TypeVar("ArgumentT")

_UNDER_WAY: Final = 8
"""Pieces that may be committed and not transcribed. Each is at most 15 s, 1 MB in base64."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the server, for every file."""

    endpoint: Endpoint
    model: str
    language: str | None
    prompt: str | None


async def transcribe_file(path: Path, wanted: Wanted, progress: Progress) -> FileTranscript:
    """Transcribe one file, on a connection of its own.

    When the connection is lost half way, what was transcribed by then is returned, and the rest
    has the loss for its problem.

    Raises:
        ProblemError: if the file cannot be read.
        RealtimeError: bare or in a group, if nothing was transcribed.
    """
    progress.begins()
    recording = await _in_thread(recording_from_file, path)
    progress.is_read(recording.seconds)
    passages = [Passage(span) for span in recording.spans]
    try:
        if passages:
            await _transcribe(recording, passages, wanted, progress)
    except Exception as exc:
        if not any(passage.is_over for passage in passages):
            raise
        _, line = verdict(exc)
        for passage in passages:
            if not passage.is_over:
                passage.problem = line
    return FileTranscript(str(path), wanted.model, recording.seconds, passages)


async def _transcribe(
    recording: Recording, passages: list[Passage], wanted: Wanted, progress: Progress
) -> None:
    room = trio.Semaphore(_UNDER_WAY)
    async with open_transcription(
        model=wanted.model,
        language=wanted.language,
        prompt=wanted.prompt,
        turn_detection=None,  # we commit
        endpoint=wanted.endpoint,
    ) as conn:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, conn, recording, room, progress)
            await _hear(conn, passages, room, progress)


async def _hear(
    conn: TranscriptionConnection,
    passages: list[Passage],
    room: trio.Semaphore,
    progress: Progress,
) -> None:
    """Take transcripts until every passage has its end.

    Raises:
        ProblemError: if the server has closed the connection before.
    """
    heard: dict[str, Passage] = {}
    coming, done = iter(passages), 0
    async for transcript in conn.transcripts():
        # They come in the order of the commits, one item after the other.
        passage = heard.get(transcript.item_id) or next(coming, None)
        if passage is None:
            continue  # more items than commits
        heard[transcript.item_id] = passage
        if _note(transcript, passage, progress):
            passage.is_over = True
            progress.is_transcribed(passage.span.seconds)
            room.release()
            done += 1
            if done == len(passages):
                return
    raise ProblemError("the server closed the connection before everything was transcribed")


def _note(transcript: Transcript, passage: Passage, progress: Progress) -> bool:
    """Take what is told of a passage; say whether that was its end."""
    match transcript:
        case TranscriptDelta(text=text):
            progress.hears(text)
            return False
        case TranscriptSegment():
            passage.segments.append(transcript)
            return False
        case TranscriptCompleted(text=text, languages=languages):
            passage.text, passage.languages = text, languages
        case _:
            error = transcript.error
            passage.problem = error.message or error.code or "the server does not say why"
    return True


async def _send(
    conn: TranscriptionConnection, recording: Recording, room: trio.Semaphore, progress: Progress
) -> None:
    for span in recording.spans:
        await room.acquire()
        pcm = await _in_thread(recording.audio, span)
        for chunk in chunks_of(pcm):
            await conn.input_audio_buffer.append(chunk)
            progress.is_sent(duration_ms(chunk) / 1000)
        await conn.input_audio_buffer.commit()


async def _in_thread(fn: Callable[[ArgumentT], T], argument: ArgumentT) -> T:
    """Do what takes long beside the connection, which has to answer pings meanwhile."""
    return await trio.to_thread.run_sync(fn, argument, abandon_on_cancel=True)

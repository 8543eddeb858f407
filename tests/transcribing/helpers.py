"""A transcription session with a simulated server in memory, at both ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import trio
from pydantic import JsonValue

from tests.core.test_transcripts import line_of
from trio_realtime import (
    Options,
    Transcript,
    TranscriptFailed,
    TranscriptionConnection,
    open_transcription,
)
from trio_realtime.audio import tone
from trio_realtime.testing import SimulatedServer, SimulatedSession

MODEL: Final = "gpt-4o-transcribe"
STREAMING: Final = "gpt-realtime-whisper"
PREFIX: Final = "conversation.item.input_audio_transcription"


class Talk(NamedTuple):
    """Both ends of a session."""

    conn: TranscriptionConnection
    server: SimulatedSession

    async def say(self, ms: float = 200) -> str:
        """Say something and commit it; return the item's id."""
        await self.conn.input_audio_buffer.append(tone(440, ms))
        return await self.conn.input_audio_buffer.commit()

    async def dictate(self, *texts: str, after: Iterable[float] = ()) -> list[str]:
        """Say some words each, committed one after the other; return the items' ids."""
        delays = dict(enumerate(after))
        items: list[str] = []
        for number, text in enumerate(texts):
            self.server.hears(text, transcribed_after=delays.get(number))
            items.append(await self.conn.input_audio_buffer.commit())
        return items

    def tell(self, kind: str, item_id: str, **fields: JsonValue) -> None:
        """Have the server send something of a transcription."""
        self.server.push({"type": f"{PREFIX}.{kind}", "item_id": item_id, **fields})

    def complete(self, item_id: str, text: str) -> None:
        """Have the server send a transcript."""
        self.tell("completed", item_id, content_index=0, transcript=text)

    def commit(self, item_id: str) -> None:
        """Have the server say that it has committed something."""
        self.server.push({"type": "input_audio_buffer.committed", "item_id": item_id})

    async def rest(self) -> list[str]:
        """What there is until everything that was committed has its end, as lines."""
        return [line_of(each) async for each in self.conn.transcripts(until_committed=True)]


@asynccontextmanager
async def dictating(
    model: str = MODEL, *, options: Options | None = None, turns: bool = False
) -> AsyncGenerator[Talk]:
    """A session for at most ten minutes of virtual time; by default the client commits."""
    with trio.fail_after(600):
        async with SimulatedServer() as server:
            async with open_transcription(
                model=model,
                turn_detection={"type": "server_vad"} if turns else None,
                endpoint=server.endpoint,
                options=options or Options(),
            ) as conn:
                yield Talk(conn, server.sessions[0])


def without_deltas(lines: Iterable[str]) -> list[str]:
    """The lines that are ends and segments."""
    return [line for line in lines if "+" not in line]


def reasons(pieces: Iterable[Transcript]) -> list[str]:
    """Why items failed."""
    return [each.reason for each in pieces if isinstance(each, TranscriptFailed)]

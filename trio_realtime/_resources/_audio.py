"""`conn.input_audio_buffer`, what you say, and `conn.output_audio_buffer`, what is being played."""

from __future__ import annotations

from binascii import b2a_base64
from typing import Final, final

import trio

from trio_realtime._connection import Caller
from trio_realtime._core._outgoing import text_at
from trio_realtime.audio import CHUNK_BYTES, AudioBytes, chunks_of
from trio_realtime.events import (
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
)

_APPEND: Final = "input_audio_buffer.append"


class AudioInput:
    """What audio is sent through, in any dialect."""

    def __init__(self, caller: Caller, wire_type: str = _APPEND) -> None:
        self._caller: Caller = caller
        self._type: str = wire_type

    async def append(self, audio: AudioBytes) -> tuple[str, ...]:
        """Add audio to the buffer. The server never acknowledges this, so nothing is waited for.

        ::

            async for chunk in microphone:
                await conn.input_audio_buffer.append(chunk)

        The audio is in the session's input format, by default 16-bit mono PCM at 24 kHz. Any length
        will do, also one that ends inside a sample: the server joins what it gets. Short pieces let
        voice detection react sooner. More than 32 KiB is cut between samples into several frames,
        for a single big one would hold up the event loop; they leave back to back. No audio at all
        sends nothing.

        This returns when everything is written. If it is cancelled before the writer has taken the
        audio, nothing was sent; later, all of it still goes out.

        Args:
            audio: The samples, as bytes and not as base64.

        Returns:
            The ids of the frames that carry it.

        Raises:
            TypeError: for `str`: decode base64 with `base64.b64decode`.
            ConnectionClosedError: if the connection is lost before the audio is out.
        """
        # The common case builds no list and no model: 50 of these a second and a speaker.
        if isinstance(audio, bytes | bytearray) and 0 < len(audio) <= CHUNK_BYTES:
            frame = self._frame(audio)
            await self._caller.send_text_group((frame,))
            return (frame[0],)
        frames = [self._frame(chunk) for chunk in chunks_of(audio)]
        if not frames:
            await trio.lowlevel.checkpoint()
            return ()
        await self._caller.send_text_group(frames)
        return tuple(frame[0] for frame in frames)

    def _frame(self, audio: bytes | bytearray) -> tuple[str, str, str]:
        event_id = self._caller.new_id("event_")
        encoded = b2a_base64(audio, newline=False).decode("ascii")
        return (
            event_id,
            self._type,
            f'{{"type":"{self._type}","event_id":"{event_id}","audio":"{encoded}"}}',
        )


@final
class InputAudioBufferResource(AudioInput):
    """The audio that the server has heard of this turn."""

    async def commit(self, *, event_id: str | None = None) -> str:
        """Make the buffer a user message, and wait for the server to confirm it.

        ::

            item_id = await conn.input_audio_buffer.commit()
            await conn.response.create()

        For sessions without turn detection; with it, the server commits. It creates no response.
        The buffer must hold at least 100 ms since the last commit, else the server refuses. What
        turn detection commits in the meantime is not taken for the answer: it follows the end of
        a turn. In the midst of speech this is a commit like any other, and the rest of what is
        said another turn.

        At most one commit is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the buffer is still
        committed. On a sideband the answer may be to another client's commit.

        Args:
            event_id: The frame's id, chosen by you.

        Returns:
            The id of the new item; empty from a server that names none.

        Raises:
            ServerError: with `.code == "input_audio_buffer_commit_empty"` if there is too little
                audio.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        answer = await self._caller.request(InputAudioBufferCommit(event_id=event_id))
        return text_at(answer, "item_id") or ""

    async def clear(self, *, event_id: str | None = None) -> None:
        """Forget the audio in the buffer, and wait for the server to confirm it.

        At most one clear is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the buffer is still
        cleared. On a sideband the answer may be to another client's clear.

        Args:
            event_id: The frame's id, chosen by you.

        Raises:
            ServerError: if the server refuses.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        await self._caller.request(InputAudioBufferClear(event_id=event_id))


@final
class OutputAudioBufferResource:
    """The audio that the server plays: on WebRTC and SIP, so for a sideband to such a call."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    async def clear(self, *, event_id: str | None = None) -> None:
        """Stop playing, and wait for the server to confirm it.

        It stops the sound, not the response: cancel that first. On a plain WebSocket the server has
        no such buffer, and what you play is yours to stop.

        At most one clear is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the buffer is still
        cleared. The server clears the buffer by itself when the user interrupts, and that may be
        the answer.

        Args:
            event_id: The frame's id, chosen by you.

        Raises:
            ServerError: if the server refuses.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        await self._caller.request(OutputAudioBufferClear(event_id=event_id))

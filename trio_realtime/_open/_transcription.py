"""`open_transcription`: a session that only writes down what is said.

It reads the environment. How the server is reached is in `_connecting`, how its configuration is
put together in `_transcription_config`, and how transcripts are read in `_transcript_stream`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Unpack, final

from pydantic import JsonValue

from trio_realtime._connection import Link, Shell, block, open_link
from trio_realtime._endpoint import Endpoint, target_from_arguments
from trio_realtime._open._connecting import Reach, prepare_link
from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._open._transcript_stream import TranscriptFeed, TranscriptStream
from trio_realtime._open._transcription_config import config_from_arguments
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._resources import UNSET, InputAudioBufferResource, SessionResource, Unset
from trio_realtime.events import SessionCreated, SessionUpdated, prepare
from trio_realtime.types import TranscriptionModel, TranscriptionSessionConfig, TurnDetection


@final
class TranscriptionConnection(Shell):
    """One open transcription session, made by `open_transcription`.

    ::

        await conn.input_audio_buffer.append(pcm)
        await conn.input_audio_buffer.commit()
        async for transcript in conn.transcripts(until_committed=True):
            ...

    The events themselves are there as well, with `async for event in conn`. Any number of tasks may
    use it at the same time. It ends with its block, or with `aclose()`.
    """

    session: SessionResource
    """What the session is, and changing it."""

    input_audio_buffer: InputAudioBufferResource
    """The audio you send."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.session = SessionResource(self._calls)
        self.input_audio_buffer = InputAudioBufferResource(self._calls)
        self._transcripts: TranscriptFeed = TranscriptFeed(link)
        link.taps.append(self._transcripts)

    def transcripts(self, *, until_committed: bool = False) -> TranscriptStream:
        """What is said, item after item; see `TranscriptStream` for what comes when.

        ::

            async for transcript in conn.transcripts(until_committed=True):
                if isinstance(transcript, TranscriptCompleted):
                    print(transcript.text)

        Nothing is lost between two calls, nor before the first one: what arrived meanwhile is kept
        while it weighs less than `Options.backlog_bytes`. Beyond that the deltas are given up, for
        the whole has their words, and then the oldest. Once it is read, what is here counts in
        `Options.inbox_bytes`.

        What comes before its turn is held, also up to `Options.backlog_bytes`: beyond that its
        deltas are given up, and if that is not enough, the item that all the others wait for ends
        with a `TranscriptFailed` (`overdue`). So does, in its turn, an item that is deleted, and
        audio of which something was transcribed and that is then cleared: nobody waits for what
        will not come.

        Errors of the server are not raised here. A commit that is refused is told where it was
        made, or in the stream of events.

        Args:
            until_committed: Whether to end when everything that was committed so far has its end,
                and that was handed out. So a file is done when its last commit was made and this
                has ended. A commit counts once it is sent, with `commit()`, `send()` or
                `send_nowait()`, and one that turn detection makes once it is announced. What is in
                the buffer does not count: with turn detection, let silence follow or commit.

        Returns:
            A stream; all streams of this connection share what has arrived.
        """
        return TranscriptStream(self._transcripts, until_committed=until_committed)


@block
async def open_transcription(
    *,
    model: TranscriptionModel | str | None = None,
    language: str | None = None,
    prompt: str | None = None,
    turn_detection: TurnDetection | Mapping[str, JsonValue] | Unset | None = UNSET,
    session: TranscriptionSessionConfig | Mapping[str, JsonValue] | None = None,
    endpoint: Endpoint | None = None,
    **reach: Unpack[Reach],
) -> AsyncGenerator[TranscriptionConnection]:
    """Open a session that writes down what is said, and never answers.

    ::

        async with open_transcription(model="gpt-4o-transcribe", turn_detection=None) as conn:
            await conn.input_audio_buffer.append(pcm_from_wav(data))
            await conn.input_audio_buffer.commit()
            async for transcript in conn.transcripts(until_committed=True):
                ...

    The session counts as open when the server has confirmed its configuration. It takes 16-bit
    mono PCM at 24 kHz unless `session` says otherwise, and lasts for an hour at most. Opening,
    leaving and their errors are those of `open_realtime`. If opening is cancelled, nothing of it
    remains.

    Args:
        model: The model that transcribes, such as `"gpt-4o-transcribe"`; any name is passed
            through. On Azure it is the name of its deployment. It stands in the session's
            configuration, and not in the URL.
        language: The language spoken, as an ISO 639-1 code such as `"en"`: more accurate, and
            faster.
        prompt: A text that guides the style. Not for `gpt-realtime-whisper`.
        turn_detection: Who decides where a turn ends: the server, which is its default, or, with
            None, your code, which commits. `gpt-realtime-whisper` takes only None.
        session: The configuration, for all the rest: a model, or a mapping that goes out as it is.
            `"type": "transcription"` is added. With `session={}` and no model it stays as an
            ephemeral key has made it.
        endpoint: Where to connect, and as whom. By default OpenAI, from the environment.
        **reach: How to get there: `errors`, `options`, `transport`, `compression`, `ssl_context`,
            `proxy`, `trust_env`, `unix_socket` and `stream_factory`, as `open_realtime` takes them.

    Yields:
        The open connection.

    Raises:
        ConnectError: if it could not be opened; `SessionRefusedError` if the server refused the
            configuration.
        ConnectionClosedError: in a group, if the connection was lost and nobody else was told.
        ValueError: if no model is named, or something is given twice.
    """
    config = config_from_arguments(
        session, model=model, language=language, prompt=prompt, turn_detection=turn_detection
    )
    if endpoint is None:
        endpoint = endpoint_from_environment(os.environ)
    target = target_from_arguments(endpoint, intent="transcription")
    prepare(SessionCreated, SessionUpdated)
    link, connect = await prepare_link(endpoint, target, reach)
    conn = TranscriptionConnection(link)
    async with open_link(
        link,
        connect,
        dialect="ga",
        awaits_session=reach.get("options", DEFAULT_OPTIONS).wait_for_session,
        configure=partial(conn.session.update, config),
    ):
        yield conn  # noqa: ASYNC119 - `block` is an `asynccontextmanager`

"""`open_translation`: what is said comes out in another language, while it is being said.

It reads the environment. How the server is reached is in `_connecting`, how a session ends in
`_connection._finishing`. The dialect is loaded when a translation is opened.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, Unpack, cast, final

from pydantic import JsonValue

from trio_realtime._connection import Finishing, Link, Shell, block, open_link
from trio_realtime._core._outgoing import text_at
from trio_realtime._endpoint import Endpoint, target_from_arguments
from trio_realtime._open._connecting import Reach, prepare_link
from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._open._translation_view import TranslationFeed, TranslationView
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._resources import TranslationInputResource, TranslationSessionResource
from trio_realtime.events import prepare

if TYPE_CHECKING:
    from trio_realtime import translation
    from trio_realtime.audio import AudioBytes
    from trio_realtime.translation import TranslationConfig, TranslationModel

    _Shell: TypeAlias = Shell[translation.ServerEvent, translation.ClientEvent]
else:
    # The dialect is not loaded for being named.
    _Shell = Shell

_SOUND: Final = "session.output_audio.delta"
_SAID: Final = "session.output_transcript.delta"
_HEARD: Final = "session.input_transcript.delta"


@final
class TranslationConnection(_Shell):
    """One open translation, made by `open_translation`.

    ::

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play, conn.audio())
            async for chunk in microphone:
                await conn.append(chunk)
            await conn.finish()

    The events themselves, of `trio_realtime.translation`, are there with `async for event in conn`.
    Any number of tasks may use it at the same time. It ends with its block, with `finish()`, or
    with `aclose()`.
    """

    session: TranslationSessionResource
    """What the session is, and changing it."""

    input_audio_buffer: TranslationInputResource
    """The audio you send."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._finishing: Finishing = Finishing(link)
        self._feeds: dict[str, TranslationFeed[object]] = {}
        self.session = TranslationSessionResource(self._calls)
        self.input_audio_buffer = TranslationInputResource(self._calls, self._finishing)

    async def append(self, audio: AudioBytes) -> tuple[str, ...]:
        """Say something: the short name of `conn.input_audio_buffer.append`.

        If this is cancelled before the writer has taken the audio, nothing was sent; later, all of
        it still goes out.
        """
        return await self.input_audio_buffer.append(audio)

    async def finish(self) -> None:
        """Say that there is no more, wait for the rest of the translation, and close.

        ::

            with trio.move_on_after(30):
                await conn.finish()

        The server translates what it was sent, says so with `session.closed`, and then the
        connection is closed. All that arrives until then is still delivered, to whoever reads the
        events or the views, and then they end quietly: let somebody read them meanwhile, or
        afterwards. Finishing once more does nothing.

        How long that takes depends on how much the server has still to translate, so the deadline
        is yours to set. A server that sends nothing at all for `Options.finish_timeout`, after
        twice that time at the latest, is not waited for any longer.

        If this is cancelled before the request is written, nothing was said and you may go on
        appending. If it is cancelled later, the server finishes all the same: finish again to go on
        waiting, or leave the block to give up the rest.

        Raises:
            ServerError: if the server refuses; the session goes on.
            ConnectionClosedError: if the connection is lost, or closed, before `session.closed`.
            trio.TooSlowError: if the server has sent nothing for `Options.finish_timeout`.
        """
        from trio_realtime.translation import SessionClose

        await self._finishing.wait(SessionClose())
        await self.aclose()

    def audio(self) -> TranslationView[bytes]:
        """The translation's sound, from now on: 16-bit mono PCM at 24 kHz.

        ::

            async for chunk in conn.audio():
                await loudspeaker.play(chunk)

        Chunks are of any length, and silence is sent as well. Asked for again it is the same view;
        several tasks that read it share it.
        """
        return cast("TranslationView[bytes]", self._view(_SOUND))

    def transcript(self) -> TranslationView[str]:
        """The translation's words, from now on: pieces of text, blanks included."""
        return cast("TranslationView[str]", self._view(_SAID))

    def input_transcript(self) -> TranslationView[str]:
        """The words that were said, from now on: pieces of text, blanks included.

        Only where transcription is configured.
        """
        return cast("TranslationView[str]", self._view(_HEARD))

    def _view(self, wire_type: str) -> TranslationView[object]:
        link = self._link
        feed = self._feeds.get(wire_type)
        if feed is None:
            feed = self._feeds[wire_type] = TranslationFeed[object](link, wire_type)
            link.taps.append(feed)
            if link.over.is_set():
                feed.end()
        return feed.view


@block
async def open_translation(
    model: TranslationModel | str,
    language: str | None = None,
    *,
    session: TranslationConfig | Mapping[str, JsonValue] | None = None,
    endpoint: Endpoint | None = None,
    **reach: Unpack[Reach],
) -> AsyncGenerator[TranslationConnection]:
    """Open a session that translates what is said, while it is being said.

    ::

        async with open_translation("gpt-realtime-translate", language="es") as conn:
            speech = conn.audio()
            await conn.append(pcm)
            await conn.finish()
            async for chunk in speech:
                ...

    The session counts as open when the server has confirmed its configuration. It takes and gives
    16-bit mono PCM at 24 kHz, and has no turns: the server listens, and speaks some two seconds
    behind. Opening, leaving and their errors are those of `open_realtime`. Leaving the block
    without `finish()` gives up what is not translated yet. If opening is cancelled, nothing of it
    remains.

    Args:
        model: The model, such as `"gpt-realtime-translate"`; any name is passed through.
        language: The language to translate into, such as `"es"`.
        session: The configuration, for all the rest, such as the transcription of what is said: a
            model, or a mapping that goes out as it is. With `session={}` and no language it stays
            as an ephemeral key has made it.
        endpoint: Where to connect, and as whom. By default OpenAI, from the environment.
        **reach: How to get there: `errors`, `options`, `transport`, `compression`, `ssl_context`,
            `proxy`, `trust_env`, `unix_socket` and `stream_factory`, as `open_realtime` takes them.

    Yields:
        The open connection.

    Raises:
        ConnectError: if it could not be opened; `SessionRefusedError` if the server refused the
            configuration.
        ConnectionClosedError: in a group, if the connection was lost and nobody else was told.
        ValueError: if no language is named, or two.
    """
    given = text_at(session, "audio", "output", "language")
    if session is None and not language:
        raise ValueError(
            'no language to translate into: give language=, such as "es", or session={} if an '
            "ephemeral key has configured the session"
        )
    if language is not None and given not in (None, language):
        raise ValueError(f"two languages: {language!r}, and {given!r} in session.audio.output")
    from trio_realtime.translation import SessionCreated, SessionUpdated

    if endpoint is None:
        endpoint = endpoint_from_environment(os.environ)
    target = target_from_arguments(endpoint, model=model, dialect="translation")
    prepare(SessionCreated, SessionUpdated)
    link, connect = await prepare_link(endpoint, target, reach)
    conn = TranslationConnection(link)
    chosen: dict[str, JsonValue] = {"session": {"audio": {"output": {"language": language}}}}
    configure = partial(
        conn.session.update, session or {}, extra_fields=None if language is None else chosen
    )
    async with open_link(
        link,
        connect,
        dialect="translation",
        awaits_session=reach.get("options", DEFAULT_OPTIONS).wait_for_session,
        configure=configure if session or language else None,
    ):
        yield conn  # noqa: ASYNC119 - `block` is an `asynccontextmanager`

"""`conn.session` and `conn.input_audio_buffer` of a translation.

The dialect's classes are loaded when they are first needed: few programs translate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast, final

import trio

from trio_realtime._connection import Caller, Finishing
from trio_realtime._resources._audio import AudioInput
from trio_realtime._resources._frame import (
    UNSET,
    JsonObject,
    Unset,
    frame_from_fields,
    given,
    not_both,
    readable_part,
    with_extra_fields,
)

if TYPE_CHECKING:
    from trio_realtime.audio import AudioBytes
    from trio_realtime.translation import (
        TranslationConfig,
        TranslationNoiseReduction,
        TranslationSession,
        TranslationTranscription,
    )
    from trio_realtime.types._base import ClientModel


@final
class TranslationSessionResource:
    """The session of a translation."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    @property
    def current(self) -> TranslationSession | None:
        """The session in effect, as the server reported it last; None before it has."""
        return cast("TranslationSession | None", self._caller.current_session)

    async def update(
        self,
        session: TranslationConfig | JsonObject | None = None,
        *,
        language: str | Unset | None = UNSET,
        transcription: TranslationTranscription | JsonObject | Unset | None = UNSET,
        noise_reduction: TranslationNoiseReduction | JsonObject | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> TranslationSession:
        """Change the session, and wait until the server has confirmed it.

        ::

            await conn.session.update(language="es")
            await conn.session.update(transcription={"model": "gpt-realtime-whisper"})

        Only what is given is changed; None is sent as null, and switches off. Type and model can
        never be changed.

        At most one update is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the change still takes
        effect.

        Args:
            session: The changes, as a model or as a mapping that goes out as it is.
            language: The language to translate into, such as `"es"`.
            transcription: What writes down what is said. Only with it does the server send
                `session.input_transcript.delta`.
            noise_reduction: A filter in front of it all.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know.

        Returns:
            The session now in effect. Fields that this release cannot read are left out.

        Raises:
            ServerError: if the server refuses the update; `.param` names the field.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        from trio_realtime.translation import SessionUpdated, TranslationSession

        outputs = given(language=language)
        inputs = given(transcription=transcription, noise_reduction=noise_reduction)
        not_both("session", session, {**outputs, **inputs})
        event = _event(session, outputs, inputs, event_id)
        answer = await self._caller.request(with_extra_fields(event, extra_fields))
        if isinstance(answer, SessionUpdated):
            return answer.session
        return TranslationSession.model_validate_json(readable_part(answer, "session"))


def _event(
    session: TranslationConfig | JsonObject | None,
    outputs: Mapping[str, object],
    inputs: Mapping[str, object],
    event_id: str | None,
) -> ClientModel | JsonObject:
    from trio_realtime.translation import SessionUpdate, TranslationConfig

    if isinstance(session, Mapping):
        return frame_from_fields("session.update", event_id, session={**session})
    if session is None:
        parts = {"input": inputs, "output": outputs}
        audio = {name: fields for name, fields in parts.items() if fields}
        session = TranslationConfig.model_validate({"audio": audio} if audio else {})
    return SessionUpdate(event_id=event_id, session=session)


@final
class TranslationInputResource(AudioInput):
    """The audio that is to be translated."""

    def __init__(self, caller: Caller, finishing: Finishing) -> None:
        super().__init__(caller, "session.input_audio_buffer.append")
        self._finishing: Finishing = finishing

    async def append(self, audio: AudioBytes) -> tuple[str, ...]:
        """Say something. The server never acknowledges this, so nothing is waited for.

        ::

            async for chunk in microphone:
                await conn.append(chunk)

        The audio is 16-bit mono PCM at 24 kHz. The server translates 200 ms at a time, so pieces of
        that length suit it best, and any other will do. Send silence as well: where nothing is sent
        no time passes for the server. More than 32 KiB is cut between samples into several frames,
        which leave back to back. No audio at all sends nothing.

        This returns when everything is written. If it is cancelled before the writer has taken the
        audio, nothing was sent; later, all of it still goes out.

        Args:
            audio: The samples, as bytes and not as base64.

        Returns:
            The ids of the frames that carry it.

        Raises:
            TypeError: for `str`: decode base64 with `base64.b64decode`.
            ConnectionClosedError: if the connection is lost before the audio is out.
            trio.ClosedResourceError: after `finish()`.
        """
        if self._finishing.has_begun:
            raise trio.ClosedResourceError(
                "finish() has said that there is no more: append everything before it"
            )
        return await super().append(audio)

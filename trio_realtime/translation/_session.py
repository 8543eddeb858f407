"""The events of a translation: every one of them is the session's."""

from typing import Literal

from trio_realtime.translation._types import TranslationConfig, TranslationSession
from trio_realtime.types._base import Audio, ClientModel, ServerModel, Unrecognised


class SessionUpdate(ClientModel):
    """Change the session, at any time. Answered by `session.updated`.

    Only what is set is changed; null clears.
    """

    type: Literal["session.update"] = "session.update"
    session: TranslationConfig


class SessionInputAudioBufferAppend(ClientModel):
    """Say something. The only client event of this dialect that is never acknowledged.

    The server works in frames of 200 ms: it waits for the rest of a shorter piece and cuts a longer
    one. Silence counts as well. Where nothing is sent no time passes: what comes after a pause is
    joined to what came before it.
    """

    type: Literal["session.input_audio_buffer.append"] = "session.input_audio_buffer.append"

    audio: Audio
    """PCM of 16 bits at 24 kHz, one channel; base64 on the wire."""


class SessionClose(ClientModel):
    """Say that there is no more. Answered by `session.closed`, after the rest of the translation.

    The server then closes the connection.
    """

    type: Literal["session.close"] = "session.close"


class SessionCreated(ServerModel):
    """The session is open, with the configuration that is in effect. The first event of all."""

    type: Literal["session.created"] = "session.created"
    session: TranslationSession


class SessionUpdated(ServerModel):
    """The session was changed; this is all that is in effect now."""

    type: Literal["session.updated"] = "session.updated"
    session: TranslationSession


class SessionClosed(ServerModel):
    """All was translated and sent; the last event of all."""

    type: Literal["session.closed"] = "session.closed"


class SessionInputTranscriptDelta(ServerModel):
    """A piece of what was said. It comes only where transcription is configured."""

    type: Literal["session.input_transcript.delta"] = "session.input_transcript.delta"

    delta: str
    """To be appended as it is: the blanks between words are in it."""

    elapsed_ms: int | None = None
    """Where in the audio that was sent, in steps of 200; several pieces may share one."""


class SessionOutputTranscriptDelta(ServerModel):
    """A piece of the translation, as text."""

    type: Literal["session.output_transcript.delta"] = "session.output_transcript.delta"

    delta: str
    """To be appended as it is: the blanks between words are in it."""

    elapsed_ms: int | None = None
    """Where in the audio that was sent, in steps of 200; several pieces may share one."""


class SessionOutputAudioDelta(ServerModel):
    """A piece of the translation, as speech. Any length will do: play it behind the one before."""

    type: Literal["session.output_audio.delta"] = "session.output_audio.delta"

    delta: Audio
    """The samples; base64 on the wire."""

    sample_rate: int | None = None
    """Samples per second: 24000."""

    channels: int | None = None
    """1."""

    format: Literal["pcm16"] | Unrecognised | None = None

    elapsed_ms: int | None = None
    """Where in the audio that was sent, in steps of 200."""

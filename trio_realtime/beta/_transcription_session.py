"""Transcription sessions of the beta dialect, which only write down what is said; their events."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from trio_realtime.beta._audio import AudioFormat, InputTranscription, TurnDetection
from trio_realtime.beta._secret import ClientSecret, TranscriptionClientSecretConfig
from trio_realtime.types import Include, Modality, NoiseReduction, Unrecognised
from trio_realtime.types._base import ClientModel, ReceivedModel, SentModel, ServerModel


class TranscriptionSessionConfig(SentModel):
    """The configuration of a session that only writes down what is said."""

    input_audio_format: AudioFormat | str | None = None

    input_audio_transcription: InputTranscription | None = None
    """Which model transcribes."""

    input_audio_noise_reduction: NoiseReduction | None = None
    """Null switches noise reduction off, which is the default."""

    turn_detection: TurnDetection | None = None
    """Null switches turn detection off: your code then commits the buffer."""

    include: Sequence[Include | str] | None = None
    modalities: Sequence[Modality | str] | None = None
    client_secret: TranscriptionClientSecretConfig | None = None


class TranscriptionSession(ReceivedModel):
    """The transcription session that is in effect; every field may be missing."""

    id: str | None = None
    object: str | None = None

    expires_at: int | None = None
    """When the server will end the session, in seconds since 1970."""

    modalities: list[Modality | Unrecognised] | None = None
    input_audio_format: AudioFormat | Unrecognised | None = None
    input_audio_transcription: InputTranscription | None = None
    input_audio_noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = None
    include: list[Include | Unrecognised] | None = None

    client_secret: ClientSecret | None = Field(default=None, repr=False)
    """An ephemeral key, where the session was made over REST. Null over a connection."""


class TranscriptionSessionUpdate(ClientModel):
    """Change the transcription session. Answered by `transcription_session.updated`.

    Only what is set is changed; null clears.
    """

    type: Literal["transcription_session.update"] = "transcription_session.update"
    session: TranscriptionSessionConfig


class TranscriptionSessionCreated(ServerModel):
    """The transcription session is open, with the configuration that is in effect."""

    type: Literal["transcription_session.created"] = "transcription_session.created"
    session: TranscriptionSession


class TranscriptionSessionUpdated(ServerModel):
    """The transcription session was changed; this is all that is in effect now."""

    type: Literal["transcription_session.updated"] = "transcription_session.updated"
    session: TranscriptionSession

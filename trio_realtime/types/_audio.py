"""How audio is set up: formats, voices, noise reduction, transcription, turn detection.

These models are built for a session configuration, and come back in the effective session.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from trio_realtime.types._base import Number, SentModel
from trio_realtime.types._unknown import OPEN, Unknown

VoiceName: TypeAlias = Literal[
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"
]
"""The voices that come with the API."""

NoiseReductionType: TypeAlias = Literal["near_field", "far_field"]
"""Where the microphone is: at the mouth, or across the room."""

TranscriptionModel: TypeAlias = Literal[
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
    "gpt-transcribe",
    "whisper-1",
]
"""The models that transcribe what the user says."""

TranscriptionDelay: TypeAlias = Literal["minimal", "low", "medium", "high", "xhigh"]
"""How long the transcription waits for context: longer is more accurate."""

Eagerness: TypeAlias = Literal["low", "medium", "high", "auto"]
"""How soon semantic turn detection takes a pause for the end of a turn."""


class PcmFormat(SentModel):
    """Signed 16-bit little-endian mono samples."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: int | None = None
    """Samples per second. The API takes 24000 only."""


class PcmuFormat(SentModel):
    """G.711 µ-law at 8 kHz."""

    type: Literal["audio/pcmu"] = "audio/pcmu"


class PcmaFormat(SentModel):
    """G.711 A-law at 8 kHz."""

    type: Literal["audio/pcma"] = "audio/pcma"


@final
class UnknownAudioFormat(Unknown):
    """A format of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


AudioFormat: TypeAlias = Annotated[
    Annotated[PcmFormat | PcmuFormat | PcmaFormat, Field(discriminator="type")]
    | UnknownAudioFormat,
    OPEN,
]
"""What the bytes of audio mean."""


class CustomVoice(SentModel):
    """A voice of your own."""

    id: str
    """Such as `voice_1234`."""


@final
class UnknownVoice(Unknown):
    """A voice that is neither a name nor an object with an id."""

    __slots__ = ()


Voice: TypeAlias = Annotated[VoiceName | str | CustomVoice | UnknownVoice, OPEN]
"""Whose voice the model speaks with."""


class NoiseReduction(SentModel):
    """A filter on the input, in front of turn detection and the model."""

    type: NoiseReductionType | str | None = None
    strength: Number | None = None
    """1 is the default."""


class InputTranscription(SentModel):
    """Transcription of what the user says, by a model of its own, beside the conversation."""

    model: TranscriptionModel | str | None = None

    language: str | None = None
    """The language spoken, as an ISO 639-1 code such as `en`: more accurate and faster."""

    languages: Sequence[str] | None = None
    """Languages that may be spoken; `gpt-transcribe` and `gpt-live-transcribe` only."""

    keywords: Sequence[str] | None = None
    """Words to listen for, such as names; `gpt-transcribe` and `gpt-live-transcribe` only."""

    prompt: str | None = None
    """A text that guides the style; for `whisper-1` a list of words. Not for
    `gpt-realtime-whisper`."""

    delay: TranscriptionDelay | str | None = None
    """`gpt-realtime-whisper` and `gpt-live-transcribe` only."""


class ServerVad(SentModel):
    """Turn detection by silence."""

    type: Literal["server_vad"] = "server_vad"

    threshold: Number | None = None
    """How loud speech is, 0 to 1. The default is 0.5; more suits a noisy room."""

    prefix_padding_ms: int | None = None
    """How much audio from before the speech is kept. The default is 300."""

    silence_duration_ms: int | None = None
    """How long a silence ends a turn. The default depends on the model: 200 or 500."""

    idle_timeout_ms: int | None = None
    """How long after a response has been played the model speaks up by itself when the user says
    nothing: 5000 to 30000. Null, the default, is never."""

    create_response: bool | None = None
    """Whether the end of a turn starts a response. True is the default."""

    interrupt_response: bool | None = None
    """Whether the start of speech cancels the response under way. True is the default."""


class SemanticVad(SentModel):
    """Turn detection by meaning: a model judges whether the user has finished."""

    type: Literal["semantic_vad"] = "semantic_vad"

    eagerness: Eagerness | str | None = None
    """At most 8 s of waiting for `low`, 4 for `medium`, 2 for `high`; `auto` is `medium`."""

    create_response: bool | None = None
    """Whether the end of a turn starts a response. True is the default."""

    interrupt_response: bool | None = None
    """Whether the start of speech cancels the response under way. True is the default."""


@final
class UnknownTurnDetection(Unknown):
    """Turn detection of a type that this release does not know, or that does not validate."""

    __slots__ = ()


TurnDetection: TypeAlias = Annotated[
    Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | UnknownTurnDetection, OPEN
]
"""Who decides that the user's turn has ended. Null switches it off: your code commits."""

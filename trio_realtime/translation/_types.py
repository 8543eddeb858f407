"""A translation session: what you ask for, and what is in effect.

As everywhere, *unset is not null*: what was never set keeps its value on the server, and None is
written as null, which switches the thing off.
"""

from typing import Literal, TypeAlias

from trio_realtime.types._audio import NoiseReductionType, TranscriptionModel
from trio_realtime.types._base import ReceivedModel, SentModel, Unrecognised

TranslationModel: TypeAlias = Literal["gpt-realtime-translate"]
"""The models that have been announced. Any name is passed through."""


class TranslationTranscription(SentModel):
    """Transcription of what is said, beside its translation."""

    model: TranscriptionModel | str
    """Such as `gpt-realtime-whisper`."""


class TranslationNoiseReduction(SentModel):
    """A filter on the input, in front of the translation."""

    type: NoiseReductionType | str


class TranslationAudioInput(SentModel):
    """What is done with the audio you send."""

    transcription: TranslationTranscription | None = None
    """With it the server sends `session.input_transcript.delta`. Null switches it off."""

    noise_reduction: TranslationNoiseReduction | None = None
    """Null switches it off."""


class TranslationAudioOutput(SentModel):
    """What you get to hear."""

    language: str | None = None
    """The language to translate into, such as `es`: of the voice and of its transcript."""


class TranslationAudio(SentModel):
    """Audio, both ways. It is PCM of 16 bits at 24 kHz, one channel; nothing else."""

    input: TranslationAudioInput | None = None
    output: TranslationAudioOutput | None = None


class TranslationConfig(SentModel):
    """What a `session.update` changes. Neither type nor model of a session can be changed."""

    audio: TranslationAudio | None = None


class TranslationSession(ReceivedModel):
    """The session that is in effect. Servers differ in what they tell: any field may be missing."""

    id: str | None = None
    type: Literal["translation"] | Unrecognised | None = None
    model: str | None = None

    expires_at: int | None = None
    """When the server will end the session, in seconds since 1970."""

    audio: TranslationAudio | None = None

    include: list[str] | None = None
    """Null in all sessions that were seen."""

"""Sessions: what you ask for, and what is in effect.

*Unset is not null.* A field that was never set is left out of the frame and keeps its value on the
server; None is written as null and means something: `turn_detection=None` switches turn detection
off.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field, JsonValue

from trio_realtime.types._audio import (
    AudioFormat,
    InputTranscription,
    NoiseReduction,
    TurnDetection,
    Voice,
)
from trio_realtime.types._base import Number, ReceivedModel, SentModel, Unrecognised
from trio_realtime.types._content import PromptVariable
from trio_realtime.types._tools import Tool, ToolChoice
from trio_realtime.types._unknown import OPEN, TAGGED, Unknown

RealtimeModel: TypeAlias = Literal[
    "gpt-4o-mini-realtime-preview",
    "gpt-4o-mini-realtime-preview-2024-12-17",
    "gpt-4o-realtime-preview",
    "gpt-4o-realtime-preview-2024-10-01",
    "gpt-4o-realtime-preview-2024-12-17",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "gpt-audio-mini-2025-10-06",
    "gpt-audio-mini-2025-12-15",
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
]
"""The models that have been announced. Any name is passed through."""

SessionType: TypeAlias = Literal["realtime", "transcription"]
"""What a session is for: talking with a model, or only writing down what is said."""

Modality: TypeAlias = Literal["text", "audio"]
"""What the model answers with. Audio comes with its transcript; the two cannot be combined."""

ReasoningEffort: TypeAlias = Literal["minimal", "low", "medium", "high", "xhigh"]
"""How much a reasoning model thinks before it answers."""

TracingOption: TypeAlias = Literal["auto"]
"""Tracing under default names."""

TruncationOption: TypeAlias = Literal["auto", "disabled"]
"""What happens when the conversation outgrows the model: the oldest goes, or an error."""

Unlimited: TypeAlias = Literal["inf"]
"""In place of a number of tokens."""

Include: TypeAlias = Literal["item.input_audio_transcription.logprobs"]
"""What may be added to the server's events."""


class AudioInputConfig(SentModel):
    """What is done with the audio you send."""

    format: AudioFormat | None = None

    transcription: InputTranscription | None = None
    """Null switches transcription off, which is the default."""

    noise_reduction: NoiseReduction | None = None
    """Null switches noise reduction off, which is the default."""

    turn_detection: TurnDetection | None = None
    """Null switches turn detection off: your code then commits the buffer and creates the
    responses."""


class AudioOutputConfig(SentModel):
    """How the model sounds."""

    format: AudioFormat | None = None

    voice: Voice | None = None
    """Cannot be changed once the model has spoken."""

    speed: Number | None = None
    """0.25 to 1.5; changed between turns only. 1 is the default."""


class AudioConfig(SentModel):
    """Audio, both ways."""

    input: AudioInputConfig | None = None
    output: AudioOutputConfig | None = None


class TranscriptionAudioConfig(SentModel):
    """Audio of a transcription session, which says nothing."""

    input: AudioInputConfig | None = None


class TracingConfig(SentModel):
    """Under which names the session's trace is stored."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Mapping[str, JsonValue] | None = None


class Reasoning(SentModel):
    """Thinking before answering."""

    effort: ReasoningEffort | str | None = None


class Prompt(SentModel):
    """A prompt stored at the server, in place of instructions."""

    id: str
    version: str | None = None
    variables: Mapping[str, PromptVariable] | None = None
    """What to put in its places."""


class TruncationTokenLimits(SentModel):
    """How much context is left standing."""

    post_instructions: int | None = None
    """Tokens of conversation after the instructions."""


class RetentionRatio(SentModel):
    """Truncation that removes more than it must, so that the cache holds for longer."""

    type: Literal["retention_ratio"] = "retention_ratio"

    retention_ratio: Number
    """How much of the conversation is kept when it overflows, 0 to 1."""

    token_limits: TruncationTokenLimits | None = None


@final
class UnknownTruncation(Unknown):
    """Truncation of a type that this release does not know, or that does not validate."""

    __slots__ = ()


Truncation: TypeAlias = Annotated[
    TruncationOption | str | Annotated[RetentionRatio, TAGGED] | UnknownTruncation,
    OPEN,
]
"""What happens when the conversation outgrows the model."""


class RealtimeSessionConfig(SentModel):
    """The configuration of a session that talks with a model."""

    type: Literal["realtime"] = "realtime"

    model: RealtimeModel | str | None = None
    """Chosen when connecting; an update cannot change it."""

    output_modalities: Sequence[Modality | str] | None = None
    """`["audio"]`, the default, or `["text"]`."""

    instructions: str | None = None
    """What the model is told before everything else. An empty text clears it."""

    audio: AudioConfig | None = None
    tools: Sequence[Tool] | None = None
    """An empty list clears it."""

    tool_choice: ToolChoice | None = None

    parallel_tool_calls: bool | None = None
    """Whether one response may call several tools. For reasoning models."""

    reasoning: Reasoning | None = None
    max_output_tokens: int | Unlimited | str | None = None
    """1 to 4096 for each response, or `inf`, the default."""

    tracing: TracingConfig | TracingOption | str | None = None
    """Cannot be changed once it is on. Null, the default, is off."""

    truncation: Truncation | None = None
    prompt: Prompt | None = None
    include: Sequence[Include | str] | None = None


class TranscriptionSessionConfig(SentModel):
    """The configuration of a session that only writes down what is said."""

    type: Literal["transcription"] = "transcription"
    audio: TranscriptionAudioConfig | None = None
    include: Sequence[Include | str] | None = None


@final
class UnknownSessionConfig(Unknown):
    """A configuration without a type, of an unknown one, or one that does not validate."""

    __slots__ = ()


SessionConfig: TypeAlias = Annotated[
    Annotated[RealtimeSessionConfig | TranscriptionSessionConfig, Field(discriminator="type")]
    | UnknownSessionConfig,
    OPEN,
]
"""What `session.update` asks for."""


class Session(ReceivedModel):
    """The session that is in effect, of whichever type.

    Servers differ in what they tell, so every field may be missing.
    """

    id: str | None = None
    object: str | None = None
    type: SessionType | Unrecognised | None = None
    model: str | None = None

    expires_at: int | None = None
    """When the server will end the session, in seconds since 1970: an hour after its start."""

    output_modalities: list[Modality | Unrecognised] | None = None
    instructions: str | None = None
    audio: AudioConfig | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | Unlimited | Unrecognised | None = None
    tracing: TracingConfig | TracingOption | Unrecognised | None = None
    truncation: Truncation | None = None
    prompt: Prompt | None = None
    include: list[Include | Unrecognised] | None = None

    client_secret: JsonValue = Field(default=None, repr=False)
    """An ephemeral key, where a server hands one out with the session."""

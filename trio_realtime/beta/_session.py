"""Sessions of the beta dialect, which are flat, and their events.

*Unset is not null.* A field that was never set is left out of the frame and keeps its value on the
server; None is written as null and means something: `turn_detection=None` switches turn detection
off.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, JsonValue

from trio_realtime.beta._audio import AudioFormat, InputTranscription, TurnDetection, Voice
from trio_realtime.beta._secret import ClientSecret, ClientSecretConfig
from trio_realtime.types import (
    Include,
    Modality,
    NoiseReduction,
    Prompt,
    RealtimeModel,
    Tool,
    ToolChoice,
    TracingConfig,
    TracingOption,
    Truncation,
    Unlimited,
    Unrecognised,
)
from trio_realtime.types._base import (
    ClientModel,
    Number,
    ReceivedModel,
    SentModel,
    ServerModel,
)


class SessionConfig(SentModel):
    """The configuration of a session that talks with a model.

    Example:
        ```python
        from trio_realtime.beta import SessionConfig

        session = SessionConfig(modalities=["text"], temperature=0.7)
        ```
    """

    model: RealtimeModel | str | None = None
    """Chosen when connecting; an update cannot change it."""

    modalities: Sequence[Modality | str] | None = None
    """`["text", "audio"]`, the default, or `["text"]`."""

    instructions: str | None = None
    """What the model is told before everything else. An empty text clears it; Azure Voice Live
    takes that for unset."""

    voice: Voice | None = None
    """Cannot be changed once the model has spoken."""

    input_audio_format: AudioFormat | str | None = None
    output_audio_format: AudioFormat | str | None = None

    input_audio_transcription: InputTranscription | None = None
    """Null switches transcription off, which is the default."""

    input_audio_noise_reduction: NoiseReduction | None = None
    """Null switches noise reduction off, which is the default."""

    turn_detection: TurnDetection | None = None
    """Null switches turn detection off: your code then commits the buffer and creates the
    responses."""

    tools: Sequence[Tool] | None = None
    """An empty list clears it."""

    tool_choice: ToolChoice | None = None

    temperature: Number | None = None
    """0.6 to 1.2. 0.8 is the default, and what the audio models are made for."""

    max_response_output_tokens: int | Unlimited | str | None = None
    """1 to 4096 for each response, or `inf`, the default."""

    speed: Number | None = None
    """0.25 to 1.5; changed between turns only. 1 is the default."""

    tracing: TracingConfig | TracingOption | str | None = None
    """Cannot be changed once it is on. Null, the default, is off."""

    truncation: Truncation | None = None
    prompt: Prompt | None = None
    include: Sequence[Include | str] | None = None
    client_secret: ClientSecretConfig | None = None

    input_audio_sampling_rate: int | None = None
    """In Hz. Azure Voice Live only, like all that follow."""

    input_audio_echo_cancellation: JsonValue = None
    output_audio_timestamp_types: JsonValue = None
    animation: JsonValue = None
    avatar: JsonValue = None
    truncation_strategy: JsonValue = None
    greeting: JsonValue = None
    handoff: JsonValue = None


class Session(ReceivedModel):
    """The session that is in effect.

    Servers differ in what they tell, so every field may be missing.
    """

    id: str | None = None
    object: str | None = None
    model: str | None = None

    expires_at: int | None = None
    """When the server will end the session, in seconds since 1970."""

    modalities: list[Modality | Unrecognised] | None = None
    instructions: str | None = None
    voice: Voice | None = None
    input_audio_format: AudioFormat | Unrecognised | None = None
    output_audio_format: AudioFormat | Unrecognised | None = None
    input_audio_transcription: InputTranscription | None = None
    input_audio_noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    temperature: Number | None = None
    max_response_output_tokens: int | Unlimited | Unrecognised | None = None
    speed: Number | None = None
    tracing: TracingConfig | TracingOption | Unrecognised | None = None
    truncation: Truncation | None = None
    prompt: Prompt | None = None
    include: list[Include | Unrecognised] | None = None

    client_secret: ClientSecret | None = Field(default=None, repr=False)
    """An ephemeral key, where the session was made over REST. Null over a connection."""

    input_audio_sampling_rate: int | None = None
    """In Hz. Azure Voice Live only, like all that follow."""

    input_audio_echo_cancellation: JsonValue = None
    output_audio_timestamp_types: JsonValue = None
    animation: JsonValue = None
    avatar: JsonValue = None
    truncation_strategy: JsonValue = None
    greeting: JsonValue = None
    handoff: JsonValue = None


class SessionUpdate(ClientModel):
    """Change the session. Answered by `session.updated`.

    Only what is set is changed; null clears. The model can never be changed, the voice no more once
    the model has spoken.
    """

    type: Literal["session.update"] = "session.update"
    session: SessionConfig


class SessionCreated(ServerModel):
    """The session is open, with the configuration that is in effect. The first event of all."""

    type: Literal["session.created"] = "session.created"
    session: Session


class SessionUpdated(ServerModel):
    """The session was changed; this is all that is in effect now."""

    type: Literal["session.updated"] = "session.updated"
    session: Session

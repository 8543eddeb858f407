"""Responses of the beta dialect, and those of their events that GA has renamed or changed."""

from collections.abc import Mapping, Sequence
from typing import Literal

from trio_realtime import types
from trio_realtime.beta._audio import AudioFormat, Voice
from trio_realtime.types import (
    ConversationChoice,
    InputItem,
    Modality,
    Prompt,
    Tool,
    ToolChoice,
    Unlimited,
    Unrecognised,
)
from trio_realtime.types._base import Audio, ClientModel, Number, SentModel, ServerModel


class Response(types.Response):
    """A response, as the server reports it.

    Some servers use the GA names of its settings, so it has both.
    """

    modalities: list[Modality | Unrecognised] | None = None
    voice: Voice | None = None
    output_audio_format: AudioFormat | Unrecognised | None = None
    temperature: Number | None = None


class ResponseConfig(SentModel):
    """What a response is to be, where it differs from the session.

    Example:
        ```python
        from trio_realtime.beta import ResponseConfig, ResponseCreate

        event = ResponseCreate(response=ResponseConfig(modalities=["text"]))
        ```
    """

    conversation: ConversationChoice | str | None = None
    """`none` makes a response beside the conversation: it leaves no items there, and any number of
    them may run at a time."""

    input: Sequence[InputItem] | None = None
    """What the model sees in place of the conversation. An empty list is no context at all."""

    modalities: Sequence[Modality | str] | None = None
    instructions: str | None = None
    voice: Voice | None = None
    output_audio_format: AudioFormat | str | None = None
    tools: Sequence[Tool] | None = None
    tool_choice: ToolChoice | None = None

    temperature: Number | None = None
    """0.6 to 1.2."""

    max_output_tokens: int | Unlimited | str | None = None
    """1 to 4096, or `inf`."""

    max_response_output_tokens: int | Unlimited | str | None = None
    """An older name of `max_output_tokens`, for servers that know only this one."""

    metadata: Mapping[str, str] | None = None
    """Up to 16 pairs; keys of up to 64 characters, values of up to 512. The response carries
    them."""

    prompt: Prompt | None = None


class ResponseCreate(ClientModel):
    """Ask the model to answer.

    Answered by `response.created`, or by an `error` if a response is already under way in the
    default conversation. With turn detection the server does this by itself after each turn.
    """

    type: Literal["response.create"] = "response.create"

    response: ResponseConfig | None = None
    """Where it differs from the session, for this response only."""


class ResponseCreated(ServerModel):
    """A response begins; its `output` is still empty."""

    type: Literal["response.created"] = "response.created"
    response: Response


class ResponseDone(ServerModel):
    """A response has ended, however it did: `response.status` tells.

    The last event of every response. It holds all items, without their audio.
    """

    type: Literal["response.done"] = "response.done"
    response: Response


class ResponseTextDelta(ServerModel):
    """More of a text. GA calls it `response.output_text.delta`."""

    type: Literal["response.text.delta"] = "response.text.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseTextDone(ServerModel):
    """A text is complete; also sent when the response was interrupted."""

    type: Literal["response.text.done"] = "response.text.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str


class ResponseAudioDelta(ServerModel):
    """More audio. It comes faster than it is played. GA calls it `response.output_audio.delta`."""

    type: Literal["response.audio.delta"] = "response.audio.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: int

    delta: Audio
    """Samples in the session's output format; base64 on the wire. Any length, also within a
    sample's bytes."""


class ResponseAudioDone(ServerModel):
    """All audio of a part has been sent; also sent when the response was interrupted."""

    type: Literal["response.audio.done"] = "response.audio.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class ResponseAudioTranscriptDelta(ServerModel):
    """More of what the audio says, ahead of the audio or behind it."""

    type: Literal["response.audio_transcript.delta"] = "response.audio_transcript.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


class ResponseAudioTranscriptDone(ServerModel):
    """The whole of what the audio says; also sent when the response was interrupted."""

    type: Literal["response.audio_transcript.done"] = "response.audio_transcript.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    transcript: str

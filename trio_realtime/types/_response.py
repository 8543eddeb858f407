"""Responses: what you ask for, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from trio_realtime.types._audio import AudioFormat, Voice
from trio_realtime.types._base import ReceivedModel, SentModel, Unrecognised
from trio_realtime.types._content import AudioPart, OutputAudio, UnknownContentPart
from trio_realtime.types._items import AssistantMessage, InputItem, Item
from trio_realtime.types._session import Modality, Prompt, Reasoning, Unlimited
from trio_realtime.types._tools import Tool, ToolChoice
from trio_realtime.types._usage import ResponseUsage

ResponseStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete", "in_progress"]
"""How a response ended, or that it has not."""

EndedStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]
"""How a response ended."""

EndedReason: TypeAlias = Literal[
    "turn_detected", "client_cancelled", "max_output_tokens", "content_filter"
]
"""Why a response was cancelled (the first two) or is incomplete (the last two)."""

ConversationChoice: TypeAlias = Literal["auto", "none"]
"""Into the default conversation, or beside it."""

ResponseObject: TypeAlias = Literal["realtime.response"]
"""What the server calls every response."""


class ResponseError(ReceivedModel):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


class StatusDetails(ReceivedModel):
    """More about how a response ended."""

    type: EndedStatus | Unrecognised | None = None
    """The status once more."""

    reason: EndedReason | Unrecognised | None = None
    error: ResponseError | None = None


class ResponseAudioOutput(SentModel):
    """How one response sounds."""

    format: AudioFormat | None = None
    voice: Voice | None = None


class ResponseAudio(SentModel):
    """The audio of one response."""

    output: ResponseAudioOutput | None = None


class Response(ReceivedModel):
    """A response, as the server reports it."""

    id: str | None = None
    object: ResponseObject | Unrecognised | None = None
    status: ResponseStatus | Unrecognised | None = None

    status_details: StatusDetails | None = None
    """Null unless the response was cancelled, failed or is incomplete."""

    output: list[Item] | None = None
    """The items made; empty when the response begins, and when it was interrupted early."""

    conversation_id: str | None = None
    """Null for a response beside the conversation."""

    output_modalities: list[Modality | Unrecognised] | None = None
    max_output_tokens: int | Unlimited | Unrecognised | None = None
    audio: ResponseAudio | None = None

    metadata: dict[str, str] | None = None
    """What you attached when you asked for it."""

    usage: ResponseUsage | None = None
    """Null until the response is done."""

    @property
    def output_text(self) -> str:
        """What the model said: the text of its messages, or the transcript of their audio.

        Empty where it said nothing, as in a response that only calls functions.
        """
        messages = [item for item in self.output or () if isinstance(item, AssistantMessage)]
        said = [
            part.transcript if isinstance(part, OutputAudio | AudioPart) else part.text
            for message in messages
            for part in message.content
            if not isinstance(part, UnknownContentPart)
        ]
        return "".join(piece for piece in said if piece is not None)


class ResponseConfig(SentModel):
    """What a response is to be, where it differs from the session."""

    conversation: ConversationChoice | str | None = None
    """`none` makes a response beside the conversation: it leaves no items there, and any number of
    them may run at a time."""

    input: Sequence[InputItem] | None = None
    """What the model sees in place of the conversation. An empty list is no context at all."""

    output_modalities: Sequence[Modality | str] | None = None
    instructions: str | None = None
    audio: ResponseAudio | None = None
    tools: Sequence[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | Unlimited | str | None = None

    metadata: Mapping[str, str] | None = None
    """Up to 16 pairs; keys of up to 64 characters, values of up to 512. The response carries
    them."""

    prompt: Prompt | None = None

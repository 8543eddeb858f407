"""Events of responses: asking for one, and its course from `response.created` to `response.done`.

A response makes output items, an item has content parts, and deltas fill the parts. Items may
overlap: a function call can begin before the message in front of it is done. So keep what streams
by `response_id`, `item_id` and `content_index`, and trust the `done` events for the whole.
"""

from typing import Literal

from trio_realtime.types._base import Audio, ClientModel, ServerModel
from trio_realtime.types._content import ResponsePart
from trio_realtime.types._items import Item
from trio_realtime.types._response import Response, ResponseConfig


class ResponseCreate(ClientModel):
    """Ask the model to answer.

    Answered by `response.created`, or by an `error` if a response is already under way in the
    default conversation. With turn detection the server does this by itself after each turn.
    """

    type: Literal["response.create"] = "response.create"

    response: ResponseConfig | None = None
    """Where it differs from the session, for this response only."""


class ResponseCancel(ClientModel):
    """Stop a response. Answered by its `response.done`, with the status `cancelled`.

    When nothing is under way the answer is an `error` that does no harm.
    """

    type: Literal["response.cancel"] = "response.cancel"

    response_id: str | None = None
    """Unset is the one in the default conversation."""


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


class ResponseOutputItemAdded(ServerModel):
    """A response begins an item, which is still empty."""

    type: Literal["response.output_item.added"] = "response.output_item.added"
    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemDone(ServerModel):
    """An item of a response is complete, or as complete as it will get."""

    type: Literal["response.output_item.done"] = "response.output_item.done"
    response_id: str
    output_index: int
    item: Item


class ResponseContentPartAdded(ServerModel):
    """A message of a response begins a part, which is still empty."""

    type: Literal["response.content_part.added"] = "response.content_part.added"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: ResponsePart

    content: ResponsePart | None = None
    """The part once more, from some servers."""


class ResponseContentPartDone(ServerModel):
    """A part of a message is complete. Audio comes as its transcript only."""

    type: Literal["response.content_part.done"] = "response.content_part.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: ResponsePart

    content: ResponsePart | None = None
    """The part once more, from some servers."""


class ResponseOutputTextDelta(ServerModel):
    """More of a text."""

    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str

    obfuscation: str | None = None
    """Random padding against guessing the text by the length of frames."""


class ResponseOutputTextDone(ServerModel):
    """A text is complete; also sent when the response was interrupted."""

    type: Literal["response.output_text.done"] = "response.output_text.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str


class ResponseOutputAudioDelta(ServerModel):
    """More audio. It comes faster than it is played."""

    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    response_id: str
    item_id: str
    output_index: int
    content_index: int

    delta: Audio
    """Samples in the session's output format; base64 on the wire. Any length, also within a
    sample's bytes."""


class ResponseOutputAudioDone(ServerModel):
    """All audio of a part has been sent; also sent when the response was interrupted."""

    type: Literal["response.output_audio.done"] = "response.output_audio.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class ResponseOutputAudioTranscriptDelta(ServerModel):
    """More of what the audio says, ahead of the audio or behind it."""

    type: Literal["response.output_audio_transcript.delta"] = (
        "response.output_audio_transcript.delta"
    )
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str

    obfuscation: str | None = None
    """Random padding against guessing the text by the length of frames."""


class ResponseOutputAudioTranscriptDone(ServerModel):
    """The whole of what the audio says; also sent when the response was interrupted."""

    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    transcript: str


class ResponseFunctionCallArgumentsDelta(ServerModel):
    """More of the arguments of a function call: a piece of JSON text."""

    type: Literal["response.function_call_arguments.delta"] = (
        "response.function_call_arguments.delta"
    )
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str

    obfuscation: str | None = None
    """Random padding against guessing the text by the length of frames."""


class ResponseFunctionCallArgumentsDone(ServerModel):
    """The whole arguments of a function call.

    The server takes the output at any time, but a new response only after `response.done`.
    """

    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    response_id: str
    item_id: str
    output_index: int

    call_id: str
    """What the function's output must name."""

    name: str | None = None
    """The function. Some servers leave it to the item."""

    arguments: str
    """JSON, as text; cut off when the response was interrupted."""


class ResponseMcpCallArgumentsDelta(ServerModel):
    """More of the arguments of an MCP call: a piece of JSON text."""

    type: Literal["response.mcp_call_arguments.delta"] = "response.mcp_call_arguments.delta"
    response_id: str
    item_id: str
    output_index: int
    delta: str

    obfuscation: str | None = None
    """Random padding against guessing the text by the length of frames."""


class ResponseMcpCallArgumentsDone(ServerModel):
    """The whole arguments of an MCP call."""

    type: Literal["response.mcp_call_arguments.done"] = "response.mcp_call_arguments.done"
    response_id: str
    item_id: str
    output_index: int

    arguments: str
    """JSON, as text."""


class ResponseMcpCallInProgress(ServerModel):
    """An MCP call is being made. Which response it belongs to is told by its item only."""

    type: Literal["response.mcp_call.in_progress"] = "response.mcp_call.in_progress"
    item_id: str
    output_index: int


class ResponseMcpCallCompleted(ServerModel):
    """An MCP call has an output, which is in its item."""

    type: Literal["response.mcp_call.completed"] = "response.mcp_call.completed"
    item_id: str
    output_index: int


class ResponseMcpCallFailed(ServerModel):
    """An MCP call failed; the reason is in its item."""

    type: Literal["response.mcp_call.failed"] = "response.mcp_call.failed"
    item_id: str
    output_index: int

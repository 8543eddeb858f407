"""The items of a conversation: messages, function calls and their outputs, MCP.

Items go both ways: build one to create it, receive one from the server. They keep what they do not
know. `as_input` makes what was received acceptable to a server again.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeAlias, TypeVar, cast, final

from pydantic import Field, JsonValue

from trio_realtime.types._base import ReceivedModel, Unrecognised
from trio_realtime.types._content import (
    AssistantContent,
    AudioPart,
    InputAudio,
    InputText,
    OutputAudio,
    OutputText,
    SystemContent,
    TextPart,
    UserContent,
)
from trio_realtime.types._errors import McpError
from trio_realtime.types._unknown import OPEN, Unknown

ItemObject: TypeAlias = Literal["realtime.item"]
"""What the server calls every item."""

ItemStatus: TypeAlias = Literal["completed", "incomplete", "in_progress"]
"""How far an item is; only told, never acted upon."""

Phase: TypeAlias = Literal["commentary", "final_answer"]
"""What a message of a reasoning model is for: thinking aloud, or the answer."""


class _Item(ReceivedModel):
    """What all items have."""

    id: str | None = None
    """Unique in the conversation. Yours may have at most 32 characters; the server chooses one when
    there is none."""

    object: ItemObject | Unrecognised | None = None
    status: ItemStatus | Unrecognised | None = None


class SystemMessage(_Item):
    """Instructions in the course of the conversation."""

    type: Literal["message"] = "message"
    role: Literal["system"] = "system"
    content: Sequence[SystemContent]


class UserMessage(_Item):
    """What the user said, typed or showed."""

    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: Sequence[UserContent]


class AssistantMessage(_Item):
    """What the model said."""

    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    content: Sequence[AssistantContent]
    """Empty while the response is under way."""

    phase: Phase | Unrecognised | None = None
    """Sent by reasoning models."""


class FunctionCall(_Item):
    """The model wants a function of yours to be run."""

    type: Literal["function_call"] = "function_call"
    call_id: str | None = None
    """What the output must name. At most 32 characters."""

    name: str
    arguments: str
    """JSON, as text; empty while the call is under way. Nobody has checked it against the tool's
    parameters."""


class FunctionCallOutput(_Item):
    """What a function of yours returned."""

    type: Literal["function_call_output"] = "function_call_output"
    call_id: str
    """The call that this answers."""

    output: str
    """Any text; JSON by convention."""


class McpListedTool(ReceivedModel):
    """A tool that an MCP server offers."""

    name: str
    description: str | None = None
    input_schema: dict[str, JsonValue]
    """The JSON Schema of its arguments."""

    annotations: dict[str, JsonValue] | None = None
    """The server's own hints about the tool."""


class McpListTools(_Item):
    """The tools of an MCP server, once they are known."""

    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    server_label: str
    tools: list[McpListedTool]


class McpCall(_Item):
    """A call that the API made to an MCP server by itself."""

    type: Literal["mcp_call"] = "mcp_call"
    server_label: str
    name: str
    arguments: str
    """JSON, as text."""

    approval_request_id: str | None = None
    """The request that had to be approved first."""

    output: str | None = None
    error: McpError | None = None
    """Why there is no output."""


class McpApprovalRequest(_Item):
    """The model wants to call an MCP tool that needs your approval."""

    type: Literal["mcp_approval_request"] = "mcp_approval_request"
    server_label: str
    name: str
    arguments: str
    """JSON, as text."""


class McpApprovalResponse(_Item):
    """Your answer to an `McpApprovalRequest`."""

    type: Literal["mcp_approval_response"] = "mcp_approval_response"
    approval_request_id: str
    """The id of the request item."""

    approve: bool
    reason: str | None = None


class ItemReference(ReceivedModel):
    """An item of the conversation, by its id; only in the `input` of a response."""

    type: Literal["item_reference"] = "item_reference"
    id: str


@final
class UnknownItem(Unknown):
    """An item of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


_Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")
]

Item: TypeAlias = Annotated[
    Annotated[
        _Message
        | FunctionCall
        | FunctionCallOutput
        | McpListTools
        | McpCall
        | McpApprovalRequest
        | McpApprovalResponse,
        Field(discriminator="type"),
    ]
    | UnknownItem,
    OPEN,
]
"""An item of a conversation."""

InputItem: TypeAlias = Annotated[
    Annotated[
        _Message
        | FunctionCall
        | FunctionCallOutput
        | McpListTools
        | McpCall
        | McpApprovalRequest
        | McpApprovalResponse
        | ItemReference,
        Field(discriminator="type"),
    ]
    | UnknownItem,
    OPEN,
]
"""What a response may be given as input: a new item, or a reference to one."""

ItemT = TypeVar("ItemT", bound=InputItem)


def as_input(item: ItemT) -> ItemT:
    """Make of a received item one that the server takes.

    Left out is what only the server writes: `object`, `status`, `phase`, and every field that this
    release does not know. Audio of the assistant cannot be given back, so its transcript becomes
    text; so does the user's audio where only a transcript is left of it. A part with neither is
    dropped. The id stays: within one conversation it must not be used twice.
    """
    if isinstance(item, UnknownItem | ItemReference):
        return item
    kept = {
        name: getattr(item, name)
        for name in item.model_fields_set & type(item).model_fields.keys()
        if name not in _SERVER_ONLY
    }
    if isinstance(item, UserMessage):
        kept["content"] = list(_user_input(item.content))
    elif isinstance(item, AssistantMessage):
        kept["content"] = list(_assistant_input(item.content))
    return cast("ItemT", type(item)(**kept))


_SERVER_ONLY = frozenset({"object", "status", "phase"})


def _user_input(content: Iterable[UserContent]) -> Iterable[UserContent]:
    for part in content:
        if not isinstance(part, InputAudio):
            yield part
        elif part.audio is not None:
            yield InputAudio(audio=part.audio)
        elif part.transcript is not None:
            yield InputText(text=part.transcript)


def _assistant_input(content: Iterable[AssistantContent]) -> Iterable[AssistantContent]:
    for part in content:
        if isinstance(part, OutputAudio | AudioPart):
            if part.transcript is not None:
                yield OutputText(text=part.transcript)
        elif isinstance(part, TextPart):
            yield OutputText(text=part.text)
        else:
            yield part

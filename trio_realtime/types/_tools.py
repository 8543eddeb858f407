"""The tools a model may use, and which of them it must."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field, JsonValue

from trio_realtime.types._base import SentModel
from trio_realtime.types._unknown import OPEN, Unknown

McpConnector: TypeAlias = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]
"""The services that the API reaches without a server of yours."""

ApprovalPolicy: TypeAlias = Literal["always", "never"]
"""Whether every call of an MCP server's tools needs your approval."""

AllowedCaller: TypeAlias = Literal["direct", "programmatic"]
"""Who may call a tool: the model itself, or code that it writes."""

ToolChoiceOption: TypeAlias = Literal["none", "auto", "required"]
"""No tool, the model's choice, or at least one."""


class FunctionTool(SentModel):
    """A function of yours that the model may ask for."""

    type: Literal["function"] = "function"
    name: str | None = None

    description: str | None = None
    """When and how to use it; the model reads this."""

    parameters: Mapping[str, JsonValue] | None = None
    """The JSON Schema of the arguments. It guides the model; nobody enforces it."""


class McpToolFilter(SentModel):
    """Some of an MCP server's tools."""

    tool_names: Sequence[str] | None = None

    read_only: bool | None = None
    """Those that the server marks as changing nothing."""


class McpApprovalRules(SentModel):
    """Which calls need your approval, tool by tool."""

    always: McpToolFilter | None = None
    never: McpToolFilter | None = None


class McpTool(SentModel):
    """An MCP server whose tools the API calls by itself.

    It is found by exactly one of `server_url`, `connector_id` and `tunnel_id`.
    """

    type: Literal["mcp"] = "mcp"

    server_label: str
    """Your name for the server; items and approvals repeat it."""

    server_url: str | None = None
    connector_id: McpConnector | str | None = None
    tunnel_id: str | None = None

    authorization: str | None = Field(default=None, repr=False)
    """An access token for the server, or of the connector's service."""

    headers: Mapping[str, str] | None = Field(default=None, repr=False)
    """HTTP headers for the server, such as other credentials."""

    server_description: str | None = None
    """When and how to use it; the model reads this."""

    allowed_tools: Sequence[str] | McpToolFilter | None = None
    """The tools to offer, of those that the server has. Unset is all."""

    allowed_callers: Sequence[AllowedCaller | str] | None = None

    require_approval: McpApprovalRules | ApprovalPolicy | str | None = None
    """Which calls wait for an `McpApprovalResponse`. The default is `always`."""

    defer_loading: bool | None = None
    """Whether the tools are looked up only when the model searches for them."""


@final
class UnknownTool(Unknown):
    """A tool of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


Tool: TypeAlias = Annotated[
    Annotated[FunctionTool | McpTool, Field(discriminator="type")] | UnknownTool, OPEN
]
"""Something the model may use."""


class ToolChoiceFunction(SentModel):
    """The model must call this function."""

    type: Literal["function"] = "function"
    name: str


class ToolChoiceMcp(SentModel):
    """The model must use this MCP server."""

    type: Literal["mcp"] = "mcp"
    server_label: str

    name: str | None = None
    """The tool; unset is any of the server's."""


@final
class UnknownToolChoice(Unknown):
    """A choice of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


ToolChoice: TypeAlias = Annotated[
    ToolChoiceOption
    | str
    | Annotated[ToolChoiceFunction | ToolChoiceMcp, Field(discriminator="type")]
    | UnknownToolChoice,
    OPEN,
]
"""Whether the model has to use a tool, and which."""

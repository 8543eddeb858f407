"""What the server says when something goes wrong: requests, transcriptions, MCP."""

from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from trio_realtime.types._base import ReceivedModel
from trio_realtime.types._unknown import OPEN, Unknown


class ErrorDetails(ReceivedModel):
    """What an `error` event tells."""

    type: str | None = None
    """The class of error, such as `invalid_request_error` or `server_error`."""

    code: str | None = None
    """The exact error, such as `unknown_parameter`. Some have none."""

    message: str | None = None
    """A sentence for people. For a bad key it holds the key's last characters."""

    param: str | None = None
    """The field of the client event that the server objects to, such as `session.type`."""

    event_id: str | None = None
    """The `event_id` of the client event that caused it, when that event had one."""


class TranscriptionError(ReceivedModel):
    """Why a transcription failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class McpProtocolError(ReceivedModel):
    """The MCP server broke the protocol, or answered with an error of it."""

    type: Literal["protocol_error"] = "protocol_error"
    code: int
    message: str


class McpToolExecutionError(ReceivedModel):
    """The MCP tool ran and failed."""

    type: Literal["tool_execution_error"] = "tool_execution_error"
    message: str


class McpHttpError(ReceivedModel):
    """The MCP server answered with an HTTP error."""

    type: Literal["http_error"] = "http_error"
    code: int
    """The HTTP status."""

    message: str


@final
class UnknownMcpError(Unknown):
    """An MCP error of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


McpError: TypeAlias = Annotated[
    Annotated[McpProtocolError | McpToolExecutionError | McpHttpError, Field(discriminator="type")]
    | UnknownMcpError,
    OPEN,
]
"""Why an MCP call has no output."""

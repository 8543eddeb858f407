"""Events of MCP servers: finding out which tools they have.

What becomes of a call is told by the `response.mcp_call` events.
"""

from typing import Literal

from trio_realtime.types._base import ServerModel


class McpListToolsInProgress(ServerModel):
    """An MCP server is being asked for its tools."""

    type: Literal["mcp_list_tools.in_progress"] = "mcp_list_tools.in_progress"

    item_id: str
    """The `mcp_list_tools` item that will hold them."""


class McpListToolsCompleted(ServerModel):
    """An MCP server has told its tools; responses can use them from now on."""

    type: Literal["mcp_list_tools.completed"] = "mcp_list_tools.completed"

    item_id: str
    """The `mcp_list_tools` item that holds them."""


class McpListToolsFailed(ServerModel):
    """An MCP server did not tell its tools, so there are none of it."""

    type: Literal["mcp_list_tools.failed"] = "mcp_list_tools.failed"

    item_id: str
    """The `mcp_list_tools` item that stays empty."""

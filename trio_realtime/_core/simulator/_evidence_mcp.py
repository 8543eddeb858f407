"""The evidence for the tools of MCP servers, which the server itself calls.

Nothing here is run: these are facts, each with its source. No recording has any of them.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import ITEM, SPECIFICATION, Row

_CALL_BEGINS: Final = (
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
)
_ARGUMENTS: Final = (
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
)
_CALL_ENDS: Final = (
    "conversation.item.done",
    "response.output_item.done",
    "response.done(completed)",
)

MCP_ROWS: Final = (
    Row(
        id="mcp-list",
        cause="session.update",
        when="with an MCP server: its tools are listed in an item, once",
        outcome=(
            "session.updated",
            "conversation.item.added",
            "mcp_list_tools.in_progress",
            "mcp_list_tools.completed",
            "conversation.item.done",
        ),
        evidence="specification",
        source="the descriptions of the events",
        link=SPECIFICATION,
        variant="mcp_servers",
    ),
    Row(
        id="mcp-list-failed",
        cause="session.update",
        when="with an MCP server that does not list its tools",
        outcome=(
            "session.updated",
            "conversation.item.added",
            "mcp_list_tools.in_progress",
            "mcp_list_tools.failed",
            "conversation.item.done",
        ),
        evidence="our choice",
        source="the events are specified; that the item is done all the same is not",
        link=SPECIFICATION,
        variant="mcp_servers",
    ),
    Row(
        id="mcp-call",
        cause="response.create",
        when="the model calls a tool that needs no approval",
        outcome=(*_CALL_BEGINS, *_ARGUMENTS, "response.mcp_call.completed", *_CALL_ENDS),
        evidence="specification",
        source="the descriptions of the events",
        link=SPECIFICATION,
    ),
    Row(
        id="mcp-call-failed",
        cause="response.create",
        when="the model calls a tool that fails",
        outcome=(*_CALL_BEGINS, *_ARGUMENTS, "response.mcp_call.failed", *_CALL_ENDS),
        evidence="specification",
        source="the descriptions of the events",
        link=SPECIFICATION,
    ),
    Row(
        id="mcp-call-cancelled",
        cause="response.cancel",
        when="while a call is in progress, which fails",
        outcome=(
            "response.mcp_call.failed",
            *_CALL_ENDS[:-1],
            "response.done(cancelled: client_cancelled)",
        ),
        evidence="our choice",
        source="what becomes of such a call is not told anywhere",
    ),
    Row(
        id="mcp-approval",
        cause="response.create",
        when="the model wants to call a tool that needs approval: an `mcp_approval_request`",
        outcome=(*_CALL_BEGINS, *_CALL_ENDS),
        evidence="specification",
        source="the description of the item",
        link=SPECIFICATION,
    ),
    Row(
        id="mcp-approved",
        cause="response.create",
        when="after the client has approved: the response begins with the call",
        outcome=(*_CALL_BEGINS, *_ARGUMENTS, "response.mcp_call.completed", *_CALL_ENDS),
        evidence="our choice",
        source="that a call is made once approved is specified, which response makes it is not",
        link=SPECIFICATION,
    ),
    Row(
        id="mcp-answered",
        cause="conversation.item.create",
        when="with an `mcp_approval_response`",
        outcome=ITEM,
        evidence="specification",
        source="the description of the item",
        link=SPECIFICATION,
    ),
    Row(
        id="mcp-answered-unasked",
        cause="conversation.item.create",
        when="with an `mcp_approval_response` to a request that is not in the conversation",
        outcome=("error(invalid_approval_request_id)",),
        evidence="our choice",
        source="by analogy with the output of an unknown call",
    ),
    Row(
        id="mcp-denied",
        cause="response.create",
        when="after the client has denied: no call is made",
        outcome=("response.created", "response.done(completed)"),
        evidence="our choice",
        source="what the model says then is up to it",
    ),
)

"""MCP servers: which tools each lists, which calls need the client's approval, and which got it.

No recording shows any of this. The events, their fields and the items are the specification's;
that the tools are listed once per definition, that a listing which failed is `done` all the same,
and that an approved call begins the next response, are our choices.

This module does not know how a call goes over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import missing_parameter
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._manner import McpServer
from trio_realtime._core.simulator._responder import CallMcp
from trio_realtime._core.simulator._stage import Stage

_ADDRESSES: Final = ("server_url", "connector_id", "tunnel_id")
"""What a tool names its server by: one of these."""

_NOTHING: Final = McpServer()


@final
@dataclass(frozen=True, slots=True)
class Approved:
    """A call that the client has approved."""

    call: CallMcp
    server_label: str
    request_id: str


def servers_of(tools: JsonValue) -> list[Object]:
    """The tools that are MCP servers."""
    return [tool for tool in objects_of(tools) if tool.get("type") == "mcp"]


def check_servers(tools: JsonValue, where: str, known: Sequence[Object] = ()) -> None:
    """Check where the MCP servers among some tools are. A response may name one by its label only.

    Raises:
        RefusedError: if one is nowhere.
    """
    labels = [server["server_label"] for server in known]
    for number, tool in enumerate(objects_of(tools)):
        named = tool.get("server_label") in labels or any(tool.get(name) for name in _ADDRESSES)
        if tool["type"] == "mcp" and not named:
            raise missing_parameter(f"{where}[{number}].server_url")


def asks_approval(name: str, server_label: str, tools: Sequence[Object]) -> bool:
    """Whether the client has to approve a call. The default is the specification's: always.

    Of a filter's lists the first that names the tool counts; a tool that none names needs
    approval, unless only those that always do are listed. That is our reading.
    """
    server = _server(server_label, tools)
    asked = server.get("require_approval") if server else "never"
    if not isinstance(asked, dict):
        return asked != "never"
    if name in _names(asked.get("always")):
        return True
    return name not in _names(asked.get("never")) and asked.get("never") is not None


def _names(listed: JsonValue) -> list[JsonValue]:
    names = at(listed, "tool_names") if isinstance(listed, dict) else listed
    return names if isinstance(names, list) else []


def _server(label: str, tools: Sequence[Object]) -> Object:
    for server in servers_of(list(tools)):
        if server.get("server_label") == label:
            return server
    return {}


@final
class Mcp:
    """The MCP servers of one session."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._requests: dict[str, Approved] = {}
        self._listed: list[Object] = []

    def attach(self, tools: JsonValue) -> None:
        """Be told the tools of the session. A server that it had no longer is forgotten."""
        servers = servers_of(tools)
        self._listed = [server for server in self._listed if server in servers]
        self.list_tools(tools)

    def list_tools(self, tools: JsonValue) -> None:
        """List the tools of servers that are new among these, each in an item of its own."""
        servers = servers_of(tools)
        new = [server for server in servers if server not in self._listed]
        for server in new:
            self._listed.append(server)
            self._stage.later(0, self._list(server))

    def _list(self, server: Object) -> Iterator[float]:
        stage, label = self._stage, text_of(server.get("server_label"))
        listed = stage.manner.mcp_servers.get(label, _NOTHING)
        item: Object = {
            "id": stage.id("mcpl_"),
            "type": "mcp_list_tools",
            "server_label": label,
            "tools": [],
        }
        entry = Entry(item)
        previous = stage.conversation.add(entry)
        stage.emit("conversation.item.added", {"previous_item_id": previous, "item": item})
        stage.emit("mcp_list_tools.in_progress", {"item_id": entry.id})
        yield listed.seconds
        if listed.fails:
            stage.emit("mcp_list_tools.failed", {"item_id": entry.id})
        else:
            allowed = server.get("allowed_tools")
            names = None if allowed is None else _names(allowed)
            item["tools"] = [
                tool for tool in map(_tool, listed.tools) if names is None or tool["name"] in names
            ]
            stage.emit("mcp_list_tools.completed", {"item_id": entry.id})
        stage.emit("conversation.item.done", {"previous_item_id": previous, "item": item})

    def label_of(self, call: CallMcp, tools: Sequence[Object]) -> str:
        """The server that a call goes to."""
        if call.server_label is not None:
            return call.server_label
        for entry in self._stage.conversation:
            if entry.type == "mcp_list_tools" and call.name in _tool_names(entry.item):
                return text_of(entry.item.get("server_label"))
        servers = servers_of(list(tools))
        return text_of(servers[0].get("server_label")) if servers else "mcp"

    def requested(self, call: CallMcp, server_label: str, request_id: str) -> None:
        """Note that the client was asked to approve a call."""
        self._requests[request_id] = Approved(call, server_label, request_id)

    def take_approved(self) -> list[Approved]:
        """The calls that were approved since this was last asked; what was denied is forgotten."""
        approved: list[Approved] = []
        if not self._requests:
            return approved  # most sessions: an hour's conversation is long to look through
        for entry in self._stage.conversation:
            if entry.type == "mcp_approval_response":
                request_id = text_of(entry.item.get("approval_request_id"))
                asked = self._requests.pop(request_id, None)
                if asked is not None and entry.item.get("approve") is True:
                    approved.append(asked)
        return approved


def _tool_names(listing: Object) -> list[str]:
    return [text_of(tool.get("name")) for tool in objects_of(listing.get("tools"))]


def _tool(tool: str | Object) -> Object:
    given: Object = {"name": tool} if isinstance(tool, str) else object_of(tool)
    empty: Object = {"type": "object", "properties": {}}
    return {"description": None, "input_schema": empty, "annotations": None, **given}

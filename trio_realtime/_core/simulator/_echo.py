"""The default responder: it answers what it is told, always the same way.

This module does not know how an answer is streamed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._json import Object, object_of, objects_of, text_of
from trio_realtime._core.simulator._mcp import asks_approval, servers_of
from trio_realtime._core.simulator._responder import Action, CallMcp, CallTool, Say

_CALL: Final = re.compile(r"\bcall\s+([A-Za-z0-9_-]+)", re.IGNORECASE)

_RETURNED: Final = "ok"
"""What the tools of MCP servers return."""


@final
@dataclass(frozen=True, slots=True)
class _Tool:
    """A tool that can be called."""

    name: str
    parameters: JsonValue
    server_label: str | None = None
    """The MCP server that lists it; None for a function."""
    asks: bool = False
    """Whether a call has to be approved."""

    def call(self, following: str) -> list[Action]:
        """Call it with the JSON object that follows its name, or with values made for it."""
        made = object_of(sample_from_schema(self.parameters))
        arguments = _json_at(following) or made
        if self.server_label is None:
            return [CallTool(self.name, arguments)]
        call = CallMcp(self.name, arguments, _RETURNED, server_label=self.server_label)
        return [call] if self.asks else [call, Say(f"{self.name} returned {_RETURNED}")]


def sample_from_schema(schema: JsonValue) -> JsonValue:
    """Make the simplest value that a JSON schema allows: required properties, first choices."""
    rules = object_of(schema)
    for name in ("const", "default"):
        if name in rules:
            return rules[name]
    for name in ("enum", "examples"):
        values = rules.get(name)
        if isinstance(values, list) and values:
            return values[0]
    for name in ("anyOf", "oneOf", "allOf"):
        if choices := objects_of(rules.get(name)):
            return sample_from_schema(choices[0])
    return _sample_of_type(rules)


def _sample_of_type(rules: Object) -> JsonValue:
    kind = rules.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    match kind:
        case "object":
            properties = object_of(rules.get("properties"))
            required = rules.get("required")
            names = required if isinstance(required, list) else []
            return {
                name: sample_from_schema(properties.get(name))
                for name in names
                if isinstance(name, str)
            }
        case "array":
            fewest = rules.get("minItems")
            count = fewest if isinstance(fewest, int) else 0
            return [sample_from_schema(rules.get("items")) for _ in range(count)]
        case "integer" | "number":
            lowest = rules.get("minimum")
            return lowest if isinstance(lowest, (int, float)) else 1
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return text_of(rules.get("title")).lower() or "text"


def default_reply(
    tools: Sequence[Object], tool_choice: JsonValue, context: Sequence[Entry]
) -> tuple[Action, ...]:
    """Answer what was last said to the model, always the same way.

    To text it says the text again, and where the text says `call NAME` it calls that tool; to
    speech it says how long it was; after function outputs it says what each returned, and after
    approvals what was approved.
    """
    news = _new_outputs(context) or _new_approvals(context)
    if news:
        return (Say(" ".join(news)),)
    callable_tools = _tools(tools, context)
    forced = _forced(callable_tools, tool_choice)
    said = next((entry for entry in reversed(context) if entry.role == "user"), None)
    text = "" if said is None else said.written or said.heard
    calls = [] if tool_choice == "none" else _calls(text, callable_tools)
    if calls or forced is not None:
        return tuple(calls) or tuple(forced.call("") if forced else ())
    if said is None:
        return (Say("Nothing was said yet."),)
    if said.speech_ms is not None and not text:
        return (Say(f"You spoke for {said.speech_ms / 1000:.1f} seconds."),)
    return (Say(f"You said: {text}"),)


def _new_outputs(context: Sequence[Entry]) -> list[str]:
    """What the functions returned whose outputs are the newest items, in order."""
    names = {
        text_of(entry.item.get("call_id")): text_of(entry.item.get("name"))
        for entry in context
        if entry.type == "function_call"
    }
    said: list[str] = []
    for entry in reversed(context):
        if entry.type != "function_call_output":
            break
        call_id = text_of(entry.item.get("call_id"))
        said.append(f"{names.get(call_id) or call_id} returned {text_of(entry.item.get('output'))}")
    return said[::-1]


def _new_approvals(context: Sequence[Entry]) -> list[str]:
    """What became of the calls whose approvals are the newest items, in order."""
    names = {
        entry.id: text_of(entry.item.get("name"))
        for entry in context
        if entry.type == "mcp_approval_request"
    }
    said: list[str] = []
    for entry in reversed(context):
        if entry.type != "mcp_approval_response":
            break
        request_id = text_of(entry.item.get("approval_request_id"))
        approved = entry.item.get("approve") is True
        what = f"returned {_RETURNED}" if approved else "was not approved"
        said.append(f"{names.get(request_id) or request_id} {what}")
    return said[::-1]


def _tools(tools: Sequence[Object], context: Sequence[Entry]) -> dict[str, _Tool]:
    """The functions, and what the MCP servers have listed, by name."""
    found = {
        text_of(tool.get("name")): _Tool(text_of(tool.get("name")), tool.get("parameters"))
        for tool in tools
        if tool.get("type") == "function"
    }
    labels = [server.get("server_label") for server in servers_of(list(tools))]
    for entry in context:
        label = text_of(entry.item.get("server_label"))
        if entry.type == "mcp_list_tools" and label in labels:
            for tool in objects_of(entry.item.get("tools")):
                name = text_of(tool.get("name"))
                asks = asks_approval(name, label, tools)
                found.setdefault(name, _Tool(name, tool.get("input_schema"), label, asks))
    return found


def _forced(tools: dict[str, _Tool], tool_choice: JsonValue) -> _Tool | None:
    """The tool that `tool_choice` leaves no choice about."""
    if tool_choice == "required":
        return next(iter(tools.values()), None)
    wanted = object_of(tool_choice)
    label, name = wanted.get("server_label"), wanted.get("name")
    for tool in tools.values() if wanted else ():
        if tool.server_label == label and name in (None, tool.name):
            return tool
    return None


def _calls(text: str, tools: dict[str, _Tool]) -> list[Action]:
    return [
        action
        for match in _CALL.finditer(text)
        if match[1] in tools
        for action in tools[match[1]].call(text[match.end() :])
    ]


def _json_at(following: str) -> str | None:
    """The JSON object that a text begins with, as it is written; None where it does not."""
    following = following.lstrip()
    if following.startswith("{"):
        try:
            _, end = json.JSONDecoder().raw_decode(following)
        except ValueError:
            pass  # not JSON after all: the text goes on in some other way
        else:
            return following[:end]
    return None

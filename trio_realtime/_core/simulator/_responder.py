"""What the model says: the actions a responder answers with, and the default responder.

Nothing here knows how an answer is streamed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of


@final
@dataclass(frozen=True, slots=True)
class Say:
    """The model says a text: written or spoken, as the response's modalities ask."""

    text: str
    """What it says."""


@final
@dataclass(frozen=True, slots=True)
class CallTool:
    """The model calls a function."""

    name: str
    """The function."""

    arguments: Mapping[str, JsonValue] | str = "{}"
    """Its arguments, as an object or as the text that goes over the wire (which may be broken)."""


@final
@dataclass(frozen=True, slots=True)
class Fail:
    """The response fails: it ends with the status `failed`."""

    code: str | None = None
    """The code of the error in its `status_details`."""

    type: str = "server_error"
    """The type of that error."""


@final
@dataclass(frozen=True, slots=True)
class Refuse:
    """The `response.create` is refused: an `error` event, and no response.

    Where a response has been created already (by an asynchronous responder, or by voice
    detection) it fails with the code instead.
    """

    code: str
    """The code of the error."""

    message: str = "The request was refused."
    """Its message."""

    type: str = "invalid_request_error"
    """Its type."""


@final
@dataclass(frozen=True, slots=True)
class Silence:
    """The model has nothing to say: the response completes without output."""


Action: TypeAlias = Say | CallTool | Fail | Refuse | Silence
"""One thing a responder can answer with."""

_CALL: Final = re.compile(r"\bcall\s+([A-Za-z0-9_-]+)", re.IGNORECASE)


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
    speech it says how long it was; after function outputs it says what each returned.
    """
    outputs = _new_outputs(context)
    if outputs:
        return (Say(" ".join(outputs)),)
    forced = _forced(tools, tool_choice)
    said = next((entry for entry in reversed(context) if entry.role == "user"), None)
    text = "" if said is None else said.written
    calls = [] if tool_choice == "none" else _calls(text, tools)
    if calls or forced is not None:
        return tuple(calls) or (_call(forced or {}, ""),)
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


def _forced(tools: Sequence[Object], tool_choice: JsonValue) -> Object | None:
    """The tool that `tool_choice` leaves no choice about."""
    functions = [tool for tool in tools if tool.get("type") == "function"]
    if tool_choice == "required":
        return functions[0] if functions else None
    wanted = at(tool_choice, "name")
    return next((tool for tool in functions if tool.get("name") == wanted), None)


def _calls(text: str, tools: Sequence[Object]) -> list[CallTool]:
    by_name = {text_of(tool.get("name")): tool for tool in tools if tool.get("type") == "function"}
    return [
        _call(by_name[match[1]], text[match.end() :])
        for match in _CALL.finditer(text)
        if match[1] in by_name
    ]


def _call(tool: Object, following: str) -> CallTool:
    """Call `tool` with the JSON object that follows its name, or with values made for it."""
    following = following.lstrip()
    if following.startswith("{"):
        try:
            _, end = json.JSONDecoder().raw_decode(following)
        except ValueError:
            pass  # not JSON after all: the text goes on in some other way
        else:
            return CallTool(text_of(tool.get("name")), following[:end])
    made = object_of(sample_from_schema(tool.get("parameters")))
    return CallTool(text_of(tool.get("name")), made)

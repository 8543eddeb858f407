"""The shapes of the beta dialect: flat sessions and responses, and how they are nested in GA.

What a setting may be is mostly GA's law: its checks are made on the nested shape. This module does
not know events, nor which settings are in effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from pydantic import JsonValue

from trio_realtime._core.simulator._checks import Check, array, choice
from trio_realtime._core.simulator._errors import (
    RefusedError,
    invalid_value,
    unknown_parameter,
)
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._voice import PCM

Places: TypeAlias = dict[str, tuple[str, ...]]
"""By its flat name, where a setting is in GA."""

FORMATS: Final = {"pcm16": PCM, "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
"""The names of the audio formats, and what GA calls them."""

_FLAT_FORMATS: Final = {ga: flat for flat, ga in FORMATS.items()}

HEARING: Final[Places] = {
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "include": ("include",),
}
"""What sessions of both kinds have."""

_ANSWERING: Final[Places] = {
    "modalities": ("output_modalities",),
    "instructions": ("instructions",),
    "voice": ("audio", "output", "voice"),
    "output_audio_format": ("audio", "output", "format"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "prompt": ("prompt",),
}

SESSION: Final[Places] = {
    **HEARING,
    **_ANSWERING,
    "model": ("model",),
    "max_response_output_tokens": ("max_output_tokens",),
    "speed": ("audio", "output", "speed"),
    "tracing": ("tracing",),
    "truncation": ("truncation",),
}
"""What a session that answers has."""

RESPONSE: Final[Places] = {
    **_ANSWERING,
    "max_output_tokens": ("max_output_tokens",),
    "max_response_output_tokens": ("max_output_tokens",),
    "conversation": ("conversation",),
    "metadata": ("metadata",),
    "input": ("input",),
}
"""What a `response.create` may set."""

_KINDS: Final = {"output_text": "text", "output_audio": "audio"}
"""What GA calls the parts of what a model says, and what they are called here."""

_WITH_STATUS: Final = ("message", "function_call", "function_call_output")


def _flat_names() -> dict[str, str]:
    names = {
        f"{root}.{'.'.join(place)}": f"{root}.{name}"
        for root, places in (("session", SESSION), ("response", RESPONSE))
        for name, place in reversed(places.items())  # of two names for one place the first
    }
    return {**names, **{f"'{ga}'": f"'{flat}'" for ga, flat in _KINDS.items()}}


_NAMES: Final = _flat_names()
_NAMED: Final = re.compile("|".join(map(re.escape, sorted(_NAMES, key=len, reverse=True))))


def flat_text(text: str) -> str:
    """The text of an error, with the names of this dialect for those of GA."""
    return _NAMED.sub(lambda found: _NAMES[found[0]], text)


def nested(flat: Object, places: Places, own: Mapping[str, Check], where: str) -> Object:
    """Settings as GA has them, but for those that it does not have.

    Args:
        flat: What the client sent.
        places: The settings that GA has too.
        own: How to check those that it does not have.
        where: How errors call the whole.

    Raises:
        RefusedError: if one is unknown, or none of what this dialect takes.
    """
    config: Object = {}
    for name, value in flat.items():
        path = f"{where}.{name}"
        if name in own:
            if value is not None:
                own[name](value, path)
        elif name in places:
            _put(config, places[name], _ga_value(name, value, path))
        else:
            raise unknown_parameter(path)
    return config


def _put(config: Object, place: tuple[str, ...], value: JsonValue) -> None:
    *outer, last = place
    for name in outer:
        config = object_of(config.setdefault(name, {}))
    config[last] = value


def _ga_value(name: str, value: JsonValue, where: str) -> JsonValue:
    if value is None:
        return None
    if name == "modalities":
        return ["audio"] if "audio" in modalities_of(value, where) else ["text"]
    if name in ("input_audio_format", "output_audio_format"):
        choice(*FORMATS)(value, where)
        return {"type": FORMATS[text_of(value)]}
    if name == "input" and isinstance(value, list):
        return [
            ga_item(each, f"{where}[{number}]") if isinstance(each, dict) else each
            for number, each in enumerate(value)
        ]
    return value


def modalities_of(value: JsonValue, where: str) -> list[JsonValue]:
    """The modalities that were asked for, audio first, as they are shown.

    Raises:
        RefusedError: if they are not.
    """
    array(choice("text", "audio"), fewest=1)(value, where)
    assert isinstance(value, list)
    return [name for name in ("audio", "text") if name in value]


def check_modalities(value: JsonValue, where: str) -> None:
    """Check that what is asked for is a combination that OpenAI's beta has."""
    if modalities_of(value, where) not in (["text"], ["audio", "text"]):
        raise RefusedError(
            "invalid_value",
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and "
            "['audio', 'text'].",
            param=where,
        )


def ga_item(item: Object, where: str, *, strict: bool = True) -> Object:
    """A client's item, as GA takes it: what the assistant wrote is a `text` here.

    Args:
        item: The item.
        where: How errors call it.
        strict: Whether GA's name of it is refused.

    Raises:
        RefusedError: if it is called what GA calls it.
    """
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, list):
        return item
    parts: list[JsonValue] = []
    for number, part in enumerate(content):
        kind = at(part, "type")
        if strict and kind == "output_text":
            raise invalid_value(f"{where}.content[{number}].type", kind, ("text",))
        parts.append({**object_of(part), "type": "output_text"} if kind == "text" else part)
    return {**item, "content": parts}


def flat_item(item: Object) -> Object:
    """An item as it is shown here."""
    shown: Object = {"id": item["id"], "object": "realtime.item", "type": item["type"]}
    if item["type"] in _WITH_STATUS:
        shown["status"] = "completed"
    shown |= {name: each for name, each in item.items() if name != "phase"}
    if "content" in item:
        shown["content"] = [flat_part(part) for part in objects_of(item["content"])]
    return shown


def flat_part(part: Object) -> Object:
    """A part of an item as it is shown here."""
    shown: Object = {name: each for name, each in part.items() if name != "format"}
    kind = text_of(part["type"])
    shown["type"] = _KINDS.get(kind, kind)
    return shown


def flat_session(session: Object, places: Places) -> Object:
    """What of a session both dialects have."""
    flat: Object = {name: session[name] for name in ("id", "object", "expires_at")}
    return flat | {name: _flat_value(name, at(session, *place)) for name, place in places.items()}


def _flat_value(name: str, value: JsonValue) -> JsonValue:
    if name in ("input_audio_format", "output_audio_format"):
        return flat_format(value)
    return value


def flat_format(value: JsonValue) -> str:
    """What an audio format is called here."""
    return _FLAT_FORMATS[text_of(at(value, "type"))]

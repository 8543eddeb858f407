"""The effective session: what it starts with, and how an update changes it.

This module does not know who asked for the update; a refusal leaves the session as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._errors import (
    RefusedError,
    invalid_type,
    invalid_value,
    missing_parameter,
    unknown_parameter,
)
from trio_realtime._core.simulator._json import Object, at, kind_of, object_of, objects_of, text_of
from trio_realtime._core.simulator._vad import Detection
from trio_realtime._core.simulator._voice import FORMATS, PCM

_SERVER_VAD: Final[Object] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Final[Object] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_DETECTION: Final = {"server_vad": _SERVER_VAD, "semantic_vad": _SEMANTIC_VAD}

# What semantic detection waits for, in place of a silence; our choice. Only the longest waits of
# the real one are known: 8, 4 and 2 s.
_EAGERNESS_MS: Final = {"low": 1200, "medium": 600, "auto": 600, "high": 300}

_MODALITIES: Final[tuple[JsonValue, ...]] = (["text"], ["audio"])
"""Audio always comes with its transcript, so there is no third choice."""

# Keys a client may set: True for a value taken whole, a mapping for an object merged key by key.
_Keys = Mapping[str, "bool | _Keys"]
_INPUT: Final[_Keys] = {
    "format": True,
    "transcription": dict.fromkeys(
        ("model", "language", "languages", "keywords", "prompt", "delay"), True
    ),
    "noise_reduction": True,
    "turn_detection": dict.fromkeys({**_SERVER_VAD, **_SEMANTIC_VAD}, True),
}
_KEYS: Final[Mapping[str, _Keys]] = {
    "realtime": {
        "type": True,
        "model": True,
        "output_modalities": True,
        "instructions": True,
        "audio": {"input": _INPUT, "output": {"format": True, "voice": True, "speed": True}},
        "include": True,
        "tracing": True,
        "tools": True,
        "tool_choice": True,
        "parallel_tool_calls": True,
        "reasoning": True,
        "max_output_tokens": True,
        "truncation": True,
        "prompt": True,
    },
    "transcription": {"type": True, "audio": {"input": _INPUT}, "include": True},
}
RESPONSE_KEYS: Final = frozenset(
    {
        "output_modalities",
        "instructions",
        "audio",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "max_output_tokens",
        "conversation",
        "metadata",
        "prompt",
        "input",
    }
)
"""What the `response` of a `response.create` may hold."""


def initial_session(kind: str, *, id: str, model: str, expires_at: int) -> Object:  # noqa: A002
    """A new session of the kind `realtime` or `transcription`, complete, nulls included."""
    audio_input: Object = {
        "format": {"type": PCM, "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(_SERVER_VAD),
    }
    if kind == "transcription":
        return {
            "type": kind,
            "object": "realtime.transcription_session",
            "id": id,
            "expires_at": expires_at,
            "audio": {"input": audio_input},
            "include": None,
        }
    return {
        "type": kind,
        "object": "realtime.session",
        "id": id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a simulated model. You repeat what you are told.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": audio_input,
            "output": {"format": {"type": PCM, "rate": 24000}, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def updated_session(session: Object, update: Object, *, voice_is_locked: bool) -> Object:
    """The session after an update: objects merged, all else replaced, nulls meant.

    Raises:
        RefusedError: if the update does not fit; nothing of it is applied then.
    """
    kind = text_of(session["type"])
    if "type" not in update:
        raise missing_parameter("session.type")
    if update["type"] != kind:
        raise invalid_value("session.type", update["type"], [kind])
    _check_keys(update, _KEYS[kind], "session")
    merged = copy.deepcopy(session)
    _merge(merged, update, _KEYS[kind])
    merged_input = object_of(at(merged, "audio", "input"))
    merged_input["turn_detection"] = _turn_detection(session, update, merged_input)
    _complete(merged_input, "transcription", ("model", "language", "prompt"))
    _check_values(merged)
    if merged.get("model") != session.get("model"):
        raise invalid_value("session.model", merged.get("model"), [text_of(session.get("model"))])
    voice = ("audio", "output", "voice")
    if voice_is_locked and at(merged, *voice) != at(session, *voice):
        raise RefusedError(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
        )
    return merged


def _check_keys(value: Object, keys: _Keys, where: str) -> None:
    for name, each in value.items():
        inner = keys.get(name)
        if inner is None:
            raise unknown_parameter(f"{where}.{name}")
        if isinstance(inner, Mapping) and each is not None:
            if not isinstance(each, dict):
                raise invalid_type(f"{where}.{name}", "an object", kind_of(each))
            _check_keys(each, inner, f"{where}.{name}")


def _merge(into: Object, update: Object, keys: _Keys) -> None:
    for name, each in update.items():
        inner, old = keys[name], into.get(name)
        if isinstance(inner, Mapping) and isinstance(each, dict) and isinstance(old, dict):
            _merge(old, each, inner)
        else:
            into[name] = copy.deepcopy(each)


def _turn_detection(session: Object, update: Object, merged_input: Object) -> JsonValue:
    """Turn detection complete with its defaults, which depend on its type."""
    path = ("audio", "input", "turn_detection")
    merged, asked = merged_input.get("turn_detection"), at(update, *path)
    if not isinstance(merged, dict):
        return None
    kind = merged.setdefault("type", "server_vad")
    defaults = _DETECTION.get(text_of(kind))
    if defaults is None:
        raise invalid_value(".".join(("session", *path, "type")), kind, _DETECTION)
    kept = merged if at(session, *path, "type") == kind else object_of(asked)
    return {**defaults, **{name: each for name, each in kept.items() if name in defaults}}


def _complete(holder: Object, name: str, members: tuple[str, ...]) -> None:
    """Give an object its unset members back as nulls."""
    value = holder.get(name)
    if isinstance(value, dict):
        holder[name] = {**dict.fromkeys(members), **value}


def _check_values(session: Object) -> None:
    if session.get("output_modalities", ["audio"]) not in _MODALITIES:
        raise invalid_value(
            "session.output_modalities", session.get("output_modalities"), ("text", "audio")
        )
    for direction in ("input", "output"):
        where = object_of(at(session, "audio", direction))
        where["format"] = checked_format(where.get("format"), f"session.audio.{direction}.format")
    check_tools(session.get("tools"), "session.tools")


def checked_format(value: JsonValue, where: str) -> JsonValue:
    """An audio format, complete.

    Raises:
        RefusedError: if the server does not speak it.
    """
    kind = PCM if value is None else at(value, "type") if isinstance(value, dict) else value
    if kind not in FORMATS:
        raise invalid_value(f"{where}.type", kind, FORMATS)
    return {"type": kind, "rate": 24000} if kind == PCM else {"type": kind}


def check_tools(tools: JsonValue, where: str) -> None:
    """Check the parameters of function tools.

    Raises:
        RefusedError: if one is not the schema of an object.
    """
    for number, tool in enumerate(objects_of(tools)):
        if tool.get("type") != "function":
            continue
        if not text_of(tool.get("name")):
            raise missing_parameter(f"{where}[{number}].name")
        if tool.get("parameters") is not None and at(tool, "parameters", "type") != "object":
            got = at(tool, "parameters", "type")
            raise RefusedError(
                "invalid_function_parameters",
                f"Invalid schema for function '{tool['name']}': schema must be a JSON Schema of "
                f"'type: \"object\"', got 'type: \"{got}\"'.",
                param=f"{where}[{number}].parameters",
            )


def detection_of(session: Object) -> Detection | None:
    """How the session's turn detection hears, or None where it is off."""
    vad = at(session, "audio", "input", "turn_detection")
    if not isinstance(vad, dict):
        return None
    silence_ms = vad.get("silence_duration_ms")
    if vad["type"] == "semantic_vad":
        silence_ms = _EAGERNESS_MS.get(text_of(vad.get("eagerness")), _EAGERNESS_MS["auto"])
    return Detection(
        threshold=_number(vad.get("threshold"), 0.5),
        prefix_padding_ms=int(_number(vad.get("prefix_padding_ms"), 300)),
        silence_duration_ms=int(_number(silence_ms, 200)),
    )


def _number(value: JsonValue, default: float) -> float:
    return value if isinstance(value, (int, float)) else default

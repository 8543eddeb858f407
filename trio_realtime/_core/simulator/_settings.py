"""What the settings of a session and of a response may be: types, ranges, names.

The ranges are the specification's. That custom ids (of models that transcribe, of prompts, of
voices) are all taken is our choice. This module does not know what the settings were before, nor
what they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._checks import (
    Check,
    array,
    by_type,
    choice,
    each_of,
    flag,
    free,
    integer,
    members,
    number,
    or_choice,
    text,
)
from trio_realtime._core.simulator._errors import (
    RefusedError,
    invalid_value,
    string_too_long,
)
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._voice import FORMATS, PCM

VOICES: Final = (
    *("alloy", "ash", "ballad", "coral", "echo"),
    *("sage", "shimmer", "verse", "marin", "cedar"),
)

_CUSTOM: Final = "voice_"
"""How the ids of custom voices begin."""

INCLUDE_LOGPROBS: Final = "item.input_audio_transcription.logprobs"

_METADATA_MAX: Final = 16
_METADATA_KEY_MAX: Final = 64
_METADATA_VALUE_MAX: Final = 512

# No limit is known; a minute is longer than anybody pauses.
_VAD_MS_MAX: Final = 60_000


def checked_format(value: JsonValue, where: str) -> JsonValue:
    """An audio format, complete. A rate that G.711 was given is dropped: our choice.

    Raises:
        RefusedError: if the server does not speak it.
    """
    given = value if isinstance(value, dict) else {"type": PCM if value is None else value}
    kind = given.get("type", PCM)
    if kind not in FORMATS:
        raise invalid_value(f"{where}.type", kind, FORMATS)
    if kind != PCM:
        return {"type": kind}
    if given.get("rate", 24000) not in (24000, None):
        raise invalid_value(f"{where}.rate", given["rate"], ("24000",))
    return {"type": kind, "rate": 24000}


def _format(value: JsonValue, where: str) -> None:
    checked_format(value, where)


def _modalities(value: JsonValue, where: str) -> None:
    # Audio always comes with its transcript, so there is no third choice.
    if value not in (["text"], ["audio"]):
        raise invalid_value(where, value, ("text", "audio"))


def _max_output_tokens(value: JsonValue, where: str) -> None:
    if value != "inf":
        integer(1, 4096)(value, where)


def _parameters(tool: JsonValue, where: str) -> None:
    parameters = object_of(tool).get("parameters")
    if isinstance(parameters, dict) and parameters.get("type") != "object":
        raise RefusedError(
            "invalid_function_parameters",
            f"Invalid schema for function '{at(tool, 'name')}': schema must be a JSON Schema "
            f"of 'type: \"object\"', got 'type: \"{parameters.get('type')}\"'.",
            param=f"{where}.parameters",
        )


def _function(value: JsonValue, where: str) -> None:
    shape = {"type": text, "name": text, "description": text, "parameters": free}
    members(shape, required=("name",))(value, where)
    _parameters(value, where)


def _text_or_content(value: JsonValue, where: str) -> None:
    if isinstance(value, dict):
        by_type(_CONTENTS)(value, where)
    else:
        text(value, where)


# What a prompt's variable may be, beside a text.
_CONTENTS: Final[Mapping[str, Check]] = {
    "input_text": members({"type": text, "text": text}, required=("text",)),
    "input_image": members(
        {
            **dict.fromkeys(("type", "image_url", "file_id"), text),
            "detail": choice("auto", "low", "high"),
        },
        required=("detail",),
    ),
    "input_file": members(
        dict.fromkeys(("type", "file_id", "filename", "file_url", "file_data"), text)
    ),
}

_TOOL_FILTER: Final = members({"tool_names": array(text), "read_only": flag})


def _allowed_tools(value: JsonValue, where: str) -> None:
    (array(text) if isinstance(value, list) else _TOOL_FILTER)(value, where)


_MCP: Final = members(
    {
        **dict.fromkeys(("type", "server_label", "server_url", "connector_id", "tunnel_id"), text),
        **dict.fromkeys(("authorization", "server_description"), text),
        "headers": each_of(text),
        "allowed_tools": _allowed_tools,
        "allowed_callers": array(choice("direct", "programmatic"), fewest=1),
        "require_approval": or_choice(
            ("always", "never"), members({"always": _TOOL_FILTER, "never": _TOOL_FILTER})
        ),
        "defer_loading": flag,
    },
    required=("server_label",),
)
_TOOL: Final = by_type({"function": _function, "mcp": _MCP})
_TOOL_CHOICE: Final = or_choice(
    ("none", "auto", "required"),
    by_type(
        {
            "function": members({"type": text, "name": text}, required=("name",)),
            "mcp": members(
                {"type": text, "server_label": text, "name": text}, required=("server_label",)
            ),
        }
    ),
)
_custom_voice: Final = members({"id": text}, required=("id",))


def _voice(value: JsonValue, where: str) -> None:
    if isinstance(value, dict):
        _custom_voice(value, where)
    elif not text_of(value).startswith(_CUSTOM):
        choice(*VOICES)(value, where)


def voice_of(value: JsonValue) -> JsonValue:
    """A voice as the server shows it: a custom one by its id alone, as specified."""
    return value["id"] if isinstance(value, dict) else value


_TRACING: Final = or_choice(
    ("auto",), members({"workflow_name": text, "group_id": text, "metadata": free})
)
_TRUNCATION: Final = or_choice(
    ("auto", "disabled"),
    members(
        {
            "type": choice("retention_ratio"),
            "retention_ratio": number(0, 1),
            "token_limits": members({"post_instructions": integer(0)}),
        },
        required=("type", "retention_ratio"),
    ),
)
_SPOKEN: Final[Mapping[str, Check]] = {"format": _format, "voice": _voice}
_ANSWERS: Final[Mapping[str, Check]] = {
    "output_modalities": _modalities,
    "instructions": text,
    "tools": array(_TOOL),
    "tool_choice": _TOOL_CHOICE,
    "parallel_tool_calls": flag,
    "reasoning": members({"effort": choice("minimal", "low", "medium", "high", "xhigh")}),
    "max_output_tokens": _max_output_tokens,
    "prompt": members(
        {"id": text, "version": text, "variables": each_of(_text_or_content)}, required=("id",)
    ),
}
_INPUT: Final = members(
    {
        "format": _format,
        "transcription": members(
            {
                "model": text,
                "language": text,
                "languages": array(text, fewest=1),
                "keywords": array(text),
                "prompt": text,
                "delay": choice("minimal", "low", "medium", "high", "xhigh"),
            }
        ),
        "noise_reduction": members({"type": choice("near_field", "far_field")}),
        "turn_detection": members(
            {
                "type": choice("server_vad", "semantic_vad"),
                "threshold": number(0, 1),
                "prefix_padding_ms": integer(0, _VAD_MS_MAX),
                "silence_duration_ms": integer(0, _VAD_MS_MAX),
                "idle_timeout_ms": integer(5000, 30_000),
                "eagerness": choice("low", "medium", "high", "auto"),
                "create_response": flag,
                "interrupt_response": flag,
            }
        ),
    }
)
_INCLUDE: Final = array(choice(INCLUDE_LOGPROBS))

SESSION_CHECKS: Final[Mapping[str, Check]] = {
    "realtime": members(
        {
            **_ANSWERS,
            "type": text,
            "model": text,
            "audio": members(
                {"input": _INPUT, "output": members({**_SPOKEN, "speed": number(0.25, 1.5)})}
            ),
            "include": _INCLUDE,
            "tracing": _TRACING,
            "truncation": _TRUNCATION,
        }
    ),
    "transcription": members(
        {"type": text, "audio": members({"input": _INPUT}), "include": _INCLUDE}
    ),
}
"""What a `session.update` may hold, by the type of the session."""


def _metadata(value: JsonValue, where: str) -> None:
    free(value, where)
    given = object_of(value)
    if len(given) > _METADATA_MAX:
        raise RefusedError(
            "object_above_max_properties",
            f"Invalid '{where}': too many properties. Expected an object with at most "
            f"{_METADATA_MAX} properties, but got an object with {len(given)} properties instead.",
            param=where,
        )
    for name, each in given.items():
        if len(name) > _METADATA_KEY_MAX:
            raise string_too_long(where, len(name), _METADATA_KEY_MAX)
        text(each, f"{where}.{name}")
        if len(text_of(each)) > _METADATA_VALUE_MAX:
            raise string_too_long(f"{where}.{name}", len(text_of(each)), _METADATA_VALUE_MAX)


_RESPONSE: Final = members(
    {
        **_ANSWERS,
        "audio": members({"output": members(_SPOKEN)}),
        "conversation": choice("auto", "none"),
        "metadata": _metadata,
        "input": array(free),
    }
)


def check_response(create: Object) -> None:
    """Check the parameters of a `response.create`.

    Raises:
        RefusedError: if they do not fit.
    """
    _RESPONSE(create, "response")

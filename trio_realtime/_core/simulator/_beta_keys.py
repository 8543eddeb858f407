"""The beta's way to ephemeral keys: a session is asked for, in its flat shape, and brings a key.

What is asked is what a session of today's shape would be asked, under other names; so the same
limits hold, and refusals name the parameters of today. That, and the lives of keys, are our choice
where the specification says nothing. This module does not know the beta's events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._checks import array, choice, integer, members, number
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._secrets import (
    SECONDS_MAX,
    SECONDS_MIN,
    Secrets,
    body_from_json,
)

BETA_SECONDS: Final = 60
"""How long a key of the beta is good for, if it is not said."""

_FORMATS: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FLAT_FORMATS: Final = {name: flat for flat, name in _FORMATS.items()}

_TEMPERATURE: Final = 0.8

_AUDIO_INPUT: Final = {
    "input_audio_format": "format",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
_AUDIO_OUTPUT: Final = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
_ALIKE: Final = ("model", "instructions", "tools", "tool_choice", "tracing")

_TRANSCRIPTION: Final = (*_AUDIO_INPUT, "include", "modalities", "client_secret")
_REALTIME: Final = (
    *_ALIKE,
    *_TRANSCRIPTION,
    *_AUDIO_OUTPUT,
    "temperature",
    "max_response_output_tokens",
)

_LIFE: Final = members(
    {"anchor": choice("created_at"), "seconds": integer(SECONDS_MIN, SECONDS_MAX)}
)
_CHECKS: Final = {
    "modalities": array(choice("text", "audio"), fewest=1),
    "temperature": number(0.6, 1.2),
    "input_audio_format": choice(*_FORMATS),
    "output_audio_format": choice(*_FORMATS),
    # In spite of its name, what a transcription says of its key is a life too.
    "client_secret": members({"expires_after": _LIFE, "expires_at": _LIFE}),
}


def create_beta_session(
    secrets: Secrets,
    asked: JsonValue,
    *,
    kind: str,
    id: str,  # noqa: A002 - the wire's name
    now: float,
    unix_time: float,
) -> Object:
    """Make a key as the body of a request asks, and return the body of the answer.

    Args:
        secrets: What keeps the key.
        asked: The body.
        kind: The type of session: `realtime` or `transcription`.
        id: The id that the session is told to have.
        now: The time that sessions go by.
        unix_time: The time of the calendar.

    Raises:
        RefusedError: if the request does not fit; nothing is made then.
    """
    config = body_from_json(asked, _REALTIME if kind == "realtime" else _TRANSCRIPTION)
    for name, value in config.items():
        if value is not None and name in _CHECKS:
            _CHECKS[name](value, name)
    named = "expires_after" if kind == "realtime" else "expires_at"
    seconds = at(config, "client_secret", named, "seconds")
    life = seconds if isinstance(seconds, int) else BETA_SECONDS
    secret = secrets.add(_update_from_beta(config, kind), due=now + life)
    flat = _flat_from_session(secret.session(id, 0))
    flat["modalities"] = config.get("modalities") or ["audio", "text"]
    flat["client_secret"] = {"value": secret.value, "expires_at": int(unix_time) + life}
    if kind == "realtime":
        flat["temperature"] = config.get("temperature") or _TEMPERATURE
    return flat


def _update_from_beta(config: Object, kind: str) -> Object:
    """What is asked for, as an update of a session of today's shape."""

    def audio(names: Mapping[str, str]) -> Object:
        found = {short: config[name] for name, short in names.items() if name in config}
        if "format" in found:
            found["format"] = {"type": _FORMATS.get(text_of(found["format"]), "audio/pcm")}
        return found

    update: Object = {"type": kind, "audio": {"input": audio(_AUDIO_INPUT)}}
    if "include" in config:
        update["include"] = config["include"]
    if kind == "transcription":
        return update
    update["audio"] = {"input": audio(_AUDIO_INPUT), "output": audio(_AUDIO_OUTPUT)}
    update |= {name: config[name] for name in _ALIKE if name in config}
    if "max_response_output_tokens" in config:
        update["max_output_tokens"] = config["max_response_output_tokens"]
    if modalities := config.get("modalities"):
        speaks = isinstance(modalities, list) and "audio" in modalities
        update["output_modalities"] = ["audio"] if speaks else ["text"]
    return update


def _flat_from_session(session: Object) -> Object:
    """A session of today's shape, complete, in the shape of the beta."""
    flat: Object = {"id": session["id"], "object": session["object"], "expires_at": 0}
    for direction, names in (("input", _AUDIO_INPUT), ("output", _AUDIO_OUTPUT)):
        part = object_of(at(session, "audio", direction))
        flat |= {name: part[short] for name, short in names.items() if short in part}
    for name in ("input_audio_format", "output_audio_format"):
        if name in flat:
            flat[name] = _FLAT_FORMATS[text_of(at(flat[name], "type"))]
    flat |= {name: session[name] for name in (*_ALIKE, "include") if name in session}
    if "max_output_tokens" in session:
        flat["max_response_output_tokens"] = session["max_output_tokens"]
    return flat

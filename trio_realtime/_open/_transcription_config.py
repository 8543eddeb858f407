"""The configuration of a transcription session, from what a program gave.

It does not know which models exist, nor what they take.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import JsonValue

from trio_realtime._resources import UNSET, Unset
from trio_realtime.types import TranscriptionSessionConfig, TurnDetection
from trio_realtime.types._base import WireModel


def config_from_arguments(
    session: TranscriptionSessionConfig | Mapping[str, JsonValue] | None,
    *,
    model: str | None,
    language: str | None,
    prompt: str | None,
    turn_detection: TurnDetection | Mapping[str, JsonValue] | Unset | None,
) -> dict[str, JsonValue]:
    """Put the arguments into the configuration; what was given is left as it is.

    Raises:
        TypeError: for a `session` that is neither a model nor a mapping.
        ValueError: if no model is named, if the session is of another type, or if an argument says
            what `session` says already.
    """
    if session is None and model is None:
        raise ValueError(
            'no model: give model=, such as "gpt-4o-transcribe", or session={} if an ephemeral '
            "key has configured the session"
        )
    config = {"type": "transcription", **_object_from(session or {}, "session")}
    if config["type"] != "transcription":
        raise ValueError(
            f'session is of type {config["type"]!r}, not "transcription": a conversation is opened '
            "with open_realtime()"
        )
    given: dict[str, JsonValue] = {"model": model, "language": language, "prompt": prompt}
    given = {name: value for name, value in given.items() if value is not None}
    if given or turn_detection is not UNSET:
        audio = _inner(config, "audio", "session")
        audio_input = _inner(audio, "input", "session.audio")
        if given:
            path = "session.audio.input"
            _put(_inner(audio_input, "transcription", path), given, f"{path}.transcription")
        if not isinstance(turn_detection, Unset):
            detection = None
            if turn_detection is not None:
                detection = _object_from(turn_detection, "turn_detection")
            _put(audio_input, {"turn_detection": detection}, "session.audio.input")
    return config


def _object_from(value: object, name: str) -> dict[str, JsonValue]:
    """A JSON object, of its own, from a model or a mapping."""
    if isinstance(value, WireModel):
        loaded: dict[str, JsonValue] = json.loads(value.model_dump_json(exclude_unset=True))
        return loaded
    if isinstance(value, Mapping):
        return {**value}
    raise TypeError(f"{name} must be a model or a mapping, not {type(value).__name__}")


def _inner(outer: dict[str, JsonValue], name: str, path: str) -> dict[str, JsonValue]:
    """The object at a name, made if there is none: a copy, put in its place."""
    inner = _object_from(outer.get(name) or {}, f"{path}.{name}")
    outer[name] = inner
    return inner


def _put(into: dict[str, JsonValue], given: Mapping[str, JsonValue], path: str) -> None:
    for name, value in given.items():
        if name in into and into[name] != value:
            raise ValueError(f"{name} is given twice: as an argument, and as {path}.{name}")
        into[name] = value

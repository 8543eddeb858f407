"""The effective session: what it starts with, and how an update changes it.

This module does not know who asked for the update; a refusal leaves the session as it was.
"""

from __future__ import annotations

import copy
import re
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._errors import (
    RefusedError,
    invalid_value,
    missing_parameter,
    speed_locked,
    tracing_locked,
    unknown_parameter,
    voice_locked,
)
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._settings import SESSION_CHECKS, checked_format, voice_of
from trio_realtime._core.simulator._vad import Detection
from trio_realtime._core.simulator._voice import PCM

_SILENCE_MS: Final = 500
_VOICE: Final = "marin"
# Sessions of the older models begin with shorter pauses and another voice, as recorded.
_OLDER: Final = re.compile(r"gpt-realtime(-mini|-1\.5|-\d{4}-.*)?$|gpt-4o|$")
_SILENCE_MS_OLDER: Final = 200
_VOICE_OLDER: Final = "alloy"

# Sideband clients name no model; the recorded calls had this one.
_MODEL: Final = "gpt-realtime"

_SERVER_VAD: Final[Object] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": _SILENCE_MS,
    "idle_timeout_ms": None,
}
_SEMANTIC_VAD: Final[Object] = {"type": "semantic_vad", "eagerness": "auto"}

# Not shown of a transcription session, as recorded; that it takes and ignores them is our choice.
_ANSWERING: Final[Object] = {"create_response": True, "interrupt_response": True}

# How long semantic detection waits at most, as specified; `auto` is `medium`. The real one is a
# model that mostly knows earlier. Energy cannot tell, so ours waits as long as it may.
_EAGERNESS_MS: Final = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}

_TURN_DETECTION: Final = ("audio", "input", "turn_detection")

# Objects that an update merges into; all else it replaces.
_MERGED: Final = {
    ("audio",),
    ("audio", "input"),
    ("audio", "output"),
    ("audio", "input", "transcription"),
    _TURN_DETECTION,
}

# What is shown of the transcription: what is set, and these as nulls. `delay` and `keywords` are
# not shown, as measured; that `keywords` are like `delay` is the specification's.
_SHOWN: Final = ("model", "language", "prompt")
_HIDDEN: Final = ("delay", "keywords")

_STREAMING_WITHOUT_VAD: Final = "gpt-realtime-whisper"
_LANGUAGES: Final = ("gpt-transcribe", "gpt-live-transcribe")
_DELAYED: Final = ("gpt-realtime-whisper", "gpt-live-transcribe")


def initial_session(kind: str, *, id: str, model: str, expires_at: int) -> Object:  # noqa: A002
    """A new session of the kind `realtime` or `transcription`, complete, nulls included."""
    model = model or _MODEL
    voice = _VOICE_OLDER if _OLDER.match(model) else _VOICE
    audio_input: Object = {
        "format": {"type": PCM, "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": detection_defaults("server_vad", kind, model),
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
            "output": {
                "format": {"type": PCM, "rate": 24000},
                "voice": voice,
                "speed": 1.0,
            },
        },
        "include": None,
    }


def detection_defaults(detection: str, kind: str, model: str) -> Object:
    """Turn detection of one type as it is where nothing is said about it, in a kind of session."""
    answering = _ANSWERING if kind == "realtime" else {}
    if detection == "semantic_vad":
        return {**_SEMANTIC_VAD, **answering}
    silence_ms = _SILENCE_MS_OLDER if _OLDER.match(model) else _SILENCE_MS
    return {**_SERVER_VAD, "silence_duration_ms": silence_ms, **answering}


def updated_session(
    session: Object, update: Object, *, voice_is_locked: bool, answering: bool = False
) -> Object:
    """The session after an update: objects merged, all else replaced.

    Null switches turn detection, transcription and the like off, and gives a setting that is never
    null its default back: the latter is our choice. So do empty instructions, as recorded.

    Args:
        session: The session before; it is left as it is.
        update: What the client sent.
        voice_is_locked: Whether the model has spoken.
        answering: Whether a response is in progress: the speed cannot be changed then.

    Raises:
        RefusedError: if the update does not fit; nothing of it is applied then.
    """
    kind = text_of(session["type"])
    if update.get("type") is None:
        raise missing_parameter("session.type")
    if update["type"] != kind:
        raise invalid_value("session.type", update["type"], [kind])
    SESSION_CHECKS[kind](update, "session")
    merged = copy.deepcopy(session)
    _merge(merged, update, _fresh(session))
    merged_input = object_of(at(merged, "audio", "input"))
    _complete_transcription(kind, update, merged_input)
    merged_input["turn_detection"] = _turn_detection(session, update, merged_input)
    for direction in ("input", "output"):
        where = object_of(at(merged, "audio", direction))
        where["format"] = checked_format(where.get("format"), f"session.audio.{direction}.format")
    if spoken := object_of(at(merged, "audio", "output")):
        spoken["voice"] = voice_of(spoken["voice"])
    if isinstance(tools := merged.get("tools"), list):
        merged["tools"] = [_tool(tool) for tool in objects_of(tools)]
    _check_locked(session, merged, voice_is_locked=voice_is_locked, answering=answering)
    return merged


def _tool(tool: Object) -> Object:
    """A tool as the server shows it: a function with its unset members as nulls, as recorded."""
    if tool["type"] != "function":
        return tool
    return {**dict.fromkeys(("type", "name", "description", "parameters")), **tool}


def _fresh(session: Object) -> Object:
    """The session as it began."""
    return initial_session(
        text_of(session["type"]),
        id=text_of(session["id"]),
        model=text_of(session.get("model")),
        expires_at=0,
    )


def _merge(into: Object, update: Object, fresh: Object, path: tuple[str, ...] = ()) -> None:
    for name, each in update.items():
        here, old = (*path, name), into.get(name)
        if each is None or (each == "" and here == ("instructions",)):
            into[name] = None if here == _TURN_DETECTION else copy.deepcopy(fresh.get(name))
        elif here in _MERGED and isinstance(old, dict) and isinstance(each, dict):
            _merge(old, each, object_of(fresh.get(name)), here)
        else:
            into[name] = copy.deepcopy(each)


def _complete_transcription(kind: str, update: Object, merged_input: Object) -> None:
    """Give the transcription its unset members as nulls, and check what its model allows."""
    asked = at(update, "audio", "input", "transcription")
    value = merged_input.get("transcription")
    if not isinstance(value, dict):
        return
    where, model = "session.audio.input.transcription", text_of(value.get("model"))
    if model == _STREAMING_WITHOUT_VAD and at(asked, "prompt") is not None:
        raise _unsupported(f"{where}.prompt", model)
    for name, models in (("languages", _LANGUAGES), ("keywords", _LANGUAGES), ("delay", _DELAYED)):
        if at(asked, name) is not None and model not in models:
            raise _unsupported(f"{where}.{name}", model)
    if kind == "transcription" and model == _STREAMING_WITHOUT_VAD:
        if at(update, *_TURN_DETECTION) is not None:
            raise _unsupported(".".join(("session", *_TURN_DETECTION)), model)
        # Null, or left out: it is off either way, though a session begins with it on.
        merged_input["turn_detection"] = None
    languages = ("languages",) if kind == "transcription" or model in _LANGUAGES else ()
    shown = {name: each for name, each in value.items() if name not in _HIDDEN}
    merged_input["transcription"] = {**dict.fromkeys((*_SHOWN, *languages)), **shown}


def _unsupported(param: str, model: str) -> RefusedError:
    # That it is refused is documented; the wording is our choice.
    return RefusedError(
        "invalid_value", f"Invalid '{param}': it is not supported with '{model}'.", param=param
    )


def _turn_detection(session: Object, update: Object, merged_input: Object) -> JsonValue:
    """Turn detection complete with its defaults, which depend on its type."""
    asked = object_of(at(update, *_TURN_DETECTION))
    merged = merged_input.get("turn_detection")
    if not isinstance(merged, dict):
        return None
    detection = text_of(merged.get("type")) or "server_vad"
    defaults = detection_defaults(
        detection, text_of(session["type"]), text_of(session.get("model"))
    )
    for name, each in asked.items():
        if each is not None and name not in (*defaults, *_ANSWERING):
            raise unknown_parameter(".".join(("session", *_TURN_DETECTION, name)))
    kept = merged if at(session, *_TURN_DETECTION, "type") == detection else asked
    settings = {name: kept[name] for name in defaults if kept.get(name) is not None}
    return {**defaults, **settings}


def _check_locked(
    session: Object, merged: Object, *, voice_is_locked: bool, answering: bool
) -> None:
    """Check that nothing is changed that no longer can be."""
    if merged.get("model") != session.get("model"):
        raise invalid_value("session.model", merged.get("model"), [text_of(session.get("model"))])
    voice, speed = ("audio", "output", "voice"), ("audio", "output", "speed")
    if voice_is_locked and at(merged, *voice) != at(session, *voice):
        raise voice_locked()
    if answering and at(merged, *speed) != at(session, *speed):
        raise speed_locked()
    if session.get("tracing") not in (None, merged.get("tracing")):
        raise tracing_locked()


def detection_of(session: Object) -> Detection | None:
    """How the session's turn detection hears, or None where it is off."""
    vad = at(session, "audio", "input", "turn_detection")
    if not isinstance(vad, dict):
        return None
    if vad["type"] == "semantic_vad":
        return Detection(silence_duration_ms=_EAGERNESS_MS[text_of(vad["eagerness"])])
    threshold, padding, silence = (
        vad[name] for name in ("threshold", "prefix_padding_ms", "silence_duration_ms")
    )
    assert isinstance(threshold, (int, float))
    assert isinstance(padding, int)
    assert isinstance(silence, int)
    return Detection(threshold, padding, silence)

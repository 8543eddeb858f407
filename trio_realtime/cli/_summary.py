"""An event in a few words: what a person wants to see of it in a line.

This module never fails: what a client sends may be anything. It shows no credentials: only the
members that are listed here, and what people say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from pydantic import JsonValue

WORDS_MAX: Final = 300
"""Characters that are kept of what is said."""

_PATHS: Final[Sequence[tuple[str, ...]]] = (
    ("error", "code"),
    ("error", "message"),
    ("session", "model"),
    ("session", "output_modalities"),
    ("response", "status"),
    ("response", "status_details", "reason"),
    ("response", "status_details", "error", "code"),
    ("response", "conversation"),
    ("response", "instructions"),
    ("response", "usage", "total_tokens"),
    ("item", "type"),
    ("item", "role"),
    ("item", "name"),
    ("item", "arguments"),
    ("item", "output"),
    ("item", "content"),
    ("part", "type"),
    ("name",),
    ("arguments",),
    ("delta",),
    ("text",),
    ("transcript",),
    ("audio_start_ms",),
    ("audio_end_ms",),
)

_AUDIO: Final = {
    "input_audio_buffer.append": "audio",
    "response.output_audio.delta": "delta",
    "response.audio.delta": "delta",
}
"""Where base64 stands."""


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """What a message is."""

    title: str
    """The type of the event, or what the message is in its place."""

    words: str = ""
    """What it says."""

    audio_bytes: int = 0
    """How much audio it brings."""

    is_piece: bool = False
    """Whether it is one of many pieces of a whole."""

    session_id: str = ""
    """The id of the session that it announces."""


def summary_from_message(data: str | bytes) -> Summary:
    """Sum a message up."""
    if isinstance(data, bytes):
        return Summary("(binary)", f"{len(data):,} bytes")
    try:
        frame: JsonValue = json.loads(data)
    except (ValueError, RecursionError):
        return Summary("(not JSON)", _cut(data))
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        return Summary("(no event)", _cut(data))
    title = str(frame["type"])
    is_piece = title.endswith(".delta") or title in _AUDIO
    audio = frame.get(_AUDIO.get(title, ""))
    if isinstance(audio, str):
        return Summary(title, audio_bytes=len(audio) * 3 // 4, is_piece=is_piece)
    said = (_words(_at(frame, path)) for path in _PATHS)
    # A piece ends where it ends: the next one goes on there.
    joined = _words(frame.get("delta")) if is_piece else " ".join(each for each in said if each)
    session_id = _words(_at(frame, ("session", "id")))
    return Summary(title, _cut(joined), is_piece=is_piece, session_id=session_id)


def _at(frame: JsonValue, path: Sequence[str]) -> JsonValue:
    for name in path:
        frame = frame.get(name) if isinstance(frame, dict) else None
    return frame


def _words(value: JsonValue) -> str:
    if isinstance(value, list):
        return " ".join(filter(None, map(_words, value)))
    if isinstance(value, dict):  # a part of an item's content
        return _words(value.get("text")) or _words(value.get("transcript"))
    return "" if value is None or isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= WORDS_MAX else text[: WORDS_MAX - 3] + "..."

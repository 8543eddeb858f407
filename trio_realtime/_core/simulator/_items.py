"""What a client may put into a conversation: the items it builds, checked and completed.

Nothing here knows where in the conversation an item goes.
"""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import (
    ID_MAX,
    RefusedError,
    invalid_type,
    invalid_value,
    missing_parameter,
    string_too_long,
)
from trio_realtime._core.simulator._json import Object, kind_of, objects_of, text_of
from trio_realtime._core.simulator._session import checked_format
from trio_realtime._core.simulator._voice import bytes_per_ms, speech
from trio_realtime.audio import base64_from_bytes

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("role", "content"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_response": ("approval_request_id", "approve"),
    "mcp_approval_request": ("server_label", "name", "arguments"),
    "mcp_call": ("server_label", "name", "arguments"),
    "mcp_list_tools": ("server_label", "tools"),
}
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
}
# The server shows no status for the others.
_WITH_STATUS: Final = ("message", "function_call")


def entry_from_item(item: Object, *, new_id: str, new_call_id: str, format: str) -> Entry:  # noqa: A002
    """Check an item that a client built, and complete it as the server does.

    Raises:
        RefusedError: if it is not one of the items the server takes.
    """
    kind = _checked_kind(item)
    for name in ("id", "call_id"):
        length = len(text_of(item.get(name)))
        if length > ID_MAX:
            raise string_too_long(f"item.{name}", length, ID_MAX)
    done: Object = {"id": text_of(item.get("id")) or new_id, "type": kind}
    if kind in _WITH_STATUS:
        done["status"] = "completed"
    for name, value in item.items():
        if name not in ("id", "type", "status", "object") and value is not None:
            done[name] = copy.deepcopy(value)
    if kind == "function_call":
        done.setdefault("call_id", new_call_id)
    entry = Entry(done, format=format)
    if kind == "message":
        _check_content(entry)
    return entry


def _checked_kind(item: Object) -> str:
    if "type" not in item:
        raise missing_parameter("item.type")
    kind = text_of(item["type"])
    if kind not in _REQUIRED:
        raise invalid_value("item.type", item["type"], _REQUIRED)
    for name in _REQUIRED[kind]:
        if item.get(name) is None:
            raise missing_parameter(f"item.{name}")
    return kind


def _check_content(entry: Entry) -> None:
    """Check a message's parts, and take the audio out of them: the server does not show it."""
    if entry.role not in _PARTS:
        raise invalid_value("item.role", entry.item["role"], _PARTS)
    content = entry.item["content"]
    if not isinstance(content, list):
        raise invalid_type("item.content", "an array", kind_of(content))
    for number, part in enumerate(objects_of(content)):
        kind = part.get("type")
        if kind not in _PARTS[entry.role]:
            raise invalid_value(f"item.content[{number}].type", kind, _PARTS[entry.role])
        if kind == "input_audio":
            audio = audio_from_text(part.pop("audio", ""), f"item.content[{number}].audio")
            entry.audio += audio
            entry.speech_ms = len(entry.audio) / bytes_per_ms(entry.format)
            part.setdefault("transcript", None)


def audio_from_text(value: JsonValue, param: str) -> bytes:
    """Decode base64 in the standard alphabet; the server takes no other.

    Raises:
        RefusedError: if it is something else.
    """
    if not isinstance(value, str):
        raise invalid_type(param, "a base64-encoded string", kind_of(value))
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(
            "invalid_value",
            f"Invalid '{param}'. Expected base64-encoded audio bytes.",
            param=param,
        ) from None


def item_with_audio(entry: Entry) -> Object:
    """An item as `retrieve` shows it: with its audio, as far as it was kept."""
    item = copy.deepcopy(entry.item)
    audio = entry.audio
    if entry.audio_ms is not None:
        whole = speech(entry.words, entry.speed, entry.format)
        audio = whole[: entry.audio_ms * bytes_per_ms(entry.format)]
    for part in objects_of(item.get("content")):
        if audio and part.get("type") in ("input_audio", "output_audio"):
            part["audio"] = base64_from_bytes(audio)
            part["format"] = checked_format({"type": entry.format}, "format")
    return item

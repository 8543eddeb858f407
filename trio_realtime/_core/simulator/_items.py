"""What a client may put into a conversation: the items it builds, checked and completed.

Nothing here knows where in the conversation an item goes.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._checks import (
    Check,
    array,
    by_type,
    choice,
    flag,
    free,
    members,
    text,
)
from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import (
    ID_MAX,
    RefusedError,
    invalid_type,
    string_too_long,
)
from trio_realtime._core.simulator._json import Object, kind_of, object_of, objects_of, text_of
from trio_realtime._core.simulator._settings import checked_format
from trio_realtime._core.simulator._voice import PCM, bytes_per_ms, speech
from trio_realtime.audio import base64_from_bytes

_CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGE: Final = re.compile(r"data:image/(png|jpeg);base64,(.*)", re.DOTALL)


def _id(value: JsonValue, where: str) -> None:
    text(value, where)
    if len(text_of(value)) > ID_MAX:
        raise string_too_long(where, len(text_of(value)), ID_MAX)


def _call_id(value: JsonValue, where: str) -> None:
    _id(value, where)
    if not _CALL_ID.fullmatch(text_of(value)):
        raise RefusedError(
            "invalid_value",
            f"Invalid '{where}': string does not match pattern. Expected a string that matches "
            "the pattern '^[a-zA-Z0-9_-]+$'.",
            param=where,
        )


def _image(value: JsonValue, where: str) -> None:
    text(value, where)
    found = _IMAGE.fullmatch(text_of(value))
    if found is None or not _is_base64(found[2]):
        raise RefusedError(
            "invalid_value",
            f"Invalid '{where}'. Expected a base64-encoded data URL of a PNG or JPEG image.",
            param=where,
        )


def _audio(value: JsonValue, where: str) -> None:
    audio_from_text(value, where)


_WRITTEN: Final = members({"type": text, "text": text}, required=("text",))
_PARTS: Final[Mapping[str, Mapping[str, Check]]] = {
    "system": {"input_text": _WRITTEN},
    "user": {
        "input_text": _WRITTEN,
        "input_audio": members(
            {"type": text, "audio": _audio, "transcript": text}, required=("audio",)
        ),
        "input_image": members(
            {"type": text, "image_url": _image, "detail": choice("auto", "low", "high")},
            required=("image_url",),
        ),
    },
    # What the model said cannot be put into its mouth as audio, says the specification.
    "assistant": {"output_text": _WRITTEN},
}
_COMMON: Final[Mapping[str, Check]] = {
    "id": _id,
    "type": text,
    "object": choice("realtime.item"),
    "status": choice("completed", "incomplete", "in_progress"),
}


def _item(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    rules = {**_COMMON, **required, **(optional or {})}
    return members(rules, required=tuple(required))


_message: Final = _item(
    {"role": choice(*_PARTS), "content": array(free)},
    {"phase": choice("commentary", "final_answer")},
)


def _checked_message(value: JsonValue, where: str) -> None:
    _message(value, where)
    role, content = object_of(value)["role"], object_of(value)["content"]
    array(by_type(_PARTS[text_of(role)]))(content, f"{where}.content")


_CALLED: Final[Mapping[str, Check]] = {"name": text, "arguments": text}
_ITEM: Final = by_type(
    {
        "message": _checked_message,
        "function_call": _item(_CALLED, {"call_id": _call_id}),
        "function_call_output": _item({"call_id": _call_id, "output": text}),
        "mcp_approval_response": _item(
            {"approval_request_id": text, "approve": flag}, {"reason": text}
        ),
        "mcp_approval_request": _item({"server_label": text, **_CALLED}),
        "mcp_call": _item(
            {"server_label": text, **_CALLED},
            {"approval_request_id": text, "output": text, "error": free},
        ),
        "mcp_list_tools": _item({"server_label": text, "tools": array(free)}),
    }
)
# The server shows no status for the others.
_WITH_STATUS: Final = ("message", "function_call")


def entry_from_item(
    item: Object,
    *,
    where: str,
    new_id: str,
    new_call_id: str,
    format: str,  # noqa: A002 - the wire's name
) -> Entry:
    """Check an item that a client built, and complete it as the server does.

    Raises:
        RefusedError: if it is not one of the items the server takes.
    """
    _ITEM(item, where)
    kind = text_of(item["type"])
    done: Object = {"id": text_of(item.get("id")) or new_id, "type": kind}
    if kind in _WITH_STATUS:
        done["status"] = "completed"
    for name, value in item.items():
        if name not in _COMMON and value is not None:
            done[name] = copy.deepcopy(value)
    if kind == "function_call":
        done.setdefault("call_id", new_call_id)
    entry = Entry(done, format=format)
    for part in objects_of(done.get("content")):
        if part["type"] == "input_audio":
            _keep_audio(entry, part)
    return entry


def _keep_audio(entry: Entry, part: Object) -> None:
    """Take the audio out of a part: the server does not show it."""
    audio = audio_from_text(part.pop("audio"), "audio")
    if entry.format == PCM:
        audio = audio[: len(audio) // 2 * 2]
    entry.audio += audio
    entry.input_ms = entry.speech_ms = len(entry.audio) / bytes_per_ms(entry.format)
    part.setdefault("transcript", None)


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


def audio_from_text(value: JsonValue, param: str) -> bytes:
    """Decode base64 in the standard alphabet; the server takes no other.

    Raises:
        RefusedError: if it is something else.
    """
    if not isinstance(value, str):
        raise invalid_type(param, "a base64-encoded string", kind_of(value))
    if not _is_base64(value):
        raise RefusedError(
            "invalid_value",
            f"Invalid '{param}'. Expected base64-encoded audio bytes.",
            param=param,
        )
    return base64.b64decode(value)


def item_with_audio(entry: Entry) -> Object:
    """An item as `retrieve` shows it: with its audio, as far as it was kept."""
    item, audio = entry.shown, entry.audio
    if entry.audio_ms is not None:
        whole = audio or speech(entry.words, entry.speed, entry.format)
        audio = whole[: entry.audio_ms * bytes_per_ms(entry.format)]
    for part in objects_of(item.get("content")):
        if audio and part.get("type") in ("input_audio", "output_audio"):
            part["audio"] = base64_from_bytes(audio)
            part["format"] = checked_format({"type": entry.format}, "format")
    return item

"""The client events as they arrive: which there are, and which parameters each takes.

This module does not know what an event does, only whether it is well formed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core._json import json_from_data
from trio_realtime._core.simulator._errors import (
    EVENT_ID_MAX,
    RefusedError,
    invalid_type,
    invalid_value,
    missing_parameter,
    string_too_long,
    unknown_parameter,
)
from trio_realtime._core.simulator._json import kind_of, text_of
from trio_realtime._redaction import redact

_STRING: Final = "a string"
_INTEGER: Final = "an integer"
_OBJECT: Final = "an object"

Parameters: TypeAlias = Mapping[str, Mapping[str, str]]
"""By event type, the parameters it takes; a name with a question mark may be left out, or null."""

PARAMETERS: Final[Parameters] = {
    "session.update": {"session": _OBJECT},
    "input_audio_buffer.append": {"audio": _STRING},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": _OBJECT, "previous_item_id?": _STRING},
    "conversation.item.retrieve": {"item_id": _STRING},
    "conversation.item.truncate": {
        "item_id": _STRING,
        "content_index": _INTEGER,
        "audio_end_ms": _INTEGER,
    },
    "conversation.item.delete": {"item_id": _STRING},
    "response.create": {"response?": _OBJECT},
    "response.cancel": {"response_id?": _STRING},
    "output_audio_buffer.clear": {},
}
"""The client events of a conversation."""

DEPTH_MAX: Final = 100
"""How deeply an event may be nested; our choice. Tools' schemas are the deepest there are."""

CLIENT_EVENTS: Final = tuple(PARAMETERS)
"""The types of all client events."""

TRANSLATION_PARAMETERS: Final[Parameters] = {
    "session.update": {"session": _OBJECT},
    "session.input_audio_buffer.append": {"audio": _STRING},
    "session.close": {},
}
"""The client events of a translation."""


@final
class ClientFrame(dict[str, JsonValue]):
    """A client event as it was received: a JSON object.

    What was left out is absent and what was null is None; audio is the base64 text that was sent.
    """

    def __repr__(self) -> str:
        # A failed assertion prints it, and sessions hold the keys of MCP servers.
        return redact(super().__repr__())

    @property
    def type(self) -> str:
        """The event's type; empty where it has none."""
        return text_of(self.get("type"))

    @property
    def event_id(self) -> str | None:
        """The id the client gave the event, if it gave one."""
        return text_of(self.get("event_id")) or None


def frame_from_data(data: str | bytes) -> ClientFrame:
    """Read a message as JSON; binary ones as UTF-8.

    Raises:
        RefusedError: if it is not a JSON object.
    """
    text = ""
    value: JsonValue = None
    try:
        text = data if isinstance(data, str) else data.decode()
        value = json_from_data(text)
    except (ValueError, RecursionError):
        pass  # it is no JSON object
    if not isinstance(value, dict):
        raise RefusedError("invalid_event", "The event could not be read: it is no JSON object.")
    if _depth(value) > DEPTH_MAX:
        raise RefusedError("invalid_event", "The event could not be read: it is nested too deeply.")
    if not _is_unicode(text, value):
        raise RefusedError("invalid_event", "The event could not be read: it is no Unicode.")
    return ClientFrame(value)


def _depth(value: JsonValue) -> int:
    """How many values are in each other, the innermost included."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[JsonValue] = []
        for each in level:
            if isinstance(each, dict):
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        level = inner
    return depth


def _is_unicode(text: str, value: JsonValue) -> bool:
    """Whether there is no half of a surrogate pair: such text could not be sent back."""
    try:
        text.encode()
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_frame(frame: ClientFrame, known: Parameters = PARAMETERS) -> None:
    """Check an event's type and parameters.

    Args:
        frame: The event.
        known: The events there are; by default those of a conversation.

    Raises:
        RefusedError: if it is unknown, or lacks one, or one is unknown or of the wrong type.
    """
    if "type" not in frame:
        raise RefusedError("invalid_event", "The 'type' field is missing.")
    if frame.type not in known:
        raise invalid_value("type", frame["type"], known)
    event_id = frame.get("event_id")
    if isinstance(event_id, str) and len(event_id) > EVENT_ID_MAX:
        raise string_too_long("event_id", len(event_id), EVENT_ID_MAX)
    parameters = {"type": _STRING, "event_id?": _STRING, **known[frame.type]}
    for name in frame:
        if name not in parameters and f"{name}?" not in parameters:
            raise unknown_parameter(name)
    for name, kind in parameters.items():
        value = frame.get(name.rstrip("?"))
        if value is None and not name.endswith("?"):
            raise missing_parameter(name)
        if value is not None and kind_of(value) != kind:
            raise invalid_type(name.rstrip("?"), kind, kind_of(value))

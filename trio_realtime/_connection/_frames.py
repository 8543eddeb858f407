"""From a client event to the frame that the outbox holds.

This module encodes, and gives a name to what has none. It does not know when a frame is sent.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from trio_realtime._connection import _ids
from trio_realtime._core._pending import Outgoing, Place, outgoing_from_event
from trio_realtime._core._replies import NAMELESS
from trio_realtime._core._token import METADATA_PAIRS, TOKEN_KEY
from trio_realtime.events import ResponseCancel, encode

if TYPE_CHECKING:
    from trio_realtime.types._base import ClientModel


class OutgoingFrame(NamedTuple):
    """One encoded frame and what the pending table has to know of it."""

    event_id: str
    type: str
    text: str
    subject: Place | Outgoing | None
    """None for frames that are never acknowledged, so that nothing need be looked up."""


def frame_from_event(event: ClientModel | Mapping[str, JsonValue]) -> OutgoingFrame:
    """Encode an event; one without an `event_id` gets one.

    Raises:
        ValueError: for a mapping without a `type`, and for what JSON or UTF-8 cannot express.
    """
    if isinstance(event, Mapping):
        kind, event_id = event.get("type"), event.get("event_id")
        if not isinstance(kind, str):
            # The value of a key, not an argument: no TypeError.
            raise ValueError("an event needs a `type`, and it is a string")  # noqa: TRY004
        if not isinstance(event_id, str):
            event_id = _ids.new_id("event_")
        event = {**event, "event_id": event_id}
        text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return OutgoingFrame(event_id, kind, encodable(text), outgoing_from_event(event))
    event_id = event.event_id
    if event_id is None:
        event_id = _ids.new_id("event_")
        event = event.model_copy(update={"event_id": event_id})
    subject = outgoing_from_event(event)
    return OutgoingFrame(event_id, subject.type, encode(event), subject)


def with_token(frame: OutgoingFrame) -> OutgoingFrame:
    """Mark a request for a response, so that its answer is known; other frames stay as they are.

    One whose caller uses every pair of metadata that the server takes goes unmarked.
    """
    if frame.type != "response.create" or not isinstance(frame.subject, Outgoing):
        return frame
    metadata = frame.subject.metadata or {}
    event: dict[str, JsonValue] = json.loads(frame.text)
    if TOKEN_KEY in metadata or len(metadata) > METADATA_PAIRS or not _has_room(event):
        return frame
    mark: dict[str, JsonValue] = {"response": {"metadata": {TOKEN_KEY: frame.event_id}}}
    marked = {**metadata, TOKEN_KEY: frame.event_id}
    return frame._replace(
        text=encode(event, extra_fields=mark),
        subject=dataclasses.replace(frame.subject, metadata=marked),
    )


def _has_room(event: dict[str, JsonValue]) -> bool:
    """Whether metadata would be where it belongs: a mistake is the server's to refuse."""
    response = event.get("response")
    if response is None:
        return True
    return isinstance(response, dict) and isinstance(response.get("metadata") or {}, dict)


def cancel_of(response_id: str) -> ResponseCancel:
    """The cancel of a response; of one without an id, whichever is active."""
    if response_id == NAMELESS:
        return ResponseCancel()
    return ResponseCancel(response_id=response_id)


def encodable(text: str) -> str:
    """Refuse halves of surrogate pairs here: the writer is nobody's caller."""
    if not text.isascii():
        text.encode()
    return text

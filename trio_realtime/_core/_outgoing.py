"""What a frame says about the answer it asks for: its type, and the ids in it.

This module reads frames and events without caring which form they have: a model, a mapping, or an
event that did not validate and has only its data. It does not know what the facts are used for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast, final

from pydantic import BaseModel

from trio_realtime.events import InvalidEvent, UnknownEvent
from trio_realtime.types import Unknown

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime.types._base import ClientModel

TAGS: Final = frozenset({"<invalid>", "<unknown>"})
"""The types of what is delivered in the place of an event; the wire's own is in the data."""

_DATA_ONLY: Final = (InvalidEvent, UnknownEvent, Unknown)
"""What carries data instead of fields."""

# `dict` first: to ask an abstract class costs more than the look-up.
_MAPPINGS: Final = (dict, Mapping)


def value_at(source: object, *path: str) -> object:
    """Look up a path of fields in a model or a mapping; None where anything is missing.

    An item or an event that did not validate is looked up in the data it carries: an
    acknowledgement counts even when the rest of its event is odd.
    """
    for name in path:
        if isinstance(source, BaseModel):
            # Past `getattr`: pydantic is slow to say that there is no such field.
            fields: Mapping[str, object] = source.__dict__
            if name not in fields:
                fields = source.__pydantic_extra__ or {}
        else:
            told = _fields(source)
            fields = cast("Mapping[str, object]", told) if isinstance(told, _MAPPINGS) else {}
        source = fields.get(name)
    return source


def fields_at(source: object, *path: str) -> Mapping[str, object]:
    """Look up an object, to read several fields of it; empty where there is none."""
    found = value_at(source, *path)
    if isinstance(found, BaseModel):
        return found.__dict__
    return cast("Mapping[str, object]", found) if isinstance(found, _MAPPINGS) else {}


def text_at(source: object, *path: str) -> str | None:
    """Look up a string; None where there is none."""
    found = value_at(source, *path)
    return found if isinstance(found, str) and found else None


def states(source: object, name: str) -> bool:
    """Whether `source` names the field at all: null is stated, absent is not."""
    source = _fields(source)
    if isinstance(source, Mapping):
        return name in source
    named: object = getattr(source, "model_fields_set", None)
    return isinstance(named, set) and name in cast("set[str]", named)


def _fields(source: object) -> object:
    return source.data if isinstance(source, _DATA_ONLY) else source


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """One frame of ours, as far as its answer depends on it."""

    type: str
    event_id: str
    item_id: str | None = None
    call_id: str | None = None
    item_type: str | None = None
    role: str | None = None
    response_id: str | None = None
    conversation: str | None = None
    metadata: Mapping[str, object] | None = None
    """The metadata of a `response.create`, which the server may echo."""


def outgoing_from_event(
    event: ClientModel | Mapping[str, JsonValue], event_id: str | None = None
) -> Outgoing:
    """Read the facts off a client event; `event_id` is the one it is sent with."""
    if event_id is None:
        event_id = text_at(event, "event_id")
    sent_type = text_at(event, "type") or ""
    sent_id = event_id or ""
    match sent_type:
        case "conversation.item.create":
            return Outgoing(
                sent_type,
                sent_id,
                item_id=text_at(event, "item", "id"),
                call_id=text_at(event, "item", "call_id"),
                item_type=text_at(event, "item", "type"),
                role=text_at(event, "item", "role"),
            )
        case "response.create":
            metadata = value_at(event, "response", "metadata")
            if not isinstance(metadata, Mapping) or not metadata:
                metadata = None
            return Outgoing(
                sent_type,
                sent_id,
                conversation=text_at(event, "response", "conversation"),
                metadata=cast("Mapping[str, object] | None", metadata),
            )
        case _:
            return Outgoing(
                sent_type,
                sent_id,
                item_id=text_at(event, "item_id"),
                response_id=text_at(event, "response_id"),
            )

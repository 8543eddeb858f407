"""From an item, in whatever form a caller has it, to the frame that creates it.

This module chooses an id for what has none. It does not know when the frame is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, cast

from pydantic import BaseModel

from trio_realtime._core._outgoing import text_at
from trio_realtime._resources._frame import JsonObject, frame_from_fields
from trio_realtime.events import ConversationItemCreate
from trio_realtime.types import UnknownItem

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime.types._base import ClientModel

# What the server says of a longer one: "string too long. Expected a string with maximum length 32".
_MAX_ID_LENGTH: Final = 32


def item_create_event(
    item: object,
    new_id: Callable[[Literal["item_"]], str],
    *,
    as_it_is: bool,
    event_id: str | None = None,
    place: Mapping[str, JsonValue],
) -> tuple[ClientModel | JsonObject, str]:
    """Make the frame that creates an item.

    Args:
        item: The item: a model, or a mapping in the shape of the wire.
        new_id: Chooses the id of an item that has none.
        as_it_is: Whether a mapping goes out as it is, but for its id; else it is validated.
        event_id: The frame's id.
        place: The `previous_item_id`, where one is given.

    Returns:
        The frame and the item's id.

    Raises:
        ValueError: if an id is longer than the server accepts.
    """
    item_id = _chosen_id(item)
    if item_id is None:
        item_id = new_id("item_")
    if as_it_is and isinstance(item, Mapping):
        whole = {**cast("JsonObject", item), "id": item_id}
        event = frame_from_fields("conversation.item.create", event_id, **place, item=whole)
        return event, item_id
    fields = {"event_id": event_id, **place, "item": _with_id(item, item_id)}
    return ConversationItemCreate.model_validate(fields), item_id


def _chosen_id(item: object) -> str | None:
    """The id that an item brings along, after a look at the length of its ids.

    Raises:
        ValueError: if one is longer than the server accepts.
    """
    for name in ("id", "call_id"):
        value = text_at(item, name)
        if value is not None and len(value) > _MAX_ID_LENGTH:
            raise ValueError(
                f"an item's {name} has at most {_MAX_ID_LENGTH} characters, or the server refuses "
                f"it; this one has {len(value)}"
            )
    return text_at(item, "id")


def _with_id(item: object, item_id: str) -> object:
    if isinstance(item, UnknownItem):
        item = item.data
    if isinstance(item, BaseModel):
        return item.model_copy(update={"id": item_id})
    return {**item, "id": item_id} if isinstance(item, Mapping) else item

"""What a `respond()` asks: its items, and the `response.create` that goes with them.

This module makes frames of the arguments of a call. It does not know when they are sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast, final

from pydantic import BaseModel

from trio_realtime._connection import Caller
from trio_realtime._connection._frames import OutgoingFrame, frame_from_event, with_token
from trio_realtime._core._outgoing import text_at
from trio_realtime._core._pending import Outgoing
from trio_realtime._core._token import METADATA_PAIRS, TOKEN_KEY
from trio_realtime._resources._frame import JsonObject, with_extra_fields
from trio_realtime._resources._item_create import item_create_event
from trio_realtime.types import UnknownItem

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime.types import InputItem
    from trio_realtime.types._base import ClientModel

Input: TypeAlias = "str | Sequence[InputItem | JsonObject] | None"
"""What the model is to answer: a user's text, or items."""

CreateEvent: TypeAlias = "Callable[[Mapping[str, object]], ClientModel]"
"""Makes a `response.create` of its fields, in the words of the dialect."""


@final
class Question:
    """One request for a response, which may be asked more than once."""

    def __init__(
        self,
        caller: Caller,
        asked: Input,
        fields: Mapping[str, object],
        extra_fields: JsonObject | None,
        create_event: CreateEvent,
    ) -> None:
        self._caller: Caller = caller
        self._items: tuple[OutgoingFrame, ...] = ()
        _check_metadata(fields.get("metadata"))
        for name in ("type", "event_id"):
            if extra_fields and name in extra_fields:
                raise ValueError(f"extra_fields cannot set {name!r}: the request is known by it")
        # All of it is encoded now: while it waits, what it was made of may change.
        frame = frame_from_event(with_extra_fields(create_event(fields), extra_fields))
        assert isinstance(frame.subject, Outgoing)
        # Asked of the frame, for `extra_fields` are merged into it too.
        self.is_out_of_band: bool = frame.subject.conversation == "none"
        """Whether it is beside the conversation."""
        items = _items_from_input(asked)
        if not self.is_out_of_band:
            self._items = tuple(frame_from_event(self._item_event(each)) for each in items or ())
        elif items is not None:
            event = create_event({**fields, "input": list(items)})
            frame = frame_from_event(with_extra_fields(event, extra_fields))
        self._create: JsonObject = json.loads(frame.text)

    def item_frames(self) -> Sequence[OutgoingFrame]:
        """The frames that create the items, in order. They are for one use."""
        return self._items

    def create_frame(self) -> OutgoingFrame:
        """The frame that asks for the response, under a new id that is its token too."""
        event_id = self._caller.new_id("event_")
        return with_token(frame_from_event({**self._create, "event_id": event_id}))

    def _item_event(self, item: InputItem | JsonObject) -> ClientModel | JsonObject:
        if text_at(item, "type") == "item_reference":
            raise ValueError(
                "an item reference names what is in the conversation already: give it only with "
                'conversation="none"'
            )
        event, _ = item_create_event(
            item, self._caller.new_id, as_it_is=isinstance(item, Mapping), place={}
        )
        return event


def _items_from_input(asked: Input) -> tuple[InputItem | JsonObject, ...] | None:
    if asked is None:
        return None
    if isinstance(asked, str):
        part: JsonValue = {"type": "input_text", "text": asked}
        return ({"type": "message", "role": "user", "content": [part]},)
    if not _is_list(asked):
        raise TypeError("the input is a text, or a list of items: [item] for a single one")
    return tuple(_checked(item) for item in asked)


def _is_list(asked: object) -> bool:
    # A model can be iterated over too, and so can bytes.
    is_one = isinstance(asked, Mapping | BaseModel | UnknownItem | bytes | bytearray)
    return isinstance(asked, Iterable) and not is_one


def _checked(item: InputItem | JsonObject | str) -> InputItem | JsonObject:
    if not isinstance(item, Mapping | BaseModel | UnknownItem):
        raise TypeError(f"an item is a model or a mapping, not {type(item).__name__}")
    return item


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a mapping, not {type(metadata).__name__}")
    own = cast("Mapping[str, object]", metadata)
    if TOKEN_KEY in own:
        raise ValueError(f"the metadata key {TOKEN_KEY!r} is reserved: responses are known by it")
    if len(own) > METADATA_PAIRS:
        raise ValueError(
            f"metadata has at most {METADATA_PAIRS} pairs here: of the 16 that the server takes, "
            f"one is ours; there are {len(own)}"
        )

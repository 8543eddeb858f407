"""What a client asks about the items of a conversation: create, retrieve, truncate, delete.

This module does not know what an item may hold, nor when a request has to wait.
"""

from __future__ import annotations

from typing import final

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import (
    not_truncatable,
    out_of_range,
    truncated_beyond_end,
    unknown_approval,
    unknown_call,
)
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._items import entry_from_item, item_with_audio
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._stage import Stage


@final
class History:
    """The items of one session's conversation, as the client asks for them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def create(self, frame: ClientFrame) -> None:
        """Answer `conversation.item.create`."""
        entry = self.entry(object_of(frame["item"]), "item")
        self._check_answers(entry)
        if self._stage.manner.rewrite_item_ids:
            entry.item["id"] = self._stage.id("item_")
        previous = frame.get("previous_item_id")
        self.add(entry, None if previous is None else text_of(previous))

    def _check_answers(self, entry: Entry) -> None:
        """Check that what an item answers is in the conversation."""
        conversation = self._stage.conversation
        call_id = text_of(entry.item.get("call_id"))
        if entry.type == "function_call_output" and not conversation.has_call(call_id):
            raise unknown_call(call_id)
        asked = text_of(entry.item.get("approval_request_id"))
        if entry.type == "mcp_approval_response" and not conversation.asks(asked):
            raise unknown_approval(asked)

    def entry(self, item: Object, where: str) -> Entry:
        """An item of the client's, checked and completed; `where` is its place in the event.

        Raises:
            RefusedError: if it is not one of the items the server takes.
        """
        stage = self._stage
        spoken_in = text_of(at(stage.session, "audio", "input", "format", "type"))
        call_id = f"call_{stage.letters(16)}"
        return entry_from_item(
            item,
            where=where,
            new_id=stage.id("item_"),
            new_call_id=call_id,
            format=spoken_in,
        )

    def add(self, entry: Entry, previous_item_id: str | None = None) -> None:
        """Put a finished item into the conversation, and announce it."""
        before = self._stage.conversation.add(entry, previous_item_id)
        fields: Object = {"previous_item_id": before, "item": entry.item}
        self._stage.emit("conversation.item.added", fields)
        if self._stage.manner.event_order != "xai":
            self._stage.emit("conversation.item.done", fields)

    def retrieve(self, frame: ClientFrame) -> None:
        """Answer `conversation.item.retrieve`."""
        entry = self._stage.conversation.find(text_of(frame["item_id"]), "retrieve")
        self._stage.emit("conversation.item.retrieved", {"item": item_with_audio(entry)})

    def truncate(self, frame: ClientFrame) -> None:
        """Answer `conversation.item.truncate`."""
        entry = self._stage.conversation.find(text_of(frame["item_id"]), "truncate")
        has_ms, asked_ms = entry.audio_ms, frame["audio_end_ms"]
        assert isinstance(asked_ms, int)
        if has_ms is None or frame["content_index"] != 0:
            raise not_truncatable()
        if asked_ms < 0:
            raise out_of_range("audio_end_ms", asked_ms, 0, None)
        if asked_ms > has_ms:
            raise truncated_beyond_end(has_ms, asked_ms)
        self.cut(entry, asked_ms)

    def cut(self, entry: Entry, milliseconds: int) -> None:
        """Truncate an item's audio, and tell the client."""
        self._stage.conversation.cut(entry, milliseconds)
        self._stage.emit(
            "conversation.item.truncated",
            {"item_id": entry.id, "content_index": 0, "audio_end_ms": milliseconds},
        )

    def delete(self, frame: ClientFrame) -> None:
        """Answer `conversation.item.delete`."""
        self._stage.conversation.remove(text_of(frame["item_id"]))
        self._stage.emit("conversation.item.deleted", {"item_id": frame["item_id"]})

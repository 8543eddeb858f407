"""The item graph of one session: order, look-up, removal, and what was said in each item.

Items are kept as they go over the wire, without audio; the audio of user items is kept beside
them, up to a limit, and that of the model's is made again when asked for. This module does not
know which events announce a change.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from trio_realtime._core.simulator._errors import RefusedError, no_such_item
from trio_realtime._core.simulator._json import Object, objects_of, text_of

ITEMS_MAX: Final = 4096
"""Items kept; older ones are forgotten, as the real server's truncation would."""

AUDIO_MAX: Final = 16 * 2**20
"""Bytes of user audio kept; the oldest is forgotten first. 5.8 minutes of PCM."""


@dataclass(slots=True)
class Entry:
    """One item, and what the wire does not show of it."""

    item: Object
    """The item as it goes over the wire, without audio."""

    audio: bytes = b""
    """The user's audio, in the session's input format; empty once forgotten."""

    speech_ms: float | None = None
    """How long the user spoke in it, or None where nothing was spoken."""

    input_ms: float = 0.0
    """How long the user's audio is, also once it is forgotten."""

    heard: str = ""
    """What the user said in it, where a test told it; empty where only the sound is known."""

    words: int = 0
    """How many words the model has spoken in it: their audio is made again when asked for."""

    speed: float = 1.0
    """How fast the model spoke them."""

    audio_ms: int | None = None
    """How much audio the model has generated for it, or None where it does not speak."""

    was_cut: bool = False
    """Whether its audio was truncated. What the user did not hear is not in the text either: the
    whole transcript goes."""

    format: str = "audio/pcm"
    """The format of its audio."""

    counted: tuple[int, float] | None = None
    """How many words and how much audio are in it, as `_usage` counts them; None until they were
    counted, and when they change. Each response counts the whole conversation."""

    @property
    def id(self) -> str:
        """The item's id."""
        return text_of(self.item.get("id"))

    @property
    def type(self) -> str:
        """The item's type, such as `message`."""
        return text_of(self.item.get("type"))

    @property
    def role(self) -> str:
        """Who speaks in a message; empty for other items."""
        return text_of(self.item.get("role"))

    @property
    def written(self) -> str:
        """All text in its content, without what was spoken, joined by spaces."""
        return self._joined("text")

    @property
    def spoken(self) -> str:
        """All transcripts in its content, joined by spaces."""
        return "" if self.was_cut else self._joined("transcript")

    @property
    def shown(self) -> Object:
        """The item as it is now, as a copy: what was cut while it streamed has no transcript."""
        item = copy.deepcopy(self.item)
        if self.was_cut:
            for part in objects_of(item.get("content")):
                part["transcript"] = None
        return item

    def _joined(self, name: str) -> str:
        texts = (text_of(part.get(name)) for part in objects_of(self.item.get("content")))
        return " ".join(text for text in texts if text)


class Conversation:
    """The default conversation of a session."""

    def __init__(self, id: str) -> None:  # noqa: A002 - the wire's name
        self.id: str = id
        self._entries: list[Entry] = []
        self._by_id: dict[str, Entry] = {}
        self._audio_bytes = 0
        self._has_spoken = False

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._by_id

    @property
    def items(self) -> list[Object]:
        """The items in the server's order, as copies."""
        return [entry.shown for entry in self._entries]

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return self._entries[-1].id if self._entries else None

    @property
    def has_assistant_audio(self) -> bool:
        """Whether the model has spoken: its voice can no longer be changed."""
        return self._has_spoken or any(entry.audio_ms for entry in self._entries)

    def has_call(self, call_id: str) -> bool:
        """Whether a function call has this id."""
        return any(
            entry.type == "function_call" and entry.item.get("call_id") == call_id
            for entry in reversed(self._entries)
        )

    def asks(self, request_id: str) -> bool:
        """Whether this is a request to approve a call of an MCP tool."""
        entry = self._by_id.get(request_id)
        return entry is not None and entry.type == "mcp_approval_request"

    def add(self, entry: Entry, previous_item_id: str | None = None) -> str | None:
        """Put an item after another (None: at the end; `"root"`: at the beginning).

        Returns the id of the item before it.

        Raises:
            RefusedError: if there is no such other item, or there is one with this id.
        """
        if entry.id in self._by_id:
            raise RefusedError(
                "invalid_value",
                f"Error adding item: an item with id '{entry.id}' already exists.",
                param="item.id",
            )
        if previous_item_id is None:
            place = len(self._entries)
        elif previous_item_id == "root":
            place = 0
        elif previous_item_id in self._by_id:
            place = self._place(previous_item_id) + 1
        else:
            raise RefusedError(
                "invalid_value",
                "Error adding item: the previous item with id "
                f"'{previous_item_id}' does not exist.",
                param="previous_item_id",
            )
        self._entries.insert(place, entry)
        self._by_id[entry.id] = entry
        self._audio_bytes += len(entry.audio)
        before = self._entries[place - 1].id if place else None
        self._forget()
        return before

    def find(self, item_id: str, verb: str) -> Entry:
        """Look an item up that a client wants to `verb` (delete, retrieve or truncate).

        Raises:
            RefusedError: if there is none.
        """
        try:
            return self._by_id[item_id]
        except KeyError:
            raise no_such_item(verb, item_id) from None

    def is_first(self, item_id: str | None) -> bool:
        """Whether this item begins the conversation."""
        return bool(self._entries) and self._entries[0].id == item_id

    def remove(self, item_id: str) -> None:
        """Delete an item.

        Raises:
            RefusedError: if there is none.
        """
        entry = self.find(item_id, "delete")
        self._drop(entry)

    def cut(self, entry: Entry, milliseconds: int) -> None:
        """Shorten what the model said in an item to what was heard of it."""
        self._has_spoken = self._has_spoken or bool(entry.audio_ms)
        entry.audio_ms = milliseconds
        entry.was_cut = True
        entry.counted = None

    def _place(self, item_id: str) -> int:
        # From the end: what is asked for is nearly always new.
        entries = self._entries
        return next(n for n in range(len(entries) - 1, -1, -1) if entries[n].id == item_id)

    def _drop(self, entry: Entry) -> None:
        oldest = self._entries[0] is entry
        del self._entries[0 if oldest else self._place(entry.id)]
        del self._by_id[entry.id]
        self._has_spoken = self._has_spoken or bool(entry.audio_ms)
        self._audio_bytes -= len(entry.audio)

    def _forget(self) -> None:
        while len(self._entries) > ITEMS_MAX:
            self._drop(self._entries[0])
        oldest = iter(self._entries)
        while self._audio_bytes > AUDIO_MAX:
            entry = next(oldest)
            self._audio_bytes -= len(entry.audio)
            entry.audio = b""

"""A copy of the server's conversation, kept by what the server says of it.

| event | what becomes of the copy |
|---|---|
| `conversation.item.added`, `.created` | a new item lies where the server put it |
| `conversation.item.done` | the item is final; one that was never announced goes to the end |
| `response.output_item.done`, `response.done` | the item is final, if it is in the conversation |
| `conversation.item.retrieved` | what was unknown of the item is known; final items lose nothing |
| `conversation.item.truncated` | the transcript of that part is gone, and stays away |
| `...transcription.completed` | the part has its transcript, also if the item comes later |
| `conversation.item.deleted` | the item is gone, and what streams on does not bring it back |

An item that is final (by `done`, or as its status tells) only gains; until then the newest word
counts. This module does not know what was sent, nor who else acts on the session. Audio is what it
never keeps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast, final

from pydantic import BaseModel, JsonValue

from trio_realtime._core._outgoing import states, text_at, value_at
from trio_realtime._core._recent import RecentIds
from trio_realtime.events import InvalidEvent
from trio_realtime.types import (
    AssistantMessage,
    AudioPart,
    InputAudio,
    OutputAudio,
    UnknownContentPart,
    UnknownItem,
    UserMessage,
)

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime.types import ContentPart, Item

MIRRORED: Final = frozenset(
    {
        "<invalid>",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "response.done",
        "response.output_item.done",
    }
)
"""The types of the events that a mirror wants to see."""

# What streams on of a deleted item comes within the same turn.
_DELETED_IDS: Final = 1024

# Transcripts that are here before their item, which follows within the same turn.
_EARLY: Final = 64

_ENDED: Final = ("completed", "incomplete")


@final
class Mirror:
    """The items of the default conversation, in the server's order and without audio.

    Its size is that of the server's conversation: what the server deletes is dropped.
    """

    def __init__(self) -> None:
        self._order: list[str] = []
        self._entries: dict[str, _Entry] = {}
        self._deleted = RecentIds(_DELETED_IDS)
        self._early: dict[str, dict[int, str]] = {}
        self._names_previous: bool | None = None
        """Whether the server says behind which item a new one lies; None until that is known."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The items as they are now."""
        entries = self._entries
        return tuple(entries[item_id].item for item_id in self._order)

    def receive(self, event: Event) -> None:
        """Take note of an event; one that says nothing of items changes nothing. Never raises."""
        match event.wire_type if isinstance(event, InvalidEvent) else event.type:
            case "conversation.item.added" | "conversation.item.created":
                self._add(event)
            case "conversation.item.done":
                self._finish(event)
            case "conversation.item.retrieved":
                self._learn(value_at(event, "item"), is_final=False)
            case "conversation.item.truncated":
                self._cut(event)
            case "conversation.item.deleted":
                self._delete(text_at(event, "item_id") or "")
            case "conversation.item.input_audio_transcription.completed":
                self._hear(event)
            case "response.output_item.done":
                self._learn(value_at(event, "item"), is_final=True)
            case "response.done":
                output = value_at(event, "response", "output")
                for item in cast("list[object]", output) if isinstance(output, list) else ():
                    self._learn(item, is_final=True)
            case _:
                pass

    def _add(self, event: Event) -> None:
        item = value_at(event, "item")
        if not self._learn(item, is_final=False):
            self._insert(item, self._place(event), is_final=False)

    def _finish(self, event: Event) -> None:
        item = value_at(event, "item")
        known = self._learn(item, is_final=True)
        if not known and text_at(item, "id") not in self._deleted:
            # Null says nothing here: often that of `added` was none.
            previous = text_at(event, "previous_item_id")
            place = self._untold() if previous is None else self._behind(previous)
            self._insert(item, place, is_final=True)

    def _learn(self, item: object, *, is_final: bool) -> bool:
        """Whether the item is here; if so, it has taken what this says of it."""
        entry = self._entries.get(text_at(item, "id") or "")
        if entry is not None:
            entry.learn(_item_from(item), is_final=is_final)
        return entry is not None

    def _insert(self, item: object, place: int, *, is_final: bool) -> None:
        item_id = text_at(item, "id")
        if item_id is not None:
            heard = self._early.pop(item_id, {})
            self._entries[item_id] = _Entry(_item_from(item), is_final=is_final, heard=heard)
            self._order.insert(place, item_id)

    def _place(self, event: Event) -> int:
        """Where an item goes that was added.

        Null is the beginning: so the specification says, and all recordings show it for the first
        item. But there are servers that never name an item, and then it must mean nothing. What
        tells them apart is a response that speaks at the beginning of a conversation that has
        items: the ones before it came in their order, and not each before the other.
        """
        previous = value_at(event, "previous_item_id")
        if isinstance(previous, str) and previous != "root":
            return self._behind(previous)
        is_told = previous == "root" or (previous is None and states(event, "previous_item_id"))
        is_output = text_at(event, "item", "status") == "in_progress"
        if not is_told or (is_output and self._order):
            return self._untold()
        return len(self._order) if self._names_previous is False else 0

    def _untold(self) -> int:
        """The end: the place of what comes without one."""
        if self._names_previous is None:
            self._names_previous = False
            self._order.reverse()
        return len(self._order)

    def _behind(self, item_id: str) -> int:
        """The place behind an item, or the end where there is none such: it was here before us."""
        self._names_previous = True
        # From the end: what is asked for is nearly always new.
        order = self._order
        places = (n + 1 for n in range(len(order) - 1, -1, -1) if order[n] == item_id)
        return next(places, len(order))

    def _delete(self, item_id: str) -> None:
        self._deleted.add(item_id)
        if self._entries.pop(item_id, None) is not None:
            self._order.remove(item_id)

    def _cut(self, event: Event) -> None:
        entry = self._entries.get(text_at(event, "item_id") or "")
        if entry is not None:
            entry.cut.add(_index(event))
            entry.tidy()

    def _hear(self, event: Event) -> None:
        item_id, transcript = text_at(event, "item_id") or "", value_at(event, "transcript")
        if not isinstance(transcript, str):
            return
        entry = self._entries.get(item_id)
        if entry is not None:
            entry.heard[_index(event)] = transcript
            entry.tidy()
        elif item_id not in self._deleted:
            self._early.setdefault(item_id, {})[_index(event)] = transcript
            if len(self._early) > _EARLY:
                del self._early[next(iter(self._early))]


@final
class _Entry:
    """One item, and what outlasts whatever the server says of it later."""

    def __init__(self, item: Item, *, is_final: bool, heard: dict[int, str]) -> None:
        self.item: Item = item
        self.is_final: bool = is_final
        self.heard: dict[int, str] = heard
        """What the user said in each part."""
        self.cut: set[int] = set()
        """The parts whose audio was truncated."""
        self.tidy()

    def learn(self, item: Item, *, is_final: bool) -> None:
        """Take what an event says of the item, and never less than is known."""
        old = self.item
        keeps = self.is_final or (not is_final and text_at(old, "status") in _ENDED)
        # What can be read at last is worth more than what could not.
        if keeps and (not isinstance(old, UnknownItem) or isinstance(item, UnknownItem)):
            self.item = _filled(old, item)
        else:
            self.item = _filled(item, old)
        self.is_final = self.is_final or is_final
        self.tidy()

    def tidy(self) -> None:
        """Drop the audio, and set the transcripts that are known for certain."""
        certain = {**self.heard, **dict.fromkeys(self.cut, None)}
        self.item = _with_transcripts(_without_audio(self.item), certain)


def _item_from(value: object) -> Item:
    """The item of an event, also of one that did not validate and has only its data."""
    if isinstance(value, BaseModel | UnknownItem):
        return cast("Item", value)
    return UnknownItem(text_at(value, "type"), cast("JsonValue", value))


def _index(event: Event) -> int:
    found = value_at(event, "content_index")
    return found if isinstance(found, int) else 0


def _transcripts(item: Item) -> dict[int, str | None]:
    """The transcript of each part that has sound."""
    if not isinstance(item, UserMessage | AssistantMessage):
        return {}
    return {
        n: part.transcript
        for n, part in enumerate(item.content)
        if isinstance(part, InputAudio | OutputAudio | AudioPart)
    }


def _filled(item: Item, other: Item) -> Item:
    """The item, with the transcripts that it lacks and the other has."""
    known, missing = _transcripts(other), _transcripts(item)
    return _with_transcripts(
        item, {n: known[n] for n, text in missing.items() if text is None and n in known}
    )


def _with_transcripts(item: Item, texts: Mapping[int, str | None]) -> Item:
    """The item with these transcripts; parts that have no sound stay as they are."""
    old = _transcripts(item)
    new = {n: text for n, text in texts.items() if n in old and old[n] != text}
    if not new or not isinstance(item, UserMessage | AssistantMessage):
        return item
    content = [
        part.model_copy(update={"transcript": new[n]})
        if n in new and isinstance(part, BaseModel)
        else part
        for n, part in enumerate(item.content)
    ]
    return item.model_copy(update={"content": content})


def _without_audio(item: Item) -> Item:
    if isinstance(item, UnknownItem):
        return dataclasses.replace(item, data=_silent(item.data))
    if not isinstance(item, UserMessage | AssistantMessage):
        return item
    content = [_silent_part(part) for part in item.content]
    if all(new is old for new, old in zip(content, item.content, strict=True)):
        return item
    return item.model_copy(update={"content": content})


def _silent_part(part: ContentPart) -> ContentPart:
    if isinstance(part, UnknownContentPart):
        return dataclasses.replace(part, data=_silent(part.data))
    if not isinstance(part, InputAudio | OutputAudio | AudioPart) or part.audio is None:
        return part
    silent = part.model_copy(update={"audio": None})
    silent.model_fields_set.discard("audio")  # as the server shows a part without its samples
    return silent


def _silent(data: JsonValue) -> JsonValue:
    """JSON without any `audio`, however deep: samples, in what this release does not know."""
    if isinstance(data, list):
        return [_silent(member) for member in data]
    if isinstance(data, dict):
        return {
            name: _silent(value)
            for name, value in data.items()
            if name != "audio" or not isinstance(value, str)
        }
    return data

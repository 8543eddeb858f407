"""Which piece of which transcript comes next: joined by item, in the order of the commits.

A server transcribes several items at a time: deltas of one come before it is committed, and a short
item is done before the long one ahead of it. Rule 1: everything of one item comes before anything
of the item committed after it. Rule 2: every item that was committed has one end, and so has every
other one of which something was told. Rule 3: what is held is bounded.

Of an item that is not committed yet pieces are handed out at once while nothing else is under way:
it is the one that will be committed next. What is held for its turn beyond the limit loses its
deltas, for the whole has their words; if that is not enough, the item that all the others wait for
is given up. This module does not know who reads, nor what was sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, final

from trio_realtime._core._budget import EVENT_OVERHEAD
from trio_realtime._core._outgoing import states, text_at, value_at
from trio_realtime._core._recent import RecentIds
from trio_realtime._core._transcript import (
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
    TranscriptFailure,
    TranscriptSegment,
    failed,
    transcript_from_event,
)
from trio_realtime.events import InvalidEvent

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

# An item that is over is named again, if at all, within moments.
_RECENT: Final = 1024

_MOST_OPEN: Final = 1024
"""Items without an end. An hour has some hundred turns, and they are transcribed in seconds."""

_Held: TypeAlias = tuple[Transcript, int]


@final
@dataclass(slots=True)
class _Item:
    id: str
    held: deque[_Held] = field(default_factory=deque[_Held])
    is_over: bool = False
    """Whether its end is here, or among what is held of it."""


@final
class Transcripts:
    """The transcripts of one session, told every event in the order of the wire."""

    def __init__(self, limit: int) -> None:
        self._limit: int = limit
        self._transcribes: bool | None = None
        """Whether the session transcribes; None from a server that does not tell."""
        self._committed: dict[str, _Item] = {}
        self._early: dict[str, _Item] = {}
        self._over = RecentIds(_RECENT)
        self._ended = RecentIds(_RECENT)
        """Parts that have their end, as item and index."""
        self._ready: deque[_Held] = deque()
        self._ready_bytes: int = 0
        self._held_bytes: int = 0
        self.dropped: int = 0
        """Pieces given up because too much was held."""

    @property
    def is_settled(self) -> bool:
        """Whether everything that was committed has its end, handed out or ready."""
        return not self._committed

    @property
    def is_ready(self) -> bool:
        """Whether there is a piece to take."""
        return bool(self._ready)

    @property
    def held(self) -> int:
        """What all pieces weigh that were not taken."""
        return self._ready_bytes + self._held_bytes

    def take(self) -> Transcript | None:
        """Take the next piece, if there is one."""
        if not self._ready:
            return None
        piece, weight = self._ready.popleft()
        self._ready_bytes -= weight
        return piece

    def receive(self, event: Event, weight: int) -> None:
        """Note an event, and make ready what it brings or lets pass."""
        kind = (event.wire_type or "") if isinstance(event, InvalidEvent) else event.type
        match kind:
            case "session.created" | "session.updated":
                told = value_at(event, "session", "audio", "input")
                if states(told, "transcription"):
                    self._transcribes = value_at(told, "transcription") is not None
            case "input_audio_buffer.committed":
                self._commit(text_at(event, "item_id"))
            case "input_audio_buffer.cleared":
                for item in self._early.values():
                    self._fail(item, "buffer_cleared")
            case "conversation.item.deleted":
                item_id = text_at(event, "item_id") or ""
                gone = self._committed.get(item_id) or self._early.get(item_id)
                if gone is not None:
                    self._fail(gone, "item_deleted")
            case _:
                piece = transcript_from_event(kind, event)
                if piece is not None:
                    self._put(piece, weight)
        self._advance()
        self._keep_bounded()

    def keep_newest(self) -> None:
        """Give up what nobody has read and is beyond the limit: deltas first, then the oldest."""
        if self._ready_bytes > self._limit:
            self._ready_bytes -= self._without_deltas(self._ready)
        while self._ready_bytes > self._limit and len(self._ready) > 1:
            self.take()
            self.dropped += 1

    def finish(self) -> None:
        """No more will come: what was held for its turn has it now."""
        for item in (*self._committed.values(), *self._early.values()):
            self._pass(item)
        self._committed.clear()
        self._early.clear()

    def _commit(self, item_id: str | None) -> None:
        if item_id is None or item_id in self._over or self._transcribes is False:
            return
        if item_id in self._early:
            self._committed[item_id] = self._early.pop(item_id)
        elif item_id not in self._committed:
            self._committed[item_id] = _Item(item_id)

    def _put(self, piece: Transcript, weight: int) -> None:
        part = f"{piece.item_id}/{piece.content_index}"
        # Segments have been specified without a word on when they come.
        if part in self._ended and not isinstance(piece, TranscriptSegment):
            return
        is_end = isinstance(piece, TranscriptCompleted | TranscriptFailed)
        if is_end:
            self._ended.add(part)
        if piece.item_id in self._over:
            self._ready.append((piece, weight))
            self._ready_bytes += weight
            return
        item = self._committed.get(piece.item_id) or self._early.get(piece.item_id)
        if item is None:
            item = self._early[piece.item_id] = _Item(piece.item_id)
        self._hold(item, piece, weight)
        item.is_over = item.is_over or is_end

    def _fail(self, item: _Item, reason: TranscriptFailure) -> None:
        if not item.is_over:
            item.is_over = True
            self._ended.add(f"{item.id}/0")
            self._hold(item, failed(item.id, reason), EVENT_OVERHEAD)

    def _hold(self, item: _Item, piece: Transcript, weight: int) -> None:
        item.held.append((piece, weight))
        self._held_bytes += weight

    def _current(self) -> _Item | None:
        """The item whose turn it is."""
        for items in (self._committed, self._early):
            for item in items.values():
                return item
        return None

    def _advance(self) -> None:
        while (item := self._current()) is not None:
            self._pass(item)
            if not item.is_over:
                return
            self._committed.pop(item.id, None)
            self._early.pop(item.id, None)
            self._over.add(item.id)

    def _pass(self, item: _Item) -> None:
        weight = sum(weight for _, weight in item.held)
        self._held_bytes -= weight
        self._ready_bytes += weight
        self._ready += item.held
        item.held.clear()

    def _keep_bounded(self) -> None:
        if self._held_bytes > self._limit:
            for item in (*self._committed.values(), *self._early.values()):
                self._held_bytes -= self._without_deltas(item.held)
        while (
            self._held_bytes > self._limit or len(self._committed) + len(self._early) > _MOST_OPEN
        ):
            head = self._current()
            assert head is not None  # what is held is held by somebody
            self._fail(head, "overdue")
            self._advance()

    def _without_deltas(self, pieces: deque[_Held]) -> int:
        """Take the deltas out; return what they weighed."""
        kept = [held for held in pieces if not isinstance(held[0], TranscriptDelta)]
        freed = sum(weight for _, weight in pieces) - sum(weight for _, weight in kept)
        self.dropped += len(pieces) - len(kept)
        pieces.clear()
        pieces += kept
        return freed

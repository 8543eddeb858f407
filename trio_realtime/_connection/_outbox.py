"""The queue between the callers that send and the one task that writes.

An entry is one frame, or a group of frames that leave back to back. First come, first served. The
outbox does not know what frames mean, nor how they are written.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import final

import outcome
import trio

from trio_realtime._connection._frames import OutgoingFrame
from trio_realtime.errors import ConnectionClosedError, Frame


@final
class Entry:
    """What one call hands over: it is written whole, or not at all."""

    __slots__ = ("done", "frames", "is_awaited", "is_own", "result", "weight")

    def __init__(
        self, frames: Sequence[OutgoingFrame], *, is_awaited: bool, is_own: bool = False
    ) -> None:
        self.frames: Sequence[OutgoingFrame] = frames
        self.is_awaited: bool = is_awaited
        self.is_own: bool = is_own
        """Whether the library sends it by itself: nobody is told when it cannot be written."""
        self.weight: int = sum([_bytes_in(frame.text) for frame in frames])
        self.result: outcome.Outcome[None] | None = None
        self.done: trio.Event = trio.Event()

    @property
    def names(self) -> tuple[Frame, ...]:
        """`(event_id, type)` of each frame."""
        return tuple((frame.event_id, frame.type) for frame in self.frames)

    def finish(self, result: outcome.Outcome[None]) -> None:
        """Tell the caller how it went."""
        self.result = result
        self.done.set()


def _bytes_in(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


@final
class Outbox:
    """Entries in the order of the calls; one writer takes them."""

    def __init__(self, limit: int) -> None:
        self._limit: int = limit
        self._entries: collections.deque[Entry] = collections.deque()
        self._held: int = 0
        self._ready: trio.Event = trio.Event()
        self._idle: trio.Event | None = None
        """Of those who wait for the queue to be empty, while somebody does."""
        self.current: Entry | None = None
        """The entry being written: it can no longer be withdrawn."""
        self.stuck: Entry | None = None
        """An entry that was found to make no progress; only while it is the current one."""

    @property
    def has_room(self) -> bool:
        """Whether an entry may be added without anybody waiting for room."""
        return self._held < self._limit

    def add(self, entry: Entry) -> None:
        """Append an entry. The caller waits for `entry.done`, which is how it waits its turn."""
        self._entries.append(entry)
        self._held += entry.weight
        self._ready.set()

    def withdraw(self, entry: Entry) -> bool:
        """Take back an entry that the writer has not taken; say whether that was possible."""
        try:
            self._entries.remove(entry)
        except ValueError:
            return False
        self._held -= entry.weight
        self._note_idle()
        return True

    async def take(self) -> Entry:
        """Wait for the next entry and make it the current one."""
        while not self._entries:
            self._ready = trio.Event()
            await self._ready.wait()
        self.current = self._entries.popleft()
        return self.current

    def finish(self, entry: Entry) -> None:
        """Tell an entry that it is written, unless it was told something else meanwhile."""
        if entry is not self.current:
            return
        self.current = None
        self._held -= entry.weight
        entry.finish(outcome.Value(None))
        self._note_idle()

    @property
    def is_stuck(self) -> bool:
        """Whether the entry being written is the one that was found to be stuck."""
        return self.current is not None and self.current is self.stuck

    async def wait_idle(self) -> None:
        """Wait until everything that was added is written."""
        idle = self._idle = self._idle or trio.Event()
        self._note_idle()
        await idle.wait()

    @property
    def queued(self) -> tuple[Frame, ...]:
        """The frames that nobody has begun to write."""
        return tuple(name for entry in self._entries for name in entry.names)

    @property
    def being_written(self) -> tuple[Frame, ...]:
        """The frames of the current entry."""
        return () if self.current is None else self.current.names

    @property
    def unawaited(self) -> tuple[Frame, ...]:
        """The caller's frames here that no caller waits for, written in part or not at all."""
        entries = [*self._entries] if self.current is None else [self.current, *self._entries]
        left = [entry for entry in entries if not (entry.is_awaited or entry.is_own)]
        return tuple(name for entry in left for name in entry.names)

    def fail(self, make_error: Callable[[], ConnectionClosedError]) -> None:
        """Give every entry its own error, the current one included."""
        entries = [*self._entries] if self.current is None else [self.current, *self._entries]
        self._entries.clear()
        self.current = None
        self._held = 0
        for entry in entries:
            entry.finish(outcome.Error(make_error()))
        self._note_idle()

    def _note_idle(self) -> None:
        if self._idle is not None and not self._entries and self.current is None:
            self._idle.set()
            self._idle = None

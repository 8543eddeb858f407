"""What faults do to messages and bytes: laws that are told the time and given their chance.

A `FrameLine` takes the messages of one direction and says what arrives, and when; a `ByteFlow` says
how many bytes pass. Whoever owns them sleeps, sends and cuts.

Rule: a setting must not change the lot of a message that it does not hit. So each message draws
the same number of lots, whatever is asked for.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from trio_realtime._core._faults import (
    Chance,
    FaultEnding,
    FaultKind,
    Faults,
    Place,
    StreamFaults,
    When,
)

Note: TypeAlias = Callable[[FaultKind, int, str | None, float], None]
"""Is told of each fault that happened: its kind, the message's number and type, and when."""

MALFORMED: Final = '{"type": "response.done", "event_id": "event_fault", "respon'
"""The beginning of an event, as a torn message would be."""

UNKNOWN: Final = '{"type": "fault.unknown", "why": "a fault plan has inserted this"}'
"""An event of no known type. It has no id, so that no error will name one that nobody gave."""

_READ_SECONDS: Final = 0.1
"""How much a slow reader takes at once, as the time it takes for it."""

_OVERSIZE_HEAD: Final = '{"type": "fault.oversize", "padding": "'
_OVERSIZE_TAIL: Final = '"}'


def oversize(size: int) -> str:
    """Make a message of that many bytes, or the shortest there is; it is JSON."""
    return _OVERSIZE_HEAD.ljust(size - len(_OVERSIZE_TAIL), "x") + _OVERSIZE_TAIL


@final
@dataclass(frozen=True, slots=True)
class Deliver:
    """Let a message arrive."""

    message: str | bytes


@final
@dataclass(frozen=True, slots=True)
class Close:
    """Send a CLOSE."""

    code: int
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Cut:
    """Lose the connection."""

    ending: FaultEnding


Step: TypeAlias = Deliver | Close | Cut


@final
class _Frame:
    """A message and what it says, read only if somebody asks."""

    def __init__(self, number: int, message: str | bytes) -> None:
        self.number: int = number
        self.message: str | bytes = message
        self._read = False
        self._type: str | None = None
        self._response: str | None = None

    @property
    def type(self) -> str | None:
        """The event's type."""
        self._look()
        return self._type

    @property
    def response(self) -> str | None:
        """The id of the response that it belongs to."""
        self._look()
        return self._response

    def _look(self) -> None:
        if self._read:
            return
        self._read = True
        with contextlib.suppress(ValueError, TypeError, LookupError):
            event = json.loads(self.message)
            self._type = _text(event["type"])
            if "response_id" in event:
                self._response = _text(event["response_id"])
            else:
                self._response = _text(event["response"]["id"])

    def is_hit(self, when: When, draw: float) -> bool:
        """Whether it is among those that a setting names; `draw` is its lot."""
        if isinstance(when, (int, float)):
            return draw < when
        if isinstance(when, str):
            return self.type == when
        return self.number in when or self.type in when

    def is_at(self, place: Place | None) -> bool:
        """Whether it is the one that a setting names."""
        return place is not None and place == (self.type if isinstance(place, str) else self.number)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@dataclass(slots=True)
class _Entry:
    """One step that is still to come."""

    due: float
    step: Step
    size: int = 0
    frame: _Frame | None = None
    """The message, if it is delivered as it came and no fault has hit it."""
    note: tuple[FaultKind, _Frame] | None = None
    """The fault that this is, to be told when it happens."""


@final
class FrameLine:
    """The messages of one direction of one connection, on their way."""

    def __init__(self, faults: Faults, chance: Chance, note: Note) -> None:
        self._faults = faults
        self._chance = chance
        self._note = note
        self._queue: deque[_Entry] = deque()
        self._numbers = 0
        self._stalled = False
        self._over = False
        self._overtakable: tuple[_Entry, float] | None = None
        self.held_bytes: int = 0
        """What is on its way, in bytes or characters."""

    @property
    def due(self) -> float:
        """When the next step is to be done; infinity if none is, ever or yet."""
        return self._queue[0].due if self._queue else math.inf

    @property
    def is_ending(self) -> bool:
        """Whether losing the connection is what comes next."""
        return bool(self._queue) and isinstance(self._queue[0].step, Cut)

    def offer(self, message: str | bytes, now: float) -> None:
        """Take a message of the sender's. After the one that ends the line, none arrives."""
        if self._over:
            return
        self._numbers += 1
        faults, frame = self._faults, _Frame(self._numbers, message)
        late, twice, swap, malformed, unknown, big = (self._chance() for _ in range(6))
        due = now + faults.delay + faults.jitter * late
        if not self._stalled and frame.is_at(faults.stall):
            self._stalled = True
            self._note("stall", frame.number, frame.type, due)
            due += faults.stall_seconds
        if frame.is_at(faults.drop_before):
            self._cut("drop_before", frame, due)
            return
        inserted: list[tuple[FaultKind, str]] = []
        if frame.is_hit(faults.malformed, malformed):
            inserted.append(("malformed", MALFORMED))
        if frame.is_hit(faults.unknown, unknown):
            inserted.append(("unknown", UNKNOWN))
        if frame.is_hit(faults.oversize, big):
            inserted.append(("oversize", oversize(faults.oversize_bytes)))
        for kind, text in inserted:
            self._put(_Entry(due, Deliver(text), len(text), note=(kind, frame)))
        again = frame.is_hit(faults.duplicate, twice)
        last = frame.is_at(faults.drop_after)
        entry = _Entry(due, Deliver(message), len(message))
        if inserted or again or last or frame.is_at(faults.stall):
            self._put(entry)
        else:
            entry.frame = frame
            self._queue_plain(entry, frame, is_swapped=frame.is_hit(faults.reorder, swap))
        if again:
            step = Deliver(message)
            self._put(_Entry(due, step, len(message), note=("duplicate", frame)))
        if last:
            self._cut("drop_after", frame, due)

    def close(self, code: int, reason: str, now: float) -> None:
        """Take the sender's CLOSE: nothing is offered after it."""
        if not self._over:
            self._over = True
            self._put(_Entry(now + self._faults.delay, Close(code, reason)))

    def pop(self, now: float) -> Step | None:
        """Return what is to be done now, or None if nothing is due."""
        if self.due > now:
            return None
        entry = self._queue.popleft()
        self.held_bytes -= entry.size
        if entry.note is not None:
            kind, frame = entry.note
            self._note(kind, frame.number, frame.type, now)
        return entry.step

    def _put(self, entry: _Entry) -> None:
        self._queue.append(entry)
        self.held_bytes += entry.size

    def _cut(self, kind: FaultKind, frame: _Frame, due: float) -> None:
        self._over = True
        self._put(_Entry(due, Cut(self._faults.ending), note=(kind, frame)))

    def _queue_plain(self, entry: _Entry, frame: _Frame, *, is_swapped: bool) -> None:
        """Queue a message that no fault has hit; it may overtake, or wait to be overtaken."""
        waiting, self._overtakable = self._overtakable, None
        self._put(entry)
        if (
            waiting is not None
            and len(self._queue) > 1
            and self._queue[-2] is waiting[0]
            and self._may_overtake(waiting[0], frame)
        ):
            overtaken, due = waiting
            self._queue[-2], self._queue[-1] = entry, overtaken
            assert overtaken.frame is not None
            overtaken.note = ("reorder", overtaken.frame)
            overtaken.due = due
        elif is_swapped:
            self._overtakable = entry, entry.due
            entry.due += self._faults.reorder_wait

    def _may_overtake(self, waiting: _Entry, frame: _Frame) -> bool:
        assert waiting.frame is not None
        before, after = waiting.frame.response, frame.response
        different = before is not None and after is not None and before != after
        return self._faults.reorder_any or different


@final
class ByteFlow:
    """How the bytes of one connection pass, both ways: in which pieces, how fast, how long."""

    def __init__(
        self, faults: StreamFaults, chance_out: Chance, chance_in: Chance, note: Note
    ) -> None:
        self._faults = faults
        self._chance_out = chance_out
        self._chance_in = chance_in
        self._note = note
        self._begun = False
        self._sent = 0
        self.stalled_until: float = -math.inf
        """Until when nothing passes, either way."""
        self.writes_at: float = -math.inf
        """When the next piece may be sent."""
        self.reads_at: float = -math.inf
        """When bytes may be received again."""
        if faults.handshake:
            self.begin()

    def begin(self) -> None:
        """From here on bytes suffer: the upgrade is done."""
        self._begun = True
        if self._faults.read_rate == 0:
            self.reads_at = math.inf

    def may_send(self, size: int) -> int:
        """Tell how many of `size` bytes, of which there is one at least, go out next."""
        if not self._begun:
            return size
        count = self._piece(size, self._chance_out)
        for mark in (self._faults.cut_after, self._faults.stall_after):
            if mark is not None and self._sent < mark:
                count = min(count, mark - self._sent)
        return count

    def sent(self, count: int, now: float) -> bool:
        """Note that bytes went out. Returns whether the connection is to be lost now."""
        if not self._begun:
            return False
        faults = self._faults
        before, self._sent = self._sent, self._sent + count
        self.writes_at = now + faults.piece_delay
        if faults.stall_after is not None and before < faults.stall_after <= self._sent:
            self.stalled_until = now + faults.stall_seconds
            self._note("stall", self._sent, None, now)
        if self._sent == faults.cut_after:
            self._note("cut", self._sent, None, now)
            return True
        return False

    def may_receive(self, max_bytes: int) -> int:
        """Tell how many bytes may come in at once, when they may."""
        if not self._begun:
            return max_bytes
        rate = self._faults.read_rate
        at_once = max_bytes if rate is None else max(1, int(rate * _READ_SECONDS))
        return self._piece(min(max_bytes, at_once), self._chance_in)

    def received(self, count: int, now: float) -> None:
        """Note that bytes came in."""
        if self._begun and self._faults.read_rate:
            self.reads_at = now + count / self._faults.read_rate

    def _piece(self, size: int, chance: Chance) -> int:
        if self._faults.piece is None:
            return size
        return min(size, 1 + int(chance() * self._faults.piece))

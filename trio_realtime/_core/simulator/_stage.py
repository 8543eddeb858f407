"""What the parts of one simulated session share: its state, its ids, its events, and its jobs.

This module does not know what happens on it: the parts do. It does not know the time, chance or
the network either: readings of the clock are arguments, random letters come from a function, and
what is to be sent is left in `outbox`.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.simulator._beta import Beta
from trio_realtime._core.simulator._conversation import Conversation
from trio_realtime._core.simulator._errors import RefusedError
from trio_realtime._core.simulator._json import Object
from trio_realtime._core.simulator._manner import Manner

Letters: TypeAlias = Callable[[int], str]
"""Chooses that many random letters: the source of ids and of obfuscation."""

Emit: TypeAlias = Callable[[str, Object], None]
"""Writes one server event: its type and the other fields."""

Job: TypeAlias = Iterator[float]
"""Something that goes on by itself: it yields the seconds until it wants to be asked again."""

ID_LETTERS: Final = 21


@final
class Stage:
    """The state of one session that more than one part of it looks at or changes."""

    def __init__(self, manner: Manner, letters: Letters, *, now: float) -> None:
        self.manner: Manner = manner
        self.letters: Letters = letters
        self.now: float = now
        """The newest reading of the clock."""
        self.session: Object = {}
        """The effective session, as GA shows it."""
        self.beta: Beta | None = None
        """What becomes of events, if the client speaks the beta dialect."""
        self.conversation: Conversation = Conversation("")
        self.outbox: deque[str | bytes] = deque()
        """Messages to be sent, in order."""
        self.closing: tuple[int, str] | None = None
        """The close code and reason, once the session is over and `outbox` was sent."""
        self._order = count()
        self._jobs: list[tuple[float, int, Job]] = []

    def id(self, prefix: str) -> str:
        """Choose a new id."""
        return prefix + self.letters(ID_LETTERS)

    def emit(self, type: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: A002
        """Send a server event, in the session's dialect."""
        frame = self._event(type, fields)
        told = frame if self.beta is None else self.beta.told(frame)
        if told is not None:
            self.send(told)

    def push(self, type: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: A002
        """Send any event: it gets an `event_id`, and is no other in any dialect."""
        self.send(self._event(type, fields))

    def _event(self, type: str, fields: Mapping[str, JsonValue]) -> Object:  # noqa: A002
        frame: Object = {"type": type}
        if not self.manner.omit_event_ids:
            frame["event_id"] = self.id("event_")
        return frame | dict(fields)

    def send(self, frame: Object) -> None:
        """Send an event as it is."""
        # Written at once: items change while they stream.
        self.send_raw(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    def send_raw(self, data: str | bytes) -> None:
        """Send a message, unless the session is over."""
        if self.closing is None:
            self.outbox.append(data)

    def refuse(self, error: RefusedError, event_id: JsonValue) -> None:
        """Send an `error` that names the client event that caused it."""
        self.emit("error", {"error": error.payload(event_id)})

    def later(self, seconds: float, job: Job) -> None:
        """Have a job go on in so many seconds."""
        self._at(self.now + seconds, job)

    def _at(self, due: float, job: Job) -> None:
        if self.closing is None:
            heapq.heappush(self._jobs, (due, next(self._order), job))

    @property
    def due(self) -> float | None:
        """When something happens by itself next; None if nothing will."""
        return self._jobs[0][0] if self._jobs else None

    def tick(self, now: float) -> None:
        """Do the one thing that is due longest, if one is."""
        self.now = now
        if self._jobs and self._jobs[0][0] <= now:
            due, _, job = heapq.heappop(self._jobs)
            if (delay := next(job, None)) is not None:
                self._at(due + delay, job)

    def end(self, error: RefusedError, code: int, reason: str) -> None:
        """End the session: an `error`, then CLOSE."""
        self.refuse(error, None)
        self.close(code, reason)

    def close(self, code: int, reason: str) -> None:
        """End the session with a CLOSE, after what is in `outbox`; nothing happens any more.

        A session ends once: the first reason counts.
        """
        self.closing = self.closing or (code, reason)
        self._jobs.clear()

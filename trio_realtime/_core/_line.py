"""The line: who waits for a turn, in which order, and who must be told of what became of it.

First come, first served; one who comes back keeps the place before everybody younger. The line does
not know what the turn is for, nor when the next is: the gate does.

What becomes of a ticket:

| state     | means                     | next                                                     |
|-----------|---------------------------|----------------------------------------------------------|
| `waiting` | stands in line            | `granted`: its turn; `dropped`: the server cancelled for |
|           |                           | barge-in, the user's turn will be answered; `over`       |
| `granted` | may send, or has sent     | `waiting` or `dropped`: refused as busy; `over`:         |
|           |                           | answered, refused otherwise, or left, connection lost    |
| `dropped` | its request is no more    | none                                                     |
| `over`    | needs the gate no more    | none                                                     |
"""

from __future__ import annotations

import itertools
import math
from bisect import insort
from collections.abc import Callable
from typing import Literal, TypeAlias, final

TicketState: TypeAlias = Literal["waiting", "granted", "dropped", "over"]


@final
class Ticket:
    """One request that waits for its turn in the default conversation."""

    __slots__ = ("known", "number", "returns_by", "state", "wake")

    def __init__(self, number: int, wake: Callable[[], None]) -> None:
        self.state: TicketState = "waiting"
        """Where it stands; changes only within a call of the gate."""

        self.known: TicketState = "waiting"
        """The state that its owner knows of."""

        self.number: int = number
        """Its place among all tickets: the lower is the older."""

        self.wake: Callable[[], None] = wake
        """Called after each change of `state` that its owner did not cause."""

        self.returns_by: float | None = None
        """Until when its place in line is kept for it; None unless it is away."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.state in {"dropped", "over"}


@final
class Line:
    """The tickets that wait, and the news for owners of any."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: list[Ticket] = []
        self._news: list[Ticket] = []
        self._is_telling = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._waiting

    @property
    def deadline(self) -> float:
        """When `advance` will change something; `math.inf` when never."""
        if not self._waiting:
            return math.inf
        return min(
            (ticket.returns_by for ticket in self._waiting if ticket.returns_by is not None),
            default=math.inf,
        )

    def ticket(self, wake: Callable[[], None]) -> Ticket:
        """Make the youngest ticket; it is not in line yet."""
        return Ticket(next(self._numbers), wake)

    def insert(self, ticket: Ticket, *, returns_by: float | None = None) -> None:
        """Put a ticket where it belongs by its age; with a time, keep its place until then."""
        ticket.returns_by = returns_by
        self.change(ticket, "waiting")
        insort(self._waiting, ticket, key=_number)

    def remove(self, ticket: Ticket) -> None:
        """Take a ticket out of the line, if it is in it."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)

    def call(self) -> Ticket | None:
        """Grant the oldest its turn; nobody, if there is none or if it is away."""
        if not self._waiting or self._waiting[0].returns_by is not None:
            return None
        ticket = self._waiting.pop(0)
        self.change(ticket, "granted")
        return ticket

    def clear(self, state: Literal["dropped", "over"]) -> None:
        """Send everybody away, in order."""
        for ticket in self._waiting:
            self.change(ticket, state)
        self._waiting.clear()

    def advance(self, now: float) -> None:
        """Close up where one who was away has not come back in time."""
        self._waiting = [
            ticket
            for ticket in self._waiting
            if ticket.returns_by is None or ticket.returns_by > now
        ]

    def change(self, ticket: Ticket, state: TicketState) -> None:
        """Change a ticket; `tell` will say so."""
        ticket.state = state
        self._news.append(ticket)

    def tell(self, caller: Ticket | None = None) -> None:
        """Wake everybody who does not know the state of their ticket; the caller sees it.

        A `wake` may change tickets, and have `tell` called: those are told next, not within.
        """
        if caller is not None:
            caller.known = caller.state
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._news:
                ticket = self._news.pop(0)
                if ticket.known != ticket.state:
                    ticket.known = ticket.state
                    ticket.wake()
        finally:
            self._is_telling = False


def _number(ticket: Ticket) -> int:
    return ticket.number

"""Which responses are to be cancelled, and when.

A response whose block was left is cancelled at once, unless voice detection is about to end it by
itself: a cancel of ours might arrive after that. Should it not end, it is cancelled after all. And
what is not known yet is cancelled when it is. This module does not know how a cancel is sent, nor
clocks: a reading of one is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from trio_realtime._core._gate import Gate, Ticket

INTERRUPTION_SECONDS: Final = 1.0
"""How long a response that voice detection is cutting off may take to end before a cancel of ours
is sent after all: several times a round trip. Sent at once, it could hit the next response."""


@final
class Cancels:
    """The cancels of one connection that are to be sent.

    Args:
        gate: Told of every cancel.
        send: Sends one.
    """

    def __init__(self, gate: Gate, send: Callable[[str], None]) -> None:
        self._gate = gate
        self._send = send
        self._late: dict[str, float] = {}
        self._wants_next = False
        self._turn: Ticket | None = None

    @property
    def deadline(self) -> float:
        """When `advance` has something to do; infinite while it has not."""
        return min(self._late.values(), default=math.inf)

    def is_due(self, response_id: str, *, now: float) -> bool:
        """Say whether to cancel a response at once; where it is not, it is seen to here."""
        if self._gate.is_interrupting(response_id):
            self._late.setdefault(response_id, now + INTERRUPTION_SECONDS)
            return False
        self._gate.cancelling(response_id, now)
        return True

    def cancel(self, response_id: str, *, now: float) -> None:
        """Cancel a response, at once if voice detection is not about to."""
        if self.is_due(response_id, now=now):
            self._send(response_id)

    def cancel_active(self, *, now: float) -> None:
        """Cancel whatever holds the gate, as soon as it is known."""
        active = self._gate.active
        if active is None:
            self._wants_next, self._turn = True, self._gate.granted
        else:
            self.cancel(active, now=now)

    def sent(self, ticket: Ticket | None) -> None:
        """A create of the default conversation was sent.

        Its response is to be cancelled only if it had its turn when that was asked for. Otherwise
        what was to be cancelled is no more: nothing is sent while anything holds the gate.
        """
        if ticket is None or ticket is not self._turn:
            self._wants_next = False

    def takes_next(self) -> bool:
        """Whether a response that begins is the one to be cancelled. Ask before the gate moves."""
        # While the gate is open nothing holds it: what did has come to nothing.
        takes = self._wants_next and not self._gate.is_open
        self._wants_next, self._turn = False, None
        return takes

    def done(self, response_id: str) -> None:
        """A response is over."""
        self._late.pop(response_id, None)

    def advance(self, now: float) -> None:
        """Send what is due."""
        due = [each for each, deadline in self._late.items() if deadline <= now]
        for response_id in due:
            del self._late[response_id]
            self._gate.cancelling(response_id, now)
            self._send(response_id)

    def clear(self) -> None:
        """Forget everything: the connection is over."""
        self._late.clear()
        self._wants_next, self._turn = False, None

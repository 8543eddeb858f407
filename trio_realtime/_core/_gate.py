"""The response gate: at most one response at a time in the default conversation.

The server refuses a `response.create` while another response of the default conversation runs. So
whoever wants one takes a ticket (`_line` has the table of its states), and is granted its turn when
nothing is under way. What closes the gate, and what opens it again:

| closed by                     | from                      | until                              |
|-------------------------------|---------------------------|------------------------------------|
| a grant that is out           | the ticket's turn         | `sent`, or `leave`                 |
| a create on the wire          | `sent`                    | `answered`, `created(answers=)`,   |
|                               |                           | or `refused`                       |
| a response that runs          | `created`                 | its `done`; `cancel_timeout` after |
|                               |                           | `cancelling`                       |
| a response that is due        | `speech_stopped`, with    | `created` with none of our creates |
|                               | `create_response`         | as its cause; 1 s after its item   |
|                               |                           | moved; if that never did,          |
|                               |                           | `cancel_timeout`, `input_cleared`  |
| a response that we never saw  | `refused(busy=True)` with | its `done`, or any if the error    |
|                               | no known cause            | named none; `created`; 1 s         |
| a refused ticket, coming back | `refused(busy=True)`      | `requeue`, `leave`; 1 s            |

Rule 1: whatever closes the gate has an end that the server cannot withhold, but for two: a create
that it never answers, and a response that it never ends and nobody cancels. Rule 2: first come,
first served; a refused ticket keeps its place before everybody younger. Rule 3: nothing here grows
with the length of a session.

The gate does not know tasks, frames or clocks: a reading of the clock is an argument. It does not
know out-of-band responses either: nobody tells it of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar, final

from trio_realtime._core._line import Line, Ticket
from trio_realtime._core._recent import RecentIds

__all__ = ["Gate", "Ticket"]

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

# The server creates the response to a turn within a few hundred milliseconds of the commit, and
# names in a refusal what has just ended or is about to: a second is several round trips.
_SETTLING: Final = 1.0

# More than this never is under way at once; a server that never ends what it begins must not cost
# memory.
_REMEMBERED: Final = 256


class _Create(NamedTuple):
    """A create on the wire."""

    ticket: Ticket | None
    endings: int
    barge_ins: int


class _Blocker(NamedTuple):
    """A response that the server says is running, and that we never saw."""

    response_id: str | None
    until: float


class _Running:
    __slots__ = ("is_interrupted", "until")

    def __init__(self) -> None:
        self.until: float = math.inf
        self.is_interrupted: bool = False


class _Turn:
    """A turn of the user that voice detection ended: a response is due."""

    __slots__ = ("has_moved", "is_done", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        self.has_moved: bool = False
        self.is_done: bool = False


@final
class Gate:
    """The order in which requests of one connection may ask for a response.

    Every method is synchronous and may be called from within a `wake`: the books are in order
    before anybody is woken, and one who is woken within another's `wake` is woken right after it.
    A `wake` must not raise.

    Args:
        cancel_timeout: How long a response that we cancelled may hold the gate, in seconds.
    """

    def __init__(self, *, cancel_timeout: float) -> None:
        self._cancel_timeout = cancel_timeout
        self._line = Line()
        self._grant: Ticket | None = None
        self._asked: dict[str, _Create] = {}
        self._running: dict[str, _Running] = {}
        self._turns: dict[str | None, _Turn] = {}
        self._blocker: _Blocker | None = None
        self._ended = RecentIds(_REMEMBERED)
        self._given_up = RecentIds(_REMEMBERED)
        self._endings = 0
        self._barge_ins = 0
        self._creates = True
        self._interrupts = True
        self._has_failed = False

    @property
    def is_open(self) -> bool:
        """Whether one who came now would be granted a turn at once."""
        return self._is_free and not self._line

    @property
    def granted(self) -> Ticket | None:
        """Whose turn it is, until the create is sent."""
        return self._grant

    @property
    def active(self) -> str | None:
        """The newest response that runs in the default conversation."""
        return next(reversed(self._running), None)

    @property
    def running(self) -> tuple[str, ...]:
        """The responses that run in the default conversation and hold the gate, oldest first."""
        return tuple(self._running)

    @property
    def are_asking(self) -> bool:
        """Whether a create of the default conversation is on the wire and not answered."""
        return bool(self._asked)

    @property
    def is_owed(self) -> bool:
        """Whether a response to a turn of the user is due from the server."""
        return bool(self._turns)

    @property
    def deadline(self) -> float:
        """When `advance` will change something; `math.inf` when only an event can."""
        # Asked after every event that moves the gate, and mostly there is nothing to wait for.
        ends = [self._line.deadline]
        if self._running:
            ends += [running.until for running in self._running.values()]
        if self._turns:
            ends += [turn.until for turn in self._turns.values()]
        if self._blocker is not None:
            ends.append(self._blocker.until)
        return min(ends)

    def is_interrupting(self, response_id: str) -> bool:
        """Whether the server is cancelling a response because the user speaks.

        True from a `speech_started` with `interrupt_response` to the response's end.
        """
        running = self._running.get(response_id)
        return running is not None and running.is_interrupted

    def queue(self, wake: Callable[[], None]) -> Ticket:
        """Join the end of the line. The ticket is granted at once, without a `wake`, when open.

        After `fail` it is over at once.
        """
        ticket = self._line.ticket(wake)
        self._enter(ticket)
        return ticket

    def requeue(self, ticket: Ticket) -> None:
        """Ask again after a refusal: wait before everybody younger, or be granted at once.

        A ticket that was dropped meanwhile, or is over, stays so. One that has its grant still to
        use keeps it.
        """
        if ticket in self._line:
            ticket.returns_by = None
            self._settle(ticket)
        elif not ticket.has_ended and ticket is not self._grant:
            self._enter(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Give up: go out of the line, or give back a grant that was not used.

        When the create was sent it still counts until the server has answered it; a refusal then
        finds nobody who would ask again. Does nothing when the ticket has come to its end.
        """
        if ticket.has_ended:
            return
        if ticket is self._grant:
            self._grant = None
        self._line.remove(ticket)
        self._line.change(ticket, "over")
        self._settle(ticket)

    def sent(self, event_id: str, ticket: Ticket | None = None) -> None:
        """The writer took a create of the default conversation; without a ticket, a plain one."""
        granted = ticket if ticket is self._grant else None
        if granted is not None:
            self._grant = None
        self._asked[event_id] = _Create(granted, self._endings, self._barge_ins)
        if len(self._asked) > _REMEMBERED:
            plain = (name for name, create in self._asked.items() if create.ticket is None)
            del self._asked[next(plain)]

    def cancelling(self, response_id: str, now: float) -> None:
        """A cancel of ours is under way: the response holds the gate no longer than the timeout."""
        self._expire(now)
        running = self._running.get(response_id)
        if running is not None:
            running.until = min(running.until, now + self._cancel_timeout)
        self._settle()

    def answered(self, event_id: str) -> None:
        """A create got its response, or is known to have got it.

        Tell of the response first (`created`), or the gate may open in between.
        """
        create = self._asked.pop(event_id, None)
        if create is not None:
            self._end(create.ticket)
        self._settle()

    def refused(self, event_id: str, *, busy: bool, now: float, active: str | None = None) -> None:
        """An error named a create.

        A ticket that was refused as busy stands in line again, in its old place, but is not
        granted until `requeue` says that it still wants to be; the gate waits a second for that.
        Had it been refused in time it would have stood there when the server last cancelled for
        barge-in: then it is dropped like the others.

        Args:
            event_id: The create.
            busy: Whether it was refused because another response runs.
            now: The time.
            active: The id of that response, if the error names it.
        """
        self._expire(now)
        create = self._asked.pop(event_id, None)
        if create is not None and busy:
            self._look_for_culprit(create, active, now)
            self._take_back(create, now)
        elif create is not None:
            self._end(create.ticket)
        self._settle()

    def created(self, response_id: str, now: float, *, answers: str | None = None) -> None:
        """A response runs in the default conversation.

        Args:
            response_id: The response.
            now: The time.
            answers: The create that certainly asked for it; None when it may be the server's own.
        """
        self._expire(now)
        # A created that comes twice, or after its done: what has had its time does not run.
        if response_id not in self._ended and response_id not in self._given_up:
            self._running.setdefault(response_id, _Running())
            _forget(self._running)
            self._blocker = None
        if answers is not None:
            self.answered(answers)
        elif self._turns:
            del self._turns[next(iter(self._turns))]
        self._settle()

    def done(self, response_id: str | None, *, by_server_barge_in: bool, now: float) -> None:
        """A response of the default conversation is over.

        Args:
            response_id: The response; None if it could not be read: the only one there is.
            by_server_barge_in: Whether the server cancelled it because the user spoke. Then, if
                the user will be answered, all who wait are dropped.
            now: The time.
        """
        self._expire(now)
        if response_id is None and len(self._running) == 1:
            (response_id,) = self._running
        if response_id is not None and response_id not in self._ended:
            # One to which the server gave no id is not told apart from the next.
            self._ended.add(response_id or None)
            self._endings += 1
            if self._blocker is not None and self._blocker.response_id in {None, response_id}:
                self._blocker = None
            was_running = self._running.pop(response_id, None) is not None
            if was_running and by_server_barge_in and self._creates:
                self._barge_ins += 1
                self._line.clear("dropped")
        self._settle()

    def learn_session(self, *, creates: bool, interrupts: bool) -> None:
        """Note what voice detection does: create responses, interrupt them. Both until told."""
        self._creates = creates
        self._interrupts = interrupts
        if not creates:
            self._forget_unmoved()
        self._settle()

    def speech_started(self) -> None:
        """The user speaks: with `interrupt_response` the server cancels what runs."""
        for running in self._running.values():
            running.is_interrupted |= self._interrupts

    def speech_stopped(self, item_id: str | None, now: float) -> None:
        """The user's turn is over, or its time is: with `create_response` a response is due."""
        self._expire(now)
        if self._creates:
            self._turns.pop(item_id, None)
            self._turns[item_id] = _Turn(now + self._cancel_timeout)
            _forget(self._turns)
        self._settle()

    def item_moved(self, item_id: str | None, *, is_done: bool, now: float) -> None:
        """An item was committed, added, created or done: its response comes soon, or never."""
        self._expire(now)
        turn = self._turns.get(item_id)
        if turn is not None and not turn.is_done:
            turn.has_moved = True
            turn.is_done = is_done
            turn.until = now + _SETTLING
        self._settle()

    def input_cleared(self) -> None:
        """The input buffer is empty: what was not committed will not be answered."""
        self._forget_unmoved()
        self._settle()

    def advance(self, now: float) -> None:
        """Let pass what has had its time. A deadline that is reached has passed."""
        self._expire(now)
        self._settle()

    def fail(self) -> None:
        """The connection is over, and so is every ticket."""
        self._has_failed = True
        self._end(self._grant)
        for create in self._asked.values():
            self._end(create.ticket)
        self._line.clear("over")
        self._grant = self._blocker = None
        self._asked.clear()
        self._running.clear()
        self._turns.clear()
        self._settle()

    @property
    def _is_free(self) -> bool:
        return not (
            self._has_failed
            or self._grant
            or self._asked
            or self._running
            or self._turns
            or self._blocker
        )

    def _enter(self, ticket: Ticket) -> None:
        if self._has_failed:
            self._line.change(ticket, "over")
        else:
            self._line.insert(ticket)
        self._settle(ticket)

    def _look_for_culprit(self, create: _Create, active: str | None, now: float) -> None:
        """Find the response that was in the way, or hold the gate for one that we do not know."""
        if active is None:
            # Errors come late: what ended since the create was sent may well have been it.
            is_known = bool(self._running) or create.endings != self._endings
        else:
            is_known = active in self._running or active in self._ended
        if not is_known:
            self._blocker = _Blocker(active, now + _SETTLING)

    def _take_back(self, create: _Create, now: float) -> None:
        """Put the ticket of a create that was refused back to where it would be without it."""
        ticket = create.ticket
        if ticket is None or ticket.state != "granted":
            return
        if create.barge_ins != self._barge_ins:
            self._line.change(ticket, "dropped")
        else:
            self._line.insert(ticket, returns_by=now + _SETTLING)

    def _forget_unmoved(self) -> None:
        self._turns = {item_id: turn for item_id, turn in self._turns.items() if turn.has_moved}

    def _expire(self, now: float) -> None:
        """Let pass what has had its time, without granting anything yet.

        Every event does so first: what the clock says must not depend on who was scheduled first.
        """
        for response_id in [name for name, it in self._running.items() if it.until <= now]:
            del self._running[response_id]
            self._given_up.add(response_id or None)
        for item_id in [name for name, it in self._turns.items() if it.until <= now]:
            del self._turns[item_id]
        if self._blocker is not None and self._blocker.until <= now:
            self._blocker = None
        self._line.advance(now)

    def _end(self, ticket: Ticket | None) -> None:
        if ticket is not None and ticket.state == "granted":
            self._line.change(ticket, "over")

    def _settle(self, caller: Ticket | None = None) -> None:
        """Grant the next turn, if there is one, and tell everybody but the caller."""
        if self._is_free:
            self._grant = self._line.call()
        self._line.tell(caller)


def _forget(under_way: dict[KeyT, ValueT]) -> None:
    """Forget the oldest when there are too many."""
    if len(under_way) > _REMEMBERED:
        del under_way[next(iter(under_way))]

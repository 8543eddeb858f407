"""Which event goes to which handle of a response.

Told every frame of ours that the writer takes and every event of the server, this module moves the
gate and finds the listener of each response. A response goes through these states:

========  ============================================  ==========================================
state     begins with                                   its events go
========  ============================================  ==========================================
expected  `expect()`, before the frame is sent          (there are none)
doubtful  a `response.created` that may answer it       where they would go otherwise, and are kept
claimed   a `response.created` that surely answers it,  to its listener
          or that nobody's create does (`incoming`)
adopted   `response.done`, after it was doubtful; some  what was kept, to its listener; later ones
          seconds later, if it was cut short            where they would go otherwise
done      `response.done`, after it was claimed         late ones, to its listener
left      `leave()`, before its `response.done`         to its listener, which delivers nothing
doomed    `doom()`: the caller has gone                 nowhere; it is cancelled once it is claimed
over      `response.done` and `leave()`                 nowhere: late ones are swallowed by id
========  ============================================  ==========================================

A response to which the server gave no id is `NAMELESS`; there is one at a time. Events that name no
response, or one that nobody has heard of, are of that one.

It does not know tasks nor clocks (a reading of the clock is an argument), nor when a response is
cancelled: `_cancels` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, final

from trio_realtime._core._cancels import Cancels
from trio_realtime._core._detection import DETECTION, note_detection
from trio_realtime._core._doubts import Doubts
from trio_realtime._core._event import Event
from trio_realtime._core._outgoing import TAGS, text_at
from trio_realtime._core._recent import RecentIds
from trio_realtime._core._responses import NAMELESS
from trio_realtime._core._verdict import says_busy

if TYPE_CHECKING:
    from trio_realtime._core._gate import Gate, Ticket
    from trio_realtime._core._outgoing import Outgoing
    from trio_realtime._core._pending import Pending

__all__ = ["NAMELESS", "NOTED", "Incoming", "Listener", "Replies"]

# Late events of a response come within seconds of its end.
_STRAGGLERS: Final = 256
# Items of responses that are under way, and of the last few that were.
_ITEMS: Final = 1024
# Responses that were left and whose end never came.
_LEFT: Final = 256
# Creates whose caller has gone and that were never answered: no more than `_pending` knows of.
_DOOMED: Final = 1024

# "Conversation already has an active response in progress: resp_..." (public reports).
_NAMED_RESPONSE: Final = re.compile(r"\bresp_\w+")

NOTED: Final = DETECTION | {
    "error",
    "response.created",
    "response.done",
    "response.output_item.added",
}
"""The types of events that `Replies.note` is to be told of; the others, nine in ten, only pass."""


class Listener(Protocol):
    """What takes the events of one response."""

    @property
    def holds_unread(self) -> bool:
        """Whether a view that somebody has read holds what was not."""
        ...

    def take(self, event: Event, weight: int) -> None:
        """Take the next event of the response; the first is its `response.created`."""

    def end(self) -> None:
        """The connection is over: no more events will come."""


class Incoming(Protocol):
    """What takes the responses that others start."""

    def open(self, response_id: str, *, in_conversation: bool) -> Listener:
        """Make the listener of a response that begins."""
        ...

    def end(self) -> None:
        """The connection is over: no more responses will come."""


class _Expected:
    """A create of ours that is not answered yet."""

    __slots__ = ("listener", "retries", "ticket")

    def __init__(self, listener: Listener, ticket: Ticket | None, retries: int) -> None:
        self.listener = listener
        self.ticket = ticket
        self.retries = retries


class _Handle:
    """A response that has a listener."""

    __slots__ = ("is_done", "listener")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_done = False


@final
class Replies:
    """The handles of the responses of one connection."""

    def __init__(
        self,
        pending: Pending,
        gate: Gate,
        *,
        cancel: Callable[[str], None],
        backlog_bytes: int,
        doubt_seconds: float,
    ) -> None:
        self._pending = pending
        self._gate = gate
        self._cancels = Cancels(gate, cancel)
        self._expected: dict[str, _Expected] = {}
        self._doomed: dict[str, Ticket | None] = {}
        self._handles: dict[str, _Handle] = {}
        self._adopted: list[Listener] = []
        self._left: dict[str, None] = {}
        self._stragglers = RecentIds(_STRAGGLERS)
        self._doubts = Doubts(backlog_bytes, seconds=doubt_seconds)
        self._items: dict[str, str] = {}
        self.are_routed: bool = False
        """Whether `route` has anything to do: there is, or was, a handle."""
        self._is_over = False
        self.incoming: Incoming | None = None
        """Who wants the responses that others start, while somebody does."""

    # What callers do.

    def expect(
        self, event_id: str, listener: Listener, ticket: Ticket | None = None, *, retries: int = 0
    ) -> None:
        """A `response.create` is about to be handed over; its response goes to `listener`.

        Args:
            event_id: The frame's id.
            listener: Who takes the events.
            ticket: The turn it has in the default conversation; None for one beside it.
            retries: How often it may be asked again when the server says that it is busy.
        """
        self._expected[event_id] = _Expected(listener, ticket, retries)

    def forget(self, event_id: str) -> None:
        """The frame was not sent after all."""
        self._expected.pop(event_id, None)
        self._doubts.forget(event_id)
        self._doubts.settle(event_id)

    def doom(self, event_id: str) -> None:
        """The caller has gone and the frame has not: its response is cancelled once it is known."""
        expected = self._expected.pop(event_id, None)
        if expected is not None:
            self._doubts.forget(event_id)
            self._doomed[event_id] = expected.ticket
            if len(self._doomed) > _DOOMED:
                del self._doomed[next(iter(self._doomed))]

    def leave(self, response_id: str, listener: Listener, *, now: float) -> bool:
        """The block of a response has ended; say whether a cancel is to be sent at once.

        None is where voice detection is about to end the response by itself; should it not,
        `advance` cancels. None is either where the server gave the response no id and it is beside
        the conversation: there is no way to name it.
        """
        handle = self._handles.get(response_id)
        if handle is None or handle.listener is not listener:
            # It was adopted: then it is done, and its events are somebody else's.
            if listener in self._adopted:
                self._adopted.remove(listener)
            return False
        if handle.is_done or self._is_over:
            self._give_up(response_id)
            return False
        self._left[response_id] = None
        if len(self._left) > _LEFT:
            self._give_up(next(iter(self._left)))
        if not response_id and not self._pending.responses.is_in_conversation(response_id):
            return False
        return self._cancels.is_due(response_id, now=now)

    def cancel_active(self, *, now: float) -> None:
        """Cancel whatever holds the default conversation, as soon as it is known."""
        self._cancels.cancel_active(now=now)

    def cancel(self, response_id: str, *, now: float) -> None:
        """Cancel a response whose block goes on, unless voice detection is about to."""
        self._cancels.cancel(response_id, now=now)

    # What the writer tells.

    def sending(self, outgoing: Outgoing, *, now: float) -> None:
        """The writer has taken a frame that may be answered."""
        if outgoing.type == "response.create":
            if not self._gate.is_owed:
                # What voice detection should have brought had its time, whoever asks now.
                self._pending.responses.expect_nothing()
            if outgoing.conversation != "none":
                ticket = self._ticket_of(outgoing.event_id)
                self._cancels.sent(ticket)
                self._gate.sent(outgoing.event_id, ticket)
        elif outgoing.type == "response.cancel":
            target = outgoing.response_id or self._pending.responses.active
            if target is not None:
                self._gate.cancelling(target, now)

    # What the reader tells.

    def note(self, event: Event, weight: int, *, now: float) -> None:
        """Take note of an event whose type is in `NOTED`, after the pending table has."""
        match kind := _type_of(event):
            case "response.created":
                self._note_created(event, now)
            case "response.done":
                self._note_done(event, weight, now)
            case "response.output_item.added":
                self._note_item(event)
            case "error":
                self._note_error(event, now)
            case _:
                note_detection(self._gate, kind, event, now=now)

    def route(self, event: Event, weight: int) -> bool:
        """Give the event to its response's listener; say whether it is the connection's instead."""
        if not self.are_routed:
            return True
        kind = _type_of(event)
        response_id = self._response_of(kind, event)
        if response_id is None:
            return True
        if response_id in self._doubts:
            self._doubts.keep(response_id, event, weight)
        handle = self._handles.get(response_id)
        if handle is None:
            return response_id not in self._stragglers
        handle.listener.take(event, weight)
        if kind == "response.done":
            handle.is_done = True
            if response_id in self._left:
                self._give_up(response_id)
        return False

    # Deadlines, and the end.

    @property
    def deadline(self) -> float:
        """When `advance` has something to do; infinite while it has not."""
        return min(self._gate.deadline, self._cancels.deadline, self._doubts.deadline)

    def advance(self, now: float) -> None:
        """Do what is due."""
        self._gate.advance(now)
        self._cancels.advance(now)
        for each in self._doubts.resolved(now):
            if self._pending.presume(each.place, each.created):
                self._note_answer(each.place.outgoing.event_id, each.events)

    @property
    def holds_unread(self) -> bool:
        """Whether a handle that somebody has read holds events that were not."""
        listeners = [*(handle.listener for handle in self._handles.values()), *self._adopted]
        return any(listener.holds_unread for listener in listeners)

    def end(self) -> None:
        """The connection is over: nobody waits for a turn any more, and no events will come."""
        self._is_over = True
        self._gate.fail()
        self._cancels.clear()
        self._expected.clear()
        self._doomed.clear()
        self._doubts.clear()
        for response_id in tuple(self._left):
            self._give_up(response_id)
        for handle in self._handles.values():
            handle.listener.end()
        if self.incoming is not None:
            self.incoming.end()

    def _note_created(self, event: Event, now: float) -> None:
        response_id, answered = self._pending.begun, self._pending.answered
        if response_id is None:
            return
        in_conversation = self._pending.responses.is_in_conversation(response_id)
        answers = None if answered is None else answered.outgoing.event_id
        is_unwanted = in_conversation and self._cancels.takes_next()
        if in_conversation:
            self._gate.created(response_id, now, answers=answers)
        if answers is not None:
            self._doubts.settle(answers)
        if answers is None:
            self._note_stranger(response_id, in_conversation)
        elif (expected := self._expected.pop(answers, None)) is not None:
            self._doubts.forget(answers)
            self._listen(response_id, expected.listener)
        elif answers in self._doomed:
            del self._doomed[answers]
            self._straggle(response_id)
            is_unwanted = is_unwanted or in_conversation or response_id != NAMELESS
        if is_unwanted:
            self._cancels.cancel(response_id, now=now)

    def _note_stranger(self, response_id: str, in_conversation: bool) -> None:
        """A response begins that answers no create of ours, for all we know."""
        if self.incoming is not None:
            listener = self.incoming.open(response_id, in_conversation=in_conversation)
            self._listen(response_id, listener)
        place = self._pending.responses.doubtful(response_id)
        if place is not None and place.outgoing.event_id in self._expected:
            self.are_routed = True
            self._doubts.begin(response_id, place.outgoing.event_id)

    def _note_done(self, event: Event, weight: int, now: float) -> None:
        finished, answered = self._pending.finished, self._pending.answered
        assert finished is not None
        response_id = finished.response_id
        kept = self._doubts.end(response_id or NAMELESS)
        unproven = self._pending.unproven
        if unproven is not None:
            self._doubts.linger(*unproven, [*kept, (event, weight)], now=now)
        self._cancels.done(response_id or NAMELESS)
        if finished.in_conversation or response_id is None:
            barge_in = (
                text_at(event, "response", "status") == "cancelled"
                and text_at(event, "response", "status_details", "reason") == "turn_detected"
            )
            self._gate.done(response_id, by_server_barge_in=barge_in, now=now)
        if answered is not None:
            self._note_answer(answered.outgoing.event_id, [*kept, (event, weight)])

    def _note_answer(self, event_id: str, events: list[tuple[Event, int]]) -> None:
        """A response that is over was the answer after all."""
        self._doomed.pop(event_id, None)
        self._doubts.settle(event_id)
        expected = self._expected.pop(event_id, None)
        if expected is not None:
            self._doubts.forget(event_id)
            self._adopt(expected.listener, events)
        self._gate.answered(event_id)

    def _adopt(self, listener: Listener, events: list[tuple[Event, int]]) -> None:
        """Hand over what was kept of a response, now that it ends."""
        self._adopted.append(listener)
        for event, weight in events:
            listener.take(event, weight)

    def _note_item(self, event: Event) -> None:
        item_id, response_id = text_at(event, "item", "id"), text_at(event, "response_id")
        if item_id is None or response_id is None:
            return
        self._items[item_id] = response_id
        if len(self._items) > _ITEMS:
            del self._items[next(iter(self._items))]

    def _note_error(self, event: Event, now: float) -> None:
        event_id = text_at(event, "error", "event_id")
        if event_id is None:
            return
        is_busy = says_busy(text_at(event, "error", "code"), text_at(event, "error", "message"))
        ticket, expected = self._ticket_of(event_id), self._expected.get(event_id)
        self._doomed.pop(event_id, None)
        self.forget(event_id)
        named = _NAMED_RESPONSE.search(text_at(event, "error", "message") or "")
        active = None if named is None else named.group()
        self._gate.refused(event_id, busy=is_busy, now=now, active=active)
        if ticket is None:
            return
        if expected is not None and expected.retries > 0:
            self._gate.requeue(ticket)
        else:
            self._gate.leave(ticket)

    def _ticket_of(self, event_id: str) -> Ticket | None:
        expected = self._expected.get(event_id)
        return self._doomed.get(event_id) if expected is None else expected.ticket

    def _listen(self, response_id: str, listener: Listener) -> None:
        self.are_routed = True
        self._handles[response_id] = _Handle(listener)

    def _straggle(self, response_id: str) -> None:
        self.are_routed = True
        # One without an id is not told apart from the next.
        self._stragglers.add(response_id or None)

    def _give_up(self, response_id: str) -> None:
        """Nothing more of this response concerns anybody."""
        self._left.pop(response_id, None)
        del self._handles[response_id]
        self._straggle(response_id)

    def _response_of(self, kind: str, event: Event) -> str | None:
        """The response that an event belongs to; None for events of the session."""
        if not kind.startswith("response."):
            return None
        if kind == "response.created":
            return text_at(event, "response", "id") or NAMELESS
        if kind == "response.done":
            finished = self._pending.finished
            assert finished is not None
            return finished.response_id or NAMELESS
        found: object = getattr(event, "response_id", None)
        if not isinstance(found, str):
            # Events of MCP calls name their item only.
            item_id = text_at(event, "item_id") or ""
            found = text_at(event, "response_id") or self._items.get(item_id)
        if NAMELESS in self._handles and not self._is_named(found):
            return NAMELESS
        return found

    def _is_named(self, response_id: str | None) -> bool:
        """Whether the server has given the id to a response that we know of."""
        return response_id is not None and self._pending.responses.is_known(response_id)


def _type_of(event: Event) -> str:
    kind = event.type
    if kind in TAGS:
        return text_at(event, "type") or ""
    return kind

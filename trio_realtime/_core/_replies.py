"""Which event goes to which handle of a response, and when a response is to be cancelled.

Told every frame of ours that the writer takes and every event of the server, this module moves the
gate and finds the listener of each response. A response goes through these states:

========  ==========================================  ===========================================
state     begins with                                 its events go
========  ==========================================  ===========================================
expected  `expect()`, before the frame is sent        (there are none)
claimed   a `response.created` that surely answers it  to its listener
doubtful  a `response.created` that may answer it     to whoever gets it otherwise, and are kept
left      `leave()`, before its `response.done`       to its listener, which delivers nothing
doomed    `doom()`: the caller has gone               nowhere; it is cancelled once its id is known
over      `response.done` and `leave()`               nowhere: stragglers are swallowed by id
========  ==========================================  ===========================================

It does not know tasks nor clocks (a reading of the clock is an argument), nor how a cancel is sent.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, final

from trio_realtime._core._outgoing import text_at, value_at
from trio_realtime._core._recent import RecentIds

if TYPE_CHECKING:
    from trio_realtime._core._gate import Gate, Ticket
    from trio_realtime._core._outgoing import Outgoing
    from trio_realtime._core._pending import Pending
    from trio_realtime.events import ServerEvent

INTERRUPTION_SECONDS: Final = 1.0
"""How long a response that voice detection is cutting off may take to end before a cancel of ours
is sent after all: several times a round trip. Sent at once, it could hit the next response."""

# Late events of a response come within seconds of its end.
_STRAGGLERS: Final = 256
# Items of responses that are under way, and of the last few that were.
_ITEMS: Final = 1024
# Responses that were left and whose end never came.
_LEFT: Final = 256

_BUSY: Final = "conversation_already_has_active_response"
# "Conversation already has an active response in progress: resp_..." (public reports).
_NAMED_RESPONSE: Final = re.compile(r"\bresp_\w+")

NAMELESS: Final = ""
"""Stands for the id of a response to which a server gave none."""

NOTED: Final = frozenset(
    {
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "error",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "response.created",
        "response.done",
        "response.output_item.added",
        "session.created",
        "session.updated",
    }
)
"""The types of events that `Replies.note` is to be told of; the others, nine in ten, only pass."""


class Listener(Protocol):
    """What takes the events of one response."""

    @property
    def holds_unread(self) -> bool:
        """Whether a view that somebody has read holds what was not."""
        ...

    def take(self, event: ServerEvent, weight: int) -> None:
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
        self.listener: Listener | None = listener
        """None once it is doomed."""
        self.ticket = ticket
        self.retries = retries


class _Doubtful:
    """The events of a response that may turn out to be the answer to a create of ours."""

    __slots__ = ("_held", "event_id", "kept")

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.kept: collections.deque[tuple[ServerEvent, int]] = collections.deque()
        self._held = 0

    def keep(self, event: ServerEvent, weight: int, limit: int) -> None:
        """Keep the event, and of those before it the newest that fit."""
        self.kept.append((event, weight))
        self._held += weight
        while self._held > limit and len(self.kept) > 1:
            self._held -= self.kept.popleft()[1]


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
    ) -> None:
        self._pending = pending
        self._gate = gate
        self._cancel = cancel
        self._backlog_bytes = backlog_bytes
        self._expected: dict[str, _Expected] = {}
        self._listeners: dict[str, Listener] = {}
        self._left: dict[str, None] = {}
        self._ended: set[str] = set()
        self._stragglers = RecentIds(_STRAGGLERS)
        self._doubtful: dict[str, _Doubtful] = {}
        self._items: dict[str, str] = {}
        self._late_cancels: dict[str, float] = {}
        self._cancels_next = False
        self._ever_routed = False
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
        self._forget_doubts(event_id)

    def doom(self, event_id: str) -> None:
        """The caller has gone and the frame has not: its response is cancelled once it is known."""
        expected = self._expected.get(event_id)
        if expected is not None:
            expected.listener = None
            self._forget_doubts(event_id)

    def leave(self, response_id: str, listener: Listener, *, now: float) -> bool:
        """The block of a response has ended; say whether a cancel is to be sent at once.

        None is where voice detection is about to end the response by itself: a cancel of ours
        might arrive after that, and hit the next response. Should it not end, `advance` cancels.
        """
        if response_id in self._ended:
            self._ended.discard(response_id)
            if self._listeners.get(response_id) is listener:
                del self._listeners[response_id]
            self._stragglers.add(response_id)
            return False
        self._left[response_id] = None
        if len(self._left) > _LEFT:
            self._give_up(next(iter(self._left)))
        if self._gate.is_interrupting(response_id):
            self._late_cancels[response_id] = now + INTERRUPTION_SECONDS
            return False
        self._gate.cancelling(response_id, now)
        return True

    def cancel_active(self, *, now: float) -> None:
        """Cancel whatever holds the default conversation, as soon as it is known."""
        active = self._gate.active
        if active is None:
            self._cancels_next = True
        else:
            self.cancel(active, now=now)

    def cancel(self, response_id: str, *, now: float) -> None:
        """Cancel a response whose block goes on, unless voice detection is about to."""
        if not self._gate.is_interrupting(response_id):
            self._gate.cancelling(response_id, now)
            self._cancel(response_id)

    # What the writer tells.

    def sending(self, outgoing: Outgoing, *, now: float) -> None:
        """The writer has taken a frame that may be answered."""
        if outgoing.type == "response.create" and outgoing.conversation != "none":
            expected = self._expected.get(outgoing.event_id)
            self._cancels_next = False
            self._gate.sent(outgoing.event_id, None if expected is None else expected.ticket)
        elif outgoing.type == "response.cancel":
            target = outgoing.response_id or self._pending.responses.active
            if target is not None:
                self._gate.cancelling(target, now)

    # What the reader tells.

    def note(self, event: ServerEvent, weight: int, *, now: float) -> None:
        """Take note of an event whose type is in `NOTED`, after the pending table has."""
        kind = _type_of(event)
        item_id = text_at(event, "item_id")
        match kind:
            case "response.created":
                self._note_created(event, now)
            case "response.done":
                self._note_done(event, weight, now)
            case "response.output_item.added":
                self._note_item(event)
            case "error":
                self._note_error(event, now)
            case "input_audio_buffer.speech_started":
                self._gate.speech_started()
            case "input_audio_buffer.speech_stopped" | "input_audio_buffer.timeout_triggered":
                self._gate.speech_stopped(item_id, now)
            case "input_audio_buffer.committed":
                self._gate.item_moved(item_id, is_done=False, now=now)
            case "input_audio_buffer.cleared":
                self._gate.input_cleared()
            case "session.created" | "session.updated":
                self._note_session(event)
            case _:
                item_id = text_at(event, "item", "id")
                is_done = kind == "conversation.item.done"
                self._gate.item_moved(item_id, is_done=is_done, now=now)

    def route(self, event: ServerEvent, weight: int) -> bool:
        """Give the event to its response's listener; say whether it is the connection's instead."""
        if not self._ever_routed:
            return True
        response_id = self._response_of(event)
        if response_id is None:
            return True
        doubtful = self._doubtful.get(response_id)
        if doubtful is not None:
            doubtful.keep(event, weight, self._backlog_bytes)
        listener = self._listeners.get(response_id)
        if listener is None:
            return response_id not in self._stragglers
        listener.take(event, weight)
        if _type_of(event) == "response.done":
            self._note_end(response_id)
        return False

    # Deadlines, and the end.

    @property
    def deadline(self) -> float:
        """When `advance` has something to do; infinite while it has not."""
        return min(self._gate.deadline, *self._late_cancels.values(), math.inf)

    def advance(self, now: float) -> None:
        """Do what is due."""
        self._gate.advance(now)
        due = [each for each, deadline in self._late_cancels.items() if deadline <= now]
        for response_id in due:
            del self._late_cancels[response_id]
            self._gate.cancelling(response_id, now)
            self._cancel(response_id)

    @property
    def holds_unread(self) -> bool:
        """Whether a handle that somebody has read holds events that were not."""
        return any(listener.holds_unread for listener in self._listeners.values())

    def end(self) -> None:
        """The connection is over: nobody waits for a turn any more, and no events will come."""
        self._gate.fail()
        for listener in self._listeners.values():
            listener.end()
        if self.incoming is not None:
            self.incoming.end()

    def _note_created(self, event: ServerEvent, now: float) -> None:
        response_id = text_at(event, "response", "id") or NAMELESS
        responses, answered = self._pending.responses, self._pending.answered
        in_conversation = responses.is_in_conversation(response_id)
        answers = None if answered is None else answered.outgoing.event_id
        expected = self._expected.pop(answers, None) if answers is not None else None
        if in_conversation:
            self._gate.created(response_id, now, answers=answers)
        elif answers is not None:
            self._gate.answered(answers)
        if answers is None and self.incoming is not None:
            self._listen(
                response_id, self.incoming.open(response_id, in_conversation=in_conversation)
            )
        if in_conversation and self._cancels_next:
            self._cancels_next = False
            self._gate.cancelling(response_id, now)
            self._cancel(response_id)
        if expected is None:
            self._note_doubt(response_id)
        elif expected.listener is not None:
            self._listen(response_id, expected.listener)
        else:
            self._straggle(response_id)
            self._gate.cancelling(response_id, now)
            self._cancel(response_id)

    def _note_done(self, event: ServerEvent, weight: int, now: float) -> None:
        finished, answered = self._pending.finished, self._pending.answered
        assert finished is not None
        response_id = finished.response_id
        doubtful = self._doubtful.pop(response_id or NAMELESS, None)
        if answered is not None:
            expected = self._expected.pop(answered.outgoing.event_id, None)
            if expected is not None and expected.listener is not None and doubtful is not None:
                self._adopt(response_id or NAMELESS, expected.listener, doubtful, event, weight)
        self._late_cancels.pop(response_id or NAMELESS, None)
        if finished.in_conversation or response_id is None:
            barge_in = (
                text_at(event, "response", "status") == "cancelled"
                and text_at(event, "response", "status_details", "reason") == "turn_detected"
            )
            self._gate.done(response_id, by_server_barge_in=barge_in, now=now)
        if answered is not None:
            self._gate.answered(answered.outgoing.event_id)

    def _adopt(
        self,
        response_id: str,
        listener: Listener,
        doubtful: _Doubtful,
        event: ServerEvent,
        weight: int,
    ) -> None:
        """A response was the answer after all: hand over what was kept of it, now that it ends."""
        for earlier, its_weight in doubtful.kept:
            listener.take(earlier, its_weight)
        listener.take(event, weight)
        self._ended.add(response_id)

    def _note_item(self, event: ServerEvent) -> None:
        item_id, response_id = text_at(event, "item", "id"), text_at(event, "response_id")
        if item_id is None or response_id is None:
            return
        self._items[item_id] = response_id
        if len(self._items) > _ITEMS:
            del self._items[next(iter(self._items))]

    def _note_error(self, event: ServerEvent, now: float) -> None:
        event_id = text_at(event, "error", "event_id")
        if event_id is None:
            return
        is_busy = text_at(event, "error", "code") == _BUSY
        expected = self._expected.get(event_id)
        self.forget(event_id)
        named = _NAMED_RESPONSE.search(text_at(event, "error", "message") or "")
        active = None if named is None else named.group()
        self._gate.refused(event_id, busy=is_busy, now=now, active=active)
        if expected is not None and expected.ticket is not None:
            if expected.retries > 0 and expected.listener is not None:
                self._gate.requeue(expected.ticket)
            else:
                self._gate.leave(expected.ticket)

    def _note_session(self, event: ServerEvent) -> None:
        detection = value_at(event, "session", "audio", "input", "turn_detection")
        # Both are on unless the server says otherwise (API reference, turn detection).
        self._gate.learn_session(
            creates=value_at(detection, "create_response") is not False,
            interrupts=value_at(detection, "interrupt_response") is not False,
        )

    def _note_doubt(self, response_id: str) -> None:
        place = self._pending.responses.doubtful(response_id)
        if place is not None and place.outgoing.event_id in self._expected:
            self._ever_routed = True
            self._doubtful[response_id] = _Doubtful(place.outgoing.event_id)

    def _forget_doubts(self, event_id: str) -> None:
        doubts = [each for each, it in self._doubtful.items() if it.event_id == event_id]
        for response_id in doubts:
            del self._doubtful[response_id]

    def _listen(self, response_id: str, listener: Listener) -> None:
        self._ever_routed = True
        self._listeners[response_id] = listener

    def _straggle(self, response_id: str) -> None:
        self._ever_routed = True
        self._stragglers.add(response_id)

    def _note_end(self, response_id: str) -> None:
        if response_id in self._left:
            self._give_up(response_id)
        else:
            self._ended.add(response_id)

    def _give_up(self, response_id: str) -> None:
        """Nothing more of this response concerns anybody."""
        del self._left[response_id]
        del self._listeners[response_id]
        self._straggle(response_id)

    def _response_of(self, event: ServerEvent) -> str | None:
        """The response that an event belongs to; None for events of the session."""
        kind = _type_of(event)
        if not kind.startswith("response."):
            return None
        if kind == "response.created":
            return text_at(event, "response", "id") or NAMELESS
        if kind == "response.done":
            finished = self._pending.finished
            assert finished is not None
            return finished.response_id or NAMELESS
        found: object = getattr(event, "response_id", None)
        if isinstance(found, str):
            return found
        # Events of MCP calls name their item only.
        return text_at(event, "response_id") or self._items.get(text_at(event, "item_id") or "")


def _type_of(event: ServerEvent) -> str:
    if event.type == "<unknown>":
        return event.wire_type
    if event.type == "<invalid>":
        return text_at(event, "type") or ""
    return event.type

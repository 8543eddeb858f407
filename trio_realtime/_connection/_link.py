"""The state of one connection, and the laws of losing and of leaving it.

Everything here is synchronous: one task calls at a time, and nothing can happen in between. The
tasks that wait are in `_plumbing`; the calls that programs make are in `_shell`. The link does not
know how frames travel, and what they mean it asks of `_core`.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol, final

import outcome
import trio

from trio_realtime._connection._frames import OutgoingFrame, cancel_of, frame_from_event
from trio_realtime._connection._outbox import Entry, Outbox
from trio_realtime._connection._streams import Delivery, EventStream
from trio_realtime._core._budget import Budget
from trio_realtime._core._gate import Gate
from trio_realtime._core._loss import Loss, kind_of_close
from trio_realtime._core._mirror import MIRRORED, Mirror
from trio_realtime._core._outgoing import value_at
from trio_realtime._core._pending import TELLING, Outgoing, Pending, Place, Verdict
from trio_realtime._core._replies import NOTED, Replies
from trio_realtime._core._shapes import GA, Shapes
from trio_realtime._core._token import without_token
from trio_realtime._core._usage import METERED, UsageMeter
from trio_realtime._core._verdict import FATAL_CODES, error_from_event
from trio_realtime._options import Options
from trio_realtime._redaction import redact
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime.errors import (
    CloseInfo,
    ConnectionClosedError,
    Frame,
    ServerError,
)
from trio_realtime.events import ClientEvent, Error, InvalidEvent

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

log: Final = logging.getLogger("trio_realtime")

_KEPT: Final = METERED | MIRRORED

_SESSIONS: Final = frozenset(
    {
        "session.created",
        "session.updated",
        "transcription_session.created",
        "transcription_session.updated",
    }
)
"""The types of the events that tell the session in effect, in any dialect."""

_TELLING: Final = TELLING | NOTED | _KEPT | _SESSIONS | {"<invalid>"}
"""The types of the events that tell the connection itself something. What is not here, nine in ten,
is put where it belongs without another look."""


class Tap(Protocol):
    """Who follows every event beside the connection's stream: a tap, or what makes more of them."""

    @property
    def holds_unread(self) -> bool:
        """Whether somebody has read here and left something behind."""
        ...

    def deliver(self, delivery: Delivery[Event], weight: int) -> None:
        """Take the next event; never waits."""

    def end(self) -> None:
        """No more will come."""


@final
class Link:
    """One connection, from the first try to the last byte."""

    def __init__(
        self,
        *,
        options: Options,
        raises_errors: bool,
        url: str,
        secrets: Collection[str],
        mirror: bool = False,
    ) -> None:
        self.options: Options = options
        self.raises_errors: bool = raises_errors
        self.shapes: Shapes = GA
        """What is made up here, in the words of the dialect."""
        self.url: str = url
        self.secrets: Collection[str] = secrets

        self.scope: trio.CancelScope = trio.CancelScope(shield=True)
        """The plumbing's scope. Shielded, for the body's `finally` clauses still need the line:
        only the link itself ends it."""
        self.transport: Transport | None = None
        self.session: object = None
        """The newest effective session, as its dialect has it; None until it is told."""
        self.meter: UsageMeter = UsageMeter()
        self.mirror: Mirror | None = Mirror() if mirror else None

        self.budget: Budget = Budget(options.inbox_bytes)
        self.pending: Pending = Pending(secrets)
        self.gate: Gate = Gate(cancel_timeout=options.cancel_timeout)
        self.replies: Replies = Replies(
            self.pending,
            self.gate,
            cancel=self.cancel_response,
            backlog_bytes=options.backlog_bytes,
            doubt_seconds=options.cancel_timeout,
        )
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        """Where the plumbing and the opening wait, each for what it looks at: one for all that
        seldom changes, for every event of its own is paid for by each idle connection."""
        self.watched_deadline: float = math.inf
        """The deadline of `replies` that the plumbing waits for."""
        self.outbox: Outbox = Outbox(options.outbox_bytes)
        self.stream: EventStream[Event] = self._new_stream(options.backlog_bytes, is_tap=False)
        self.taps: list[Tap] = []
        self.room: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self.reader_paused: bool = False
        self.lets_catch_up: bool = False
        """Whether the reader waits a moment for a program that is behind."""
        self.said_paused: bool = False
        self.resumed_at: float = trio.current_time()
        """When the reader last went on after a pause; the heartbeat starts afresh there."""

        # Opening: plumbing never raises here, it stores facts and wakes the opening task.
        self.stage: str = "tcp"
        self.connect_error: Exception | None = None
        self.has_session: bool = False
        """Whether a session was announced, valid or not."""
        self.refusal: ServerError | None = None
        self.is_open: bool = False
        self.opens_at: Literal["connected", "session.created", "session.updated"] = "connected"
        """What makes the link count as open."""
        self.opening_scope: trio.CancelScope = trio.CancelScope()
        """Cancelled by what ends the opening early: a refusal, a loss, a failed connect."""

        # Losing.
        self.loss: Loss | None = None
        self.over: trio.Event = trio.Event()
        """Set when the connection is lost, or closed by us."""
        self.writing_has_failed: bool = False
        """What came before that may still be read."""
        self.reading_has_ended: bool = False
        self.lost_at: float = math.inf
        self.was_told: bool = False
        self.left_unsent: tuple[Frame, ...] = ()
        """Frames of `send_nowait`, for which nobody waits, that could not be written."""
        self.touched_at: float = -math.inf
        self._last_fatal_code: str | None = None

        # Leaving.
        self.is_leaving: bool = False
        self.patience: trio.CancelScope = trio.CancelScope()
        """Around the wait for the peer's CLOSE: cancelled by an exception that passes through."""
        self.body_ended_normally: bool = False
        self.close_code: int = 1000
        self.close_reason: str = ""
        self.closed: trio.Event = trio.Event()
        """Set when no task, socket or file descriptor of ours remains."""

    # ---- What streams ask (StreamOwner) ----

    def touch(self) -> None:
        """Note that the program has made a call: it has not forgotten us."""
        if self.loss is not None:
            self.touched_at = trio.current_time()
            self.changed.unpark_all()

    def room_changed(self) -> None:
        """Wake the reader if it waits for room or for a reason to read on."""
        budget = self.budget
        if (self.reader_paused and budget.may_read) or (self.lets_catch_up and budget.is_caught_up):
            self.room.unpark_all()

    def end_error(self) -> ConnectionClosedError | None:
        """Why the events have ended: a new exception, or None for a quiet end."""
        if self.loss is None or self.loss.quiet:
            return None
        return self.tell()

    # ---- Events ----

    def dispatch(self, event: Event, weight: int) -> None:
        """Settle who waits, then put the event into every buffer it belongs to; never waits."""
        verdict, error = Verdict.DELIVER, None
        if event.type in _TELLING:
            event, verdict, error = self._note(event, weight)
        # An outcome each: one can be unwrapped only once.
        for tap in self.taps:
            tap.deliver(outcome.Value(event), weight)
        if self.replies.are_routed and not self.replies.route(event, weight):
            return
        if verdict is Verdict.DELIVER or (verdict is Verdict.YOURS and not self.raises_errors):
            self.stream.deliver(outcome.Value(event), weight)
        elif verdict is Verdict.YOURS:
            assert error is not None
            self.stream.deliver(outcome.Error(error), weight)

    def _note(self, event: Event, weight: int) -> tuple[Event, Verdict, ServerError | None]:
        """Settle who waits for an event, and keep what it tells.

        Returns:
            The event as a program sees it, what becomes of it, and the error that it is.
        """
        if event.type in _KEPT:
            self.meter.receive(event)
            if self.mirror is not None:
                self.mirror.receive(event)
        verdict = self.pending.receive(event)
        if event.type in NOTED or event.type == "<invalid>":
            # Before anybody is handed the event, which a listener may be already when it is noted.
            event = without_token(event)
            self.replies.note(event, weight, now=trio.current_time())
            self.note_deadline()
        error: ServerError | None = None
        if isinstance(event, Error) or (
            isinstance(event, InvalidEvent) and event.wire_type == "error"
        ):
            error = error_from_event(event, self.secrets)
            self._note_error(error, verdict)
        elif event.type in _SESSIONS:
            self.session = value_at(event, "session")
            self._note_session(event.type)
        elif isinstance(event, InvalidEvent) and event.wire_type in _SESSIONS:
            # Opening looks at the type alone: a compatible server's session may not validate.
            self._note_session(event.wire_type or "")
        return event, verdict, error

    def note_connected(self, transport: Transport) -> None:
        """The upgrade is done."""
        self.transport = transport
        self.is_open = self.opens_at == "connected"
        self.changed.unpark_all()

    def _note_session(self, kind: str) -> None:
        self.has_session = True
        self.changed.unpark_all()
        # At once, and not when the opening task runs: what comes next is the program's. An update
        # before ours is asked for is somebody else's.
        if self.opens_at == "session.created" or kind == self.opens_at == self.stage:
            self.is_open = True

    def _note_error(self, error: ServerError, verdict: Verdict) -> None:
        # Every one, also one that nobody reads (promise 5). What the library itself sent too late
        # is nobody's affair.
        log.log(
            logging.DEBUG if verdict is Verdict.ABSORBED else logging.WARNING,
            "server error %s: %s (caused by %s)",
            error.code or error.type,
            error.message,
            error.event_id or "no frame it names",
        )
        if error.code in FATAL_CODES:
            self._last_fatal_code = error.code
        if not self.is_open and error.event_id is None and self.refusal is None:
            self.refusal = error
            self.opening_scope.cancel()

    # ---- Responses ----

    def sending(self, subject: Place | Outgoing) -> None:
        """The writer has taken a frame that may be answered."""
        self.pending.sending(subject)
        outgoing = subject.outgoing if isinstance(subject, Place) else subject
        if outgoing.type in ("response.create", "response.cancel"):
            self.replies.sending(outgoing, now=trio.current_time())
            self.note_deadline()

    def send_own(self, events: Sequence[ClientEvent]) -> None:
        """Send a group of the library's own: past the limit if need be, and without waiting.

        Their errors that say "too late" are absorbed. Nothing is sent once the link is ending.
        """
        if not events or self.loss is not None or self.is_leaving:
            return
        frames: list[OutgoingFrame] = []
        for event in events:
            frame = frame_from_event(event)
            assert isinstance(frame.subject, Outgoing)
            frames.append(frame._replace(subject=Place(frame.subject, own=True)))
        self.outbox.add(Entry(frames, is_awaited=False, is_own=True))

    def cancel_response(self, response_id: str) -> None:
        """Cancel a response by its id, on the library's own account."""
        self.send_own([cancel_of(response_id)])

    def note_deadline(self) -> None:
        """Tell the plumbing if `replies` has something to do sooner than it waits for."""
        if self.replies.deadline < self.watched_deadline:
            self.changed.unpark_all()

    # ---- Losing ----

    def lose(self, facts: TransportClosed) -> None:
        """The transport says that the link is over."""
        info = CloseInfo(facts.code, redact(facts.reason, self.secrets), facts.closed_by)
        if facts.too_big:
            limit = self.options.max_message_bytes
            self.fail(Loss(info, "too_big", limit=limit, url=self.url))
            return
        # What was said to be over may end in any way.
        quiet = self.is_open and (
            self.pending.session_closed
            or (info.code == 1000 and info.closed_by == "server" and not self.pending.outstanding)
        )
        fatal = self._last_fatal_code
        detail = "" if fatal is None else f"after the error {fatal}"
        if facts.cause is not None:
            detail = redact(_said(facts.cause), self.secrets)
        kind = kind_of_close(info, fatal)
        self.fail(Loss(info, kind, quiet=quiet, detail=detail, url=self.url, cause=facts.cause))

    def fail(self, loss: Loss) -> None:
        """Store the facts once, and wake everybody that waits, each with its own error."""
        if self.loss is not None or self.is_leaving:
            return
        queued, current = self.outbox.queued, self.outbox.being_written
        waiting = tuple(name for name in self.pending.waiting if name not in queued)
        written = tuple(name for name in self.pending.uncertain if name not in current)
        self.loss = dataclasses.replace(
            loss,
            unsent=queued + waiting,
            uncertain=current + written,
        )
        log.info("connection over: %s", self.loss.error())
        self.lost_at = trio.current_time()
        self.opening_scope.cancel()
        self._end_everything(self.loss.error)

    def tell(self) -> ConnectionClosedError:
        """Make the error of the loss for somebody; from now on it counts as told."""
        assert self.loss is not None
        self.was_told = True
        self.changed.unpark_all()
        return self.loss.error()

    def note_told(self) -> None:
        """Note that a call is about to raise the loss."""
        if self.loss is not None:
            self.was_told = True
            self.changed.unpark_all()

    def silence_left(self) -> float:
        """Seconds until the nursery must be told of the loss; infinite while there is no need.

        It is told when no call has raised the loss, no stream that was ever read holds an
        undelivered event, and `Options.failure_grace` has passed since the loss and since the
        program's last call.
        """
        grace = self.options.failure_grace
        assert self.loss is not None
        if self.was_told or self.loss.quiet or grace is None:
            return math.inf
        if self.replies.holds_unread:
            return math.inf
        if any(stream.holds_unread for stream in (self.stream, *self.taps)):
            return math.inf
        return max(self.lost_at, self.touched_at) + grace - trio.current_time()

    # ---- Leaving ----

    def leave(
        self, how: Literal["normally", "failing", "early"], code: int = 1000, reason: str = ""
    ) -> None:
        """Begin to close. Nothing is awaited here, so closing cannot swap anybody's exception.

        Args:
            how: `"normally"`: the body has ended; an outer cancellation makes the rest forceful at
                once. `"failing"`: an exception passes through; the outbox and CLOSE are written,
                the peer is not waited for. `"early"`: `aclose()` inside the body.
            code: The close code.
            reason: The close reason.
        """
        if not self.is_leaving:
            self.close_code, self.close_reason = code, reason
            # A deadline on a shield: the server is owed a close frame, not our patience.
            self.scope.deadline = trio.current_time() + self.options.close_timeout
            self.is_leaving = True
            # Answers that arrive from now on are dropped, so nobody may go on waiting for one.
            self.pending.fail(self._unanswered())
            self.gate.fail()
            # While closing, what arrives is read and dropped, so the reader never stops.
            self.budget.waiting += 1
            self.room_changed()
            self.changed.unpark_all()
        if how == "failing":
            # Also when `aclose()` has begun to wait in another task.
            self.patience.cancel()
        if how == "normally":
            self.body_ended_normally = True
            self.scope.shield = False

    def finish(self) -> None:
        """The plumbing has ended: whoever still waits is told so."""
        if self.loss is None:
            unsent, uncertain = self.outbox.queued, self.outbox.being_written
            self._end_everything(lambda: self._closed_by_us(unsent=unsent, uncertain=uncertain))
        self.closed.set()

    def unsent_error(self) -> ConnectionClosedError | None:
        """What a normal end must not hide: frames of `send_nowait` that were not written.

        None when there are none, or when somebody was told of the loss that kept them here.
        """
        if not self.left_unsent or self.was_told:
            return None
        self.was_told = True
        if self.loss is not None:
            return self.loss.error()
        return ConnectionClosedError(
            self._our_close,
            unsent=self.left_unsent,
            url=self.url,
            detail="`Options.close_timeout` passed before they were written",
        )

    # ---- The gate of every call ----

    def check_open(self) -> None:
        """Raise unless frames may be handed over.

        Raises:
            ConnectionClosedError: if the connection is lost, closing or closed.
        """
        self.touch()
        if self.loss is not None:
            raise self.tell()
        if self.is_leaving:
            raise self._closed_by_us()

    @property
    def request_id(self) -> str | None:
        """The server's id of the upgrade, for its support."""
        headers = () if self.transport is None else self.transport.response_headers
        return next((value for name, value in headers if name.lower() == "x-request-id"), None)

    @property
    def close_info(self) -> CloseInfo | None:
        """How the connection ended; None while it is open."""
        if self.loss is not None:
            return self.loss.info
        return self._our_close if self.closed.is_set() else None

    @property
    def _our_close(self) -> CloseInfo:
        return CloseInfo(self.close_code, self.close_reason, "us")

    def _closed_by_us(
        self, *, unsent: tuple[Frame, ...] = (), uncertain: tuple[Frame, ...] = ()
    ) -> ConnectionClosedError:
        return ConnectionClosedError(
            self._our_close, unsent=unsent, uncertain=uncertain, url=self.url
        )

    def _unanswered(self) -> Callable[[], ConnectionClosedError]:
        """Make the errors for requests at our close. What the outbox holds is still written."""
        queued = self.outbox.queued
        unsent = tuple(name for name in self.pending.waiting if name not in queued)
        unanswered = tuple(name for name in self.pending.waiting if name in queued)
        uncertain = self.pending.uncertain + unanswered
        return lambda: self._closed_by_us(unsent=unsent, uncertain=uncertain)

    def _end_everything(self, make_error: Callable[[], ConnectionClosedError]) -> None:
        self.left_unsent = self.outbox.unawaited
        self.outbox.fail(make_error)
        self.pending.fail(make_error)
        self.stream.end()
        self.replies.end()
        for tap in self.taps:
            tap.end()
        self.note_over()

    def note_over(self) -> None:
        """Nothing more will be carried."""
        self.over.set()
        self.changed.unpark_all()

    def _new_stream(self, backlog_bytes: int, *, is_tap: bool) -> EventStream[Event]:
        return EventStream(self, backlog_bytes=backlog_bytes, is_tap=is_tap)


def _said(cause: BaseException) -> str:
    return str(cause) or type(cause).__name__

"""Asking for one response: its turn, its frames, its begin, and how its block is left.

The choreography of `respond()`. Everything that has a law is asked of `_core`: whose turn it is
(the gate), which response is the answer (the pending table), where its events go (`Replies`).
Leaving waits for nothing; the connection sends what has to be sent, and keeps the deadlines.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import outcome
import trio

from trio_realtime._connection import Caller, Link
from trio_realtime._connection._frames import OutgoingFrame, cancel_of
from trio_realtime._connection._outbox import Entry
from trio_realtime._core._gate import Ticket
from trio_realtime._core._outgoing import text_at
from trio_realtime._core._pending import Outgoing, Place
from trio_realtime._core._replies import NAMELESS
from trio_realtime._core._verdict import says_busy
from trio_realtime._response._question import Question
from trio_realtime._response._reply import Reply, dropped_reply
from trio_realtime._response._sink import ReplySink
from trio_realtime.errors import ConnectionClosedError, ServerError
from trio_realtime.events import ConversationItemTruncate

if TYPE_CHECKING:
    from trio_realtime.events import ClientEvent

WhenBusy: TypeAlias = Literal["wait", "cancel", "raise"]
"""What to do when another response is under way in the default conversation."""

_RETRIES: Final = 3
"""How often a create is asked again that the server refused for being busy. Each time the response
that was in the way is over, so that one retry is what it takes; three are for bad luck."""


@final
class Asking:
    """One `respond()`, from its call to the end of its block."""

    def __init__(self, link: Link, caller: Caller, question: Question, when_busy: WhenBusy) -> None:
        self._link: Link = link
        self._caller: Caller = caller
        self._question: Question = question
        self._when_busy: WhenBusy = when_busy
        self._sink: ReplySink = ReplySink(link, in_conversation=not question.is_out_of_band)
        self._woken: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._ticket: Ticket | None = None
        """The place in line, in the default conversation."""
        self._gift: Entry | None = None
        """The items alone, once the request has given way."""
        self._items: tuple[Place, ...] = ()
        """The places of the items, once they were handed over: that happens once."""
        self._create: Place | None = None
        """The place of the `response.create` that was handed over last."""
        self._watched: str | None = None
        """The response, while its block is open and none of its items was refused."""
        self._is_cancelled: bool = False

    async def enter(self) -> Reply:
        """Wait for the turn, ask, and wait for `response.created`; see `respond()`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._link.check_open()
        if self._question.is_out_of_band:
            return await self._ask(None, retries=0)
        ticket = self._ticket = self._link.gate.queue(self._wake)
        if ticket.state == "waiting":
            self._note_busy(ticket)
        retries = 0 if self._when_busy == "raise" else _RETRIES
        while True:
            await self._wait_for_turn(ticket)
            if ticket.state == "dropped":
                return await self._give_way()
            self._link.check_open()
            try:
                return await self._ask(ticket, retries=retries)
            except ServerError as error:
                if not says_busy(error.code, error.message):
                    raise
                if self._when_busy == "raise":
                    raise _busy_error() from error
                if ticket.state == "over":
                    raise
                retries -= 1

    def leave(self) -> None:
        """End the response if it is not over: cut off what was not heard, cancel the rest.

        Nothing is awaited, and nothing here can fail.
        """
        for place in self._items:
            self._link.pending.abandon(place)
        if self._gift is not None:
            self._link.outbox.withdraw(self._gift)
        # Also when the answer came in the moment in which the caller went: nobody else ends it.
        response_id = self._response_id
        if response_id is None:
            self._sink.leave()
        else:
            end_response(self._link, self._sink, response_id, is_cancelled=self._is_cancelled)

    def _note_busy(self, ticket: Ticket) -> None:
        if self._when_busy == "raise":
            self._link.gate.leave(ticket)
            raise _busy_error()
        if self._when_busy == "cancel":
            self._link.replies.cancel_active(now=trio.current_time())
            self._link.note_deadline()

    async def _wait_for_turn(self, ticket: Ticket) -> None:
        link = self._link
        link.budget.waiting += 1
        link.room_changed()
        try:
            while ticket.state == "waiting" and self._refused_item() is None:
                await self._woken.park()
        except (trio.Cancelled, KeyboardInterrupt):
            link.gate.leave(ticket)
            raise
        finally:
            link.budget.waiting -= 1
        if (refusal := self._refused_item()) is not None:
            # Late: its create was refused for being busy, and is not made again.
            link.gate.leave(ticket)
            raise refusal

    async def _give_way(self) -> Reply:
        """The user's own turn is answered instead: only the items are sent."""
        reply = dropped_reply(self._sink)
        if self._gift is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._caller.wait_written(self._gift)
        return reply

    async def _ask(self, ticket: Ticket | None, *, retries: int) -> Reply:
        """Hand over the group and wait for the answer. Nothing is awaited before that."""
        link = self._link
        frames: list[OutgoingFrame] = []
        if not self._items:
            frames = [self._placed(frame) for frame in self._question.item_frames()]
            self._items = tuple(each.subject for each in frames if isinstance(each.subject, Place))
        create = self._placed(self._question.create_frame(), after=self._items)
        assert isinstance(create.subject, Place)
        place = self._create = create.subject
        link.replies.expect(create.event_id, self._sink, ticket, retries=retries)
        entry = Entry([*frames, create], is_awaited=True)
        link.outbox.add(entry)
        link.budget.waiting += 1
        link.room_changed()
        try:
            while place.result is None and self._refused_item() is None:
                await self._woken.park()
        except (trio.Cancelled, KeyboardInterrupt):
            if link.outbox.withdraw(entry):
                link.replies.forget(create.event_id)
                if ticket is not None:
                    link.gate.leave(ticket)
            elif isinstance(place.result, outcome.Error) and ticket is not None:
                # Refused in this very moment: the ticket may stand in line again.
                link.gate.leave(ticket)
            else:
                link.replies.doom(create.event_id)
            link.pending.abandon(place)
            raise
        finally:
            link.budget.waiting -= 1
        return self._begin(place)

    def _begin(self, place: Place) -> Reply:
        """The answer is in, or one of the items was refused before it."""
        link, refusal = self._link, self._refused_item()
        if place.result is None:
            link.replies.doom(place.outgoing.event_id)
            link.pending.abandon(place)
            assert refusal is not None
            raise refusal
        try:
            place.result.unwrap()
        except ConnectionClosedError:
            link.note_told()
            raise
        if refusal is not None:
            raise refusal
        self._watched = self._response_id
        return Reply(self._sink)

    def _placed(self, frame: OutgoingFrame, *, after: tuple[Place, ...] = ()) -> OutgoingFrame:
        """Give a frame its place in the order of answers."""
        assert isinstance(frame.subject, Outgoing)
        return frame._replace(
            subject=self._link.pending.ask(frame.subject, self._wake, after=after)
        )

    @property
    def _response_id(self) -> str | None:
        """The response that answers, once there is one."""
        result = None if self._create is None else self._create.result
        if not isinstance(result, outcome.Value):
            return None
        return text_at(result.value, "response", "id") or NAMELESS

    def _refused_item(self) -> ServerError | None:
        for place in self._items:
            result = place.result
            if isinstance(result, outcome.Error) and isinstance(result.error, ServerError):
                return result.error
        return None

    def _wake(self) -> None:
        self._woken.unpark_all()
        if self._ticket is not None and self._ticket.state == "dropped":
            self._hand_over_gift()
        watched, refusal = self._watched, self._refused_item()
        if watched is not None and refusal is not None:
            # Its response has begun already; it answers a question that was not put like that.
            self._watched, self._is_cancelled = None, True
            self._sink.refuse(partial(_again, refusal))
            self._link.replies.cancel(watched, now=trio.current_time())

    def _hand_over_gift(self) -> None:
        # When it is woken: all who give way run at once, but are woken in the order of the line.
        frames = () if self._items else self._question.item_frames()
        if frames:
            self._gift = Entry(frames, is_awaited=True)
            self._link.outbox.add(self._gift)


def end_response(
    link: Link, sink: ReplySink, response_id: str, *, is_cancelled: bool = False
) -> None:
    """End a handle: what was not heard is cut off, and what is not over is cancelled, as one group.

    Nothing is awaited, and nothing is sent on a connection that is ending.
    """
    cuts = sink.leave()
    is_due = link.replies.leave(response_id, sink, now=trio.current_time())
    events: list[ClientEvent] = [
        ConversationItemTruncate(
            item_id=cut.item_id, content_index=cut.content_index, audio_end_ms=cut.audio_end_ms
        )
        for cut in cuts
    ]
    if is_due and not is_cancelled:
        events.append(cancel_of(response_id))
    link.send_own(events)
    link.note_deadline()


def _busy_error() -> trio.WouldBlock:
    return trio.WouldBlock("another response is under way in the default conversation")


def _again(error: ServerError) -> ServerError:
    """The same error once more: each raise adds to an exception what is its own."""
    return ServerError(
        type=error.type,
        code=error.code,
        message=error.message,
        param=error.param,
        event_id=error.event_id,
        event=error.event,
    )

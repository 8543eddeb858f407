"""Who waits for which answer: one table for every frame that the server acknowledges.

Rule 1: every waiter is settled exactly once, by its acknowledgement, by an error that names it, or
by the loss of the connection; or it goes away by itself. Rule 2: every frame sent takes its place,
awaited or not, so that an answer to one is never given to another. Rule 3: nothing here grows with
the length of a session.

The table does not know tasks, nor clocks. The writer tells it what it takes, the reader tells it
every event in the order of the wire, and it wakes callers by a function they leave with it.

Of the kinds that are matched by order alone, one request at a time is on the wire: the error of an
empty commit has been measured to arrive after the `committed` of the next one, so with two of them
under way the second answer would go to the first caller, and the second would wait for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, NamedTuple, final

from outcome import Error as Failure, Value

from trio_realtime._core._items import Items
from trio_realtime._core._outgoing import Outgoing, outgoing_from_event, text_at
from trio_realtime._core._place import Place
from trio_realtime._core._recent import RecentIds
from trio_realtime._core._responses import Finished, Responses
from trio_realtime._core._verdict import Verdict, error_from_event, is_ours_too_late, is_yours

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

__all__ = ["TELLING", "Outgoing", "Pending", "Place", "Verdict", "outgoing_from_event"]

_CREATE_ITEM: Final = "conversation.item.create"
_DELETE: Final = "conversation.item.delete"
_RETRIEVE: Final = "conversation.item.retrieve"
_TRUNCATE: Final = "conversation.item.truncate"
_COMMIT: Final = "input_audio_buffer.commit"
_CLEAR: Final = "input_audio_buffer.clear"
_CLEAR_OUTPUT: Final = "output_audio_buffer.clear"
_CREATE: Final = "response.create"
_CANCEL: Final = "response.cancel"
_UPDATE: Final = "session.update"
_UPDATE_TRANSCRIPTION: Final = "transcription_session.update"
_CLOSE: Final = "session.close"

# Whether one request of the kind at a time is on the wire.
_ONE_AT_A_TIME: Final = {
    _CREATE_ITEM: False,
    _DELETE: False,
    _RETRIEVE: False,
    _TRUNCATE: False,
    _COMMIT: True,
    _CLEAR: True,
    _CLEAR_OUTPUT: True,
    _CREATE: False,
    _CANCEL: False,
    _UPDATE: True,
    _UPDATE_TRANSCRIPTION: True,
    _CLOSE: True,
}

TELLING: Final = frozenset(
    {
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "error",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "output_audio_buffer.cleared",
        "response.created",
        "response.done",
        "response.output_item.added",
        "session.closed",
        "session.created",
        "session.updated",
        "transcription_session.updated",
    }
)
"""The types of the server events that tell the table something; the others, nine in ten, are not
looked at."""

# Late errors come within a round trip or two; 256 requests are minutes of any conversation.
_SETTLED: Final = 256
# A server that never acknowledges a kind must not cost memory.
_UNANSWERED: Final = 1024
# The error of an empty commit comes about a second late: few commits fit in between.
_PRESUMED: Final = 16
# What is told twice is told twice within moments.
_COMMITTED: Final = 256


class _Presumed(NamedTuple):
    """A plain or abandoned frame, and the acknowledgement it seemed to get."""

    place: Place
    event: Event
    told: int


@final
class Pending:
    """The places of the frames of one connection."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self._items = Items()
        self._responses = Responses()
        self.responses: Responses = self._responses
        """Which responses run, and whose they are."""
        self.session_closed: bool = False
        """Whether the server has said that the session is over: nothing is owed any more."""
        self.begun: str | None = None
        """The response that the last event began, if it began one and does not come twice."""
        self.answered: Place | None = None
        """The `response.create` that the last event answered, if it answered one."""
        self.finished: Finished | None = None
        """The response that the last event ended, if it ended one."""
        self.unproven: tuple[Place, Event] | None = None
        """The create that the response may have answered which the last event ended, and what
        began it, if it was cut short and so proves nothing."""
        # By kind; of most kinds most sessions have none.
        self._asked: defaultdict[str, list[Place]] = defaultdict(list)
        self._wire: defaultdict[str, list[Place]] = defaultdict(list)
        self._settled = RecentIds(_SETTLED)
        self._settled_own = RecentIds(_SETTLED)
        self._committed = RecentIds(_COMMITTED)
        self._presumed: defaultdict[str, list[_Presumed]] = defaultdict(list)
        self._told = 0

    @property
    def outstanding(self) -> bool:
        """Whether a request of ours, or a response, is without its end."""
        return (
            self._responses.are_running
            or bool(self._wire[_CREATE])
            or any(self._asked.values())
            or any(place.awaited for places in self._wire.values() for place in places)
        )

    def has_sent(self, kind: str) -> bool:
        """Whether a frame of this type is on the wire without its answer, awaited or not."""
        return bool(self._wire[kind])

    @property
    def uncertain(self) -> tuple[tuple[str, str], ...]:
        """The `(event_id, type)` of the awaited requests that were sent and not answered."""
        places = [place for kind in self._wire.values() for place in kind if place.awaited]
        places.sort(key=lambda place: place.sent)
        return tuple((place.outgoing.event_id, place.outgoing.type) for place in places)

    @property
    def waiting(self) -> tuple[tuple[str, str], ...]:
        """The `(event_id, type)` of the requests that the writer has not taken."""
        places = [place for kind in self._asked.values() for place in kind]
        return tuple((place.outgoing.event_id, place.outgoing.type) for place in places)

    def ask(
        self, outgoing: Outgoing, wake: Callable[[], None], *, after: tuple[Place, ...] = ()
    ) -> Place:
        """Register a request. It may be handed to the writer once `Place.may_go` is true.

        `wake` is called when that turns true later, and when `Place.result` is set. `after` are
        the requests of its group that the server answers first.

        Raises:
            ValueError: if the server never acknowledges frames of this type.
        """
        kind = outgoing.type
        if kind not in _ONE_AT_A_TIME:
            raise ValueError(f"the server does not acknowledge {kind!r}: use send()")
        place = Place(outgoing, wake, after=after)
        self._asked[kind].append(place)
        first = not self._wire[kind] and self._asked[kind][0] is place
        place.may_go = first or not _ONE_AT_A_TIME[kind]
        return place

    def sending(self, frame: Place | Outgoing) -> None:
        """The writer has taken the frame: it is on the wire, and takes its place there."""
        if isinstance(frame, Place):
            place = frame
            if place.result is not None:
                return
            self._forget_asked(place)
        elif frame.type in _ONE_AT_A_TIME:
            place = Place(frame)
        else:
            return
        self._told += 1
        place.sent = self._told
        kind = place.outgoing.type
        if kind == _CANCEL and place.target is None:
            place.target = self._responses.active
        self._wire[kind].append(place)
        if len(self._wire[kind]) > _UNANSWERED:
            self._forget_oldest(kind)

    def abandon(self, place: Place) -> None:
        """The caller has gone. A request that was not sent is forgotten, and the next may go.

        One that was sent keeps its place until its answer is in, and swallows it.
        """
        if place.result is not None:
            return
        place.awaited = False
        place.abandoned = True
        if not place.sent:
            self._forget_asked(place)
            self._next_turn(place.outgoing.type)

    def receive(self, event: Event) -> Verdict:
        """Take note of a server event. To be told every event, in the order of the wire.

        Those of types that are neither in `TELLING` nor `<invalid>` may be left out.
        """
        kind: str = event.type
        if kind == "<invalid>":
            kind = text_at(event, "type") or ""
        if kind not in TELLING:
            return Verdict.DELIVER
        self._told += 1
        self.begun = self.answered = self.finished = self.unproven = None
        if kind == "error":
            return self._refuse(event)
        self._note(kind, event)
        return Verdict.DELIVER

    def presume(self, place: Place, created: Event) -> bool:
        """Take a response for the answer to a create, as no better one came; say whether it is."""
        if place not in self._wire[_CREATE]:
            return False
        self._settle(place, created)
        return True

    def fail(self, make_error: Callable[[], BaseException]) -> None:
        """The connection is over: every waiter gets an error of its own, and the table is empty."""
        waiting = [
            place
            for table in (self._wire, self._asked)
            for places in table.values()
            for place in places
            if place.awaited
        ]
        # All the errors are made first: they may tell what is uncertain, which is read here.
        for place in waiting:
            place.result = Failure(make_error())
            place.is_settled = True
        for table in (self._wire, self._asked):
            for places in table.values():
                places.clear()
        for place in waiting:
            self._wake(place)

    def _note(self, kind: str, event: Event) -> None:
        match kind:
            case "session.created" | "session.updated":
                self._responses.learn_session(event)
                if kind == "session.updated":
                    self._settle_oldest(_UPDATE, event)
            case "transcription_session.updated":
                self._settle_oldest(_UPDATE_TRANSCRIPTION, event)
            case "session.closed":
                self.session_closed = True
                self._settle_oldest(_CLOSE, event)
            case "conversation.item.added" | "conversation.item.created":
                place = self._items.claim(self._wire[_CREATE_ITEM], event)
                if place is not None:
                    self._settle(place, event)
            case "conversation.item.deleted":
                self._settle_item(_DELETE, text_at(event, "item_id"), event)
            case "conversation.item.retrieved":
                self._settle_item(_RETRIEVE, text_at(event, "item", "id"), event)
            case "conversation.item.truncated":
                self._settle_item(_TRUNCATE, text_at(event, "item_id"), event)
            case "input_audio_buffer.committed":
                self._note_commit(event)
            case "input_audio_buffer.cleared":
                self._settle_oldest(_CLEAR, event)
            case "output_audio_buffer.cleared":
                self._settle_oldest(_CLEAR_OUTPUT, event)
            case "response.created":
                self._note_created(event)
            case "response.done":
                self._note_done(event)
            case "response.output_item.added":
                self._items.announce(text_at(event, "item", "id"))
            case "input_audio_buffer.speech_started":
                self._items.announce(text_at(event, "item_id"))
            case _:
                self._items.detect(text_at(event, "item_id"))

    def _note_commit(self, event: Event) -> None:
        item_id = text_at(event, "item_id")
        if item_id in self._committed:
            # Told twice: it is not the answer to the next commit.
            return
        # A server that names none may leave it empty.
        self._committed.add(item_id or None)
        # A turn's own commit follows its end. One in its midst is our commit, under the id that
        # its begin announced; the turn goes on under another.
        heard = self._items.is_announced(item_id) and not self._wire[_COMMIT]
        if heard or self._items.is_detected(item_id):
            self._responses.expect_from_detection()
            return
        self._items.announce(item_id)
        self._settle_oldest(_COMMIT, event)

    def _note_created(self, event: Event) -> None:
        self.begun = self._responses.begins(event)
        if self.begun is None:
            return
        place = self._responses.claim(self.begun, self._wire[_CREATE], event)
        if place is not None:
            self.answered = place
            self._settle(place, event)

    def _note_done(self, event: Event) -> None:
        finished = self.finished = self._responses.finish(event)
        if finished.doubtful is not None:
            place, created = finished.doubtful
            if place in self._wire[_CREATE]:
                if finished.was_whole:
                    self.answered = place
                    self._settle(place, created)
                else:
                    self.unproven = finished.doubtful
        for cancel in tuple(self._wire[_CANCEL]):
            if finished.answers(cancel):
                self._settle(cancel, event)

    def _settle_item(self, kind: str, item_id: str | None, event: Event) -> None:
        for place in self._wire[kind]:
            if item_id is None or place.outgoing.item_id == item_id:
                self._settle(place, event)
                return

    def _settle_oldest(self, kind: str, event: Event) -> None:
        """Settle by order.

        A frame that nobody waits for is only presumed to be the one that is acknowledged: its
        error may still be on its way, and then the acknowledgement was for the one behind it.
        """
        if not self._wire[kind]:
            return
        place = self._wire[kind][0]
        presumed = self._presumed[kind]
        if place.awaited:
            presumed.clear()
        else:
            presumed.append(_Presumed(place, event, self._told))
            del presumed[:-_PRESUMED]
        self._settle(place, event)

    def _settle(self, place: Place, event: Event) -> None:
        self._leave(place)
        if place.awaited:
            place.result = Value(event)
            self._wake(place)

    def _leave(self, place: Place) -> None:
        """Take a place out of the table, and let the next of its kind go."""
        kind = place.outgoing.type
        self._wire[kind].remove(place)
        place.is_settled = True
        if place.own:
            self._settled_own.add(place.outgoing.event_id)
        elif place.awaited or place.abandoned:
            self._settled.add(place.outgoing.event_id)
        self._next_turn(kind)

    def _next_turn(self, kind: str) -> None:
        asked = self._asked[kind]
        if _ONE_AT_A_TIME[kind] and asked and not self._wire[kind] and not asked[0].may_go:
            asked[0].may_go = True
            self._wake(asked[0])

    def _forget_asked(self, place: Place) -> None:
        asked = self._asked[place.outgoing.type]
        if place in asked:
            asked.remove(place)

    def _forget_oldest(self, kind: str) -> None:
        for place in self._wire[kind]:
            if not place.awaited:
                self._leave(place)
                return

    @staticmethod
    def _wake(place: Place) -> None:
        # Only requests have a turn or an answer to be woken for, and each has a caller to wake.
        assert place.wake is not None
        place.wake()

    def _refuse(self, event: Event) -> Verdict:
        """Find whom an error names, and settle it."""
        event_id = text_at(event, "error", "event_id")
        if event_id is None:
            return Verdict.DELIVER
        place = self._place_on_wire(event_id)
        if place is not None:
            self._leave(place)
        else:
            place = self._take_back(event_id)
        if (place is not None and place.own) or event_id in self._settled_own:
            # It came too late, as such things do; a mistake of ours is for everybody to see.
            return Verdict.ABSORBED if is_ours_too_late(event) else Verdict.DELIVER
        if place is None:
            late = event_id in self._settled
            return Verdict.YOURS if not late and is_yours(event) else Verdict.DELIVER
        if place.awaited:
            place.result = Failure(error_from_event(event, self._secrets))
            self._wake(place)
            return Verdict.RAISED
        if place.abandoned:
            return Verdict.SWALLOWED
        return Verdict.YOURS if is_yours(event) else Verdict.DELIVER

    def _place_on_wire(self, event_id: str) -> Place | None:
        for places in self._wire.values():
            for place in places:
                if place.outgoing.event_id == event_id:
                    return place
        return None

    def _take_back(self, event_id: str) -> Place | None:
        """Undo a presumption: each acknowledgement since then was for the next frame in line."""
        for kind, presumed in self._presumed.items():
            for index, (place, event, told) in enumerate(presumed):
                if place.outgoing.event_id == event_id:
                    self._pass_on(kind, index, event, told)
                    return place
        return None

    def _pass_on(self, kind: str, index: int, event: Event, told: int) -> None:
        presumed = self._presumed[kind]
        del presumed[index]
        for later in range(index, len(presumed)):
            heir, its_event, its_told = presumed[later]
            if heir.sent > told:
                return
            presumed[later] = _Presumed(heir, event, told)
            event, told = its_event, its_told
        # It can only be the answer to what was on the wire when it came.
        if self._wire[kind] and self._wire[kind][0].sent < told:
            self._settle_oldest(kind, event)

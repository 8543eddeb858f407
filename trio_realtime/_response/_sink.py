"""What a handle of a response is made of: its state, its views, and who waits for its end.

The connection puts in every event of the response, without waiting; `Reply` is what a program sees
of it. This module does not know which events belong to the response (`_core._replies` does), how
they become a whole (`_core._assembly`), nor what the listener heard (`_core._hearing`).

A reply goes through these states; what is said of views is said of those that are open:

========  ============================  ==========================  ==============================
state     begins with                   an event goes               views and `result()`
========  ============================  ==========================  ==============================
kept      the first event               to what is kept             wait
awaited   the first call that reads     to both                     wait
read      the first piece handed out    to every view               wait
done      `response.done`               into the assembly alone     end; the response, or its error
refused   `refuse()`                    into the assembly alone     end; the refusal, always
cut off   `end()`                       nowhere, there is none      end; the loss
left      `leave()`                     into the assembly alone     closed; the response, if done
========  ============================  ==========================  ==============================

Views deliver what they hold before they end, and nothing once they are closed. That a handle is
read only when something was handed out has a reason: tasks that are started together and open a
view each see the same response, whichever of them runs first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, final

import outcome
import trio

from trio_realtime._connection._streams import StreamOwner
from trio_realtime._core._assembly import AUDIO_DELTAS, Assembly
from trio_realtime._core._budget import Budget
from trio_realtime._core._hearing import Hearing, Truncation, bytes_per_ms_from_format
from trio_realtime._core._outgoing import text_at, value_at
from trio_realtime._core._shapes import Shapes
from trio_realtime._options import Options
from trio_realtime._response._views import AudioView, ReplyView
from trio_realtime.errors import ResponseFailedError

if TYPE_CHECKING:
    from trio_realtime import beta
    from trio_realtime._core._event import Event
    from trio_realtime.events import ResponseDone, ResponseOutputAudioDelta
    from trio_realtime.types import Response

T = TypeVar("T", "Event", str, bytes)


class ReplyOwner(StreamOwner, Protocol):
    """What a reply has to ask of the connection it belongs to."""

    options: Options
    session: object
    shapes: Shapes

    def check_open(self) -> None:
        """Raise a `ConnectionClosedError` if the connection is lost, closing or closed."""


@final
class ReplySink:
    """One response, from its first event to the end of its block."""

    def __init__(self, owner: ReplyOwner, *, in_conversation: bool = True) -> None:
        self.budget: Budget = owner.budget
        self.in_conversation: bool = in_conversation
        """Whether it leaves items in the default conversation."""
        self.assembly: Assembly = Assembly(owner.shapes)
        self._owner: ReplyOwner = owner
        self._hearing: Hearing | None = None
        self._backlog: int = owner.options.backlog_bytes

        self._kept: deque[tuple[Event, int]] | None = deque()
        """What has arrived, for views that will be opened; None once something was read."""
        self._was_begun: bool = False
        """Whether somebody began to read: since then views hold what is theirs."""
        self._kept_bytes: int = 0
        self._given_up: int = 0
        self._views: list[ReplyView[Event] | ReplyView[str] | ReplyView[bytes]] = []
        self._events: ReplyView[Event] | None = None
        self._text: ReplyView[str] | None = None
        self._audio: AudioView | None = None

        self._done: ResponseDone | beta.ResponseDone | None = None
        self._refusal: Callable[[], Exception] | None = None
        self._has_ended: bool = False
        """Whether views get no more: it is done, refused or cut off."""
        self._was_left: bool = False
        self._changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    # The connection's side: called by the reader, never waits.

    @property
    def holds_unread(self) -> bool:
        """Whether a view that somebody has read holds what was not."""
        return any(view.holds_unread for view in self._views)

    def take(self, event: Event, weight: int) -> None:
        """Take the next event of the response; the first is its `response.created`."""
        assembly = self.assembly
        was_done = assembly.is_done
        assembly.receive(event)
        if not self._was_left:
            self._listen(event)
            if not self._has_ended:
                self._pass_on(event, weight)
        if assembly.is_done and not was_done:
            if event.type == "response.done":
                self._done = cast("ResponseDone | beta.ResponseDone", event)
            self._finish()

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Say that the server refused an item of the request: no answer to it is an answer.

        Args:
            error: Makes a new error for whoever reads or waits.
        """
        self._refusal = error
        self._finish()

    def end(self) -> None:
        """Say that the connection is over: no more events will come."""
        self._finish()

    def drop(self) -> None:
        """Be over before it began: its request gave way to what the user said.

        It is as if the server had cancelled it, but there are no events of it.
        """
        self.assembly.drop()
        self._finish()

    def leave(self) -> list[Truncation]:
        """Close every view and forget what they hold; the state still follows the stragglers.

        Returns:
            What is to be cut off the conversation's audio, as the listener did not hear it.
        """
        if self._was_left:
            return []
        self._was_left = True
        self._kept = None
        for view in self._views:
            view.close()
        # A loss that waited for these views to be read waits no longer.
        self._owner.touch()
        self._changed.unpark_all()
        if self._hearing is None or not self.in_conversation:
            return []
        return self._hearing.truncations(ended=self.assembly.is_done)

    def _finish(self) -> None:
        self._has_ended = True
        if self._was_begun:
            for view in self._views:
                view.end()
        self._changed.unpark_all()

    def _pass_on(self, event: Event, weight: int) -> None:
        if self._kept is not None:
            self._kept.append((event, weight))
            self._kept_bytes += weight
            while self._kept_bytes > max(self._backlog, weight):
                _, oldest = self._kept.popleft()
                self._kept_bytes -= oldest
                self._given_up += 1
        if self._was_begun:
            self._deliver(event, weight)

    def _deliver(self, event: Event, weight: int) -> None:
        if self._events is not None:
            self._events.deliver(outcome.Value(event), weight)
        if self._text is not None and (text := self.assembly.text_of(event)) is not None:
            self._text.deliver(outcome.Value(text), weight)
        if self._audio is not None and (audio := self.assembly.audio_of(event)) is not None:
            self._audio.deliver(outcome.Value(audio), weight)

    def _listen(self, event: Event) -> None:
        if event.type in AUDIO_DELTAS:
            heard = cast("ResponseOutputAudioDelta", event)
            self.hearing.received(heard.item_id, heard.content_index, len(heard.delta))
        elif event.type == "response.output_item.done":
            item_id = text_at(event, "item", "id")
            if self._hearing is not None and item_id is not None:
                self._hearing.item_done(item_id)

    # What views ask (ViewOwner).

    def touch(self) -> None:
        """Note that the program has made a call."""
        self._owner.touch()

    def room_changed(self) -> None:
        """Wake the reader, if it waits for room or for a reason to read on."""
        self._owner.room_changed()

    def end_error(self) -> Exception | None:
        """Why the views have ended: a new exception, or None for a quiet end."""
        if self._refusal is not None:
            return self._refusal()
        if self.assembly.is_done:
            return self._failure()
        return self._owner.end_error()

    def begin(self) -> None:
        """Put what was kept into every view that is open: somebody begins to read one of them."""
        if self._was_begun:
            return
        self._was_begun = True
        for event, weight in self._kept or ():
            self._deliver(event, weight)
        if self._has_ended:
            for view in self._views:
                view.end()

    def was_read(self) -> None:
        """Keep nothing any longer for views that are not open: something was read."""
        self._kept = None

    # The program's side.

    @property
    def dropped(self) -> int:
        """Events given up because nobody had read them in time."""
        return self._given_up + sum(view.dropped for view in self._views)

    @property
    def hearing(self) -> Hearing:
        """What the listener heard; made when there is something to hear."""
        if self._hearing is None:
            self._hearing = Hearing(bytes_per_ms_from_format(self._format()))
        return self._hearing

    def events(self) -> ReplyView[Event]:
        """The view of all events; the same one each time."""
        if self._events is None:
            view: ReplyView[Event] = ReplyView(self, backlog_bytes=self._backlog)
            self._events = self._open(view, lambda event: event)
            self._views.append(view)
        return self._events

    def text(self) -> ReplyView[str]:
        """The view of the text; the same one each time."""
        if self._text is None:
            view: ReplyView[str] = ReplyView(self, backlog_bytes=self._backlog)
            self._text = self._open(view, self.assembly.text_of)
            self._views.append(view)
        return self._text

    def audio(self) -> ReplyView[bytes]:
        """The view of the audio; the same one each time."""
        if self._audio is None:
            kept = (self.assembly.audio_of(event) or b"" for event, _ in self._kept or ())
            self.hearing.begin(sum(map(len, kept)))
            self._audio = AudioView(self, self.hearing, backlog_bytes=self._backlog)
            self._open(self._audio, self.assembly.audio_of)
            self._views.append(self._audio)
        return self._audio

    async def result(self) -> Response:
        """Wait until the response is done; see `Reply.result`."""
        await trio.lowlevel.checkpoint()
        self._owner.touch()
        while (response := self._answer()) is None:
            self._owner.check_open()
            self.budget.waiting += 1
            self._owner.room_changed()
            try:
                await self._changed.park()
            finally:
                self.budget.waiting -= 1
        return response

    def _answer(self) -> Response | None:
        """The response if it is done; None while that may still come.

        Raises:
            ResponseFailedError: when it failed.
            trio.ClosedResourceError: when it was left before it was done.
        """
        if self._refusal is not None:
            raise self._refusal()
        if self.assembly.is_done:
            if (error := self._failure()) is not None:
                raise error
            return self.assembly.response
        if self._was_left:
            raise trio.ClosedResourceError(
                "the block of this response was left before the response was done"
            )
        return None

    def _failure(self) -> ResponseFailedError | None:
        if self.assembly.status != "failed":
            return None
        return ResponseFailedError(self.assembly.response, event=self._done)

    def _open(self, view: ReplyView[T], piece_of: Callable[[Event], T | None]) -> ReplyView[T]:
        if self._was_left:
            view.close()
        elif self._was_begun:
            for event, weight in self._kept or ():
                if (piece := piece_of(event)) is not None:
                    view.deliver(outcome.Value(piece), weight)
            if self._has_ended:
                view.end()
        return view

    def _format(self) -> object:
        """What the bytes of the audio mean: as the response tells, or else the session."""
        for told in (self.assembly.response, self._owner.session):
            # In the beta dialect both are flat.
            found = value_at(told, "audio", "output", "format")
            found = value_at(told, "output_audio_format") if found is None else found
            if found is not None:
                return found
        return None

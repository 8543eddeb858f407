"""Saying that there is no more, and waiting until the server has said so too.

A translation goes on after its last sound was sent: the server is seconds behind. This module asks
for the end once, whoever asks how often, and waits for it. It does not know what arrives until
then; that goes where it always goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

import trio
from pydantic import JsonValue

from trio_realtime._connection._frames import frame_from_event
from trio_realtime._connection._link import Link
from trio_realtime._connection._outbox import Entry
from trio_realtime._core._pending import Outgoing, Place
from trio_realtime.errors import ConnectionClosedError

if TYPE_CHECKING:
    from trio_realtime.types._base import ClientModel


@final
class Finishing:
    """The end of one session that ends by being asked to."""

    def __init__(self, link: Link) -> None:
        self._link: Link = link
        self._lock: trio.Lock = trio.Lock()
        """One task waits; the others wait for it, and then find it done or go on in its place."""
        self._place: Place | None = None
        """The place of the frame that asks for the end, while it is unanswered."""
        self._entry: Entry | None = None
        self._is_handed_over: bool = False
        self._woken: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    @property
    def has_begun(self) -> bool:
        """Whether the end was asked for, and not refused, or has come."""
        is_asked_for = self._place is not None and self._place.result is None
        return is_asked_for or self._link.pending.session_closed

    @trio.lowlevel.enable_ki_protection
    async def wait(self, event: ClientModel | Mapping[str, JsonValue]) -> None:
        """Ask for the end, unless that was done, and wait until it is there.

        Raises:
            ServerError: if the server refuses; it may be asked again then.
            ConnectionClosedError: if the connection is closed, or closes before the answer.
            trio.TooSlowError: if nothing was received for `Options.finish_timeout`.
        """
        async with self._lock:
            link = self._link
            if link.pending.session_closed:
                return
            if self._place is None:
                link.check_open()
                frame = frame_from_event(event)
                assert isinstance(frame.subject, Outgoing)
                self._place = link.pending.ask(frame.subject, self._wake)
                self._entry = Entry([frame._replace(subject=self._place)], is_awaited=True)
                self._is_handed_over = False
            await self._settled(self._place)

    async def _settled(self, place: Place) -> None:
        link = self._link
        link.budget.waiting += 1
        link.room_changed()
        try:
            while place.result is None:
                if place.may_go and not self._is_handed_over:
                    if link.pending.session_closed:
                        # A request of the program's own was first.
                        self._take_back(place)
                        return
                    assert self._entry is not None
                    link.outbox.add(self._entry)
                    self._is_handed_over = True
                await self._wait_a_while(place)
        except (trio.Cancelled, KeyboardInterrupt):
            # Not taken yet: nothing is sent, and there is more to be said. Taken: it goes out, and
            # whoever asks next waits for its answer.
            if not place.sent:
                self._take_back(place)
            raise
        finally:
            link.budget.waiting -= 1
        self._place = self._entry = None
        try:
            place.result.unwrap()
        except ConnectionClosedError:
            link.note_told()
            raise

    async def _wait_a_while(self, place: Place) -> None:
        """Wait until something has changed."""
        transport = self._link.transport
        assert transport is not None
        patience = self._link.options.finish_timeout
        frames = transport.frames_in
        with trio.move_on_after(math.inf if patience is None else patience) as scope:
            await self._woken.park()
        if scope.cancelled_caught and transport.frames_in == frames and place.result is None:
            raise trio.TooSlowError(
                f"the server was asked to finish, and has sent nothing for {patience} s "
                "(`Options.finish_timeout`)"
            )

    def _wake(self) -> None:
        self._woken.unpark_all()

    def _take_back(self, place: Place) -> None:
        assert self._entry is not None
        self._link.outbox.withdraw(self._entry)
        self._link.pending.abandon(place)
        self._place = self._entry = None

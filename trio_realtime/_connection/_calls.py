"""Handing frames to the link, and waiting for what becomes of them.

Each call checks that the link is open, hands something over and waits for its outcome. Ctrl-C is
held back until a call waits, so that it never lands inside a change of state; there it counts as
a cancellation. Neither resources nor streams are known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, final

import trio
from pydantic import JsonValue

from trio_realtime._connection import _ids
from trio_realtime._connection._frames import (
    OutgoingFrame,
    encodable,
    frame_from_event,
    with_token,
)
from trio_realtime._connection._link import Link
from trio_realtime._connection._outbox import Entry
from trio_realtime._core._mirror import Mirror
from trio_realtime._core._pending import Outgoing
from trio_realtime._core._token import without_token
from trio_realtime.errors import ConnectionClosedError

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime.types._base import ClientModel


@final
class Caller:
    """What the connection and its resources send through. Any number of tasks may call it."""

    def __init__(self, link: Link) -> None:
        self._link: Link = link

    @property
    def current_session(self) -> object:
        """The newest effective session the server reported, as its dialect has it; else None."""
        return self._link.session

    @property
    def mirror(self) -> Mirror | None:
        """The copy of the conversation, where one is kept."""
        return self._link.mirror

    def new_id(self, prefix: Literal["event_", "item_"]) -> str:
        """Choose an id that nobody has used: the prefix and 21 base62 characters."""
        return _ids.new_id(prefix)

    @trio.lowlevel.enable_ki_protection
    async def send(self, event: ClientModel | Mapping[str, JsonValue]) -> str:
        """Send one event and return its id; see `RealtimeConnection.send`."""
        frame = frame_from_event(event)
        await self._hand_over([frame])
        return frame.event_id

    @trio.lowlevel.enable_ki_protection
    def send_nowait(self, event: ClientModel | Mapping[str, JsonValue]) -> str:
        """Hand over one event and return its id; see `RealtimeConnection.send_nowait`."""
        frame = frame_from_event(event)
        self._link.check_open()
        if not self._link.outbox.has_room:
            raise trio.WouldBlock
        self._link.outbox.add(Entry([frame], is_awaited=False))
        return frame.event_id

    @trio.lowlevel.enable_ki_protection
    async def send_raw(self, text: str) -> None:
        """Send one frame of text as it is; see `RealtimeConnection.send_raw`."""
        await self._hand_over([OutgoingFrame("", "<raw>", encodable(text), None)])

    @trio.lowlevel.enable_ki_protection
    async def send_text_group(self, frames: Sequence[tuple[str, str, str]]) -> None:
        """Send frames that are never acknowledged, back to back.

        The short way of `input_audio_buffer.append`, which builds no models. Cancelled before the
        writer has taken the group, nothing of it was sent; later, all of it still goes out.

        Args:
            frames: The event id, the type and the text of each.
        """
        await self._hand_over([OutgoingFrame(*frame, None) for frame in frames])

    @trio.lowlevel.enable_ki_protection
    async def request(self, event: ClientModel | Mapping[str, JsonValue]) -> Event:
        """Send one event and wait for its answer; see `RealtimeConnection.request`."""
        link = self._link
        woken = trio.lowlevel.ParkingLot()

        def wake() -> None:
            woken.unpark_all()

        frame = with_token(frame_from_event(event))
        assert isinstance(frame.subject, Outgoing)
        await trio.lowlevel.checkpoint_if_cancelled()
        link.check_open()
        place = link.pending.ask(frame.subject, wake)
        entry = Entry([frame._replace(subject=place)], is_awaited=True)
        link.budget.waiting += 1
        link.room_changed()
        try:
            while not place.may_go and place.result is None:
                await woken.park()
            if place.result is None:
                link.outbox.add(entry)
            while place.result is None:
                await woken.park()
        except (trio.Cancelled, KeyboardInterrupt):
            link.outbox.withdraw(entry)
            link.pending.abandon(place)
            raise
        finally:
            link.budget.waiting -= 1
        try:
            return without_token(place.result.unwrap())
        except ConnectionClosedError:
            link.note_told()
            raise

    async def _hand_over(self, frames: Sequence[OutgoingFrame]) -> None:
        link = self._link
        await trio.lowlevel.checkpoint_if_cancelled()
        link.check_open()
        entry = Entry(frames, is_awaited=True)
        link.outbox.add(entry)
        await self.wait_written(entry)

    @trio.lowlevel.enable_ki_protection
    async def wait_written(self, entry: Entry) -> None:
        """Wait until an entry of the outbox is written, or raise what became of it.

        Cancelled before the writer has taken it, nothing of it was sent; later, all of it still
        goes out.
        """
        link = self._link
        try:
            await entry.done.wait()
        except (trio.Cancelled, KeyboardInterrupt):
            # Not taken yet: nothing is sent. Taken: the writer finishes it (promise 4).
            link.outbox.withdraw(entry)
            raise
        assert entry.result is not None
        try:
            entry.result.unwrap()
        except ConnectionClosedError:
            link.note_told()
            raise

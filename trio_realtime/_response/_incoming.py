"""The responses that others start: voice detection, and other clients of the session.

This module knows in which order they came and which one is read. It does not know how a response
is found to be somebody else's.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Final, Generic, NamedTuple, Self, final

import trio

from trio_realtime._connection import Link
from trio_realtime._connection._dialects import EventT, ResponseT
from trio_realtime._response._asking import end_response
from trio_realtime._response._reply import Reply
from trio_realtime._response._sink import ReplySink

log: Final = logging.getLogger("trio_realtime")

_MOST_WAITING: Final = 32
"""How many responses may begin before one is taken. Each keeps up to `Options.backlog_bytes`."""


class _Visitor(NamedTuple):
    response_id: str
    sink: ReplySink


@final
class IncomingReplies(Generic[EventT, ResponseT]):
    """Handles of the responses that others start, in the order in which they begin.

    ::

        async with conn.incoming() as replies:
            async for reply in replies:
                async for chunk in reply.audio():
                    await speaker.write(chunk)

    Going on to the next reply, or leaving the block, ends the one before: a response that is not
    done is cancelled, and audio that was not heard is cut off the conversation.

    That the user begins to speak does not end a reply's views: see `conn.incoming()`.

    For one task at a time. Up to 32 responses wait to be taken; beyond that the oldest is ended and
    counts in `dropped`.
    """

    def __init__(self, link: Link) -> None:
        self._link: Link = link
        self._waiting: deque[_Visitor] = deque()
        self._current: _Visitor | None = None
        self._came: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._is_busy: bool = False
        self._is_over: bool = False
        self._is_closed: bool = False
        self.dropped: int = 0
        """Responses that were ended because too many waited to be taken."""

    @trio.lowlevel.enable_ki_protection
    async def receive(self) -> Reply[EventT, ResponseT]:
        """End the reply that was taken last, and wait for the next response to begin.

        If this is cancelled no reply is lost, but the last one is ended.

        Raises:
            ConnectionClosedError: when every response that began was taken and the connection is
                lost.
            trio.EndOfChannel: likewise, when the connection was closed by us, or by the server
                after a finished conversation.
            trio.ClosedResourceError: after the block.
            trio.BusyResourceError: if another task is waiting here already.
        """
        if self._is_busy:
            raise trio.BusyResourceError("another task is waiting for the next response")
        await trio.lowlevel.checkpoint_if_cancelled()
        self._link.touch()
        self._end_current()
        if self._waiting:
            self._current = self._waiting.popleft()
            # After it was taken: cancelling here would lose it.
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._park()
            if not self._waiting:
                self._raise_end()
            self._current = self._waiting.popleft()
        return Reply(self._current.sink)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reply[EventT, ResponseT]:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        return f"<IncomingReplies {len(self._waiting)} waiting, {self.dropped} dropped>"

    async def _park(self) -> None:
        budget = self._link.budget
        self._is_busy = True
        budget.waiting += 1
        self._link.room_changed()
        try:
            if self._is_over or self._is_closed:
                await trio.lowlevel.checkpoint()
            else:
                await self._came.park()
        finally:
            budget.waiting -= 1
            self._is_busy = False

    def _raise_end(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the block of the incoming replies was left")
        error = self._link.end_error() or trio.EndOfChannel()
        raise error from error.__cause__

    def _end_current(self) -> None:
        if self._current is not None:
            visitor, self._current = self._current, None
            end_response(self._link, visitor.sink, visitor.response_id)

    # ---- The link's side (Incoming), and the block's: never waits. ----

    def open(self, response_id: str, *, in_conversation: bool) -> ReplySink:
        """Make the listener of a response that begins."""
        sink = ReplySink(self._link, in_conversation=in_conversation)
        self._waiting.append(_Visitor(response_id, sink))
        if len(self._waiting) > _MOST_WAITING:
            oldest = self._waiting.popleft()
            self.dropped += 1
            log.warning("%d responses wait to be taken: the oldest is ended", _MOST_WAITING)
            end_response(self._link, oldest.sink, oldest.response_id)
        self._came.unpark()
        return sink

    def end(self) -> None:
        """Say that the connection is over: no more responses will come."""
        self._is_over = True
        self._came.unpark_all()

    def close(self) -> None:
        """End every reply, the ones that wait too."""
        self._is_closed = True
        self._end_current()
        while self._waiting:
            visitor = self._waiting.popleft()
            end_response(self._link, visitor.sink, visitor.response_id)
        self._came.unpark_all()

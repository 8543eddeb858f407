"""A stream: what the connection, every tap and every view of a reply are read through.

A stream holds what has arrived and hands it out in order. It does not know where that comes from;
when there is no more, it asks its owner why.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine
from typing import Generic, NoReturn, Protocol, Self, TypeAlias, TypeVar, final

import outcome
import trio

from trio_realtime._connection._dialects import EventT
from trio_realtime._core._budget import Budget

T = TypeVar("T")

Delivery: TypeAlias = outcome.Value[T] | outcome.Error
"""What a stream holds: an event or a piece, or the failure that came in its place."""


class StreamOwner(Protocol):
    """What a stream has to ask of whoever fills it."""

    budget: Budget

    def touch(self) -> None:
        """Note that the program has made a call."""

    def room_changed(self) -> None:
        """Wake the reader, if it waits for room or for a reason to read on."""

    def end_error(self) -> Exception | None:
        """Why the stream has ended: a new exception, or None for a quiet end."""


class Stream(Generic[T]):
    """Things in the order in which they arrived, each for one reader.

    Not an async generator: leave the loop and come back at will, and an exception does not end it.
    """

    def __init__(self, owner: StreamOwner, *, backlog_bytes: int, is_tap: bool) -> None:
        self._owner: StreamOwner = owner
        self._budget: Budget = owner.budget
        self._backlog_bytes: int = backlog_bytes
        self._is_tap: bool = is_tap
        self._held: int = 0
        self._counts: bool = False
        """Whether what is held is held in the budget, too: once it was read, and never in a tap."""
        self._waiting: int = 0
        """Tasks that wait here, but for those that were handed something; it may count some that
        were just cancelled."""
        self._put: trio.MemorySendChannel[tuple[Delivery[T], int]]
        self._take: trio.MemoryReceiveChannel[tuple[Delivery[T], int]]
        # Unbounded by count: the weights are the bound (`deliver`, and the link's budget).
        self._put, self._take = trio.open_memory_channel[tuple[Delivery[T], int]](math.inf)
        self._was_read: bool = False
        self.dropped: int = 0
        """Events this stream gave up because nobody had read it, or, for a tap, in time."""

    async def receive(self) -> T:
        """Wait for the next event.

        If this is cancelled, no event is lost.

        Raises:
            ServerError: instead of an `error` event that is yours to fix (never from a tap). The
                stream goes on.
            ConnectionClosedError: when everything that arrived was delivered and the connection
                is lost.
            trio.EndOfChannel: when everything was delivered and the connection was closed by us,
                or by the server after a finished conversation.
        """
        return await self._next(trio.EndOfChannel)

    @trio.lowlevel.enable_ki_protection
    async def _next(self, quiet_end: type[Exception]) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._begin()
        try:
            try:
                delivery, weight = self._take.receive_nowait()
            except trio.WouldBlock:
                # While somebody waits here the link must go on reading (promise 8).
                delivery = await self._parked()
            else:
                self._let_go(weight)
                # After the event was taken: cancelling here would lose it.
                await trio.lowlevel.cancel_shielded_checkpoint()
        except trio.EndOfChannel:
            self._raise_end(quiet_end)
        return delivery.unwrap()

    async def _parked(self) -> Delivery[T]:
        budget = self._budget
        budget.waiting += 1
        self._waiting += 1
        self._owner.room_changed()
        try:
            delivery, _ = await self._take.receive()
        except BaseException:
            self._waiting -= 1
            raise
        finally:
            budget.waiting -= 1
        return delivery

    @trio.lowlevel.enable_ki_protection
    def receive_nowait(self) -> T:
        """Return the next event if one is here.

        Raises:
            trio.WouldBlock: if no event is here.
            ServerError: as in `receive`.
            ConnectionClosedError: as in `receive`.
            trio.EndOfChannel: as in `receive`.
        """
        self._begin()
        try:
            delivery, weight = self._take.receive_nowait()
        except trio.EndOfChannel:
            self._raise_end(trio.EndOfChannel)
        self._let_go(weight)
        return delivery.unwrap()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[object, object, T]:
        return self._next(StopAsyncIteration)

    def _begin(self) -> None:
        self._owner.touch()
        if not self._was_read:
            self._was_read = True
            if not self._is_tap:
                self._counts = True
                self._budget.held += self._held

    def _let_go(self, weight: int) -> None:
        self._held -= weight
        if self._counts:
            self._budget.held -= weight
            self._owner.room_changed()

    def _give_up(self) -> Delivery[T]:
        oldest, weight = self._take.receive_nowait()
        self._held -= weight
        self.dropped += 1
        return oldest

    def _raise_end(self, quiet_end: type[Exception]) -> NoReturn:
        error = self._owner.end_error() or quiet_end()
        # The channel's own exception says nothing; the cause of a loss does.
        raise error from error.__cause__

    # ---- The owner's side: called by the reader, never waits. ----

    @property
    def holds_unread(self) -> bool:
        """Whether somebody has read this stream and left something behind."""
        return self._was_read and self._held > 0

    def deliver(self, delivery: Delivery[T], weight: int) -> None:
        """Put something in; in an unread stream or a tap the newest may push out the oldest."""
        # The channel is asked, for a task that was just cancelled no longer takes anything. The
        # count spares the question, which costs more than the rest.
        is_awaited = self._waiting > 0 and self._take.statistics().tasks_waiting_receive > 0
        self._put.send_nowait((delivery, weight))
        if is_awaited:
            # Into the hands of a task that waits: it is not held here.
            self._waiting -= 1
            return
        self._held += weight
        if self._counts:
            self._budget.held += weight
            return
        while self._held > max(self._backlog_bytes, weight):
            self._give_up()

    def end(self) -> None:
        """Say that no more will come. What is held is still delivered."""
        self._put.close()

    def close(self) -> None:
        """Forget what is held; whoever reads now or later gets `trio.ClosedResourceError`."""
        # In this order: the other way round, who waits would be told of a quiet end.
        self._take.close()
        self._put.close()
        self._let_go(self._held)


@final
class EventStream(Stream[EventT]):
    """Events in the order the wire carried them: those of the dialect, by default GA's.

    ::

        async for event in stream:
            ...

    Not an async generator: leave the loop and come back at will, and an exception does not end it.
    Several tasks may read one stream; each event goes to one of them. To see every event in several
    places, open a `tap()` for each.
    """

    def __repr__(self) -> str:
        kind = "tap" if self._is_tap else "stream"
        return f"<EventStream {kind}, {self._held} bytes held, {self.dropped} dropped>"

"""A view of a response: its events, its text or its audio, for one task that reads.

A view hands out what its reply puts in, piece by piece. It does not know how events become pieces,
nor why there are no more of them: it asks the reply. That of the audio counts what was heard, but
does not know where the conversation has to be cut: `_core._hearing` does.
"""

from __future__ import annotations

from typing import Protocol, TypeVar, final

import outcome
import trio

from trio_realtime._connection._streams import Delivery, Stream, StreamOwner
from trio_realtime._core._hearing import Hearing

T = TypeVar("T")


class ViewOwner(StreamOwner, Protocol):
    """What a view has to ask of its reply."""

    def begin(self) -> None:
        """Put what was kept into every view that is open: somebody begins to read one of them."""

    def was_read(self) -> None:
        """Keep nothing any longer for views that are not open: something was read."""


class ReplyView(Stream[T]):
    """One view of a response: its events, its text, or its audio.

    ::

        async for piece in reply.text():
            print(piece, end="")

    Not an async generator: leave the loop and come back at will, and an exception does not end it.
    A view is for one task at a time; different views of one response may be read by different
    tasks.

    A view ends quietly when the response is completed, cancelled or incomplete (`Reply.status`
    tells), and when you closed the connection. It ends when the block of the response is left, too:
    whoever reads it then gets `trio.ClosedResourceError`.

    Once it has been read, what it holds counts in `Options.inbox_bytes`, so that reading from the
    network stops until you catch up; while something else waits for the server it goes on, up to
    twice as much, and then the connection fails (`InboxOverflowError`). Until it is read it keeps
    the newest `Options.backlog_bytes`.
    """

    def __init__(self, owner: ViewOwner, *, backlog_bytes: int) -> None:
        super().__init__(owner, backlog_bytes=backlog_bytes, is_tap=False)
        self._reply: ViewOwner = owner
        self._is_busy: bool = False

    async def receive(self) -> T:
        """Wait for the next piece.

        If this is cancelled, nothing is lost.

        Raises:
            ResponseFailedError: when everything that arrived was delivered and the response failed.
            ServerError: likewise, when the server refused an item that belongs to the response.
            ConnectionClosedError: likewise, when the connection is lost.
            trio.EndOfChannel: when everything was delivered and the response is over, or the
                connection was closed by us.
            trio.ClosedResourceError: when the block of the response was left.
            trio.BusyResourceError: when another task is waiting for this view already.
        """
        return await self._next(trio.EndOfChannel)

    @trio.lowlevel.enable_ki_protection
    async def _next(self, quiet_end: type[Exception]) -> T:
        self._come_back()
        self._is_busy = True
        try:
            piece = await super()._next(quiet_end)
        except trio.ClosedResourceError:
            raise _closed() from None
        finally:
            self._is_busy = False
        self._hand_out(piece)
        return piece

    @trio.lowlevel.enable_ki_protection
    def receive_nowait(self) -> T:
        """Return the next piece if one is here.

        Raises:
            trio.WouldBlock: if no piece is here.
            ResponseFailedError: as in `receive`.
            ServerError: as in `receive`.
            ConnectionClosedError: as in `receive`.
            trio.EndOfChannel: as in `receive`.
            trio.ClosedResourceError: as in `receive`.
            trio.BusyResourceError: as in `receive`.
        """
        self._come_back()
        try:
            piece = super().receive_nowait()
        except trio.ClosedResourceError:
            raise _closed() from None
        self._hand_out(piece)
        return piece

    def __repr__(self) -> str:
        return f"<ReplyView {self._held} bytes held, {self.dropped} dropped>"

    def _come_back(self) -> None:
        """The consumer asks for the next piece. Nothing was awaited before."""
        if self._is_busy:
            raise trio.BusyResourceError(
                "another task is waiting for this view of the response: "
                "a view is for one task, and a response has three views"
            )

    def _hand_out(self, piece: T) -> None:
        """The consumer gets a piece."""
        self._reply.was_read()

    def _begin(self) -> None:
        if not self._was_read:
            self._reply.begin()
        super()._begin()


@final
class AudioView(ReplyView[bytes]):
    """The view of a response's audio. A chunk was heard when its consumer asks for the next."""

    def __init__(self, owner: ViewOwner, hearing: Hearing, *, backlog_bytes: int) -> None:
        super().__init__(owner, backlog_bytes=backlog_bytes)
        self._hearing: Hearing = hearing
        self._unread: int = 0
        """Bytes that were held before the first read."""
        self._in_hand: int = 0
        """Bytes of the chunk that the consumer is busy with."""

    def deliver(self, delivery: Delivery[bytes], weight: int) -> None:
        """Put a chunk in; in an unread view the newest may push out the oldest."""
        if not self._was_read:
            self._unread += _size(delivery)
        super().deliver(delivery, weight)

    def _come_back(self) -> None:
        super()._come_back()
        # Also if this call is cancelled at once: who comes back has played the last chunk.
        self._hearing.taken(self._in_hand)
        self._in_hand = 0

    def _hand_out(self, piece: bytes) -> None:
        super()._hand_out(piece)
        self._in_hand = len(piece)

    def _begin(self) -> None:
        is_first = not self._was_read
        super()._begin()
        if is_first:
            self._hearing.begin(self._unread)

    def _give_up(self) -> Delivery[bytes]:
        oldest = super()._give_up()
        self._unread -= _size(oldest)
        return oldest


def _size(delivery: Delivery[bytes]) -> int:
    assert isinstance(delivery, outcome.Value)
    return len(delivery.value)


def _closed() -> trio.ClosedResourceError:
    return trio.ClosedResourceError(
        "the block of this response was left: read its views inside of it"
    )

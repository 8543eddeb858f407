"""In-memory links with the manners of a socket: bounded, partial, breakable.

`trio.testing.memory_stream_pair` never makes a sender wait, so back-pressure and stalls would go
untested with it. This module moves bytes. It does not know what they mean, nor any clock: a pipe
behaves the same under `trio.testing.MockClock`.
"""

from __future__ import annotations

import operator
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, final

import trio

_CAPACITY: Final = 65536
"""What Linux gives a pipe, and about what a loopback socket buffers."""


@final
class _Direction:
    """One way through a link: a bounded buffer, and who waits at its ends."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 byte; it is {capacity}")
        self.capacity = capacity
        self.buffer: bytearray = bytearray()
        self.ended = False
        self.broken = False
        self.unread = False
        self.stalled = False
        self.changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()

    @property
    def room(self) -> int:
        return self.capacity - len(self.buffer)


@final
class PipeStream(trio.abc.HalfCloseableStream):
    """One end of a link made by `pipe_pair`. One task may send while another receives.

    The contract is that of any Trio stream: a cancelled `send_all` may have sent a part.
    """

    def __init__(self, incoming: _Direction, outgoing: _Direction) -> None:
        self._in = incoming
        self._out = outgoing
        self._closed = False
        self._sending = False
        self._receiving = False

    @property
    def is_closed(self) -> bool:
        """Whether this end was closed here."""
        return self._closed

    @contextmanager
    def _alone(self, what: str) -> Generator[None]:
        if getattr(self, what):
            raise trio.BusyResourceError(f"another task is already {what[1:]} here")
        setattr(self, what, True)
        try:
            yield
        finally:
            setattr(self, what, False)

    def _check_outgoing(self) -> None:
        if self._closed or self._out.ended:
            raise trio.ClosedResourceError("this end was closed")
        if self._out.broken or self._out.unread:
            raise trio.BrokenResourceError("the other end is gone")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`, piece by piece as there is room.

        Cancelled, a part of it may have been sent.
        """
        with self._alone("_sending"):
            await trio.lowlevel.checkpoint()
            self._check_outgoing()
            with memoryview(data) as view:
                start = 0
                while start < len(view):
                    if piece := view[start : start + self._out.room]:
                        self._out.buffer += piece
                        start += len(piece)
                        self._out.changed.unpark_all()
                    else:
                        await self._out.changed.park()
                        self._check_outgoing()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room. Cancelled, nothing has happened."""
        with self._alone("_sending"):
            await trio.lowlevel.checkpoint()
            if self._closed or self._out.ended:
                raise trio.ClosedResourceError("this end was closed")
            while not (self._out.room or self._out.broken or self._out.unread):
                await self._out.changed.park()
                if self._closed:
                    raise trio.ClosedResourceError("this end was closed")

    async def send_eof(self) -> None:
        """End this direction; the other one stays open."""
        with self._alone("_sending"):
            await trio.lowlevel.checkpoint()
            if self._closed:
                raise trio.ClosedResourceError("this end was closed")
            self._out.ended = True
            self._out.changed.unpark_all()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what has arrived, at most `max_bytes`; `b""` at the end.

        What was sent before the other end broke the link is received first. Cancelled, nothing is
        lost.
        """
        with self._alone("_receiving"):
            if max_bytes is not None and operator.index(max_bytes) < 1:
                raise ValueError("max_bytes must be at least 1")
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("this end was closed")
                if not self._in.stalled:
                    if self._in.buffer:
                        data = bytes(self._in.buffer[: max_bytes or _CAPACITY])
                        del self._in.buffer[: len(data)]
                        self._in.changed.unpark_all()
                        return data
                    if self._in.broken:
                        raise trio.BrokenResourceError("the other end broke the link")
                    if self._in.ended:
                        return b""
                await self._in.changed.park()

    async def aclose(self) -> None:
        """Close this end, as a process that closes its socket does. Never waits."""
        self._shut()
        await trio.lowlevel.checkpoint()

    def _shut(self) -> None:
        self._closed = True
        self._out.ended = True
        self._in.unread = True
        self._in.buffer.clear()
        self._out.changed.unpark_all()
        self._in.changed.unpark_all()

    def abort(self) -> None:
        """Close this end with a reset: the other end gets `BrokenResourceError` both ways."""
        self._out.broken = True
        self._shut()

    def stall(self) -> None:
        """Let nothing that this end sends arrive, neither bytes nor the end of them.

        The sender notices only when the buffer is full: a network that swallows packets.
        """
        self._out.stalled = True

    def resume(self) -> None:
        """Undo `stall`: everything that was held back arrives."""
        self._out.stalled = False
        self._out.changed.unpark_all()

    @property
    def unread_bytes(self) -> int:
        """What this end has sent and the other end has not received."""
        return len(self._out.buffer)

    @property
    def closed(self) -> bool:
        """Whether this end was closed or aborted here."""
        return self._closed


def pipe_pair(*, capacity: int | tuple[int, int] = _CAPACITY) -> tuple[PipeStream, PipeStream]:
    """Make a duplex link in memory, and return its two ends.

    Args:
        capacity: What each direction holds before its sender waits; a tuple gives one number for
            what the first end sends and one for what the second sends.
    """
    there, back = (capacity, capacity) if isinstance(capacity, int) else capacity
    first, second = _Direction(there), _Direction(back)
    return PipeStream(second, first), PipeStream(first, second)

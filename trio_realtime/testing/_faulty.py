"""Where faults get at a connection: around the stream, and around the server's WebSocket.

This module sleeps, sends and cuts. What is to go wrong it asks of `_core`.
"""

from __future__ import annotations

import math
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast, final

import trio

from trio_realtime._core._faulty_line import Close, Cut, Deliver, Step
from trio_realtime._transport import TransportClosed
from trio_realtime.testing._pipes import PipeStream

if TYPE_CHECKING:
    from trio_realtime._core._faults import FaultEnding
    from trio_realtime._core._faulty_line import ByteFlow, FrameLine
    from trio_realtime._core.simulator import ClientHandshake
    from trio_realtime.testing._host import ServerSocket

_ON_THE_WAY_MAX: Final = 2**20
"""How much may be on its way in one direction before who sends has to wait, as with a socket."""

_RECEIVE_BYTES: Final = 65536

_LINGER: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""Makes closing a socket a reset."""


@final
class FaultyStream(trio.abc.Stream):
    """The server's end of a link over which bytes do not pass as they should."""

    def __init__(self, inner: trio.abc.Stream, flow: ByteFlow, ending: FaultEnding) -> None:
        self._inner = inner
        self._flow = flow
        self._ending: FaultEnding = ending
        self._held = b""
        self._closed = False
        self._changed = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data` in pieces. Cancelled, a part of it may have been sent."""
        with memoryview(data) as view:
            start = 0
            while start < len(view):
                await self._wait(lambda: self._flow.writes_at)
                count = self._flow.may_send(len(view) - start)
                await self._inner.send_all(view[start : start + count])
                start += count
                if self._flow.sent(count, trio.current_time()):
                    await self.cut(self._ending)
                    raise trio.BrokenResourceError("the fault plan has cut the connection")

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until bytes may pass, and there is room."""
        await self._wait(lambda: self._flow.writes_at)
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what may pass. Cancelled, nothing is lost."""
        await self._wait(lambda: self._flow.reads_at)
        count = self._flow.may_receive(max_bytes or _RECEIVE_BYTES)
        if not self._held:
            self._held = bytes(await self._inner.receive_some(count))
            # A stall may have begun in the meantime.
            await self._wait(lambda: -math.inf)
        data, self._held = self._held[:count], self._held[count:]
        self._flow.received(len(data), trio.current_time())
        return data

    async def aclose(self) -> None:
        """Close the stream."""
        self._wake()
        await self._inner.aclose()

    async def cut(self, ending: FaultEnding) -> None:
        """Lose the connection, without a word; also when cancelled."""
        self._wake()
        with trio.CancelScope(shield=True):
            if isinstance(self._inner, PipeStream) and ending == "reset":
                self._inner.abort()
            else:
                if ending == "reset":
                    _linger(self._inner)
                await trio.aclose_forcefully(self._inner)

    def _wake(self) -> None:
        self._closed = True
        self._changed.unpark_all()

    async def _wait(self, moment: Callable[[], float]) -> None:
        """Wait for a moment, and for the end of a stall; or until this end is closed."""
        while not self._closed:
            until = max(moment(), self._flow.stalled_until)
            if until <= trio.current_time():
                return
            with trio.move_on_at(until):
                await self._changed.park()


def _linger(stream: trio.abc.Stream) -> None:
    """Let closing the socket below be a reset."""
    below: object = stream
    while isinstance(below, trio.SSLStream):
        below = cast("trio.SSLStream[trio.abc.Stream]", below).transport_stream
    if isinstance(below, trio.SocketStream):
        below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)


@final
class FaultySocket:
    """The server's end of a WebSocket whose messages do not arrive as they should."""

    def __init__(
        self, ws: ServerSocket, stream: FaultyStream, outgoing: FrameLine, incoming: FrameLine
    ) -> None:
        self._ws = ws
        self._stream = stream
        self._outgoing = outgoing
        self._incoming = incoming
        self._over = False
        self._close_sent = False
        self._ended: TransportClosed | None = None
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def answer_close(self) -> bool:
        """Whether a CLOSE of the client's is answered."""
        return self._ws.answer_close

    @answer_close.setter
    def answer_close(self, answer: bool) -> None:
        self._ws.answer_close = answer

    async def send(self, text: str) -> None:
        """Send a text message: it is on its way when this returns."""
        await self._offer(text)

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._offer(data)

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping. Faults of messages do not concern it."""
        await self._ws.ping(payload)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send CLOSE behind everything that is on its way, and return when it has left."""
        await trio.lowlevel.checkpoint()
        self._outgoing.close(code, reason, trio.current_time())
        self._changed.unpark_all()
        while not (self._close_sent or self._over):
            await self._changed.park()
        if self._over:
            raise _lost()

    async def aclose(self) -> None:
        """Close the stream by force. What is on its way is lost."""
        self._end()
        await self._ws.aclose()

    async def receive(self) -> str | bytes:
        """Receive a message when it has arrived. Cancelled, it loses none."""
        incoming = self._incoming
        while True:
            step = incoming.pop(trio.current_time())
            if isinstance(step, Deliver):
                # At once: who receives this message must not be able to answer it.
                if incoming.is_ending:
                    await self._lose(incoming.pop(trio.current_time()))
                return step.message
            if step is not None:
                await self._lose(step)
            elif self._ended is not None and incoming.due == math.inf:
                raise _again(self._ended)
            else:
                with trio.move_on_at(incoming.due):
                    await self._take()

    async def _take(self) -> None:
        """Let the client's next message start on its way, if there is room."""
        if self._ended is not None or self._incoming.held_bytes > _ON_THE_WAY_MAX:
            await trio.sleep_forever()
        try:
            message = await self._ws.receive()
        except TransportClosed as closed:
            self._ended = closed
        else:
            self._incoming.offer(message, trio.current_time())

    async def _offer(self, message: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        while self._outgoing.held_bytes > _ON_THE_WAY_MAX and not self._over:
            await self._changed.park()
        if self._over:
            raise _lost()
        self._outgoing.offer(message, trio.current_time())
        self._changed.unpark_all()

    async def deliver(self) -> None:
        """Let what the server sends arrive, for as long as there is a connection."""
        try:
            while not self._over:
                step = self._outgoing.pop(trio.current_time())
                if step is None:
                    with trio.move_on_at(self._outgoing.due):
                        await self._changed.park()
                else:
                    self._changed.unpark_all()
                    await self._do(step)
        except TransportClosed:
            self._end()

    async def _do(self, step: Step) -> None:
        if isinstance(step, Close):
            await self._ws.close(step.code, step.reason)
            self._close_sent = True
            self._changed.unpark_all()
        elif isinstance(step, Cut):
            await self._lose(step)
        elif isinstance(step.message, str):
            await self._ws.send(step.message)
        else:
            await self._ws.send_bytes(step.message)

    async def _lose(self, step: Step | None) -> None:
        assert isinstance(step, Cut)
        self._end()
        await self._stream.cut(step.ending)

    def _end(self) -> None:
        self._over = True
        self._changed.unpark_all()


def _lost() -> TransportClosed:
    return TransportClosed(None, "", "network")


def _again(closed: TransportClosed) -> TransportClosed:
    """Make another of it: every raise is a new instance."""
    return TransportClosed(
        closed.code, closed.reason, closed.closed_by, too_big=closed.too_big, cause=closed.cause
    )


@final
class FaultyLink:
    """One connection that suffers, for the server that serves it."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        outgoing: FrameLine,
        incoming: FrameLine,
        flow: ByteFlow,
        ending: FaultEnding,
    ) -> None:
        self.stream: FaultyStream = FaultyStream(stream, flow, ending)
        """What the server uses in place of the stream."""
        self._outgoing = outgoing
        self._incoming = incoming
        self._flow = flow

    async def talk(
        self,
        talk: Callable[[ServerSocket, ClientHandshake], Awaitable[bool]],
        ws: ServerSocket,
        handshake: ClientHandshake,
    ) -> bool:
        """Let a server talk over an accepted WebSocket; what it raises is raised as it is."""
        self._flow.begin()
        faulty = FaultySocket(ws, self.stream, self._outgoing, self._incoming)
        error: Exception | None = None
        ended_by_client = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(faulty.deliver)
            try:
                ended_by_client = await talk(faulty, handshake)
            except Exception as raised:  # noqa: BLE001 - raised again, outside of the nursery
                error = raised
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error
        return ended_by_client

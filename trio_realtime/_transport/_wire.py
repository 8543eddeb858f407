"""The stream that frames travel on, both ways.

What is to be sent goes into a buffer, whole or not at all, and never waits; one task at a time
moves it on in pieces. So a pong or a CLOSE never waits behind a lock, reading never stops because
writing is stuck, and a cancelled send cannot tear a frame.

This module does not know what a frame is, nor who waits for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final, final

import trio

from trio_realtime._transport._contract import Ending

RECEIVE_BYTES: Final = 65536
"""How much is read at once: what is read in one go is dispatched in one go."""

PIECE_BYTES: Final = 16384
"""How much is handed to the stream at once, TLS's largest record. A stream says only when it has
taken all: with larger pieces a slow link would look dead, for `last_sent` would stand still."""

MAX_CONTROL_BYTES: Final = 1024 * 1024
"""How many bytes of pongs may wait. More is a ping flood from a peer that does not read."""

LINGER: Final = 3.0
"""How long, after a failed write, what the peer had sent before may still be read: the reason for
the failure is often among it. A reader that was paused finds out within two seconds that writing is
stuck, and reads on."""


class WireError(Exception):
    """Why this side gave the link up."""


@final
class Wire(trio.abc.AsyncResource):
    """A byte stream that is written to without waiting.

    It never raises what the stream below raised: that ends the link, and is kept in `ending`.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream: trio.abc.Stream = stream
        self.last_received: float = trio.current_time()
        self.last_sent: float = self.last_received
        self.bytes_in: int = 0
        self.bytes_out: int = 0
        self.ending: Ending | None = None
        """Why nothing more will be received."""
        self._ended = trio.Event()

        self._buffer = bytearray()
        self._queued = 0
        self._messages_end = 0
        self._our_close: Ending | None = None
        self._write_error: Exception | None = None
        self._aborted = False
        self._writing = False
        self._work = trio.lowlevel.ParkingLot()
        self._progress = trio.lowlevel.ParkingLot()
        # A bare socket can be asked to take what it can take at once, so most frames need no
        # switch of tasks. Windows has no `os.write` to a socket.
        has_write = sys.platform != "win32"
        self._socket = (
            stream.socket if has_write and isinstance(stream, trio.SocketStream) else None
        )

    # ---- Ending ----

    def end(self, ending: Ending) -> None:
        """Keep why the link is over, once, and wake everybody who waits for it."""
        if self.ending is None:
            self.ending = self._our_close or ending
        self._progress.unpark_all()
        self._ended.set()

    @property
    def may_send(self) -> bool:
        """Whether a message can still be sent."""
        return self.ending is None and self._our_close is None and self._write_error is None

    async def wait_ending(self) -> Ending:
        """Wait until what is known about the end is known. Only when `may_send` is false."""
        # After our CLOSE the link lives on until the peer answers; we need not wait to say so.
        if self._our_close is None or self.ending is not None:
            await self._ended.wait()
        else:
            await trio.lowlevel.checkpoint()
        ending = self.ending or self._our_close
        assert ending is not None
        return ending

    async def aclose(self) -> None:
        """Close by force, also when cancelled. Nothing that still waits here goes out."""
        self._aborted = True
        self.end(Ending(None, "", "us"))
        self._work.unpark_all()
        await trio.aclose_forcefully(self.stream)

    # ---- Sending ----

    def append(self, frame: bytes) -> None:
        """Add a frame to what is to be sent; `flush` or `nudge` sets it going."""
        self._buffer += frame
        self._queued += len(frame)
        self._messages_end = self._queued

    def close_output(self, frame: bytes, ending: Ending) -> None:
        """Add a CLOSE frame, once. What is to be sent after it is dropped."""
        if self._our_close is None:
            self.append(frame)
            self._our_close = ending
            self.nudge()

    def append_pong(self, frame: bytes) -> None:
        """Add an answer to a ping, and set it going. Never waits for the peer."""
        # After our CLOSE it would break the protocol.
        if self._our_close is None:
            self._buffer += frame
            self._queued += len(frame)
            self.nudge()
        # Whatever came after the last message is pongs. Those before it were under the limit.
        if self._queued - max(self.bytes_out, self._messages_end) > MAX_CONTROL_BYTES:
            error = WireError("the server floods us with pings and does not read the answers")
            self.end(Ending(None, "", "network", cause=error))

    def nudge(self) -> None:
        """Set going what was added, without waiting for it."""
        self._work.unpark()

    async def flush(self) -> bool:
        """Wait until everything added before has left; False when the link is over before.

        Cancelled, it still leaves.
        """
        mark = self._queued
        if self._socket is not None and not self._writing:
            self._write_now(self._socket)
            if not self._buffer:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return True
        while self.bytes_out < mark and self.ending is None:
            self.nudge()
            await self._progress.park()
        return self.bytes_out >= mark

    async def drained(self) -> bool:
        """Wait until the buffer is empty, also after the end; False when it never will be."""
        await trio.lowlevel.checkpoint()
        while self._buffer and self._write_error is None and not self._aborted:
            self.nudge()
            await self._progress.park()
        return not self._buffer

    @trio.lowlevel.enable_ki_protection
    async def drain(self) -> None:
        """Send what is added, for as long as the stream takes it. One task runs this."""
        while self._write_error is None and not self._aborted:
            if self._buffer:
                await self._write()
            else:
                await self._work.park()
        if self._aborted:
            return
        with trio.move_on_after(LINGER):
            await self._ended.wait()
        self.end(Ending(None, "", "network", cause=self._write_error))
        await trio.aclose_forcefully(self.stream)

    async def _write(self) -> None:
        """Send the first piece of the buffer, however long it takes."""
        piece = self._buffer[:PIECE_BYTES]
        self._writing = True
        try:
            await self.stream.send_all(piece)
        except Exception as error:  # noqa: BLE001 - whatever a stream raises, it cannot send
            self._write_error = error
            self._progress.unpark_all()
        else:
            self._took(len(piece))
        finally:
            self._writing = False

    def _write_now(self, socket: trio.socket.SocketType) -> None:
        """Send what the socket takes without waiting."""
        # What goes wrong here goes wrong again in the draining task, which knows what to do.
        with contextlib.suppress(OSError):
            self._took(os.write(socket.fileno(), self._buffer))

    def _took(self, count: int) -> None:
        del self._buffer[:count]
        self.bytes_out += count
        self.last_sent = trio.current_time()
        self._progress.unpark_all()

    # ---- Receiving ----

    async def receive_some(self) -> bytes | bytearray:
        """Receive what there is; `b""` when nothing more will come."""
        try:
            data = await self.stream.receive_some(RECEIVE_BYTES)
        except Exception as error:  # noqa: BLE001 - whatever a stream raises, it cannot receive
            data = b""
            self.end(Ending(None, "", "network", cause=self._write_error or error))
        if data:
            self.last_received = trio.current_time()
            self.bytes_in += len(data)
        else:
            self.end(Ending(None, "", "network", cause=self._write_error))
        return data

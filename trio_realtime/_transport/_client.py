"""The client's WebSocket: a stream, and a library that knows frames.

The task that receives is the one that reads the stream: nothing goes through a queue and a task of
a library, and nothing of what libraries do by themselves (answer, wait, raise, throw away) can
happen here. This module does not know what a message says.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import TYPE_CHECKING, final

import trio

from trio_realtime._redaction import redact_url
from trio_realtime._transport._contract import (
    Compression,
    Ending,
    LibraryName,
    Transport,
    TransportClosed,
)
from trio_realtime._transport._guard import closed_on_failure
from trio_realtime._transport._inbound import CloseSeen, FaultSeen, Inbound, PingSeen, Seen
from trio_realtime._transport._library import MAX_CODE, MIN_CODE, Upgraded, UpgradeFault
from trio_realtime._transport._upgrade import AnswerReader
from trio_realtime._transport._wire import Wire, WireError

if TYPE_CHECKING:
    from trio_realtime._endpoint import Handshake
    from trio_realtime._options import Options


@final
class WebSocketTransport:
    """A `Transport` over any WebSocket library."""

    def __init__(
        self,
        wire: Wire,
        upgraded: Upgraded,
        *,
        max_message_bytes: int,
        rest: bytes = b"",
        secrets: Collection[str] = (),
    ) -> None:
        self._wire = wire
        self._library = upgraded.library
        self._inbound = Inbound(upgraded.library, max_message_bytes)
        self._secrets = secrets
        self._ping_number = 0
        self._ping_sent_at = 0.0
        self.frames_in: int = 0
        self.frames_out: int = 0
        self.last_ping_ms: float | None = None
        self.subprotocol: str | None = upgraded.subprotocol
        self.response_headers: tuple[tuple[str, str], ...] = upgraded.headers
        self._take(rest)

    @property
    def last_received(self) -> float:
        """Trio's time of the last byte received."""
        return self._wire.last_received

    @property
    def last_sent(self) -> float:
        """Trio's time of the last byte that the stream took from us."""
        return self._wire.last_sent

    @property
    def bytes_in(self) -> int:
        """Bytes received on the stream."""
        return self._wire.bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes sent on the stream."""
        return self._wire.bytes_out

    # Sending.

    async def send(self, message: str | bytes) -> None:
        """Send a message; see `Transport`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._wire.may_send:
            raise await self._closed()
        self._wire.append(self._library.message(message))
        self.frames_out += 1
        if not await self._wire.flush():
            raise await self._closed()

    async def ping(self) -> None:
        """Hand over a ping; see `Transport`."""
        # Waits for no answer, and keeps nothing for one that may never come.
        if not self._wire.may_send:
            raise await self._closed()
        self._ping_number += 1
        self._ping_sent_at = trio.current_time()
        self._wire.append(self._library.ping(struct.pack("!I", self._ping_number)))
        self._wire.nudge()
        await trio.lowlevel.checkpoint()

    async def send_close(self, code: int, reason: str) -> None:
        """Hand over a CLOSE frame; see `Transport`."""
        if not MIN_CODE <= code <= MAX_CODE:
            raise ValueError(f"a close code is a number from 1000 to 4999; this is {code}")
        if not self._wire.may_send:
            raise await self._closed()
        self._close_output(Ending(code, reason, "us"))
        await trio.lowlevel.checkpoint()

    async def drained(self) -> None:
        """Wait until everything handed over has left; see `Transport`."""
        if not await self._wire.drained():
            raise await self._closed()

    async def aclose(self) -> None:
        """Close by force; see `Transport`."""
        await self._wire.aclose()

    # Receiving.

    async def receive(self) -> str | bytes:
        """Receive a message; see `Transport`."""
        if self._inbound.messages:
            await trio.lowlevel.checkpoint()
        while not self._inbound.messages:
            if self._wire.ending is not None:
                raise await self._closed()
            self._take(await self._wire.receive_some())
        return self.receive_nowait()

    def receive_nowait(self) -> str | bytes:
        """Return a message that is here; see `Transport`."""
        if not self._inbound.messages:
            raise trio.WouldBlock
        self.frames_in += 1
        return self._inbound.messages.popleft()

    def _take(self, data: bytes | bytearray) -> None:
        for seen in self._inbound.feed(data):
            self._note(seen)

    def _note(self, seen: Seen) -> None:
        match seen:
            case PingSeen(payload):
                self._wire.append_pong(self._library.pong(payload))
            case CloseSeen(code, reason):
                self._wire.end(Ending(code, reason, "server"))
                answer = code if MIN_CODE <= code <= MAX_CODE else 1002
                self._close_output(Ending(answer, "", "server"))
            case FaultSeen(code, reason):
                ending = Ending(code, reason, "us", too_big=True)
                if not seen.is_too_big:
                    cause = WireError(f"the server broke the WebSocket protocol: {reason}")
                    ending = Ending(None, "", "network", cause=cause)
                self._wire.end(ending)
                self._close_output(Ending(code, ending.reason, "us"))
            case _:
                if seen.payload == struct.pack("!I", self._ping_number):
                    self.last_ping_ms = (trio.current_time() - self._ping_sent_at) * 1000

    def _close_output(self, ending: Ending) -> None:
        assert ending.code is not None
        self._wire.close_output(self._library.close(ending.code, ending.reason), ending)

    async def _closed(self) -> TransportClosed:
        return (await self._wire.wait_ending()).error(self._secrets)


async def open_transport(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    handshake: Handshake,
    options: Options,
    *,
    library: LibraryName = "trio-websocket",
    compression: Compression | None = None,
    secrets: Collection[str] = (),
) -> Transport:
    """Upgrade `stream` to a WebSocket, with a task in `nursery` that never raises.

    It has no deadline: that is the caller's scope. On failure the stream is closed.

    Raises:
        HandshakeRejectedError: if the server answered with another status.
        AuthenticationError: likewise, with 401 or 403.
        ConnectError: if it closed the connection, or did not speak HTTP.
    """
    secrets = (*secrets, *handshake.secrets)
    wire = Wire(stream)
    answer = AnswerReader(wire, redact_url(handshake.url, secrets), secrets)
    async with closed_on_failure(wire):
        nursery.start_soon(wire.drain, name="trio_realtime wire")
        try:
            if library == "websockets":
                from trio_realtime._transport import _websockets

                upgraded, rest = await _websockets.upgrade(
                    wire,
                    handshake,
                    answer,
                    max_message_bytes=options.max_message_bytes,
                    compression=compression,
                )
            else:
                from trio_realtime._transport import _trio_websocket

                upgraded, rest = await _trio_websocket.upgrade(wire, handshake, answer)
        except UpgradeFault as fault:
            raise answer.failed(f"not a WebSocket upgrade: {fault}") from fault.__cause__ or fault
    return WebSocketTransport(
        wire,
        upgraded,
        max_message_bytes=options.max_message_bytes,
        rest=rest,
        secrets=secrets,
    )

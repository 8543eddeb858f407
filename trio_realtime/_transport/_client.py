"""The client's WebSocket: trio-websocket for the upgrade and for decoding, over our own stream.

trio-websocket 0.12 loses messages, tears frames and waits for ever in a score of ways; none of
them is reachable from here. We own the stream and the tasks, make our own frames, answer CLOSE
ourselves, and read the answer to the upgrade ourselves. What is left to the library is what it
does well: it asks for the upgrade, checks the server's key, joins and decodes messages, and answers
pings. This module does not know what a message says.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Final, cast, final
from urllib.parse import urlsplit

import outcome
import trio
import trio_websocket
from wsproto.utilities import RemoteProtocolError

from trio_realtime._redaction import redact, redact_url
from trio_realtime._transport._answer import (
    AnswerError,
    read_answer,
    read_refusal,
    rejection_from_answer,
)
from trio_realtime._transport._contract import Ending, Transport, TransportClosed
from trio_realtime._transport._frames import MAX_CODE, MIN_CODE, FrameMaker
from trio_realtime._transport._guard import closed_on_failure
from trio_realtime._transport._streams import DEFAULT_PORTS
from trio_realtime._transport._wire import Wire, WireError
from trio_realtime.errors import ConnectError

if TYPE_CHECKING:
    from trio_realtime._endpoint import Handshake
    from trio_realtime._options import Options

QUEUED_MESSAGES: Final = 16
"""The connection's reader takes messages at once; a count cannot bound bytes."""

RECEIVE_BYTES: Final = 65536
"""B11: with the library's 4 KiB a large message takes up to five times as long to decode. Can go
when its default grows: https://github.com/python-trio/trio-websocket/pull/186"""


def request_from_url(url: str) -> tuple[str, str]:
    """Split the URL of a `Handshake` into the Host header and the request target.

    B18: the port is left out only where it is the scheme's own, and IPv6 keeps its brackets.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port not in (None, DEFAULT_PORTS[parts.scheme]):
        host += f":{parts.port}"
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@final
class _ReaderNursery:
    """What `wrap_client_stream` is given in place of a nursery.

    B16, B19: the library offers no other way to its reader, which raises whatever goes wrong into
    the nursery it was started in. Here that is a fact like another. Can go when
    `wrap_client_stream` returns its errors: https://github.com/python-trio/trio-websocket/issues/132
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.scope: trio.CancelScope = trio.CancelScope()
        self.result: outcome.Outcome[object] | None = None
        self.on_end: Callable[[], None] | None = None

    def start_soon(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        """Start the library's reader."""
        self._nursery.start_soon(self._run, async_fn, name="trio_realtime reader")

    @trio.lowlevel.enable_ki_protection
    async def _run(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        try:
            with self.scope:
                try:
                    self.result = outcome.Value(await async_fn())
                except Exception as error:  # noqa: BLE001 - B10, B16: h11's come out too
                    self.result = outcome.Error(error)
        finally:
            if self.on_end is not None:
                self.on_end()


@final
class WebSocketTransport:
    """A `Transport` over trio-websocket."""

    def __init__(
        self,
        ws: trio_websocket.WebSocketConnection,
        wire: Wire,
        reader: _ReaderNursery,
        secrets: Collection[str],
    ) -> None:
        self._ws = ws
        self._wire = wire
        self._reader = reader
        self._secrets = secrets
        self._frames = FrameMaker()
        self._ping_number = 0
        self._ping_sent_at = 0.0
        self.frames_in: int = 0
        self.frames_out: int = 0
        self.last_ping_ms: float | None = None
        self.subprotocol: str | None = ws.subprotocol
        self.response_headers: tuple[tuple[str, str], ...] = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in ws.handshake_headers
        )
        wire.on_pong = self._note_pong

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

    async def send(self, message: str | bytes) -> None:
        """Send a message; see `Transport`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._wire.may_send:
            raise self._closed(await self._wire.wait_ending())
        self._wire.append(self._frames.message(message))
        self.frames_out += 1
        if not await self._wire.flush():
            raise self._closed(await self._wire.wait_ending())

    async def receive(self) -> str | bytes:
        """Receive a message; see `Transport`."""
        try:
            message = await self._ws.get_message()
        except trio_websocket.ConnectionClosed as error:
            reason = error.reason
        else:
            self.frames_in += 1
            return message
        if self._wire.ending is None:
            self._break_off(reason)
        raise self._closed(await self._wire.wait_ending())

    def _break_off(self, given: trio_websocket.CloseReason | None) -> None:
        """The library gave up on what it was fed, for the server broke the protocol."""
        code, said = (1002, None) if given is None else (given.code, given.reason)
        error = WireError(f"the server broke the WebSocket protocol: {said or self._reader.result}")
        self._wire.end(Ending(None, "", "network", cause=error))
        self._wire.close_output(Ending(code, "", "us"))

    async def ping(self) -> None:
        """Hand over a ping; see `Transport`."""
        # B5: the library's own `ping` waits for an answer that may never come, and when cancelled
        # keeps the payload for ever.
        if not self._wire.may_send:
            raise self._closed(await self._wire.wait_ending())
        self._ping_number += 1
        self._ping_sent_at = trio.current_time()
        self._wire.append(self._frames.ping(struct.pack("!I", self._ping_number)))
        self._wire.nudge()
        await trio.lowlevel.checkpoint()

    def _note_pong(self, payload: bytes) -> None:
        if payload == struct.pack("!I", self._ping_number):
            self.last_ping_ms = (trio.current_time() - self._ping_sent_at) * 1000

    async def send_close(self, code: int, reason: str) -> None:
        """Hand over a CLOSE frame; see `Transport`."""
        if not MIN_CODE <= code <= MAX_CODE:
            raise ValueError(f"a close code is a number from 1000 to 4999; this is {code}")
        if not self._wire.may_send:
            raise self._closed(await self._wire.wait_ending())
        self._wire.close_output(Ending(code, reason, "us"))
        await trio.lowlevel.checkpoint()

    async def drained(self) -> None:
        """Wait until everything handed over has left; see `Transport`."""
        if not await self._wire.drained():
            raise self._closed(await self._wire.wait_ending())

    async def aclose(self) -> None:
        """Close by force; see `Transport`."""
        self._reader.scope.cancel()
        await self._wire.aclose()

    def _closed(self, ending: Ending) -> TransportClosed:
        closed = TransportClosed(ending, redact(ending.reason, self._secrets))
        closed.__cause__ = ending.cause
        return closed


async def open_transport(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    handshake: Handshake,
    options: Options,
    *,
    secrets: Collection[str] = (),
) -> Transport:
    """Upgrade `stream` to a WebSocket, with two tasks in `nursery` that never raise.

    It has no deadline: that is the caller's scope. On failure the stream is closed.

    Raises:
        HandshakeRejectedError: if the server answered with another status.
        AuthenticationError: likewise, with 401 or 403.
        ConnectError: if it closed the connection, or did not speak HTTP.
    """
    secrets = (*secrets, *handshake.secrets)
    host, target = request_from_url(handshake.url)
    wire = Wire(stream, options.max_message_bytes)
    reader = _ReaderNursery(nursery)
    upgrade = _Upgrade(wire, redact_url(handshake.url, secrets), secrets)
    wire.read_answer = upgrade.read
    async with closed_on_failure(wire):
        nursery.start_soon(wire.drain, name="trio_realtime wire")
        try:
            # B2, B8: the library waits for an answer and notices no end of the stream. Can go when
            # its `wrap_client_stream` also waits for its reader.
            with trio.CancelScope() as waiting:
                reader.on_end = waiting.cancel
                ws = await trio_websocket.wrap_client_stream(
                    cast("trio.Nursery", reader),
                    cast("trio.SocketStream", wire),
                    host,
                    target,
                    subprotocols=handshake.subprotocols,
                    extra_headers=[(n.encode(), v.encode()) for n, v in handshake.headers],
                    message_queue_size=QUEUED_MESSAGES,
                    # B3, B12: the library counts characters, throws queued messages away and
                    # waits. The wire counts bytes before it does, so this limit is never reached.
                    # See https://github.com/python-trio/trio-websocket/issues/82
                    max_message_size=options.max_message_bytes,
                    receive_buffer_size=RECEIVE_BYTES,
                )
                reader.on_end = None
                return WebSocketTransport(ws, wire, reader, secrets)
            await trio.lowlevel.checkpoint_if_cancelled()
            raise upgrade.error_from(reader.result)
        except BaseException:
            reader.scope.cancel()
            raise


@final
class _Upgrade:
    """Reads the answer to the upgrade in the library's place, and remembers what was wrong."""

    def __init__(self, wire: Wire, url: str, secrets: Collection[str]) -> None:
        self._wire = wire
        self._url = url
        self._secrets = secrets
        self._error: ConnectError | None = None

    async def read(self) -> tuple[bytes, bytes]:
        """Return the head of a 101, and what came after it. Anything else ends the stream."""
        try:
            answer = await read_answer(self._wire.read_some)
            if answer.status == 101:
                return answer.head, answer.rest
            headers, body = await read_refusal(answer, self._wire.read_some)
            self._error = rejection_from_answer(
                answer.status,
                headers,
                body,
                url=self._url,
                now=time.time(),
                secrets=self._secrets,
            )
        except AnswerError as error:
            self._error = self._failed(str(error))
            ending = self._wire.ending
            self._error.__cause__ = None if ending is None else ending.cause
        return b"", b""

    def error_from(self, result: outcome.Outcome[object] | None) -> ConnectError:
        """Say why there was no upgrade, when the library's reader has ended."""
        if self._error is not None:
            return self._error
        # B10: the library sends wsproto's hint, a refusal, which a client cannot: h11's complaint
        # hides wsproto's. trio-websocket 0.12 `_reader_task`; can go when it raises the first.
        cause = result.error if isinstance(result, outcome.Error) else None
        said = cause
        while said is not None and not isinstance(said, RemoteProtocolError):
            said = said.__context__
        error = self._failed(f"not a WebSocket upgrade: {said or cause}")
        error.__cause__ = cause
        return error

    def _failed(self, what: str) -> ConnectError:
        return ConnectError(
            f"the server did not accept a WebSocket: {what}", url=self._url, secrets=self._secrets
        )

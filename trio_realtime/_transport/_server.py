"""The server's side of a WebSocket, over wsproto: for the testing kit, and for tests.

It is a small server for peers that are tested, not one for the internet: who does not read stalls
it. This module does not know what a message says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, final

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from trio_realtime._transport._contract import Ending, TransportClosed
from trio_realtime._transport._http import (
    RECEIVE_BYTES,
    HttpExchange,
    HttpResponse,
    lost,
    read,
    receive_body,
    refuse,
    respond,
    write,
)
from trio_realtime._transport._wire import WireError

_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_MAX_BODY_BYTES: Final = 1024 * 1024

_UPGRADE_REQUIRED: Final = HttpResponse(
    426,
    (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Content-Type", "text/plain"),
    ),
    b"This server speaks WebSocket only",
)


async def accept_websocket(
    stream: trio.abc.Stream, *, max_message_bytes: int = _MAX_MESSAGE_BYTES
) -> ServerRequest:
    """Read a client's request to upgrade.

    Whatever is not such a request is answered with 426, or 400 if it is no HTTP.

    Raises:
        TransportClosed: if the client is gone, or asked for something else.
    """
    request = await accept_request(stream, max_message_bytes=max_message_bytes)
    if isinstance(request, HttpExchange):
        await request.respond(_UPGRADE_REQUIRED)
        raise lost(WireError("not a WebSocket upgrade")).error()
    return request


async def accept_request(
    stream: trio.abc.Stream,
    *,
    max_message_bytes: int = _MAX_MESSAGE_BYTES,
    max_body_bytes: int = _MAX_BODY_BYTES,
) -> ServerRequest | HttpExchange:
    """Read a client's request: to upgrade, or any other, with its body.

    An upgrade that cannot be is answered with 426, and what is no HTTP with 400.

    Raises:
        TransportClosed: if the client is gone, or was answered already.
    """
    http = h11.Connection(h11.SERVER)
    received = bytearray()
    try:
        while (request := http.next_event()) is h11.NEED_DATA:
            data = await read(stream)
            received += data
            http.receive_data(data)
    except h11.RemoteProtocolError as error:
        raise await refuse(stream, http, error) from error
    # Nothing else comes first, as `http` is never told of an end.
    assert isinstance(request, h11.Request)
    if not any(n == b"upgrade" and v.lower() == b"websocket" for n, v in request.headers):
        body = await receive_body(stream, http, max_body_bytes)
        return HttpExchange(stream, http, request, body)
    ws = WSConnection(ConnectionType.SERVER)
    upgrade: Event | None = None
    problem: Exception | None = None
    try:
        ws.receive_data(bytes(received))
        upgrade = next(ws.events())
    except (RemoteProtocolError, UnicodeError) as error:
        problem = error
    if not isinstance(upgrade, Request):
        await respond(stream, http, _UPGRADE_REQUIRED, head=request.method == b"HEAD")
        raise lost(WireError(f"not a WebSocket upgrade: {problem}")).error() from problem
    return ServerRequest(stream, ws, upgrade, max_message_bytes)


@final
class ServerRequest:
    """A client's request to upgrade. Accept it or reject it, once."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        ws: WSConnection,
        request: Request,
        max_message_bytes: int,
    ) -> None:
        self._stream = stream
        self._ws = ws
        self._max_message_bytes = max_message_bytes
        path, _, query = request.target.partition("?")
        self.path: str = path
        """The target without its query."""
        self.query: str = query
        """What follows the question mark, as it came."""
        self.headers: tuple[tuple[str, str], ...] = (
            ("host", request.host),
            *((n.decode("latin-1"), v.decode("latin-1")) for n, v in request.extra_headers),
        )
        """Names in lower case. The subprotocols are apart."""
        self.subprotocols: tuple[str, ...] = tuple(request.subprotocols)
        """What the client offers, its favourite first."""

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        *,
        compression: bool = False,
    ) -> ServerWebSocket:
        """Answer 101 and begin, with permessage-deflate if it is offered and wanted here."""
        extra = [(name.encode(), value.encode()) for name, value in headers]
        answer = AcceptConnection(
            subprotocol=subprotocol,
            extensions=[PerMessageDeflate()] if compression else [],
            extra_headers=extra,
        )
        await write(self._stream, self._ws.send(answer))
        return ServerWebSocket(self._stream, self._ws, self._max_message_bytes)

    async def reject(
        self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Answer something else."""
        extra = [(name.encode(), value.encode()) for name, value in headers]
        extra.append((b"content-length", str(len(body)).encode()))
        answer = RejectConnection(status_code=status, headers=extra, has_body=True)
        await write(self._stream, self._ws.send(answer) + self._ws.send(RejectData(data=body)))


@final
class ServerWebSocket:
    """An accepted WebSocket. Several tasks may send; one may receive.

    What is raised is `TransportClosed`, whose `"server"` means the other side, a client here.
    """

    answer_close: bool
    """Whether a CLOSE of the client's is answered, as it should be."""

    def __init__(self, stream: trio.abc.Stream, ws: WSConnection, max_message_bytes: int) -> None:
        self.answer_close = True
        self._stream = stream
        self._ws = ws
        self._max_message_bytes = max_message_bytes
        self._lock = trio.Lock()
        self._torn = False
        self._ending: Ending | None = None
        self._our_close: Ending | None = None
        self._messages: deque[str | bytes] = deque()
        self._replies: deque[Event] = deque()
        self._parts: list[str] = []
        self._byte_parts: list[bytes] = []
        self._part_bytes = 0

    async def send(self, text: str) -> None:
        """Send a text message. Cancelled half way, it tears the line, and later sends raise."""
        await self._send(TextMessage(data=text))

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._send(BytesMessage(data=data))

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping; its answer is read by `receive`, and dropped."""
        await self._send(Ping(payload=payload))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send CLOSE, and wait for nothing: `receive` raises when the client answers."""
        await self._send(CloseConnection(code=code, reason=reason))
        self._our_close = self._our_close or Ending(code, reason, "us")

    async def _send(self, event: Event) -> None:
        async with self._lock:
            if self._torn:
                raise lost(WireError("an earlier send was cancelled half way")).error()
            try:
                data = self._ws.send(event)
            except LocalProtocolError:
                raise (self._ending or self._our_close or lost(None)).error() from None
            self._torn = True
            await write(self._stream, data)
            self._torn = False

    async def receive(self) -> str | bytes:
        """Receive a message, answering pings and CLOSE on the way. Cancelled, it loses none."""
        await trio.lowlevel.checkpoint()
        while True:
            while self._replies:
                await self._reply(self._replies.popleft())
            if self._messages:
                return self._messages.popleft()
            if self._ending is not None:
                raise self._ending.error()
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._end(lost(error))
                continue
            if not data:
                self._end(lost(None))
                continue
            self._ws.receive_data(bytes(data))
            for event in self._ws.events():
                self._note(event)

    async def _reply(self, event: Event) -> None:
        # The client may not wait for it, or may have read our CLOSE by now.
        try:
            await self._send(event)
        except TransportClosed:
            return

    def _end(self, ending: Ending) -> None:
        self._ending = self._ending or self._our_close or ending

    def _note(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            self._parts.append(event.data)
            self._count(event.data.encode())
            if event.message_finished and self._ending is None:
                self._messages.append("".join(self._parts))
        elif isinstance(event, BytesMessage):
            self._byte_parts.append(bytes(event.data))
            self._count(event.data)
            if event.message_finished and self._ending is None:
                self._messages.append(b"".join(self._byte_parts))
        elif isinstance(event, Ping):
            self._replies.append(event.response())
        elif isinstance(event, CloseConnection):
            self._end(Ending(int(event.code), event.reason or "", "server"))
            if self.answer_close:
                self._replies.append(event.response())
        if isinstance(event, TextMessage | BytesMessage) and event.message_finished:
            self._parts.clear()
            self._byte_parts.clear()
            self._part_bytes = 0

    def _count(self, data: bytes | bytearray) -> None:
        self._part_bytes += len(data)
        if self._part_bytes > self._max_message_bytes and self._ending is None:
            self._end(Ending(1009, "the message is too big", "us", too_big=True))
            self._replies.append(CloseConnection(code=1009, reason="the message is too big"))

    async def aclose(self) -> None:
        """Close the stream by force."""
        self._end(Ending(None, "", "us"))
        await trio.aclose_forcefully(self._stream)

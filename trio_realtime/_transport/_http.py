"""Plain HTTP beside the WebSocket: one request, one response, then the connection closes.

Over h11, for the testing kit. This module does not know which requests mean anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, final

import h11
import trio

from trio_realtime._transport._contract import Ending, TransportClosed
from trio_realtime._transport._wire import WireError

RECEIVE_BYTES: Final = 65536

Headers = tuple[tuple[str, str], ...]


@final
@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a client asks."""

    method: str
    """Its method, such as `POST`."""

    path: str
    """The target without its query."""

    query: str = ""
    """What follows the question mark, as it came."""

    headers: Headers = field(default=(), repr=False)
    """Names in lower case. They hold the client's key."""

    body: bytes | None = field(default=b"", repr=False)
    """The body, or None where it was longer than the server reads."""


@final
@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a client is told."""

    status: int
    """The status: one that HTTP has a name for."""

    headers: Headers = ()
    """Without the length, and without what concerns the connection."""

    body: bytes = field(default=b"", repr=False)
    """The body."""


def lost(cause: BaseException | None) -> Ending:
    """Make the ending of a connection whose client is gone."""
    return Ending(None, "", "network", cause=cause)


async def write(stream: trio.abc.Stream, data: bytes) -> None:
    """Send `data`.

    Raises:
        TransportClosed: if the client is gone.
    """
    try:
        await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise lost(error).error() from error


async def read(stream: trio.abc.Stream) -> bytes:
    """Receive what has arrived.

    Raises:
        TransportClosed: if the client is gone.
    """
    try:
        data = await stream.receive_some(RECEIVE_BYTES)
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise lost(error).error() from error
    if not data:
        raise lost(None).error()
    return bytes(data)


@final
class HttpExchange:
    """A request that is no upgrade. Respond to it, once."""

    request: HttpRequest
    """What the client asks."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        http: h11.Connection,
        request: h11.Request,
        body: bytes | None,
    ) -> None:
        self._stream = stream
        self._http = http
        path, _, query = request.target.decode("ascii").partition("?")
        headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers)
        self.request = HttpRequest(request.method.decode(), path, query, headers, body)

    async def respond(self, response: HttpResponse) -> None:
        """Answer. The stream is left to its owner, to be closed.

        Raises:
            TransportClosed: if the client is gone.
        """
        await respond(self._stream, self._http, response, head=self.request.method == "HEAD")


async def respond(
    stream: trio.abc.Stream, http: h11.Connection, response: HttpResponse, *, head: bool = False
) -> None:
    """Write a response, without its body where the client asked for the head."""
    headers = [
        *response.headers,
        ("Content-Length", str(len(response.body))),
        ("Connection", "close"),
    ]
    reason = HTTPStatus(response.status).phrase
    start = h11.Response(status_code=response.status, headers=headers, reason=reason)
    data = http.send(start) or b""
    if not head:
        data += http.send(h11.Data(data=response.body)) or b""
    await write(stream, data + (http.send(h11.EndOfMessage()) or b""))


async def refuse(
    stream: trio.abc.Stream, http: h11.Connection, error: h11.RemoteProtocolError
) -> TransportClosed:
    """Answer what is no HTTP, and return the exception to raise."""
    text = ("Content-Type", "text/plain")
    said = f"This is not HTTP: {error}".encode()
    await respond(stream, http, HttpResponse(error.error_status_hint, (text,), said))
    return lost(WireError(f"not an HTTP request: {error}")).error()


async def receive_body(
    stream: trio.abc.Stream, http: h11.Connection, max_bytes: int
) -> bytes | None:
    """Read a body to its end; None if it is longer than `max_bytes`.

    What is too long is read all the same, and dropped: a client that is still sending would not
    see the answer.

    Raises:
        TransportClosed: if the client is gone, or what it sends is no HTTP.
    """
    body = bytearray()
    size = 0
    try:
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                size += len(event.data)
                body += event.data if size <= max_bytes else b""
            else:
                if http.they_are_waiting_for_100_continue:
                    go_on = http.send(h11.InformationalResponse(status_code=100, headers=[]))
                    await write(stream, go_on or b"")
                http.receive_data(await read(stream))
    except h11.RemoteProtocolError as error:
        raise await refuse(stream, http, error) from error
    return bytes(body) if size <= max_bytes else None

"""Servers that misbehave, each in one way: raw bytes over any Trio stream.

A peer serves one connection and is cut off by the test's nursery. `pipe_to` puts one behind
`stream_factory=`, `tcp_peer` behind a real port.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeAlias

import trio

from trio_realtime import DEFAULT_OPTIONS, Handshake, Options
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime._transport._client import open_transport
from trio_realtime._transport._server import ServerWebSocket, accept_websocket
from trio_realtime.testing._pipes import PipeStream, pipe_pair

Peer: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]

SESSION_CREATED: Final = json.dumps(
    {
        "type": "session.created",
        "event_id": "event_of_a_peer",
        "session": {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_of_a_peer",
            "model": "gpt-realtime-2.1",
        },
    }
)

BAD_KEY: Final = json.dumps(
    {
        "type": "error",
        "event_id": "event_bad_key",
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_api_key",
            "message": "Incorrect API key provided: sk-proj-********quux.",
            "param": None,
            "event_id": None,
        },
    }
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, says: int | None = None) -> bytes:
    """A server's frame; `says` is the length in its header, when that is to be wrong."""
    length = len(payload) if says is None else says
    head = bytes([opcode | (0x80 if fin else 0)])
    if length < 126:
        head += bytes([length])
    elif length < 65536:
        head += b"\x7e" + length.to_bytes(2, "big")
    else:
        head += b"\x7f" + length.to_bytes(8, "big")
    return head + payload


def text(data: str) -> bytes:
    return frame(1, data.encode())


def ping(payload: bytes = b"are you there") -> bytes:
    return frame(9, payload)


def close(code: int, reason: str = "") -> bytes:
    return frame(8, code.to_bytes(2, "big") + reason.encode())


async def serve(peer: Peer, stream: trio.abc.Stream) -> None:
    """Run a peer whose client may vanish."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await peer(stream)


def pipe_to(
    nursery: trio.Nursery, peer: Peer, *, capacity: int | tuple[int, int] = 65536
) -> Callable[[str, int], Awaitable[PipeStream]]:
    """A stream factory whose every stream leads to `peer`."""

    async def connect(host: str, port: int) -> PipeStream:
        ours, theirs = pipe_pair(capacity=capacity)
        nursery.start_soon(serve, peer, theirs)
        await trio.lowlevel.checkpoint()
        return ours

    return connect


HANDSHAKE: Final = Handshake(url="ws://localhost/v1/realtime?model=m")


@asynccontextmanager
async def transport_to(
    peer: Peer,
    *,
    capacity: int | tuple[int, int] = 65536,
    options: Options = DEFAULT_OPTIONS,
) -> AsyncGenerator[Transport]:
    """Open a transport to `peer` over pipes; nothing of it may be left at the end of the block."""
    async with trio.open_nursery() as nursery:
        connect = pipe_to(nursery, peer, capacity=capacity)
        async with trio.open_nursery() as ours:
            transport = await open_transport(ours, await connect("", 0), HANDSHAKE, options)
            try:
                yield transport
            finally:
                await transport.aclose()
        nursery.cancel_scope.cancel()


async def ending_of(transport: Transport) -> TransportClosed:
    """What `receive` raises, after all messages."""
    try:
        while True:
            await transport.receive()
    except TransportClosed as closed:
        return closed


@asynccontextmanager
async def tcp_peer(peer: Peer, host: str = "127.0.0.1") -> AsyncGenerator[int]:
    """Serve `peer` on a free port of loopback, for the length of the block; gives the port."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)
        nursery.start_soon(trio.serve_listeners, partial(serve, peer), listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def black_hole(stream: trio.abc.Stream) -> None:
    """Takes the connection, reads nothing, says nothing: a black hole for proxy, TLS, upgrade."""
    await trio.sleep_forever()


async def swallower(stream: trio.abc.Stream) -> None:
    """Reads everything and answers nothing."""
    with contextlib.suppress(trio.BrokenResourceError):
        while await stream.receive_some():
            pass
    await trio.sleep_forever()


async def hang_up(stream: trio.abc.Stream) -> None:
    """Reads the request and closes."""
    await stream.receive_some()
    await stream.aclose()


def says(answer: bytes, *, ends: bool = True) -> Peer:
    """Answers the request with these bytes, then closes, or else holds the connection."""

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        if ends:
            await stream.aclose()
        await trio.sleep_forever()

    return peer


garbage: Final = says(b"\x16\x03\x01 what is this? I am not a web server\r\n\r\n", ends=False)

unauthorized: Final = says(
    b"HTTP/1.1 401 Unauthorized\r\nX-Request-Id: req_401\r\nSet-Cookie: session=crumbs\r\n"
    b"Connection: close\r\n\r\n"
    b'{"error": {"message": "You have no key.", "type": "invalid_request_error", "code": "no_key"}}'
)
"""A 401 whose body ends with the connection."""

_SLOW_DOWN: Final = b'{"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}'

too_many_requests: Final = says(
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nX-Request-Id: req_429\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_SLOW_DOWN), _SLOW_DOWN),
    ends=False,
)


def upgraded(behave: Callable[[ServerWebSocket, trio.abc.Stream], Awaitable[None]]) -> Peer:
    """Accepts the upgrade, then does as told; the client may vanish at any time."""

    async def peer(stream: trio.abc.Stream) -> None:
        try:
            ws = await (await accept_websocket(stream)).accept()
            await behave(ws, stream)
        except (TransportClosed, trio.BrokenResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    peer.__name__ = behave.__name__
    return peer


@upgraded
async def no_session(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Says nothing after 101, but answers pings and CLOSE."""
    await _read(ws)


@upgraded
async def polite(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session and answers pings and CLOSE."""
    await ws.send(SESSION_CREATED)
    await _read(ws)


async def interim_first(stream: trio.abc.Stream) -> None:
    """Answers 100 and 103 before 101."""
    await polite(_WithInterim(stream))


async def pings_after_close(stream: trio.abc.Stream) -> None:
    """Answers a CLOSE with a ping, and only then with a CLOSE."""

    async def behave(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        ws.answer_close = False
        with contextlib.suppress(TransportClosed):
            await _read(ws)
        await stream.send_all(ping() + close(1000))
        assert await stream.receive_some() == b""

    await upgraded(behave)(stream)


@upgraded
async def bad_key(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Takes the WebSocket and then refuses the key, as OpenAI does."""
    await ws.send(BAD_KEY)
    await ws.close(3000, "invalid_request_error.invalid_api_key")
    await _read(ws)


@upgraded
async def never_closes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Reads everything, never answers CLOSE, and never hangs up."""
    ws.answer_close = False
    await ws.send(SESSION_CREATED)
    await swallower(stream)


@upgraded
async def closes_and_holds(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Sends CLOSE and keeps the connection open for ever."""
    await ws.send(SESSION_CREATED)
    await ws.close(1001, "going away")
    await swallower(stream)


@upgraded
async def stops_reading(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session and reads no more."""
    await ws.send(SESSION_CREATED)
    await trio.sleep_forever()


@upgraded
async def floods_with_pings(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session and pings without end, also after a CLOSE; reads, and answers nothing."""
    await ws.send(SESSION_CREATED)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(swallower, stream)
        await flood(stream)


@upgraded
async def floods_and_does_not_read(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session and pings without end, and never reads an answer."""
    await ws.send(SESSION_CREATED)
    await flood(stream)


async def flood(stream: trio.abc.Stream) -> None:
    pings = ping(b"p" * 125) * 8
    with contextlib.suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(pings)


@upgraded
async def stalls_mid_frame(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session, sends half a frame, and reads on without another word."""
    await ws.send(SESSION_CREATED)
    await stream.send_all(frame(1, b"half of what was promi", says=44))
    await swallower(stream)


@upgraded
async def resets(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Opens a session and breaks the link without a word."""
    await ws.send(SESSION_CREATED)
    assert isinstance(stream, PipeStream)
    stream.abort()


def writes(data: bytes) -> Peer:
    """Sends these bytes after 101, then reads and answers nothing."""

    @upgraded
    async def peer(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await stream.send_all(data)
        await swallower(stream)

    return peer


async def _read(ws: ServerWebSocket) -> None:
    while True:
        await ws.receive()


class _WithInterim(trio.abc.Stream):
    """Sends interim responses before the first thing that is sent."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._interim = (
            b"HTTP/1.1 100 Continue\r\n\r\n"
            b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
        )

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        interim, self._interim = self._interim, b""
        await self._stream.send_all(interim + bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()

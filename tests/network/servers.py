"""Real servers on loopback: TLS with a made-up authority, an HTTP proxy and a SOCKS one."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache, partial

import trio
import trustme

from tests.shell.peers import Peer, serve, tcp_peer


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def client_context() -> ssl.SSLContext:
    """Trusts the made-up authority and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # trustme's signature also names a type of pyOpenSSL, which is not installed.
    authority().configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def server_context(*names: str, expired: bool = False) -> ssl.SSLContext:
    past = dt.datetime(2001, 1, 1, tzinfo=dt.UTC) if expired else None
    certificate = authority().issue_cert(
        *(names or ("localhost", "127.0.0.1")),
        not_before=past,
        not_after=None if past is None else past + dt.timedelta(days=1),
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def over_tls(peer: Peer, context: ssl.SSLContext) -> Peer:
    """The peer, behind TLS. A client that refuses the certificate is none of its business."""

    async def behind(stream: trio.abc.Stream) -> None:
        wrapped = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with contextlib.suppress(trio.BrokenResourceError):
            await wrapped.do_handshake()
            await serve(peer, wrapped)

    return behind


class ConnectProxy:
    """A proxy that knows CONNECT, and does no more than it must."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.requests: list[bytes] = []

    async def __call__(self, stream: trio.abc.Stream) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += await stream.receive_some()
        self.requests.append(request)
        host, _, port = request.split()[1].decode().rpartition(":")
        if b" 200 " not in self.answer:
            await stream.send_all(self.answer)
            return
        await _relay(stream, host.strip("[]"), int(port), self.answer)


class SocksProxy:
    """A proxy that knows CONNECT of SOCKS 4, 4a and 5."""

    def __init__(self, *, credentials: tuple[str, str] | None = None, refuses: int = 0) -> None:
        self.credentials = credentials
        self.refuses = refuses
        """What it answers to every request, in SOCKS 5's numbers; 0 grants it."""
        self.given: list[tuple[str, str]] = []
        self.requests: list[tuple[int, str, int]] = []
        """Version, host and port of each request."""

    async def __call__(self, stream: trio.abc.Stream) -> None:
        reader = _Reader(stream)
        (version,) = await reader.take(1)
        await (self._speak_5 if version == 5 else self._speak_4)(stream, reader)

    async def _speak_4(self, stream: trio.abc.Stream, reader: _Reader) -> None:
        _, *port = await reader.take(3)
        address = await reader.take(4)
        user = await reader.take_text()
        self.given += [(user, "")] if user else []
        is_named = address[:3] == bytes(3)
        host = await reader.take_text() if is_named else str(ipaddress.ip_address(address))
        self.requests.append((4, host, int.from_bytes(port)))
        answer = bytes([0, 0x5B if self.refuses else 0x5A]) + bytes(6)
        await self._grant(stream, answer)

    async def _speak_5(self, stream: trio.abc.Stream, reader: _Reader) -> None:
        methods = await reader.take((await reader.take(1))[0])
        method = 0 if self.credentials is None else 2
        await stream.send_all(bytes([5, method if method in methods else 0xFF]))
        if method == 2:
            await reader.take(1)
            user, password = [await reader.take_counted() for _ in range(2)]
            self.given.append((user, password))
            is_right = (user, password) == self.credentials
            await stream.send_all(bytes([1, not is_right]))
        _, _, _, kind = await reader.take(4)
        if kind == 3:
            host = await reader.take_counted()
        else:
            host = str(ipaddress.ip_address(await reader.take(4 if kind == 1 else 16)))
        self.requests.append((5, host, int.from_bytes(await reader.take(2))))
        await self._grant(stream, bytes([5, self.refuses, 0, 1]) + bytes(6))

    async def _grant(self, stream: trio.abc.Stream, answer: bytes) -> None:
        if self.refuses:
            await stream.send_all(answer)
            return
        _, host, port = self.requests[-1]
        await _relay(stream, host, port, answer)


class _Reader:
    """Reads what is asked for, and ends the server with the link."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = await self._stream.receive_some(count - len(data))
            if not more:
                raise trio.BrokenResourceError("the client is gone")
            data += more
        return data

    async def take_counted(self) -> str:
        return (await self.take((await self.take(1))[0])).decode("ascii")

    async def take_text(self) -> str:
        data = b""
        while not data.endswith(b"\0"):
            data += await self.take(1)
        return data[:-1].decode("ascii")


async def _relay(stream: trio.abc.Stream, host: str, port: int, answer: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async with await trio.open_tcp_stream(host, port) as beyond:
            await stream.send_all(answer)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_copy, beyond, stream, nursery.cancel_scope)
                await _copy(stream, beyond, nursery.cancel_scope)


async def _copy(source: trio.abc.Stream, sink: trio.abc.Stream, scope: trio.CancelScope) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await source.receive_some():
            await sink.send_all(data)
    scope.cancel()


@asynccontextmanager
async def proxy_on_loopback(proxy: Peer) -> AsyncGenerator[int]:
    async with tcp_peer(partial(_close_after, proxy)) as port:
        yield port


async def _close_after(peer: Peer, stream: trio.abc.Stream) -> None:
    try:
        await serve(peer, stream)
    finally:
        await trio.aclose_forcefully(stream)

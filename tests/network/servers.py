"""Real servers on loopback: TLS with a made-up authority, and an HTTP proxy."""

from __future__ import annotations

import contextlib
import datetime as dt
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
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with await trio.open_tcp_stream(host.strip("[]"), int(port)) as beyond:
                await stream.send_all(self.answer)
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

"""From a URL to an open stream: TCP, a Unix socket or a stream handed in; a proxy; TLS.

This module knows nothing of WebSockets. It has no deadline: that is the caller's scope, and
whatever was opened is closed when it strikes.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from trio_realtime._redaction import redact_url
from trio_realtime._transport._guard import closed_on_failure
from trio_realtime._transport._proxy import (
    Proxy,
    open_tunnel,
    proxy_from_environment,
    proxy_from_url,
    said,
    unreachable,
)
from trio_realtime.errors import ConnectError

if TYPE_CHECKING:
    from trio_realtime._endpoint import StreamFactory

DEFAULT_PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}


def _ignore(_: str) -> None:
    """Nobody asks how far we are."""


async def open_stream(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    trust_env: bool = False,
    unix_socket: str | os.PathLike[str] | None = None,
    stream_factory: StreamFactory | None = None,
    on_stage: Callable[[str], None] = _ignore,
) -> trio.abc.Stream:
    """Open what a WebSocket, or HTTP, to `url` runs over. Cancelled, everything is closed.

    Args:
        url: A `ws:`, `wss:`, `http:` or `https:` URL, checked as `Handshake` does.
        ssl_context: For `wss:` and `https:`, and for a proxy that speaks TLS. The default trusts
            what the system trusts, and honours `SSL_CERT_FILE`.
        proxy: The URL of a proxy (`http:`, `https:`, `socks5:`, `socks5h:`, `socks4:` or
            `socks4a:`), with user and password if it wants them.
        trust_env: Whether to use the proxy that the environment names.
        unix_socket: A path to connect to in place of the URL's host.
        stream_factory: Opens the connection in our place, given host and port.
        on_stage: Told `"tcp"`, `"proxy"` and `"tls"`, each as it begins.

    Raises:
        ConnectError: if it cannot be opened; its cause is what the system or the TLS library said.
        ImportError: if a SOCKS proxy is to be used, and the extra for it is not installed.
    """
    if sum(way is not None for way in (proxy, unix_socket, stream_factory)) > 1:
        raise ValueError("proxy=, unix_socket= and stream_factory= exclude one another")
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    way = None if proxy is None else proxy_from_url(proxy)
    if way is None and trust_env and unix_socket is None and stream_factory is None:
        way = proxy_from_environment(parts.scheme, host, port)
    shown = redact_url(url)
    on_stage("tcp")
    if way is not None:
        stream = await _through_proxy(way, host, port, ssl_context, on_stage)
    else:
        stream = await _connect(host, port, unix_socket, stream_factory, shown)
    if parts.scheme in {"wss", "https"}:
        on_stage("tls")
        stream = await wrap_tls(stream, host, ssl_context, shown)
    return stream


async def _connect(
    host: str,
    port: int,
    unix_socket: str | os.PathLike[str] | None,
    stream_factory: StreamFactory | None,
    shown: str,
) -> trio.abc.Stream:
    try:
        if stream_factory is not None:
            return await stream_factory(host, port)
        if unix_socket is not None:
            return await trio.open_unix_socket(unix_socket)
        return await trio.open_tcp_stream(host, port)
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        where = f"{host}:{port}" if unix_socket is None else f"the Unix socket {unix_socket!s}"
        raise ConnectError(f"cannot connect to {where}: {said(error)}", url=shown) from error


async def _through_proxy(
    proxy: Proxy,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None,
    on_stage: Callable[[str], None],
) -> trio.abc.Stream:
    if proxy.is_socks:
        from trio_realtime._transport._socks import open_through_socks

        on_stage("proxy")
        return await open_through_socks(proxy, host, port)
    try:
        stream: trio.abc.Stream = await trio.open_tcp_stream(proxy.host, proxy.port)
    except OSError as error:
        raise unreachable(proxy, error) from error
    on_stage("proxy")
    if proxy.is_tls:
        stream = await wrap_tls(stream, proxy.host, ssl_context, proxy.shown)
    return await open_tunnel(stream, proxy, host, port)


async def wrap_tls(
    stream: trio.abc.Stream, host: str, ssl_context: ssl.SSLContext | None, shown: str
) -> trio.abc.Stream:
    """Put TLS on `stream`, and close it if that fails.

    Raises:
        ConnectError: if the certificate is not accepted, or the peer does not speak TLS.
    """
    # Servers end TLS as HTTPS servers do, without saying so first.
    wrapped = trio.SSLStream(
        stream,
        ssl_context or ssl.create_default_context(),
        server_hostname=host,
        https_compatible=True,
    )
    try:
        async with closed_on_failure(wrapped):
            await wrapped.do_handshake()
    except (trio.BrokenResourceError, OSError) as error:
        raise _tls_error(error, host, shown) from _innermost(error)
    return wrapped


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _tls_error(error: BaseException, host: str, shown: str) -> ConnectError:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the certificate of {host} was not accepted: {cause.verify_message}. For an authority "
            "of your own pass ssl_context=, or set SSL_CERT_FILE",
            url=shown,
        )
    why = said(cause) or "the server closed the connection"
    return ConnectError(f"no TLS with {host}: {why}", url=shown)

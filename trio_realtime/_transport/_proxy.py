"""Proxies: which one, and how to get through an HTTP one with CONNECT.

This module does not connect: it is given a stream to the proxy.
"""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode
from typing import Final, cast, final
from urllib.parse import unquote, urlsplit

import trio

from trio_realtime._redaction import redact, redact_url
from trio_realtime._transport._answer import AnswerError, read_answer
from trio_realtime._transport._guard import closed_on_failure
from trio_realtime.errors import ConnectError

_HTTP_PORTS: Final = {"http": 80, "https": 443}
_SOCKS_SCHEMES: Final = frozenset(("socks4", "socks4a", "socks5", "socks5h"))
_SOCKS_PORT: Final = 1080
"""RFC 1928, 3."""

_SOCKS_CREDENTIAL: Final = re.compile("[ -~]{0,255}")
"""RFC 1929, 2, counts in one byte; python-socks encodes ASCII only."""

CREDENTIALS_HINT: Final = ". Put user and password into the proxy's URL"
_ENVIRONMENT_SCHEMES: Final = {"ws": "http", "http": "http", "wss": "https", "https": "https"}


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, of HTTP or SOCKS."""

    scheme: str
    host: str
    port: int
    shown: str
    """Its URL, redacted."""

    username: str | None = dataclasses.field(default=None, repr=False)
    password: str | None = dataclasses.field(default=None, repr=False)
    authorization: str | None = dataclasses.field(default=None, repr=False)
    """For HTTP."""
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    @property
    def is_tls(self) -> bool:
        """Whether the proxy itself speaks TLS."""
        return self.scheme == "https"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.scheme in _SOCKS_SCHEMES


def proxy_from_url(url: str) -> Proxy:
    """Read a proxy's URL. User and password may be percent-encoded.

    Raises:
        ValueError: for a scheme that is neither HTTP nor SOCKS, or what SOCKS cannot send.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    shown = redact_url(url)
    is_socks = parts.scheme in _SOCKS_SCHEMES
    if not (is_socks or parts.scheme in _HTTP_PORTS) or not parts.hostname:
        raise ValueError(
            f"a proxy's URL begins with http://, https://, socks5://, socks5h://, socks4:// or "
            f"socks4a://, not {shown!r}"
        )
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of a proxy is a number up to 65535: {shown!r}") from None
    username, password, authorization = None, None, None
    secrets: tuple[str, ...] = ()
    if parts.username is not None:
        username, password = unquote(parts.username), unquote(parts.password or "")
        if is_socks and not all(map(_SOCKS_CREDENTIAL.fullmatch, (username, password))):
            raise ValueError(
                "user and password of a SOCKS proxy are at most 255 visible ASCII characters each: "
                f"{shown!r}"
            )
        token = b64encode(f"{username}:{password}".encode()).decode("ascii")
        authorization = f"Basic {token}"
        secrets = tuple(
            secret for secret in (password, parts.password, token, authorization) if secret
        )
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _HTTP_PORTS.get(parts.scheme, _SOCKS_PORT),
        shown=shown,
        username=username,
        password=password,
        authorization=authorization,
        secrets=secrets,
    )


def proxy_from_environment(scheme: str, host: str, port: int) -> Proxy | None:
    """Find the proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name."""
    # Imported here: it is a heavy module, for the few who ask.
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    url = proxies.get(_ENVIRONMENT_SCHEMES[scheme]) or proxies.get("all")
    if not url or proxy_bypass(f"{host}:{port}"):
        return None
    return proxy_from_url(url)


async def open_tunnel(
    stream: trio.abc.Stream, proxy: Proxy, host: str, port: int
) -> trio.abc.Stream:
    """Ask the proxy for a tunnel, and return it. The stream is closed if there is none.

    Raises:
        ConnectError: if the proxy refuses, or does not speak HTTP.
    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        async with closed_on_failure(stream):
            await stream.send_all("\r\n".join([*lines, "", ""]).encode("ascii"))
            answer = await read_answer(stream.receive_some)
            if not 200 <= answer.status < 300:
                hint = CREDENTIALS_HINT if answer.status == 407 else ""
                raise no_way(proxy, f"it answered HTTP {answer.status} {answer.phrase}{hint}")
            return stream if not answer.rest else _Begun(stream, answer.rest)
    except (AnswerError, trio.BrokenResourceError) as error:
        raise no_way(proxy, str(error) or "the connection broke") from error


def no_way(proxy: Proxy, what: str) -> ConnectError:
    """Make the error of a proxy that does not let us through."""
    return ConnectError(f"no way through the proxy: {what}", url=proxy.shown, secrets=proxy.secrets)


def unreachable(proxy: Proxy, error: BaseException) -> ConnectError:
    """Make the error of a proxy that cannot be connected to."""
    what = f"cannot connect to the proxy {proxy.host}:{proxy.port}: {said(error)}"
    return ConnectError(what, url=proxy.shown, secrets=proxy.secrets)


def said(error: BaseException) -> str:
    """What an error says, and what each of several attempts said."""
    inner = error.__cause__ if isinstance(error, OSError) else None
    if isinstance(inner, BaseExceptionGroup):
        attempts = cast("BaseExceptionGroup[BaseException]", inner).exceptions
        return redact(f"{error}: " + "; ".join(dict.fromkeys(map(str, attempts))))
    return redact(str(error))


@final
class _Begun(trio.abc.Stream):
    """A stream of which something was read already."""

    def __init__(self, stream: trio.abc.Stream, begun: bytes) -> None:
        self._stream = stream
        self._begun = begun

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._begun:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        data = self._begun[:max_bytes]
        self._begun = self._begun[len(data) :]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()

"""HTTP proxies: which one, and how to get through it with CONNECT.

This module does not connect: it is given a stream to the proxy.
"""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from typing import Final, final
from urllib.parse import unquote, urlsplit

import trio

from trio_realtime._redaction import redact_url
from trio_realtime._transport._answer import AnswerError, read_answer
from trio_realtime._transport._guard import closed_on_failure
from trio_realtime.errors import ConnectError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ENVIRONMENT_SCHEMES: Final = {"ws": "http", "wss": "https"}


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    is_tls: bool
    shown: str
    """Its URL, redacted."""

    authorization: str | None = dataclasses.field(default=None, repr=False)
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)


def proxy_from_url(url: str) -> Proxy:
    """Read a proxy's URL. User and password may be percent-encoded.

    Raises:
        ValueError: for a scheme that is not HTTP.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    shown = redact_url(url)
    if parts.scheme.startswith("socks"):
        raise ValueError(
            f"SOCKS proxies are not built in ({shown}): pass stream_factory=, a function that "
            "opens a Trio stream to a host and port through it"
        )
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"a proxy's URL begins with http:// or https://, not {shown!r}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"the port of a proxy is a number up to 65535: {shown!r}") from None
    authorization = None
    secrets: tuple[str, ...] = ()
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        token = b64encode(f"{user}:{password}".encode()).decode("ascii")
        authorization = f"Basic {token}"
        secrets = tuple(
            secret for secret in (password, parts.password, token, authorization) if secret
        )
    return Proxy(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        is_tls=parts.scheme == "https",
        shown=shown,
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
                hint = ""
                if answer.status == 407:
                    hint = ". Put user and password into the proxy's URL"
                raise _failed(proxy, f"it answered HTTP {answer.status} {answer.phrase}{hint}")
            return stream if not answer.rest else _Begun(stream, answer.rest)
    except (AnswerError, trio.BrokenResourceError) as error:
        raise _failed(proxy, str(error) or "the connection broke") from error


def _failed(proxy: Proxy, what: str) -> ConnectError:
    return ConnectError(f"no way through the proxy: {what}", url=proxy.shown, secrets=proxy.secrets)


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

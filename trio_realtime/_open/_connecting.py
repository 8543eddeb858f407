"""How a server is reached: everything between an endpoint and an open WebSocket.

It does not know what is opened there, nor what frames mean.
"""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import Collection
from typing import Literal, TypedDict, final
from urllib.parse import unquote, urlsplit

import trio

from trio_realtime._connection import Connect, Link
from trio_realtime._endpoint import Endpoint, Handshake, StreamFactory, Target
from trio_realtime._options import DEFAULT_OPTIONS, Options
from trio_realtime._redaction import redact_url
from trio_realtime._transport import Compression, LibraryName, Transport, TransportFactory


class Reach(TypedDict, total=False):
    """What all that opens a connection takes alike; `open_realtime` says what each means."""

    errors: Literal["raise", "yield"]
    options: Options
    transport: LibraryName | TransportFactory
    compression: Compression | None
    ssl_context: ssl.SSLContext | None
    proxy: str | None
    trust_env: bool
    unix_socket: str | os.PathLike[str] | None
    stream_factory: StreamFactory | None


async def prepare_link(
    endpoint: Endpoint, target: Target, reach: Reach, *, mirror: bool = False
) -> tuple[Link, Connect]:
    """Ask the endpoint, in the program's own task; return a new link and what connects it.

    Raises:
        TypeError: for an argument that there is not, before anything is asked.
        ValueError: for an argument that makes no sense, likewise.
    """
    check_reach(reach)
    await trio.lowlevel.checkpoint()
    handshake = await _ask(endpoint, target)
    secrets = (*handshake.secrets, *_proxy_secrets(reach.get("proxy")))
    link = Link(
        options=reach.get("options", DEFAULT_OPTIONS),
        raises_errors=reach.get("errors", "raise") == "raise",
        url=redact_url(handshake.url, secrets),
        secrets=secrets,
        mirror=mirror,
    )
    upgrade = _factory_from(
        reach.get("transport", "trio-websocket"), reach.get("compression"), secrets
    )
    return link, _Connector(link, handshake, upgrade, reach).connect


@final
class _Connector:
    """How to reach one place: everything between a name and an open WebSocket."""

    def __init__(
        self, link: Link, handshake: Handshake, upgrade: TransportFactory, reach: Reach
    ) -> None:
        self._link: Link = link
        self._handshake: Handshake = handshake
        self._upgrade: TransportFactory = upgrade
        self._reach: Reach = reach

    async def connect(self, nursery: trio.Nursery) -> Transport:
        """Open the stream, then the WebSocket on it."""
        # Loaded when it is used: the edge is a third of our import time.
        from trio_realtime._transport import open_stream

        link = self._link
        reach = self._reach
        stream = await open_stream(
            self._handshake.url,
            ssl_context=reach.get("ssl_context"),
            proxy=reach.get("proxy"),
            trust_env=reach.get("trust_env", False),
            unix_socket=reach.get("unix_socket"),
            stream_factory=reach.get("stream_factory") or self._handshake.stream_factory,
            on_stage=self._note_stage,
        )
        self._note_stage("upgrade")
        return await self._upgrade(nursery, stream, self._handshake, link.options)

    def _note_stage(self, stage: str) -> None:
        self._link.stage = stage


def check_reach(reach: Reach) -> None:
    """Refuse what there is not, before anything is asked or opened.

    Raises:
        TypeError: for an argument that there is not: `**` takes any, at run time.
        ValueError: for an argument that makes no sense.
    """
    for name in reach:
        if name not in Reach.__optional_keys__:
            raise TypeError(f"there is no argument {name!r}")
    errors = reach.get("errors", "raise")
    if errors not in ("raise", "yield"):
        raise ValueError(f'errors must be "raise" or "yield", not {errors!r}')
    _check_transport(reach.get("transport", "trio-websocket"), reach.get("compression"))


def _check_transport(transport: object, compression: object) -> None:
    if not callable(transport) and transport not in ("trio-websocket", "websockets"):
        raise ValueError(
            'transport must be "trio-websocket", "websockets" or a function that makes one, '
            f"not {transport!r}"
        )
    if compression not in (None, "deflate"):
        raise ValueError(f'compression must be "deflate" or None, not {compression!r}')
    if compression is not None and transport != "websockets":
        raise ValueError('compression="deflate" needs transport="websockets"')
    if transport == "websockets":
        # Without the extra this says so.
        importlib.import_module("trio_realtime._transport._websockets")


def _factory_from(
    transport: LibraryName | TransportFactory,
    compression: Compression | None,
    secrets: Collection[str],
) -> TransportFactory:
    """Find what makes the WebSocket; the library is loaded when it is used."""
    if not isinstance(transport, str):
        return transport

    async def upgrade(
        nursery: trio.Nursery, stream: trio.abc.Stream, handshake: Handshake, options: Options
    ) -> Transport:
        from trio_realtime._transport import open_transport

        return await open_transport(
            nursery,
            stream,
            handshake,
            options,
            library=transport,
            compression=compression,
            secrets=secrets,
        )

    return upgrade


@trio.lowlevel.disable_ki_protection
async def _ask(endpoint: Endpoint, target: Target) -> Handshake:
    """Ask in the program's own manner: Ctrl-C may land in what it brought along."""
    return await endpoint.handshake(target)


def _proxy_secrets(proxy: str | None) -> tuple[str, ...]:
    password = None if proxy is None else urlsplit(proxy).password
    return () if not password else (password, unquote(password))

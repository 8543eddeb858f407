"""`open_realtime`: where a connection is put together.

The one place that reads the environment. It does not know how frames travel, nor what they mean.
"""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import AsyncGenerator, Collection, Mapping
from functools import partial
from typing import Literal, final
from urllib.parse import unquote, urlsplit

import trio
from pydantic import JsonValue

from trio_realtime._connection import Link, block, open_link
from trio_realtime._endpoint import (
    Endpoint,
    Handshake,
    OpenAIEndpoint,
    StreamFactory,
    Target,
    target_from_arguments,
)
from trio_realtime._options import DEFAULT_OPTIONS, Options
from trio_realtime._redaction import redact_url
from trio_realtime._resources import (
    ConversationResource,
    InputAudioBufferResource,
    OutputAudioBufferResource,
    ResponseResource,
    SessionResource,
)
from trio_realtime._response import Responding
from trio_realtime._transport import Compression, LibraryName, Transport, TransportFactory
from trio_realtime.events import Dialect, SessionCreated, SessionUpdated, prepare
from trio_realtime.types import RealtimeSessionConfig


@final
class RealtimeConnection(Responding):
    """One open connection to the Realtime API, made by `open_realtime`.

    ::

        async with conn.respond("Hello!") as reply:
            async for piece in reply.text():
                print(piece, end="")

    Or event by event::

        await conn.conversation.item.create(role="user", text="Hello!")
        await conn.response.create()
        async for event in conn:
            ...

    Any number of tasks may use it at the same time. It ends with its block, or with `aclose()`.
    """

    session: SessionResource
    """What the session is, and changing it."""

    conversation: ConversationResource
    """The conversation's items, and with `mirror=True` a copy of them all."""

    input_audio_buffer: InputAudioBufferResource
    """The audio you speak."""

    output_audio_buffer: OutputAudioBufferResource
    """The audio being played, on WebRTC and SIP."""

    response: ResponseResource
    """Asking for responses and cancelling them."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.session = SessionResource(self._calls)
        self.conversation = ConversationResource(self._calls)
        self.input_audio_buffer = InputAudioBufferResource(self._calls)
        self.output_audio_buffer = OutputAudioBufferResource(self._calls)
        self.response = ResponseResource(self._calls)


@block
async def open_realtime(
    model: str | None = None,
    *,
    call_id: str | None = None,
    endpoint: Endpoint | None = None,
    dialect: Dialect = "ga",
    session: RealtimeSessionConfig | Mapping[str, JsonValue] | None = None,
    errors: Literal["raise", "yield"] = "raise",
    mirror: bool = False,
    options: Options = DEFAULT_OPTIONS,
    transport: LibraryName | TransportFactory = "trio-websocket",
    compression: Compression | None = None,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    trust_env: bool = False,
    unix_socket: str | os.PathLike[str] | None = None,
    stream_factory: StreamFactory | None = None,
) -> AsyncGenerator[RealtimeConnection]:
    """Connect to the Realtime API, and stay connected for the length of the block.

    ::

        async with open_realtime("gpt-realtime-2.1") as conn:
            await conn.conversation.item.create(role="user", text="Hello!")
            await conn.response.create()
            async for event in conn:
                ...

    The connection counts as open when `session.created` is here and, with `session=`, when the
    server has confirmed it: a bad key is refused only after the WebSocket is open. These events
    are the first of the stream. If opening is cancelled, nothing of it remains.

    Leaving the block writes what was accepted, closes with code 1000 and waits for the server's
    answer, all within `Options.close_timeout`. If the block is left by an exception, the server
    is not waited for. If it is cancelled, its `finally` clauses still have a working connection.

    Whatever leaves the block leaves it in an `ExceptionGroup`: catch it with `except*`, which also
    catches the bare errors of opening.

    Args:
        model: The model, such as `"gpt-realtime-2.1"`; any name is passed through. Leave it out
            with `call_id`, or with an `AzureEndpoint` that names its deployment.
        call_id: Attach to a running call instead ("sideband"). Other clients act on the same
            session there.
        endpoint: Where to connect, and as whom. By default OpenAI, from `OPENAI_API_KEY`,
            `OPENAI_BASE_URL`, `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID`.
        dialect: The wire's dialect.
        session: The session's first configuration. `"type": "realtime"` is added when it names
            no type.
        errors: What to do with the server's `error` events about frames you sent without waiting:
            `"raise"` them from the stream as `ServerError`, or `"yield"` them as `Error` events.
        mirror: Whether to keep a copy of the conversation, without audio, in
            `conn.conversation.items`. It is as large as the conversation.
        options: Deadlines and limits.
        transport: The WebSocket library: `"trio-websocket"`, or `"websockets"`, which needs the
            extra `trio-realtime[websockets]`, masks what you send faster, and can compress. Or a
            function that makes a transport of a byte stream (`TransportFactory`).
        compression: `"deflate"` offers permessage-deflate to the server, which may decline; only
            with `transport="websockets"`. It saves bytes, a quarter of base64 audio, and costs CPU.
        ssl_context: For `wss:`; by default `ssl.create_default_context()`, which honours
            `SSL_CERT_FILE`.
        proxy: The URL of a proxy, with user and password if it wants them: `http:` or `https:`
            (CONNECT), or with the extra `trio-realtime[websockets]` SOCKS: `socks5:` and `socks4:`
            resolve names here, `socks5h:` and `socks4a:` have the proxy do it.
        trust_env: Whether proxies named by the environment are used.
        unix_socket: The path of a Unix socket to connect to instead of the URL's host.
        stream_factory: Opens the byte stream in place of TCP; TLS is put on top for `wss:`.

    Yields:
        The open connection.

    Raises:
        ConnectError: if it could not be opened; nothing reached the model. Subclasses tell a
            deadline, a rejected upgrade, a refused session and a refused key apart.
        ConnectionClosedError: in a group, if the connection was lost and nobody else was told.
    """
    if errors not in ("raise", "yield"):
        raise ValueError(f'errors must be "raise" or "yield", not {errors!r}')
    _check_transport(transport, compression)
    if endpoint is None:
        endpoint = endpoint_from_environment(os.environ)
    target = target_from_arguments(endpoint, model=model, call_id=call_id, dialect=dialect)
    prepare(SessionCreated, SessionUpdated)
    await trio.lowlevel.checkpoint()
    handshake = await _ask(endpoint, target)

    secrets = (*handshake.secrets, *_proxy_secrets(proxy))
    link = Link(
        options=options,
        raises_errors=errors == "raise",
        url=redact_url(handshake.url, secrets),
        secrets=secrets,
        mirror=mirror,
    )
    connector = _Connector(
        link,
        handshake,
        _factory_from(transport, compression, secrets),
        ssl_context,
        proxy,
        trust_env,
        unix_socket,
        stream_factory,
    )
    conn = RealtimeConnection(link)
    async with open_link(
        link,
        connector.connect,
        dialect=dialect,
        # On a sideband no `session.created` is sent.
        awaits_session=options.wait_for_session and call_id is None,
        configure=None if session is None else partial(conn.session.update, session),
    ):
        yield conn  # noqa: ASYNC119 - `block` is an `asynccontextmanager`


@final
class _Connector:
    """How to reach one place: everything between a name and an open WebSocket."""

    def __init__(
        self,
        link: Link,
        handshake: Handshake,
        upgrade: TransportFactory,
        ssl_context: ssl.SSLContext | None,
        proxy: str | None,
        trust_env: bool,
        unix_socket: str | os.PathLike[str] | None,
        stream_factory: StreamFactory | None,
    ) -> None:
        self._link: Link = link
        self._handshake: Handshake = handshake
        self._upgrade: TransportFactory = upgrade
        self._ssl_context: ssl.SSLContext | None = ssl_context
        self._proxy: str | None = proxy
        self._trust_env: bool = trust_env
        self._unix_socket: str | os.PathLike[str] | None = unix_socket
        self._stream_factory: StreamFactory | None = stream_factory or handshake.stream_factory

    async def connect(self, nursery: trio.Nursery) -> Transport:
        """Open the stream, then the WebSocket on it."""
        # Loaded when it is used: the edge is a third of our import time.
        from trio_realtime._transport import open_stream

        link = self._link
        stream = await open_stream(
            self._handshake.url,
            ssl_context=self._ssl_context,
            proxy=self._proxy,
            trust_env=self._trust_env,
            unix_socket=self._unix_socket,
            stream_factory=self._stream_factory,
            on_stage=self._note_stage,
        )
        self._note_stage("upgrade")
        return await self._upgrade(nursery, stream, self._handshake, link.options)

    def _note_stage(self, stage: str) -> None:
        self._link.stage = stage


def _check_transport(transport: object, compression: object) -> None:
    """Refuse what there is not, before anything is opened."""
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


def endpoint_from_environment(environ: Mapping[str, str]) -> OpenAIEndpoint:
    """Make the endpoint that is meant when none is given."""
    key = environ.get("OPENAI_API_KEY")
    if not key:
        raise ValueError(
            "no API key: set the environment variable OPENAI_API_KEY, or pass endpoint="
        )
    return OpenAIEndpoint(
        key,
        organization=environ.get("OPENAI_ORG_ID") or None,
        project=environ.get("OPENAI_PROJECT_ID") or None,
        base_url=environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
    )


def _proxy_secrets(proxy: str | None) -> tuple[str, ...]:
    password = None if proxy is None else urlsplit(proxy).password
    return () if not password else (password, unquote(password))

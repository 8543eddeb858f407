"""`open_realtime`: a conversation.

It reads the environment. How the server is reached is in `_connecting`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Literal, Unpack, cast, final, overload

from pydantic import JsonValue

from trio_realtime._connection import Link, block, open_link
from trio_realtime._endpoint import Endpoint, target_from_arguments
from trio_realtime._open._connecting import Reach, prepare_link
from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._resources import (
    ConversationResource,
    InputAudioBufferResource,
    OutputAudioBufferResource,
    ResponseResource,
    SessionResource,
)
from trio_realtime._response import Responding
from trio_realtime.events import SessionCreated, SessionUpdated, prepare
from trio_realtime.types import RealtimeSessionConfig

if TYPE_CHECKING:
    from trio_realtime import beta
    from trio_realtime._open._beta import BetaConnection


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


@overload
def open_realtime(
    model: str | None = None,
    *,
    call_id: str | None = None,
    endpoint: Endpoint | None = None,
    dialect: Literal["ga"] = "ga",
    session: RealtimeSessionConfig | Mapping[str, JsonValue] | None = None,
    mirror: bool = False,
    **reach: Unpack[Reach],
) -> AbstractAsyncContextManager[RealtimeConnection, bool | None]: ...
@overload
def open_realtime(
    model: str | None = None,
    *,
    call_id: str | None = None,
    endpoint: Endpoint | None = None,
    dialect: Literal["beta"],
    intent: Literal["transcription"] | None = None,
    session: (
        beta.SessionConfig | beta.TranscriptionSessionConfig | Mapping[str, JsonValue] | None
    ) = None,
    mirror: bool = False,
    **reach: Unpack[Reach],
) -> AbstractAsyncContextManager[BetaConnection, bool | None]: ...
@overload
def open_realtime(
    model: str | None = None,
    *,
    call_id: str | None = None,
    endpoint: Endpoint | None = None,
    dialect: Literal["ga", "beta"],
    session: Mapping[str, JsonValue] | None = None,
    mirror: bool = False,
    **reach: Unpack[Reach],
) -> AbstractAsyncContextManager[RealtimeConnection | BetaConnection, bool | None]: ...
@block
async def open_realtime(
    model: str | None = None,
    *,
    call_id: str | None = None,
    endpoint: Endpoint | None = None,
    dialect: Literal["ga", "beta"] = "ga",
    intent: Literal["transcription"] | None = None,
    session: object = None,
    mirror: bool = False,
    **reach: Unpack[Reach],
) -> AsyncGenerator[RealtimeConnection | BetaConnection]:
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
        dialect: What the server speaks: `"ga"`, or `"beta"`, which OpenAI has switched off; Azure
            with an `api_version`, Azure Voice Live and some compatible servers still want it. Then
            the connection is a `BetaConnection`.
        intent: In the beta dialect, `"transcription"` in place of a model opens a transcription
            session; its `session=` is a `beta.TranscriptionSessionConfig`. In GA that is
            `open_transcription()`.
        session: The session's first configuration. `"type": "realtime"` is added when it names
            no type; in the beta dialect nothing is added.
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
    if dialect not in ("ga", "beta"):
        raise ValueError(
            f'dialect must be "ga" or "beta", not {dialect!r}; open_translation() translates'
        )
    if intent is not None and dialect != "beta":
        raise ValueError(
            'intent is for dialect="beta": open_transcription() opens a transcription session'
        )
    if endpoint is None:
        endpoint = endpoint_from_environment(os.environ)
    target = target_from_arguments(
        endpoint, model=model, call_id=call_id, intent=intent, dialect=dialect
    )
    connection: type[RealtimeConnection | BetaConnection] = RealtimeConnection
    if dialect == "beta":
        from trio_realtime._open._beta import BetaConnection

        connection = BetaConnection
    else:
        prepare(SessionCreated, SessionUpdated)
    link, connect = await prepare_link(endpoint, target, reach, mirror=mirror)
    conn = connection(link)
    # The overloads see to it that a configuration is of its dialect; a wrong one does not validate.
    update = cast("Callable[[object], Awaitable[object]]", conn.session.update)
    if intent is not None:
        transcription = cast("BetaConnection", conn).transcription_session
        update = cast("Callable[[object], Awaitable[object]]", transcription.update)
    async with open_link(
        link,
        connect,
        dialect=dialect,
        # On a sideband no `session.created` is sent.
        awaits_session=link.options.wait_for_session and call_id is None,
        configure=None if session is None else partial(update, session),
    ):
        yield conn  # noqa: ASYNC119 - `block` is an `asynccontextmanager`

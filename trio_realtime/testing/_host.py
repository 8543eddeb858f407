"""What every server of the kit has: a nursery, an endpoint, links in memory, and a port.

This module takes connections in. It does not know what is said over them: a server is a subclass
that says how it talks to one client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, cast, final

import trio

from trio_realtime._core.simulator import ClientHandshake
from trio_realtime._endpoint import Handshake, OpenAIEndpoint, StreamFactory, Target
from trio_realtime._transport import TransportClosed
from trio_realtime._transport._http import HttpExchange
from trio_realtime._transport._server import accept_request
from trio_realtime.testing._azure import SimulatedAzureEndpoint
from trio_realtime.testing._pipes import pipe_pair
from trio_realtime.testing._rest import JSON_TYPE, no_such_url, not_found
from trio_realtime.testing._watching import Sighting, WatchedSocket, Watcher

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from trio_realtime._transport._http import HttpRequest, HttpResponse
    from trio_realtime._transport._server import ServerRequest
    from trio_realtime.testing._faults import FaultPlan
    from trio_realtime.testing._faulty import FaultyLink

_MESSAGE_MAX: Final = 64 * 2**20

_DISCARD_BYTES: Final = 65536


class ServerSocket(Protocol):
    """The server's end of one WebSocket. Several tasks may send; one may receive."""

    @property
    def answer_close(self) -> bool:
        """Whether a CLOSE of the client's is answered, as it should be."""
        ...

    @answer_close.setter
    def answer_close(self, answer: bool) -> None: ...

    async def receive(self) -> str | bytes:
        """Receive a message; raises `TransportClosed` once the client is gone."""
        ...

    async def send(self, text: str) -> None:
        """Send a text message."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        ...

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send CLOSE, and wait for nothing."""
        ...

    async def aclose(self) -> None:
        """Close the stream by force."""
        ...


@final
@dataclass(frozen=True, slots=True)
class SimulatedEndpoint:
    """Where a server of the kit is, for `open_realtime(endpoint=...)`."""

    base_url: str
    """Its base URL; in memory a name only, that nothing listens at."""

    api_key: str = field(repr=False)
    """The key that is shown to the server."""

    stream_factory: StreamFactory | None = None
    """What connects to it in place of TCP, or None for TCP."""

    async def handshake(self, target: Target) -> Handshake:
        """Tell where to connect, and as whom."""
        usual = await OpenAIEndpoint(self.api_key, base_url=self.base_url).handshake(target)
        return Handshake(usual.url, usual.headers, usual.subprotocols, self.stream_factory)


@dataclass(frozen=True, slots=True)
class _Rejection:
    status: int
    retry_after: float | None
    body: bytes


class Host(ABC):
    """A server in memory, and on a port if asked. An async context manager.

    Leaving the block drops the clients that are still connected. What a task of the server's
    raises ends the block, and leaves it in an `ExceptionGroup`; what your code in the block raises
    leaves it as it is.
    """

    base_url: str
    """The base URL of its API. In memory it is a name, for endpoints that are used with
    `stream_factory=server.connect`."""

    port: int
    """The port it listens at; 0 in memory."""

    ca_file: Path | None
    """The certificate to trust, of the authority that `tls=True` makes; None without it."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        answer_close: bool = True,
        watch: Watcher | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        self.base_url = "http://localhost/v1"
        self.port = 0
        self.ca_file = None
        self._api_key = api_key
        self._answer_close = answer_close
        self._watch = watch
        self._faults = faults
        self._connections = 0
        self._rejections: deque[_Rejection] = deque()
        self._stream_factory: StreamFactory | None = self.connect
        self._manager: AbstractAsyncContextManager[trio.Nursery, bool | None] | None = None
        self._nursery: trio.Nursery | None = None
        self._failed = False

    @abstractmethod
    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        """Serve one client until it is gone. Returns whether it was the client who ended it."""

    async def admit(self, handshake: ClientHandshake) -> HttpResponse | None:
        """Look at a client before it is let in: what it is answered instead, or None."""
        del handshake
        await trio.lowlevel.checkpoint()
        return None

    @property
    def endpoint(self) -> SimulatedEndpoint:
        """Where to connect: `open_realtime(endpoint=server.endpoint)`."""
        return SimulatedEndpoint(self.base_url, self._api_key or "simulated", self._stream_factory)

    @property
    def azure_endpoint(self) -> SimulatedAzureEndpoint:
        """Where to connect as to an Azure resource.

        ::

            conn = open_realtime("my-deployment", endpoint=server.azure_endpoint, dialect="beta")

        With `dialect="beta"` that is the preview path, which speaks it; without it is the GA path.
        """
        origin = self.base_url.removesuffix("/v1")
        key = self._api_key or "simulated"
        return SimulatedAzureEndpoint(origin, key, self._stream_factory)

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        nursery, manager = self._nursery, self._manager
        assert nursery is not None
        assert manager is not None
        self._nursery = None
        nursery.cancel_scope.cancel()
        if self._failed or (exc is not None and _is_cancellation(exc)):
            await manager.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102 - cancelled above
        else:
            # The body's own failure is not the server's: it goes on as it is, in no group.
            try:
                await manager.__aexit__(None, None, None)  # noqa: ASYNC102 - cancelled above
            except BaseException as error:  # noqa: ASYNC103 - the body's failure goes on
                # Who cancels us as well does not hide that failure.
                if exc is None or not _is_nothing_but_cancellation(error):
                    raise

    async def listen(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take clients at a real port too, until the block is left; `base_url` then names it.

        Cancelled, nothing listens.

        Args:
            host: The address to listen at.
            port: The port; 0 picks one that is free.
            ssl_context: With the server's certificate, for TLS.

        Raises:
            OSError: if the port cannot be listened at.
            RuntimeError: if the server is not running, or listens already.
        """
        if self._nursery is None:
            raise RuntimeError("the server is not running: call listen() inside its block")
        if self.port:
            raise RuntimeError(f"the server listens already, at {self.base_url}")
        listeners = await trio.open_tcp_listeners(port, host=host)
        name, self.port = listeners[0].socket.getsockname()[:2]
        shown = f"[{name}]" if ":" in name else name
        scheme = "http" if ssl_context is None else "https"
        self.base_url = f"{scheme}://{shown}:{self.port}/v1"
        self._stream_factory = None
        serve = partial(trio.serve_listeners, handler_nursery=self._nursery)
        if ssl_context is None:
            self._nursery.start_soon(serve, self.serve, listeners)
        else:
            secure = [trio.SSLListener(listener, ssl_context) for listener in listeners]
            self._nursery.start_soon(serve, self.serve, secure)

    def refuse_connection(
        self, status: int = 429, *, retry_after: float | None = None, body: str = ""
    ) -> None:
        """Answer the next WebSocket upgrade with this HTTP status."""
        self._rejections.append(_Rejection(status, retry_after, body.encode()))

    async def connect(self, host: str = "localhost", port: int = 80) -> trio.abc.Stream:
        """Make a connection in memory: a `stream_factory` for clients. The address is ignored.

        Raises:
            OSError: if the server is not running.
        """
        await trio.lowlevel.checkpoint()
        if self._nursery is None:
            raise ConnectionRefusedError("the simulated server is not running")
        ours, theirs = pipe_pair()
        self._nursery.start_soon(self.serve, ours)
        return theirs

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one client over a stream of any kind, until it is gone."""
        link = None if self._faults is None else self._faults.link(stream)
        if link is not None:
            stream = link.stream
        try:
            request = await accept_request(stream, max_message_bytes=_MESSAGE_MAX)
            if isinstance(request, HttpExchange):
                await self._respond(request)
                return
            handshake = ClientHandshake(
                path=request.path,
                query_string=request.query,
                headers=tuple(request.headers),
                subprotocols=tuple(request.subprotocols),
            )
            if await self.meet(request, handshake, link) and not self._answer_close:
                while await stream.receive_some(_DISCARD_BYTES):
                    pass
        except (TransportClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # a client that vanishes is normal
        finally:
            await trio.aclose_forcefully(stream)

    async def meet(
        self, request: ServerRequest, handshake: ClientHandshake, link: FaultyLink | None
    ) -> bool:
        """Let a client in, and talk to it; or answer its upgrade with something else.

        `link` is where faults get at the connection, if it is to have any.

        Returns whether it was the client who ended it.
        """
        if self._rejections:
            rejection = self._rejections.popleft()
            headers = [JSON_TYPE]
            if rejection.retry_after is not None:
                headers.append(("Retry-After", f"{rejection.retry_after:g}"))
            self._see_answer("GET", handshake, rejection.status)
            await request.reject(rejection.status, headers, rejection.body)
            return False
        if not handshake.is_realtime:
            self._see_answer("GET", handshake, 404)
            response = no_such_url("GET", handshake.path)
            await request.reject(response.status, response.headers, response.body)
            return False
        refusal = await self.admit(handshake)
        if refusal is not None:
            self._see_answer("GET", handshake, refusal.status)
            await request.reject(refusal.status, refusal.headers, refusal.body)
            return False
        ws = await request.accept(subprotocol=handshake.subprotocol)
        ws.answer_close = self._answer_close
        talk = self.talk if link is None else partial(link.talk, self.talk)
        if self._watch is None:
            return await talk(ws, handshake)
        self._connections += 1
        watched = WatchedSocket(ws, self._watch, self._connections, handshake)
        try:
            return await talk(watched, handshake)
        finally:
            watched.see_end()

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request that is no upgrade."""
        return not_found(request)

    async def _respond(self, exchange: HttpExchange) -> None:
        request = exchange.request
        response = self.answer(request)
        handshake = ClientHandshake(request.path, request.query, request.headers)
        self._see_answer(request.method, handshake, response.status)
        await exchange.respond(response)

    def _see_answer(self, method: str, handshake: ClientHandshake, status: int) -> None:
        if self._watch is not None:
            said = f"{method} {handshake.path} {status}"
            self._watch(Sighting("answered", trio.current_time(), 0, handshake, said))

    def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Start a task whose failure ends the server's block; not once the block is left."""
        if self._nursery is not None:
            self._nursery.start_soon(self._guarded, task)

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception:
            self._failed = True
            raise


def _is_nothing_but_cancellation(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exc)
        return all(_is_nothing_but_cancellation(each) for each in group.exceptions)
    return isinstance(exc, trio.Cancelled)


def _is_cancellation(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exc)
        return any(_is_cancellation(each) for each in group.exceptions)
    return isinstance(exc, trio.Cancelled)

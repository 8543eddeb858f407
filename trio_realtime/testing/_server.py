"""The simulated server: in memory, or on a real port.

This module takes connections in and starts their sessions. It does not know the protocol, nor how
WebSocket frames travel.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypedDict, Unpack, cast, final

import trio

from trio_realtime._core.simulator import ClientHandshake, Manner, Pace, Simulation
from trio_realtime._endpoint import Handshake, OpenAIEndpoint, StreamFactory, Target
from trio_realtime._transport import TransportClosed
from trio_realtime._transport._server import accept_websocket
from trio_realtime.testing._pipes import pipe_pair
from trio_realtime.testing._responders import Asked, Responder
from trio_realtime.testing._seeding import letters_from_seed
from trio_realtime.testing._session import SimulatedSession

if TYPE_CHECKING:
    from trio_realtime._transport._server import ServerRequest

SESSIONS_MAX: Final = 10_000
"""How many sessions a server keeps to be looked at; the oldest go first."""

_MESSAGE_MAX: Final = 64 * 2**20

_DISCARD_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class _Rejection:
    status: int
    retry_after: float | None
    body: bytes


@final
@dataclass(frozen=True, slots=True)
class SimulatedEndpoint:
    """Where a simulated server is, for `open_realtime(endpoint=...)`."""

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


class SimulatedServer:
    """A Realtime API server in memory, over real WebSocket frames. An async context manager.

    ::

        async with SimulatedServer(reply="Hello!") as server:
            async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn:
                ...

    It answers as the real server answers, and takes the time of the running Trio clock: under
    `MockClock` it is deterministic, and inside `seeded` to the last interleaving. Leaving the
    block drops the clients that are still connected. An exception raised by a responder ends the
    block, and leaves it in an `ExceptionGroup`; what your code in the block raises leaves it as
    it is.
    """

    base_url: str = "http://localhost/v1"
    """The base URL of its API. In memory it is a name, for endpoints that are used with
    `stream_factory=server.connect`."""

    sessions: list[SimulatedSession]
    """The sessions, oldest first, also those that are over."""

    def __init__(
        self,
        reply: Responder = None,
        *,
        api_key: str | None = None,
        tokens_per_second: float = 100.0,
        audio_speed: float = 10.0,
        latency: float = 0.0,
        session_seconds: float = 3600.0,
        rate_limits: bool = False,
        omit_session_created: bool = False,
        rewrite_item_ids: bool = False,
        answer_close: bool = True,
        seed: int | None = None,
    ) -> None:
        """Prepare a server; entering the block starts it.

        Args:
            reply: What the model says. By default it repeats what it is told.
            api_key: The only key that is let in. None lets every client in.
            tokens_per_second: Words and pieces of arguments a second; `math.inf` for no wait.
            audio_speed: Seconds of audio that are made in a second.
            latency: Seconds from the beginning of a response to its first output.
            session_seconds: How long a session lasts.
            rate_limits: Send `rate_limits.updated` after each response.
            omit_session_created: Variant: begin without `session.created`.
            rewrite_item_ids: Variant: give items ids of the server's, whatever the client chose.
            answer_close: Variant, when False: never answer a client's CLOSE, nor hang up.
            seed: The seed of the ids the server chooses; by default another for each server.
        """
        self.sessions = []
        self._asked = Asked(reply)
        self._manner = Manner(
            pace=Pace(tokens_per_second, audio_speed, latency),
            session_seconds=session_seconds,
            api_key=api_key,
            rate_limits=rate_limits,
            omit_session_created=omit_session_created,
            rewrite_item_ids=rewrite_item_ids,
        )
        self._answer_close = answer_close
        self._letters = letters_from_seed(seed)
        self._rejections: deque[_Rejection] = deque()
        self._stream_factory: StreamFactory | None = self.connect
        self._manager: AbstractAsyncContextManager[trio.Nursery, bool | None] | None = None
        self._nursery: trio.Nursery | None = None
        self._failed = False

    @property
    def endpoint(self) -> SimulatedEndpoint:
        """Where to connect: `open_realtime(endpoint=server.endpoint)`."""
        key = self._manner.api_key or "simulated"
        return SimulatedEndpoint(self.base_url, key, self._stream_factory)

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
            await manager.__aexit__(None, None, None)  # noqa: ASYNC102 - cancelled above

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
        try:
            request = await accept_websocket(stream, max_message_bytes=_MESSAGE_MAX)
            await self._serve_request(request, stream)
        except (TransportClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # a client that vanishes is normal
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve_request(self, request: ServerRequest, stream: trio.abc.Stream) -> None:
        handshake = ClientHandshake(
            path=request.path,
            query_string=request.query,
            headers=tuple(request.headers),
            subprotocols=tuple(request.subprotocols),
        )
        if self._rejections:
            rejection = self._rejections.popleft()
            headers = [("Content-Type", "application/json")]
            if rejection.retry_after is not None:
                headers.append(("Retry-After", f"{rejection.retry_after:g}"))
            await request.reject(rejection.status, headers, rejection.body)
            return
        if not handshake.is_realtime:
            body = {"error": {"type": "invalid_request_error", "message": "No such URL."}}
            await request.reject(404, [("Content-Type", "application/json")], _written(body))
            return
        ws = await request.accept(subprotocol=handshake.subprotocol)
        ws.answer_close = self._answer_close
        session = self._session(handshake)
        if await session.run(ws) and not self._answer_close:
            while await stream.receive_some(_DISCARD_BYTES):
                pass

    def _session(self, handshake: ClientHandshake) -> SimulatedSession:
        simulation = Simulation(
            handshake,
            self._manner,
            self._letters,
            now=trio.current_time(),
            unix_time=time.time(),
        )
        session = SimulatedSession(simulation, handshake, self._asked, self._start)
        self.sessions.append(session)
        if len(self.sessions) > SESSIONS_MAX:
            del self.sessions[0]
        return session

    def _start(self, task: Callable[[], Awaitable[None]]) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._guarded, task)

    async def _guarded(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception:
            self._failed = True
            raise


@final
class SimulatedServerOnPort(SimulatedServer):
    """A simulated server on a real port, made by `serve_simulated`."""

    port: int = 0
    """The port it listens at."""

    def listen(self, listeners: list[trio.SocketListener]) -> None:
        """Take clients from these listeners, until the block is left."""
        assert self._nursery is not None
        host, self.port = listeners[0].socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.base_url: str = f"http://{shown}:{self.port}/v1"
        self._stream_factory = None
        serve = partial(trio.serve_listeners, handler_nursery=self._nursery)
        self._nursery.start_soon(serve, self.serve, listeners)


def _written(body: object) -> bytes:
    return json.dumps(body).encode()


def _is_cancellation(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exc)
        return any(_is_cancellation(each) for each in group.exceptions)
    return isinstance(exc, trio.Cancelled)


class SimulatedServerOptions(TypedDict, total=False):
    """What `serve_simulated` takes beside its address and `reply`: see `SimulatedServer`."""

    api_key: str | None
    tokens_per_second: float
    audio_speed: float
    latency: float
    session_seconds: float
    rate_limits: bool
    omit_session_created: bool
    rewrite_item_ids: bool
    answer_close: bool
    seed: int | None


@asynccontextmanager
async def serve_simulated(
    host: str = "127.0.0.1",
    port: int = 0,
    reply: Responder = None,
    **options: Unpack[SimulatedServerOptions],
) -> AsyncGenerator[SimulatedServerOnPort]:
    """Run a simulated server on a real port for the length of the block, for any client.

    ::

        async with serve_simulated() as server:
            print(server.base_url)  # http://127.0.0.1:PORT/v1

    Args:
        host: The address to listen at.
        port: The port; 0 picks one that is free.
        reply: What the model says. By default it repeats what it is told.
        options: As for `SimulatedServer`.

    Yields:
        The server, listening.

    Raises:
        OSError: if the port cannot be listened at.
    """
    server = SimulatedServerOnPort(reply, **options)
    listeners = await trio.open_tcp_listeners(port, host=host)
    async with server:
        server.listen(listeners)
        yield server

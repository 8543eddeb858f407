"""The man in the middle: what a client and the real server say to one another, and its record.

Messages are passed on as they come, and closes and refusals as what they were. This module does
not know what is said, nor how it is written.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal, NoReturn, TypeAlias, cast, final

import trio

from trio_realtime._core.cassette import (
    CassetteSecretError,
    Closed,
    Entry,
    Header,
    Opened,
    Refused,
    Scrubber,
    Side,
    What,
    line_from_entry,
)
from trio_realtime._endpoint import Endpoint, Handshake, Target, target_from_arguments
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime._transport._http import HttpResponse
from trio_realtime.errors import AuthenticationError, ConnectError, HandshakeRejectedError
from trio_realtime.testing._cassette_file import CassetteFile

if TYPE_CHECKING:
    import ssl

    from trio_realtime._core.simulator import ClientHandshake
    from trio_realtime.testing._host import ServerSocket

_JSON: Final = ("Content-Type", "application/json")

# Of the headers of a refusal what clients act upon. Others tell who asked.
_KEPT_HEADERS: Final = ("content-type", "retry-after", "retry-after-ms")
_KEPT_PREFIX: Final = "x-ratelimit-"

# They concern the connection that they came on.
_HOP_HEADERS: Final = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
)


@final
class Recording:
    """What is written of everything that passes."""

    def __init__(
        self,
        file: CassetteFile,
        header: Header,
        *,
        connections: int = 0,
        secrets: Collection[str] = (),
    ) -> None:
        self._file = file
        self._scrubber = Scrubber(header, secrets)
        self._connections = connections
        self._began: float | None = None
        self._broken = False

    def add_secrets(self, *secrets: str) -> None:
        """Learn of values that must not be written."""
        self._scrubber.add_secrets(secrets)

    def opened(self, handshake: Handshake, query: Mapping[str, str], chosen: str | None) -> int:
        """A connection was opened; returns its number."""
        self._connections += 1
        url, asked = self._asked(handshake, query)
        named = None if chosen is None else self._scrubber.name(chosen)
        self._write(self._connections, Opened(url, asked, named))
        return self._connections

    def refused(
        self, handshake: Handshake, query: Mapping[str, str], answer: HandshakeRejectedError
    ) -> None:
        """A connection was refused."""
        self._connections += 1
        kept = {
            name.lower(): self._scrubber.failure(value)
            for name, value in answer.headers
            if name.lower() in _KEPT_HEADERS or name.lower().startswith(_KEPT_PREFIX)
        }
        url, asked = self._asked(handshake, query)
        body = self._scrubber.failure(answer.body)
        self._write(self._connections, Refused(answer.status_code, url, asked, kept, body))

    def _asked(self, handshake: Handshake, query: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        named = {name: self._scrubber.name(value) for name, value in query.items()}
        return self._scrubber.url(handshake.url), named

    def message(self, connection: int, side: Side, data: str | bytes) -> None:
        """A message passed.

        Raises:
            CassetteSecretError: if it holds a key that cannot be taken out. Nothing is left on the
                disk then, and nothing more is written.
        """
        if self._broken:
            return
        try:
            message = self._scrubber.message(side, data)
        except CassetteSecretError as error:
            self._broken = True
            self._file.discard()
            raise CassetteSecretError(
                f"{self._file.path}, connection {connection}: {error}. Nothing was recorded"
            ) from None
        self._write(connection, message)

    def closed(self, connection: int, side: Side, code: int | None, reason: str) -> None:
        """A side ended a connection."""
        self._write(connection, Closed(side, code, self._scrubber.failure(reason)))

    def _write(self, connection: int, what: What) -> None:
        if self._broken:
            return
        now = trio.current_time()
        if self._began is None:
            self._began = now
        self._file.write(line_from_entry(Entry(now - self._began, connection, what)))


Fail: TypeAlias = Callable[[Exception], Awaitable[NoReturn]]
"""Ends the server's block with an error, and never returns."""


@final
class Relay:
    """One client's connection to the real server."""

    def __init__(
        self, transport: Transport, recording: Recording, connection: int, fail: Fail
    ) -> None:
        self.transport: Transport = transport
        """The connection to the real server. It must be closed in the end."""
        self._recording = recording
        self._connection = connection
        self._fail = fail
        self._ended_by: Side | None = None

    async def run(self, ws: ServerSocket) -> bool:
        """Pass everything on until both are gone. Returns whether the client ended it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._downwards, ws)
            await self._upwards(ws)
            # The real server often answers no CLOSE.
            nursery.cancel_scope.deadline = trio.current_time() + DEFAULT_OPTIONS.close_timeout
        return self._ended_by == "client"

    async def _upwards(self, ws: ServerSocket) -> None:
        """Pass on what the client sends, and how it leaves."""
        while True:
            try:
                data = await ws.receive()
            except TransportClosed as closed:
                if self._is_first("client", closed):
                    if closed.code is None:
                        await self.transport.aclose()
                    else:
                        with contextlib.suppress(TransportClosed):
                            await self.transport.send_close(closed.code, closed.reason)
                return
            await self._record("client", data)
            # How the server left is told by who receives from it.
            with contextlib.suppress(TransportClosed):
                await self.transport.send(data)

    async def _downwards(self, ws: ServerSocket) -> None:
        """Pass on what the server sends, and how it leaves."""
        while True:
            try:
                data = await self.transport.receive()
            except TransportClosed as closed:
                if self._is_first("server", closed):
                    with contextlib.suppress(TransportClosed):
                        if closed.closed_by == "server" and closed.code is not None:
                            await ws.close(closed.code, closed.reason)
                        else:
                            await ws.aclose()
                return
            await self._record("server", data)
            # How the client left is told by who receives from it.
            with contextlib.suppress(TransportClosed):
                if isinstance(data, str):
                    await ws.send(data)
                else:
                    await ws.send_bytes(data)

    def _is_first(self, side: Side, closed: TransportClosed) -> bool:
        """Record how the connection ended, once. The other side's end follows from it."""
        if self._ended_by is not None:
            return False
        self._ended_by = side
        code = closed.code if closed.closed_by == "server" else None
        self._recording.closed(self._connection, side, code, closed.reason)
        return True

    async def _record(self, side: Side, data: str | bytes) -> None:
        if self._ended_by is not None:
            return
        try:
            self._recording.message(self._connection, side, data)
        except Exception as error:  # noqa: BLE001 - a full disk too
            await self._fail(error)


async def dial(
    nursery: trio.Nursery,
    endpoint: Endpoint,
    client: ClientHandshake,
    recording: Recording,
    fail: Fail,
    ssl_context: ssl.SSLContext | None,
) -> Relay | HttpResponse:
    """Connect to the real server for a client; or say what the client is answered instead."""
    # Loaded when it is used: the WebSocket library is a third of our import time.
    from trio_realtime._transport import open_stream, open_transport

    try:
        target = _target_of(client, endpoint)
    except ValueError as error:
        return _answer(400, f"the recorder cannot ask for this: {error}")
    handshake = await endpoint.handshake(target)
    recording.add_secrets(*handshake.secrets)
    try:
        with trio.fail_after(DEFAULT_OPTIONS.connect_timeout):
            stream = await open_stream(
                handshake.url, ssl_context=ssl_context, stream_factory=handshake.stream_factory
            )
            transport = await open_transport(nursery, stream, handshake, DEFAULT_OPTIONS)
    except trio.TooSlowError:
        return _answer(504, "the recorder waited in vain for the real server")
    except ConnectError as error:
        refusal = error.__cause__ if isinstance(error, AuthenticationError) else error
        if isinstance(refusal, HandshakeRejectedError):
            recording.refused(handshake, target.query, refusal)
            headers = [pair for pair in refusal.headers if pair[0].lower() not in _HOP_HEADERS]
            return HttpResponse(refusal.status_code, tuple(headers), refusal.body.encode())
        return _answer(502, f"the recorder did not reach the real server: {error}")
    number = recording.opened(handshake, target.query, transport.subprotocol)
    return Relay(transport, recording, number, fail)


def _target_of(client: ClientHandshake, endpoint: Endpoint) -> Target:
    asked = client.query
    return target_from_arguments(
        endpoint,
        model=client.model or None,
        call_id=asked.get("call_id"),
        intent=cast("Literal['transcription'] | None", asked.get("intent")),
    )


def query_of(client: ClientHandshake) -> dict[str, str]:
    """What a client asks for, in the words of a cassette."""
    asked = {"model": client.model, **client.query}
    return {name: asked[name] for name in ("model", "call_id", "intent") if asked.get(name)}


def _answer(status: int, message: str) -> HttpResponse:
    body = {"error": {"type": "recorder_error", "message": message}}
    return HttpResponse(status, (_JSON,), json.dumps(body).encode())

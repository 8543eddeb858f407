"""Watching what passes between a server of the kit and its clients, on the wire.

This module tells. It does not know what is done with it, nor what the messages mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import trio

from trio_realtime._core.simulator import ClientHandshake
from trio_realtime._transport import TransportClosed

if TYPE_CHECKING:
    from trio_realtime.testing._host import ServerSocket


@final
@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that was seen on a server's wire."""

    kind: Literal["opened", "received", "sent", "closed", "answered"]
    """What it is: a connection's begin, a message from the client or to it, the connection's end;
    or the answer to an HTTP request, which is no connection."""

    time: float
    """When, by the Trio clock."""

    connection: int
    """The number of the WebSocket connection, from 1; 0 for an HTTP request."""

    handshake: ClientHandshake = field(repr=False)
    """What the client asked for with its connection or its request."""

    data: str | bytes = field(default="", repr=False)
    """The message; for an end its close code and who sent it, such as `1000 by the client`; for a
    request what was asked and the status of the answer, such as `POST /v1/x 404`."""


Watcher: TypeAlias = Callable[[Sighting], None]
"""Is told of each sighting, in order. It must not block, and what it raises ends the server."""


@final
class WatchedSocket:
    """A server's socket that tells what passes."""

    def __init__(
        self, ws: ServerSocket, watch: Watcher, connection: int, handshake: ClientHandshake
    ) -> None:
        self._ws = ws
        self._watch = watch
        self._connection = connection
        self._handshake = handshake
        self._ending = ""
        self.see("opened")

    def see(
        self,
        kind: Literal["opened", "received", "sent", "closed"],
        data: str | bytes = "",
    ) -> None:
        """Tell of something."""
        now = trio.current_time()
        self._watch(Sighting(kind, now, self._connection, self._handshake, data))

    def see_end(self) -> None:
        """Tell that the connection is over."""
        self.see("closed", self._ending or "without a close")

    @property
    def answer_close(self) -> bool:
        """Whether a CLOSE of the client's is answered, as it should be."""
        return self._ws.answer_close

    @answer_close.setter
    def answer_close(self, answer: bool) -> None:
        self._ws.answer_close = answer

    async def receive(self) -> str | bytes:
        """Receive a message; raises `TransportClosed` once the client is gone."""
        try:
            data = await self._ws.receive()
        except TransportClosed as closed:
            if closed.code is not None:
                who = "client" if closed.closed_by == "server" else "server"  # theirs, or ours
                self._ending = f"{closed.code} by the {who}"
            raise
        self.see("received", data)
        return data

    async def send(self, text: str) -> None:
        """Send a text message."""
        await self._ws.send(text)
        self.see("sent", text)

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._ws.send_bytes(data)
        self.see("sent", data)

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        await self._ws.ping(payload)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send CLOSE, and wait for nothing."""
        self._ending = f"{code} by the server"
        await self._ws.close(code, reason)

    async def aclose(self) -> None:
        """Close the stream by force."""
        await self._ws.aclose()

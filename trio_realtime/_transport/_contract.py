"""What the connection asks of a transport, and how a transport says that it is over.

This module knows no WebSocket library: whichever one is below, this is all that is seen of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, final

from trio_realtime._redaction import redact
from trio_realtime.errors import ClosedBy

if TYPE_CHECKING:
    import trio

    from trio_realtime._endpoint import Handshake
    from trio_realtime._options import Options


LibraryName: TypeAlias = Literal["trio-websocket", "websockets"]
"""The WebSocket libraries that can be used."""

Compression: TypeAlias = Literal["deflate"]
"""The ways to compress messages that can be offered to a server."""


@final
class TransportClosed(Exception):  # noqa: N818 - a fact, not a fault
    """The link is over. Every raise is a new instance."""

    def __init__(
        self,
        code: int | None,
        reason: str,
        closed_by: ClosedBy,
        *,
        too_big: bool = False,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(code, reason)
        self.code: int | None = code
        """The code of the close frame; None when there was none."""
        self.reason: str = reason
        """The text of the close frame, redacted."""
        self.closed_by: ClosedBy = closed_by
        """`"us"` after a CLOSE or `aclose` of ours and for `too_big`; `"server"` when its CLOSE
        came first; `"network"` when no close frame was seen, so also when the server broke the
        protocol."""
        self.too_big: bool = too_big
        """Whether the server sent a message above the limit. It was told 1009."""
        self.cause: BaseException | None = cause
        """What the operating system or the protocol said."""
        self.__cause__ = cause

    def __str__(self) -> str:
        said = "" if not self.reason else f", {self.reason}"
        why = "" if self.cause is None else f": {self.cause}"
        return f"closed by {self.closed_by} (code {self.code}{said}){why}"


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """Why a link is over: stored once, raised as often as somebody asks."""

    code: int | None
    reason: str
    closed_by: ClosedBy
    too_big: bool = False
    cause: BaseException | None = None

    def error(self, secrets: Collection[str] = ()) -> TransportClosed:
        """Make what is raised for it; nothing that is secret is in its reason."""
        reason = redact(self.reason, secrets)
        return TransportClosed(
            self.code, reason, self.closed_by, too_big=self.too_big, cause=self.cause
        )


class Transport(Protocol):
    """An open WebSocket. Any number of tasks may send; one may receive.

    It reads while somebody receives, and only then: that is when pings are answered. Every failure
    is `TransportClosed`. `aclose` must be called in the end, also after a failure: it ends the
    tasks.
    """

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol the server chose."""
        ...

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the server's 101, in lower case."""
        ...

    @property
    def last_received(self) -> float:
        """Trio's time of the last byte received."""
        ...

    @property
    def last_sent(self) -> float:
        """Trio's time of the last byte that the stream took from us."""
        ...

    @property
    def bytes_in(self) -> int:
        """Bytes received on the stream, the handshake's included."""
        ...

    @property
    def bytes_out(self) -> int:
        """Bytes sent on the stream, the handshake's included."""
        ...

    @property
    def frames_in(self) -> int:
        """Messages received."""
        ...

    @property
    def frames_out(self) -> int:
        """Messages sent."""
        ...

    @property
    def last_ping_ms(self) -> float | None:
        """How long the newest answered ping of ours took; None before the first answer."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message, and return when the stream has taken all of it; bytes as a binary one.

        Cancelled, the message still goes out whole.
        """
        ...

    async def receive(self) -> str | bytes:
        """Receive a message. Everything that arrived before a failure comes before it is raised.

        Cancelled, nothing is lost.
        """
        ...

    def receive_nowait(self) -> str | bytes:
        """Return a message that has been read already.

        Raises:
            trio.WouldBlock: if there is none, also when the link is over.
        """
        ...

    async def ping(self) -> None:
        """Hand over a ping, and return: `last_ping_ms` tells of its answer."""
        ...

    async def send_close(self, code: int, reason: str) -> None:
        """Hand over a CLOSE frame, and return. Nothing can be sent after it.

        A reason of more than 123 bytes is cut between characters. `drained` waits for it to leave,
        `receive` raises when the peer has answered.
        """
        ...

    async def drained(self) -> None:
        """Wait until everything handed over has left our buffer."""
        ...

    async def aclose(self) -> None:
        """Close by force. Never waits for the peer, and closes when cancelled too."""
        ...


class TransportFactory(Protocol):
    """Makes an open WebSocket of a byte stream: another library's, say, or one that records."""

    async def __call__(
        self,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        handshake: Handshake,
        options: Options,
    ) -> Transport:
        """Upgrade `stream`.

        Args:
            nursery: For the transport's tasks, which must not raise, and must end with `aclose`.
            stream: Connected, with TLS on it where the URL asks for that. It is the transport's to
                close, also when the upgrade fails.
            handshake: The URL, the headers and the subprotocols to ask with.
            options: The limits.

        Raises:
            ConnectError: if the server did not upgrade.
        """
        ...

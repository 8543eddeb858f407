"""What is asked of a WebSocket library: frames made, and frames understood; no I/O.

Whichever library is below, this is all that is used of it once the upgrade is done. It says nothing
of streams, tasks or time.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

MIN_CODE: Final = 1000
MAX_CODE: Final = 4999
"""RFC 6455, 7.4.2: the close codes there are."""


class LibraryFault(Exception):  # noqa: N818 - the peer's, not ours
    """The peer broke the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code: int = code
        """The close code that tells the peer: 1002, 1007 or 1009."""


class FrameLibrary(Protocol):
    """Makes a client's frames, masked, and understands a server's."""

    @property
    def takes_compressed(self) -> bool:
        """Whether compression was negotiated: data frames may have their first reserved bit."""
        ...

    def message(self, data: str | bytes) -> bytes:
        """Make the frame of a message: of text, or of bytes."""
        ...

    def ping(self, payload: bytes) -> bytes:
        """Make a ping."""
        ...

    def pong(self, payload: bytes) -> bytes:
        """Make a pong."""
        ...

    def close(self, code: int, reason: str) -> bytes:
        """Make a CLOSE frame. A reason of more than 123 bytes is cut between characters."""
        ...

    def feed(self, frame: bytes) -> str | bytes | None:
        """Read a whole data frame of the server's: a fragment, a binary or a compressed message.

        Plain text messages in one frame, control frames and frames that there cannot be never get
        here; nor does a message that is larger than the limit before it is decompressed.

        Returns:
            The message it completes; None when more frames must come.

        Raises:
            LibraryFault: if it breaks the protocol. Nothing may be fed after that.
        """
        ...


class UpgradeFault(Exception):  # noqa: N818 - the server's, not ours
    """A 101 that is no answer to what was asked."""


class Upgraded(NamedTuple):
    """What the upgrade brought."""

    library: FrameLibrary
    subprotocol: str | None
    headers: tuple[tuple[str, str], ...]
    """Of the server's 101."""

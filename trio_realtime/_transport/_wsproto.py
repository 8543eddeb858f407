"""Frames with wsproto, which trio-websocket is built on.

It decodes what `Inbound` does not, and makes our frames. This module moves no bytes.
"""

from __future__ import annotations

from typing import Final, final

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from trio_realtime._transport._library import LibraryFault

_maker: Final = Connection(ConnectionType.CLIENT)
"""Makes the messages, pings and pongs of all connections: each is one frame, so none leaves a
state behind. It never hears of what arrives, so nothing that does makes a frame impossible."""


@final
class WsprotoFrames:
    """A `FrameLibrary` over wsproto."""

    def __init__(self) -> None:
        self.takes_compressed: bool = False
        self._reader: Connection | None = None
        self._text: list[str] = []
        self._bytes = bytearray()

    def message(self, data: str | bytes) -> bytes:
        """Make the frame of a message; see `FrameLibrary`."""
        event = TextMessage(data=data) if isinstance(data, str) else BytesMessage(data=data)
        return _maker.send(event)

    def ping(self, payload: bytes) -> bytes:
        """Make a ping."""
        return _maker.send(Ping(payload=payload))

    def pong(self, payload: bytes) -> bytes:
        """Make a pong."""
        return _maker.send(Pong(payload=payload))

    def close(self, code: int, reason: str) -> bytes:
        """Make a CLOSE frame; see `FrameLibrary`."""
        printable = reason.encode("utf-8", "replace").decode()
        return Connection(ConnectionType.CLIENT).send(CloseConnection(code=code, reason=printable))

    def feed(self, frame: bytes) -> str | bytes | None:
        """Read a data frame; see `FrameLibrary`."""
        if self._reader is None:
            self._reader = Connection(ConnectionType.CLIENT)
        self._reader.receive_data(frame)
        for event in self._reader.events():
            if isinstance(event, CloseConnection):
                raise LibraryFault(event.code, event.reason or "")
            if isinstance(event, TextMessage):
                self._text.append(event.data)
                if event.message_finished:
                    text, self._text = "".join(self._text), []
                    return text
            else:
                assert isinstance(event, BytesMessage)
                self._bytes += event.data
                if event.message_finished:
                    data, self._bytes = bytes(self._bytes), bytearray()
                    return data
        return None

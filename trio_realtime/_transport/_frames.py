"""The bytes of WebSocket frames: made for our side, looked at for the peer's.

The library below decodes what is received. What it does badly, or keeps to itself, is seen here
first: how many bytes a message has, pongs, and the peer's CLOSE. This module moves no bytes and
knows no time.
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, TypeAlias, final

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

_NO_STATUS: Final = 1005
"""RFC 6455, 7.1.5: what a CLOSE frame without a code counts as."""

MIN_CODE: Final = 1000
MAX_CODE: Final = 4999
"""RFC 6455, 7.4.2: the close codes there are."""

_CONTROL: Final = 0x08
_CLOSE: Final = 0x08
_PONG: Final = 0x0A
_LENGTH_BYTES: Final = {126: 2, 127: 8}
_DATA_FRAMES: Final = frozenset((0x00, 0x01, 0x02, 0x80, 0x81, 0x82))
_CONTROL_FRAMES: Final = frozenset((0x88, 0x89, 0x8A))
_BAD_CLOSE: Final = b"\x88\x01"
"""A CLOSE frame holds a code of two bytes, or nothing."""


@final
class FrameMaker:
    """Makes a client's frames, masked.

    It shares no state with the reader: nothing that arrives makes a frame of ours impossible (B4).
    """

    def __init__(self) -> None:
        self._proto = Connection(ConnectionType.CLIENT)

    def message(self, data: str | bytes) -> bytes:
        """Make the frame of a message: of text, or of bytes."""
        event = TextMessage(data=data) if isinstance(data, str) else BytesMessage(data=data)
        return self._proto.send(event)

    def ping(self, payload: bytes) -> bytes:
        """Make a ping."""
        return self._proto.send(Ping(payload=payload))


def close_frame(code: int, reason: str) -> bytes:
    """Make a client's CLOSE frame. The library cuts a long reason, between characters."""
    printable = reason.encode("utf-8", "replace").decode()
    return Connection(ConnectionType.CLIENT).send(CloseConnection(code=code, reason=printable))


@final
@dataclasses.dataclass(frozen=True, slots=True)
class PongSeen:
    """The peer answered a ping."""

    payload: bytes


@final
@dataclasses.dataclass(frozen=True, slots=True)
class CloseSeen:
    """The peer's CLOSE frame. Nothing after it counts."""

    code: int
    reason: str


@final
@dataclasses.dataclass(frozen=True, slots=True)
class TooBigSeen:
    """The header of a frame that takes its message above the limit."""


Seen: TypeAlias = PongSeen | CloseSeen | TooBigSeen


@final
class FrameWatch:
    """Looks at a server's frames as they pass, without changing or copying them.

    A frame that breaks the protocol is none of its business: it looks no further, and the library
    finds the fault when it gets there.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._limit = max_message_bytes
        self._message_bytes = 0
        self._header = b""
        self._opcode = 0
        self._left = 0
        self._payload = bytearray()
        self._state: Literal["watching", "blind", "over"] = "watching"
        self.seen: list[Seen] = []
        """What was seen since the list was last emptied."""

    def feed(self, data: bytes) -> int:
        """Look at `data`; return how many of its bytes come before the end of the session."""
        position, size = 0, len(data)
        keep = 0 if self._opcode == _CLOSE else size
        while position < size and self._state == "watching":
            if self._left == 0:
                start = position
                position = self._read_header(data, position)
                if self._header or self._state != "watching":
                    continue
                if self._opcode == _CLOSE:
                    keep = start
                elif self._message_bytes > self._limit:
                    self.seen.append(TooBigSeen())
                    self._state = "over"
                    return start
            step = min(self._left, size - position)
            if self._opcode & _CONTROL:
                self._payload += data[position : position + step]
            position += step
            self._left -= step
            if self._left == 0 and self._opcode & _CONTROL:
                self._end_control()
        return keep

    def _read_header(self, data: bytes, position: int) -> int:
        header = self._header + data[position : position + 10 - len(self._header)]
        needed = 2
        if len(header) >= 2:
            needed += _LENGTH_BYTES.get(header[1], 0)
        if len(header) < needed:
            self._header = header
            return len(data)
        position += needed - len(self._header)
        self._header = b""
        # A finished control frame of up to 125 bytes, or a data frame; no reserved bit, no mask.
        first, length = header[0], header[1]
        opcode = first & 0x0F
        valid = first in _CONTROL_FRAMES if opcode & _CONTROL else first in _DATA_FRAMES
        if not valid or length > (125 if opcode & _CONTROL else 127) or header[:2] == _BAD_CLOSE:
            self._state = "blind"
            return position
        if needed > 2:
            length = int.from_bytes(header[2:needed], "big")
        self._opcode, self._left = opcode, length
        if not opcode & _CONTROL:
            self._message_bytes = length + (self._message_bytes if opcode == 0 else 0)
        return position

    def _end_control(self) -> None:
        payload = bytes(self._payload)
        self._payload.clear()
        if self._opcode == _PONG:
            self.seen.append(PongSeen(payload))
        elif self._opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else _NO_STATUS
            self.seen.append(CloseSeen(code, payload[2:].decode("utf-8", "replace")))
            self._state = "over"

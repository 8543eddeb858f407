"""From the server's bytes to its messages.

Nine frames in ten are whole text messages, and those are read here: a WebSocket library takes up to
twenty times as long to say the same. Control frames are read here too, for libraries answer them by
themselves, or keep them to themselves. Fragments, binary and compressed messages go to the library,
frame by frame, and so does whatever is broken: it knows what is wrong with it.

This module moves no bytes and knows no time.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from typing import Final, TypeAlias, final

from trio_realtime._transport._library import FrameLibrary, LibraryFault

_TEXT: Final = 0x81
"""The first byte of a text message in one frame, uncompressed."""

_FIN: Final = 0x80
_CONTROL: Final = 0x08
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_CONTINUATION: Final = 0x00
_DATA_FRAMES: Final = frozenset((0x00, 0x01, 0x02, 0x80, 0x81, 0x82))
_COMPRESSED_FRAMES: Final = frozenset((0x41, 0x42, 0xC1, 0xC2))
_CONTROL_FRAMES: Final = frozenset((_CLOSE, _PING, _PONG))

_LENGTH_BYTES: Final = {126: 2, 127: 8}
_SHORTEST: Final = {126: 126, 127: 65536}
"""RFC 6455, 5.2: the lengths that are written in two and in eight bytes."""

_NO_STATUS: Final = 1005
"""RFC 6455, 7.1.5: what a CLOSE frame without a code counts as."""

_TOO_BIG: Final = 1009


@final
@dataclasses.dataclass(frozen=True, slots=True)
class PingSeen:
    """The peer wants this payload back."""

    payload: bytes


@final
@dataclasses.dataclass(frozen=True, slots=True)
class PongSeen:
    """The peer answered a ping, or sent a pong unasked."""

    payload: bytes


@final
@dataclasses.dataclass(frozen=True, slots=True)
class CloseSeen:
    """The peer's CLOSE frame. Nothing after it counts."""

    code: int
    reason: str


@final
@dataclasses.dataclass(frozen=True, slots=True)
class FaultSeen:
    """The peer broke the protocol, or the limit. Nothing after it counts."""

    code: int
    """The close code that tells the peer."""
    reason: str

    @property
    def is_too_big(self) -> bool:
        """Whether a message was larger than the limit."""
        return self.code == _TOO_BIG


Seen: TypeAlias = PingSeen | PongSeen | CloseSeen | FaultSeen


@final
class Inbound:
    """What a server sends, put together."""

    def __init__(self, library: FrameLibrary, max_message_bytes: int) -> None:
        self._library = library
        self._limit = max_message_bytes
        self._partial = bytearray()
        self._needed = 0
        self._is_in_message = False
        self._message_bytes = 0
        self._is_over = False
        self.messages: deque[str | bytes] = deque()
        """The messages that nobody has taken."""

    def feed(self, data: bytes | bytearray) -> list[Seen]:
        """Take the next bytes; add what they complete to `messages`, tell what else was seen."""
        seen: list[Seen] = []
        position, size = 0, len(data)
        try:
            while position < size and not self._is_over:
                if self._partial:
                    # Just what the frame, or its header, lacks: the rest is not copied.
                    lacking = self._needed - len(self._partial)
                    self._partial += data[position : position + lacking]
                    position += lacking
                    if len(self._partial) < self._needed:
                        break
                    begun, self._partial = bytes(self._partial), bytearray()
                    self._partial += begun[self._read_frames(begun, 0, seen) :]
                else:
                    position = self._read_frames(data, position, seen)
                    self._partial += data[position:]
                    position = size
        except LibraryFault as fault:
            self._is_over = True
            seen.append(FaultSeen(fault.code, str(fault)))
        return seen

    def _read_frames(self, data: bytes | bytearray, position: int, seen: list[Seen]) -> int:
        """Read the frames that are whole; return where the first that is not begins."""
        size = len(data)
        self._needed = 2
        while size - position >= 2 and not self._is_over:
            first, length = data[position], data[position + 1]
            start = position + 2
            if length > 125:
                start += _LENGTH_BYTES.get(length, 0)
                if start > size:
                    self._needed = start - position
                    break
                length = _long_length(length, data[position + 2 : start])
            end = start + length
            is_plain = first == _TEXT and not self._is_in_message
            if not is_plain:
                self._check(first, length)
            elif length > self._limit:
                raise self._too_big()
            if end > size:
                self._needed = end - position
                break
            if is_plain:
                self.messages.append(_text_from(data[start:end]))
            elif first & _CONTROL:
                self._take_control(first, bytes(data[start:end]), seen)
            else:
                self._take_part(first, bytes(data[position:end]), length)
            position = end
        return position

    def _check(self, first: int, length: int) -> None:
        """Look at the header of a frame that is no plain text message.

        Raises:
            LibraryFault: if there may be no such frame here.
        """
        if first & _CONTROL:
            if first not in _CONTROL_FRAMES or length > 125:
                raise LibraryFault(1002, "a control frame is one short frame")
            return
        may_compress = self._library.takes_compressed
        if first not in _DATA_FRAMES and not (may_compress and first in _COMPRESSED_FRAMES):
            raise LibraryFault(1002, "there is no such frame")
        if self._begun(first) + length > self._limit:
            raise self._too_big()

    def _begun(self, first: int) -> int:
        """How many bytes of the message came in earlier frames."""
        return self._message_bytes if first & ~_FIN == _CONTINUATION else 0

    def _take_part(self, first: int, frame: bytes, length: int) -> None:
        message = self._library.feed(frame)
        self._message_bytes = self._begun(first) + length
        self._is_in_message = not first & _FIN
        if message is not None:
            self.messages.append(message)

    def _take_control(self, first: int, payload: bytes, seen: list[Seen]) -> None:
        if first == _PING:
            seen.append(PingSeen(payload))
        elif first == _PONG:
            seen.append(PongSeen(payload))
        elif len(payload) == 1:
            raise LibraryFault(1002, "a CLOSE frame holds a code of two bytes, or nothing")
        else:
            code = int.from_bytes(payload[:2], "big") if payload else _NO_STATUS
            seen.append(CloseSeen(code, payload[2:].decode("utf-8", "replace")))
            self._is_over = True

    def _too_big(self) -> LibraryFault:
        return LibraryFault(_TOO_BIG, f"a message is larger than {self._limit} bytes")


def _long_length(marker: int, written: bytes | bytearray) -> int:
    """The length of a frame of more than 125 bytes.

    Raises:
        LibraryFault: if it is not written as the protocol demands.
    """
    length = int.from_bytes(written, "big")
    if length < _SHORTEST.get(marker, math.inf):
        raise LibraryFault(1002, "a frame is masked, or its length is not written in short form")
    return length


def _text_from(payload: bytes | bytearray) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise LibraryFault(1007, f"a text message is not UTF-8: {error.reason}") from error

"""The upgrade, and frames, with the library `websockets`: an extra.

Its sans-I/O side is used, not its Trio one, whose `recv` waits for ever when the peer sends CLOSE
and holds TCP open. This module knows no stream and no time: a `Wire` moves its bytes.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, final
from urllib.parse import urlsplit

try:
    from websockets.client import ClientProtocol
    from websockets.exceptions import PayloadTooBig, ProtocolError
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
    from websockets.frames import Frame, Opcode
    from websockets.http11 import Response
    from websockets.typing import Subprotocol
    from websockets.uri import WebSocketURI
except ImportError as error:
    raise ImportError(
        "transport='websockets' needs the package websockets 17: "
        "pip install 'trio-realtime[websockets]'"
    ) from error

from trio_realtime._transport._library import LibraryFault, Upgraded, UpgradeFault
from trio_realtime._transport._streams import DEFAULT_PORTS

if TYPE_CHECKING:
    from websockets.extensions import Extension

    from trio_realtime._endpoint import Handshake
    from trio_realtime._transport._upgrade import AnswerReader
    from trio_realtime._transport._wire import Wire

_silent: Final = logging.Logger("websockets")  # noqa: LOG001 - not to be found by name
"""At DEBUG the library logs the request's headers, key and all. No configuration reaches this."""
_silent.disabled = True

_MEMORY_LEVEL: Final = 5
"""What `websockets` takes for its own connections: a quarter of zlib's memory, little slower."""

_UPGRADE_HEADERS: Final = frozenset(
    (
        "connection",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "upgrade",
    )
)
"""What a 101 says to the WebSocket library, and to nobody else."""

_LENGTH_BYTES: Final = {126: 2, 127: 8}
_MAX_REASON_BYTES: Final = 123
_LOCAL_CODES: Final = frozenset((1005, 1006, 1015))
"""RFC 6455, 7.4.1: codes that are never sent. 1000 goes out in their place."""

_FIN: Final = 0x80
_COMPRESSED: Final = 0x40
_OPCODE: Final = 0x0F


async def upgrade(
    wire: Wire,
    handshake: Handshake,
    answer: AnswerReader,
    *,
    max_message_bytes: int,
    compression: Literal["deflate"] | None = None,
) -> tuple[Upgraded, bytes]:
    """Upgrade `wire`; return what that brought, and what came after the answer.

    Raises:
        UpgradeFault: if the server accepts something else.
        ConnectError: what `answer` raises.
    """
    asked = WebsocketsUpgrade(
        handshake, max_message_bytes=max_message_bytes, compression=compression
    )
    wire.append(asked.request)
    wire.nudge()
    head, rest = await answer.read()
    return asked.accept(head), rest


@final
class WebsocketsUpgrade:
    """One request to upgrade, and the reading of its answer."""

    request: bytes
    """What to send."""

    def __init__(
        self,
        handshake: Handshake,
        *,
        max_message_bytes: int,
        compression: Literal["deflate"] | None = None,
    ) -> None:
        parts = urlsplit(handshake.url)
        self._max_message_bytes = max_message_bytes
        self._protocol = ClientProtocol(
            WebSocketURI(
                secure=parts.scheme == "wss",
                host=parts.hostname or "",
                port=parts.port or DEFAULT_PORTS[parts.scheme],
                path=parts.path,
                query=parts.query,
            ),
            extensions=None if compression is None else [_deflate()],
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            logger=_silent,
        )
        request = self._protocol.connect()
        for name, value in handshake.headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self.request = b"".join(self._protocol.data_to_send())

    def accept(self, head: bytes) -> Upgraded:
        """Read the head of the server's 101.

        Raises:
            UpgradeFault: if it does not answer what was asked.
        """
        protocol = self._protocol
        protocol.receive_data(head)
        fault = protocol.handshake_exc
        if fault is not None:
            why = fault.__cause__ or fault
            raise UpgradeFault(str(why)) from fault
        (response,) = protocol.events_received()
        assert isinstance(response, Response)
        headers = tuple(
            (name.lower(), value)
            for name, value in response.headers.raw_items()
            if name.lower() not in _UPGRADE_HEADERS
        )
        library = WebsocketsFrames(protocol.extensions, self._max_message_bytes)
        return Upgraded(library, protocol.subprotocol, headers)


def _deflate() -> ClientPerMessageDeflateFactory:
    return ClientPerMessageDeflateFactory(compress_settings={"memLevel": _MEMORY_LEVEL})


@final
class WebsocketsFrames:
    """A `FrameLibrary` over `websockets`."""

    def __init__(self, extensions: Sequence[Extension], max_message_bytes: int) -> None:
        self._extensions = extensions
        self._limit = max_message_bytes
        self._opcode: Opcode | None = None
        self._begun = bytearray()
        self.takes_compressed: bool = bool(extensions)

    def message(self, data: str | bytes) -> bytes:
        """Make the frame of a message; see `FrameLibrary`."""
        if isinstance(data, str):
            frame = Frame(Opcode.TEXT, data.encode())
        else:
            frame = Frame(Opcode.BINARY, data)
        return frame.serialize(mask=True, extensions=self._extensions)

    def ping(self, payload: bytes) -> bytes:
        """Make a ping."""
        return Frame(Opcode.PING, payload).serialize(mask=True)

    def pong(self, payload: bytes) -> bytes:
        """Make a pong."""
        return Frame(Opcode.PONG, payload).serialize(mask=True)

    def close(self, code: int, reason: str) -> bytes:
        """Make a CLOSE frame; see `FrameLibrary`."""
        # The library's own `Close` refuses codes that a peer may well be answered with.
        cut = reason.encode("utf-8", "replace")[:_MAX_REASON_BYTES].decode("utf-8", "ignore")
        payload = struct.pack("!H", 1000 if code in _LOCAL_CODES else code) + cut.encode()
        return Frame(Opcode.CLOSE, payload).serialize(mask=True)

    def feed(self, frame: bytes) -> str | bytes | None:
        """Read a data frame; see `FrameLibrary`."""
        first = frame[0]
        opcode, is_last = Opcode(first & _OPCODE), bool(first & _FIN)
        if (opcode is Opcode.CONT) is (self._opcode is None):
            raise LibraryFault(1002, "the fragments of a message are out of order")
        self._opcode = self._opcode or opcode
        payload = frame[2 + _LENGTH_BYTES.get(frame[1], 0) :]
        part = self._part_from(Frame(opcode, payload, is_last, bool(first & _COMPRESSED)))
        if not is_last:
            self._begun += part
            return None
        if self._begun:
            part, self._begun = bytes(self._begun + part), bytearray()
        is_text, self._opcode = self._opcode is Opcode.TEXT, None
        return _text_from(part) if is_text else part

    def _part_from(self, frame: Frame) -> bytes:
        """Decompress a fragment, never to more than there may be.

        Raises:
            LibraryFault: if that cannot be done, or would be too much.
        """
        room = self._limit - len(self._begun)
        try:
            for extension in self._extensions:
                # One more than there is room for: zlib takes 0 for no limit at all.
                frame = extension.decode(frame, max_size=room + 1)
        except PayloadTooBig:
            room = -1
        except ProtocolError as error:
            raise LibraryFault(1002, f"a message cannot be decompressed: {error}") from error
        if len(frame.data) > room:
            raise LibraryFault(1009, f"a message is larger than {self._limit} bytes")
        return bytes(frame.data)


def _text_from(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise LibraryFault(1007, f"a text message is not UTF-8: {error.reason}") from error

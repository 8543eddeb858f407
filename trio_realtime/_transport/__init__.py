"""The edge: streams, the WebSocket upgrade, and frames. Nothing above it knows a socket.

The contract costs nothing to import. The rest is loaded when it is first asked for: the WebSocket
library is a third of our import time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from trio_realtime._transport._contract import (
    Compression,
    LibraryName,
    Transport,
    TransportClosed,
    TransportFactory,
)

if TYPE_CHECKING:
    from trio_realtime._transport._client import open_transport
    from trio_realtime._transport._server import ServerRequest, ServerWebSocket, accept_websocket
    from trio_realtime._transport._streams import open_stream

__all__ = [
    "Compression",
    "LibraryName",
    "ServerRequest",
    "ServerWebSocket",
    "Transport",
    "TransportClosed",
    "TransportFactory",
    "accept_websocket",
    "open_stream",
    "open_transport",
]

_HOMES: Final = {
    "ServerRequest": "_server",
    "ServerWebSocket": "_server",
    "accept_websocket": "_server",
    "open_stream": "_streams",
    "open_transport": "_client",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

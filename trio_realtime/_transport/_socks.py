"""The way through a SOCKS proxy, with the library `python-socks`: an extra.

Its connections to the proxy are Trio's own, and closed when it is cancelled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

import trio

try:
    from python_socks import ProxyConnectionError, ProxyError, ProxyType
    from python_socks.async_.trio.v2 import Proxy as SocksProxy
except ImportError as error:
    raise ImportError(
        "a SOCKS proxy (proxy=, or the environment's) needs the package python-socks: "
        "pip install 'trio-realtime[websockets]'"
    ) from error

from trio_realtime._transport._proxy import CREDENTIALS_HINT, no_way, unreachable

if TYPE_CHECKING:
    from trio_realtime._transport._proxy import Proxy

_KINDS: Final = {
    "socks4": (ProxyType.SOCKS4, False),
    "socks4a": (ProxyType.SOCKS4, True),
    "socks5": (ProxyType.SOCKS5, False),
    "socks5h": (ProxyType.SOCKS5, True),
}
"""The protocol, and whether the proxy resolves the server's name: as curl has it."""


async def open_through_socks(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    """Open a connection to `host` through a SOCKS proxy. Cancelled, everything is closed.

    Raises:
        ConnectError: if it cannot be reached, refuses, or does not speak SOCKS.
    """
    kind, resolves_there = _KINDS[proxy.scheme]
    socks = SocksProxy(
        kind, proxy.host, proxy.port, proxy.username, proxy.password, rdns=resolves_there
    )
    try:
        # The deadline is the caller's scope; the library's own would be a minute.
        stream = await socks.connect(host, port, timeout=math.inf)
    except ProxyConnectionError as error:
        # The library's words tell nothing but a number; Trio's tell of each attempt.
        raise unreachable(proxy, error.__cause__ or error) from error.__cause__
    except (ProxyError, OSError, ValueError, trio.BrokenResourceError) as error:
        asked = "authentication" in str(error)
        raise no_way(proxy, f"{error}{CREDENTIALS_HINT if asked else ''}") from error
    return cast(
        "trio.abc.Stream",
        stream.trio_stream,  # pyright: ignore[reportUnknownMemberType] - TLS over what?
    )

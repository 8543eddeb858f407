"""URLs: from what a provider's documentation calls the base to what is connected to.

No error made here shows a URL: people put passwords and tokens into them.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final, final
from urllib.parse import quote, unquote_plus, urlsplit

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

_HOST: Final = re.compile(r"[A-Za-z0-9._~-]+")

_LOOPBACK: Final = ipaddress.IPv6Address("::1")

# What may stand as it is in a path and a query; "%" too, since both are encoded already.
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~"
_QUERY_SAFE: Final = "%/?:@!$'()*+,;=~"

TARGET_QUERY: Final = frozenset({"model", "call_id", "intent"})
"""The parameters that say what to connect to."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """A base URL, taken apart and checked."""

    scheme: str
    """`ws` or `wss`."""

    authority: str
    """Host and port as they stand in the URL."""

    path: str
    """Without slashes at its end."""

    query: str
    """As given."""

    def joined(self, path: str, query: str) -> str:
        """The URL of something below this base."""
        return f"{self.scheme}://{self.authority}{self.path}{path}?{query}"


def checked_text(value: object, name: str) -> str:
    """Return what is a `str`.

    Raises:
        TypeError: naming the type only.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} must be a str, not {type(value).__name__}")


def base_from_url(url: object, name: str) -> Base:
    """Take a base URL apart; `http` becomes `ws`, `https` becomes `wss`.

    Raises:
        TypeError: if it is not a `str`.
        ValueError: naming the argument and what is wrong with it, never showing the URL.
    """
    text = checked_text(url, name)
    if re.search(r"[\x00-\x20\x7f]", text):
        raise ValueError(f"{name} holds white space or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        # Its text would quote a part of the URL.
        raise ValueError(f"{name} is not a valid URL: look at its host and port") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise ValueError(f"{name} must begin with https:// (or http://, wss://, ws://) and a host")
    if "@" in parts.netloc:
        raise ValueError(f"{name} must not hold a user name or password: use extra_headers")
    literal = "[" in parts.netloc
    if port == 0 or not _is_host(host, literal=literal):
        raise ValueError(
            f"{name} has no usable host and port; names with other letters are written xn--"
        )
    authority = (f"[{host}]" if literal else host) + ("" if port is None else f":{port}")
    return Base(scheme, authority, quote(parts.path, safe=_PATH_SAFE).rstrip("/"), parts.query)


def query_from_base(
    query: str,
    extra: Mapping[str, str | None] | None,
    own: Mapping[str, str],
    drop: Collection[str],
) -> str:
    """The base's query, with your additions, then our own parameters.

    Args:
        query: What stands in the base URL, encoded; kept as it is.
        extra: Your parameters: each replaces the base's of the same name, and None removes it.
        own: Our parameters.
        drop: Names whose values in the base do not count.
    """
    replaced = {*drop, *(extra or {}), *own}
    kept = [
        quote(pair, safe=_QUERY_SAFE)
        for pair in query.split("&")
        if pair and unquote_plus(pair.partition("=")[0]) not in replaced
    ]
    added = [(name, value) for name, value in (extra or {}).items() if value is not None]
    added += own.items()
    return "&".join(
        kept + [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in added]
    )


def checked_query(extra: Mapping[str, str | None] | None) -> None:
    """Refuse query parameters that are not text, or that would say what to connect to.

    Raises:
        TypeError: naming the parameter, not showing its value.
        ValueError: if a parameter is one of `TARGET_QUERY`.
    """
    for name, value in (extra or {}).items():
        if name in TARGET_QUERY:
            raise ValueError(f"extra_query must not hold {name}: what to connect to is an argument")
        if value is not None:
            checked_text(value, f"extra_query[{name!r}]")


def checked_websocket_url(url: str) -> None:
    """Refuse what no WebSocket can be opened to.

    Raises:
        ValueError: without showing the URL.
    """
    base_from_url(url, "the handshake's url")
    if not url.lower().startswith(("ws:", "wss:")):
        raise ValueError("the handshake's url must begin with wss:// or ws://")
    if not url.isascii() or "#" in url:
        raise ValueError("the handshake's url must be ASCII and have no fragment")


def is_exposed(url: str) -> bool:
    """Whether what is sent to this URL can be read on the way: plain text, beyond loopback.

    A name that resolves to loopback is no loopback: who answers for a name may change.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in {"wss", "https"} or host == "localhost":
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (address.is_loopback if address.version == 4 else address == _LOOPBACK)


def _is_host(host: str, *, literal: bool) -> bool:
    if not literal:
        return _HOST.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True

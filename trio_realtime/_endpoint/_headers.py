"""Header and subprotocol values: what is allowed, and whose word counts.

No error made here shows a value: it may be a key with a line break at its end.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from trio_realtime._endpoint._urls import checked_text
from trio_realtime._version import __version__

Credential: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A key or token, or a function, sync or async, that is asked for one on every attempt."""

USER_AGENT: Final = ("User-Agent", f"trio-realtime/{__version__}")
"""Who we are; a header of yours replaces it."""

# RFC 9110, section 5.6.2: what a header's name, and a subprotocol, may be made of.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# What a header's value may be made of: visible ASCII, with spaces and tabs between.
_VALUE: Final = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")

# The WebSocket library writes these itself.
_UPGRADE: Final = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    }
)


def checked_header(name: str, value: str) -> None:
    """Refuse a header that could not be sent as it is.

    Raises:
        ValueError: naming the header, never showing its value.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header name must be letters, digits and !#$%&'*+-.^_`|~")
    if name.lower() in _UPGRADE:
        raise ValueError(f"the header {name} belongs to the WebSocket upgrade and is written there")
    checked_value(value, f"the header {name}")


def checked_value(value: object, name: str) -> str:
    """Return what may be a header's value.

    Raises:
        TypeError: if it is not a `str`.
        ValueError: naming what it is, never showing it.
    """
    text = checked_text(value, name)
    if _VALUE.fullmatch(text):
        return text
    if text.strip() != text:
        problem = "begins or ends with white space or a line break; use .strip()"
    elif not text.isascii():
        problem = "holds characters that are not ASCII"
    else:
        problem = "holds a line break or another control character"
    raise ValueError(f"{name} {problem} (the value is not shown)")


def checked_credential(value: object, name: str) -> str:
    """Return a key or token that can be sent.

    Raises:
        TypeError: if it is not a `str`.
        ValueError: if it is empty or could not be sent; the value is not shown.
    """
    text = checked_value(value, name)
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def checked_subprotocol(value: str) -> None:
    """Refuse what is no subprotocol.

    Raises:
        ValueError: without showing it: it may hold a key.
    """
    if not _TOKEN.fullmatch(value):
        raise ValueError(
            "a subprotocol must be letters, digits and !#$%&'*+-.^_`|~ (the value is not shown)"
        )


def headers_from(
    ours: tuple[tuple[str, str], ...], extra: Mapping[str, str | None] | None
) -> tuple[tuple[str, str], ...]:
    """Put your headers over ours: a name counts in any case, and None removes."""
    merged = {name.lower(): (name, value) for name, value in ours}
    for name, value in (extra or {}).items():
        merged.pop(name.lower(), None)
        if value is not None:
            merged[name.lower()] = (name, value)
    return tuple(merged.values())


async def secret_from_credential(credential: Credential, name: str) -> str:
    """Ask for a key or token, and check it.

    Awaits only what your function returns, so it is no checkpoint of its own.

    Raises:
        TypeError: if the answer is not a `str`.
        ValueError: if it is empty or could not be sent; the value is not shown.
    """
    if isinstance(credential, str):
        return checked_credential(credential, name)
    value = credential()
    if inspect.isawaitable(value):
        value = await value
    return checked_credential(value, f"what {name}() returned")


def checked_source(credential: object, name: str) -> None:
    """Refuse what is neither a usable `str` nor a function that could return one.

    Raises:
        TypeError: naming the type only.
        ValueError: if it is empty or could not be sent; the value is not shown.
    """
    if isinstance(credential, str):
        checked_credential(credential, name)
    elif not callable(credential):
        raise TypeError(
            f"{name} must be a str or a function that returns one, not {type(credential).__name__}"
        )

"""From what an endpoint says about its WebSocket to where and how it is asked over HTTP.

This is what lets one endpoint, of whatever make, serve both. It asks nobody and opens nothing.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

from trio_realtime._endpoint import Endpoint, Handshake, Target
from trio_realtime._endpoint._urls import checked_text
from trio_realtime.events import Dialect

_SCHEMES: Final = {"ws": "http", "wss": "https"}

# What says which session a WebSocket is for.
_TARGET: Final = frozenset({"model", "deployment", "call_id", "intent"})

_REALTIME: Final = re.compile(r"/realtime(?:/translations)?/?$")

_SUBPROTOCOLS: Final = (
    ("openai-insecure-api-key.", "Authorization", "Bearer "),
    ("openai-organization.", "OpenAI-Organization", ""),
    ("openai-project.", "OpenAI-Project", ""),
)


BETA_HEADER: Final = ("OpenAI-Beta", "assistants=v2")
"""What the beta is asked for with over HTTP, `assistants` and all: as the official SDKs do."""

_BETA_OF_WEBSOCKETS: Final = "realtime=v1"
_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"


def target_from_endpoint(
    endpoint: Endpoint, *, call_id: str | None = None, dialect: Dialect = "ga"
) -> Target:
    """Make a target to ask an endpoint about, for a request that is about no target, or a call."""
    deployment: object = getattr(endpoint, "deployment", None)
    if isinstance(deployment, str):
        # It counts as the model, and the endpoint takes no other target.
        return Target(model=deployment, dialect=dialect)
    if call_id is not None:
        return Target(call_id=call_id, dialect=dialect)
    return Target(model="none", dialect=dialect)


def url_from_handshake(url: str, path: str) -> str:
    """The `http:` URL of a path below `/realtime`, from the URL of a WebSocket.

    The query is kept, but for what says which session the WebSocket is for.

    Raises:
        ValueError: if the WebSocket's path does not end in `/realtime`.
    """
    parts = urlsplit(url)
    if _REALTIME.search(parts.path) is None:
        raise ValueError(
            "where to send requests is derived from the URL of the endpoint's WebSocket, whose "
            "path must end in /realtime"
        )
    root = _REALTIME.sub("", parts.path)
    kept = [
        pair
        for pair in parts.query.split("&")
        if pair and unquote_plus(pair.partition("=")[0]) not in _TARGET
    ]
    # Azure's preview has its sessions over HTTP beside the WebSocket's path, not below it.
    is_preview = root.endswith("/openai") and any(
        name == "api-version" for name, _ in parse_qsl(parts.query)
    )
    below = "realtimeapi" if is_preview else "realtime"
    query = "?" + "&".join(kept) if kept else ""
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{root}/{below}/{path}{query}"


def headers_from_handshake(handshake: Handshake, accept: str) -> dict[str, str]:
    """The headers of a request: those of the upgrade, and the credentials of its subprotocols."""
    headers = {"accept": ("Accept", accept)}
    headers |= {name.lower(): (name, value) for name, value in handshake.headers}
    for subprotocol in handshake.subprotocols:
        for prefix, name, scheme in _SUBPROTOCOLS:
            if subprotocol.startswith(prefix):
                headers[name.lower()] = (name, scheme + subprotocol.removeprefix(prefix))
        if subprotocol == _BETA_SUBPROTOCOL:
            headers["openai-beta"] = BETA_HEADER
    if headers.get("openai-beta", ("", ""))[1] == _BETA_OF_WEBSOCKETS:
        headers["openai-beta"] = BETA_HEADER
    return dict(headers.values())


def segment(value: object, name: str) -> str:
    """Escape one segment of a path.

    Raises:
        TypeError: if it is not a `str`.
        ValueError: if it is empty, or would change the path: "." and "..".
    """
    text = checked_text(value, name)
    if not text.strip():
        raise ValueError(f"{name} is empty")
    if text in {".", ".."}:
        raise ValueError(f"{name} must not be {text!r}: it would be another path")
    return quote(text, safe="")


def call_id_from_location(location: str | None) -> str | None:
    """The id of a call, from where the server says that it is."""
    path = urlsplit(location or "").path.rstrip("/")
    head, _, last = path.rpartition("/")
    return unquote(last) if last and head.endswith("/calls") else None

"""What a connection attempt needs to know, and who provides it.

This module does not know any provider's URLs or headers.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, final, get_args
from urllib.parse import parse_qsl, urlsplit

from trio_realtime._endpoint._headers import checked_header, checked_subprotocol
from trio_realtime._endpoint._urls import checked_text, checked_websocket_url, is_exposed
from trio_realtime._redaction import is_credential, redact_url
from trio_realtime.events import Dialect

if TYPE_CHECKING:
    import trio

StreamFactory: TypeAlias = Callable[[str, int], Awaitable["trio.abc.Stream"]]
"""Called with host and port, returns an open byte stream in place of a TCP connection. For `wss:`
URLs TLS is put on top of it."""

PATHS: Final[Mapping[Dialect, str]] = {
    "ga": "/realtime",
    "beta": "/realtime",
    "translation": "/realtime/translations",
}
"""What follows the base of a URL."""

BETA_HEADER: Final = ("OpenAI-Beta", "realtime=v1")
"""What asks for the beta dialect. OpenAI's own server refuses whoever sends it."""

BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
"""The same, where no header can be sent."""

KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
"""The subprotocol that holds a key begins like this."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to connect to: a model, a running call, or a transcription session.

    Exactly one of the first three is given; anything else is a `ValueError`.
    """

    model: str | None = None
    """The model's name, passed through as it is; for Azure the deployment's."""

    call_id: str | None = None
    """The id of a running call to attach to."""

    intent: Literal["transcription"] | None = None
    """The kind of session, when it is not a conversation."""

    dialect: Dialect = "ga"
    """The protocol's dialect. The beta one is asked for by a header, translation by its path."""

    def __post_init__(self) -> None:
        query = self.query
        if len(query) != 1:
            found = " and ".join(query) or "none of them"
            raise ValueError(f"give exactly one of model, call_id and intent; there is {found}")
        for name, value in query.items():
            if not checked_text(value, name).strip():
                raise ValueError(f"{name} is empty")
        if self.intent not in {None, "transcription"}:
            raise ValueError(f"intent must be 'transcription', not {self.intent!r}")
        if self.dialect not in get_args(Dialect):
            known = " or ".join(map(repr, get_args(Dialect)))
            raise ValueError(f"dialect must be {known}, not {self.dialect!r}")
        if self.dialect == "translation" and self.model is None:
            raise ValueError("a translation session is opened with a model, not with anything else")

    @property
    def query(self) -> Mapping[str, str]:
        """The one query parameter that says this to the server."""
        named = {"model": self.model, "call_id": self.call_id, "intent": self.intent}
        return {name: value for name, value in named.items() if value is not None}


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Handshake:
    """Everything one connection attempt sends before the first event.

    The values are checked when it is made: no line breaks or foreign characters in headers, no
    user-info in the URL. Errors and the `repr` never show them.
    """

    url: str
    """A `wss:` or `ws:` URL."""

    headers: tuple[tuple[str, str], ...] = ()
    """The headers of the upgrade request, in order."""

    subprotocols: tuple[str, ...] = ()
    """What is offered as `Sec-WebSocket-Protocol`."""

    stream_factory: StreamFactory | None = None
    """Opens the byte stream, when it is not to be a TCP connection to the URL's host."""

    def __post_init__(self) -> None:
        checked_websocket_url(self.url)
        for name, value in self.headers:
            checked_header(name, value)
        for subprotocol in self.subprotocols:
            checked_subprotocol(subprotocol)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value in here that must never be shown, for `redact`."""
        found: list[str] = []
        for name, value in self.headers:
            if is_credential(name):
                found += _secrets_from_header(value)
        found += [
            subprotocol.removeprefix(KEY_SUBPROTOCOL)
            for subprotocol in self.subprotocols
            if subprotocol.startswith(KEY_SUBPROTOCOL)
        ]
        found += [
            value for name, value in parse_qsl(urlsplit(self.url).query) if is_credential(name)
        ]
        return tuple(dict.fromkeys(found))

    def __repr__(self) -> str:
        shown = [subprotocol.partition(".")[0] for subprotocol in self.subprotocols]
        return (
            f"Handshake(url={redact_url(self.url, self.secrets)!r}, "
            f"headers={[name for name, _ in self.headers]!r}, subprotocols={shown!r})"
        )


class Endpoint(Protocol):
    """Where to connect, and as whom.

    Write one of your own for a relay or a provider that neither `OpenAIEndpoint` nor
    `AzureEndpoint` covers.
    """

    async def handshake(self, target: Target) -> Handshake:
        """Say what to send for this target.

        Asked on every connection attempt, so that keys can refresh, in the task that connects and
        before its deadline starts. What it raises leaves `open_realtime` unchanged.
        """
        ...


def target_from_arguments(
    endpoint: Endpoint,
    *,
    model: str | None = None,
    call_id: str | None = None,
    intent: Literal["transcription"] | None = None,
    dialect: Dialect = "ga",
) -> Target:
    """Make the target from what a caller gave; an endpoint's `deployment` counts as the model."""
    if model is None and call_id is None and intent is None:
        deployment: object = getattr(endpoint, "deployment", None)
        model = deployment if isinstance(deployment, str) else None
    return Target(model=model, call_id=call_id, intent=intent, dialect=dialect)


def checked_exposure(handshake: Handshake, *, allow_insecure: bool) -> Handshake:
    """Refuse to send credentials where anybody on the way can read them.

    Raises:
        ValueError: for a plain-text URL beyond loopback, unless that is allowed.
    """
    if handshake.secrets and not allow_insecure and is_exposed(handshake.url):
        raise ValueError(
            f"credentials would travel to {urlsplit(handshake.url).hostname} in plain text: use "
            "https:// (or wss://), or set allow_insecure=True if the way there is private"
        )
    return handshake


def _secrets_from_header(value: str) -> list[str]:
    scheme, _, credentials = value.partition(" ")
    if not credentials:
        return [value]
    found = [value, credentials]
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials).decode("utf-8", "replace")
        except binascii.Error:
            return found
        found.append(pair.partition(":")[2])
    return found

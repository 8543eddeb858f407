"""OpenAI, and servers that speak its protocol at a URL of their own.

This module does not know which models exist.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal, final

from trio_realtime._endpoint._handshake import (
    BETA_HEADER,
    BETA_SUBPROTOCOL,
    KEY_SUBPROTOCOL,
    PATHS,
    Handshake,
    Target,
    checked_exposure,
)
from trio_realtime._endpoint._headers import (
    USER_AGENT,
    Credential,
    checked_source,
    checked_value,
    headers_from,
    secret_from_credential,
)
from trio_realtime._endpoint._urls import (
    TARGET_QUERY,
    base_from_url,
    checked_query,
    query_from_base,
)
from trio_realtime._redaction import REDACTED, redact_url
from trio_realtime.events import Dialect

# Keys of this kind end after minutes, and are made to be handed to browsers.
_EPHEMERAL: Final = "ek_"


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class OpenAIEndpoint:
    """OpenAI's Realtime API, or any server that is compatible with it.

    ::

        OpenAIEndpoint(os.environ["OPENAI_API_KEY"])
        OpenAIEndpoint(fetch_ephemeral_key)  # sync or async; asked on every connection attempt
        OpenAIEndpoint("unused", base_url="http://localhost:8000/v1")

    A server that wants another path, query or header than OpenAI's gets it, as Azure's Voice Live
    does, which speaks the beta dialect::

        OpenAIEndpoint(
            get_entra_token,
            base_url="https://my-resource.services.ai.azure.com/voice-live",
            extra_query={"api-version": "2025-10-01"},
        )

    or, with a key, `extra_headers={"api-key": key, "Authorization": None}`.

    With `dialect="beta"` it also sends `OpenAI-Beta: realtime=v1`, or as a subprotocol
    `openai-beta.realtime-v1`; otherwise it never does, for OpenAI's server refuses who does.

    It can be shared by any number of connections and tasks. Its `repr` shows no key, and neither
    does an error: a bad argument is a `ValueError` or `TypeError` here, at once.
    """

    api_key: Credential
    """An API key or an ephemeral `ek_…` key, or a function that returns one."""

    _: dataclasses.KW_ONLY

    organization: str | None = None
    """Sent as `OpenAI-Organization`."""

    project: str | None = None
    """Sent as `OpenAI-Project`."""

    base_url: str = "https://api.openai.com/v1"
    """What `/realtime` or `/realtime/translations` is appended to. Its query is kept. `http:` means
    a plain-text connection, which is refused beyond loopback unless `allow_insecure` is set."""

    safety_identifier: str | None = None
    """Sent as `OpenAI-Safety-Identifier`: a stable id of your end user, hashed by you."""

    auth: Literal["header", "subprotocol"] = "header"
    """How the key travels: as `Authorization`, or, for relays that pass no headers on, as a
    WebSocket subprotocol (with organization and project). Proxies and servers write subprotocols
    to their logs: only `ek_…` keys may go there."""

    dangerously_allow_api_key_in_subprotocol: bool = False
    """Let other keys travel as a subprotocol too."""

    extra_headers: Mapping[str, str | None] | None = dataclasses.field(default=None, hash=False)
    """Your headers. They win over ours of the same name, in any case; None removes."""

    extra_query: Mapping[str, str | None] | None = dataclasses.field(default=None, hash=False)
    """Your query parameters. They replace the base's of the same name; None removes."""

    allow_insecure: bool = False
    """Let credentials travel in plain text to hosts that are not loopback."""

    def __post_init__(self) -> None:
        checked_source(self.api_key, "api_key")
        for name in ("organization", "project", "safety_identifier"):
            value: object = getattr(self, name)
            if value is not None:
                checked_value(value, name)
        if self.auth not in {"header", "subprotocol"}:
            raise ValueError(f"auth must be 'header' or 'subprotocol', not {self.auth!r}")
        checked_query(self.extra_query)
        # Copies: what is frozen does not change when your dictionary does.
        object.__setattr__(self, "extra_headers", dict(self.extra_headers or {}))
        object.__setattr__(self, "extra_query", dict(self.extra_query or {}))
        # With a key of the shape that passes everywhere when the real one is not known yet.
        key = self.api_key if isinstance(self.api_key, str) else f"{_EPHEMERAL}placeholder"
        self._handshake(Target(model="placeholder"), key)

    async def handshake(self, target: Target) -> Handshake:
        """Ask for the key, and say what to send.

        This awaits nothing but your `api_key` function, if that is async; with a plain key it is
        no checkpoint. If it is cancelled nothing has happened.

        Raises:
            TypeError: if your function returned no `str`.
            ValueError: if the key is empty, cannot be sent, or must not travel as a subprotocol.
        """
        return self._handshake(target, await secret_from_credential(self.api_key, "api_key"))

    def _handshake(self, target: Target, key: str) -> Handshake:
        return checked_exposure(
            Handshake(
                url=url_from_target(self.base_url, target, self.extra_query),
                headers=headers_from_credentials(self, key, target.dialect),
                subprotocols=subprotocols_from_credentials(self, key, target.dialect),
            ),
            allow_insecure=self.allow_insecure,
        )

    def __repr__(self) -> str:
        return (
            f"OpenAIEndpoint({REDACTED}, base_url={redact_url(self.base_url)!r}, "
            f"organization={self.organization!r}, project={self.project!r}, auth={self.auth!r})"
        )


def url_from_target(
    base_url: str, target: Target, extra_query: Mapping[str, str | None] | None = None
) -> str:
    """The URL of a target: the base and the dialect's path, and what to connect to in the query."""
    base = base_from_url(base_url, "base_url")
    query = query_from_base(base.query, extra_query, target.query, TARGET_QUERY)
    return base.joined(PATHS[target.dialect], query)


def headers_from_credentials(
    endpoint: OpenAIEndpoint, key: str, dialect: Dialect
) -> tuple[tuple[str, str], ...]:
    """The headers of the upgrade: who we are, who you are, and yours."""
    named = {"OpenAI-Safety-Identifier": endpoint.safety_identifier}
    if endpoint.auth == "header":
        named = {
            "Authorization": f"Bearer {key}",
            "OpenAI-Organization": endpoint.organization,
            "OpenAI-Project": endpoint.project,
            **named,
        }
    ours = [(name, value) for name, value in named.items() if value]
    if dialect == "beta" and endpoint.auth == "header":
        ours.append(BETA_HEADER)
    return headers_from((USER_AGENT, *ours), endpoint.extra_headers)


def subprotocols_from_credentials(
    endpoint: OpenAIEndpoint, key: str, dialect: Dialect
) -> tuple[str, ...]:
    """The subprotocols to offer: none, or the credentials in the place of headers."""
    if endpoint.auth == "header":
        return ()
    if not key.startswith(_EPHEMERAL) and not endpoint.dangerously_allow_api_key_in_subprotocol:
        raise ValueError(
            "auth='subprotocol' is for ephemeral keys (ek_…), and this is another one: proxies "
            "and servers write subprotocols to their logs. Make an ephemeral key, or set "
            "dangerously_allow_api_key_in_subprotocol=True"
        )
    offered = ["realtime", KEY_SUBPROTOCOL + key]
    if endpoint.organization:
        offered.append(f"openai-organization.{endpoint.organization}")
    if endpoint.project:
        offered.append(f"openai-project.{endpoint.project}")
    if dialect == "beta":
        offered.append(BETA_SUBPROTOCOL)
    return tuple(offered)

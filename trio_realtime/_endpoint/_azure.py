"""Azure OpenAI, at its GA path and at the one of its preview versions.

This module does not know Entra ID: a token, or a function that gets one, is an argument.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final, final

from trio_realtime._endpoint._handshake import (
    BETA_HEADER,
    PATHS,
    Handshake,
    Target,
    checked_exposure,
)
from trio_realtime._endpoint._headers import (
    USER_AGENT,
    Credential,
    checked_source,
    headers_from,
    secret_from_credential,
)
from trio_realtime._endpoint._urls import (
    TARGET_QUERY,
    base_from_url,
    checked_query,
    checked_text,
    query_from_base,
)
from trio_realtime._redaction import REDACTED, is_credential, redact_url
from trio_realtime.events import Dialect

# What the portal, the documentation and the SDKs append to the resource's address.
_SUFFIX: Final = re.compile(r"(?:/openai(?:/v1)?(?:/realtime)?)?/*$", re.IGNORECASE)
_DEPLOYMENTS: Final = re.compile(r"/openai/deployments(?:/|$)", re.IGNORECASE)

# They belong to the preview path, whose address people paste.
_PREVIEW_QUERY: Final = frozenset({"api-version", "deployment"})


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class AzureEndpoint:
    """Azure OpenAI, at its GA path `/openai/v1/realtime` or the preview path `/openai/realtime`.

    ::

        AzureEndpoint("https://my-resource.openai.azure.com", api_key=key)
        AzureEndpoint("https://my-resource.openai.azure.com", token=get_entra_token)

    A preview version speaks the beta dialect, and nothing else does here::

        endpoint = AzureEndpoint(
            "https://my-resource.openai.azure.com", api_key=key, api_version="2025-04-01-preview"
        )
        async with open_realtime("my-deployment", endpoint=endpoint, dialect="beta") as conn:
            ...

    The model you open is the name of your deployment. It can be shared by any number of
    connections and tasks. Its `repr` shows no key.
    """

    endpoint: str
    """The resource's address, with or without a slash, `/openai`, `/openai/v1`, `/openai/realtime`
    or `/openai/v1/realtime` at its end."""

    _: dataclasses.KW_ONLY

    api_key: Credential | None = None
    """The resource's key, or a function that returns it; sent as `api-key`."""

    token: Credential | None = None
    """An Entra ID token, or a function, sync or async, that gets one: asked on every connection
    attempt. Sent as `Authorization: Bearer`."""

    deployment: str | None = None
    """The deployment to connect to, so that `open_realtime` needs no model."""

    api_version: str | None = None
    """A preview version, such as `"2025-04-01-preview"`, for the preview path, which speaks the
    beta dialect. None is the GA path, which has no version."""

    extra_headers: Mapping[str, str | None] | None = dataclasses.field(default=None, hash=False)
    """Your headers. They win over ours of the same name, in any case; None removes."""

    extra_query: Mapping[str, str | None] | None = dataclasses.field(default=None, hash=False)
    """Your query parameters. They replace the endpoint's of the same name; None removes."""

    allow_insecure: bool = False
    """Let credentials travel in plain text to hosts that are not loopback."""

    def __post_init__(self) -> None:
        for name, credential in (("api_key", self.api_key), ("token", self.token)):
            if credential is not None:
                checked_source(credential, name)
        placeholder = None if self.api_key is None and self.token is None else "placeholder"
        if self.api_key is not None and self.token is not None:
            raise ValueError("give api_key or token, not both")
        if placeholder is None and not any(map(is_credential, self.extra_headers or ())):
            raise ValueError("give api_key or token, or a header of your own that authenticates")
        if self.api_version is not None and not checked_text(self.api_version, "api_version"):
            raise ValueError("api_version is empty; None is the GA path")
        checked_query(self.extra_query)
        # Copies: what is frozen does not change when your dictionary does.
        object.__setattr__(self, "extra_headers", dict(self.extra_headers or {}))
        object.__setattr__(self, "extra_query", dict(self.extra_query or {}))
        model = "placeholder" if self.deployment is None else self.deployment
        dialect: Dialect = "ga" if self.api_version is None else "beta"
        self._handshake(Target(model=model, dialect=dialect), placeholder)

    async def handshake(self, target: Target) -> Handshake:
        """Ask for the key or token, and say what to send.

        This awaits nothing but your function, if that is async; with a plain key it is no
        checkpoint. If it is cancelled nothing has happened.

        Raises:
            TypeError: if your function returned no `str`.
            ValueError: if the key or token is empty or cannot be sent, if the target is not the
                deployment that was given here, or if its dialect is not the one of the path.
        """
        secret = None
        if self.api_key is not None:
            secret = await secret_from_credential(self.api_key, "api_key")
        elif self.token is not None:
            secret = await secret_from_credential(self.token, "token")
        return self._handshake(target, secret)

    def _handshake(self, target: Target, secret: str | None) -> Handshake:
        if target.dialect == "translation":
            raise ValueError("Azure has no translation sessions: open them with an OpenAIEndpoint")
        if self.deployment is not None and target.model != self.deployment:
            raise ValueError(
                f"this AzureEndpoint has deployment={self.deployment!r}, which counts as the "
                "model: give no other model, call_id or intent with it"
            )
        ours: tuple[tuple[str, str], ...] = (USER_AGENT,)
        if target.dialect == "beta":
            ours += (BETA_HEADER,)
        if secret is not None:
            by_key = self.api_key is not None
            ours += (("api-key", secret) if by_key else ("Authorization", f"Bearer {secret}"),)
        return checked_exposure(
            Handshake(
                url=url_from_target(
                    self.endpoint, target, self.extra_query, api_version=self.api_version
                ),
                headers=headers_from(ours, self.extra_headers),
            ),
            allow_insecure=self.allow_insecure,
        )

    def __repr__(self) -> str:
        version = "" if self.api_version is None else f"api_version={self.api_version!r}, "
        return (
            f"AzureEndpoint({redact_url(self.endpoint)!r}, deployment={self.deployment!r}, "
            f"{version}{'token' if self.api_key is None else 'api_key'}={REDACTED})"
        )


def url_from_target(
    endpoint: str,
    target: Target,
    extra_query: Mapping[str, str | None] | None = None,
    *,
    api_version: str | None = None,
) -> str:
    """The URL of a target, from any spelling of the resource's address.

    Raises:
        ValueError: for an address that names a deployment, and for a target that the path of the
            version does not have.
    """
    base = base_from_url(endpoint, "endpoint")
    path = re.sub("/{2,}", "/", base.path)
    if _DEPLOYMENTS.search(path):
        raise ValueError(
            "endpoint names a deployment in its path: give the resource's address, and "
            "deployment= beside it"
        )
    own = target.query
    below = "/openai/v1"
    if api_version is not None:
        own = _preview_query(target, api_version, extra_query or {})
        below = "/openai"
    elif target.dialect == "beta":
        raise ValueError(
            "Azure's GA path does not speak the beta dialect: leave dialect= out, or give "
            "AzureEndpoint the api_version= of a preview"
        )
    query = query_from_base(base.query, extra_query, own, TARGET_QUERY | _PREVIEW_QUERY)
    resource = dataclasses.replace(base, path=_SUFFIX.sub("", path))
    return resource.joined(below + PATHS[target.dialect], query)


def _preview_query(
    target: Target, api_version: str, extra_query: Mapping[str, str | None]
) -> dict[str, str]:
    """What the preview path wants to know: there the model is called what it is, a deployment."""
    if target.dialect != "beta":
        raise ValueError(
            f'Azure\'s api_version={api_version!r} speaks the beta dialect: give dialect="beta", '
            "or leave api_version out for the GA path"
        )
    if target.call_id is not None:
        raise ValueError(
            "Azure's preview path cannot attach to a call: leave api_version out for the GA path"
        )
    names = {"model": "deployment"}
    own = {names.get(name, name): value for name, value in target.query.items()}
    own = {"api-version": api_version, **own}
    if clash := ", ".join(sorted(own.keys() & extra_query.keys())):
        raise ValueError(f"extra_query must not hold {clash}: that is an argument of its own")
    return own

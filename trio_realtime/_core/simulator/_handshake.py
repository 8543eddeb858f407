"""What a client asked for with its WebSocket upgrade.

This module does not know how HTTP travels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final
from urllib.parse import parse_qsl

from trio_realtime._core.simulator._errors import (
    RefusedError,
    azure_bad_key,
    azure_no_deployment,
    azure_no_version,
    bad_key,
    bad_model,
    beta_switched_off,
    no_model,
)

if TYPE_CHECKING:
    from trio_realtime._core.simulator._beta import Flavour
    from trio_realtime._core.simulator._manner import BetaManner
    from trio_realtime._core.simulator._secrets import Secret

_KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."

_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"
_BETA_HEADER: Final = "realtime=v1"

Service: TypeAlias = Literal["openai", "azure", "azure-preview", "voice-live"]
"""Whose server a path belongs to."""

_SERVICES: Final[Mapping[str, Service]] = {
    "/openai/v1/realtime": "azure",
    "/openai/realtime": "azure-preview",
    "/voice-live/realtime": "voice-live",
}

CLOSE_AUTHENTICATION: Final = 3000
CLOSE_BAD_REQUEST: Final = 4000


@final
@dataclass(frozen=True, slots=True)
class ClientHandshake:
    """The upgrade request of one session."""

    path: str
    """Where to, without the query."""

    query_string: str = ""
    """What follows the `?`, as it was sent."""

    headers: tuple[tuple[str, str], ...] = ()
    """The request's headers in order. They hold the client's key."""

    subprotocols: tuple[str, ...] = ()
    """The subprotocols that the client offered. They may hold its key."""

    def __repr__(self) -> str:
        return f"ClientHandshake(path={self.path!r}, query={self.query!r})"

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of several with one name the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in any case; None where it is absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def api_key(self) -> str | None:
        """The key or token that the client showed, in whichever way."""
        scheme, _, token = (self.header("authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return token.strip()
        offered = (
            each.removeprefix(_KEY_SUBPROTOCOL)
            for each in self.subprotocols
            if each.startswith(_KEY_SUBPROTOCOL)
        )
        return self.header("api-key") or next(offered, None)

    @property
    def organization(self) -> str | None:
        """The organization that the client named, by header or subprotocol."""
        return self._named("organization")

    @property
    def project(self) -> str | None:
        """The project that the client named, by header or subprotocol."""
        return self._named("project")

    def _named(self, what: str) -> str | None:
        prefix = f"openai-{what}."
        offered = (each for each in self.subprotocols if each.startswith(prefix))
        return self.header(f"openai-{what}") or next(offered, "").removeprefix(prefix) or None

    @property
    def service(self) -> Service:
        """Whose server the path belongs to: Azure's paths have names of their own."""
        path = self.path.rstrip("/").removesuffix("/translations")
        for end, service in _SERVICES.items():
            if path.endswith(end):
                return service
        return "openai"

    @property
    def asks_for_beta(self) -> bool:
        """Whether the client asks for the beta dialect, by header or subprotocol."""
        asked = (self.header("openai-beta") or "").replace(" ", "").split(",")
        return _BETA_HEADER in asked or _BETA_SUBPROTOCOL in self.subprotocols

    @property
    def beta(self) -> Flavour | None:
        """Whose beta dialect the client speaks, or wants to; None for GA.

        Azure's preview path and Voice Live's speak nothing else; its GA path does not speak it,
        whatever is asked: the latter is our choice.
        """
        if self.service == "voice-live":
            return "voice-live"
        asked = self.service == "openai" and self.asks_for_beta
        return "openai" if asked or self.service == "azure-preview" else None

    @property
    def is_realtime(self) -> bool:
        """Whether the path is one of the Realtime API's, under whatever prefix."""
        return self.is_translation or self.path.rstrip("/").endswith("/realtime")

    @property
    def is_translation(self) -> bool:
        """Whether the path is that of translations, which speak a dialect of their own."""
        return self.path.rstrip("/").endswith("/realtime/translations")

    @property
    def is_sideband(self) -> bool:
        """Whether the client attaches to a call, whose session was created elsewhere."""
        return bool(self.query.get("call_id"))

    @property
    def kind(self) -> str:
        """The type of session: `realtime`, `transcription` or `translation`."""
        if self.is_translation:
            return "translation"
        return "transcription" if self.query.get("intent") == "transcription" else "realtime"

    @property
    def model(self) -> str:
        """The model asked for; empty where none was."""
        query = self.query
        return query.get("model") or query.get("deployment") or ""

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol the server chooses: never one that holds a key."""
        return "realtime" if "realtime" in self.subprotocols else None

    def refusal(
        self,
        api_key: str | None,
        secret: Secret | None = None,
        now: float = 0.0,
        *,
        models: Collection[str] | None = None,
        beta: BetaManner = "refuse",
    ) -> tuple[RefusedError, int] | None:
        """Why the session is refused after the upgrade, and the close code; None if it is not.

        Args:
            api_key: The key that is let in; None lets in any.
            secret: The ephemeral key that the client showed, if it is one of the server's.
            now: The time by which that may have expired.
            models: The only models there are; None where any will do.
            beta: What becomes of who asks OpenAI's path for the beta dialect.
        """
        if not self._is_let_in(api_key, secret, now):
            return bad_key(self.api_key), CLOSE_AUTHENTICATION
        if beta == "refuse" and self.asks_for_beta and self.service == "openai":
            return beta_switched_off(), CLOSE_BAD_REQUEST
        known = self.model or self.is_sideband or secret is not None
        if self.kind != "transcription" and not known:
            return no_model(), CLOSE_BAD_REQUEST
        if models is not None and self.model and self.model not in models:
            # Recorded on another API behind the same gateway; the close code is our choice.
            return bad_model(self.model), CLOSE_BAD_REQUEST
        return None

    def _is_let_in(self, api_key: str | None, secret: Secret | None, now: float) -> bool:
        return api_key in (None, self.api_key) if secret is None else now < secret.due

    def rejection(
        self,
        api_key: str | None,
        secret: Secret | None = None,
        now: float = 0.0,
        *,
        models: Collection[str] | None = None,
    ) -> tuple[int, RefusedError] | None:
        """Why Azure refuses the upgrade, and the HTTP status; None if it does not.

        The arguments are those of `refusal`.
        """
        service = self.service
        if service == "openai":
            return None
        if not self._is_let_in(api_key, secret, now):
            return 401, azure_bad_key()
        if service != "azure" and not self.query.get("api-version"):
            return 404, azure_no_version()
        nameless = service == "azure-preview" and not self.model and self.kind == "realtime"
        unknown = models is not None and self.model and self.model not in models
        return (400, azure_no_deployment()) if nameless or unknown else None

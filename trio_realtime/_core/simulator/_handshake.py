"""What a client asked for with its WebSocket upgrade.

This module does not know how HTTP travels.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final
from urllib.parse import parse_qsl

from trio_realtime._core.simulator._errors import (
    RefusedError,
    bad_key,
    bad_model,
    beta_switched_off,
    no_model,
)

if TYPE_CHECKING:
    from trio_realtime._core.simulator._secrets import Secret

_KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."

_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"

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
    ) -> tuple[RefusedError, int] | None:
        """Why the session is refused after the upgrade, and the close code; None if it is not.

        Args:
            api_key: The key that is let in; None lets in any.
            secret: The ephemeral key that the client showed, if it is one of the server's.
            now: The time by which that may have expired.
            models: The only models there are; None where any will do.
        """
        good = api_key in (None, self.api_key) if secret is None else now < secret.due
        if not good:
            return bad_key(self.api_key), CLOSE_AUTHENTICATION
        if self.header("openai-beta") == "realtime=v1" or _BETA_SUBPROTOCOL in self.subprotocols:
            return beta_switched_off(), CLOSE_BAD_REQUEST
        known = self.model or self.is_sideband or secret is not None
        if self.kind != "transcription" and not known:
            return no_model(), CLOSE_BAD_REQUEST
        if models is not None and self.model and self.model not in models:
            # Recorded on another API behind the same gateway; the close code is our choice.
            return bad_model(self.model), CLOSE_BAD_REQUEST
        return None

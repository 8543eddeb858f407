"""`rest.client_secrets` and `rest.translations`: ephemeral keys."""

from __future__ import annotations

from typing import final

from trio_realtime.rest._models import (
    ClientSecret,
    ExpiresAfter,
    JsonObject,
    TranslationClientSecret,
    TranslationSessionConfig,
    expiry,
    json_body,
    result,
    session_fields,
)
from trio_realtime.rest._requests import Question, Requests
from trio_realtime.rest._urls import target_from_endpoint
from trio_realtime.types import RealtimeSessionConfig, TranscriptionSessionConfig


@final
class ClientSecretsResource:
    """Ephemeral keys, for those who must not have yours."""

    def __init__(self, requests: Requests) -> None:
        self._requests: Requests = requests

    async def create(
        self,
        session: RealtimeSessionConfig | TranscriptionSessionConfig | JsonObject | None = None,
        *,
        expires_after: ExpiresAfter | JsonObject | int | None = None,
    ) -> ClientSecret:
        """Make an ephemeral key.

        ::

            secret = await rest.client_secrets.create(
                {"model": "gpt-realtime-2.1", "instructions": "Be brief."}, expires_after=60
            )
            send_to_the_browser(secret.value)

        If this is cancelled, a key may have been made, which nobody knows and which expires.

        Args:
            session: What the key's sessions begin with. `"type": "realtime"` is added to a mapping
                that has none.
            expires_after: How long it is good for, in seconds (10 to 7200; the server's default
                is 600), or in the shape of the wire.

        Raises:
            AuthenticationError: if your own key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; `.param` names the field.
        """
        requests = self._requests
        fields = None if session is None else session_fields(session, "realtime")
        received = await requests.ask(
            Question(
                path="client_secrets",
                target=target_from_endpoint(requests.endpoint),
                body=json_body(session=fields, expires_after=expiry(expires_after)),
                repeatable=True,
            )
        )
        return result(ClientSecret, received)


@final
class TranslationClientSecretsResource:
    """Ephemeral keys for translation."""

    def __init__(self, requests: Requests) -> None:
        self._requests: Requests = requests

    async def create(
        self,
        session: TranslationSessionConfig | JsonObject,
        *,
        expires_after: ExpiresAfter | JsonObject | int | None = None,
    ) -> TranslationClientSecret:
        """Make an ephemeral key that opens sessions of translation.

        ::

            secret = await rest.translations.client_secrets.create(
                {"model": "gpt-realtime-translate", "audio": {"output": {"language": "es"}}}
            )

        If this is cancelled, a key may have been made, which nobody knows and which expires.

        Args:
            session: What the key's sessions begin with; the model is required.
            expires_after: As for `rest.client_secrets.create`.

        Raises:
            AuthenticationError: if your own key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; `.param` names the field.
        """
        requests = self._requests
        fields = session_fields(session, None)
        received = await requests.ask(
            Question(
                path="translations/client_secrets",
                target=target_from_endpoint(requests.endpoint, dialect="translation"),
                body=json_body(session=fields, expires_after=expiry(expires_after)),
                repeatable=True,
            )
        )
        return result(TranslationClientSecret, received)


@final
class TranslationsResource:
    """What there is for translation."""

    client_secrets: TranslationClientSecretsResource
    """Ephemeral keys."""

    def __init__(self, requests: Requests) -> None:
        self.client_secrets = TranslationClientSecretsResource(requests)

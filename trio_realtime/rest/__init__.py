"""The HTTP side of the API, on Trio: ephemeral keys, calls, and the sessions of the beta.

::

    from trio_realtime.rest import RestClient

    async with RestClient() as rest:
        secret = await rest.client_secrets.create({"model": "gpt-realtime-2.1"}, expires_after=60)

It needs the extra `trio-realtime[rest]`.
"""

from trio_realtime.rest._beta import (
    BetaResource,
    BetaSessionsResource,
    BetaTranscriptionSessionsResource,
)
from trio_realtime.rest._calls import CallsResource
from trio_realtime.rest._client import RestClient
from trio_realtime.rest._client_secrets import (
    ClientSecretsResource,
    TranslationClientSecretsResource,
    TranslationsResource,
)
from trio_realtime.rest._models import (
    Call,
    ClientSecret,
    ExpiresAfter,
    TranslationClientSecret,
    TranslationSessionConfig,
)

__all__ = [
    "BetaResource",
    "BetaSessionsResource",
    "BetaTranscriptionSessionsResource",
    "Call",
    "CallsResource",
    "ClientSecret",
    "ClientSecretsResource",
    "ExpiresAfter",
    "RestClient",
    "TranslationClientSecret",
    "TranslationClientSecretsResource",
    "TranslationSessionConfig",
    "TranslationsResource",
]

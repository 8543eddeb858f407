"""`RestClient`: where a program gets at everything that is asked over HTTP.

It knows what there is. How it is asked is in `_requests`.
"""

from __future__ import annotations

import os
import ssl
from types import TracebackType
from typing import Self, final

import trio

from trio_realtime._endpoint import Endpoint, StreamFactory, endpoint_from_environment
from trio_realtime._options import DEFAULT_OPTIONS, Options
from trio_realtime.rest._beta import BetaResource
from trio_realtime.rest._calls import CallsResource
from trio_realtime.rest._client_secrets import ClientSecretsResource, TranslationsResource
from trio_realtime.rest._requests import Network, Requests


@final
class RestClient:
    """The Realtime API's HTTP side: ephemeral keys, calls, sessions of the beta.

    ::

        async with RestClient() as rest:
            secret = await rest.client_secrets.create({"model": "gpt-realtime-2.1"})

    It takes the same endpoints as `open_realtime`, and asks them for the key on every request. Any
    number of tasks may use it at the same time. Each request has a connection of its own, and
    nothing is kept open in between; after the block requests are a `RuntimeError`.

    Where to ask is derived from the URL that an endpoint gives for its WebSocket, whose path must
    end in `/realtime`; one of your own is asked about the model `"none"` where no call is meant.

    A request has no deadline but that of connecting (`Options.connect_timeout`): use cancel
    scopes. Redirects are never followed.

    **Retries.** What could not be sent, and what is answered with 408, 429 or 503, is asked again
    up to `max_retries` times: the server has not acted. After another 5xx, or when the connection
    is lost before the answer, nobody knows whether it has. Then `calls.create` and `calls.refer`
    are not asked again, for there could be a second call; the others are. `RestError.uncertain`
    tells. The wait is what the server asks for (`Retry-After`, `retry-after-ms`), and if that is
    more than 60 s the error is raised at once; else about 0.5 s, doubled each time up to 8 s.
    """

    client_secrets: ClientSecretsResource
    """Ephemeral keys."""

    translations: TranslationsResource
    """Ephemeral keys for translation."""

    calls: CallsResource
    """Calls over WebRTC and SIP."""

    beta: BetaResource
    """Sessions of the beta."""

    def __init__(
        self,
        endpoint: Endpoint | None = None,
        *,
        max_retries: int = 2,
        options: Options = DEFAULT_OPTIONS,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        unix_socket: str | os.PathLike[str] | None = None,
        stream_factory: StreamFactory | None = None,
    ) -> None:
        """Prepare a client; nothing is opened.

        Args:
            endpoint: Where to, and as whom. By default OpenAI, from `OPENAI_API_KEY`,
                `OPENAI_BASE_URL`, `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID`.
            max_retries: How often a request is asked again.
            options: `connect_timeout` is for each connection, `max_message_bytes` for an answer.
            ssl_context: For `https:`; by default `ssl.create_default_context()`, which honours
                `SSL_CERT_FILE`.
            proxy: The URL of a proxy, as for `open_realtime`.
            trust_env: Whether proxies named by the environment are used.
            unix_socket: The path of a Unix socket to connect to instead of the URL's host.
            stream_factory: Opens the byte stream in place of TCP; TLS is put on top for `https:`.
        """
        if max_retries < 0:
            raise ValueError(f"max_retries must be 0 or more; it is {max_retries!r}")
        network = Network(
            ssl_context=ssl_context,
            proxy=proxy,
            trust_env=trust_env,
            unix_socket=unix_socket,
            stream_factory=stream_factory,
        )
        if endpoint is None:
            endpoint = endpoint_from_environment(os.environ)
        if not hasattr(endpoint, "handshake"):
            # It may be a key, which is not shown.
            raise TypeError(
                "endpoint must be an endpoint, such as OpenAIEndpoint(key), "
                f"not {type(endpoint).__name__}"
            )
        self._requests = Requests(endpoint, network, options=options, max_retries=max_retries)
        self.client_secrets = ClientSecretsResource(self._requests)
        self.translations = TranslationsResource(self._requests)
        self.calls = CallsResource(self._requests)
        self.beta = BetaResource(self._requests)

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._requests.closed = True

    def __repr__(self) -> str:
        return f"RestClient({self._requests.endpoint!r})"

"""Asking until there is an answer: credentials, connections, retries, errors.

It does not know what is asked for, nor what an answer holds.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import ssl
import time
from collections.abc import Collection
from typing import Final, final
from urllib.parse import unquote, urlsplit

import trio

from trio_realtime._connection._ids import new_fraction
from trio_realtime._core._retrying import delay_before, is_uncertain, may_ask_again
from trio_realtime._endpoint import Endpoint, StreamFactory, Target
from trio_realtime._options import Options
from trio_realtime._redaction import redact_url
from trio_realtime._transport import open_stream
from trio_realtime._transport._answer import (
    REQUEST_IDS,
    error_from_body,
    retry_after_from_headers,
)
from trio_realtime.errors import AuthenticationError, ConnectError, ConnectTimeoutError, RestError
from trio_realtime.rest._exchange import Answer, Body, ExchangeError, exchange, request_from
from trio_realtime.rest._urls import headers_from_handshake, url_from_handshake

LOGGER: Final = logging.getLogger("trio_realtime")


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. All of it is POSTed."""

    path: str
    """Below `/realtime/`, escaped."""

    target: Target
    """What the endpoint is asked about."""

    body: Body
    accept: str = "application/json"

    repeatable: bool
    """Whether it does no harm when it is done twice."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Network:
    """How the server is reached; as for `open_realtime`."""

    ssl_context: ssl.SSLContext | None
    proxy: str | None
    trust_env: bool
    unix_socket: str | os.PathLike[str] | None
    stream_factory: StreamFactory | None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown of it."""
        password = None if self.proxy is None else urlsplit(self.proxy).password
        return () if not password else (password, unquote(password))


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Received:
    """An answer that is a success, and what an error about it must know."""

    answer: Answer
    url: str
    secrets: Collection[str]

    def unreadable(self, why: str) -> RestError:
        """Make the error of an answer that is not what was asked for."""
        return RestError(
            f"the server's answer cannot be used: {why}",
            status_code=self.answer.status,
            request_id=_request_id(self.answer),
            uncertain=True,
            url=self.url,
            secrets=self.secrets,
        )


@final
class Requests:
    """Asks one endpoint. Each request has a connection of its own.

    So what fails while connecting has certainly not reached the server.
    """

    def __init__(
        self, endpoint: Endpoint, network: Network, *, options: Options, max_retries: int
    ) -> None:
        self.endpoint: Endpoint = endpoint
        self.closed: bool = False
        self._network = network
        self._ssl_context: ssl.SSLContext | None = network.ssl_context
        self._options = options
        self._max_retries = max_retries

    async def ask(self, question: Question) -> Received:
        """Ask, again if need be, until there is a success.

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses, or no answer comes.
        """
        if self.closed:
            raise RuntimeError("the RestClient is closed: its block has been left")
        retry = 0
        uncertain = False
        while True:
            await trio.lowlevel.checkpoint()
            try:
                return await self._attempt(question)
            except (ConnectError, RestError) as error:
                delay = self._delay(error, question, retry)
                if delay is None:
                    if uncertain:
                        raise _in_doubt(error) from error.__cause__
                    raise
                uncertain |= isinstance(error, RestError) and error.uncertain
                LOGGER.warning("asking again in %.1f s: %s", delay, error)
            retry += 1
            await trio.sleep(delay)

    def _delay(
        self, error: ConnectError | RestError, question: Question, retry: int
    ) -> float | None:
        if retry >= self._max_retries:
            return None
        retry_after: float | None = None
        if isinstance(error, RestError):
            if not may_ask_again(error.status_code, repeatable=question.repeatable):
                return None
            retry_after = error.retry_after
        elif isinstance(error, AuthenticationError) or isinstance(
            error.__cause__, ssl.SSLCertVerificationError
        ):
            return None
        return delay_before(retry, retry_after=retry_after, fraction=new_fraction())

    async def _attempt(self, question: Question) -> Received:
        handshake = await self.endpoint.handshake(question.target)
        url = url_from_handshake(handshake.url, question.path)
        secrets = (*handshake.secrets, *self._network.secrets)
        headers = headers_from_handshake(handshake, question.accept)
        request = request_from(url, headers, question.body)
        stream = await self._connect(url, handshake.stream_factory, secrets)
        try:
            answer = await exchange(stream, request, max_bytes=self._options.max_message_bytes)
        except ExchangeError as error:
            raise RestError(str(error), uncertain=True, url=url, secrets=secrets) from error
        if not 200 <= answer.status < 300:
            raise _error_from_answer(answer, url, secrets)
        return Received(answer, url, secrets)

    async def _connect(
        self, url: str, stream_factory: StreamFactory | None, secrets: Collection[str]
    ) -> trio.abc.Stream:
        network = self._network
        stages = ["tcp"]
        if url.startswith("https:") and self._ssl_context is None:
            # Reading the authorities of the system takes long: not for every request.
            self._ssl_context = ssl.create_default_context()
        with trio.move_on_after(self._options.connect_timeout):
            return await open_stream(
                url,
                ssl_context=self._ssl_context,
                proxy=network.proxy,
                trust_env=network.trust_env,
                unix_socket=network.unix_socket,
                stream_factory=network.stream_factory or stream_factory,
                on_stage=stages.append,
            )
        raise ConnectTimeoutError(
            stage=stages[-1],
            seconds=self._options.connect_timeout,
            url=redact_url(url),
            secrets=secrets,
        )


def _in_doubt(error: ConnectError | RestError) -> ConnectError | RestError:
    """The error of a request of which an earlier attempt may have been acted upon."""
    if isinstance(error, AuthenticationError) or (isinstance(error, RestError) and error.uncertain):
        return error
    before = "an earlier attempt was left without an answer, and then:"
    if isinstance(error, ConnectError):
        return RestError(f"{before} {error.message}", uncertain=True, url=error.url)
    return RestError(
        f"{before} {error.message}",
        status_code=error.status_code,
        type=error.type,
        code=error.code,
        param=error.param,
        request_id=error.request_id,
        retry_after=error.retry_after,
        uncertain=True,
        url=error.url,
    )


def _request_id(answer: Answer) -> str | None:
    return next((answer.headers[name] for name in REQUEST_IDS if name in answer.headers), None)


def _error_from_answer(
    answer: Answer, url: str, secrets: Collection[str]
) -> RestError | AuthenticationError:
    said = error_from_body(answer.body.decode("utf-8", "replace"))
    message = said.get("message") or "no reason given"
    if 300 <= answer.status < 400:
        message = "it redirects elsewhere, which is never followed: it would be given your key"
    if answer.status in {401, 403}:
        return AuthenticationError(
            f"the server refused the key with HTTP {answer.status}: {message.rstrip('.')}",
            code=said.get("code") or said.get("type"),
            status_code=answer.status,
            request_id=_request_id(answer),
            url=url,
            secrets=secrets,
        )
    return RestError(
        message,
        status_code=answer.status,
        type=said.get("type"),
        code=said.get("code"),
        param=said.get("param"),
        request_id=_request_id(answer),
        retry_after=retry_after_from_headers(answer.headers, time.time()),
        uncertain=is_uncertain(answer.status),
        url=url,
        secrets=secrets,
    )

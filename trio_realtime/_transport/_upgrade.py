"""What every upgrade to a WebSocket has: where it goes, and the answer that we read ourselves.

No library reads the answer well, so a library sees nothing but a 101. This module knows none of
them.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import final
from urllib.parse import urlsplit

from trio_realtime._transport._answer import (
    AnswerError,
    read_answer,
    read_refusal,
    rejection_from_answer,
)
from trio_realtime._transport._streams import DEFAULT_PORTS
from trio_realtime._transport._wire import Wire
from trio_realtime.errors import ConnectError


def request_from_url(url: str) -> tuple[str, str]:
    """Split the URL of a `Handshake` into the Host header and the request target.

    The port is left out only where it is the scheme's own, and IPv6 keeps its brackets.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port not in (None, DEFAULT_PORTS[parts.scheme]):
        host += f":{parts.port}"
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@final
class AnswerReader:
    """Reads the answer to one request to upgrade."""

    def __init__(self, wire: Wire, url: str, secrets: Collection[str]) -> None:
        self._wire = wire
        self._url = url
        self._secrets = secrets

    async def read(self) -> tuple[bytes, bytes]:
        """Return the head of a 101, and what came after it.

        Raises:
            HandshakeRejectedError: for another status.
            AuthenticationError: likewise, with 401 or 403.
            ConnectError: if the peer closes before, or does not speak HTTP.
        """
        try:
            answer = await read_answer(self._wire.receive_some)
            if answer.status == 101:
                return answer.head, answer.rest
            headers, body = await read_refusal(answer, self._wire.receive_some)
        except AnswerError as error:
            ending = self._wire.ending
            raise self.failed(str(error)) from (None if ending is None else ending.cause)
        raise rejection_from_answer(
            answer.status, headers, body, url=self._url, now=time.time(), secrets=self._secrets
        )

    def failed(self, what: str) -> ConnectError:
        """Make the error for an upgrade that did not come about."""
        return ConnectError(
            f"the server did not accept a WebSocket: {what}", url=self._url, secrets=self._secrets
        )

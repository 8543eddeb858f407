"""One request over HTTP, on a byte stream of ours, and its answer.

The messages and the protocol are httpx2's; only this module knows it. It does not know what is
asked, nor what an answer means.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import aclosing
from typing import final

import trio

try:
    import httpcore2
    import httpx2
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError(
        "trio_realtime.rest needs httpx2: install the extra trio-realtime[rest]"
    ) from error


class ExchangeError(Exception):
    """No answer came, or one that cannot be read."""


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Body:
    """What a request carries: one content, or the parts of a form."""

    content: str | None = None
    content_type: str = "application/json"
    parts: Mapping[str, tuple[str, str]] = dataclasses.field(
        default_factory=dict[str, tuple[str, str]]
    )
    """By name: the text and its content type."""


@final
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes


@final
class _Network(httpcore2.AsyncNetworkStream):
    """A stream of ours, as httpx2 wants one. No deadlines: those are the caller's scopes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        del timeout
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        del timeout
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)


def request_from(url: str, headers: Mapping[str, str], body: Body) -> httpx2.Request:
    """Make a POST of what is to be sent, before anything is opened.

    Raises:
        ValueError: for a text that cannot be sent; it is not shown.
    """
    # The body is small, and decompressing would have to be bounded.
    ours = {"Accept-Encoding": "identity", "Connection": "close"}
    if body.parts:
        files = {
            name: (None, _encoded(text), content_type)
            for name, (text, content_type) in body.parts.items()
        }
        return httpx2.Request("POST", url, headers={**headers, **ours}, files=files)
    if body.content is None:
        return httpx2.Request("POST", url, headers={**headers, **ours})
    ours["Content-Type"] = body.content_type
    return httpx2.Request("POST", url, headers={**headers, **ours}, content=_encoded(body.content))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # The error would hold all of it.
        raise ValueError("what is to be sent holds half of a surrogate pair") from None


async def exchange(stream: trio.abc.Stream, request: httpx2.Request, *, max_bytes: int) -> Answer:
    """Send a POST, read its answer, and close the stream; also when cancelled.

    Raises:
        ExchangeError: if no whole answer came, or more than `max_bytes`.
    """
    target = httpcore2.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    connection = httpcore2.AsyncHTTP11Connection(target.origin, _Network(stream))
    received = bytearray()
    try:
        response = await connection.handle_async_request(
            httpcore2.Request(
                request.method, target, headers=request.headers.raw, content=request.stream
            )
        )
        async with aclosing(response.aiter_stream()) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) > max_bytes:
                    raise ExchangeError(f"the answer is larger than {max_bytes} bytes")
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        why = str(error) or "the connection was lost"
        raise ExchangeError(f"no answer that can be read came: {why}") from error
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
    found = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    return Answer(response.status, found, bytes(received))

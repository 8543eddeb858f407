"""HTTP answers that we must read ourselves, and the errors they turn into.

The library cannot: it takes an interim response for a refusal, waits for ever for a body that ends
with the connection, and raises in its own task. This module knows no stream: it is given a
function that reads.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias, final

import h11
import trio
from pydantic import JsonValue

from trio_realtime._redaction import redact_headers
from trio_realtime.errors import AuthenticationError, HandshakeRejectedError

Read: TypeAlias = Callable[[], Awaitable[bytes | bytearray]]
"""Reads some bytes; `b""` at the end."""

MAX_HEAD_BYTES: Final = 65536
MAX_BODY_BYTES: Final = 65536
"""More than any error message; a page of a proxy is cut."""

BODY_PATIENCE: Final = 1.0
"""How long a body may take after the head of a refusal: its status is worth more than its text."""

_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
_BEGINNING: Final = b"HTTP/1."
REQUEST_IDS: Final = ("x-request-id", "apim-request-id", "x-ms-request-id")
"""OpenAI's, and the two that Azure answers with."""


class AnswerError(Exception):
    """What came is not an answer."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The head of a final response."""

    status: int
    phrase: str
    head: bytes
    rest: bytes
    """What came after the head in the same piece."""


async def read_answer(read: Read) -> Answer:
    """Read the head of a response, skipping interim ones (100, 103; not 101).

    Raises:
        AnswerError: if the peer closes before, or says something that is not HTTP.
    """
    data = b""
    while True:
        while (end := _END_OF_HEAD.search(data)) is None:
            if not data.startswith(_BEGINNING[: len(data)]):
                raise AnswerError(f"the answer is not HTTP: it begins with {data[:20]!r}")
            if len(data) > MAX_HEAD_BYTES:
                raise AnswerError(f"the answer's headers are larger than {MAX_HEAD_BYTES} bytes")
            more = await read()
            if not more:
                said = "closed the connection without an answer"
                raise AnswerError(said if not data else "closed the connection in its answer")
            data += more
        status_line = _STATUS_LINE.match(data)
        if status_line is None:
            raise AnswerError(f"the answer is not HTTP: it begins with {data[:20]!r}")
        status = int(status_line[1])
        head, data = data[: end.end()], data[end.end() :]
        if status >= 200 or status == 101:
            phrase = (status_line[2] or b"").decode("latin-1").strip()
            return Answer(status, phrase, head, data)


async def read_refusal(answer: Answer, read: Read) -> tuple[tuple[tuple[str, str], ...], str]:
    """Read headers and body of a refusal, however its end is marked.

    Raises:
        AnswerError: if the head is not HTTP after all.
    """
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "there")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(answer.head + answer.rest)
    headers: tuple[tuple[str, str], ...] | None = None
    body = bytearray()
    try:
        with trio.move_on_after(BODY_PATIENCE):
            while len(body) < MAX_BODY_BYTES:
                event = parser.next_event()
                if isinstance(event, h11.Response):
                    headers = tuple(
                        (name.decode("latin-1"), value.decode("latin-1"))
                        for name, value in event.headers
                    )
                elif isinstance(event, h11.Data):
                    body += event.data
                elif event is h11.NEED_DATA:
                    parser.receive_data(bytes(await read()))
                else:
                    break
    except h11.RemoteProtocolError as error:
        # After the head it is a body that stops early or is badly framed: what came of it will do.
        if headers is None:
            raise AnswerError(f"the answer is not HTTP: {error}") from error
    return headers or (), bytes(body[:MAX_BODY_BYTES]).decode("utf-8", "replace")


def rejection_from_answer(
    status: int,
    headers: tuple[tuple[str, str], ...],
    body: str,
    *,
    url: str,
    now: float,
    secrets: Collection[str] = (),
) -> HandshakeRejectedError | AuthenticationError:
    """Make the error of a refused upgrade. `now` is the wall clock's time."""
    values = {name.lower(): value for name, value in headers}
    code, message = _said(body)
    request_id = next((values[name] for name in REQUEST_IDS if name in values), None)
    if 300 <= status < 400 and message is None:
        message = "it redirects elsewhere, which is never followed: it would be given your key"
    rejected = HandshakeRejectedError(
        status_code=status,
        headers=redact_headers(headers, secrets),
        body=body,
        request_id=request_id,
        retry_after=retry_after_from_headers(values, now),
        code=code,
        message=message,
        url=url,
        secrets=secrets,
    )
    if status not in (401, 403):
        return rejected
    text = message or "no reason given"
    refused = AuthenticationError(
        f"the server refused the key with HTTP {status}: {text.rstrip('.')}",
        code=code,
        status_code=status,
        request_id=request_id,
        url=url,
        secrets=secrets,
    )
    # Who wants to know has the whole answer.
    refused.__cause__ = rejected
    return refused


def error_from_body(body: str) -> dict[str, str]:
    """What an error in JSON says, in any of the shapes that are about: code, message and so on."""
    try:
        data: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(data, dict):
        data = data.get("error", data.get("detail", data))
    if isinstance(data, str):
        return {"message": data}
    if not isinstance(data, dict):
        return {}
    said = {name: each for name, each in data.items() if isinstance(each, str)}
    code = data.get("code")
    return {**said, "code": str(code)} if isinstance(code, int) else said


def _said(body: str) -> tuple[str | None, str | None]:
    said = error_from_body(body)
    return said.get("code") or said.get("type"), said.get("message")


def retry_after_from_headers(values: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait: `retry-after-ms` (Azure's), or `Retry-After` as a number or a date."""
    try:
        if "retry-after-ms" in values:
            seconds = float(values["retry-after-ms"]) / 1000
        else:
            seconds = float(values["retry-after"])
    except KeyError:
        return None
    except ValueError:
        try:
            then = parsedate_to_datetime(values.get("retry-after", ""))
            # The server's own clock, if it shows it: ours may be wrong.
            if "date" in values:
                now = parsedate_to_datetime(values["date"]).timestamp()
        except ValueError:
            return None
        seconds = then.timestamp() - now
    return max(0.0, seconds) if seconds < float("inf") else None

"""A server over HTTP that says what a test has it say, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeAlias

import trio
from pydantic import JsonValue

from tests.shell.peers import pipe_to
from trio_realtime import DEFAULT_OPTIONS, Endpoint, OpenAIEndpoint, Options
from trio_realtime.rest import RestClient

KEY: Final = "sk-proj-CANARY0123456789ueba"

ENDPOINT: Final = OpenAIEndpoint(KEY, base_url="http://localhost/v1")

SECRET: Final[dict[str, JsonValue]] = {
    "value": "ek_CANARY0123456789abcd",
    "expires_at": 1_800_000_060,
    "session": {"type": "realtime", "id": "sess_1", "model": "gpt-realtime-2.1"},
}

Behaviour: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]


def said(status: int, body: JsonValue = None, **headers: str) -> bytes:
    """An answer in JSON, or an empty one."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Length: {len(data)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + data


def error(status: int, code: str = "some_code", **headers: str) -> bytes:
    """A refusal in the shape of the real server's."""
    return said(status, {"error": {"code": code, "message": "Because."}}, **headers)


@dataclass
class Asked:
    """One request as it came over the wire."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> JsonValue:
        value: JsonValue = json.loads(self.body)
        return value


@dataclass
class Server:
    """Gives each connection the next of its answers, and the last one from then on."""

    answers: list[bytes | Behaviour]
    asked: list[Asked] = field(default_factory=list[Asked])

    async def __call__(self, stream: trio.abc.Stream) -> None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.asked.append(await _read(stream))
        if isinstance(answer, bytes):
            await stream.send_all(answer)
            await stream.aclose()
        else:
            await answer(stream)


async def _read(stream: trio.abc.Stream) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive_some()
    return Asked(line, headers, body, trio.current_time())


async def hang_up(stream: trio.abc.Stream) -> None:
    """Answers nothing."""
    await stream.aclose()


async def silent(stream: trio.abc.Stream) -> None:
    """Answers nothing, and holds the line."""
    await trio.sleep_forever()


@asynccontextmanager
async def asking(
    *answers: bytes | Behaviour,
    endpoint: Endpoint = ENDPOINT,
    max_retries: int = 2,
    options: Options = DEFAULT_OPTIONS,
) -> AsyncGenerator[tuple[RestClient, Server]]:
    """A client, and the server that it asks."""
    server = Server(list(answers) or [said(200, SECRET)])
    async with trio.open_nursery() as nursery:
        async with RestClient(
            endpoint,
            max_retries=max_retries,
            options=options,
            stream_factory=pipe_to(nursery, server),
        ) as rest:
            yield rest, server
        nursery.cancel_scope.cancel()

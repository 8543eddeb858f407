"""Ephemeral keys: asked for over HTTP at the port of the WebSocket, and used in its place."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping

import pytest
import trio
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.raw import raw_client
from trio_realtime import AuthenticationError, open_realtime
from trio_realtime.testing import ClientHandshake, SimulatedServer
from trio_realtime.testing._host import Host, ServerSocket
from trio_realtime.types import Session

pytestmark = pytest.mark.one_library

PATH = "/v1/realtime/client_secrets"
SERVER_KEY = "sk-proj-simulated-server-key"

Answer = tuple[int, Mapping[str, str], JsonValue]


async def ask(
    server: Host,
    body: bytes = b"{}",
    *,
    method: str = "POST",
    path: str = PATH,
    headers: tuple[str, ...] = (),
) -> Answer:
    """Ask with plain bytes; returns the status, the headers in lower case, and the JSON."""
    stream = await server.connect()
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    await stream.send_all("\r\n".join([*lines, "", ""]).encode() + body)
    answer = b""
    while data := await stream.receive_some():
        answer += data
    head, _, said = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    parsed = dict(field.lower().split(": ", 1) for field in fields)
    assert parsed["content-length"] == str(len(said))
    assert parsed["content-type"] == "application/json"
    return int(status.split()[1]), parsed, json.loads(said)


async def key_of(server: SimulatedServer, **asked: JsonValue) -> str:
    bearer = f"Authorization: Bearer {SERVER_KEY}"
    status, _, answer = await ask(server, json.dumps(asked).encode(), headers=(bearer,))
    assert status == 200
    return str(at(answer, "value"))


SESSION: dict[str, JsonValue] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
}


async def test_a_key_is_answered_as_the_real_server_answers_it() -> None:
    before = int(time.time())
    async with SimulatedServer(seed=1) as server:
        status, headers, answer = await ask(server, json.dumps({"session": SESSION}).encode())
    assert status == 200
    assert headers["x-request-id"].startswith("req_")
    assert isinstance(answer, dict)
    assert set(answer) == {"value", "expires_at", "session"}
    assert str(answer["value"]).startswith("ek_")
    assert before + 600 <= int(str(answer["expires_at"])) <= time.time() + 600
    assert at(answer, "session", "instructions") == "Be brief."
    assert at(answer, "session", "expires_at") == 0


async def test_a_key_opens_sessions_as_it_was_made_for_until_it_expires(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(api_key=SERVER_KEY) as server:
        key = await key_of(server, session=SESSION, expires_after={"seconds": 10})
        endpoint = dataclasses.replace(server.endpoint, api_key=key)
        async with open_realtime("gpt-other", endpoint=endpoint) as first:
            async with open_realtime("gpt-other", endpoint=endpoint) as second:
                for conn in (first, second):
                    session = conn.session.current
                    assert isinstance(session, Session)
                    assert session.instructions == "Be brief."
                    assert session.output_modalities == ["text"]
                    assert session.model == "gpt-realtime"
            await trio.sleep(10)
            with pytest.raises(AuthenticationError) as refused:
                async with open_realtime("gpt-other", endpoint=endpoint):
                    pass
            assert refused.value.close_code == 3000
            await first.conversation.item.create(role="user", text="Still there?")


@pytest.mark.parametrize("api_key", [SERVER_KEY, None])
async def test_an_expired_key_is_refused_with_an_error_and_a_close(
    api_key: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer(api_key=api_key) as server:
        key = server.create_client_secret(seconds=10)
        offered = ("realtime", f"openai-insecure-api-key.{key}")
        async with raw_client(server, subprotocols=offered) as client:
            assert (await client.receive())["type"] == "session.created"
            assert client.ws.subprotocol == "realtime"
        await trio.sleep(10)
        async with raw_client(server, subprotocols=offered) as client:
            error = await client.receive()
            assert at(error, "error", "code") == "invalid_api_key"
            assert key not in json.dumps(error)
            assert (await client.to_the_end()).code == 3000


async def test_a_key_for_transcription_opens_transcription() -> None:
    async with SimulatedServer(api_key=SERVER_KEY) as server:
        key = server.create_client_secret({"type": "transcription"})
        headers = (("Authorization", f"Bearer {key}"),)
        async with raw_client(server, "/v1/realtime", headers=headers) as client:
            created = await client.receive()
        assert at(created, "session", "type") == "transcription"


async def test_a_key_that_cannot_be_is_refused_where_it_is_made() -> None:
    async with SimulatedServer() as server:
        with pytest.raises(ValueError, match="Expected a value >= 10, but got 9 instead"):
            server.create_client_secret(seconds=9)
        with pytest.raises(ValueError, match=r"Missing required parameter: 'session\.type'"):
            server.create_client_secret({"model": "gpt-realtime"})


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("X-None: 1", "You didn't provide an API key."),
        ("Authorization: Bearer sk-proj-of-somebody-else", "key provided: sk-proj-****else."),
        ("Authorization: Bearer ek_that_was_never_given_out", "key provided: ek_****_out."),
        ("api-key: wrong", "key provided: ****."),
    ],
)
async def test_keys_are_for_those_who_have_the_servers(header: str, said: str) -> None:
    async with SimulatedServer(api_key=SERVER_KEY) as server:
        status, _, answer = await ask(server, headers=(header,))
        assert status == 401
        assert at(answer, "error", "code") == "invalid_api_key"
        assert at(answer, "error", "type") == "invalid_request_error"
        assert said in str(at(answer, "error", "message"))
        bearer = f"Authorization: Bearer {server.create_client_secret()}"
        status, _, _ = await ask(server, headers=(bearer,))
        assert status == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", PATH, 405, f"Not allowed to GET on {PATH}."),
        ("DELETE", PATH + "/", 405, f"Not allowed to DELETE on {PATH}."),
        ("POST", "/v1/realtime/client_secret", 404, "(POST /v1/realtime/client_secret)"),
        ("GET", "/", 404, "Invalid URL (GET /)"),
        ("POST", "/v1/realtime", 426, "WebSocket"),
        ("GET", "/v1/realtime/translations?model=m", 426, "WebSocket"),
    ],
)
async def test_what_is_not_there_is_answered_as_json(
    method: str, path: str, status: int, said: str
) -> None:
    async with SimulatedServer() as server:
        answered, headers, answer = await ask(server, method=method, path=path)
    assert answered == status
    assert said in str(at(answer, "error", "message"))
    assert at(answer, "error", "param") is None
    assert headers.get("allow") == ("post" if status == 405 else None)
    assert headers.get("upgrade") == ("websocket" if status == 426 else None)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "could not parse the JSON body"),
        (b"\xff", 400, "could not parse the JSON body"),
        (b"[" * 100_000, 400, "could not parse the JSON body"),
        (b'{"session": {"type": "\\ud800"}}', 400, "could not parse the JSON body"),
        (b'"session"', 400, "Invalid type for 'body': expected an object"),
        (b'{"session": {"type": "voice"}}', 400, "Supported values are: 'realtime', and"),
        (b" " * 2**21, 413, "too large"),
        (b"", 200, ""),
        (b"{}", 200, ""),
    ],
)
async def test_a_body_that_does_not_fit_is_refused(body: bytes, status: int, said: str) -> None:
    async with SimulatedServer() as server:
        answered, _, answer = await ask(server, body, path="/openai/v1/realtime/client_secrets")
    assert answered == status
    if status != 200:
        assert said in str(at(answer, "error", "message"))
        assert "event_id" not in str(answer)


class Mute(Host):
    """A server of another kind, which says nothing."""

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        raise AssertionError


async def test_other_servers_give_out_no_keys() -> None:
    async with Mute() as server:
        assert (await ask(server))[0] == 404
        assert (await ask(server, path="/v1/realtime"))[0] == 426

"""Secrets stay secret: a whole session at DEBUG, and every exception, searched for canaries."""

from __future__ import annotations

import base64
import logging
import pickle

import pytest
import trio
import trio.testing

from tests.shell.lines import SESSION, Behaviour, Peer, line_to, polite, refusal
from trio_realtime import (
    ConnectError,
    ConnectionClosedError,
    Handshake,
    OpenAIEndpoint,
    RealtimeError,
    ServerError,
    Target,
    open_realtime,
)
from trio_realtime.types import McpTool, RealtimeSessionConfig

KEY = "sk-proj-canary0key0canary0key0quux"
LAST_FOUR = "quux"
AS_ECHOED = f"Incorrect API key provided: sk-proj-{'*' * 20}{LAST_FOUR}. Find yours at the site."
PROXY_PASSWORD = "canary-of-the-proxy"
MCP_TOKEN = "canary-of-the-mcp-server"
AUDIO = bytes(range(256)) * 40
CANARIES = (
    KEY,
    LAST_FOUR,
    PROXY_PASSWORD,
    MCP_TOKEN,
    base64.b64encode(AUDIO).decode()[:24],
)

SESSION_CONFIG = RealtimeSessionConfig(
    tools=[McpTool(server_label="s", server_url="https://mcp.test", authorization=MCP_TOKEN)]
)


def texts_of(error: BaseException) -> list[str]:
    """Everything a program might log of an error."""
    texts = [repr(error), str(error), repr(error.args), repr(pickle.dumps(error))]
    texts.append(repr(pickle.loads(pickle.dumps(error))))
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            texts += [repr(cause), str(cause)]
    return texts


def assert_no_canary(*texts: str) -> None:
    found = [canary for canary in CANARIES for text in texts if canary in text]
    assert found == []


async def connected(behave: Behaviour, endpoint: OpenAIEndpoint) -> list[BaseException]:
    """Connect as `endpoint` says, over a line to `behave`, and use the connection fully."""
    errors: list[BaseException] = []
    async with line_to(behave) as line:

        class Both:
            async def handshake(self, target: Target) -> Handshake:
                theirs = await line.handshake(target)
                ours = await endpoint.handshake(target)
                assert_no_canary(repr(ours), repr(endpoint))
                return Handshake(
                    url=ours.url,
                    headers=ours.headers,
                    subprotocols=ours.subprotocols,
                    stream_factory=theirs.stream_factory,
                )

        try:
            async with open_realtime(
                "m",
                endpoint=Both(),
                session=SESSION_CONFIG,
                stream_factory=(await line.handshake(Target(model="m"))).stream_factory,
            ) as conn:
                assert_no_canary(repr(conn), conn.url, repr(conn.statistics()))
                await conn.input_audio_buffer.append(AUDIO)
                await conn.send({"type": "input_audio_buffer.clear"})
                while True:
                    try:
                        async for event in conn:
                            assert_no_canary(repr(event))
                        break
                    except RealtimeError as error:
                        errors.append(error)
                        if isinstance(error, ConnectionClosedError):
                            break
        except* RealtimeError as group:
            errors += group.exceptions
    return errors


async def talkative(peer: Peer) -> None:
    """A server that repeats everything secret it was told."""
    await peer.open_session()
    update = await peer.receive_type("session.update")
    config = update["session"]
    assert isinstance(config, dict)
    await peer.send("session.updated", session={**SESSION, **config})
    await peer.receive_type("input_audio_buffer.append")
    await peer.send(
        "response.output_audio.delta",
        response_id="r",
        item_id="i",
        output_index=0,
        content_index=0,
        delta=base64.b64encode(AUDIO).decode(),
    )
    frame = await peer.receive_type("input_audio_buffer.clear")
    for event_id in (frame["event_id"], None):
        error = {**refusal("invalid_value", event_id), "message": f"{AS_ECHOED} And {KEY}."}
        await peer.send("error", error=error)
    await peer.ws.close(3000, f"no: {KEY}")


async def bad_key(peer: Peer) -> None:
    error = {**refusal("invalid_api_key", None), "message": AS_ECHOED}
    await peer.send("error", error=error)
    await peer.ws.close(3000, "invalid_request_error.invalid_api_key")


async def refuses_the_configuration(peer: Peer) -> None:
    await peer.open_session()
    frame = await peer.receive_type("session.update")
    error = {**refusal("invalid_value", frame["event_id"]), "message": f"bad {MCP_TOKEN} {KEY}"}
    error["message"] = f"refused with {KEY}; {AS_ECHOED}"
    await peer.send("error", error=error)
    await peer.drain()


# promise 9; pain 40
@pytest.mark.parametrize("auth", ["header", "subprotocol"])
@pytest.mark.parametrize("behave", [talkative, bad_key, refuses_the_configuration])
async def test_no_canary_is_in_a_log_a_repr_or_an_error(
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    behave: Behaviour,
    auth: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = OpenAIEndpoint(
        KEY,
        base_url="http://localhost/v1",
        auth="header" if auth == "header" else "subprotocol",
        dangerously_allow_api_key_in_subprotocol=True,
    )
    errors = await connected(behave, endpoint)
    assert errors
    for error in errors:
        assert_no_canary(*texts_of(error))
    assert_no_canary(caplog.text)
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"trio_realtime"}


async def test_the_password_of_a_proxy_is_in_no_error(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = f"http://user:{PROXY_PASSWORD}@127.0.0.1:1"
    with pytest.raises(ConnectError) as caught:
        async with open_realtime("m", endpoint=OpenAIEndpoint(KEY), proxy=proxy):
            raise AssertionError
    assert_no_canary(*texts_of(caught.value), caplog.text)


async def test_a_server_error_at_a_request_holds_no_canary() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        frame = await peer.receive_type("input_audio_buffer.clear")
        await peer.send(
            "error", error={**refusal("invalid_value", frame["event_id"]), "message": AS_ECHOED}
        )
        await peer.drain()

    async with line_to(behave) as line, open_realtime("m", endpoint=line) as conn:
        with pytest.raises(ServerError) as caught:
            await conn.input_audio_buffer.clear()
        assert_no_canary(*texts_of(caught.value))


async def test_a_session_of_a_polite_server_says_little() -> None:
    async with line_to(polite) as line, open_realtime("m", endpoint=line) as conn:
        assert "m" in conn.url

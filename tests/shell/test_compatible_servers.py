"""Servers that are compatible, each in its own way: they are reached, and spoken with (pain 43)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.shell.lines import Json, Peer, line_to
from trio_realtime import (
    AzureEndpoint,
    BetaConnection,
    Endpoint,
    OpenAIEndpoint,
    Options,
    SessionRefusedError,
    open_realtime,
)
from trio_realtime._transport import TransportClosed
from trio_realtime._transport._server import ServerRequest, accept_websocket
from trio_realtime.events import UnknownEvent
from trio_realtime.testing import SimulatedServer, pipe_pair, serve_simulated

TEXT: Json = {"output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}}
EPHEMERAL = "ek_0123456789abcdef"


@asynccontextmanager
async def asked(
    endpoint: Endpoint, *, dialect: str = "ga", subprotocol: str | None = None
) -> AsyncGenerator[tuple[ServerRequest, str | None]]:
    """Open a connection to a server that takes every client; what it was asked, and agreed to."""
    requests: list[ServerRequest] = []

    async def serve(stream: trio.abc.Stream) -> None:
        requests.append(await accept_websocket(stream))
        ws = await requests[0].accept(subprotocol=subprotocol)
        await ws.send(json.dumps({"type": "session.created", "session": {"id": "sess_1"}}))
        with contextlib.suppress(TransportClosed):
            await ws.receive()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            async def connect(host: str, port: int) -> trio.abc.Stream:
                ours, theirs = pipe_pair()
                nursery.start_soon(serve, theirs)
                await trio.lowlevel.checkpoint()
                return ours

            async with open_realtime(
                "m",
                endpoint=endpoint,
                dialect="beta" if dialect == "beta" else "ga",
                stream_factory=connect,
            ) as conn:
                assert isinstance(conn, BetaConnection) is (dialect == "beta")
                yield requests[0], conn.subprotocol


@pytest.mark.parametrize(
    ("endpoint", "dialect", "target"),
    [
        (OpenAIEndpoint("k", base_url="ws://localhost:8000"), "ga", "/realtime?model=m"),
        (
            OpenAIEndpoint("k", base_url="http://relay.lan/deep/v1/?team=7", allow_insecure=True),
            "ga",
            "/deep/v1/realtime?team=7&model=m",
        ),
        (
            OpenAIEndpoint(
                "k",
                base_url="http://localhost/voice-live",
                extra_query={"api-version": "2025-10-01"},
            ),
            "beta",
            "/voice-live/realtime?api-version=2025-10-01&model=m",
        ),
        (
            AzureEndpoint("http://localhost/", token="t"),
            "ga",
            "/openai/v1/realtime?model=m",
        ),
        (
            AzureEndpoint("http://localhost/", token="t", api_version="v"),
            "beta",
            "/openai/realtime?api-version=v&deployment=m",
        ),
    ],
)
async def test_any_base_url_is_a_server(endpoint: Endpoint, dialect: str, target: str) -> None:
    async with asked(endpoint, dialect=dialect) as (request, subprotocol):
        assert f"{request.path}?{request.query}" == target
        assert subprotocol is None
        headers = dict(request.headers)
        assert headers["authorization"] in ("Bearer k", "Bearer t")
        assert headers.get("openai-beta") == ("realtime=v1" if dialect == "beta" else None)


# pain 42
@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_the_key_may_be_a_subprotocol_and_what_was_agreed_on_is_told(dialect: str) -> None:
    endpoint = OpenAIEndpoint(EPHEMERAL, base_url="http://localhost/v1", auth="subprotocol")
    async with asked(endpoint, dialect=dialect, subprotocol="realtime") as (request, subprotocol):
        assert subprotocol == "realtime"
        assert request.subprotocols == (
            "realtime",
            f"openai-insecure-api-key.{EPHEMERAL}",
            *(["openai-beta.realtime-v1"] if dialect == "beta" else []),
        )
        assert {"authorization", "openai-beta"}.isdisjoint(dict(request.headers))


async def test_a_server_lets_in_whose_key_is_a_subprotocol() -> None:
    async with SimulatedServer(api_key=EPHEMERAL) as server:
        endpoint = OpenAIEndpoint(EPHEMERAL, base_url="http://localhost/v1", auth="subprotocol")
        factory = server.endpoint.stream_factory
        async with open_realtime("m", endpoint=endpoint, stream_factory=factory) as conn:
            assert conn.subprotocol == "realtime"
            assert EPHEMERAL not in repr(conn)


async def test_plain_text_is_allowed_on_loopback() -> None:
    async with serve_simulated(port=0) as server:
        base = server.base_url.replace("http://", "ws://")
        assert base.startswith("ws://127.0.0.1:")
        endpoint = OpenAIEndpoint("sk-0123456789abcdef", base_url=base)
        async with open_realtime("m", endpoint=endpoint, session=TEXT) as conn:
            async with conn.respond("Hello!") as reply:
                assert (await reply.result()).output_text


async def test_a_server_may_omit_session_created(autojump_clock: trio.testing.MockClock) -> None:
    options = Options(wait_for_session=False)
    async with SimulatedServer(omit_session_created=True) as server:
        async with open_realtime(
            "m", endpoint=server.endpoint, session=TEXT, options=options
        ) as conn:
            assert conn.session.current is not None
            async with conn.respond("Hello!") as reply:
                assert (await reply.result()).output_text


async def test_a_server_may_order_events_as_it_likes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(event_order="xai", rewrite_item_ids=True) as server:
        async with open_realtime("m", endpoint=server.endpoint, session=TEXT, mirror=True) as conn:
            for _ in range(2):
                async with conn.respond("Hello!") as reply:
                    text = "".join([piece async for piece in reply.text()])
                    assert text == (await reply.result()).output_text != ""
            assert len(conn.conversation.items) == 4


async def test_a_server_may_ping_in_its_own_way() -> None:
    """In frames of the WebSocket, and, as xAI's does, in events."""

    async def behave(peer: Peer) -> None:
        await peer.send("ping", timestamp=1)
        await peer.open_session()
        await peer.send("conversation.created", conversation={"id": "conv_1"})
        await peer.receive_type("response.create")
        await peer.ws.ping(b"there?")
        await peer.send("response.created", response={"id": "resp_1", "status": "in_progress"})
        await peer.send("ping", timestamp=2)
        done: Json = {"id": "resp_1", "status": "completed", "output": []}
        await peer.send("response.done", response=done)
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint) as conn:
                async with conn.respond() as reply:
                    assert (await reply.result()).id == "resp_1"
                assert reply.dropped == 0
                events = [await conn.receive() for _ in range(4)]
                pings = [each.wire_type for each in events if isinstance(each, UnknownEvent)]
                assert pings == ["ping", "ping"]


# --- A server that has no beta any more


@pytest.mark.parametrize("auth", ["header", "subprotocol"])
async def test_a_server_without_a_beta_says_so_and_we_say_what_to_do(  # pain 17
    auth: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer() as server:
        endpoint = OpenAIEndpoint(
            EPHEMERAL,
            base_url="http://localhost/v1",
            auth="subprotocol" if auth == "subprotocol" else "header",
        )
        with pytest.raises(SessionRefusedError) as caught:
            async with open_realtime(
                "m",
                endpoint=endpoint,
                dialect="beta",
                stream_factory=server.endpoint.stream_factory,
            ):
                pass
    error = caught.value
    assert (error.code, error.close_code) == ("beta_api_shape_disabled", 4000)
    for said in (
        'use dialect="ga"',
        "output_modalities",
        "ResponseOutputTextDelta",
        "ConversationItemAdded",
    ):
        assert said in str(error)


async def test_a_header_of_yours_asks_for_the_beta_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    headers = {"OpenAI-Beta": "realtime=v1"}
    endpoint = OpenAIEndpoint("k", base_url="http://localhost/v1", extra_headers=headers)
    async with SimulatedServer() as server:
        with pytest.raises(SessionRefusedError, match="send no OpenAI-Beta header"):
            async with open_realtime(
                "m", endpoint=endpoint, stream_factory=server.endpoint.stream_factory
            ):
                pass


async def test_the_close_alone_says_it_as_well() -> None:
    async def behave(peer: Peer) -> None:
        await peer.ws.close(4000, "invalid_request_error.beta_api_shape_disabled")
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            with pytest.raises(SessionRefusedError, match='use dialect="ga"') as caught:
                async with open_realtime("m", endpoint=endpoint, dialect="beta"):
                    pass
    assert caught.value.code == "beta_api_shape_disabled"

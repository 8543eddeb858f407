"""The simulated server on a real port, with a client that is not ours."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing
import trio_websocket

from tests.network.servers import client_context, server_context
from tests.testing.faithful import check_frame, check_order
from tests.testing.test_conversation import MODEL, TEXT, reply_of
from trio_realtime import OpenAIEndpoint, open_realtime
from trio_realtime.testing import SimulatedServer, serve_simulated


async def test_any_client_can_talk_to_it() -> None:
    async with serve_simulated(reply="Hello!", tokens_per_second=1000) as server:
        assert server.base_url == f"http://127.0.0.1:{server.port}/v1"
        url = f"ws://127.0.0.1:{server.port}/v1/realtime?model=m"
        with trio.fail_after(5):
            async with trio_websocket.open_websocket_url(url) as ws:
                await ws.send_message(json.dumps({"type": "response.create"}))
                frames = [check_frame(await ws.get_message())]
                while frames[-1]["type"] != "response.done":
                    frames.append(check_frame(await ws.get_message()))
                check_order(frames)
    assert len(server.sessions) == 1


async def test_our_client_can_too() -> None:
    async with serve_simulated(tokens_per_second=1000) as server:
        ours = OpenAIEndpoint("sk-any", base_url=server.base_url)
        for endpoint in (server.endpoint, ours):
            with trio.fail_after(5):
                async with open_realtime(MODEL, endpoint=endpoint, session=TEXT) as conn:
                    await conn.conversation.item.create(role="user", text="Hello!")
                    await conn.response.create()
                    assert await reply_of(conn) == "You said: Hello!"


async def test_a_port_can_be_chosen_once() -> None:
    async with serve_simulated() as server:
        with pytest.raises(OSError, match="in use"):
            async with serve_simulated(port=server.port):
                pass


async def test_an_address_of_the_newer_kind_is_written_in_brackets() -> None:
    async with serve_simulated("::1") as server:
        assert server.base_url == f"http://[::1]:{server.port}/v1"


async def test_a_port_can_speak_tls() -> None:
    with trio.fail_after(10):
        async with serve_simulated(ssl_context=server_context()) as server:
            assert server.base_url == f"https://127.0.0.1:{server.port}/v1"
            trusting = client_context()
            async with open_realtime("m", endpoint=server.endpoint, ssl_context=trusting):
                assert len(server.sessions) == 1


async def test_a_server_in_memory_can_begin_to_listen_once() -> None:
    server = SimulatedServer()
    with pytest.raises(RuntimeError, match="inside its block"):
        await server.listen()
    async with server:
        assert server.port == 0
        await server.listen()
        with pytest.raises(RuntimeError, match=r"listens already, at http://127\.0\.0\.1:"):
            await server.listen()
        with trio.fail_after(10):
            async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn:
                assert str(server.port) in conn.url


async def test_a_task_that_is_given_to_a_server_that_was_left_is_not_begun() -> None:
    begun: list[str] = []

    async def task() -> None:
        begun.append("too late")

    async with SimulatedServer() as server:
        pass
    server.start(task)
    await trio.testing.wait_all_tasks_blocked()
    assert begun == []

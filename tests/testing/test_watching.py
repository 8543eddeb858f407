from __future__ import annotations

import json

import pytest
import trio
import trio_websocket

from tests.shell.test_transport_server import REQUEST
from tests.testing.raw import raw_client
from trio_realtime import open_realtime
from trio_realtime._transport import accept_websocket
from trio_realtime.testing import ClientHandshake, Sighting, SimulatedServer, pipe_pair
from trio_realtime.testing._watching import WatchedSocket

pytestmark = pytest.mark.one_library


def told(sightings: list[Sighting]) -> list[tuple[int, str, str]]:
    """Which connection, what, and the type of the event or what was said."""
    said: list[tuple[int, str, str]] = []
    for each in sightings:
        if isinstance(each.data, str) and each.data.startswith("{"):
            said.append((each.connection, each.kind, json.loads(each.data)["type"]))
        else:
            said.append((each.connection, each.kind, str(each.data)))
    return said


async def test_what_passes_is_told_in_order(autojump_clock: trio.testing.MockClock) -> None:
    seen: list[Sighting] = []
    async with SimulatedServer("Hi", watch=seen.append) as server:
        async with open_realtime("gpt-any", endpoint=server.endpoint) as conn:
            await conn.session.update(output_modalities=["text"])
            await trio.sleep(3)
    assert told(seen) == [
        (1, "opened", ""),
        (1, "sent", "session.created"),
        (1, "received", "session.update"),
        (1, "sent", "session.updated"),
        (1, "closed", "1000 by the client"),
    ]
    assert [each.time - seen[0].time for each in seen] == [0, 0, 0, 0, 3]
    assert all(each.handshake.model == "gpt-any" for each in seen)
    assert "output_modalities" not in repr(seen)


async def test_binary_messages_and_pings_pass_too() -> None:
    seen: list[Sighting] = []
    async with SimulatedServer(watch=seen.append) as server:
        async with raw_client(server) as client:
            await client.receive()
            server.sessions[0].send_raw(b"\x00")
            assert await client.ws.get_message() == b"\x00"
            await client.ws.send_message(b"\x01")
            await client.receive()
    assert (1, "sent", "b'\\x00'") in told(seen)
    assert (1, "received", "b'\\x01'") in told(seen)


async def test_an_end_says_who_made_it() -> None:
    seen: list[Sighting] = []
    async with SimulatedServer(watch=seen.append) as server:
        async with raw_client(server) as client:
            await client.receive()
            server.sessions[0].expire()
            await client.to_the_end()
        async with raw_client(server) as client:
            await client.receive()
            server.sessions[1].drop()
            with pytest.raises(trio_websocket.ConnectionClosed):
                await client.receive()
        async with raw_client(server) as client:
            await client.receive()
            await client.ws.send_message("x" * (64 * 2**20 + 1))
            await client.to_the_end()
    ends = [(each.connection, each.data) for each in seen if each.kind == "closed"]
    assert ends == [(1, "1001 by the server"), (2, "without a close"), (3, "1009 by the server")]


async def test_requests_that_are_no_sessions_are_told_with_their_answers() -> None:
    seen: list[Sighting] = []
    async with SimulatedServer(watch=seen.append) as server:
        server.refuse_connection(503)
        for resource in ("/v1/realtime?model=m", "/v1/nothing?model=m"):
            with pytest.RaisesGroup(trio_websocket.ConnectionRejected):
                async with raw_client(server, resource):
                    pass
        stream = await server.connect()
        await stream.send_all(b"GET /v1/models?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.receive_some()
    assert told(seen) == [
        (0, "answered", "GET /v1/realtime 503"),
        (0, "answered", "GET /v1/nothing 404"),
        (0, "answered", "GET /v1/models 404"),
    ]
    assert seen[0].handshake.query == {"model": "m"}


async def test_a_client_that_vanishes_leaves_without_a_close() -> None:
    seen: list[Sighting] = []
    async with SimulatedServer(watch=seen.append) as server:
        stream = await server.connect()
        await stream.send_all(REQUEST)
        await stream.receive_some()
        await stream.aclose()
        await server.sessions[0].wait_closed()
    assert told(seen)[-1] == (1, "closed", "without a close")


async def test_a_watched_socket_is_the_socket_below() -> None:
    seen: list[Sighting] = []
    ours, theirs = pipe_pair()
    await ours.send_all(REQUEST)
    ws = await (await accept_websocket(theirs)).accept()
    watched = WatchedSocket(ws, seen.append, 1, ClientHandshake("/v1/realtime"))
    await ours.receive_some()
    await watched.ping(b"there?")
    assert await ours.receive_some() == b"\x89\x06there?"
    watched.answer_close = False
    assert watched.answer_close is ws.answer_close is False
    await watched.aclose()
    assert theirs.is_closed
    assert told(seen) == [(1, "opened", "")]


async def test_what_a_watcher_raises_ends_the_server() -> None:
    def fail(sighting: Sighting) -> None:
        raise LookupError(sighting.kind)

    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="opened")):
        async with SimulatedServer(watch=fail) as server:
            async with raw_client(server) as client:
                await client.to_the_end()

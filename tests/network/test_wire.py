"""The promises of the wire, over a real socket with and without TLS, in real time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.network.servers import client_context, over_tls, server_context
from tests.shell import peers
from tests.shell.peers import Peer, tcp_peer, upgraded
from trio_realtime import DEFAULT_OPTIONS, Handshake
from trio_realtime._transport import Transport, TransportClosed, open_stream, open_transport
from trio_realtime._transport._server import ServerWebSocket

WAYS = pytest.mark.parametrize("scheme", ["ws", "wss"])


@asynccontextmanager
async def transport_over(scheme: str, peer: Peer) -> AsyncGenerator[Transport]:
    context = client_context() if scheme == "wss" else None
    served = over_tls(peer, server_context()) if scheme == "wss" else peer
    with trio.fail_after(30):
        async with tcp_peer(served) as port, trio.open_nursery() as nursery:
            url = f"{scheme}://localhost:{port}/v1/realtime"
            stream = await open_stream(url, ssl_context=context)
            transport = await open_transport(nursery, stream, Handshake(url=url), DEFAULT_OPTIONS)
            try:
                yield transport
            finally:
                await transport.aclose()


# promise 4
# pain 9
@WAYS
async def test_a_send_cancelled_half_way_reaches_the_peer_whole_and_so_does_the_next(
    scheme: str,
) -> None:
    received: list[str | bytes] = []
    may_read = trio.Event()

    @upgraded
    async def stalled(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await may_read.wait()
        received.append(await ws.receive())
        received.append(await ws.receive())
        await ws.send("read")

    # More than the kernel's buffers hold, so that the write is stuck for certain.
    size = 20_000_000
    async with transport_over(scheme, stalled) as transport:
        with trio.move_on_after(0.3) as scope:
            await transport.send("a" * size)
        assert scope.cancelled_caught
        assert 0 < transport.bytes_out < size
        may_read.set()
        await transport.send("b")
        assert await transport.receive() == "read"
    assert received == ["a" * size, "b"]


@WAYS
async def test_a_peer_that_writes_16_mb_before_it_reads_does_not_lock_us_up(scheme: str) -> None:
    size = 16 * 1024 * 1024
    received: list[str | bytes] = []

    @upgraded
    async def writes_first(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.ping()
        await ws.send("y" * size)
        received.append(await ws.receive())
        await ws.send("read")

    async with transport_over(scheme, writes_first) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, "x" * size)
            assert await transport.receive() == "y" * size
        assert await transport.receive() == "read"
    assert received == ["x" * size]


@WAYS
async def test_several_senders_are_told_when_a_stuck_link_is_closed_by_the_peer(
    scheme: str,
) -> None:
    may_close = trio.Event()

    @upgraded
    async def closes_without_reading(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await may_close.wait()
        await ws.close(1001, "enough")
        await trio.sleep_forever()

    told: list[int | None] = []

    async def send(transport: Transport) -> None:
        with pytest.raises(TransportClosed) as caught:
            await transport.send("x" * 10_000_000)
        told.append(caught.value.code)

    async with transport_over(scheme, closes_without_reading) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peers.ending_of, transport)
            nursery.start_soon(send, transport)
            nursery.start_soon(send, transport)
            await trio.testing.wait_all_tasks_blocked()
            may_close.set()
    assert told == [1001, 1001]


@WAYS
async def test_several_senders_share_the_socket(scheme: str) -> None:
    received: list[str | bytes] = []

    @upgraded
    async def collect(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        for _ in range(40):
            received.append(await ws.receive())
        await ws.send("done")

    async with transport_over(scheme, collect) as transport:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(transport.send, chr(65 + number) * 200_000)
        assert await transport.receive() == "done"
    assert sorted(map(str, received)) == [chr(65 + number) * 200_000 for number in range(40)]


@WAYS
async def test_a_peer_that_vanishes_is_noticed_by_who_sends_and_who_receives(scheme: str) -> None:
    @upgraded
    async def vanishes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.send("last words")

    received: list[str | bytes] = []
    told: list[TransportClosed] = []

    async def receive(transport: Transport) -> None:
        received.append(await transport.receive())
        told.append(await peers.ending_of(transport))

    async with transport_over(scheme, vanishes) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(receive, transport)
        with pytest.raises(TransportClosed) as caught:
            while True:
                await transport.send("x" * 1000)
    assert received == ["last words"]
    assert told[0].closed_by == caught.value.closed_by == "network"


# pain 5
@WAYS
@pytest.mark.parametrize(
    "peer",
    [
        peers.never_closes,
        peers.closes_and_holds,
        peers.stops_reading,
        peers.stalls_mid_frame,
        peers.floods_with_pings,
    ],
)
async def test_no_peer_holds_up_a_close_by_force(scheme: str, peer: Peer) -> None:
    async with transport_over(scheme, peer) as transport:
        assert await transport.receive() == peers.SESSION_CREATED
        with contextlib.suppress(TransportClosed):
            await transport.send_close(1000, "")

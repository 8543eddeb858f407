from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.shell.peers import HANDSHAKE, ending_of
from trio_realtime import DEFAULT_OPTIONS
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime._transport._client import open_transport
from trio_realtime._transport._server import ServerWebSocket, accept_websocket
from trio_realtime.testing._pipes import PipeStream, pipe_pair


@asynccontextmanager
async def both_ends(
    *, max_message_bytes: int = 1000, capacity: int = 65536
) -> AsyncGenerator[tuple[Transport, ServerWebSocket, PipeStream]]:
    """A client's transport, the server's WebSocket, and the server's stream."""
    ours, theirs = pipe_pair(capacity=capacity)
    accepted: list[ServerWebSocket] = []

    async def accept() -> None:
        request = await accept_websocket(theirs, max_message_bytes=max_message_bytes)
        accepted.append(await request.accept())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        transport = await open_transport(nursery, ours, HANDSHAKE, DEFAULT_OPTIONS)
        try:
            yield transport, accepted[0], theirs
        finally:
            await transport.aclose()
            await accepted[0].aclose()


async def closed_from(ws: ServerWebSocket) -> TransportClosed:
    with pytest.raises(TransportClosed) as caught:
        await ws.receive()
    return caught.value


async def test_messages_of_both_kinds_go_both_ways() -> None:
    async with both_ends() as (transport, ws, _):
        await transport.send("hello")
        assert await ws.receive() == "hello"
        await ws.send("text")
        await ws.send_bytes(b"bytes")
        assert [await transport.receive(), await transport.receive()] == ["text", b"bytes"]


async def test_fragments_are_joined() -> None:
    ours, theirs = pipe_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_send_fragments, ours)
        ws = await (await accept_websocket(theirs)).accept()
        assert [await ws.receive(), await ws.receive()] == ["one two", b"three four"]


REQUEST = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    b"AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def masked(first: int, payload: bytes) -> bytes:
    """A client's frame whose mask changes nothing."""
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


async def _send_fragments(stream: PipeStream) -> None:
    for piece in (REQUEST[:30], REQUEST[30:]):
        await stream.send_all(piece)
        await trio.testing.wait_all_tasks_blocked()
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
    await stream.send_all(masked(0x01, b"one ") + masked(0x80, b"two"))
    await stream.send_all(masked(0x02, b"three ") + masked(0x80, b"four"))


async def test_pings_are_answered_before_a_message_is_given_out() -> None:
    async with both_ends() as (transport, ws, _):
        await transport.ping()
        await transport.send("x")
        assert await ws.receive() == "x"
        await ws.send("taken")
        assert await transport.receive() == "taken"
        assert transport.last_ping_ms is not None
        await ws.ping(b"and you")
        await transport.send("y")
        assert await ws.receive() == "y"


async def test_a_close_of_the_clients_is_answered_unless_that_is_switched_off() -> None:
    for answers in (True, False):
        async with both_ends() as (transport, ws, _):
            ws.answer_close = answers
            await transport.send_close(4001, "bye")
            closed = await closed_from(ws)
            assert (closed.code, closed.reason, closed.closed_by) == (4001, "bye", "server")
            with pytest.raises(TransportClosed):
                await ws.send("too late")
            with trio.move_on_after(0.05) as waited:
                assert (await ending_of(transport)).closed_by == "us"
            assert waited.cancelled_caught is not answers


async def test_our_close_is_told_when_the_client_has_answered_it() -> None:
    async with both_ends() as (transport, ws, _):
        await ws.close(1001, "going")
        assert (await ending_of(transport)).code == 1001
        closed = await closed_from(ws)
        assert (closed.code, closed.reason, closed.closed_by) == (1001, "going", "us")
        with pytest.raises(TransportClosed):
            await ws.close()


async def test_a_client_that_vanishes_is_the_networks() -> None:
    async with both_ends() as (transport, ws, _):
        await transport.aclose()
        assert (await closed_from(ws)).closed_by == "network"
        with pytest.raises(TransportClosed) as caught:
            await ws.send("x")
        assert isinstance(caught.value.cause, trio.BrokenResourceError)


async def test_a_reset_is_the_networks_with_its_cause() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(REQUEST)
    ws = await (await accept_websocket(theirs)).accept()
    ours.abort()
    closed = await closed_from(ws)
    assert isinstance(closed.__cause__, trio.BrokenResourceError)


async def test_a_message_above_the_limit_is_refused() -> None:
    for message in ("x" * 1001, "ü" * 501):
        async with both_ends() as (transport, ws, _):
            await transport.send("before")
            await transport.send(message)
            assert await ws.receive() == "before"
            closed = await closed_from(ws)
            assert (closed.code, closed.too_big) == (1009, True)
            assert (await ending_of(transport)).code == 1009


async def test_binary_messages_count_too() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(REQUEST)
    ws = await (await accept_websocket(theirs, max_message_bytes=100)).accept()
    await ours.send_all(masked(0x02, b"x" * 60) + masked(0x80, b"x" * 60))
    assert (await closed_from(ws)).too_big


async def test_a_send_cancelled_half_way_makes_the_line_unusable() -> None:
    async with both_ends(capacity=100) as (_, ws, theirs):
        theirs.stall()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, "x" * 1000)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(TransportClosed, match="half way"):
            await ws.send("y")


async def test_closing_by_force_is_ours() -> None:
    async with both_ends() as (_, ws, _):
        await ws.aclose()
        assert (await closed_from(ws)).closed_by == "us"


UPGRADE = (
    b"Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"426 Upgrade Required"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"426 "),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n", b"426 "),
        (b"GET / HTTP/1.1\r\nHost: \xff\r\n" + UPGRADE + b"\r\n", b"426 "),
        (b"HEAD / HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"\r\n", b"426 "),
        (b"not HTTP at all\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 17_000, b"431 "),
        (b"", None),
    ],
)
async def test_what_is_no_upgrade_is_answered(request_: bytes, answered: bytes | None) -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(request_)
    await ours.send_eof()
    with pytest.raises(TransportClosed):
        await accept_websocket(theirs)
    await theirs.aclose()
    answer = await ours.receive_some()
    if answered is None:
        assert answer == b""
    else:
        assert answer.startswith(b"HTTP/1.1 " + answered)
        assert b"\r\nConnection: close\r\n" in answer


async def test_an_upgrade_is_one_in_any_case() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(b"GET /v1?a=b HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"\r\n")
    request = await accept_websocket(theirs)
    assert (request.path, request.query) == ("/v1", "a=b")


async def test_a_client_that_is_gone_before_it_asked_is_the_networks() -> None:
    for words in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        ours, theirs = pipe_pair()
        with contextlib.suppress(trio.BrokenResourceError):
            await ours.send_all(words)
        ours.abort()
        with pytest.raises(TransportClosed) as caught:
            await accept_websocket(theirs)
        assert caught.value.closed_by == "network"


async def test_a_request_can_be_rejected_with_headers_and_a_body() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(REQUEST)
    request = await accept_websocket(theirs)
    await request.reject(429, [("Retry-After", "2")], b"later")
    await theirs.aclose()
    answer = await ours.receive_some()
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\nlater")

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest
import trio
import trio.testing

from tests.shell import peers
from tests.shell.peers import Peer, pipe_to, says, text, transport_to, upgraded
from trio_realtime import (
    DEFAULT_OPTIONS,
    AuthenticationError,
    ConnectError,
    Handshake,
    HandshakeRejectedError,
)
from trio_realtime._transport import Transport
from trio_realtime._transport._answer import rejection_from_answer
from trio_realtime._transport._client import open_transport
from trio_realtime._transport._server import ServerRequest, ServerWebSocket, accept_websocket
from trio_realtime._transport._upgrade import request_from_url
from trio_realtime.testing._pipes import PipeStream, pipe_pair

KEY = "sk-proj-canary0canary0canary0canary0quux"
KEYED = Handshake(
    url="wss://api.example/v1/realtime?model=m&token=hidden",
    headers=(("Authorization", f"Bearer {KEY}"),),
    subprotocols=("realtime",),
)


async def refusal_by(peer: Peer, handshake: Handshake = KEYED) -> ConnectError:
    """The error of opening a transport to `peer`; nothing may be left behind."""
    async with trio.open_nursery() as servers:
        stream = await pipe_to(servers, peer)("", 0)
        async with trio.open_nursery() as nursery:
            with trio.fail_after(30), pytest.raises(ConnectError) as caught:
                await open_transport(nursery, stream, handshake, DEFAULT_OPTIONS)
        assert stream.closed
        servers.cancel_scope.cancel()
    assert KEY not in str(caught.value)
    assert "hidden" not in str(caught.value)
    return caught.value


async def rejection_by(answer: bytes, *, ends: bool = False) -> HandshakeRejectedError:
    error = await refusal_by(says(answer, ends=ends))
    assert isinstance(error, HandshakeRejectedError)
    return error


async def test_the_request_holds_what_the_handshake_says() -> None:
    ours, theirs = pipe_pair()
    requests: list[ServerRequest] = []

    async def serve() -> None:
        request = await accept_websocket(theirs)
        requests.append(request)
        ws = await request.accept("realtime", [("X-Request-Id", "req_1"), ("Server", "test")])
        await ws.send("hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        transport = await open_transport(nursery, ours, KEYED, DEFAULT_OPTIONS)
        assert await transport.receive() == "hello"
        assert transport.subprotocol == "realtime"
        assert transport.response_headers == (("x-request-id", "req_1"), ("server", "test"))
        await transport.aclose()
    (request,) = requests
    assert (request.path, request.query) == ("/v1/realtime", "model=m&token=hidden")
    headers = dict(request.headers)
    assert headers["host"] == "api.example"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert request.subprotocols == ("realtime",)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("wss://api.openai.com/v1/realtime?model=m", "api.openai.com", "/v1/realtime?model=m"),
        ("wss://api.openai.com:443/", "api.openai.com", "/"),
        ("wss://api.openai.com:80", "api.openai.com:80", "/"),
        ("ws://localhost:80/x?", "localhost", "/x"),
        ("ws://localhost:443/x", "localhost:443", "/x"),
        ("ws://[::1]/x", "[::1]", "/x"),
        ("ws://[2001:db8::1]:8080/a%20b?c=%C3%BC", "[2001:db8::1]:8080", "/a%20b?c=%C3%BC"),
    ],
)
def test_the_host_header_names_the_port_only_where_it_is_not_the_schemes_own(
    url: str, host: str, target: str
) -> None:
    assert request_from_url(url) == (host, target)


async def test_an_ipv6_host_reaches_the_server_in_brackets() -> None:
    ours, theirs = pipe_pair()
    async with trio.open_nursery() as nursery:
        handshake = Handshake(url="ws://[::1]:8080/v1/realtime?model=m")
        nursery.start_soon(_expect_host, theirs, "[::1]:8080")
        transport = await open_transport(nursery, ours, handshake, DEFAULT_OPTIONS)
        await transport.aclose()


async def _expect_host(stream: PipeStream, host: str) -> None:
    request = await accept_websocket(stream)
    assert dict(request.headers)["host"] == host
    await request.accept()


async def test_interim_responses_are_skipped() -> None:
    async with transport_to(peers.interim_first) as transport:
        assert await transport.receive() == peers.SESSION_CREATED


async def test_an_answer_may_come_a_byte_at_a_time_and_frames_with_it() -> None:
    async def serve(stream: trio.abc.Stream) -> None:
        await peers.interim_first(stream)

    async with transport_to(serve, capacity=(65536, 1)) as transport:
        assert await transport.receive() == peers.SESSION_CREATED


async def test_frames_in_the_segment_of_the_answer_are_received() -> None:
    class Glued(trio.abc.Stream):
        """Holds the 101 back until the first frame."""

        def __init__(self, stream: trio.abc.Stream) -> None:
            self._stream = stream
            self._held = b""

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            if not self._held:
                self._held = bytes(data)
            else:
                await self._stream.send_all(self._held + bytes(data))

        async def wait_send_all_might_not_block(self) -> None:
            await self._stream.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self._stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def serve(stream: trio.abc.Stream) -> None:
        ws = await (await accept_websocket(Glued(stream))).accept()
        await ws.send("glued")

    async with transport_to(serve) as transport:
        assert await transport.receive() == "glued"


# pain 22
async def test_a_401_whose_body_ends_with_the_connection_is_a_refused_key() -> None:
    error = await refusal_by(peers.unauthorized)
    assert isinstance(error, AuthenticationError)
    assert (error.status_code, error.code, error.request_id) == (401, "no_key", "req_401")
    assert "You have no key." in str(error)


# pain 22
async def test_a_429_tells_when_to_try_again() -> None:
    error = await refusal_by(peers.too_many_requests)
    assert isinstance(error, HandshakeRejectedError)
    assert (error.status_code, error.code, error.retry_after) == (429, "rate_limit_exceeded", 7)
    assert error.request_id == "req_429"
    assert error.message_from_server == "Slow down."


# pain 22
async def test_a_chunked_body_is_joined() -> None:
    error = await rejection_by(
        b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n"
    )
    assert (error.status_code, error.body) == (500, "hello there")


async def test_credentials_are_taken_out_of_what_a_refusal_says() -> None:
    error = await rejection_by(
        b"HTTP/1.1 400 No\r\nSet-Cookie: a=b\r\nX-Echo: Bearer "
        + KEY.encode()
        + b"\r\nContent-Length: 50\r\n\r\nyour key is "
        + KEY.encode()[:38]
    )
    assert "set-cookie" not in dict(error.headers)
    assert KEY not in repr(error.headers)
    assert "your key is" in error.body


async def test_redirects_are_not_followed() -> None:
    error = await rejection_by(
        b"HTTP/1.1 301 Moved\r\nLocation: wss://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"
    )
    assert error.status_code == 301
    assert dict(error.headers)["location"] == "wss://elsewhere.example/"
    assert "never followed" in str(error)


async def test_a_body_that_stops_early_gives_what_came_of_it() -> None:
    error = await rejection_by(
        b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\npartial", ends=True
    )
    assert (error.status_code, error.body) == (503, "partial")


async def test_a_body_that_does_not_come_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    error = await rejection_by(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\npartial")
    assert (error.status_code, error.body) == (503, "partial")
    assert trio.current_time() == pytest.approx(1)


async def test_a_long_body_is_cut() -> None:
    error = await rejection_by(b"HTTP/1.1 503 Busy\r\n\r\n" + b"x " * 100_000, ends=True)
    assert error.body == "x " * 32768


WRONG_KEY = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: bm90IHdoYXQgd2UgYXNrZWQgZm9y\r\n\r\n"
)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x16\x03\x01 what is this?", "not HTTP"),
        (b"HTTP/2 200\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 what\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 500 Oh\r\nno colon here\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "larger than"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "did not accept a WebSocket"),
        (WRONG_KEY, "did not accept a WebSocket"),
    ],
    ids=["tls", "http2", "no status", "no header", "endless", "no upgrade", "bad key"],
)
async def test_garbage_is_a_connect_error_at_once(answer: bytes, said: str) -> None:
    with trio.fail_after(5):
        error = await refusal_by(says(answer, ends=False))
    assert said in str(error)
    assert "api.example" in str(error)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 10"])
async def test_an_end_during_the_upgrade_is_noticed_at_once(
    answer: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    error = await refusal_by(says(answer))
    assert "closed the connection" in str(error)
    assert trio.current_time() == 0


async def test_a_reset_during_the_upgrade_is_noticed_at_once() -> None:
    async def reset(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, PipeStream)
        await stream.receive_some()
        stream.abort()

    error = await refusal_by(reset)
    assert isinstance(error.__cause__, trio.BrokenResourceError)


async def test_a_close_right_behind_the_101_is_told_once_open() -> None:
    async def closes_after_101(stream: trio.abc.Stream) -> None:
        ws = await (await accept_websocket(stream)).accept()
        await ws.close(1001, "too busy")

    async with transport_to(closes_after_101) as transport:
        assert (await peers.ending_of(transport)).code == 1001


# pain 23
@pytest.mark.parametrize("peer", [peers.black_hole, peers.swallower])
async def test_a_black_hole_is_left_when_the_caller_says_so(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as servers:
        stream = await pipe_to(servers, peer)("", 0)
        with trio.move_on_after(3) as deadline:
            async with trio.open_nursery() as nursery:
                await open_transport(nursery, stream, KEYED, DEFAULT_OPTIONS)
        assert deadline.cancelled_caught
        assert trio.current_time() == 3
        assert stream.closed
        servers.cancel_scope.cancel()


async def test_cancelling_only_the_caller_ends_the_tasks_too() -> None:
    async with trio.open_nursery() as servers:
        stream = await pipe_to(servers, peers.black_hole)("", 0)
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as callers:
                callers.start_soon(open_transport, nursery, stream, KEYED, DEFAULT_OPTIONS)
                await trio.testing.wait_all_tasks_blocked()
                assert nursery.child_tasks
                callers.cancel_scope.cancel()
        assert not nursery.child_tasks
        servers.cancel_scope.cancel()


async def test_a_key_refused_after_101_comes_as_an_error_and_a_close() -> None:
    async with transport_to(peers.bad_key) as transport:
        assert json.loads(await transport.receive())["error"]["code"] == "invalid_api_key"
        closed = await peers.ending_of(transport)
    assert (closed.code, closed.closed_by) == (3000, "server")


async def test_secrets_are_taken_out_of_a_close_reason() -> None:
    @upgraded
    async def tells(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.close(3000, f"bad key {KEY}")
        await ws.receive()

    async with trio.open_nursery() as servers:
        stream = await pipe_to(servers, tells)("", 0)
        async with trio.open_nursery() as nursery:
            transport: Transport = await open_transport(
                nursery, stream, KEYED, DEFAULT_OPTIONS, secrets=("other",)
            )
            closed = await peers.ending_of(transport)
            await transport.aclose()
        assert closed.reason.startswith("bad key ")
        assert KEY not in closed.reason
        servers.cancel_scope.cancel()


def rejection(
    status: int = 429, body: str = "", headers: Mapping[str, str] = MappingProxyType({})
) -> HandshakeRejectedError | AuthenticationError:
    named = tuple(headers.items())
    return rejection_from_answer(status, named, body, url="wss://api.example/", now=1_000_000_000)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"Retry-After": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "soon"}, None),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:50 GMT"}, 10),
        ({"retry-after": "Sun, 09 Sep 2001 01:46:30 GMT"}, 0),
        # The server's clock, where it shows it.
        (
            {
                "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT",
                "date": "Thu, 01 Jan 2026 00:00:00 GMT",
            },
            30,
        ),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    error = rejection(headers=headers)
    assert isinstance(error, HandshakeRejectedError)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ('{"error": {"code": "a", "message": "b"}}', "a", "b"),
        ('{"error": {"code": null, "type": "t", "message": "b"}}', "t", "b"),
        ('{"error": {"code": 429, "message": ["b"]}}', "429", None),
        ('{"error": "only a text"}', None, "only a text"),
        ('{"detail": "a text"}', None, "a text"),
        ('{"code": "a", "message": "b"}', "a", "b"),
        ('{"code": {}}', None, None),
        ("[1]", None, None),
        ("<html>", None, None),
    ],
)
def test_a_code_and_a_message_are_found_in_every_usual_shape(
    body: str, code: str | None, message: str | None
) -> None:
    error = rejection(body=body)
    assert isinstance(error, HandshakeRejectedError)
    assert (error.code, error.message_from_server) == (code, message)


def test_azures_request_id_counts_too() -> None:
    assert rejection(headers={"apim-request-id": "req_of_azure"}).request_id == "req_of_azure"


def test_a_403_without_a_text_is_a_refused_key() -> None:
    error = rejection(403)
    assert isinstance(error, AuthenticationError)
    assert "no reason given" in str(error)


async def test_what_is_left_of_a_text_frame_is_not_lost() -> None:
    async with transport_to(peers.writes(text("a") + text("b")), capacity=(65536, 3)) as transport:
        assert [await transport.receive(), await transport.receive()] == ["a", "b"]

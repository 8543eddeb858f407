from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_realtime._transport import TransportClosed
from trio_realtime._transport._http import HttpExchange, HttpRequest, HttpResponse
from trio_realtime._transport._server import accept_request
from trio_realtime.testing._pipes import PipeStream, pipe_pair

pytestmark = pytest.mark.one_library

LIMIT = 20


async def exchange_of(stream: PipeStream) -> HttpExchange:
    request = await accept_request(stream, max_body_bytes=LIMIT)
    assert isinstance(request, HttpExchange)
    return request


async def asked(*pieces: bytes) -> HttpRequest:
    """What a server takes these bytes for, each arriving by itself."""
    ours, theirs = pipe_pair()
    found: list[HttpRequest] = []

    async def accept() -> None:
        found.append((await exchange_of(theirs)).request)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        for piece in pieces:
            await trio.testing.wait_all_tasks_blocked()
            await ours.send_all(piece)
    return found[0]


async def test_a_request_is_read_with_its_query_headers_and_body() -> None:
    request = await asked(
        b"POST /v1/x?a=b&c HTTP/1.1\r\nHost: localhost\r\nX-One: 1\r\n",
        b"Content-Length: 10\r\n\r\n01234",
        b"56789",
    )
    assert (request.method, request.path, request.query) == ("POST", "/v1/x", "a=b&c")
    assert ("x-one", "1") in request.headers
    assert request.body == b"0123456789"


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    request = await asked(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert request == HttpRequest("GET", "/", "", (("host", "localhost"),), b"")


async def test_a_body_in_chunks_is_joined() -> None:
    request = await asked(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"3\r\nabc\r\n",
        b"4\r\ndefg\r\n0\r\n\r\n",
    )
    assert request.body == b"abcdefg"


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 100_000])
async def test_a_body_above_the_limit_is_read_and_dropped(size: int) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    request = await asked(head, b"x" * size)
    assert request.body == (b"x" * size if size <= LIMIT else None)


async def test_a_client_that_waits_to_be_told_to_go_on_is_told() -> None:
    ours, theirs = pipe_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange_of, theirs)
        await ours.send_all(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert (await ours.receive_some()).startswith(b"HTTP/1.1 100 ")
        await ours.send_all(b"{}")


@pytest.mark.parametrize("head", [False, True])
async def test_a_response_says_its_length_and_that_the_connection_closes(*, head: bool) -> None:
    ours, theirs = pipe_pair()
    method = b"HEAD" if head else b"GET"
    await ours.send_all(method + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    exchange = await exchange_of(theirs)
    await exchange.respond(HttpResponse(404, (("X-One", "1"),), b"hello"))
    answer = await ours.receive_some()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    for line in (b"X-One: 1", b"Content-Length: 5", b"Connection: close"):
        assert b"\r\n" + line + b"\r\n" in answer
    assert answer.endswith(b"\r\n\r\n" if head else b"\r\n\r\nhello")


async def test_a_body_that_is_no_http_is_answered_400() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"
    )
    with pytest.raises(TransportClosed, match="not an HTTP request"):
        await exchange_of(theirs)
    assert (await ours.receive_some()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_client_that_leaves_in_its_body_or_before_its_answer_is_the_networks() -> None:
    ours, theirs = pipe_pair()
    await ours.send_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n01")
    await ours.send_eof()
    with pytest.raises(TransportClosed) as caught:
        await exchange_of(theirs)
    assert caught.value.closed_by == "network"

    ours, theirs = pipe_pair()
    await ours.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    exchange = await exchange_of(theirs)
    ours.abort()
    with pytest.raises(TransportClosed) as caught:
        await exchange.respond(HttpResponse(200))
    assert caught.value.closed_by == "network"


def test_requests_and_responses_show_no_secrets() -> None:
    request = HttpRequest("POST", "/v1", "", (("authorization", "Bearer sk-canary"),), b"canary")
    assert "canary" not in f"{request!r} {HttpResponse(200, (), b'canary')!r}"

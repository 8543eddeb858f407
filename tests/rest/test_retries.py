"""Retries: what is asked again, when, and what is told of it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from tests.rest.servers import KEY, SECRET, Behaviour, asking, error, hang_up, said, silent
from trio_realtime import (
    AuthenticationError,
    ConnectError,
    ConnectTimeoutError,
    Handshake,
    OpenAIEndpoint,
    Options,
    RestError,
    Target,
)
from trio_realtime.rest import RestClient

Asking: TypeAlias = Callable[[RestClient], Awaitable[object]]

OFFER = "v=0\r\nm=audio 9 RTP/AVP 0\r\n"

REPEATABLE: Mapping[str, Asking] = {
    "client secret": lambda rest: rest.client_secrets.create(),
    "translation": lambda rest: rest.translations.client_secrets.create({"model": "m"}),
    "accept": lambda rest: rest.calls.accept("rtc_1", {}),
    "reject": lambda rest: rest.calls.reject("rtc_1"),
    "hangup": lambda rest: rest.calls.hangup("rtc_1"),
    "beta": lambda rest: rest.beta.sessions.create(),
    "beta transcription": lambda rest: rest.beta.transcription_sessions.create(),
}

ONCE: Mapping[str, Asking] = {
    "call": lambda rest: rest.calls.create(OFFER),
    "refer": lambda rest: rest.calls.refer("rtc_1", "tel:+1"),
}

EACH = {**REPEATABLE, **ONCE}

LOST: list[bytes | Behaviour] = [
    hang_up,
    error(500),
    error(502),
    error(504),
    said(200, SECRET)[:60],
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
    b"SSH-2.0-OpenSSH\r\n",
]
LOST_IDS = ["closed", "500", "502", "504", "half a head", "half a body", "no HTTP"]


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("status", [408, 429, 503])
async def test_what_the_server_has_not_done_is_asked_again(
    kind: str, status: int, autojump_clock: MockClock
) -> None:
    async with asking(error(status), error(status), said(200, SECRET)) as (rest, server):
        await EACH[kind](rest)
    assert len(server.asked) == 3


@pytest.mark.parametrize("kind", REPEATABLE)
@pytest.mark.parametrize("lost", LOST, ids=LOST_IDS)
async def test_what_does_no_harm_twice_is_asked_again_when_nobody_knows(
    kind: str, lost: bytes | Behaviour, autojump_clock: MockClock
) -> None:
    async with asking(lost, said(200, SECRET)) as (rest, server):
        await REPEATABLE[kind](rest)
    assert len(server.asked) == 2


@pytest.mark.parametrize("kind", ONCE)
@pytest.mark.parametrize("lost", LOST, ids=LOST_IDS)
async def test_what_makes_a_second_call_is_not_asked_again_when_nobody_knows(
    kind: str, lost: bytes | Behaviour, autojump_clock: MockClock
) -> None:
    async with asking(lost) as (rest, server):
        with pytest.raises(RestError) as caught:
            await ONCE[kind](rest)
    assert caught.value.uncertain
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 409])
async def test_a_refusal_is_not_asked_again(status: int, autojump_clock: MockClock) -> None:
    async with asking(error(status, Location="https://elsewhere.example/")) as (rest, server):
        with pytest.raises(RestError) as caught:
            await rest.client_secrets.create()
    assert caught.value.status_code == status
    assert not caught.value.uncertain
    assert len(server.asked) == 1
    if status < 400:
        assert "never followed" in caught.value.message


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_is_not_asked_about_again(
    status: int, autojump_clock: MockClock
) -> None:
    answer = error(status, "invalid_api_key", X_Request_Id="req_1")
    async with asking(answer) as (rest, server):
        with pytest.raises(AuthenticationError, match="Because") as caught:
            await rest.client_secrets.create()
    assert caught.value.status_code == status
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id == "req_1"
    assert len(server.asked) == 1


async def test_waits_grow_and_the_last_error_is_raised(  # promise 10
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(error(503), max_retries=5) as (rest, server):
        with caplog.at_level(logging.WARNING, "trio_realtime"):
            with pytest.raises(RestError) as caught:
                await rest.calls.hangup("rtc_1")
    assert caught.value.code == "some_code"
    times = [asked.at for asked in server.asked]
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert len(waits) == 5
    for wait, longest in zip(waits, [0.5, 1.0, 2.0, 4.0, 8.0], strict=True):
        assert 0.75 * longest <= wait <= longest
    assert len(caplog.records) == 5
    assert "asking again in" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        (
            {
                "Date": "Sun, 22 Nov 2026 10:00:00 GMT",
                "Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT",
            },
            30.0,
        ),
    ],
    ids=["seconds", "milliseconds", "date"],
)
async def test_the_server_says_how_long_to_wait(
    headers: dict[str, str], seconds: float, autojump_clock: MockClock
) -> None:
    async with asking(error(429, **headers), said(200, SECRET)) as (rest, server):
        await rest.client_secrets.create()
    assert server.asked[1].at - server.asked[0].at == pytest.approx(seconds)


async def test_more_than_a_minute_is_the_callers_decision(autojump_clock: MockClock) -> None:
    async with asking(error(429, Retry_After="61")) as (rest, server):
        with pytest.raises(RestError, match="Try again after 61 s") as caught:
            await rest.client_secrets.create()
    assert caught.value.retry_after == 61.0
    assert len(server.asked) == 1


async def test_a_server_that_cannot_be_reached_is_tried_again_by_every_request(
    autojump_clock: MockClock,
) -> None:
    tried = 0

    async def refuse(host: str, port: int) -> trio.abc.Stream:
        nonlocal tried
        tried += 1
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError("nobody listens")

    endpoint = OpenAIEndpoint(KEY, base_url="http://localhost/v1")
    async with RestClient(endpoint, stream_factory=refuse) as rest:
        with pytest.raises(ConnectError, match="cannot connect to localhost:80"):
            await rest.calls.create(OFFER)
    assert tried == 3


async def test_connecting_has_a_deadline_and_answering_has_none(autojump_clock: MockClock) -> None:
    async def connect(host: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    began = trio.current_time()
    endpoint = OpenAIEndpoint(KEY, base_url="http://localhost/v1")
    options = Options(connect_timeout=3)
    async with RestClient(endpoint, max_retries=0, options=options, stream_factory=connect) as rest:
        with pytest.raises(ConnectTimeoutError) as caught:
            await rest.calls.hangup("rtc_1")
    assert caught.value.stage == "tcp"
    assert trio.current_time() - began == 3
    async with asking(silent, options=options) as (rest, server):
        with trio.move_on_after(86_400) as scope:
            await rest.calls.hangup("rtc_1")
    assert scope.cancelled_caught
    assert len(server.asked) == 1


async def test_an_attempt_that_was_lost_leaves_its_doubt_on_what_comes_after_it(
    autojump_clock: MockClock,
) -> None:
    async with asking(hang_up, error(404, "call_id_not_found")) as (rest, _):
        with pytest.raises(RestError, match="an earlier attempt") as caught:
            await rest.calls.accept("rtc_1", {})
    assert caught.value.status_code == 404
    assert caught.value.code == "call_id_not_found"
    assert caught.value.uncertain
    async with asking(hang_up, error(401)) as (rest, _):
        with pytest.raises(AuthenticationError):
            await rest.calls.accept("rtc_1", {})
    async with asking(error(429), error(404)) as (rest, _):
        with pytest.raises(RestError) as caught:
            await rest.calls.accept("rtc_1", {})
    assert not caught.value.uncertain


async def test_an_attempt_that_was_lost_is_not_forgotten_when_the_network_goes(
    autojump_clock: MockClock,
) -> None:
    async with asking(hang_up) as (rest, server):
        reach = rest._requests._network.stream_factory
        assert reach is not None

        async def once(host: str, port: int) -> trio.abc.Stream:
            if server.asked:
                raise OSError("the network is down")
            return await reach(host, port)

        async with RestClient(
            OpenAIEndpoint(KEY, base_url="http://localhost/v1"), stream_factory=once
        ) as other:
            with pytest.raises(RestError, match="network is down") as caught:
                await other.calls.accept("rtc_1", {})
    assert caught.value.uncertain
    assert caught.value.status_code is None


async def test_the_key_is_asked_for_on_every_attempt(autojump_clock: MockClock) -> None:
    keys = iter(["sk-first-0123456789", "sk-second-0123456789"])
    endpoint = OpenAIEndpoint(lambda: next(keys), base_url="http://localhost/v1")
    async with asking(error(429), said(200, SECRET), endpoint=endpoint) as (rest, server):
        await rest.client_secrets.create()
    assert [asked.headers["authorization"] for asked in server.asked] == [
        "Bearer sk-first-0123456789",
        "Bearer sk-second-0123456789",
    ]


async def test_a_request_that_is_cancelled_while_it_waits_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    async with asking(error(503, Retry_After="30")) as (rest, server):
        with trio.move_on_after(10) as scope:
            await rest.client_secrets.create()
        assert scope.cancelled_caught
        await trio.sleep(100)
    assert len(server.asked) == 1


async def test_what_an_endpoint_raises_is_not_tried_again(autojump_clock: MockClock) -> None:
    class Broken:
        async def handshake(self, target: Target) -> Handshake:
            raise LookupError("no key today")

    async with asking(endpoint=Broken()) as (rest, server):
        with pytest.raises(LookupError, match="no key today"):
            await rest.client_secrets.create()
    assert server.asked == []

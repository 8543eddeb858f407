from __future__ import annotations

from base64 import b64encode

import pytest
import trio
import trio.testing

from tests.network.servers import (
    ConnectProxy,
    client_context,
    over_tls,
    proxy_on_loopback,
    server_context,
)
from tests.shell import peers
from tests.shell.peers import says, tcp_peer
from trio_realtime import ConnectError
from trio_realtime._transport import open_stream
from trio_realtime._transport._proxy import open_tunnel, proxy_from_environment, proxy_from_url
from trio_realtime.testing._pipes import pipe_pair

pytestmark = pytest.mark.one_library

PASSWORD = "pass:word@proxy"
ENCODED = "pass%3Aword%40proxy"


async def say_hello(stream: trio.abc.Stream) -> None:
    await stream.receive_some()
    await stream.send_all(b"hello")
    await stream.receive_some()


async def hear(stream: trio.abc.Stream) -> bytes:
    async with stream:
        await stream.wait_send_all_might_not_block()
        await stream.send_all(b"hello?")
        return bytes(await stream.receive_some())


# pain 19
async def test_a_tunnel_is_asked_for_by_name_and_leads_through() -> None:
    proxy = ConnectProxy()
    stages: list[str] = []
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"ws://localhost:{port}/x",
            proxy=f"http://127.0.0.1:{proxy_port}",
            on_stage=stages.append,
        )
        assert await hear(stream) == b"hello"
    (request,) = proxy.requests
    assert request.startswith(f"CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:".encode())
    assert b"authorization" not in request.lower()
    assert stages == ["tcp", "proxy"]


# pain 19
async def test_user_and_password_are_sent_decoded() -> None:
    proxy = ConnectProxy()
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"ws://127.0.0.1:{port}/", proxy=f"http://me:{ENCODED}@127.0.0.1:{proxy_port}"
        )
        assert await hear(stream) == b"hello"
    token = b64encode(f"me:{PASSWORD}".encode())
    assert b"Proxy-Authorization: Basic " + token in proxy.requests[0]


# pain 19
async def test_tls_goes_through_a_proxy_that_speaks_tls() -> None:
    proxy, stages = ConnectProxy(), list[str]()
    hello = over_tls(say_hello, server_context())
    async with tcp_peer(hello) as port:
        async with proxy_on_loopback(over_tls(proxy, server_context())) as proxy_port:
            stream = await open_stream(
                f"wss://localhost:{port}/",
                proxy=f"https://localhost:{proxy_port}",
                ssl_context=client_context(),
                on_stage=stages.append,
            )
            assert await hear(stream) == b"hello"
    assert stages == ["tcp", "proxy", "tls"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 .* user and password"),
        (b"HTTP/1.1 403 Not for you, me:pass:word@proxy\r\n\r\n", "HTTP 403 Not for you"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"", "without an answer"),
        (b"HTTP/1.1 20", "in its answer"),
    ],
    ids=["407", "403", "garbage", "end", "half"],
)
# pain 19
# promise 9
async def test_a_refusal_of_the_proxy_is_a_connect_error(answer: bytes, said: str) -> None:
    async with proxy_on_loopback(says(answer)) as port:
        with pytest.raises(ConnectError, match=said) as caught:
            await open_stream("wss://api.example/", proxy=f"http://me:{ENCODED}@127.0.0.1:{port}")
    for secret in (PASSWORD, ENCODED):
        assert secret not in str(caught.value)
    assert str(port) in str(caught.value)


async def test_a_proxy_that_breaks_the_link_is_a_connect_error() -> None:
    ours, theirs = pipe_pair()
    theirs.abort()
    with pytest.raises(ConnectError, match="through the proxy"):
        await open_tunnel(ours, proxy_from_url("http://proxy"), "api.example", 443)
    assert ours.closed


async def test_a_proxy_that_is_not_there_is_a_connect_error() -> None:
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectError, match="cannot connect to the proxy") as caught:
            await open_stream("wss://api.example/", proxy=f"http://me:{ENCODED}@127.0.0.1:{port}")
    assert isinstance(caught.value.__cause__, OSError)
    assert PASSWORD not in str(caught.value)
    assert ENCODED not in str(caught.value)


# pain 23
async def test_a_black_hole_of_a_proxy_is_left_with_the_stream_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, _theirs = pipe_pair()
    with trio.move_on_after(3) as deadline:
        await open_tunnel(ours, proxy_from_url("http://proxy"), "api.example", 443)
    assert deadline.cancelled_caught
    assert trio.current_time() == 3
    assert ours.closed


async def test_what_follows_the_proxys_answer_belongs_to_the_tunnel() -> None:
    ours, theirs = pipe_pair()
    await theirs.send_all(b"HTTP/1.1 103 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\nfirst words")
    stream = await open_tunnel(ours, proxy_from_url("http://proxy"), "::1", 443)
    assert (await theirs.receive_some()).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")
    assert await stream.receive_some(5) == b"first"
    assert await stream.receive_some() == b" words"
    await theirs.send_all(b"more")
    assert await stream.receive_some() == b"more"
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"there")
    assert await theirs.receive_some() == b"there"
    await stream.aclose()
    assert ours.closed


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("http://proxy.example", "proxy.example", 80, False),
        ("https://proxy.example", "proxy.example", 443, True),
        ("http://[::1]:3128/", "::1", 3128, False),
        ("proxy.example:3128", "proxy.example", 3128, False),
        ("socks5://proxy.example", "proxy.example", 1080, False),
        ("socks4a://[::1]:9050", "::1", 9050, False),
    ],
)
def test_a_proxys_url_names_host_and_port(url: str, host: str, port: int, *, is_tls: bool) -> None:
    proxy = proxy_from_url(url)
    assert (proxy.host, proxy.port, proxy.is_tls) == (host, port, is_tls)


def test_a_proxy_without_a_password_has_the_user_only() -> None:
    proxy = proxy_from_url("http://me@proxy.example")
    assert proxy.authorization == "Basic " + b64encode(b"me:").decode()
    assert (proxy.username, proxy.password) == ("me", "")
    assert "'me'" not in repr(proxy)


@pytest.mark.parametrize("url", ["ftp://proxy.example", "http://"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http://"):
        proxy_from_url(url)


@pytest.mark.parametrize(
    ("environment", "scheme", "expected"),
    [
        ({}, "wss", None),
        ({"HTTPS_PROXY": "http://one:1"}, "wss", "one"),
        ({"https_proxy": "http://one:1"}, "wss", "one"),
        ({"HTTPS_PROXY": "http://one:1"}, "ws", None),
        ({"http_proxy": "http://two:2"}, "ws", "two"),
        ({"ALL_PROXY": "three:3"}, "wss", "three"),
        ({"ALL_PROXY": "socks5h://four:4"}, "wss", "four"),
        ({"ALL_PROXY": "three:3", "HTTPS_PROXY": "http://one:1"}, "wss", "one"),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "example"}, "wss", None),
        ({"HTTPS_PROXY": "http://one:1", "no_proxy": "api.example:443"}, "wss", None),
        ({"HTTPS_PROXY": "http://one:1", "no_proxy": "other.example"}, "wss", "one"),
        ({"HTTPS_PROXY": "http://one:1", "NO_PROXY": "*"}, "wss", None),
    ],
)
def test_the_environment_names_a_proxy_as_it_does_for_everybody(
    environment: dict[str, str], scheme: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_from_environment(scheme, "api.example", 443)
    assert (None if proxy is None else proxy.host) == expected


async def test_the_environment_counts_only_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = ConnectProxy()
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy_port}")
        for trusts in (False, True):
            stream = await open_stream(f"ws://127.0.0.1:{port}/", trust_env=trusts)
            assert await hear(stream) == b"hello"
            assert len(proxy.requests) == trusts


async def test_a_stream_that_is_handed_in_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with trio.open_nursery() as nursery:
        stream = await open_stream(
            "ws://localhost/", trust_env=True, stream_factory=peers.pipe_to(nursery, say_hello)
        )
        assert await hear(stream) == b"hello"


@pytest.mark.parametrize("port", ["99999", "a"])
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(ValueError, match="port of a proxy") as caught:
        proxy_from_url(f"http://me:{ENCODED}@proxy.example:{port}")
    assert ENCODED not in str(caught.value)

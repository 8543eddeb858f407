from __future__ import annotations

import importlib
import socket
import sys
from typing import Literal

import pytest
import trio

from tests.network.servers import (
    SocksProxy,
    client_context,
    over_tls,
    proxy_on_loopback,
    server_context,
)
from tests.shell.peers import says, tcp_peer
from trio_realtime import ConnectError, OpenAIEndpoint, open_realtime
from trio_realtime._transport import open_stream
from trio_realtime._transport._proxy import proxy_from_url
from trio_realtime.testing import serve_simulated

pytest.importorskip("python_socks", reason="python-socks is not installed")
pytestmark = pytest.mark.one_library

PASSWORD = "pass:word@proxy"
ENCODED = "pass%3Aword%40proxy"


async def say_hello(stream: trio.abc.Stream) -> None:
    await stream.receive_some()
    await stream.send_all(b"hello")
    await stream.receive_some()


async def hear(stream: trio.abc.Stream) -> bytes:
    async with stream:
        await stream.send_all(b"hello?")
        return bytes(await stream.receive_some())


@pytest.mark.parametrize(
    ("scheme", "version", "asked"),
    [
        ("socks4", 4, "127.0.0.1"),
        ("socks4a", 4, "localhost"),
        ("socks5", 5, "127.0.0.1"),
        ("socks5h", 5, "localhost"),
    ],
)
# pain 19
async def test_a_socks_proxy_leads_through_and_resolves_names_if_it_is_to(
    scheme: str, version: int, asked: str
) -> None:
    proxy, stages = SocksProxy(), list[str]()
    trio.socket.set_custom_hostname_resolver(_Loopback())
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"ws://localhost:{port}/x",
            proxy=f"{scheme}://127.0.0.1:{proxy_port}",
            on_stage=stages.append,
        )
        assert await hear(stream) == b"hello"
    assert proxy.requests == [(version, asked, port)]
    assert proxy.given == []
    assert stages == ["tcp", "proxy"]


class _Loopback(trio.abc.HostnameResolver):
    """Every name is 127.0.0.1, whatever the machine's own tables say."""

    async def getaddrinfo(self, host: object, port: object, *rest: object) -> list[object]:  # type: ignore[override]
        await trio.lowlevel.checkpoint()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise AssertionError


# pain 19
async def test_user_and_password_are_sent_decoded() -> None:
    proxy = SocksProxy(credentials=("me", PASSWORD))
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"ws://127.0.0.1:{port}/", proxy=f"socks5://me:{ENCODED}@127.0.0.1:{proxy_port}"
        )
        assert await hear(stream) == b"hello"
    assert proxy.given == [("me", PASSWORD)]


async def test_socks_4_is_told_the_user() -> None:
    proxy = SocksProxy()
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"ws://127.0.0.1:{port}/", proxy=f"socks4://me@127.0.0.1:{proxy_port}"
        )
        assert await hear(stream) == b"hello"
    assert proxy.given == [("me", "")]


# pain 19
async def test_tls_goes_through_a_socks_proxy() -> None:
    proxy, stages = SocksProxy(), list[str]()
    hello = over_tls(say_hello, server_context())
    async with tcp_peer(hello) as port, proxy_on_loopback(proxy) as proxy_port:
        stream = await open_stream(
            f"wss://localhost:{port}/",
            proxy=f"socks5h://127.0.0.1:{proxy_port}",
            ssl_context=client_context(),
            on_stage=stages.append,
        )
        assert await hear(stream) == b"hello"
    assert stages == ["tcp", "proxy", "tls"]


# pain 19
async def test_the_environment_may_name_a_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = SocksProxy()
    async with tcp_peer(say_hello) as port, proxy_on_loopback(proxy) as proxy_port:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy_port}")
        stream = await open_stream(f"ws://127.0.0.1:{port}/", trust_env=True)
        assert await hear(stream) == b"hello"
    assert proxy.requests == [(5, "127.0.0.1", port)]


async def refusal_by(proxy: SocksProxy, scheme: str = "socks5") -> ConnectError:
    async with proxy_on_loopback(proxy) as port:
        with pytest.raises(ConnectError, match="no way through the proxy") as caught:
            await open_stream("wss://192.0.2.1/", proxy=f"{scheme}://me:{ENCODED}@127.0.0.1:{port}")
        assert str(port) in str(caught.value)
    for secret in (PASSWORD, ENCODED):
        assert secret not in str(caught.value)
    return caught.value


# promise 9
async def test_a_wrong_password_is_a_connect_error_without_it() -> None:
    error = await refusal_by(SocksProxy(credentials=("me", "another")))
    assert "authentication failure. Put user and password into the proxy's URL" in str(error)


async def test_a_proxy_that_wants_a_password_says_where_it_goes() -> None:
    async with proxy_on_loopback(SocksProxy(credentials=("me", PASSWORD))) as port:
        with pytest.raises(ConnectError, match="Put user and password into"):
            await open_stream("wss://192.0.2.1/", proxy=f"socks5://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("scheme", "said"), [("socks5", "not allowed by ruleset"), ("socks4", "rejected or failed")]
)
async def test_a_refusal_is_a_connect_error(scheme: str, said: str) -> None:
    assert said in str(await refusal_by(SocksProxy(refuses=2), scheme))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x05"])
async def test_what_is_no_socks_proxy_is_a_connect_error(answer: bytes) -> None:
    async with proxy_on_loopback(says(answer)) as port:
        with pytest.raises(ConnectError, match="no way through the proxy"):
            await open_stream("wss://192.0.2.1/", proxy=f"socks5://127.0.0.1:{port}")


async def test_a_socks_proxy_that_is_not_there_is_a_connect_error() -> None:
    with trio.socket.socket() as taken:
        await taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectError, match="cannot connect to the proxy") as caught:
            await open_stream("wss://192.0.2.1/", proxy=f"socks5://me:{ENCODED}@127.0.0.1:{port}")
    assert isinstance(caught.value.__cause__, OSError)
    assert "refused" in str(caught.value)
    assert ENCODED not in str(caught.value)


class _Nowhere(trio.abc.HostnameResolver):
    async def getaddrinfo(self, *args: object, **kwargs: object) -> list[object]:  # type: ignore[override]
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise AssertionError


async def test_a_name_that_cannot_be_resolved_here_is_a_connect_error() -> None:
    trio.socket.set_custom_hostname_resolver(_Nowhere())
    async with proxy_on_loopback(SocksProxy()) as port:
        with pytest.raises(ConnectError, match="Name or service not known"):
            await open_stream("wss://api.invalid/", proxy=f"socks5://127.0.0.1:{port}")


# pain 23
async def test_a_black_hole_of_a_socks_proxy_is_left_with_the_stream_closed() -> None:
    ended = trio.Event()

    async def hole(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            scope.cancel()
        ended.set()

    scope = trio.CancelScope()
    async with tcp_peer(hole) as port:
        with scope:
            await open_stream("wss://192.0.2.1/", proxy=f"socks5://127.0.0.1:{port}")
        assert scope.cancelled_caught
        with trio.fail_after(5):
            await ended.wait()


@pytest.mark.parametrize(
    "credentials", ["me:p%C3%A4ss", f"me:{'x' * 256}", "me%00:hidden", "%0A:hidden"]
)
# promise 9
def test_a_password_that_socks_cannot_send_is_refused_unseen(credentials: str) -> None:
    with pytest.raises(ValueError, match="at most 255 visible ASCII characters") as caught:
        proxy_from_url(f"socks5://{credentials}@proxy.example")
    assert credentials.partition(":")[2] not in str(caught.value)


# pain 19
@pytest.mark.parametrize("library", ["trio-websocket", "websockets"])
async def test_a_conversation_goes_through_a_socks_proxy_with_any_transport(
    library: Literal["trio-websocket", "websockets"],
) -> None:
    proxy = SocksProxy(credentials=("me", PASSWORD))
    async with serve_simulated(reply="Hello!") as server, proxy_on_loopback(proxy) as port:
        async with open_realtime(
            "m",
            endpoint=server.endpoint,
            transport=library,
            proxy=f"socks5://me:{ENCODED}@127.0.0.1:{port}",
        ) as conn:
            async with conn.respond("Hi") as reply:
                assert "".join([piece async for piece in reply.text()]) == "Hello!"
    assert len(proxy.requests) == 1


async def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "trio_realtime._transport._socks"
    importlib.import_module(name)
    monkeypatch.setitem(sys.modules, "python_socks", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'trio-realtime\[websockets\]'"):
        async with open_realtime(
            "m",
            endpoint=OpenAIEndpoint("key", base_url="http://localhost:1"),
            proxy="socks5://127.0.0.1:1",
        ):
            raise AssertionError

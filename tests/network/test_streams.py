from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.network.servers import authority, client_context, over_tls, server_context
from tests.shell import peers
from tests.shell.peers import pipe_to, tcp_peer
from trio_realtime import DEFAULT_OPTIONS, ConnectError, Handshake
from trio_realtime._transport import open_stream, open_transport
from trio_realtime.testing._pipes import PipeStream, pipe_pair


async def say_hello(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"hello")
    await stream.receive_some()


async def hear(stream: trio.abc.Stream) -> bytes:
    async with stream:
        return bytes(await stream.receive_some())


async def test_a_plain_url_is_a_tcp_connection() -> None:
    stages: list[str] = []
    async with tcp_peer(say_hello) as port:
        stream = await open_stream(f"ws://127.0.0.1:{port}/x", on_stage=stages.append)
        assert await hear(stream) == b"hello"
    assert stages == ["tcp"]


async def test_a_closed_port_is_a_connect_error_with_its_cause() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}") as caught:
            await open_stream(f"ws://127.0.0.1:{port}/x?token=hidden")
    assert isinstance(caught.value.__cause__, OSError)
    assert "hidden" not in str(caught.value)


class _Nowhere(trio.abc.HostnameResolver):
    async def getaddrinfo(self, *args: object, **kwargs: object) -> list[object]:  # type: ignore[override]
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise AssertionError


async def test_a_name_that_nobody_knows_is_a_connect_error_with_its_cause() -> None:
    trio.socket.set_custom_hostname_resolver(_Nowhere())
    with pytest.raises(ConnectError, match="Name or service not known") as caught:
        await open_stream("wss://nowhere.invalid/")
    assert isinstance(caught.value.__cause__, socket.gaierror)


# pain 23
async def test_cancelling_while_connecting_leaves_nothing_open() -> None:
    async def never(host: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(0.01) as scope:
        await open_stream("ws://localhost/", stream_factory=never)
    assert scope.cancelled_caught


# pain 20
async def test_tls_is_put_on_tcp_and_trusts_what_the_context_trusts() -> None:
    stages: list[str] = []
    async with tcp_peer(over_tls(say_hello, server_context())) as port:
        stream = await open_stream(
            f"wss://localhost:{port}/", ssl_context=client_context(), on_stage=stages.append
        )
        assert await hear(stream) == b"hello"
    assert stages == ["tcp", "tls"]


# pain 20
async def test_the_default_context_honours_ssl_cert_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    async with tcp_peer(over_tls(say_hello, server_context())) as port:
        assert await hear(await open_stream(f"wss://127.0.0.1:{port}/")) == b"hello"


# pain 20
@pytest.mark.parametrize(
    ("server", "client", "said"),
    [
        (server_context, None, "self-signed|unable to get local issuer"),
        (lambda: server_context("other.example"), client_context, "mismatch"),
        (lambda: server_context(expired=True), client_context, "expired"),
    ],
    ids=["untrusted", "wrong host", "expired"],
)
async def test_a_bad_certificate_is_a_connect_error_that_says_what_to_do(
    server: Callable[[], ssl.SSLContext], client: Callable[[], ssl.SSLContext] | None, said: str
) -> None:
    async with tcp_peer(over_tls(say_hello, server())) as port:
        with pytest.raises(ConnectError, match=said) as caught:
            await open_stream(
                f"wss://localhost:{port}/", ssl_context=None if client is None else client()
            )
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert "ssl_context=" in str(caught.value)


@pytest.mark.parametrize(
    "peer", [peers.says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), peers.hang_up], ids=["plain", "end"]
)
async def test_a_server_without_tls_is_a_connect_error(peer: peers.Peer) -> None:
    async with tcp_peer(peer) as port:
        with pytest.raises(ConnectError, match="no TLS with"):
            await open_stream(f"wss://127.0.0.1:{port}/", ssl_context=client_context())


# pain 23
async def test_a_black_hole_during_tls_is_left_with_the_stream_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, _theirs = pipe_pair()
    stages: list[str] = []

    async def factory(host: str, port: int) -> PipeStream:
        await trio.lowlevel.checkpoint()
        return ours

    with trio.move_on_after(3) as deadline:
        await open_stream(
            "wss://localhost/",
            ssl_context=client_context(),
            stream_factory=factory,
            on_stage=stages.append,
        )
    assert deadline.cancelled_caught
    assert trio.current_time() == 3
    assert ours.closed
    assert stages == ["tcp", "tls"]


async def test_tls_is_put_on_a_stream_that_was_handed_in() -> None:
    asked: list[tuple[str, int]] = []
    async with trio.open_nursery() as nursery:
        connect = pipe_to(nursery, over_tls(peers.polite, server_context("api.example")))

        async def factory(host: str, port: int) -> PipeStream:
            asked.append((host, port))
            return await connect(host, port)

        stream = await open_stream(
            "wss://api.example/v1/realtime?model=m",
            ssl_context=client_context(),
            stream_factory=factory,
        )
        transport = await open_transport(
            nursery, stream, Handshake(url="wss://api.example/v1/realtime"), DEFAULT_OPTIONS
        )
        assert await transport.receive() == peers.SESSION_CREATED
        await transport.aclose()
        nursery.cancel_scope.cancel()
    assert asked == [("api.example", 443)]


async def test_a_stream_factory_that_fails_is_a_connect_error() -> None:
    async def broken(host: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError("no luck")

    with pytest.raises(ConnectError, match="no luck"):
        await open_stream("ws://localhost/", stream_factory=broken)


async def test_a_unix_socket_takes_the_place_of_the_host(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listener.bind(str(path))
    listener.listen(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, say_hello, [trio.SocketListener(listener)])
        assert await hear(await open_stream("ws://localhost/", unix_socket=path)) == b"hello"
        nursery.cancel_scope.cancel()


async def test_a_unix_socket_that_is_not_there_is_a_connect_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="cannot connect to the Unix socket"):
        await open_stream("ws://localhost/", unix_socket=tmp_path / "nothing")


async def test_only_one_way_to_connect_can_be_given() -> None:
    with pytest.raises(ValueError, match="exclude one another"):
        await open_stream("ws://localhost/", unix_socket="x", proxy="http://localhost")

"""Over real sockets: the ways to a server are those of `open_realtime`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.network.servers import ConnectProxy, authority, client_context, server_context
from tests.rest.servers import KEY
from trio_realtime import ConnectError, OpenAIEndpoint, accepted_call
from trio_realtime.rest import RestClient
from trio_realtime.testing import serve_simulated


async def test_a_server_on_a_port_is_asked_and_its_call_taken() -> None:
    with trio.fail_after(30):
        async with serve_simulated(api_key=KEY) as server:
            async with RestClient(OpenAIEndpoint(KEY, base_url=server.base_url)) as rest:
                assert (await rest.client_secrets.create()).value.startswith("ek_")
            call = server.ring()
            async with accepted_call(call.id, {}, endpoint=server.endpoint) as conn:
                assert (await conn.session.update(instructions="Hi.")).instructions == "Hi."
            assert call.state == "ended"


# pain 20
async def test_over_tls_the_authorities_are_read_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with trio.fail_after(30):
        async with serve_simulated(ssl_context=server_context()) as server:
            async with RestClient(OpenAIEndpoint(KEY, base_url=server.base_url)) as rest:
                await rest.client_secrets.create()
                monkeypatch.delenv("SSL_CERT_FILE")
                await rest.client_secrets.create()
            trusting = RestClient(
                OpenAIEndpoint(KEY, base_url=server.base_url), ssl_context=client_context()
            )
            async with trusting as rest:
                await rest.client_secrets.create()


async def test_a_certificate_that_is_not_accepted_is_not_tried_again() -> None:
    with trio.fail_after(30):
        async with serve_simulated(ssl_context=server_context("other.example")) as server:
            async with RestClient(
                OpenAIEndpoint(KEY, base_url=server.base_url),
                ssl_context=client_context(),
                max_retries=1_000_000,
            ) as rest:
                with pytest.raises(ConnectError, match="certificate"):
                    await rest.client_secrets.create()


async def test_requests_go_through_a_proxy_that_is_told_no_key(  # promise 9
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = ConnectProxy()
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, serve_simulated() as server:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, proxy, listeners)
            port = listeners[0].socket.getsockname()[1]
            endpoint = OpenAIEndpoint(KEY, base_url=server.base_url)
            url = f"http://user:pass-word@127.0.0.1:{port}"
            async with RestClient(endpoint, proxy=url) as rest:
                await rest.client_secrets.create()
            for variable in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(variable, raising=False)
            monkeypatch.setenv("http_proxy", url)
            async with RestClient(endpoint, trust_env=True) as rest:
                await rest.client_secrets.create()
            nursery.cancel_scope.cancel()
    assert len(proxy.requests) == 2
    assert all(KEY.encode() not in request for request in proxy.requests)


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )


def test_without_the_extra_it_is_named() -> None:
    program = "import sys; sys.modules['httpx2'] = None; import trio_realtime.rest"
    done = python(program)
    assert done.returncode == 1
    assert "ImportError: trio_realtime.rest needs httpx2" in done.stderr
    assert "trio-realtime[rest]" in done.stderr

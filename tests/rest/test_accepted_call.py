"""`accepted_call`: accepted, attached to, hung up, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
import trio
from pydantic import JsonValue
from trio.testing import MockClock

from tests.rest.servers import KEY
from trio_realtime import (
    AuthenticationError,
    AzureEndpoint,
    ConnectError,
    Handshake,
    HandshakeRejectedError,
    Options,
    RestError,
    Target,
    accepted_call,
)
from trio_realtime.testing import SimulatedServer

SESSION: Final[dict[str, JsonValue]] = {"model": "gpt-realtime-2.1", "instructions": "Hello."}


def refusing(
    server: SimulatedServer, part: str, act: Callable[[], Awaitable[None]], *, times: int = 1_000
) -> Callable[[str, int], Awaitable[trio.abc.Stream]]:
    """A way to the server on which `act` comes before each request whose path has this part."""
    left = times

    async def connect(host: str, port: int) -> trio.abc.Stream:
        return _Watching(await server.connect(host, port))

    class _Watching(trio.abc.Stream):
        def __init__(self, stream: trio.abc.Stream) -> None:
            self.stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            nonlocal left
            if part.encode() in bytes(data).partition(b"\r\n")[0] and left:
                left -= 1
                try:
                    await act()
                except trio.BrokenResourceError:
                    # Who cannot send any more receives nothing any more.
                    await trio.aclose_forcefully(self.stream)
                    raise
            await self.stream.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await self.stream.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self.stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self.stream.aclose()

    return connect


async def lost() -> None:
    await trio.lowlevel.checkpoint()
    raise trio.BrokenResourceError


async def test_a_call_is_accepted_attached_to_and_hung_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer(reply="Hello!", api_key=KEY) as server:
        call = server.ring()
        async with accepted_call(call.id, SESSION, endpoint=server.endpoint, mirror=True) as conn:
            assert call.state == "active"
            assert call.config == {"type": "realtime", **SESSION}
            async with conn.respond() as reply:
                await reply.result()
            assert conn.conversation.items
            assert server.sessions[0].session["instructions"] == "Hello."
        assert call.state == "ended"
        assert server.sessions[0].closed


async def test_a_caller_who_hangs_up_ends_the_stream_and_is_no_error(  # pain 41
    autojump_clock: MockClock,
) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        async with accepted_call(call.id, SESSION, endpoint=server.endpoint) as conn:
            call.hang_up()
            assert [event async for event in conn] == []
        assert call.state == "ended"


async def test_a_call_that_the_block_fails_in_is_hung_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        with pytest.RaisesGroup(KeyError):
            async with accepted_call(call.id, SESSION, endpoint=server.endpoint):
                raise KeyError("mine")
        assert call.state == "ended"


async def test_a_call_that_is_cancelled_is_hung_up(autojump_clock: MockClock) -> None:  # promise 1
    async with SimulatedServer() as server:
        call = server.ring()
        with trio.move_on_after(5) as scope:
            async with accepted_call(call.id, SESSION, endpoint=server.endpoint):
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert call.state == "ended"


async def test_a_caller_who_has_hung_up_before_is_told(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        call.hang_up()
        with pytest.raises(RestError) as caught:
            async with accepted_call(call.id, SESSION, endpoint=server.endpoint):
                raise AssertionError
    assert caught.value.status_code == 404
    assert caught.value.code == "call_id_not_found"


async def test_a_call_that_cannot_be_attached_to_is_hung_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        server.refuse_connection(503)
        with pytest.raises(HandshakeRejectedError):
            async with accepted_call(call.id, SESSION, endpoint=server.endpoint):
                raise AssertionError
        assert call.state == "ended"


async def test_a_call_that_is_refused_is_not_hung_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        call = server.ring()
        with pytest.raises(RestError, match="Invalid value"):
            async with accepted_call(call.id, {"type": "poem"}, endpoint=server.endpoint):
                raise AssertionError
        assert call.state == "ringing"
        other = type(server.endpoint)(server.base_url, "sk-another-key-01234", server.connect)
        with pytest.raises(AuthenticationError):
            async with accepted_call(call.id, SESSION, endpoint=other):
                raise AssertionError
        assert call.state == "ringing"


async def test_a_call_that_may_have_been_accepted_is_hung_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        call = server.ring()

        async def accept() -> None:
            # What the request asks for is done; its answer is lost.
            begins = server.create_call().begins
            assert begins is not None
            call.accept(begins)
            await lost()

        reach = refusing(server, "/accept", accept, times=1)
        with pytest.raises(RestError, match="cannot be accepted") as caught:
            async with accepted_call(
                call.id, SESSION, endpoint=server.endpoint, stream_factory=reach
            ):
                raise AssertionError
        assert caught.value.uncertain
        assert call.state == "ended"


async def test_accepting_that_is_cancelled_hangs_up(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        reach = refusing(server, "/accept", trio.sleep_forever)
        with trio.move_on_after(5) as scope:
            async with accepted_call(
                call.id, SESSION, endpoint=server.endpoint, stream_factory=reach
            ):
                raise AssertionError
        assert scope.cancelled_caught
        assert call.state == "ended"


async def test_hanging_up_that_fails_is_told_when_nothing_else_is(
    autojump_clock: MockClock,
) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        reach = refusing(server, "/hangup", lost)
        with pytest.RaisesGroup(pytest.RaisesExc(RestError, match="no answer that can be read")):
            async with accepted_call(
                call.id, SESSION, endpoint=server.endpoint, stream_factory=reach
            ):
                pass
        assert call.state == "active"


async def test_hanging_up_that_is_refused_is_told(autojump_clock: MockClock) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        call = server.ring()
        endpoint = server.endpoint
        keys = [KEY, KEY, "sk-revoked-0123456789"]

        class Revoked:
            async def handshake(self, target: object) -> object:
                current = type(endpoint)(server.base_url, keys.pop(0), server.connect)
                return await current.handshake(target)  # type: ignore[arg-type]

        with pytest.RaisesGroup(AuthenticationError):
            async with accepted_call(call.id, SESSION, endpoint=Revoked()):  # type: ignore[arg-type]
                pass
        assert call.state == "active"


async def test_hanging_up_has_a_deadline(autojump_clock: MockClock) -> None:  # promise 7
    async with SimulatedServer() as server:
        call = server.ring()
        began = 0.0
        reach = refusing(server, "/hangup", trio.sleep_forever)
        with pytest.RaisesGroup(pytest.RaisesExc(RestError, match="no answer within 3 s")):
            async with accepted_call(
                call.id,
                SESSION,
                endpoint=server.endpoint,
                stream_factory=reach,
                options=Options(hangup_timeout=3),
            ):
                began = trio.current_time()
        assert 3 <= trio.current_time() - began <= 4


@pytest.mark.parametrize("fails", [lost, trio.sleep_forever], ids=["lost", "silent"])
async def test_hanging_up_that_fails_as_well_is_in_the_log(
    fails: Callable[[], Awaitable[None]],
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        reach = refusing(server, "/hangup", fails)
        with caplog.at_level(logging.WARNING, "trio_realtime"):
            with pytest.RaisesGroup(KeyError):
                async with accepted_call(
                    call.id, SESSION, endpoint=server.endpoint, stream_factory=reach
                ):
                    raise KeyError("mine")
    assert f"the call {call.id} was not hung up: no answer" in caplog.text


async def test_a_server_that_is_gone_does_not_hide_what_the_block_raised(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    server = SimulatedServer()
    call = server.ring()
    with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        async with server:
            reach = refusing(server, "/hangup", lost)
            async with accepted_call(
                call.id, SESSION, endpoint=server.endpoint, stream_factory=reach
            ):
                raise KeyError("mine")
    with pytest.raises(ConnectError):
        async with accepted_call(call.id, SESSION, endpoint=server.endpoint):
            raise AssertionError


async def test_a_deployment_cannot_be_attached_to() -> None:
    endpoint = AzureEndpoint("http://localhost", api_key=KEY, deployment="d")
    with pytest.raises(ValueError, match="without deployment="):
        async with accepted_call("rtc_1", SESSION, endpoint=endpoint):
            raise AssertionError


async def test_without_an_endpoint_the_environment_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        async with accepted_call("rtc_1", SESSION):
            raise AssertionError


async def test_an_id_that_is_none_is_refused() -> None:
    async with SimulatedServer() as server:
        with pytest.raises(ValueError, match="call_id is empty"):
            async with accepted_call("", SESSION, endpoint=server.endpoint):
                raise AssertionError
        with pytest.raises(TypeError, match="a mapping, not str"):
            async with accepted_call(server.ring().id, "m", endpoint=server.endpoint):  # type: ignore[arg-type]
                raise AssertionError
        assert server.calls[0].state == "ringing"


@pytest.mark.parametrize(
    ("mistake", "kind", "complaint"),
    [
        ({"errors": "ignore"}, ValueError, "errors must be"),
        ({"transport": "pigeon"}, ValueError, "transport must be"),
        ({"dialect": "beta"}, TypeError, "there is no argument 'dialect'"),
    ],
)
async def test_a_mistake_in_the_arguments_is_told_before_the_call_is_accepted(
    mistake: dict[str, object], kind: type[Exception], complaint: str
) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        with pytest.raises(kind, match=complaint):
            async with accepted_call(call.id, SESSION, endpoint=server.endpoint, **mistake):  # type: ignore[arg-type]
                raise AssertionError
        assert call.state == "ringing"


async def test_what_an_endpoint_raises_at_hanging_up_is_in_a_group_or_in_the_log(  # promise 9
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        asked = 0

        class Vault:
            async def handshake(self, target: Target) -> Handshake:
                nonlocal asked
                asked += 1
                if asked == 3:
                    raise OSError(f"the vault is closed to {KEY}")
                return await server.endpoint.handshake(target)

        with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="vault"), match="not hung up"):
            async with accepted_call(call.id, SESSION, endpoint=Vault()):
                pass
        asked = 0
        call = server.ring()
        with caplog.at_level(logging.WARNING, "trio_realtime"), pytest.RaisesGroup(KeyError):
            async with accepted_call(call.id, SESSION, endpoint=Vault()):
                raise KeyError("mine")
    assert f"the call {call.id} was not hung up: the vault is closed to [redacted]" in caplog.text

"""`transport=` and `compression=`: which library carries the frames, or whose transport."""

from __future__ import annotations

from typing import Any, Literal, cast

import pytest
import trio

from trio_realtime import (
    DEFAULT_OPTIONS,
    ConnectError,
    Handshake,
    OpenAIEndpoint,
    Options,
    Transport,
    open_realtime,
)
from trio_realtime._transport import open_transport
from trio_realtime.testing import SimulatedServer

pytestmark = pytest.mark.one_library

NOWHERE = OpenAIEndpoint("key", base_url="http://localhost:1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"transport": "webrtc"}, "transport must be .* not 'webrtc'"),
        ({"compression": "gzip", "transport": "websockets"}, 'compression must be "deflate"'),
        ({"compression": "deflate"}, 'compression="deflate" needs transport="websockets"'),
        ({"compression": "deflate", "transport": open_transport}, "needs transport="),
    ],
)
async def test_what_there_is_not_is_refused_before_anything_is_opened(
    arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        async with cast("Any", open_realtime)("m", endpoint=NOWHERE, **arguments):
            raise AssertionError


async def test_a_function_can_make_the_transport() -> None:
    asked: list[tuple[str, Options]] = []

    async def mine(
        nursery: trio.Nursery, stream: trio.abc.Stream, handshake: Handshake, options: Options
    ) -> Transport:
        asked.append((handshake.url, options))
        return await open_transport(nursery, stream, handshake, options)

    async with SimulatedServer("Hello!") as server:
        async with open_realtime("m", endpoint=server.endpoint, transport=mine) as conn:
            assert (await conn.receive()).type == "session.created"
            assert conn.statistics().frames_in == 1
    ((url, options),) = asked
    assert url.endswith("/realtime?model=m")
    assert options is DEFAULT_OPTIONS


async def test_what_such_a_function_raises_is_why_the_connection_could_not_be_opened() -> None:
    refused = ConnectError("out of order", url="ws://localhost")

    async def refuses(
        nursery: trio.Nursery, stream: trio.abc.Stream, handshake: Handshake, options: Options
    ) -> Transport:
        await trio.aclose_forcefully(stream)
        raise refused

    async with SimulatedServer() as server:
        with pytest.raises(ConnectError) as caught:
            async with open_realtime("m", endpoint=server.endpoint, transport=refuses):
                raise AssertionError
    assert caught.value is refused


@pytest.mark.parametrize("library", ["trio-websocket", "websockets"])
async def test_a_library_is_chosen_by_its_name(library: str) -> None:
    if library == "websockets":
        pytest.importorskip("websockets")
    async with SimulatedServer("Hello!") as server:
        name = cast("Literal['trio-websocket', 'websockets']", library)
        async with open_realtime("m", endpoint=server.endpoint, transport=name) as conn:
            async with conn.respond("Hi") as reply:
                assert "".join([piece async for piece in reply.text()]) == "Hello!"

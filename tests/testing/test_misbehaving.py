"""Clients that misbehave: whatever they do, their session ends and nothing of the server's does."""

from __future__ import annotations

import base64
import json
import struct

import pytest
import trio
import trio.testing

from tests.testing.raw import raw_client
from trio_realtime.testing import SimulatedServer, SimulatedSession

pytestmark = pytest.mark.one_library

UPGRADE = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, CLOSE, PING = 0x81, 0x88, 0x89


def masked(opcode: int, payload: bytes = b"") -> bytes:
    """A frame of a client's, its mask all zeros."""
    length = struct.pack(">BH", 254, len(payload)) if len(payload) > 125 else b""
    return bytes([opcode]) + (length or bytes([128 + len(payload)])) + bytes(4) + payload


ITEM = masked(
    TEXT, json.dumps({"type": "conversation.item.create", "item": {"type": "nonsense"}}).encode()
)


async def upgraded(server: SimulatedServer) -> tuple[trio.abc.Stream, SimulatedSession]:
    stream = await server.connect()
    await stream.send_all(UPGRADE)
    await stream.receive_some()
    return stream, server.sessions[-1]


async def test_a_client_that_reads_only_after_its_close_gets_one_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        stream, session = await upgraded(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, ITEM * 60 + masked(CLOSE, b"\x03\xe8"))
            await trio.testing.wait_all_tasks_blocked()
            data = b""
            with trio.fail_after(60):
                while piece := await stream.receive_some():
                    data += piece
                await session.wait_closed()
        assert data.endswith(b"\x88\x02\x03\xe8")
        assert len(session.received) == 60


async def test_a_client_that_vanishes_with_much_unread_ends_its_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        stream, session = await upgraded(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, ITEM * 1000)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert 0 < len(session.received) < 1000  # the server waits, for nobody reads
        await stream.aclose()
        with trio.fail_after(60):
            await session.wait_closed()
        session.push({"type": "late"})
        session.send_raw("later")
        assert not session._simulation.outbox


async def test_a_message_above_what_is_kept_is_there_to_be_looked_at() -> None:
    audio = base64.b64encode(bytes(13 * 2**20)).decode()  # 17.3 MiB, and within the limit
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        await client.send("input_audio_buffer.append", audio=audio)
        (session,) = server.sessions
        with trio.fail_after(60):
            frame = await session.wait_for("input_audio_buffer.append")
        assert session.received == [frame]


@pytest.mark.parametrize("ends", ["close", "expire", "fail"])
async def test_nothing_is_said_once_the_session_is_over_and_what_came_first_counts(
    ends: str,
) -> None:
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        (session,) = server.sessions
        if ends == "close":
            session.close(1012, "restart")
        elif ends == "expire":
            session.expire()
        else:
            session.fail("out_of_order")
        session.push({"type": "rate_limits.updated", "rate_limits": []})
        session.send_raw("nothing")
        session.hears("Hello?")
        session.close(1000)
        session.expire()
        session.fail("something_else")
        closed = await client.to_the_end()
        kinds = [frame["type"] for frame in client.frames]
        assert kinds == ["session.created"] + ["error"] * (ends != "close")
        assert closed.code == {"close": 1012, "expire": 1001, "fail": 4000}[ends]

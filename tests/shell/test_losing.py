from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from tests.shell.peers import SESSION_CREATED, Peer, close, pipe_to, text, upgraded
from trio_realtime import ConnectionClosedError, Handshake, Options, Target, open_realtime
from trio_realtime._transport._server import ServerWebSocket


class PeerEndpoint:
    """Leads to a misbehaving peer that takes a thousand bytes and no more."""

    def __init__(self, nursery: trio.Nursery, peer: Peer) -> None:
        self._nursery = nursery
        self._peer = peer

    async def handshake(self, target: Target) -> Handshake:
        connect = pipe_to(self._nursery, self._peer, capacity=(1000, 65536))
        return Handshake(url="ws://localhost/v1/realtime?model=m", stream_factory=connect)


@upgraded
async def talks_without_reading_and_closes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    await ws.send(SESSION_CREATED)
    await trio.sleep(1)
    words = [text(json.dumps({"type": "of.tomorrow", "number": number})) for number in range(50)]
    # One segment, so that the end is known before anything in front of it was taken.
    await stream.send_all(b"".join(words) + close(3000, "enough"))
    await trio.sleep_forever()


# promise 2
@pytest.mark.parametrize("inbox_bytes", [30_000, 64 * 1024 * 1024], ids=["paused", "reading"])
async def test_a_send_is_told_of_a_close_and_every_event_before_it_is_still_delivered(
    inbox_bytes: int, autojump_clock: trio.testing.MockClock
) -> None:
    told_at: list[float] = []
    seen: list[str] = []
    async with trio.open_nursery() as peers:
        endpoint = PeerEndpoint(peers, talks_without_reading_and_closes)
        options = Options(inbox_bytes=inbox_bytes)
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime("m", endpoint=endpoint, options=options) as conn:
                assert (await conn.receive()).type == "session.created"
                with pytest.raises(ConnectionClosedError) as caught:
                    await conn.send({"type": "input_audio_buffer.append", "audio": "A" * 100_000})
                info = caught.value.info
                assert (info.code, info.closed_by) == (3000, "server")
                told_at.append(trio.current_time())
                async for event in conn:
                    seen.append(event.type)
        peers.cancel_scope.cancel()
    # Out here: inside, an early loss would look like the one that is expected.
    assert seen == ["<unknown>"] * 50
    assert told_at == [pytest.approx(1)]

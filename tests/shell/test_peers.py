"""Every peer that misbehaves, in virtual time: the documented error at the documented deadline."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.shell.misbehaviour import CASES, Case
from tests.shell.peers import pipe_to, tcp_peer
from trio_realtime.testing._pipes import PipeStream


async def _nowhere(host: str, port: int) -> PipeStream:
    await trio.sleep_forever()
    raise AssertionError


# pain 5; pain 23
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.clock != "real"], ids=lambda case: case.name
)
async def test_a_misbehaving_peer_is_left_at_the_documented_deadline(
    autojump_clock: trio.testing.MockClock, case: Case
) -> None:
    streams: list[PipeStream] = []
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        if case.way == "proxy":
            # A proxy is reached through a real socket, which needs a real moment to connect.
            autojump_clock.autojump_threshold = 0.1
            async with tcp_peer(case.peer) as port:
                await case.meet(port)
        elif case.way == "nowhere":
            await case.meet(stream_factory=_nowhere)
        else:
            connect = pipe_to(nursery, case.peer)

            async def factory(host: str, port: int) -> PipeStream:
                streams.append(await connect(host, port))
                return streams[0]

            await case.meet(stream_factory=factory)
        assert trio.current_time() - began == pytest.approx(case.takes, abs=0.01)
        # promise 1
        assert all(stream.is_closed for stream in streams)
        nursery.cancel_scope.cancel()

"""An hour of a call in virtual time: `python -m benchmarks.clients.hour JSON`.

The peer is an in-memory link with prepared frames, so that all memory that grows is the client's.
Every 100 ms audio is sent; every six seconds a turn of 46 or so events is answered.
"""

import gc
import tracemalloc

import trio
import trio.testing

from benchmarks import frames
from benchmarks.clients import gauge
from trio_realtime import open_realtime
from trio_realtime.events import ResponseDone, ResponseOutputAudioDelta
from trio_realtime.testing import PipeStream, pipe_pair

TURN_SECONDS = 6


class Peer:
    """The other end of the link."""

    def __init__(self):
        self.near, self.far = pipe_pair()

    async def connect(self, _host, _port) -> PipeStream:
        return self.near

    async def shake_hands(self):
        request = b""
        while b"\r\n\r\n" not in request:
            request += await self.far.receive_some()
        lines = [line.partition(b":") for line in request.split(b"\r\n")]
        keys = [value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key"]
        await self.far.send_all(frames.upgrade(keys[0]))

    async def read(self):
        while await self.far.receive_some():
            pass

    async def answer(self):
        start = trio.current_time()
        for number in range(10**9):
            await trio.sleep_until(start + TURN_SECONDS * number)
            await self.far.send_all(b"".join(frames.turn(number)))

    async def serve(self):
        await self.shake_hands()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.read)
            nursery.start_soon(self.answer)


async def speak(conn):
    while True:
        await conn.input_audio_buffer.append(frames.PCM_100_MS)
        await trio.sleep(0.1)


async def listen(conn):
    size = turns = 0
    async for event in conn:
        match event:
            case ResponseOutputAudioDelta(delta=delta):
                size += len(delta)
            case ResponseDone():
                turns += 1
            case _:
                pass


async def main(minutes, transport=None):
    options = {} if transport is None else {"transport": transport}
    peer, marks = Peer(), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.serve)
        async with open_realtime("load", stream_factory=peer.connect, **options) as conn:
            nursery.start_soon(speak, conn)
            nursery.start_soon(listen, conn)
            start = trio.current_time()
            for part in range(1, 7):  # a half turn off, so that every mark sees the same
                await trio.sleep_until(start + part * minutes * 10 + TURN_SECONDS / 2)
                gc.collect()
                marks.append((tracemalloc.get_traced_memory()[0], gauge.memory()))
            gauge.report_and_stop(
                {
                    "growth": marks[-1][0] / marks[0][0],
                    "growth_resident": marks[-1][1] / marks[0][1],
                    "traced": marks[-1][0],
                    "memory": marks[-1][1],
                }
            )


if __name__ == "__main__":
    work = gauge.work()
    tracemalloc.start()
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(lambda: main(**work), clock=clock)

"""trio_realtime under load: `python rival_ours.py LOAD COUNT` prints the seconds it took.

Needs OPENAI_API_KEY and OPENAI_BASE_URL.
"""

import os
import sys
import time

import trio

from trio_realtime import open_realtime
from trio_realtime.events import ResponseDone, ResponseOutputAudioDelta, ResponseOutputTextDelta

PCM_20_MS = bytes(n * 7 % 256 for n in range(960))


async def receive(conn, load, count):
    cls = {
        "text": ResponseOutputTextDelta,
        "audio": ResponseOutputAudioDelta,
        "done": ResponseDone,
    }[load]
    size = left = 0
    started = time.perf_counter()
    await conn.response.create()
    left = count
    async for event in conn:
        if isinstance(event, cls):
            if load != "done":
                size += len(event.delta)
            left -= 1
            if not left:
                break
    return time.perf_counter() - started


async def append(conn, count):
    await conn.response.create()  # starts the load
    started = time.perf_counter()
    for _ in range(count):
        await conn.input_audio_buffer.append(PCM_20_MS)
    await conn.input_audio_buffer.commit()
    return time.perf_counter() - started


async def ours(load, count):
    async with open_realtime(f"{load}-{count}") as conn:
        took = await (append(conn, count) if load == "append" else receive(conn, load, count))
    print(took)


async def bare(count):
    """The transport alone: what trio-websocket takes for the text load, its text left unread."""
    from trio_websocket import open_websocket_url

    url = os.environ["OPENAI_BASE_URL"].replace("http", "ws", 1)
    async with open_websocket_url(f"{url}/realtime?model=text-{count}") as socket:
        await socket.get_message()
        started = time.perf_counter()
        await socket.send_message("{}")
        for _ in range(count):
            await socket.get_message()
        print(time.perf_counter() - started)


if __name__ == "__main__":
    name, number = sys.argv[1], int(sys.argv[2])
    if name == "bare":
        trio.run(bare, number)
    else:
        trio.run(ours, name, number)

"""openai-python: `python -m benchmarks.clients.openai_python JSON` prints what the work took.

Runs in an interpreter that has `openai[realtime]`, and needs nothing of ours but `frames`.
"""

import asyncio
import base64
import time

from openai import AsyncOpenAI

from benchmarks import frames
from benchmarks.clients import gauge

TYPES = {
    "text": frames.TEXT,
    "audio": frames.AUDIO,
    "sized": frames.AUDIO,
    "done": frames.DONE,
}


def encoded(pcm):
    return base64.b64encode(pcm).decode()


async def receive(connect, load, count, size=None):
    wanted, is_audio = TYPES[load], TYPES[load] == frames.AUDIO
    name = f"{load}-{count}" if size is None else f"{load}-{count}-{size}"
    async with connect(name) as conn:
        total, left = 0, count
        watch = gauge.Watch()
        await conn.input_audio_buffer.append(audio=encoded(frames.PCM_20_MS))  # starts the load
        async for event in conn:
            if event.type == wanted:
                if is_audio:
                    total += len(base64.b64decode(event.delta))
                elif load == "text":
                    total += len(event.delta)
                left -= 1
                if not left:
                    break
        return watch.stop(count)


async def mix(connect, count):
    async with connect(f"mix-{count}") as conn:
        audio, text, left = 0, "", count
        watch = gauge.Watch()
        await conn.input_audio_buffer.append(audio=encoded(frames.PCM_20_MS))
        async for event in conn:
            match event.type:
                case frames.AUDIO:
                    audio += len(base64.b64decode(event.delta))
                case frames.DONE:
                    text = event.response.output[0].content[0].transcript
                case "session.created":
                    continue
            left -= 1
            if not left:
                break
        assert text
        return watch.stop(count)


async def start(connect):
    """Tell what this process has used when it has heard one turn: imports and all."""
    await mix(connect, frames.TURN_EVENTS)
    return {"cpu": time.process_time()}


async def warm_up(connect):
    """Have everything loaded that is loaded once: that is the cost of `start`."""
    await mix(connect, frames.TURN_EVENTS)
    await receive(connect, "text", 100)
    await append(connect, 100, 960)


async def append(connect, count, size):
    pcm = bytes(size)
    async with connect("append") as conn:
        watch = gauge.Watch()
        for _ in range(count):
            await conn.input_audio_buffer.append(audio=encoded(pcm))
        await conn.input_audio_buffer.commit()
        async for event in conn:
            if event.type == "input_audio_buffer.committed":
                break
        return watch.stop(count)


async def connections(connect, count):
    wall = cpu = 0.0
    for _ in range(count):
        watch = gauge.Watch()
        async with connect("connect") as conn:
            await conn.recv()
            took = watch.stop(count)
        wall, cpu = wall + took["each"], cpu + took["cpu"]
    return {"each": wall, "cpu": cpu}


async def echo(connect, count, rate):
    took = []
    async with connect("echo") as conn:
        await conn.recv()
        start = time.monotonic()
        for n in range(count):
            await asyncio.sleep(max(0.0, start + n / rate - time.monotonic()))
            sent = time.perf_counter()
            await conn.input_audio_buffer.append(audio=encoded(frames.PCM_20_MS))
            event = await conn.recv()
            assert base64.b64decode(event.delta)
            took.append(time.perf_counter() - sent)
    return gauge.latencies(took)


async def idle(connect, sessions):
    async def one(started):
        async with connect("idle") as conn:
            async for _ in conn:
                started.set_result(None)

    async def start():
        started = asyncio.get_running_loop().create_future()
        tasks.append(asyncio.create_task(one(started)))
        await asyncio.wait([started, tasks[-1]], return_when=asyncio.FIRST_COMPLETED)

    tasks = []
    await start()  # what is loaded once is not a connection's memory
    before = gauge.memory()
    for _ in range(sessions):
        await start()
    gauge.report_and_stop({"memory": (gauge.memory() - before) / sessions})


async def talk(conn, seconds, ended):
    start = time.monotonic()
    for n in range(seconds * frames.APPENDS_PER_SECOND):
        await asyncio.sleep(max(0.0, start + n / frames.APPENDS_PER_SECOND - time.monotonic()))
        await conn.input_audio_buffer.append(audio=encoded(frames.PCM_20_MS))
    ended.release()


async def sessions(connect, sessions, seconds):
    go, ended = asyncio.Event(), asyncio.Semaphore(0)
    tasks = []

    async def one(started):
        size = 0
        async with connect(f"session-{seconds}") as conn:
            started.set_result(None)
            await go.wait()
            talking = asyncio.create_task(talk(conn, seconds, ended))
            async for event in conn:
                match event.type:
                    case frames.AUDIO:
                        size += len(base64.b64decode(event.delta))
                    case frames.DONE:
                        ended.release()
            await talking

    before = gauge.memory()
    for _ in range(sessions):
        started = asyncio.get_running_loop().create_future()
        tasks.append(asyncio.create_task(one(started)))
        await asyncio.wait([started, tasks[-1]], return_when=asyncio.FIRST_COMPLETED)
    watch = gauge.Watch()
    go.set()
    for _ in range(2 * sessions):  # all is heard, and all is said
        await ended.acquire()
    took = watch.stop(sessions * seconds)
    gauge.report_and_stop(took | {"memory": (gauge.memory() - before) / sessions})


LOADS = {
    "text": receive,
    "audio": receive,
    "done": receive,
    "sized": receive,
    "mix": mix,
    "start": start,
    "append": append,
    "connect": connections,
    "echo": echo,
    "idle": idle,
    "sessions": sessions,
}


async def main(load, **numbers):
    client = AsyncOpenAI()

    def connect(name):
        options = {"max_size": 64 * 1024 * 1024}
        return client.realtime.connect(model=name, websocket_connection_options=options)

    if load in TYPES:
        numbers["load"] = load
    if load != "start":
        await warm_up(connect)
    gauge.report(await LOADS[load](connect, **numbers))


if __name__ == "__main__":
    asyncio.run(main(**gauge.work()))

"""trio_realtime: `python -m benchmarks.clients.ours JSON` prints what the work took."""

import time

import trio

from benchmarks import frames
from benchmarks.clients import gauge
from trio_realtime import open_realtime
from trio_realtime.events import (
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    SessionCreated,
)

CLASSES = {
    "text": ResponseOutputTextDelta,
    "audio": ResponseOutputAudioDelta,
    "sized": ResponseOutputAudioDelta,
    "done": ResponseDone,
}


async def receive(connect, load, count, size=None):
    cls = CLASSES[load]
    name = f"{load}-{count}" if size is None else f"{load}-{count}-{size}"
    async with connect(name) as conn:
        total, left = 0, count
        watch = gauge.Watch()
        await conn.input_audio_buffer.append(frames.PCM_20_MS)  # starts the load
        async for event in conn:
            if isinstance(event, cls):
                if load != "done":
                    total += len(event.delta)
                left -= 1
                if not left:
                    break
        return watch.stop(count)


async def mix(connect, count):
    async with connect(f"mix-{count}") as conn:
        audio, text, left = 0, "", count
        watch = gauge.Watch()
        await conn.input_audio_buffer.append(frames.PCM_20_MS)
        async for event in conn:
            match event:
                case ResponseOutputAudioDelta(delta=delta):
                    audio += len(delta)
                case ResponseDone(response=response):
                    text = response.output[0].content[0].transcript
                case SessionCreated():
                    continue
                case _:
                    pass
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
            await conn.input_audio_buffer.append(pcm)
        await conn.input_audio_buffer.commit()
        return watch.stop(count)


async def connections(connect, count):
    wall = cpu = 0.0
    for _ in range(count):
        watch = gauge.Watch()
        async with connect("connect") as conn:
            await conn.receive()
            took = watch.stop(count)
        wall, cpu = wall + took["each"], cpu + took["cpu"]
    return {"each": wall, "cpu": cpu}


async def echo(connect, count, rate):
    took = []
    async with connect("echo") as conn:
        await conn.receive()
        start = trio.current_time()
        for n in range(count):
            await trio.sleep_until(start + n / rate)
            sent = time.perf_counter()
            await conn.input_audio_buffer.append(frames.PCM_20_MS)
            event = await conn.receive()
            assert isinstance(event, ResponseOutputAudioDelta)
            took.append(time.perf_counter() - sent)
    return gauge.latencies(took)


async def idle(connect, sessions):
    async def one(task_status):
        async with connect("idle") as conn:
            async for event in conn:
                if isinstance(event, SessionCreated):
                    task_status.started()

    async with trio.open_nursery() as nursery:
        await nursery.start(one)  # what is loaded once is not a connection's memory
        before = gauge.memory()
        for _ in range(sessions):
            await nursery.start(one)
        gauge.report_and_stop({"memory": (gauge.memory() - before) / sessions})


async def talk(conn, seconds, ended):
    start = trio.current_time()
    for n in range(seconds * frames.APPENDS_PER_SECOND):
        await trio.sleep_until(start + n / frames.APPENDS_PER_SECOND)
        await conn.input_audio_buffer.append(frames.PCM_20_MS)
    ended.release()


async def sessions(connect, sessions, seconds):
    go, ended = trio.Event(), trio.Semaphore(0)

    async def one(task_status):
        size = 0
        async with connect(f"session-{seconds}") as conn, trio.open_nursery() as nursery:
            task_status.started()
            await go.wait()
            nursery.start_soon(talk, conn, seconds, ended)
            async for event in conn:
                match event:
                    case ResponseOutputAudioDelta(delta=delta):
                        size += len(delta)
                    case ResponseDone():
                        ended.release()
                    case _:
                        pass

    async with trio.open_nursery() as nursery:
        before = gauge.memory()
        for _ in range(sessions):
            await nursery.start(one)
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


async def main(load, transport=None, **numbers):
    options = {} if transport is None else {"transport": transport}

    def connect(name):
        return open_realtime(name, **options)

    if load in CLASSES:
        numbers["load"] = load
    if load != "start":
        await warm_up(connect)
    gauge.report(await LOADS[load](connect, **numbers))


if __name__ == "__main__":
    trio.run(lambda: main(**gauge.work()))

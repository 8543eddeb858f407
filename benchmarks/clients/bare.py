"""The floor: a WebSocket library with nothing on top, its messages left unread.

`python -m benchmarks.clients.bare JSON` prints what the work took. The library is trio-websocket or
`websockets.trio`; with `socket` it is nothing but a socket, which shows what the server can do.
"""

import base64
import contextlib
import socket
import time

import trio

from benchmarks import frames
from benchmarks.clients import gauge

APPEND = '{"type":"input_audio_buffer.append","audio":"%s"}'
COMMIT = '{"type":"input_audio_buffer.commit"}'
MOST = 64 * 1024 * 1024


@contextlib.asynccontextmanager
async def trio_websocket(url):
    from trio_websocket import open_websocket_url

    async with open_websocket_url(url, max_message_size=MOST) as ws:
        yield ws.get_message, ws.send_message


@contextlib.asynccontextmanager
async def websockets(url):
    from websockets.trio.client import connect

    async with connect(url, max_size=MOST) as ws:
        yield ws.recv, ws.send


def appended(pcm):
    return APPEND % base64.b64encode(pcm).decode()


async def receive(connect, load, count, size=None):
    name = f"{load}-{count}" if size is None else f"{load}-{count}-{size}"
    async with connect(name) as (get, put):
        await get()
        watch = gauge.Watch()
        await put(appended(frames.PCM_20_MS))  # starts the load
        for _ in range(count if load == "mix" else 1 + count):  # a `response.created` before
            await get()
        return watch.stop(count)


async def start(connect):
    """Tell what this process has used when it has heard one turn: imports and all."""
    await receive(connect, "mix", frames.TURN_EVENTS)
    return {"cpu": time.process_time()}


async def warm_up(connect):
    """Have everything loaded that is loaded once: that is the cost of `start`."""
    await receive(connect, "text", 100)
    await append(connect, 100, 960)


async def append(connect, count, size):
    pcm = bytes(size)
    async with connect("append") as (get, put):
        await get()
        watch = gauge.Watch()
        for _ in range(count):
            await put(appended(pcm))
        await put(COMMIT)
        await get()
        return watch.stop(count)


async def connections(connect, count):
    wall = cpu = 0.0
    for _ in range(count):
        watch = gauge.Watch()
        async with connect("connect") as (get, _):
            await get()
            took = watch.stop(count)
        wall, cpu = wall + took["each"], cpu + took["cpu"]
    return {"each": wall, "cpu": cpu}


async def echo(connect, count, rate):
    took = []
    async with connect("echo") as (get, put):
        await get()
        start = trio.current_time()
        for n in range(count):
            await trio.sleep_until(start + n / rate)
            sent = time.perf_counter()
            await put(appended(frames.PCM_20_MS))
            await get()
            took.append(time.perf_counter() - sent)
    return gauge.latencies(took)


async def idle(connect, sessions):
    async def one(task_status):
        async with connect("idle") as (get, _):
            await get()
            task_status.started()
            await get()

    async with trio.open_nursery() as nursery:
        await nursery.start(one)  # what is loaded once is not a connection's memory
        before = gauge.memory()
        for _ in range(sessions):
            await nursery.start(one)
        gauge.report_and_stop({"memory": (gauge.memory() - before) / sessions})


async def talk(put, seconds, ended):
    start = trio.current_time()
    for n in range(seconds * frames.APPENDS_PER_SECOND):
        await trio.sleep_until(start + n / frames.APPENDS_PER_SECOND)
        await put(appended(frames.PCM_20_MS))
    ended.release()


async def sessions(connect, sessions, seconds):
    go, ended = trio.Event(), trio.Semaphore(0)

    async def one(task_status):
        async with connect(f"session-{seconds}") as (get, put), trio.open_nursery() as nursery:
            await get()
            task_status.started()
            await go.wait()
            nursery.start_soon(talk, put, seconds, ended)
            for _ in range(seconds * len(frames.second()) + 1):
                await get()
            ended.release()
            await get()

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
    "mix": receive,
    "start": start,
    "append": append,
    "connect": connections,
    "echo": echo,
    "idle": idle,
    "sessions": sessions,
}
LIBRARIES = {"trio-websocket": trio_websocket, "websockets": websockets}


async def main(library, load, **numbers):
    url = gauge.base_url().replace("http", "ws", 1)

    def connect(name):
        return LIBRARIES[library](f"{url}/realtime?model={name}")

    if LOADS[load] is receive:
        numbers["load"] = load
    if load != "start":
        await warm_up(connect)
    gauge.report(await LOADS[load](connect, **numbers))


def read_away(load, count):
    """Receive a load without looking at it: as fast as the server can."""
    host, port = gauge.base_url().removeprefix("http://").partition("/")[0].split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"GET /v1/realtime?model=%s-%d HTTP/1.1\r\n\r\n" % (load.encode(), count))
        sock.recv(65536)
        whole = {"text": frames.text_delta, "audio": frames.audio_delta}
        left = len(frames.created()) + count * len(whole[load]())
        buffer = bytearray(1 << 20)
        watch = gauge.Watch()
        sock.sendall(b"\x81\x80\x00\x00\x00\x00")
        while left > 0:
            left -= sock.recv_into(buffer)
        gauge.report(watch.stop(count))


if __name__ == "__main__":
    work = gauge.work()
    if work.pop("library") == "socket":
        read_away(**work)
    else:
        trio.run(lambda: main(gauge.work()["library"], **work))

"""What each stage of an event costs by itself, in one process: the parts of `benchmarks.stages`.

Each stage is what the library runs, called as the library calls it, some hundred at a time, as they
come out of one read. The clock is the thread's processor time. What is told is the least of many
batches, and the median. Garbage is not collected meanwhile; `whole` measures what that costs.
"""

from __future__ import annotations

import base64
import gc
import os
import socket
import time
import wave
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TypeAlias

import outcome
import trio

from benchmarks import frames
from trio_realtime._connection import _ids
from trio_realtime._connection._link import Link
from trio_realtime._connection._streams import EventStream
from trio_realtime._core._budget import weight_of
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._transport._inbound import Inbound
from trio_realtime._transport._library import FrameLibrary
from trio_realtime._transport._wire import RECEIVE_BYTES
from trio_realtime._transport._wsproto import WsprotoFrames
from trio_realtime.events import ServerEvent, decode_server

Cost: TypeAlias = tuple[float, float]
"""Seconds for one: the least and the median of the batches."""

EVENTS: dict[str, Callable[[int], bytes]] = {
    "text": frames.text_delta,
    "audio": lambda number: frames.audio_delta(number=number),
    "done": frames.done,
}

APPENDS = {"20 ms": 960, "1 MB": 750_000}
"""Bytes of PCM."""

SPEECH = Path(__file__).resolve().parents[1] / "trio_realtime" / "cli" / "question.wav"


@contextmanager
def no_collecting() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def cost_from(seconds: Sequence[float], count: int = 1) -> Cost:
    return min(seconds) / count, median(seconds) / count


def cost(act: Callable[[], object], batches: int, count: int = 1) -> Cost:
    """Return what `act` costs, or each of the `count` things that it does."""
    taken: list[float] = []
    with no_collecting():
        for _ in range(batches):
            start = time.thread_time()
            act()
            taken.append(time.thread_time() - start)
    return cost_from(taken, count)


def repeat(act: Callable[[], object], times: int) -> Callable[[], None]:
    def acts() -> None:
        for _ in range(times):
            act()

    return acts


def text_of(frame: bytes) -> str:
    return frame[frame.index(b"{") :].decode()


async def event_stages(kind: str, batches: int) -> dict[str, Cost]:
    """Measure one event of a kind, from the socket to the program."""
    make = EVENTS[kind]
    count = max(1, RECEIVE_BYTES // len(make(1)))
    data = make(1) * count
    text = text_of(make(1))
    frame, library = make(1), WsprotoFrames()
    inbound = Inbound(WsprotoFrames(), 1 << 24)

    def read_frames() -> None:
        inbound.feed(data)
        while inbound.messages:
            inbound.messages.popleft()

    return {
        "read": await reading(data, batches, count),
        "frame": cost(read_frames, batches, count),
        "decode": cost(repeat(lambda: decode_server(text), count), batches, count),
        **await delivering(make, batches, count),
        "library": cost(repeat(lambda: library.feed(frame), count), batches, count),
        "checkpoint": await waiting(trio.lowlevel.checkpoint, batches, count),
    }


def connected() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection: what the kernel does for one is part of the cost."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * RECEIVE_BYTES)
    return near, far


async def reading(data: bytes, batches: int, count: int) -> Cost:
    """Measure a read of `data`, which the kernel has."""
    near, far = connected()
    near.setblocking(False)
    taken: list[float] = []
    async with trio.SocketStream(trio.socket.from_stdlib_socket(near)) as stream:
        with far, no_collecting():
            for _ in range(batches):
                far.sendall(data)
                left = len(data)
                start = time.thread_time()
                while left:
                    left -= len(await stream.receive_some(RECEIVE_BYTES))
                taken.append(time.thread_time() - start)
    return cost_from(taken, count)


async def waiting(act: Callable[[], Awaitable[object]], batches: int, count: int) -> Cost:
    taken: list[float] = []
    with no_collecting():
        for _ in range(batches):
            start = time.thread_time()
            for _ in range(count):
                await act()
            taken.append(time.thread_time() - start)
    return cost_from(taken, count)


async def delivering(make: Callable[[int], bytes], batches: int, count: int) -> dict[str, Cost]:
    """Measure putting events where they belong, and taking them as `async for` does."""
    link = Link(options=DEFAULT_OPTIONS, raises_errors=True, url="", secrets=())
    link.is_open = True
    stream = link.stream
    tap = EventStream(link, backlog_bytes=DEFAULT_OPTIONS.backlog_bytes, is_tap=True)
    dispatched: list[float] = []
    received: list[float] = []
    tapped: list[float] = []
    begin = decode_server(text_of(frames.created(0)))
    link.dispatch(begin, 0)
    await stream.receive()  # from here on it is read
    with no_collecting():
        for batch in range(batches):
            # Every response is new: the usage of one that was seen is not counted again.
            known = [text_of(make(batch * count + n)) for n in range(count)]
            events: list[tuple[ServerEvent, str]] = [(decode_server(text), text) for text in known]
            start = time.thread_time()
            for event, text in events:
                link.dispatch(event, weight_of(text))
            dispatched.append(time.thread_time() - start)
            start = time.thread_time()
            for _ in range(count):
                await stream.__anext__()
            received.append(time.thread_time() - start)
            start = time.thread_time()
            for event, text in events:
                tap.deliver(outcome.Value(event), weight_of(text))
            tapped.append(time.thread_time() - start)
            for _ in events:
                tap.receive_nowait()
    return {
        "dispatch": cost_from(dispatched, count),
        "receive": cost_from(received, count),
        "tap": cost_from(tapped, count),
    }


def libraries() -> dict[str, FrameLibrary]:
    """Return what makes our frames; the second is an extra."""
    found: dict[str, FrameLibrary] = {"trio-websocket": WsprotoFrames()}
    try:
        from trio_realtime._transport._websockets import WebsocketsFrames
    except ImportError:
        return found
    return {**found, "websockets": WebsocketsFrames((), 1 << 24)}


def append_stages(size: int, batches: int) -> dict[str, Cost]:
    """Measure what is done for an append of so many bytes, but for the switches of tasks."""
    pcm = (frames.PCM_20_MS * (size // 960 + 1))[:size]
    many = max(1, 96_000 // size)
    encoded = base64.b64encode(pcm).decode()
    text = f'{{"type":"input_audio_buffer.append","event_id":"{"x" * 27}","audio":"{encoded}"}}'
    found = {
        "id": cost(repeat(lambda: _ids.new_id("event_"), 100), batches, 100),
        "base64": cost(repeat(lambda: base64.b64encode(pcm), many), batches, many),
    }
    for name, library in libraries().items():
        masked = repeat(lambda library=library: library.message(text), many)
        found[f"frame, {name}"] = cost(masked, batches, many)
    if size < RECEIVE_BYTES:
        found["write"] = writing(WsprotoFrames().message(text), batches, many)
    return found


def writing(frame: bytes, batches: int, count: int) -> Cost:
    """Measure handing a frame to the kernel."""
    near, far = connected()
    taken: list[float] = []
    with near, far, no_collecting():
        for _ in range(batches):
            start = time.thread_time()
            for _ in range(count):
                os.write(near.fileno(), frame)
            taken.append(time.thread_time() - start)
            left = count * len(frame)
            while left:
                left -= len(far.recv(left))
    return cost_from(taken, count)


def compression(batches: int) -> dict[str, float]:
    """Measure permessage-deflate on 20 ms of speech at a time; nothing without `websockets`.

    Returns:
        The seconds it adds to sending and to receiving one, and the share of the bytes it saves.
    """
    if "websockets" not in libraries():
        return {}
    texts = spoken()
    rounds = [(both_ways(texts, False), both_ways(texts, True)) for _ in range(batches)]
    least_plain, least_small = (
        tuple(map(min, zip(*each, strict=True))) for each in zip(*rounds, strict=True)
    )
    added = [small - plain for plain, small in zip(least_plain, least_small, strict=True)]
    return {
        "send": added[0] / len(texts),
        "receive": added[1] / len(texts),
        "saved": 1 - least_small[2] / least_plain[2],
    }


def both_ways(texts: Sequence[str], compressed: bool) -> tuple[float, float, float]:
    """Send and receive each of `texts`; return the seconds of either, and the bytes."""
    from websockets.extensions.permessage_deflate import PerMessageDeflate
    from websockets.frames import Frame, Opcode

    from trio_realtime._transport._websockets import WebsocketsFrames

    def deflate() -> list[PerMessageDeflate]:
        settings = {"memLevel": 5}
        one = PerMessageDeflate(False, False, 15, 15, compress_settings=settings)
        return [one] if compressed else []

    library, theirs = WebsocketsFrames(deflate(), 1 << 24), deflate()
    inbound = Inbound(library, 1 << 24)
    data = b"".join(
        Frame(Opcode.TEXT, each.encode()).serialize(mask=False, extensions=theirs) for each in texts
    )
    sent, _ = cost(lambda: [library.message(each) for each in texts], 1)
    received, _ = cost(lambda: inbound.feed(data), 1)
    return sent, received, len(data)


def spoken() -> list[str]:
    """Return what is appended for a spoken question, 20 ms at a time."""
    with wave.open(str(SPEECH)) as file:
        pcm = file.readframes(file.getnframes())
    return [
        '{"type":"input_audio_buffer.append","event_id":"'
        f'{_ids.new_id("event_")}","audio":"{base64.b64encode(pcm[at : at + 960]).decode()}"}}'
        for at in range(0, len(pcm) - 960, 960)
    ]

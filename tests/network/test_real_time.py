"""Every peer that misbehaves, once in real time: real sockets, short deadlines, nothing left."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio

from tests.shell.misbehaviour import CASES, Case
from tests.shell.peers import tcp_peer
from trio_realtime import Options

MUCH_TOO_LONG = 15
"""Seconds. The deadlines are half a second and less; a busy machine may take its time."""


@contextmanager
def full_listener() -> Generator[int]:
    """A port that takes no more connections: its queue is full, and nobody accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.settimeout(0.1)
            try:
                client.connect(address)
            except TimeoutError:
                break
        yield address[1]


@asynccontextmanager
async def peer_on_loopback(case: Case) -> AsyncGenerator[int]:
    if case.way == "nowhere":
        with full_listener() as port:
            yield port
    else:
        async with tcp_peer(case.peer) as port:
            yield port


def options_for(case: Case) -> Options:
    """Short deadlines where one is to strike, and only there: a busy machine is slow."""
    return Options(
        connect_timeout=0.5 if case.leaves == "ConnectTimeoutError" else 30,
        close_timeout=0.2,
        ping_interval=0.2 if "Keepalive" in case.leaves else 30,
        ping_timeout=0.2 if "Keepalive" in case.leaves else 30,
    )


def open_descriptors() -> set[str] | None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return None
    # The folder's own descriptor is among them, and closed again.
    return {name for name in os.listdir(folder) if (folder / name).exists()}


def all_tasks() -> list[str]:
    found: list[str] = []
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        found.append(task.name)
        waiting += (child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return sorted(found)


# promise 1; pain 5; pain 23
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.clock != "virtual"], ids=lambda case: case.name
)
async def test_a_misbehaving_peer_is_left_in_time_and_nothing_remains(case: Case) -> None:
    descriptors, tasks = open_descriptors(), all_tasks()
    with trio.fail_after(MUCH_TOO_LONG):
        async with peer_on_loopback(case) as port:
            await case.meet(port, options=options_for(case))
    assert open_descriptors() == descriptors
    assert all_tasks() == tasks

"""The whole kit without pytest and without our client, for clients that others wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio_websocket

from tests.testing.faithful import Frame
from trio_realtime.testing import SimulatedServer, record

pytestmark = pytest.mark.one_library

PROGRAM = Path(__file__).with_name("kit_alone.py")
ASK: Frame = {"type": "response.create", "response": {"output_modalities": ["text"]}}


async def answer_at(base_url: str) -> list[Frame]:
    """Ask a server for a response, with a client that is not ours; returns all that it sent."""
    url = f"{base_url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime-2.1"
    frames: list[Frame] = []
    async with trio_websocket.open_websocket_url(
        url, extra_headers=[(b"Authorization", b"Bearer key")]
    ) as ws:
        frames.append(json.loads(await ws.get_message()))
        await ws.send_message(json.dumps(ASK))
        while frames[-1]["type"] != "response.done":
            frames.append(json.loads(await ws.get_message()))
    return frames


def text_of(frames: list[Frame]) -> str:
    return "".join(
        str(frame["delta"]) for frame in frames if frame["type"] == "response.output_text.delta"
    )


async def next_line(stream: trio.abc.ReceiveStream) -> str:
    """Read up to the end of a line."""
    received = b""
    while not received.endswith(b"\n"):
        received += await stream.receive_some(4096) or b"\n"
    return received.decode()


@asynccontextmanager
async def program(*arguments: str) -> AsyncGenerator[trio.Process]:
    run = partial(
        trio.run_process,
        [sys.executable, str(PROGRAM), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    async with trio.open_nursery() as nursery:
        yield await nursery.start(run)


async def test_every_server_serves_clients_of_others_without_pytest_and_without_our_client(
    tmp_path: Path,
) -> None:  # pain 49
    cassette = tmp_path / "answer.jsonl"
    with trio.fail_after(60):
        async with SimulatedServer("recorded") as real, record(cassette, real.endpoint) as recorder:
            await recorder.listen()
            assert text_of(await answer_at(recorder.base_url)) == "recorded"
        async with program(str(cassette)) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            simulated, scripted, replayed = json.loads(await next_line(process.stdout))
            assert text_of(await answer_at(simulated)) == "Nothing was said yet."
            assert text_of(await answer_at(scripted)) == "scripted"
            assert text_of(await answer_at(replayed)) == "recorded"
            await process.stdin.aclose()
            # Nothing optional was imported, though some of it is installed here.
            assert json.loads(await next_line(process.stdout)) == []
            assert await process.wait() == 0

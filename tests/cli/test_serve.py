from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator

import pytest
import trio

from trio_realtime import OpenAIEndpoint, open_realtime
from trio_realtime.cli import _serve, main
from trio_realtime.cli._display import Display
from trio_realtime.events import ResponseDone

BASE_URL = re.compile(r"http://127\.0\.0\.1:(\d+)/v1")
# A shell's background job ignores Ctrl-C, and its children would.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from trio_realtime.cli import main
sys.exit(main())
"""


@contextlib.contextmanager
def taken_port() -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        name: tuple[str, int] = taken.getsockname()
        yield name[1]


async def use(base_url: str) -> None:
    async with open_realtime("any", endpoint=OpenAIEndpoint("any", base_url=base_url)) as conn:
        await conn.conversation.item.create(role="user", text="Hello")
        await conn.response.create()
        async for event in conn:
            if isinstance(event, ResponseDone):
                break


async def test_the_first_line_is_the_base_url_and_clients_are_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve.serve, Display(), 0)
            said = ""
            while not said:
                await trio.testing.wait_all_tasks_blocked()
                said = capsys.readouterr().out
            assert BASE_URL.fullmatch(said.strip())
            await use(said.strip())
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_out_of_range_is_one_line(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", f"--port={port}"]) == 1
    assert capsys.readouterr().err == (
        f"trio-realtime: --port must be from 0 to 65535; it is {port}\n"
    )


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with taken_port() as port:
        assert main(["serve", "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"trio-realtime: cannot listen on port {port}: it is in use\n"


async def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with trio.fail_after(30):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", PROGRAM, "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr:
            first = bytearray()
            while not first.endswith(b"\n"):
                first += await process.stdout.receive_some()
            base_url = first.decode().strip()
            assert BASE_URL.fullmatch(base_url)
            await use(base_url)
            process.send_signal(signal.SIGINT)
            complaints = b"".join([chunk async for chunk in process.stderr])
            rest = b"".join([chunk async for chunk in process.stdout])
            assert await process.wait() == 130
    assert b"Traceback" not in complaints
    assert rest == b""

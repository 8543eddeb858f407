"""`trio-realtime serve`: what it prints, where, and how it ends."""

from __future__ import annotations

import contextlib
import io
import math
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from rich.console import Console

from trio_realtime import AuthenticationError, OpenAIEndpoint, open_realtime
from trio_realtime.cli import _serve, main
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._serve import Serving
from trio_realtime.events import ResponseDone
from trio_realtime.testing import SimulatedServer
from trio_realtime.types import Response

BASE_URL = re.compile(r"(https?)://127\.0\.0\.1:(\d+)/v1")
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


async def use(
    base_url: str, *, authority: str | None = None, api_key: str = "any", times: int = 1
) -> list[Response]:
    """Hold a conversation, and return the responses."""
    context = None if authority is None else ssl.create_default_context(cafile=authority)
    endpoint = OpenAIEndpoint(api_key, base_url=base_url)
    responses: list[Response] = []
    async with open_realtime("any", endpoint=endpoint, ssl_context=context) as conn:
        await conn.conversation.item.create(role="user", text="Hello")
        for _ in range(times):
            await conn.response.create(output_modalities=["text"])
            async for event in conn:
                if isinstance(event, ResponseDone):
                    responses.append(event.response)
                    break
    return responses


def is_there(file: str) -> bool:
    return Path(file).exists()


class Printed:
    """What a running `serve` has printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out: str = ""
        self.err: str = ""

    def read(self) -> None:
        said = self._capsys.readouterr()
        self.out += said.out
        self.err += said.err

    async def wait_for(self, text: str) -> None:
        while text not in self.err:
            await trio.testing.wait_all_tasks_blocked()
            self.read()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@asynccontextmanager
async def serving(
    asked: Serving, capsys: pytest.CaptureFixture[str], display: Display | None = None
) -> AsyncGenerator[Printed]:
    printed = Printed(capsys)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            # What it prints says that it has begun.
            nursery.start_soon(_serve.serve, display or Display(), asked)  # noqa: ASYNC113
            while not printed.out:
                await trio.testing.wait_all_tasks_blocked()
                printed.read()
            yield printed
            nursery.cancel_scope.cancel()
    printed.read()


async def test_the_first_line_is_the_base_url_and_clients_are_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serving(Serving(), capsys) as printed:
        (base_url,) = printed.lines
        assert BASE_URL.fullmatch(base_url)
        await use(base_url)
    assert printed.lines == [base_url]


async def test_what_passes_is_logged_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(Serving(seed=7), capsys) as printed:
        await use(printed.lines[0])
        await printed.wait_for("closed")
    log = [line.split() for line in printed.err.splitlines() if "#1" in line]
    assert [words[2:4] for words in log][:3] == [
        ["-", "opened"],
        [">", "session.created"],
        ["<", "conversation.item.create"],
    ]
    assert "closed  1000 by the client" in printed.err
    assert re.search(r"> response\.output_text\.delta  You said: Hello in \d pieces\n", printed.err)
    assert printed.err.startswith("Simulated server: any API key will do. Ctrl-C ends it.\n")
    assert "Seed" not in printed.err  # the user knows it


async def test_quiet_leaves_standard_error_to_what_goes_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "replies.py"
    path.write_text("def reply(*asked):\n    raise LookupError('lost')\n")
    async with serving(Serving(reply=path, quiet=True), capsys) as printed:
        (response,) = await use(printed.lines[0])
        assert response.status == "failed"
    assert printed.err == f"{path}:2: LookupError: lost\n"


async def test_what_goes_wrong_in_a_reply_is_logged_and_others_are_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "replies.py"
    path.write_text("REPLY = [lambda *asked: 1 / 0, 'Better.']\n")
    async with serving(Serving(reply=path), capsys) as printed:
        for _ in range(2):
            bad, good = await use(printed.lines[0], times=2)
            assert (bad.status, good.status) == ("failed", "completed")
    assert printed.err.count(f"! {path}:1: ZeroDivisionError: division by zero\n") == 2


async def test_a_terminal_gets_a_view_in_place_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    to = io.StringIO()
    display.errors = Console(file=to, force_terminal=True, width=120, height=40)
    async with serving(Serving(seed=7), capsys, display) as printed:
        await use(printed.lines[0])
        while "1 closed" not in to.getvalue():
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert f"{printed.lines[0]}  seed 7" in to.getvalue()
    assert "response.output_text.delta" in to.getvalue()
    assert printed.err == ""
    assert len(printed.lines) == 1


async def test_a_quiet_terminal_gets_no_view(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    to = io.StringIO()
    display.errors = Console(file=to, force_terminal=True, width=120, height=40)
    async with serving(Serving(quiet=True), capsys, display) as printed:
        await use(printed.lines[0])
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert to.getvalue() == ""


async def test_a_seed_is_chosen_and_told_and_chooses_the_ids(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def session_id(base_url: str) -> str | None:
        endpoint = OpenAIEndpoint("any", base_url=base_url)
        async with open_realtime("any", endpoint=endpoint) as conn:
            session = conn.session.current
            assert session is not None
            return session.id

    async with serving(Serving(), capsys) as printed:
        first = await session_id(printed.lines[0])
        await printed.wait_for("--seed")
    seed = re.search(r"--seed (\d+) ", printed.err)
    assert seed is not None
    async with serving(Serving(seed=int(seed[1])), capsys) as printed:
        assert await session_id(printed.lines[0]) == first


async def test_faults_are_told_and_happen(capsys: pytest.CaptureFixture[str]) -> None:
    asked = Serving(faults="duplicate=@session.created", server={"tokens_per_second": 1000})
    async with serving(asked, capsys) as printed:
        await use(printed.lines[0])
        await printed.wait_for("closed")
    assert printed.err.count("> session.created") == 2
    assert "Faults from the server: Faults(duplicate=" in printed.err


async def test_tls_prints_the_authority_that_clients_are_to_trust(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serving(Serving(tls=True), capsys) as printed:
        base_url, authority = printed.lines
        assert base_url.startswith("https://127.0.0.1:")
        for host in ("127.0.0.1", "localhost"):
            (response,) = await use(base_url.replace("127.0.0.1", host), authority=authority)
            assert response.status == "completed"
        assert is_there(authority)
    assert not is_there(authority)
    assert printed.lines == [base_url, authority]


async def test_only_the_right_key_and_the_ephemeral_ones_are_let_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serving(Serving(server={"api_key": "sk-canary-of-the-server"}), capsys) as printed:
        base_url = printed.lines[0]
        await use(base_url, api_key="sk-canary-of-the-server")
        with pytest.raises(AuthenticationError):
            await use(base_url, api_key="sk-another-key")
    assert "it lets in the API key that you gave it" in printed.err
    assert "canary" not in printed.err


async def test_sigterm_ends_it_as_a_job_that_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    printed = Printed(capsys)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve.serve, Display(), Serving(tls=True))
            while len(printed.lines) < 2:
                await trio.testing.wait_all_tasks_blocked()
                printed.read()
            signal.raise_signal(signal.SIGTERM)
    assert not is_there(printed.lines[1])


async def test_who_reads_the_first_line_may_end_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    display, told = Display(), list[str]()

    def line(text: str) -> None:
        told.append(text)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(display, "line", line)
    with trio.fail_after(20):
        await _serve.serve(display, Serving(tls=True))
    assert len(told) == 2
    assert not is_there(told[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port=-1"], "--port must be from 0 to 65535; it is -1"),
        (["--host="], "--host must be an address, such as 127.0.0.1 or 0.0.0.0; it is empty"),
        (["--api-key="], "--api-key must be a key; it is empty: leave it out to let in any"),
        (["--port=65536"], "--port must be from 0 to 65535; it is 65536"),
        (["--tokens-per-second=0"], "--tokens-per-second must be above 0; it is 0"),
        (["--audio-speed=nan"], "--audio-speed must be above 0; it is nan"),
        (["--session-seconds=-1"], "--session-seconds must be above 0; it is -1"),
        (["--latency=inf"], "--latency must be 0 or more; it is inf"),
        (["--faults=delya=1"], "--faults: there is no fault 'delya': did you mean delay?"),
        (["--reply=no.yaml"], "no.yaml: No such file or directory"),
        (["--reply=no.txt"], "no.txt: --reply takes a file that ends in .yaml, .yml, .json or .py"),
        (["--host=256.1.1.1"], "cannot listen on 256.1.1.1, port 0: "),
        (["--tls", "--host=a..b"], "--host a..b: no certificate can name it: "),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"trio-realtime: {said}")


async def test_a_voice_that_is_not_installed_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProblemError, match="--voice: espeak-ng is not installed"):
        await _serve.serve(Display(), Serving(server={"voice": "espeak-ng"}))


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with taken_port() as port:
        assert main(["serve", "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"trio-realtime: cannot listen on port {port}: it is in use\n"


def test_the_format_of_replies_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--reply-format"]) == 0
    said = capsys.readouterr()
    assert "- when: {output_of: get_weather}" in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert said.err == ""


@pytest.mark.parametrize(
    ("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["Ctrl-C", "SIGTERM"]
)
async def test_a_process_prints_its_lines_and_ends_without_a_traceback(
    stop: signal.Signals, status: int
) -> None:
    with trio.fail_after(30):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", PROGRAM, "serve", "--tls", "--seed=7"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr:
            first = bytearray()
            while first.count(b"\n") < 2:
                first += await process.stdout.receive_some()
            base_url, authority = first.decode().splitlines()
            assert BASE_URL.fullmatch(base_url)
            assert is_there(authority)
            await use(base_url, authority=authority)
            process.send_signal(stop)
            complaints = b"".join([chunk async for chunk in process.stderr])
            rest = b"".join([chunk async for chunk in process.stdout])
            assert await process.wait() == status
    assert b"Traceback" not in complaints
    assert b"> response.done  completed" in complaints
    assert rest == b""
    assert not is_there(authority)


OPTIONS: list[tuple[list[str], str, object]] = [
    (["--api-key", "sk-right"], "api_key", "sk-right"),
    (["--voice"], "voice", "espeak-ng"),
    (["--tokens-per-second", "inf"], "tokens_per_second", math.inf),
    (["--audio-speed", "2"], "audio_speed", 2.0),
    (["--latency", "0.4"], "latency", 0.4),
    (["--session-seconds", "60"], "session_seconds", 60.0),
    (["--rate-limits"], "rate_limits", True),
    (["--omit-session-created"], "omit_session_created", True),
    (["--rewrite-item-ids"], "rewrite_item_ids", True),
    (["--omit-metadata"], "echo_metadata", False),
    (["--omit-event-ids"], "omit_event_ids", True),
    (["--late-errors", "0.9"], "late_errors", 0.9),
    (["--event-order", "xai"], "event_order", "xai"),
    (["--never-close"], "answer_close", False),
]


@pytest.mark.parametrize(("option", "argument", "value"), OPTIONS)
def test_an_option_changes_one_argument_of_the_server(
    option: list[str], argument: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Serving] = []

    async def note(display: Display, serving: Serving) -> None:
        del display
        await trio.lowlevel.checkpoint()
        asked.append(serving)

    monkeypatch.setattr(_serve, "serve", note)
    assert main(["serve"]) == 0
    assert main(["serve", *option]) == 0
    usual, other = (dict(serving.server) for serving in asked)
    assert usual[argument] != value
    assert other == {**usual, argument: value}
    SimulatedServer(**asked[0].server)  # which takes them all

"""docs/testing.md is a project: its blocks are files, its tests pass, its commands run."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, get_args

import pytest
import trio

from tests.docs.page import NAMED, TEXT, files
from trio_realtime.testing import (
    Action,
    Echo,
    SimulatedServerOptions,
    SimulatedSession,
)

COMMANDS: Final = re.findall(r"^trio-realtime serve .*$", TEXT, re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the page's files in it."""
    for name, text in files().items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_every_block_of_python_belongs_to_a_file() -> None:
    blocks = len(re.findall(r"^```python$", TEXT, re.MULTILINE))
    assert blocks == len([name for name, kind, _ in NAMED.findall(TEXT) if kind == "python"]) > 0


def test_the_tests_on_the_page_pass(project: Path) -> None:
    # In a checkout that was installed before the plugin was there, it has no entry point.
    plugin = "_trio_realtime_pytestplugin"
    loaded = any(each.value == plugin for each in entry_points(group="pytest11"))
    chosen = () if loaded else ("-p", plugin)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *chosen],
        cwd=project,
        env={name: value for name, value in os.environ.items() if "OPENAI" not in name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    functions = sum(
        len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in files().values()
    )
    # All of them, and nothing else: none was skipped.
    passed = re.search(r"^(\d+) passed in", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= functions > 10


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_on_the_page_serves(command: str, project: Path) -> None:
    program, *arguments = shlex.split(command.replace("--port 8765", "--port 0"))
    script = str(Path(sys.executable).with_name(program))
    process = await trio.lowlevel.open_process(
        [script, *arguments], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        with trio.fail_after(60):
            url = await process.stdout.receive_some()
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            await process.wait()
    assert re.match(rb"https?://127\.0\.0\.1:\d+/v1\n", url)


def test_the_page_names_every_driver_every_argument_and_every_answer() -> None:
    drivers = {
        f"session.{name}("
        for name, _ in inspect.getmembers(SimulatedSession, inspect.isfunction)
        if not name.startswith("_") and name != "run"
    }
    arguments = {f"{name}=" for name in SimulatedServerOptions.__annotations__}
    answers = {f"{each.__name__}(" for each in (*get_args(Action), Echo)}
    assert [name for name in sorted(drivers | arguments | answers) if name not in TEXT] == []
    assert len(COMMANDS) > 5


def test_the_table_of_contents_is_complete() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == headings
    for name, anchor in listed:
        assert re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") == anchor

"""docs/performance.md: its examples run, and its tables are what was measured."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from textwrap import dedent
from typing import Final, cast

import pytest

from trio_realtime import open_realtime
from trio_realtime.testing import SimulatedServer

ROOT: Final = Path(__file__).resolve().parents[2]
TEXT: Final = (ROOT / "docs" / "performance.md").read_text("utf-8")
BLOCKS: Final = [
    dedent(block)
    for block in re.findall(r"^ *```python\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_block_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "websockets" in block:
        pytest.importorskip("websockets")
    code = compile(block, "performance.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with SimulatedServer() as server:
        defaults = cast("dict[str, object]", inspect.unwrap(open_realtime).__kwdefaults__)
        monkeypatch.setitem(defaults, "endpoint", server.endpoint)
        running: object = eval(code, {"open_realtime": open_realtime, "recording": bytes(100_000)})
        if inspect.isawaitable(running):
            await running


def test_the_blocks_are_found() -> None:
    assert len(BLOCKS) == TEXT.count("```python") > 1


def test_the_commands_are_sessions_that_there_are() -> None:
    sessions = re.findall(r"nox -s (\w+)", TEXT)
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    assert {"bench", "stages", "docs"} <= set(sessions)
    assert [name for name in sessions if f"def {name}(" not in noxfile] == []

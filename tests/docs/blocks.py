"""Blocks of a page of docs/, run as readers would type them: with `await` outside of any function.

Each has a simulated server on a real port, which the environment names as OpenAI's is named.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Final

import pytest
import trio

from trio_realtime.testing import serve_simulated

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"

BLOCK: Final = re.compile(
    r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)
"""A block, and what is printed by it, which stands in the next one."""


def code_of(block: str, page: str) -> CodeType:
    """A block, compiled."""
    code = compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code, CodeType)
    return code


def _hide_websockets(patch: pytest.MonkeyPatch) -> None:
    """As it is where the extra is not installed."""
    patch.delitem(sys.modules, "trio_realtime._transport._websockets", raising=False)
    patch.setitem(sys.modules, "websockets.client", None)


async def _run(block: str, page: str, names: dict[str, object]) -> None:
    with trio.fail_after(30), pytest.MonkeyPatch.context() as patch:
        async with serve_simulated(beta="speak") as server:
            patch.setenv("OPENAI_API_KEY", "test")
            patch.setenv("OPENAI_BASE_URL", server.base_url)
            names.update(
                server=server,
                base_url=server.base_url,
                resource=server.base_url.removesuffix("/v1"),
            )
            if "except ImportError" in block:
                _hide_websockets(patch)
            code = code_of(block, page)
            if code.co_flags & inspect.CO_COROUTINE:
                await eval(code, names)
            else:
                # It may be a program, with a `trio.run` of its own.
                await trio.to_thread.run_sync(exec, code, names)


@cache
def printed_by(page: str) -> Sequence[tuple[str, str, str]]:
    """Run the blocks of a page in order; each with what is below it, and what it has printed."""
    names: dict[str, object] = {}
    seen: list[tuple[str, str, str]] = []
    for block, below in BLOCK.findall((DOCS / page).read_text("utf-8")):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            trio.run(_run, block, page, names)
        # The port is another one each time.
        printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", output.getvalue())
        seen.append((block, below, printed))
    return seen

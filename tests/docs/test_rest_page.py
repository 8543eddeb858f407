"""docs/rest.md is run: every block, against what it says it prints."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
from pathlib import Path
from types import CodeType
from typing import Final

import pytest
import trio

from tests.core.scenarios.calls import OFFER
from trio_realtime import open_realtime
from trio_realtime.rest import RestClient
from trio_realtime.testing import serve_simulated

KEY: Final = "sk-of-the-page-0123456789"
TEXT: Final = (Path(__file__).resolve().parents[2] / "docs" / "rest.md").read_text("utf-8")
BLOCKS: Final = re.findall(
    r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", TEXT, re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("block", "printed"), BLOCKS, ids=range(len(BLOCKS)))
async def test_a_block_prints_what_is_below_it(block: str, printed: str) -> None:
    code = compile(block, "rest.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code, CodeType)
    output = io.StringIO()
    with trio.fail_after(60), contextlib.redirect_stdout(output):
        async with serve_simulated(api_key=KEY) as server, RestClient(server.endpoint) as rest:
            names: dict[str, object] = {
                "api_key": KEY,
                "base_url": server.base_url,
                "call_id": server.ring().id,
                "endpoint": server.endpoint,
                "offer": OFFER,
                "open_realtime": open_realtime,
                "rest": rest,
                "server": server,
            }
            running: object = eval(code, names)
            assert inspect.isawaitable(running)
            await running
    assert output.getvalue() == printed


def test_no_block_is_left_out() -> None:
    assert TEXT.count("```python") == len(BLOCKS) > 6
    assert TEXT.count("```text") == len([printed for _, printed in BLOCKS if printed])

"""The program of openai-python in docs/testing.md prints what the page says."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.docs.page import TEXT, files
from trio_realtime.testing import serve_simulated


async def test_the_program_on_the_page_prints_what_the_page_says(
    openai_python: str, tmp_path: Path
) -> None:
    program = tmp_path / "openai_call.py"
    program.write_text(files()[program.name], "utf-8")
    async with serve_simulated() as server:
        with trio.fail_after(60):
            done = await trio.run_process(
                [openai_python, str(program), server.base_url], capture_stdout=True
            )
    printed = done.stdout.decode()
    assert printed == "You said: Hello!\n"
    assert f"It prints `{printed.strip()}`" in TEXT

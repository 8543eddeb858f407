"""docs/transcription.md is run from top to bottom: every block, against what it says it prints."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
from pathlib import Path
from typing import Final, get_args

import pytest
import trio
from trio.testing import MockClock

from tests.docs.blocks import BLOCK, code_of
from trio_realtime import TranscriptFailure, open_transcription
from trio_realtime.testing import SimulatedServer, seeded, serve_simulated

ROOT: Final = Path(__file__).resolve().parents[2]
TEXT: Final = (ROOT / "docs" / "transcription.md").read_text("utf-8")
BLOCKS: Final = BLOCK.findall(TEXT)
PROGRAM, IMPORTS = BLOCKS[0][0], BLOCKS[1][0]


async def run_block(block: str, names: dict[str, object]) -> None:
    async with SimulatedServer() as server:
        async with open_transcription(
            model="gpt-4o-transcribe", turn_detection=None, endpoint=server.endpoint
        ) as conn:
            names.update(conn=conn, server=server, session=server.sessions[0])
            with trio.fail_after(600):
                running: object = eval(code_of(block, "transcription.md"), names)
                if inspect.isawaitable(running):
                    await running


@pytest.mark.parametrize(("block", "below"), BLOCKS[2:], ids=range(len(BLOCKS[2:])))
def test_a_block_prints_what_is_below_it(block: str, below: str) -> None:
    names: dict[str, object] = {}
    exec(code_of(IMPORTS, "transcription.md"), names)
    output = io.StringIO()
    with seeded(0), contextlib.redirect_stdout(output):
        trio.run(run_block, block, names, clock=MockClock(autojump_threshold=0))
    assert output.getvalue() == below
    assert below


async def test_the_first_program_writes_a_file_down(tmp_path: Path) -> None:
    program = tmp_path / "first.py"
    program.write_text(PROGRAM, encoding="utf-8")
    question = ROOT / "trio_realtime" / "cli" / "question.wav"
    with trio.fail_after(60):
        async with serve_simulated() as server:
            done = await trio.run_process(
                [sys.executable, str(program), str(question)],
                capture_stdout=True,
                cwd=ROOT,
                env=os.environ | {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": server.base_url},
            )
    assert re.fullmatch(r"Speech of 1\.\d seconds\.\n", done.stdout.decode())


def test_the_page_names_every_reason_for_which_there_is_no_transcript() -> None:
    named = re.findall(r"^\| [^|]+ \| `(\w+)` \|$", TEXT, re.MULTILINE)
    assert named == ["reason", *get_args(TranscriptFailure)]


def test_the_contents_lead_to_every_section() -> None:
    links = re.findall(r"^- \[(.*)\]\(#(.*)\)$", TEXT, re.MULTILINE)
    assert [title for title, _ in links] == re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert [anchor for _, anchor in links] == [t.lower().replace(" ", "-") for t, _ in links]

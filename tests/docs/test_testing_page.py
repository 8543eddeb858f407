"""docs/testing.md is a project: its blocks are files, and its tests pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
TEXT = PAGE.read_text("utf-8")
NAMED = re.compile(r"^`([\w.]+)`:\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The page's files: blocks with one name follow one another."""
    parts: dict[str, list[str]] = {}
    for name, _, text in NAMED.findall(TEXT):
        parts.setdefault(name, []).append(text)
    return {name: "\n\n".join(texts) for name, texts in parts.items()}


def run(*command: str, cwd: Path) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_of_python_belongs_to_a_file() -> None:
    blocks = len(re.findall(r"^```python$", TEXT, re.MULTILINE))
    assert blocks == len([name for name, kind, _ in NAMED.findall(TEXT) if kind == "python"]) > 0


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    for name, text in files().items():
        (tmp_path / name).write_text(text, "utf-8")
    said = run("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=tmp_path)
    functions = sum(
        len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in files().values()
    )
    # All of them, and nothing else: none was skipped.
    passed = re.search(r"^(\d+) passed in", said, re.MULTILINE)
    assert passed is not None, said
    assert int(passed[1]) >= functions > 10


def test_the_table_of_contents_is_complete() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == headings
    for name, anchor in listed:
        assert re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") == anchor

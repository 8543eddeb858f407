"""The pages of docs/: their tables are what the code says, their links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def write_tables(docs: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(docs / "write_tables.py"), *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tables_are_what_the_code_says() -> None:
    done = write_tables(DOCS, "--check")
    assert done.returncode == 0, done.stderr


def test_a_stale_table_is_found_and_written_anew(tmp_path: Path) -> None:
    docs = Path(shutil.copytree(DOCS, tmp_path / "docs"))
    page = docs / "simulated_server.md"
    fresh = page.read_text("utf-8")
    page.write_text(fresh.replace("`session.updated`", "`session.renewed`"), "utf-8")
    stale = write_tables(docs, "--check")
    assert stale.returncode == 1
    assert "python -m nox -s docs" in stale.stderr
    assert write_tables(docs).returncode == 0
    assert page.read_text("utf-8") == fresh


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target

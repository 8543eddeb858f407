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


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the pages, and of what was measured beside them."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=without)
    return Path(shutil.copytree(DOCS, tmp_path / "docs", ignore=without))


@pytest.mark.parametrize(
    ("name", "fresh", "stale"),
    [
        ("simulated_server.md", "`session.updated`", "`session.renewed`"),
        ("performance.md", "receive a small text delta", "receive a pigeon"),
        ("performance.svg", "</svg>", ""),
    ],
)
def test_a_stale_table_is_found_and_written_anew(
    docs: Path, name: str, fresh: str, stale: str
) -> None:
    page = docs / name
    text = page.read_text("utf-8")
    page.write_text(text.replace(fresh, stale), "utf-8")
    checked = write_tables(docs, "--check")
    assert checked.returncode == 1
    assert f"docs/{name} is stale: run `python -m nox -s docs`" in checked.stderr
    assert write_tables(docs).returncode == 0
    assert page.read_text("utf-8") == text


@pytest.mark.parametrize("file", ["results.json", "stages.json"])
def test_figures_that_were_measured_anew_make_the_page_stale(docs: Path, file: str) -> None:
    measured = docs.parent / "benchmarks" / file
    text = measured.read_text("utf-8")
    measured.write_text(re.sub(r"\d{4}-\d\d-\d\d", "1999-12-31", text), "utf-8")
    assert "docs/performance.md is stale" in write_tables(docs, "--check").stderr
    assert write_tables(docs).returncode == 0
    assert "Measured on 1999-12-31" in (docs / "performance.md").read_text("utf-8")
    assert write_tables(docs, "--check").returncode == 0


def test_a_page_without_a_place_for_a_table_is_told_of(docs: Path) -> None:
    page = docs / "performance.md"
    page.write_text(page.read_text("utf-8").replace("<!-- end: goals -->", ""), "utf-8")
    assert "no place for 'goals'" in write_tables(docs).stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target

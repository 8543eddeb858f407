"""docs/migrating.md: every block of ours prints what is below it, and every method has its code.

The blocks of openai-python are run in tests/interop.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.docs.blocks import BLOCK, DOCS, printed_by

PAGE: Final = "migrating.md"
TEXT: Final = (DOCS / PAGE).read_text("utf-8")
CODE: Final = " ".join("\n".join(block for block, _ in BLOCK.findall(TEXT)).split())
SECTIONS: Final = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))

PROSE: Final = {
    "asyncio, or blocking calls",
    "`session.update()` returns when it is sent",
    "a slow reader loses its connection: behind 16 unread frames no pong is seen",
    "`event_id=` of every method",
}
"""Rows that have no code of ours, for there is nothing to write."""


@pytest.mark.parametrize("number", range(len(BLOCK.findall(TEXT))))
def test_a_block_prints_what_is_below_it(number: int) -> None:
    _, below, printed = printed_by(PAGE)[number]
    assert printed == below


@pytest.mark.parametrize(
    "section", ["What differs, and why", "Method by method", "Errors", "Azure"]
)
def test_every_row_has_code_that_stands_in_a_block(section: str) -> None:
    found = re.findall(r"^\| (.+) \|$", SECTIONS[section], re.MULTILINE)
    rows = [row.split(" | ") for row in found if not row.startswith(("there |", "---"))]
    assert len(rows) >= 5
    for there, here, *_ in rows:
        codes = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", here)]
        assert there in PROSE or any(code in CODE for code in codes), there


def test_the_table_of_contents_is_complete() -> None:
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == list(SECTIONS)
    for name, anchor in listed:
        assert re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") == anchor

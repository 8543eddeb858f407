"""docs/seeds.md: every row has code that runs, and a program or test that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, get_args

import pytest

from tests.docs.blocks import BLOCK, DOCS, printed_by
from trio_realtime import beta, events

PAGE: Final = "seeds.md"
TEXT: Final = (DOCS / PAGE).read_text("utf-8")
CODE: Final = " ".join("\n".join(block for block, _ in BLOCK.findall(TEXT)).split())
IN_TESTS: Final = (DOCS.parent / "tests" / "examples" / "test_examples.py").read_text("utf-8")

SECTIONS: Final = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))

COLUMNS: Final = {"The events of the beta": 4, "The examples": 2}
"""The width of the tables that have no column of code and one of evidence."""


def rows(section: str) -> list[list[str]]:
    """The rows of a section's tables, without their heads."""
    found = re.findall(r"^\| (.+) \|$", SECTIONS[section], re.MULTILINE)
    return [row.split(" | ") for row in found if not row.startswith(("there |", "---"))]


def every_row() -> Iterator[tuple[str, list[str]]]:
    for section in SECTIONS:
        for row in rows(section):
            yield section, row


@pytest.mark.parametrize("number", range(len(BLOCK.findall(TEXT))))
def test_a_block_prints_what_is_below_it(number: int) -> None:
    _, below, printed = printed_by(PAGE)[number]
    assert printed == below


def test_every_row_has_code_that_stands_in_a_block() -> None:
    for section, row in every_row():
        assert len(row) == COLUMNS.get(section, 3), row
        if section not in (*COLUMNS, "What is needed"):
            codes = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", row[1])]
            assert any(code in CODE for code in codes), row


def test_every_row_leads_to_a_program_or_a_test_that_is_there() -> None:
    links = 0
    for _, row in every_row():
        if len(row) == 4:  # the tables of events, which have a test of their own
            continue
        found = re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", row[-1])
        assert found, row
        for name, target in found:
            text = (DOCS / target).read_text("utf-8")
            if name.startswith("test_") and not name.endswith(".py"):
                assert f"def {name}(" in text, name
            else:
                assert target.endswith(name.removeprefix("docs/"))
            if target.startswith("../examples/"):
                assert name in IN_TESTS, name
            links += 1
    assert links > 70


def test_the_events_of_the_beta_resource_are_all_there() -> None:
    client = [row for row in rows("The events of the beta") if "conn." in row[3]]
    server = [row for row in rows("The events of the beta") if "conn." not in row[3]]
    assert (len(client), len(server)) == (11, 30)
    for listed, union in ((client, beta.ClientEvent), (server, beta.ServerEvent)):
        for name, wire, here, other in listed:
            event = getattr(beta, here.strip("`").removeprefix("beta."))
            assert event in get_args(union)
            assert name.strip("`").removesuffix("Event") == event.__name__
            assert get_args(event.model_fields["type"].annotation) == (wire.strip("`"),)
            if listed is server:
                for ga in re.findall(r"`(\w+)`", other):
                    assert getattr(events, ga) in get_args(events.ServerEvent)


def test_what_is_needed_is_what_the_package_says() -> None:
    project = (DOCS.parent / "pyproject.toml").read_text("utf-8")
    needed = SECTIONS["What is needed"]
    assert 'requires-python = ">=3.11"' in project
    assert "Python 3.11 or newer" in needed
    assert "\nwebsockets = [\n" in project
    assert "'.[websockets]'" in needed


def test_the_table_of_contents_is_complete() -> None:
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == list(SECTIONS)
    for name, anchor in listed:
        assert re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") == anchor

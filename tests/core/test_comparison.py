"""Two values beside one another: what differs is marked."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from trio_realtime._core._comparison import side_by_side


def test_what_differs_is_marked_and_the_rest_is_not() -> None:
    shown = side_by_side({"type": "a", "text": "x"}, {"type": "a", "text": "y"})
    assert shown.split("\n") == [
        "expected         actual",
        "--------         ------",
        "{                {",
        '  "type": "a",     "type": "a",',
        '  "text": "x"  |   "text": "y"',
        "}                }",
    ]


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        ([1], [1, 2], ">   2"),
        ([1, 2], [1], "  2      <"),
    ],
)
def test_what_only_one_side_has_is_marked(
    expected: JsonValue, actual: JsonValue, line: str
) -> None:
    assert line in [
        shown.removeprefix("         ") for shown in side_by_side(expected, actual).split("\n")
    ]


def test_long_values_are_cut_to_their_column_and_still_marked() -> None:
    shown = side_by_side("a" * 1000, "a" * 999 + "b", titles=("recorded", "sent"))
    assert shown.startswith("recorded")
    row = shown.split("\n")[2]
    assert row.count("…") == 2
    assert " | " in row
    assert len(row) < 120

"""Two JSON values beside one another, for people who look for what differs.

This module does not know what is compared, nor which differences matter.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

_COLUMN: Final = 56
"""Two columns and what stands between them fit a wide terminal."""


def side_by_side(
    expected: JsonValue, actual: JsonValue, *, titles: tuple[str, str] = ("expected", "actual")
) -> str:
    """Write two values in two columns, line by line; `|`, `<` and `>` mark what differs.

    Values that are too long for their column are cut, and a mark stands there all the same.
    """
    rows = [(titles[0], " ", titles[1]), ("-" * len(titles[0]), " ", "-" * len(titles[1]))]
    left, right = _lines(expected), _lines(actual)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for same, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        rows += _rows(left[left_from:left_to], right[right_from:right_to], same == "equal")
    width = min(_COLUMN, max(len(row[0]) for row in rows))
    return "\n".join(
        f"{_cut(one, width):<{width}} {mark} {_cut(other, _COLUMN)}".rstrip()
        for one, mark, other in rows
    )


def _lines(value: JsonValue) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False).split("\n")


def _rows(left: Sequence[str], right: Sequence[str], same: bool) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else None
        other = right[number] if number < len(right) else None
        mark = " " if same else ">" if one is None else "<" if other is None else "|"
        rows.append((one or "", mark, other or ""))
    return rows


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

"""One event beside what was wanted in its place, field by field.

This module does not know whose events they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from trio_realtime._core.matching._pattern import EventPattern, value_at
from trio_realtime._core.matching._values import (
    MISSING,
    cut,
    found_text,
    is_wanted,
    name_text,
    wanted_text,
)
from trio_realtime._core.matching._view import EventView

_ROWS_MAX: Final = 40

_WIDTH: Final = 116
"""Columns of the table: pytest puts four before it."""

_CELL_MIN: Final = 23

_Row = tuple[str, str, str, str]


def comparison(pattern: EventPattern | None, event: EventView | None) -> str:
    """Write what was expected and what came side by side; differing lines begin with `!`.

    None stands for nothing: nothing was expected, or nothing came.
    """
    rows = [("", "", "expected", "actual"), *_rows(pattern, event)]
    if len(rows) > _ROWS_MAX:
        # What differs is what is looked for.
        kept = [row for row in rows[_ROWS_MAX:] if row[0]]
        rows = [*rows[:_ROWS_MAX], *kept, ("", "...", "", f"({len(rows)} lines)")]
    places, wanted_most, found_most = (
        max(len(row[column]) for row in rows) for column in (1, 2, 3)
    )
    room = _WIDTH - places - 6
    wanted_width = min(wanted_most, max(_CELL_MIN, room - found_most, room // 2))
    found_width = max(_CELL_MIN, room - wanted_width)
    lines = (
        f"{mark or ' '} {place:<{places}}  {cut(wanted, wanted_width):<{wanted_width}}  "
        f"{cut(found, found_width)}"
        for mark, place, wanted, found in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _rows(pattern: EventPattern | None, event: EventView | None) -> Iterator[_Row]:
    wanted = {} if pattern is None else dict(pattern.fields)
    data = {} if event is None else event.data
    kind = "nothing"
    if pattern is not None:
        kind = "anything" if pattern.type == "*" else name_text(pattern.type)
    came = "nothing" if event is None else name_text(event.type)
    right = pattern is not None and event is not None and pattern.has_type_of(event)
    yield "" if right else "!", "type", kind, came
    for path in _leaves(data, set(wanted)):
        if path != ("type",):
            found = value_at(data, path)
            shown = found_text(found, wanted.get(path), name=path[-1])
            if path not in wanted:
                yield "", name_text(".".join(path)), "", shown
            else:
                value = wanted.pop(path)
                mark = "" if is_wanted(value, found) else "!"
                text = wanted_text(value, found, name=path[-1])
                yield mark, name_text(".".join(path)), text, shown
    for path, value in wanted.items():
        mark = "!" if event is None or value is not MISSING else ""
        yield mark, name_text(".".join(path)), wanted_text(value, name=path[-1]), "-"


def _leaves(
    value: JsonValue, whole: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The places of an event, from the outside in; those in `whole` are not entered."""
    inner: list[tuple[str, JsonValue]] = []
    if path not in whole:
        if isinstance(value, dict):
            inner = list(value.items())
        elif isinstance(value, list):
            inner = [(str(number), each) for number, each in enumerate(value)]
    if path and not inner:
        yield path
    for name, each in inner:
        yield from _leaves(each, whole, (*path, name))

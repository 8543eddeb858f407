"""A list of events that did not match, with a cursor where it stopped.

This module does not know how the events are matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from trio_realtime._core.matching._sequence import Element, Gap, Group, Mismatch
from trio_realtime._core.matching._values import found_text, name_text
from trio_realtime._core.matching._view import EventView

_LINES_BEFORE: Final = 16
_LINES_AFTER: Final = 8
"""Lines of the list shown around the cursor."""

_RUN_MIN: Final = 3
"""Events of one type in a row that are shown as one line."""

_NEAR_MAX: Final = 3
"""Events shown that are of the wanted type, but not as wanted."""


def explanation(events: Sequence[EventView], elements: Sequence[Element], found: Mismatch) -> str:
    """Say where the events stopped matching, what was wanted there, and show the list."""
    rows = list(_rows(events, elements, found))
    width = max(len(left) for left, right in rows if right) + 2
    lines = [f"{left:<{width}}{right}".rstrip() for left, right in rows]
    return "\n".join([_headline(events, elements, found), "", *lines])


def _headline(events: Sequence[EventView], elements: Sequence[Element], found: Mismatch) -> str:
    if found.wanted == len(elements):
        return f"the events go on after the last pattern: event {found.cursor} was not wanted"
    wanted = f"pattern {found.wanted + 1} of {len(elements)}, {elements[found.wanted]!r}"
    if found.cursor == len(events):
        return f"the {len(events)} events ended before {wanted}, came"
    return f"event {found.cursor} of {len(events)} does not match {wanted}"


def _rows(
    events: Sequence[EventView], elements: Sequence[Element], found: Mismatch
) -> Iterator[tuple[str, str]]:
    """Two columns: the events, and the patterns that took them."""
    yield "      events", "patterns"
    near = _near(events, elements, found)
    lines = list(_runs(events, found, near))
    at = next((n for n, line in enumerate(lines) if line[0] >= found.cursor), len(lines))
    first, last = max(0, at - _LINES_BEFORE), at + _LINES_AFTER
    if first:
        yield f"      ... {lines[first][0]} events before", ""
    for start, count in lines[first:last]:
        times = f"  ({count} times)" if count > 1 else ""
        mark = ">" if start == found.cursor else " "
        left = f"{mark} {start:>4}  {name_text(events[start].type)}{_summary(events[start])}{times}"
        if start == found.cursor:
            yield left, _wanted(elements, found)
        else:
            yield left, repr(elements[found.taken[start]]) if start in found.taken else ""
        if start == found.cursor or start in near:
            yield from _problems(events[start], elements, found)
    if found.cursor == len(events):
        yield ">       (the end)", _wanted(elements, found)
    elif len(lines) > last:
        yield f"      ... {len(events) - lines[last][0]} events after", ""


def _runs(
    events: Sequence[EventView], found: Mismatch, apart: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Where each line begins, and how many events it stands for."""
    start = 0
    while start < len(events):
        end = start + 1
        while (
            end < len(events)
            and found.cursor not in (start, end)
            and start not in apart
            and end not in apart
            and events[end].type == events[start].type
            and found.taken.get(end) == found.taken.get(start)
        ):
            end += 1
        if end - start < _RUN_MIN:
            end = start + 1
        yield start, end - start
        start = end


def _summary(event: EventView) -> str:
    """What tells an error from another one."""
    error = event.data.get("error") if event.type == "error" else None
    return f" {found_text(error.get('code'))}" if isinstance(error, dict) else ""


def _wanted(elements: Sequence[Element], found: Mismatch) -> str:
    if found.wanted == len(elements):
        return "<- nothing more was wanted"
    return f"<- wanted {elements[found.wanted]!r}"


def _near(events: Sequence[EventView], elements: Sequence[Element], found: Mismatch) -> list[int]:
    """The last events that were passed over, though they are nearly the wanted one."""
    gap, element = found.wanted - 1, _element(elements, found.wanted)
    if not isinstance(_element(elements, gap), Gap) or not isinstance(element, Group):
        return []
    near = [
        number
        for number, taken in sorted(found.taken.items())
        if taken == gap
        and any(member.pattern.has_type_of(events[number]) for member in element.members)
    ]
    return near[-_NEAR_MAX:]


def _element(elements: Sequence[Element], number: int) -> Element | None:
    return elements[number] if 0 <= number < len(elements) else None


def _problems(
    event: EventView, elements: Sequence[Element], found: Mismatch
) -> Iterator[tuple[str, str]]:
    element, before = (_element(elements, found.wanted - back) for back in (0, 1))
    if isinstance(before, Gap):
        for pattern in before.excluded:
            if pattern.fits(event):
                yield f"          excluded by {before!r}", ""
    if isinstance(element, Group):
        for member in element.members:
            if member.pattern.has_type_of(event):
                for problem in member.pattern.problems(event):
                    yield f"          {problem.text}", ""

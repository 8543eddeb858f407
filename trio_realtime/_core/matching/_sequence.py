"""Which lists of events a list of patterns allows, and how far a list came.

The patterns are an automaton without memory, run over the events with all its states at once: no
choice is ever taken back, and the time is linear in the events. This module does not know how a
failure is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from trio_realtime._core.matching._pattern import EventPattern
from trio_realtime._core.matching._view import EventView

MEMBERS_MAX: Final = 10
"""Patterns in one group: every set of them may be a state."""

_STATES_MAX: Final = 300
"""States at the same time, which groups whose patterns fit the same events multiply."""


@final
@dataclass(frozen=True, slots=True)
class Repeat:
    """An event, so many times."""

    pattern: EventPattern
    least: int = 1
    most: int | None = 1

    def __repr__(self) -> str:
        if self.most == 1:
            return repr(self.pattern) if self.least else f"maybe({self.pattern!r})"
        least = "" if self.least == 1 else f", at_least={self.least}"
        return f"many({self.pattern!r}{least})"

    def counted(self, count: int) -> int | None:
        """The count after one more; None if that is one too many. Beyond `least` all is one."""
        if self.most is None:
            return min(count + 1, self.least)
        return count + 1 if count < self.most else None


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Events in any order, one member's between another's."""

    members: tuple[Repeat, ...]

    def __repr__(self) -> str:
        inner = ", ".join(map(repr, self.members))
        return inner if len(self.members) == 1 else f"any_order({inner})"


@final
@dataclass(frozen=True, slots=True)
class Gap:
    """Any number of events, none of them excluded."""

    excluded: tuple[EventPattern, ...] = ()

    def __repr__(self) -> str:
        return f"absent({', '.join(map(repr, self.excluded))})" if self.excluded else "..."


Element: TypeAlias = Gap | Group
"""One place in a list of patterns."""

_State: TypeAlias = tuple[int, tuple[int, ...]]
"""Which element comes next, and how often each of its members came."""

_Moment: TypeAlias = tuple[int, _State]
"""How many events were read, and the state after them."""


@final
@dataclass(frozen=True, slots=True)
class Mismatch:
    """How far the events came."""

    cursor: int
    """The first event that does not fit; the number of events, if they ended too early."""

    wanted: int
    """The element that was wanted there; the number of elements, if nothing was."""

    taken: Mapping[int, int]
    """Which element took the events before: by the event's number."""


def mismatch(events: Sequence[EventView], elements: Sequence[Element]) -> Mismatch | None:
    """Match all of the events against all of the elements. Returns None if they match."""
    run = _Run(events, elements)
    for _ in run.steps():
        pass
    if run.accepts:
        return None
    history = _Run(events, elements, remember=True)
    furthest = max(history.moments(), key=lambda moment: (moment[1][0], moment[0], moment[1][1]))
    return Mismatch(furthest[0], furthest[1][0], history.taken_until(furthest))


class _Run:
    def __init__(
        self,
        events: Sequence[EventView],
        elements: Sequence[Element],
        *,
        remember: bool = False,
    ) -> None:
        self._events = events
        self._elements = elements
        self._open_gaps = {number for number, each in enumerate(elements) if each == Gap()}
        self._came: dict[_Moment, _Moment] | None = {} if remember else None
        self._states: set[_State] = set()
        self._unbounded = {
            number: next(place for place, member in enumerate(each.members) if member.most is None)
            for number, each in enumerate(elements)
            if isinstance(each, Group) and any(member.most is None for member in each.members)
        }
        self._states_max = _STATES_MAX + 2 * len(elements)

    @property
    def accepts(self) -> bool:
        return (len(self._elements), ()) in self._states

    def steps(self) -> Iterator[int]:
        """Read the events one by one, for as long as there is hope."""
        self._reach(0, self._start(0), None)
        yield 0
        for number, event in enumerate(self._events):
            before, self._states = self._states, set()
            fits: dict[EventPattern, bool] = {}
            for state in before:
                for after in self._after(state, event, fits):
                    self._reach(number + 1, after, (number, state))
            self._prune()
            if not self._states:
                return
            yield number + 1

    def moments(self) -> Iterator[_Moment]:
        for number in self.steps():
            for state in self._states:
                yield number, state

    def taken_until(self, moment: _Moment) -> dict[int, int]:
        assert self._came is not None
        taken: dict[int, int] = {}
        while moment in self._came:
            before = self._came[moment]
            if before[0] < moment[0]:
                taken[before[0]] = before[1][0]
            moment = before
        return taken

    def _prune(self) -> None:
        """Forget the states that lead to nothing that others do not lead to.

        What is before an open gap: the gap stays, and all that follows begins there. And of the
        counts that have no upper bound all but the greatest.

        Raises:
            ValueError: if too many are left.
        """
        gaps = (number for number, _ in self._states if number in self._open_gaps)
        last = max(gaps, default=0)
        greatest: dict[tuple[int, tuple[int, ...], tuple[int, ...]], _State] = {}
        for state in sorted(self._states):
            number, counts = state
            if number >= last:
                place = self._unbounded.get(number, len(counts))
                greatest[number, counts[:place], counts[place + 1 :]] = state
        self._states = set(greatest.values())
        if len(self._states) > self._states_max:
            raise ValueError(
                "the patterns of an any_order(...) fit the same events in too many ways: make "
                "them differ, by like(...) for example, or say many(...) once in place of several"
            )

    def _start(self, number: int) -> _State:
        element = self._elements[number] if number < len(self._elements) else None
        return number, (0,) * len(element.members) if isinstance(element, Group) else ()

    def _reach(self, read: int, state: _State, before: _Moment | None) -> None:
        """Be in a state, and in all that follow from it without another event."""
        while state not in self._states:
            self._states.add(state)
            if self._came is not None and before is not None:
                self._came[read, state] = before
            number, counts = state
            if number == len(self._elements):
                return
            element = self._elements[number]
            if isinstance(element, Group) and not all(
                count >= member.least for count, member in zip(counts, element.members, strict=True)
            ):
                return
            before, state = (read, state), self._start(number + 1)

    def _after(
        self, state: _State, event: EventView, fits: dict[EventPattern, bool]
    ) -> Iterator[_State]:
        """The states that an event leads to."""

        def fit(pattern: EventPattern) -> bool:
            if pattern not in fits:
                fits[pattern] = pattern.fits(event)
            return fits[pattern]

        number, counts = state
        if number == len(self._elements):
            return
        element = self._elements[number]
        if isinstance(element, Gap):
            if not any(map(fit, element.excluded)):
                yield state
            return
        for place, member in enumerate(element.members):
            count = member.counted(counts[place])
            if count is not None and fit(member.pattern):
                yield number, (*counts[:place], count, *counts[place + 1 :])

"""What is kept of responses that may turn out to answer a create of ours.

See `_responses` for when an answer is in doubt. The events of such a response go where they would
go otherwise, and are kept here too: when the doubt is over and it was the answer, its listener gets
them all at once. This module does not know who that is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime._core._place import Place

# As many as `_responses` knows of at a time.
_DOUBTFUL: Final = 256


class _Doubtful:
    __slots__ = ("event_id", "first")

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.first: tuple[Event, int] | None = None
        """Its `response.created`, without which the others mean little."""


class Lingering(NamedTuple):
    """A response that was over too soon to prove anything, and that nothing better has followed."""

    until: float
    place: Place
    created: Event
    events: list[tuple[Event, int]]


@final
class Doubts:
    """The newest events of doubtful responses.

    Args:
        limit: How many bytes of events are kept, of all of them together.
        seconds: How long a create may wait for a better answer than a response that was cut short.
            The server answers within a round trip.
    """

    def __init__(self, limit: int, *, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._lingering: dict[str, Lingering] = {}
        self._doubtful: dict[str, _Doubtful] = {}
        self._kept: list[tuple[str, Event, int]] = []
        self._held = 0

    def __contains__(self, response_id: object) -> bool:
        return response_id in self._doubtful

    def begin(self, response_id: str, event_id: str) -> None:
        """A response begins that may answer the create."""
        self._doubtful[response_id] = _Doubtful(event_id)
        if len(self._doubtful) > _DOUBTFUL:
            self.end(next(iter(self._doubtful)))

    def keep(self, response_id: str, event: Event, weight: int) -> None:
        """Keep an event of a doubtful response, and of those before it the newest that fit."""
        doubtful = self._doubtful[response_id]
        if doubtful.first is None:
            doubtful.first = (event, weight)
            return
        self._kept.append((response_id, event, weight))
        self._held += weight
        while self._held > self._limit:
            self._held -= self._kept.pop(0)[2]

    def end(self, response_id: str) -> list[tuple[Event, int]]:
        """The doubt is over: take out what was kept of the response, in order."""
        doubtful = self._doubtful.pop(response_id, None)
        if doubtful is None or doubtful.first is None:
            return []
        kept = [(event, weight) for its_id, event, weight in self._kept if its_id == response_id]
        self._kept = [each for each in self._kept if each[0] != response_id]
        self._held -= sum(weight for _, weight in kept)
        return [doubtful.first, *kept]

    def linger(
        self,
        place: Place,
        created: Event,
        events: list[tuple[Event, int]],
        *,
        now: float,
    ) -> None:
        """A doubtful response was cut short: it is the answer if no better one comes in time."""
        event_id = place.outgoing.event_id
        self._lingering.pop(event_id, None)
        self._lingering[event_id] = Lingering(now + self._seconds, place, created, events)
        if len(self._lingering) > _DOUBTFUL:
            del self._lingering[next(iter(self._lingering))]

    @property
    def deadline(self) -> float:
        """When the next doubt has lasted long enough; infinite while there is none."""
        if not self._lingering:
            return math.inf
        return min(each.until for each in self._lingering.values())

    def resolved(self, now: float) -> list[Lingering]:
        """Take out the doubts that have lasted long enough."""
        due = [each for each in self._lingering.values() if each.until <= now]
        for each in due:
            del self._lingering[each.place.outgoing.event_id]
        return due

    def settle(self, event_id: str) -> None:
        """The create has its answer, or was refused: nothing that came before was it."""
        self._lingering.pop(event_id, None)

    def forget(self, event_id: str) -> None:
        """The create is answered by another, refused, or nobody's any more."""
        doubtful = [each for each, it in self._doubtful.items() if it.event_id == event_id]
        for response_id in doubtful:
            self.end(response_id)

    def clear(self) -> None:
        """Forget everything."""
        self._lingering.clear()
        self._doubtful.clear()
        self._kept.clear()
        self._held = 0

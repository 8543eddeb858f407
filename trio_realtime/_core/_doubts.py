"""What is kept of responses that may turn out to answer a create of ours.

See `_responses` for when an answer is in doubt. The events of such a response go where they would
go otherwise, and are kept here too: when the doubt is over and it was the answer, its listener gets
them all at once. This module does not know who that is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from trio_realtime.events import ServerEvent

# As many as `_responses` knows of at a time.
_DOUBTFUL: Final = 256


class _Doubtful:
    __slots__ = ("event_id", "first")

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.first: tuple[ServerEvent, int] | None = None
        """Its `response.created`, without which the others mean little."""


@final
class Doubts:
    """The newest events of doubtful responses.

    Args:
        limit: How many bytes of events are kept, of all of them together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._doubtful: dict[str, _Doubtful] = {}
        self._kept: deque[tuple[str, ServerEvent, int]] = deque()
        self._held = 0

    def __contains__(self, response_id: object) -> bool:
        return response_id in self._doubtful

    def begin(self, response_id: str, event_id: str) -> None:
        """A response begins that may answer the create."""
        self._doubtful[response_id] = _Doubtful(event_id)
        if len(self._doubtful) > _DOUBTFUL:
            self.end(next(iter(self._doubtful)))

    def keep(self, response_id: str, event: ServerEvent, weight: int) -> None:
        """Keep an event of a doubtful response, and of those before it the newest that fit."""
        doubtful = self._doubtful[response_id]
        if doubtful.first is None:
            doubtful.first = (event, weight)
            return
        self._kept.append((response_id, event, weight))
        self._held += weight
        while self._held > self._limit:
            self._held -= self._kept.popleft()[2]

    def end(self, response_id: str) -> list[tuple[ServerEvent, int]]:
        """The doubt is over: take out what was kept of the response, in order."""
        doubtful = self._doubtful.pop(response_id, None)
        if doubtful is None or doubtful.first is None:
            return []
        kept = [(event, weight) for its_id, event, weight in self._kept if its_id == response_id]
        self._kept = deque(each for each in self._kept if each[0] != response_id)
        self._held -= sum(weight for _, weight in kept)
        return [doubtful.first, *kept]

    def forget(self, event_id: str) -> None:
        """The create is answered by another, refused, or nobody's any more."""
        doubtful = [each for each, it in self._doubtful.items() if it.event_id == event_id]
        for response_id in doubtful:
            self.end(response_id)

    def clear(self) -> None:
        """Forget everything."""
        self._doubtful.clear()
        self._kept.clear()
        self._held = 0

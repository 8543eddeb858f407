"""A set that forgets: the newest ids and no more."""

from __future__ import annotations

from typing import final


@final
class RecentIds:
    """The newest ids that were added, up to a limit.

    Ids of a session that lasts for hours are endless; what they are compared with is recent.
    """

    __slots__ = ("_ids", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}

    def add(self, id_: str | None) -> None:
        """Remember an id, and forget the oldest when there are too many. None is ignored."""
        if id_ is None:
            return
        self._ids.pop(id_, None)
        self._ids[id_] = None
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._ids

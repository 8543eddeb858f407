"""The connections of a cassette, taken from it one by one as clients ask for them.

This module does not know how a connection is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import final

from trio_realtime._core.cassette._entry import Cassette, Entry, Message, Opened, Refused
from trio_realtime._core.cassette._matching import Match, Names
from trio_realtime._core.cassette._playback import Playback
from trio_realtime._core.cassette._scrubbing import Scrubber


@final
class Shelf:
    """What is there to be played. One for each replay of a cassette."""

    def __init__(self, cassette: Cassette, name: str, *, match: Match, speed: float) -> None:
        if match not in ("exact", "type") and not callable(match):
            raise ValueError(f'match must be "exact", "type" or a function, not {match!r}')
        if math.isnan(speed) or speed <= 0:
            raise ValueError(f"speed must be a number above 0, or math.inf; it is {speed!r}")
        self._name = name
        self._match: Match = match
        self._speed = speed
        self._names = Names(cassette.entries)
        self._header = cassette.header
        self._left: dict[int, tuple[Entry, ...]] = cassette.connections()
        self._playing: list[Playback] = []

    def take(self, query: Mapping[str, str], now: float) -> Playback | Refused | None:
        """Take the first connection that was asked for like this; None if there is none left."""
        for number, entries in self._left.items():
            beginning = _beginning(entries)
            if beginning.query is None or beginning.query == query:
                del self._left[number]
                if isinstance(beginning, Refused):
                    return beginning
                playback = Playback(
                    entries,
                    self._names,
                    Scrubber(self._header),
                    name=self._name,
                    match=self._match,
                    speed=self._speed,
                    now=now,
                )
                self._playing.append(playback)
                return playback
        return None

    def missing(self, query: Mapping[str, str]) -> str:
        """Say why there is no connection for a client that asks like this."""
        asked = _shown(query)
        if self._left:
            number, entries = next(iter(self._left.items()))
            held = _shown(_beginning(entries).query or {})
            return (
                "the client connected to something else than the cassette holds\n"
                f"  cassette  {self._name}, line {entries[0].line}, connection {number}\n"
                f"  expected  {held}\n  actual    {asked}"
            )
        return (
            f"the client made a connection more than the cassette holds ({asked}): "
            f"{self._name} has {len(self._playing)}. Record it again, or record what is new with "
            'mode "new_episodes"'
        )

    def unplayed(self) -> list[str]:
        """What no client has done yet that the recorded ones did."""
        found = [missing for playback in self._playing for missing in playback.unplayed()]
        for number, entries in self._left.items():
            if any(_is_of_client(entry) for entry in entries) or isinstance(
                _beginning(entries), Refused
            ):
                found.append(
                    f"the connection itself ({self._name}, line {entries[0].line}, "
                    f"connection {number})"
                )
        return found


def _beginning(entries: Sequence[Entry]) -> Opened | Refused:
    """How a connection began; like any other, where that was not recorded."""
    what = entries[0].what
    return what if isinstance(what, Opened | Refused) else Opened()


def _is_of_client(entry: Entry) -> bool:
    return isinstance(entry.what, Message) and entry.what.side == "client"


def _shown(query: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items()) or "nothing"

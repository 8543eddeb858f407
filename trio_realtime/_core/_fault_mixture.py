"""A random mixture of faults, as a sweep over seeds wants it: some of each kind, often few at once.

This module draws settings. It does not know when they strike.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

from trio_realtime._core._faults import (
    NO_FAULTS,
    NO_STREAM_FAULTS,
    Chance,
    FaultEnding,
    Faults,
    StreamFaults,
)

_OVERSIZE_BYTES: Final = 2**20 + 1
"""One more than many WebSocket libraries take by default. 64 MiB would make a sweep slow."""

_FRAMES: Final = 60
"""Among how many messages the one is chosen at which something is lost or stalls."""


class _Lots:
    """Numbers of several kinds, from one source."""

    def __init__(self, chance: Chance) -> None:
        self.chance: Chance = chance

    def between(self, low: float, high: float) -> float:
        """Draw a number, rounded so that it can be read."""
        return round(low + (high - low) * self.chance(), 3)

    def size(self, low: int, high: int) -> int:
        """Draw a whole number; small ones are as likely as large ones."""
        return int(low * (high / low) ** self.chance())

    def frame(self) -> int:
        """Draw the number of a message."""
        return self.size(1, _FRAMES)

    def ending(self) -> FaultEnding:
        """Draw how a connection is lost."""
        return "eof" if self.chance() < 0.5 else "reset"

    def stall(self) -> float:
        """Draw how long a stall lasts: one in four for ever."""
        return math.inf if self.chance() < 0.25 else self.between(0.1, 90)


def mixture_from_chance(chance: Chance) -> tuple[Faults, Faults, StreamFaults]:
    """Draw faults for messages from the server, for those from the client, and for bytes."""
    lots = _Lots(chance)
    sides = [NO_FAULTS, NO_FAULTS]
    stream = NO_STREAM_FAULTS
    for _ in range(1 + int(chance() * 3)):
        if (side := int(chance() * 3)) < len(sides):
            sides[side] = _with_one_more(sides[side], lots)
        else:
            stream = _stream_with_one_more(stream, lots)
    return sides[0], sides[1], stream


def _with_one_more(faults: Faults, lots: _Lots) -> Faults:
    match int(lots.chance() * 9):
        case 0:
            delay, jitter = lots.between(0, 0.5), lots.between(0, 0.3)
            return dataclasses.replace(faults, delay=delay, jitter=jitter)
        case 1:
            return dataclasses.replace(faults, duplicate=lots.between(0.01, 0.2))
        case 2:
            return dataclasses.replace(faults, reorder=lots.between(0.1, 0.9))
        case 3:
            return dataclasses.replace(faults, malformed=lots.between(0.01, 0.2))
        case 4:
            return dataclasses.replace(faults, unknown=lots.between(0.01, 0.2))
        case 5:
            frame = lots.frame()
            return dataclasses.replace(faults, oversize=[frame], oversize_bytes=_OVERSIZE_BYTES)
        case 6:
            return dataclasses.replace(faults, drop_before=lots.frame(), ending=lots.ending())
        case 7:
            return dataclasses.replace(faults, drop_after=lots.frame(), ending=lots.ending())
        case _:
            return dataclasses.replace(faults, stall=lots.frame(), stall_seconds=lots.stall())


def _stream_with_one_more(faults: StreamFaults, lots: _Lots) -> StreamFaults:
    match int(lots.chance() * 5):
        case 0:
            # Not one by one: that costs a real second for each second of audio.
            return dataclasses.replace(faults, piece=lots.size(16, 4096), handshake=True)
        case 1:
            return dataclasses.replace(
                faults, piece=lots.size(256, 4096), piece_delay=lots.between(0, 0.05)
            )
        case 2:
            rate = 0 if lots.chance() < 0.25 else lots.size(500, 100_000)
            return dataclasses.replace(faults, read_rate=rate)
        case 3:
            cut_after = lots.size(100, 30_000)
            return dataclasses.replace(faults, cut_after=cut_after, ending=lots.ending())
        case _:
            stall_after = lots.size(100, 30_000)
            return dataclasses.replace(faults, stall_after=stall_after, stall_seconds=lots.stall())

"""Where a simulated server's chance comes from, and how a test takes chance away.

`seeded` is the one place that touches Trio's private scheduler; nothing else here knows Trio.
"""

from __future__ import annotations

import importlib
import random
import string
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from trio_realtime._connection._ids import seed_ids

_FIRST_SECOND: Final = 1_800_000_000.0
"""What the calendar says inside `seeded` when the loop's clock says 0: a day in January 2027."""

_LETTERS: Final = string.digits + string.ascii_letters

# One stream for the process, from which each server draws the seed of its own.
_source: random.Random = random.Random()  # noqa: S311 - ids are names, not secrets


def new_seed() -> int:
    """Draw a seed from the stream that `seeded` sets."""
    return _source.getrandbits(32)


def letters_from_seed(seed: int | None) -> Callable[[int], str]:
    """Make a source of random letters; None draws its seed from the stream that `seeded` sets."""
    chance = random.Random(_source.getrandbits(64) if seed is None else seed)  # noqa: S311

    def letters(count: int) -> str:
        return "".join(chance.choices(_LETTERS, k=count))

    return letters


_seeded = False


def calendar_time(now: float) -> float:
    """The time of the calendar, for a reading of the loop's clock. Inside `seeded` that decides."""
    return _FIRST_SECOND + now if _seeded else time.time()


_SCHEDULER: Final = "trio._core._run"
"""A private module of Trio's: our tests run with each of its releases."""

_FLAG: Final = "_ALLOW_DETERMINISTIC_SCHEDULING"
"""Whether a batch of ready tasks is sorted by age before it is shuffled."""

_CHANCE: Final = "_r"
"""What it is shuffled with."""


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Make everything inside the block depend on `seed` alone: same seed, same interleaving.

    ::

        with seeded(7):
            trio.run(main, clock=MockClock(autojump_threshold=0))

    It seeds the order in which Trio runs tasks that are ready at the same time, the ids of our
    connections, and those of simulated servers, and sets what time these think it is
    (`expires_at`). It may also be entered inside a running loop, and counts from there on. Blocks
    may be nested, but not interleaved; one thread at a time.

    The promise holds in memory and in virtual time. Over real sockets and with threads the
    operating system decides, and nothing is promised.

    Args:
        seed: Any number.
    """
    global _source, _seeded  # noqa: PLW0603 - the one random stream of the process
    scheduler = vars(importlib.import_module(_SCHEDULER))
    before = {name: scheduler[name] for name in (_FLAG, _CHANCE)}
    source, was_seeded = _source, _seeded
    scheduler[_FLAG] = True
    scheduler[_CHANCE] = random.Random(seed)  # noqa: S311 - scheduling is no secret
    _source = random.Random(seed)  # noqa: S311 - ids are names, not secrets
    _seeded = True
    try:
        with seed_ids(seed):
            yield
    finally:
        scheduler.update(before)
        _source, _seeded = source, was_seeded

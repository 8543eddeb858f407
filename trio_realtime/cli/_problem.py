"""What went wrong, as one line and an exit status.

This module knows which exceptions are the world's fault. It does not know what was being done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast, final

from trio_realtime.errors import RealtimeError

INTERRUPTED: Final = 130  # what a shell reports for Ctrl-C: 128 + SIGINT


@final
class ProblemError(Exception):
    """Something the user can put right; its text is the line to print."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in `error`, without the groups that hold them."""
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(inner)
    else:
        yield error


def verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the line for what ended a command; raise it if it is a bug."""
    found = list(leaves(error))
    for leaf in found:
        if isinstance(leaf, KeyboardInterrupt):
            return INTERRUPTED, ""
        if isinstance(leaf, SystemExit):  # rich, when nobody reads our output any more
            return 1, ""
        if not isinstance(leaf, ProblemError | RealtimeError | OSError):
            raise error
    # The user's own mistake explains the rest; otherwise the first thing that went wrong does.
    culprit = min(found, key=lambda leaf: not isinstance(leaf, ProblemError))
    return 1, " ".join(str(culprit).split())

"""When a request over HTTP is asked again, and after how long.

It does not know what a request asks for, nor the time; chance is an argument.

An answer settles whether the server has acted: 408 (it never had the whole request), 429 and 503
(it would not) say that it has not, and any request may be asked again. After another 5xx, and when
the connection is lost before the answer, nobody knows. Then only a *repeatable* request is asked
again: one that does no harm when it is done twice.
"""

from __future__ import annotations

from typing import Final

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 8.0
"""Seconds before the first retry, doubled from one to the next up to the longest: as the official
SDKs wait."""

LONGEST_ASKED: Final = 60.0
"""The longest `Retry-After` that is waited for. Beyond it whoever asked has to know."""

_NOT_DONE: Final = frozenset({408, 429, 503})


def is_uncertain(status: int | None) -> bool:
    """Whether the server may have acted, by its answer; None is for no answer to what was sent."""
    return status is None or (status >= 500 and status not in _NOT_DONE)


def may_ask_again(status: int | None, *, repeatable: bool) -> bool:
    """Whether a request that was sent, and answered like this, is asked again."""
    return repeatable if is_uncertain(status) else status in _NOT_DONE


def delay_before(retry: int, *, retry_after: float | None, fraction: float) -> float | None:
    """Seconds to wait before a retry; None if the server asks for more than is waited.

    Args:
        retry: Which one: the first is 0.
        retry_after: What the server asks for, if it does.
        fraction: A random number from 0 to 1. Up to a quarter of the wait is left out by it, so
            that those who failed together do not come back together.
    """
    if retry_after is not None:
        return retry_after if retry_after <= LONGEST_ASKED else None
    longest: float = min(FIRST_DELAY * 2.0 ** min(retry, 10), LONGEST_DELAY)
    return longest * (1 - fraction / 4)

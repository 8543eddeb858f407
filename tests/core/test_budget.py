"""How much may be held, and when reading must stop."""

from __future__ import annotations

import pytest

from trio_realtime._core._budget import EVENT_OVERHEAD, Budget, weight_of


@pytest.mark.parametrize(
    ("held", "waiting", "may_read", "is_overrun"),
    [
        (0, 0, True, False),
        (99, 0, True, False),
        (100, 0, False, False),
        (100, 1, True, False),
        (200, 1, True, False),
        (201, 1, True, True),
        (201, 0, False, True),
    ],
)
def test_reading_stops_at_the_limit_unless_somebody_waits(
    held: int, waiting: int, may_read: bool, is_overrun: bool
) -> None:
    budget = Budget(100)
    budget.held, budget.waiting = held, waiting
    assert (budget.may_read, budget.is_overrun) == (may_read, is_overrun)
    assert budget.hard_limit == 200


@pytest.mark.parametrize(
    ("frame", "size"), [("abc", 3), (b"\xff\xfe", 2), ("é", 2), ("\U0001f600", 4), ("\ud83d", 3)]
)
def test_a_frame_weighs_its_bytes_and_the_overhead(frame: str | bytes, size: int) -> None:
    assert weight_of(frame) == size + EVENT_OVERHEAD

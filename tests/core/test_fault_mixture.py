"""A random mixture of faults: every kind comes, and the seed decides."""

from __future__ import annotations

import math
import random

from trio_realtime._core._fault_mixture import mixture_from_chance
from trio_realtime._core._faults import NO_FAULTS, NO_STREAM_FAULTS, Faults, StreamFaults


def mixtures(count: int) -> list[tuple[Faults, Faults, StreamFaults]]:
    return [mixture_from_chance(random.Random(seed).random) for seed in range(count)]


def test_every_setting_is_drawn_in_some_mixture() -> None:
    drawn = mixtures(500)
    assert drawn == mixtures(500)
    for side in (0, 1):
        text = " ".join(repr(mixture[side]) for mixture in drawn)
        for name in ("delay", "duplicate", "reorder", "malformed", "unknown", "oversize", "stall"):
            assert f"{name}=" in text
        assert "drop_before=" in text
        assert "drop_after=" in text
        assert "ending='reset'" in text
    text = " ".join(repr(mixture[2]) for mixture in drawn)
    for name in ("piece", "piece_delay", "read_rate", "cut_after", "stall_after", "handshake"):
        assert f"{name}=" in text
    assert "read_rate=0," in text or "read_rate=0)" in text
    assert {each.stall_seconds == math.inf for each, _, _ in drawn if each.stall} == {True, False}


def test_no_mixture_is_without_faults() -> None:
    nothing = (NO_FAULTS, NO_FAULTS, NO_STREAM_FAULTS)
    assert all(mixture != nothing for mixture in mixtures(500))

"""What follows from the samples: medians, ratios of neighbours, goals."""

from __future__ import annotations

import json

import pytest

from benchmarks.results import Comparison, Results, quantity
from benchmarks.rows import OPENAI, OURS, OURS_WEBSOCKETS, ROWS, TRIO_WEBSOCKET
from tests.bench.sample import sample


def found(results: Results) -> dict[tuple[str, str, str | None], Comparison]:
    return {(each.row, each.client, each.against): each for each in results.comparisons()}


def test_a_ratio_is_of_the_neighbours_in_a_round() -> None:
    beside = found(sample())["text", OURS, OPENAI]
    assert beside.kind == "speed"
    ratio = beside.ratio
    assert (ratio.least, ratio.middle, ratio.most) == pytest.approx((2.5, 3.0, 3.5))


def test_beside_the_floor_the_ratio_is_our_share() -> None:
    beside = found(sample())["text", OURS, TRIO_WEBSOCKET]
    assert beside.kind == "share"
    assert beside.ratio.middle == pytest.approx(2.0)


def test_memory_is_a_share_whoever_it_is_beside() -> None:
    assert found(sample())["idle", OURS, OPENAI].ratio.middle == pytest.approx(3.0)


def test_a_goal_is_met_or_not_met_or_not_set() -> None:
    each = found(sample())
    assert each["text", OURS, OPENAI].met is True
    assert each["text", OURS, TRIO_WEBSOCKET].met is False
    assert each["idle", OURS, TRIO_WEBSOCKET].met is False
    assert each["idle", OURS, OPENAI].met is None
    assert each["hour", OURS, None].met is True


def test_who_was_not_measured_is_compared_with_nobody() -> None:
    assert not any(OURS_WEBSOCKETS in key for key in found(sample()))


def test_a_round_that_failed_leaves_the_others() -> None:
    results = sample()
    results.samples["text"][OPENAI].pop()
    assert found(results)["text", OURS, OPENAI].ratio.middle == pytest.approx(2.5)


def test_throughput_is_read_off_the_clock_that_was_asked_for() -> None:
    results, row = sample(), ROWS[0]
    assert results.median(row, row.figures[0], OURS) == pytest.approx(1.5e-5)
    results.clock = "wall"
    assert results.median(row, row.figures[0], OURS) == 9.0


def test_json_holds_all_of_it_and_what_follows() -> None:
    text = sample().to_json()
    assert Results.from_json(text) == sample()
    whole = json.loads(text)
    assert whole["exponents"] == {"growth-events": {OURS: 1.0}}
    (first, *_) = whole["comparisons"]
    assert first == {
        "row": "text",
        "figure": "receive a small text delta",
        "client": OURS,
        "against": OPENAI,
        "ratio": "theirs / ours",
        "median": 3.0,
        "least": 2.5,
        "most": 3.5,
        "goal": "≥ 2",
        "met": True,
    }


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.234, "s", "1.23 s"),
        (0.0123, "s", "12.3 ms"),
        (9.996e-6, "s", "10.0 µs"),
        (1.4e-7, "s", "0.14 µs"),
        (345e-6, "s", "345 µs"),
        (512, "B", "512 B"),
        (51_200, "B", "51.2 kB"),
        (5.2e7, "B", "52.0 MB"),
        (1.0123, "x", "1.01x"),
    ],
)
def test_a_quantity_has_three_digits_and_a_unit(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text

"""How a cost grows is told by the exponent of a power law."""

from __future__ import annotations

import pytest

from benchmarks.fits import exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_power_law_is_found_again(power: float) -> None:
    points = [(x, 3 * x**power) for x in (1.0, 10.0, 500.0)]
    assert exponent(points) == pytest.approx(power)


def test_noise_around_a_law_cancels_out() -> None:
    assert exponent([(1, 2.0), (1, 0.5), (10, 20), (10, 5)]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "two places"),
        ([(1.0, 1.0), (1.0, 2.0)], "two places"),
        ([(0.0, 1.0), (1.0, 2.0)], "above 0"),
        ([(1.0, 1.0), (2.0, 0.0)], "above 0"),
    ],
)
def test_no_law_goes_through_too_few_points_or_through_nothing(
    points: list[tuple[float, float]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        exponent(points)

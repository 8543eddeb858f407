"""How a cost grows: the exponent of a power law through measured points."""

from __future__ import annotations

import math
from collections.abc import Sequence


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Return `b` of the law `y = a * x**b` that fits best: least squares of the logarithms.

    1 is a cost that grows with `x`, 0 one that does not, 2 one to worry about.
    """
    if len({x for x, _ in points}) < 2:
        raise ValueError("a law needs points at two places or more")
    if any(x <= 0 or y <= 0 for x, y in points):
        raise ValueError("only numbers above 0 have a logarithm")
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    across = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return across / sum((x - middle_x) ** 2 for x in xs)

"""What was measured, and what follows from it: medians, ratios with their spread, goals.

This module reads and writes JSON. It does not know how anything is measured or shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.fits import exponent
from benchmarks.rows import (
    BARE,
    CLIENTS,
    GROWTHS,
    NODE,
    OPENAI,
    OURS,
    OURS_WEBSOCKETS,
    ROWS,
    TRIO_WEBSOCKET,
    WEBSOCKETS,
    Figure,
    Goal,
    Kind,
    Row,
)

Clock = Literal["cpu", "wall"]
Sample = dict[str, float]

RIVALS = {
    OURS: (OPENAI, TRIO_WEBSOCKET, NODE),
    OURS_WEBSOCKETS: (OPENAI, WEBSOCKETS),
}
"""Beside whom each of ours is put."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio over all rounds: of each round's neighbours, the median, and the extremes."""

    middle: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of ours beside another, or with `against=None` by itself."""

    row: str
    figure: Figure
    client: str
    against: str | None
    kind: Kind
    ratio: Ratio
    goal: Goal | None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.ratio.middle)


@dataclass(slots=True)
class Results:
    """One run."""

    clock: Clock = "cpu"
    facts: dict[str, str] = field(default_factory=dict)
    """The machine and the versions."""

    left_out: dict[str, str] = field(default_factory=dict)
    """Who was not measured, and why."""

    failed: dict[str, str] = field(default_factory=dict)
    """What went wrong, by `row, client`."""

    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    """By row and client, what each round reported."""

    growth: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    """By row and client, the points."""

    def key(self, figure: Figure) -> str:
        if figure.key != "time":
            return figure.key
        return "cpu" if self.clock == "cpu" else "each"

    def values(self, row: Row, figure: Figure, client: str) -> list[float]:
        key = self.key(figure)
        return [sample[key] for sample in self.samples.get(row.name, {}).get(client, [])]

    def median(self, row: Row, figure: Figure, client: str) -> float | None:
        values = self.values(row, figure, client)
        return median(values) if values else None

    def exponent(self, name: str, client: str) -> float | None:
        points = self.growth.get(name, {}).get(client, [])
        return exponent(points) if len(points) > 1 else None

    def comparisons(self) -> Iterator[Comparison]:
        """Yield all that can be compared, in the order of the rows."""
        for row in ROWS:
            for figure in row.figures:
                for client, rivals in RIVALS.items():
                    for against in (None, *rivals):
                        found = self._comparison(row, figure, client, against)
                        if found is not None:
                            yield found

    def _comparison(
        self, row: Row, figure: Figure, client: str, against: str | None
    ) -> Comparison | None:
        goals = {(goal.client, goal.against): goal for goal in figure.goals}
        goal = goals.get((client, against))
        ours = self.values(row, figure, client)
        if against is None:
            if goal is None or not ours:
                return None
            return Comparison(row.name, figure, client, None, goal.kind, ratio_of(ours), goal)
        theirs = self.values(row, figure, against)
        if not ours or not theirs:
            return None
        kind: Kind = "speed"
        if figure.memory or against in BARE:
            kind = "share"
        if goal is not None:
            kind = goal.kind
        pairs = list(zip(ours, theirs, strict=False))  # a round of one may have failed
        ratios = [them / us if kind == "speed" else us / them for us, them in pairs]
        return Comparison(row.name, figure, client, against, kind, ratio_of(ratios), goal)

    def to_json(self) -> str:
        """Return everything, with what follows from it for those who only read."""
        compared = [
            {
                "row": each.row,
                "figure": each.figure.title,
                "client": each.client,
                "against": each.against,
                "ratio": "theirs / ours" if each.kind == "speed" else "ours / theirs",
                "median": round(each.ratio.middle, 4),
                "least": round(each.ratio.least, 4),
                "most": round(each.ratio.most, 4),
                "goal": None if each.goal is None else str(each.goal),
                "met": each.met,
            }
            for each in self.comparisons()
        ]
        exponents = {
            growth.name: {
                client: round(found, 3)
                for client in CLIENTS
                if (found := self.exponent(growth.name, client)) is not None
            }
            for growth in GROWTHS
            if growth.name in self.growth
        }
        whole = {**asdict(self), "comparisons": compared, "exponents": exponents}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """Read what `to_json` wrote."""
        whole = json.loads(text)
        growth = {
            name: {client: [(x, y) for x, y in points] for client, points in clients.items()}
            for name, clients in whole["growth"].items()
        }
        return cls(
            whole["clock"],
            whole["facts"],
            whole["left_out"],
            whole["failed"],
            whole["samples"],
            growth,
        )

    @classmethod
    def from_file(cls, path: Path) -> Results:
        return cls.from_json(path.read_text("utf-8"))


def ratio_of(values: list[float]) -> Ratio:
    return Ratio(median(values), min(values), max(values))


def quantity(value: float, unit: str) -> str:
    """Return a figure as people read it: three digits and a unit."""
    if unit == "x":
        return f"{value:.3g}x"
    steps = {
        "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
        "B": ((1e6, "MB"), (1e3, "kB"), (1, "B")),
    }[unit]
    size, name = next((step for step in steps if value >= step[0]), steps[-1])
    value /= size
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {name}"

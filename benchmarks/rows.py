"""What is measured, on which clients, and what we want to reach. Data, and no doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.frames import TURN_EVENTS

Number = int | float | str
Work = dict[str, Number]
"""What a client is told: the load, and numbers."""

OURS: Final = "ours"
OURS_WEBSOCKETS: Final = "ours-websockets"
OPENAI: Final = "openai-python"
TRIO_WEBSOCKET: Final = "trio-websocket"
WEBSOCKETS: Final = "websockets.trio"
NODE: Final = "openai-node"

CLIENTS: Final = {
    OURS: "trio_realtime",
    OURS_WEBSOCKETS: "trio_realtime on websockets",
    OPENAI: "openai-python",
    TRIO_WEBSOCKET: "bare trio-websocket",
    WEBSOCKETS: "bare websockets.trio",
    NODE: "openai-node",
}
"""Their names for people, in the order in which they take turns."""

BARE: Final = (TRIO_WEBSOCKET, WEBSOCKETS)
ALL: Final = tuple(CLIENTS)
PYTHON: Final = (OURS, OURS_WEBSOCKETS, OPENAI, *BARE)

Kind = Literal["speed", "share"]
"""How a ratio is told: theirs by ours, "times as fast", or ours by theirs, "times as much"."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio, or with `against=None` the figure itself, is to reach."""

    client: str
    against: str | None
    kind: Kind
    bound: float

    def met(self, value: float) -> bool:
        return value >= self.bound if self.kind == "speed" else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.kind == 'speed' else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a row."""

    key: str
    """Its name in what a client reports. `"time"` is processor time or wall time, as asked for."""

    title: str
    unit: Literal["s", "B", "x"]
    goals: tuple[Goal, ...] = ()
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One workload."""

    name: str
    work: Work
    figures: tuple[Figure, ...]
    clients: tuple[str, ...] = ALL
    scaled: tuple[str, ...] = ("count",)
    """The numbers of the work that `--scale` scales."""

    rounds: int = 5
    """At most so many rounds, unless asked for."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One cost that grows with something."""

    name: str
    title: str
    of: str
    """What it grows with."""

    points: tuple[tuple[float, Work], ...]
    clients: tuple[str, ...] = (OURS, OURS_WEBSOCKETS, OPENAI)
    total: str | None = None
    """The number of the work to multiply the time of each with, to tell the cost of all."""


def _goals(ours: float, on_websockets: float) -> tuple[Goal, ...]:
    return (
        Goal(OURS, OPENAI, "speed", ours),
        Goal(OURS_WEBSOCKETS, OPENAI, "speed", on_websockets),
    )


def _work(load: str, **numbers: Number) -> Work:
    return {"load": load, **numbers}


def _timed(title: str, goals: tuple[Goal, ...] = ()) -> tuple[Figure, ...]:
    return (Figure("time", title, "s", goals),)


ROWS: Final = (
    Row(
        "text",
        _work("text", count=25_000),
        _timed(
            "receive a small text delta",
            (*_goals(2.0, 3.0), Goal(OURS, TRIO_WEBSOCKET, "share", 1.6)),
        ),
    ),
    Row(
        "audio",
        _work("audio", count=6_000),
        _timed("receive 4.8 kB of audio as bytes", _goals(2.5, 3.0)),
    ),
    Row(
        "done",
        _work("done", count=5_000),
        _timed("receive response.done", _goals(2.7, 3.3)),
    ),
    Row(
        "mix",
        _work("mix", count=120 * TURN_EVENTS),
        _timed("receive an event of a voice session"),
    ),
    Row(
        "start",
        _work("start"),
        (Figure("cpu", "start, import, connect, hear a first turn", "s"),),
        scaled=(),
    ),
    Row(
        "append",
        _work("append", count=6_000, size=960),
        _timed("append 20 ms of PCM", _goals(2.5, 3.0)),
    ),
    Row("append-1mb", _work("append", count=30, size=750_000), _timed("append 1 MB of base64")),
    Row("append-15mb", _work("append", count=3, size=11_250_000), _timed("append 15 MB of base64")),
    Row(
        "connect",
        _work("connect", count=100),
        (Figure("each", "connect, up to the first event", "s"),),
    ),
    Row(
        "roundtrip",
        _work("echo", count=200, rate=50),
        (
            Figure("p50", "round trip at 50 a second, median", "s"),
            Figure("p99", "round trip at 50 a second, 99th of 100", "s"),
        ),
        rounds=3,
    ),
    Row(
        "sessions",
        _work("sessions", sessions=1000, seconds=2),
        (
            Figure("cpu", "a second of one of 1 000 sessions", "s"),
            Figure("memory", "memory of one of 1 000 sessions", "B", memory=True),
        ),
        PYTHON,
        ("sessions",),
        rounds=2,
    ),
    Row(
        "idle",
        _work("idle", sessions=1000),
        (
            Figure(
                "memory",
                "memory of one of 1 000 idle connections",
                "B",
                (Goal(OURS, TRIO_WEBSOCKET, "share", 2.0),),
                memory=True,
            ),
        ),
        PYTHON,
        ("sessions",),
        rounds=3,
    ),
    Row(
        "import",
        _work("import"),
        _timed("import", (Goal(OURS, OPENAI, "share", 0.6),)),
        (OURS, OPENAI, *BARE),
        (),
        rounds=10,
    ),
    Row(
        "hour",
        _work("hour", minutes=60),
        (
            Figure(
                "growth",
                "memory in use after 60 simulated minutes, by that after 10",
                "x",
                # Not 1: the tables of recent ids are still filling up, to their limits.
                (Goal(OURS, None, "share", 1.1), Goal(OURS_WEBSOCKETS, None, "share", 1.1)),
            ),
            Figure("memory", "memory of the process then", "B", memory=True),
        ),
        (OURS, OURS_WEBSOCKETS),
        ("minutes",),
        rounds=1,
    ),
)

GROWTHS: Final = (
    Growth(
        "growth-events",
        "time for all events",
        "events received",
        tuple((n, _work("text", count=n)) for n in (1000, 10_000, 100_000, 1_000_000)),
        (OURS, OURS_WEBSOCKETS),  # a million events take others minutes
        total="count",
    ),
    Growth(
        "growth-sessions",
        "processor time for a second of all sessions",
        "sessions in one process",
        tuple((n, _work("sessions", sessions=n, seconds=2)) for n in (1, 10, 100, 1000)),
        total="sessions",
    ),
    Growth(
        "growth-receive",
        "time for one message",
        "bytes of a message received",
        tuple(
            (size * 4 / 3, _work("sized", count=count, size=size))
            for size, count in (
                (750, 10_000),
                (7500, 5000),
                (75_000, 1000),
                (750_000, 100),
                (11_250_000, 4),
            )
        ),
    ),
    Growth(
        "growth-append",
        "time for one append",
        "bytes of base64 appended",
        tuple(
            (size * 4 / 3, _work("append", count=count, size=size))
            for size, count in (
                (750, 10_000),
                (7500, 5000),
                (75_000, 500),
                (750_000, 50),
                (11_250_000, 3),
            )
        ),
    ),
)

NAMES: Final = tuple(row.name for row in (*ROWS, *GROWTHS))

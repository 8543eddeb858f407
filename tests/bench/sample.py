"""Results to look at: two rounds of few rows, in round numbers."""

from __future__ import annotations

from benchmarks.results import Results
from benchmarks.rows import OPENAI, OURS, OURS_WEBSOCKETS, TRIO_WEBSOCKET


def sample() -> Results:
    """Ours is three times as fast at text, and too large when idle."""
    return Results(
        clock="cpu",
        facts={"python": "3.11.7", "trio": "0.35.0", "openai-python's openai": "3.52.0"},
        left_out={OURS_WEBSOCKETS: "no [such] module"},
        failed={"done, ours": "it broke", "audio, ours": "it broke"},
        samples={
            "text": {
                OURS: [{"each": 9.0, "cpu": 1e-5}, {"each": 9.0, "cpu": 2e-5}],
                OPENAI: [{"each": 9.0, "cpu": 2.5e-5}, {"each": 9.0, "cpu": 7e-5}],
                TRIO_WEBSOCKET: [{"each": 9.0, "cpu": 5e-6}, {"each": 9.0, "cpu": 1e-5}],
            },
            "idle": {
                OURS: [{"memory": 60_000.0}],
                OPENAI: [{"memory": 20_000.0}],
                TRIO_WEBSOCKET: [{"memory": 25_000.0}],
            },
            "hour": {OURS: [{"growth": 1.01, "memory": 5e7}]},
        },
        growth={"growth-events": {OURS: [(1e3, 0.01), (1e4, 0.1), (1e5, 1.0)]}},
    )

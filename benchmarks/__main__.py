"""Measure us beside openai-python and the bare WebSocket libraries, side by side in one run.

All clients talk to one server process, which sends prepared frames from memory. They take turns,
each measurement in a process of its own. Every ratio is of neighbours in one round: figures of
different runs or machines do not compare. Times are processor time of the client, which a busy
machine spoils less than time on the wall (--clock wall); latencies, and the time to connect, are
always on the wall. A full run takes some ten minutes, --quick about one.

It writes JSON, and docs/performance.svg, when it measured all that there is (or where --json and
--picture say).
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.picture import draw
from benchmarks.results import Results
from benchmarks.rows import GROWTHS, NAMES, ROWS
from benchmarks.running import ROOT, Bench, Rivals, facts, load_server
from benchmarks.table import show

JSON = ROOT / "benchmarks" / "results.json"
PICTURE = ROOT / "docs" / "performance.svg"


def above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number <= 100:
        raise ValueError
    return number


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def row_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r}: rows are {', '.join(NAMES)}")
    return names


def slow(name: str) -> bool:
    return name == "hour" or name.startswith("growth")


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m nox -s bench --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", metavar="ROWS", type=row_names, help=f"some rows, with commas: {', '.join(NAMES)}"
    )
    parser.add_argument("--rounds", type=at_least_one, help="rounds of each row (default: 1 to 10)")
    parser.add_argument(
        "--scale", type=above_zero, default=1.0, help="how much to do in a round (default: 1)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of it, in two rounds, and not how costs grow"
    )
    parser.add_argument(
        "--clock",
        choices=("cpu", "wall"),
        default="cpu",
        help="what throughput is measured in (default: cpu)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where to write the picture")
    parser.add_argument(
        "--draw", type=Path, metavar="JSON", help="measure nothing; show what a file says"
    )
    parser.add_argument(
        "--openai-python",
        metavar="PYTHON",
        default=os.environ.get("TRIO_REALTIME_OPENAI_PYTHON"),
        help="an interpreter that has openai[realtime] (default: TRIO_REALTIME_OPENAI_PYTHON)",
    )
    parser.add_argument(
        "--openai-node",
        metavar="FOLDER",
        default=os.environ.get("TRIO_REALTIME_OPENAI_NODE"),
        help="where `npm install openai ws` was run (default: TRIO_REALTIME_OPENAI_NODE)",
    )
    chosen = parser.parse_args(argv)
    chosen.names = chosen.only or [name for name in NAMES if not (chosen.quick and slow(name))]
    if chosen.quick:
        chosen.scale /= 10
    return chosen


def measure(chosen: argparse.Namespace, console: Console) -> Results:
    rivals = Rivals(chosen.openai_python, chosen.openai_node)
    results = Results(clock=chosen.clock, facts=facts(rivals), left_out=rivals.missing())
    results.facts["date"] = dt.datetime.now(dt.UTC).date().isoformat()
    results.facts["scale"] = f"{chosen.scale:g}"
    for client, why in results.left_out.items():
        console.print(f"left out: {client}: {why}", style="yellow", highlight=False)
    with load_server() as base_url, console.status("starting") as status:

        def say(text: str) -> None:
            if console.is_terminal:
                status.update(text)
            else:
                print(text, file=sys.stderr, flush=True)

        bench = Bench(results, rivals, base_url, scale=chosen.scale, say=say)
        rows = [row for row in ROWS if row.name in chosen.names]
        growths = [growth for growth in GROWTHS if growth.name in chosen.names]
        parts = len(rows) + len(growths)
        for number, row in enumerate(rows):
            rounds = min(row.rounds, 2) if chosen.quick else row.rounds
            console.print(f"[{number + 1}/{parts}] {row.name}", style="dim", markup=False)
            bench.run(row, chosen.rounds or rounds)
        for number, growth in enumerate(growths, len(rows)):
            console.print(f"[{number + 1}/{parts}] {growth.name}", style="dim", markup=False)
            bench.grow(growth)
        tell_server(bench, results)
    return results


def tell_server(bench: Bench, results: Results) -> None:
    """Note how fast the server is by itself, beside the fastest that was measured."""
    text = next(row for row in ROWS if row.name == "text")
    times = [
        results.median(text, text.figures[0], client) for client in results.samples.get("text", {})
    ]
    fastest = min((value for value in times if value is not None), default=None)
    if fastest is not None:
        alone = bench.server_alone()
        results.facts["server"] = (
            f"sends a text delta in {alone * 1e6:.2f} µs, "
            f"{fastest / alone:.0f} times as fast as the fastest client took it"
        )


def write(results: Results, chosen: argparse.Namespace, console: Console) -> None:
    whole = chosen.only is None and chosen.scale == 1 and not results.failed
    for path, text in (
        (chosen.json or (JSON if whole and not chosen.draw else None), results.to_json()),
        (chosen.picture or (PICTURE if whole and not chosen.draw else None), draw(results)),
    ):
        if path is not None:
            path.write_text(text, "utf-8")
            console.print(f"wrote {path}", highlight=False)


def main(argv: list[str] | None = None) -> int:
    chosen = arguments(argv)
    console = Console(width=None if sys.stdout.isatty() else 140)
    if chosen.draw:
        results = Results.from_file(chosen.draw)
    else:
        try:
            results = measure(chosen, console)
        except KeyboardInterrupt:
            console.print("stopped: nothing was written", style="red")
            return 130
    show(results, console)
    write(results, chosen, console)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())

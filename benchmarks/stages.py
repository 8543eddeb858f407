"""Measure where the time of one event goes: `python -m benchmarks.stages`.

Also where the memory of an idle connection and the time of the import go. It takes half a minute,
prints what it found, and writes `benchmarks/stages.json`, of which `nox -s docs` makes tables of
docs/performance.md. It compares us with nobody: that is `python -m nox -s bench`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

import trio

from benchmarks.running import ROOT, Rivals, facts, load_server

JSON = ROOT / "benchmarks" / "stages.json"

CLIENT = "benchmarks.clients.ours"

Cost = tuple[float, float]
"""Seconds for one: the least, and the median."""

STAGES = {
    "read": "read from the socket: the kernel's copy, and the Trio call for 64 KiB",
    "frame": "find the WebSocket frame, decode UTF-8",
    "decode": "JSON, audio and models, in Rust; finding the class",
    "dispatch": "settle who waits for it, keep accounts, put it into the stream",
    "receive": "`async for`: take it out, one checkpoint",
}
"""What an event goes through, in this order. All of them together are the event."""

EXTRAS = {
    "checkpoint": "of the last line: the checkpoint",
    "library": "in place of the second line: the same frame, by wsproto",
    "tap": "besides, for each open `tap()`: put it there, too",
}

WHOLES = {
    "whole": "the whole, as it happens",
    "frozen": "the whole, after `gc.freeze()`",
    "without gc": "the whole, without garbage collection",
}
"""The same event from a server in a process of its own, with all that happens in between."""

APPENDING = {
    "id": "an id for the frame",
    "base64": "base64",
    "frame, trio-websocket": "masking, `trio-websocket`",
    "frame, websockets": "masking, `websockets`",
    "write": "hand it to the kernel",
    "whole, trio-websocket": "the whole, `trio-websocket`",
    "whole, websockets": "the whole, `websockets`",
}


@dataclass(slots=True)
class Stages:
    """One run."""

    facts: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict[str, Cost]] = field(default_factory=dict)
    """By kind of event and stage."""

    appends: dict[str, dict[str, Cost]] = field(default_factory=dict)
    """By size and stage."""

    compression: dict[str, float] = field(default_factory=dict)
    """Seconds it adds to sending and to receiving, and the share of the bytes that it saves."""

    memory: dict[str, float] = field(default_factory=dict)
    """Bytes of an idle connection, by part."""

    imports: dict[str, float] = field(default_factory=dict)
    """Seconds, by part."""

    first: dict[str, float] = field(default_factory=dict)
    """Seconds of what is loaded after the import, once, when it is needed."""

    def to_json(self) -> str:
        def rounded(value: object) -> object:
            if isinstance(value, float):
                return float(f"{value:.4g}")
            if isinstance(value, Mapping):
                return {name: rounded(each) for name, each in value.items()}
            return [rounded(each) for each in value] if isinstance(value, tuple) else value

        return json.dumps(rounded(asdict(self)), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_file(cls, path: Path) -> Stages:
        whole = json.loads(path.read_text("utf-8"))
        for name in ("events", "appends"):
            whole[name] = {
                kind: {stage: (least, middle) for stage, (least, middle) in stages.items()}
                for kind, stages in whole[name].items()
            }
        return cls(**whole)


def sum_of(stages: Mapping[str, Cost]) -> Cost:
    """Return what the stages take together."""
    own = [stages[name] for name in STAGES]
    return sum(least for least, _ in own), sum(middle for _, middle in own)


@contextmanager
def collector(how: str) -> Iterator[None]:
    """Have the garbage collector do as it does, or less."""
    gc.collect()
    if how == "frozen":
        gc.freeze()
    elif how == "without gc":
        gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def cost_from(seconds: list[float]) -> Cost:
    ordered = sorted(seconds)
    return ordered[0], ordered[len(ordered) // 2]


async def whole_events(rounds: int, scale: float) -> dict[str, dict[str, Cost]]:
    """Measure events from the load server, with the collector as it is, frozen and off, in turn."""
    from trio_realtime import open_realtime

    ours = import_module(CLIENT)
    await ours.warm_up(open_realtime)
    found: dict[str, dict[str, Cost]] = {}
    for kind, many in {"text": 20_000, "audio": 4000, "done": 4000}.items():
        taken: dict[str, list[float]] = {how: [] for how in WHOLES}
        for _ in range(rounds):
            for how, seconds in taken.items():
                with collector(how):
                    took = await ours.receive(open_realtime, kind, max(1, int(many * scale)))
                seconds.append(took["cpu"])
        found[kind] = {how: cost_from(seconds) for how, seconds in taken.items()}
    return found


async def whole_appends(size: int, rounds: int, scale: float) -> dict[str, Cost]:
    from benchmarks.probes import libraries
    from trio_realtime import open_realtime

    ours = import_module(CLIENT)

    taken: dict[str, list[float]] = {name: [] for name in libraries()}
    count = max(1, int(scale * (2000 if size < 10_000 else 20)))
    for _ in range(rounds):
        for name, seconds in taken.items():
            took = await ours.append(
                lambda model, name=name: open_realtime(model, transport=name), count, size
            )
            seconds.append(took["cpu"])
    return {f"whole, {name}": cost_from(seconds) for name, seconds in taken.items()}


async def measure(rounds: int, scale: float) -> Stages:
    """Measure everything. `OPENAI_BASE_URL` is the load server's."""
    from benchmarks import footprint, probes

    batches = max(2, int(150 * scale))
    stages = Stages(facts=facts(Rivals(None, None)))
    wholes = await whole_events(rounds, scale)
    for kind in probes.EVENTS:
        stages.events[kind] = {**await probes.event_stages(kind, batches), **wholes[kind]}
    for name, size in probes.APPENDS.items():
        stages.appends[name] = {
            **probes.append_stages(size, batches if size < 10_000 else max(2, batches // 5)),
            **await whole_appends(size, rounds, scale),
        }
    stages.compression = probes.compression(max(2, batches // 5))
    stages.memory = await footprint.connection_memory(max(1, int(200 * scale)))
    stages.imports = footprint.import_times(rounds)
    stages.first = footprint.first_times(rounds)
    stages.facts["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    return stages


def lines(stages: Stages) -> Iterator[str]:
    """Yield what a terminal shows."""
    yield "µs for one: the least of many batches, and (the median)"
    for title, parts, names in (
        ("event", stages.events, {**STAGES, **EXTRAS, **WHOLES}),
        ("append", stages.appends, APPENDING),
    ):
        yield f"{title:<75}" + "".join(f"{kind:>20}" for kind in parts)
        for name, said in names.items():
            cells = [shown(each.get(name), digits=2) for each in parts.values()]
            yield f"  {said:<73}" + "".join(f"{cell:>20}" for cell in cells)
    if stages.compression:
        sent, got = (stages.compression[way] * 1e6 for way in ("send", "receive"))
        yield (
            f"compression of 20 ms of speech: {sent:.1f} µs more to send, {got:.1f} to receive, "
            f"{stages.compression['saved']:.0%} of the bytes less"
        )
    for title, amounts, unit, per in (
        ("an idle connection", stages.memory, "KiB", 1 / 1024),
        ("the import", stages.imports, "ms", 1000),
        ("loaded later", stages.first, "ms", 1000),
    ):
        yield f"{title}: {sum(amounts.values()) * per:.0f} {unit}"
        for name, amount in amounts.items():
            yield f"  {name:<73}{amount * per:>20.1f}"


def shown(cost: Cost | None, *, digits: int) -> str:
    return "" if cost is None else f"{cost[0] * 1e6:.{digits}f} ({cost[1] * 1e6:.{digits}f})"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("--json", type=Path, default=JSON, help="where to write what was found")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of what is measured whole")
    parser.add_argument("--scale", type=float, default=1.0, help="how much to do (default: 1)")
    parser.add_argument("--show", type=Path, metavar="JSON", help="measure nothing; show a file")
    chosen = parser.parse_args(argv)
    if chosen.show:
        stages = Stages.from_file(chosen.show)
    else:
        with load_server() as base_url:
            os.environ |= {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "test"}
            os.environ["NO_PROXY"] = "127.0.0.1"
            stages = trio.run(measure, chosen.rounds, chosen.scale)
        chosen.json.write_text(stages.to_json(), "utf-8")
    print("\n".join(lines(stages)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

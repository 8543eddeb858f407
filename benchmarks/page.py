"""The tables of docs/performance.md, from what was measured: results.json and stages.json.

`docs/write_tables.py` puts them between the page's markers. Pure, but for reading the two files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.results import Results, quantity
from benchmarks.rows import (
    CLIENTS,
    GROWTHS,
    OPENAI,
    OURS,
    OURS_WEBSOCKETS,
    ROWS,
    TRIO_WEBSOCKET,
    WEBSOCKETS,
)
from benchmarks.stages import APPENDING, EXTRAS, STAGES, WHOLES, Cost, Stages, sum_of

SHOWN = (OURS, OURS_WEBSOCKETS, OPENAI, TRIO_WEBSOCKET, WEBSOCKETS)

KINDS = {"text": "text delta", "audio": "audio delta, 4.8 kB", "done": "`response.done`"}


def parts(folder: Path) -> dict[str, Callable[[], Iterator[str]]]:
    """Return what goes between which markers, from the files in a folder."""
    results = Results.from_file(folder / "results.json")
    stages = Stages.from_file(folder / "stages.json")
    return {
        "stages": lambda: event_stages(stages),
        "response.done": lambda: done(stages),
        "appends": lambda: append_stages(stages),
        "compression": lambda: compression(stages),
        "stages machine": lambda: machine(stages.facts),
        "beside": lambda: beside(results),
        "goals": lambda: goals(results),
        "growth": lambda: growth(results),
        "results machine": lambda: machine(results.facts),
        "memory": lambda: shares(stages.memory, "of an idle connection", "KiB", 1 / 1024, 1),
        "import": lambda: shares(stages.imports, "of the import", "ms", 1000, 0),
        "first": lambda: shares(stages.first, "loaded once, by", "ms", 1000, 0, total=False),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield row_of(head)
    yield row_of(["---"] + ["--:"] * (len(head) - 1))
    yield from map(row_of, rows)


def row_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def in_us(cost: Cost | None) -> str:
    """Return the least and the median, as the page tells them."""
    if cost is None:
        return ""
    digits = 2 if cost[1] < 1e-5 else 1 if cost[1] < 1e-4 else 0
    return f"{cost[0] * 1e6:.{digits}f} ({cost[1] * 1e6:.{digits}f})"


def event_stages(stages: Stages) -> Iterator[str]:
    kinds = [kind for kind in KINDS if kind in stages.events]
    measured = [stages.events[kind] for kind in kinds]
    rows = [[said, *(in_us(each[name]) for each in measured)] for name, said in STAGES.items()]
    rows.append(["**together**", *(f"**{in_us(sum_of(each))}**" for each in measured)])
    for name, said in {**EXTRAS, **WHOLES}.items():
        rows.append([f"*{said}*", *(in_us(each.get(name)) for each in measured)])
    yield from table(["µs", *(KINDS[kind] for kind in kinds)], rows)


def done(stages: Stages) -> Iterator[str]:
    """Yield where a `response.done` goes, in a sentence: medians."""
    each = {name: middle * 1e6 for name, (_, middle) in stages.events["done"].items()}
    yield (
        f"Of {each['whole']:.0f} µs, {each['decode']:.0f} are JSON and models, "
        f"{each['dispatch']:.0f} whose response it is and the accounts, {each['receive']:.0f} "
        f"handing it over with its checkpoint, and {each['whole'] - each['without gc']:.0f} "
        "garbage collection."
    )


def append_stages(stages: Stages) -> Iterator[str]:
    sizes = list(stages.appends)
    rows = [
        [
            f"*{said}*" if name.startswith("whole") else said,
            *(in_us(stages.appends[size].get(name)) for size in sizes),
        ]
        for name, said in APPENDING.items()
        if any(name in stages.appends[size] for size in sizes)
    ]
    yield from table(["µs", *(f"append of {size}" for size in sizes)], rows)


def compression(stages: Stages) -> Iterator[str]:
    if not stages.compression:
        yield "Compression was not measured here: `websockets` is not installed."
        return
    sent, got = (stages.compression[way] * 1e6 for way in ("send", "receive"))
    yield (
        f"Of synthetic speech, 20 ms at a time, it saves {stages.compression['saved']:.0%} of the "
        f"bytes, and adds {sent:.0f} µs to sending each and {got:.0f} µs to receiving."
    )


def shares(
    amounts: Mapping[str, float],
    what: str,
    unit: str,
    per: float,
    digits: int,
    *,
    total: bool = True,
) -> Iterator[str]:
    """Yield a table of parts, the largest first, and their sum; or in their order, without."""
    ordered = amounts.items()
    rows = [
        [name, f"{amount * per:.{digits}f}"]
        for name, amount in (sorted(ordered, key=lambda each: -each[1]) if total else ordered)
    ]
    if total:
        rows.append(["**together**", f"**{sum(amounts.values()) * per:.{digits}f}**"])
    yield from table([what, unit], rows)


def beside(results: Results) -> Iterator[str]:
    clients = [
        client for client in SHOWN if any(client in samples for samples in results.samples.values())
    ]
    rows: list[list[str]] = []
    for row in ROWS:
        for figure in row.figures:
            medians = [results.median(row, figure, client) for client in clients]
            if any(value is not None for value in medians):
                cells = ["" if each is None else quantity(each, figure.unit) for each in medians]
                rows.append([figure.title, *cells])
    yield from table(["", *(CLIENTS[client] for client in clients)], rows)


def goals(results: Results) -> Iterator[str]:
    rows: list[list[str]] = []
    for each in results.comparisons():
        if each.goal is None:
            continue
        ratio = each.ratio
        rows.append(
            [
                each.figure.title,
                "`websockets`" if each.client == OURS_WEBSOCKETS else "the default",
                "itself" if each.against is None else CLIENTS[each.against],
                f"{ratio.middle:.2f}x, {ratio.least:.2f} to {ratio.most:.2f}",
                str(each.goal),
                "met" if each.met else "**not met**",
            ]
        )
    yield "| | on | beside | ratio, all rounds | goal | |"
    yield "|---|---|---|--:|--:|---|"
    yield from map(row_of, rows)


def growth(results: Results) -> Iterator[str]:
    clients = [
        client for client in SHOWN if any(client in points for points in results.growth.values())
    ]
    rows: list[list[str]] = []
    for each in GROWTHS:
        found = [results.exponent(each.name, client) for client in clients]
        if any(value is not None for value in found):
            places = [x for points in results.growth[each.name].values() for x, _ in points]
            span = f"{min(places):,.0f} to {max(places):,.0f}".replace(",", " ")
            cells = ["" if value is None else f"{value:.2f}" for value in found]
            rows.append([f"{each.title}, by {each.of}", span, *cells])
    yield from table(["exponent", "from", *(CLIENTS[client] for client in clients)], rows)


def machine(facts: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence: what, where and when."""
    names = {"python": "Python", "openai-python's openai": "openai-python"}
    libraries = ("python", "trio", "trio-websocket", "wsproto", "websockets", "pydantic")
    versions = ", ".join(
        f"{names.get(name, name)} {facts[name]}"
        for name in (*libraries, "openai-python's openai")
        if name in facts
    )
    where = ", ".join(facts[name] for name in ("date", "processor", "machine") if name in facts)
    yield f"Measured on {where}, with {versions}."
    if "state" in facts:
        yield f"This run is {facts['state']}."

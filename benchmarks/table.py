"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.results import Comparison, Results, quantity
from benchmarks.rows import CLIENTS, GROWTHS, ROWS

COLUMNS = {
    client: name.replace("trio_realtime", "ours")
    .replace("bare ", "bare\n")
    .replace(" on ", " on\n")
    for client, name in CLIENTS.items()
}


def tables(results: Results) -> Iterator[Table]:
    """Yield the tables that have something to say."""
    for table in (figures(results), ratios(results), exponents(results)):
        if table.row_count:
            yield table


def measured(results: Results) -> list[str]:
    found = [set(row) for row in (*results.samples.values(), *results.growth.values())]
    return [client for client in CLIENTS if any(client in row for row in found)]


def figures(results: Results) -> Table:
    """Return what each took: medians."""
    clients = measured(results)
    clock = "processor time" if results.clock == "cpu" else "time on the wall"
    scale = results.facts.get("scale", "1")
    smaller = "" if scale == "1" else f", and all of it at {scale} of its scale"
    table = Table(title=f"What it takes (medians; throughput: {clock} of the client{smaller})")
    table.add_column("")
    for client in clients:
        table.add_column(COLUMNS[client], justify="right")
    for row in ROWS:
        if row.name not in results.samples:
            continue
        for figure in row.figures:
            medians = [results.median(row, figure, client) for client in clients]
            cells = ["" if value is None else quantity(value, figure.unit) for value in medians]
            table.add_row(figure.title, *cells)
    return table


def told(comparison: Comparison) -> str:
    """Say what a ratio means."""
    if comparison.against is None:
        return ""
    if comparison.kind == "speed":
        return "as fast"
    return "the memory" if comparison.figure.memory else "the time"


def ratios(results: Results) -> Table:
    """Return us beside the others, and beside what we want."""
    table = Table(title="Ratios: the median of all rounds, and the extremes")
    table.add_column("")
    table.add_column("ours on")
    table.add_column("beside")
    table.add_column("ratio", justify="right")
    table.add_column("")
    table.add_column("spread")
    table.add_column("goal")
    table.add_column("")
    last = ""
    for each in results.comparisons():
        ratio, title = each.ratio, each.figure.title
        if title != last and last:
            table.add_section()
        table.add_row(
            title if title != last else "",
            "websockets" if each.client.endswith("websockets") else "the default",
            "" if each.against is None else CLIENTS[each.against],
            f"{ratio.middle:.2f}x",
            told(each),
            f"{ratio.least:.2f} to {ratio.most:.2f}",
            "" if each.goal is None else str(each.goal),
            verdict(each.met),
        )
        last = title
    return table


def verdict(met: bool | None) -> Text:
    if met is None:
        return Text()
    return Text("met", "green") if met else Text("not met", "bold red")


def exponents(results: Results) -> Table:
    """Return how costs grow."""
    table = Table(title="How costs grow: the exponent (1: in proportion, 0: not at all)")
    rows = results.growth.values()
    clients = [client for client in CLIENTS if any(client in row for row in rows)]
    table.add_column("")
    table.add_column("with")
    table.add_column("from … to")
    for client in clients:
        table.add_column(COLUMNS[client], justify="right")
    for growth in GROWTHS:
        found = [results.exponent(growth.name, client) for client in clients]
        if any(value is not None for value in found):
            places = [x for points in results.growth[growth.name].values() for x, _ in points]
            cells = ["" if value is None else f"{value:.2f}" for value in found]
            span = f"{min(places):,.0f} … {max(places):,.0f}".replace(",", " ")
            table.add_row(growth.title, growth.of, span, *cells)
    return table


def show(results: Results, console: Console) -> None:
    """Print the tables, and what is missing from them."""
    for table in tables(results):
        console.print(table)
    if "server" in results.facts:
        console.print(f"The server {results.facts['server']}.", highlight=False)
    for client, why in results.left_out.items():
        console.print(
            f"[yellow]left out[/]: {CLIENTS.get(client, client)}: {escape(why)}", highlight=False
        )
    for why in dict.fromkeys(results.failed.values()):
        where = "; ".join(what for what, said in results.failed.items() if said == why)
        console.print(f"[red]failed[/]: {where}: {escape(why)}", highlight=False)

"""The picture: what each client takes beside openai-python, as bars, in hand-written SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.results import Results, quantity
from benchmarks.rows import (
    CLIENTS,
    OPENAI,
    OURS,
    OURS_WEBSOCKETS,
    ROWS,
    TRIO_WEBSOCKET,
    WEBSOCKETS,
    Figure,
    Row,
)

SHOWN = ("text", "audio", "done", "mix", "append", "import", "idle")
COLOURS = {
    # on light, on dark
    OURS: ("#1a6fc4", "#58a6ff"),
    OURS_WEBSOCKETS: ("#0b8a6a", "#3fc59a"),
    OPENAI: ("#c4651a", "#f0964a"),
    TRIO_WEBSOCKET: ("#98a1ab", "#6e7781"),
    WEBSOCKETS: ("#c3cad1", "#4a525b"),
}
WIDTH, LEFT, RIGHT = 860, 275, 80
BAR, GAP, HEAD, FOOT = 13, 16, 92, 34
MOST = 2.5  # times openai-python: longer bars are cut

SUBTITLE = (
    "Medians; shorter is better. All clients in turn, against one server that sends from memory."
)
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-size: 17px; font-weight: 600 } .small { font-size: 11.5px; fill: #57606a }
.ground { fill: #ffffff; stroke: #d0d7de } .line { stroke: #d0d7de }
"""
DARK = """
text { fill: #e6edf3 } .small { fill: #9198a1 }
.ground { fill: #0d1117; stroke: #30363d } .line { stroke: #30363d }
"""


def draw(results: Results) -> str:
    """Return the picture as SVG, legible on a light and on a dark page."""
    groups = [
        (figure, bars)
        for row in ROWS
        if row.name in SHOWN
        for figure in row.figures
        if (bars := bars_of(results, row, figure))
    ]
    clients = [client for client in COLOURS if any(client in bars for _, bars in groups)]
    height = HEAD + sum(BAR * len(bars) + GAP for _, bars in groups) + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(summary(groups))}</title>",
        f"<style>{stylesheet()}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        '<text class="title" x="20" y="32">What it takes, beside openai-python</text>',
        f'<text class="small" x="20" y="51">{SUBTITLE}</text>',
        *legend(clients),
        *chart(groups),
        f'<text class="small" x="20" y="{height - 14}">{escape(footer(results))}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def bars_of(results: Results, row: Row, figure: Figure) -> dict[str, float]:
    """Return the medians of a group, or nothing when there is nothing to compare them with."""
    found = {client: results.median(row, figure, client) for client in COLOURS}
    bars = {client: value for client, value in found.items() if value is not None}
    return bars if OURS in bars and OPENAI in bars else {}


def stylesheet() -> str:
    light = "".join(f".{client_class(c)} {{ fill: {on} }}\n" for c, (on, _) in COLOURS.items())
    dark = "".join(f".{client_class(c)} {{ fill: {on} }}\n" for c, (_, on) in COLOURS.items())
    return f"{STYLE}{light}@media (prefers-color-scheme: dark) {{{DARK}{dark}}}"


def client_class(client: str) -> str:
    return client.replace(".", "-")


def legend(clients: list[str]) -> Iterator[str]:
    x = 20
    for client in clients:
        yield f'<rect class="{client_class(client)}" x="{x}" y="65" width="11" height="11" rx="2"/>'
        yield f'<text class="small" x="{x + 16}" y="75">{escape(CLIENTS[client])}</text>'
        x += 34 + round(6.4 * len(CLIENTS[client]))


def chart(groups: list[tuple[Figure, dict[str, float]]]) -> Iterator[str]:
    y, room = HEAD, WIDTH - LEFT - RIGHT
    longest = max((max(bars.values()) / bars[OPENAI] for _, bars in groups), default=1.0)
    most = min(longest, MOST)
    end = sum(BAR * len(bars) + GAP for _, bars in groups) + HEAD - GAP + 4
    one = LEFT + room / most
    yield f'<line class="line" x1="{one:.1f}" x2="{one:.1f}" y1="{HEAD - 6}" y2="{end}"/>'
    for figure, bars in groups:
        middle = y + BAR * len(bars) / 2 + 4
        title = escape(figure.title)
        yield f'<text x="{LEFT - 12}" y="{middle:.1f}" text-anchor="end">{title}</text>'
        for client, value in bars.items():
            share = value / bars[OPENAI]
            width = max(1.0, min(share, most) / most * room)
            yield (
                f'<rect class="{client_class(client)}" x="{LEFT}" y="{y + 1}" '
                f'width="{width:.1f}" height="{BAR - 2}" rx="2"/>'
            )
            text = quantity(value, figure.unit)
            if share > most:
                text = f"… {text}"
            yield f'<text class="small" x="{LEFT + width + 6:.1f}" y="{y + BAR - 3}">{text}</text>'
            y += BAR
        y += GAP


def summary(groups: list[tuple[Figure, dict[str, float]]]) -> str:
    """Say in words what the bars say."""
    said = [
        f"{figure.title}: {quantity(bars[OURS], figure.unit)} beside "
        f"{quantity(bars[OPENAI], figure.unit)} of openai-python"
        for figure, bars in groups
    ]
    return "; ".join(said)


def footer(results: Results) -> str:
    facts = results.facts
    names = [
        *(
            f"{name} {facts[name]}"
            for name in ("python", "trio", "trio-websocket")
            if name in facts
        ),
        *(f"openai-python {facts[name]}" for name in ("openai-python's openai",) if name in facts),
        *(facts[name] for name in ("processor",) if name in facts),
    ]
    return " · ".join(names)

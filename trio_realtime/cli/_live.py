"""A view of a journal that stays in place in a terminal: the sessions, and the newest events below.

This module knows layout. It does not know what passes, nor when it is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import trio
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trio_realtime.cli._display import printable
from trio_realtime.cli._journal import Journal, Line, Row

REFRESH_SECONDS: Final = 1 / 8
"""How long something new may wait to be shown."""

_ROWS_MIN: Final = 3
_FRAME_LINES: Final = 7  # the title, the tables' heads and rules, a gap, and one to spare

_STYLES: Final = {"<": "cyan", ">": "green", "-": "dim", "!": "bold red"}


async def show_journal(journal: Journal, console: Console, title: str) -> None:
    """Show the journal until cancelled; its last state stays."""
    begin = trio.current_time()
    shown = (-1, -1)
    # Its own refreshing would be a thread, and all that is printed meanwhile would pass through it.
    with Live(
        console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    ) as live:
        while True:
            now = trio.current_time() - begin
            if shown != (journal.changes, int(now)):
                shown = (journal.changes, int(now))
                live.update(view_of(journal, now, title, console.height), refresh=True)
            await trio.sleep(REFRESH_SECONDS)


def view_of(journal: Journal, now: float, title: str, height: int) -> Group:
    """Lay the journal out in `height` lines.

    Args:
        journal: What passed.
        now: Seconds since it began.
        title: The first line.
        height: How many lines there are.
    """
    rows = list(journal.rows.values())
    opened = [row for row in rows if row.is_open]
    room = max(_ROWS_MIN, (height - _FRAME_LINES) // 3)
    # Those that go on come first, the newest on top.
    rows = [*reversed(opened), *(row for row in reversed(rows) if not row.is_open)]
    lines = max(_ROWS_MIN, height - _FRAME_LINES - min(len(rows), room))
    counted = f"{len(opened)} open, {len(rows) - len(opened)} closed"
    return Group(
        Text.assemble((title, "bold"), (f"  {counted}", "dim"), no_wrap=True, overflow="ellipsis"),
        _sessions(rows[:room], now),
        Text(),
        _events(list(journal.lines)[-lines:]),
    )


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, show_edge=False)
    for column in columns:
        number = column in {"in", "out", "since", "time"}
        wide = column in {"session", "event"}
        table.add_column(
            column,
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if wide else None,
        )
    return table


def _sessions(rows: Iterable[Row], now: float) -> Table:
    table = _table("#", "session", "model", "since", "state", "in", "out", "last event")
    for row in rows:
        style = "" if row.is_open else "dim"
        table.add_row(
            f"{row.connection}",
            Text(printable(row.id or row.path)),
            Text(printable(row.model)),
            f"{max(now - row.since, 0):.0f} s",
            Text(row.state),
            f"{row.received:,}",
            f"{row.sent:,}",
            Text(printable(row.last)),
            style=style,
        )
    return table


def _events(lines: Iterable[Line]) -> Table:
    table = _table("time", "#", "", "event")
    for line in lines:
        said = printable(line.said).replace("\n", " ")
        table.add_row(
            f"{line.time:.3f}",
            f"{line.connection or ''}",
            Text(line.arrow, _STYLES[line.arrow]),
            Text.assemble((printable(line.title), _STYLES[line.arrow]), f"  {said}"),
        )
    return table

"""What the commands print: styled on a terminal, plain text anywhere else.

This module knows layout. It does not know what a turn is, nor where its numbers come from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH: Final = 100  # tables in a file or a pipe should not depend on who is looking


def printable(text: str) -> str:
    """Return `text` without what would steer a terminal: the server's words are not ours."""
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


@final
class Display:
    """Lines, speech as it comes, and one table. For one task."""

    def __init__(self) -> None:
        # A reply may hold what the locale cannot write. What replaces stdout may not have this.
        if reconfigure := getattr(sys.stdout, "reconfigure", None):
            reconfigure(errors="replace")
        self._console: Console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _PLAIN_WIDTH
        self.errors: Console = Console(highlight=False, stderr=True)
        """Standard error, for whoever draws there."""

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line, never wrapped."""
        self._console.print(Text(printable(text), style), soft_wrap=True)

    def hint(self, text: str) -> None:
        """Print one line on standard error, where it disturbs no program that reads us."""
        self.errors.print(Text(printable(text), "dim"), soft_wrap=True)

    def log(self, text: str) -> None:
        """Print one line on standard error, as it is: a program may read this one."""
        self.errors.print(Text(printable(text).replace("\n", " ")), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print the title of a part."""
        self.line()
        self.line(text, "bold")

    def said(self, who: str, text: str = "") -> None:
        """Print who speaks, and what; leave the line open when the words are still to come."""
        label = Text(f"  {who:<8}", "cyan" if who == "you" else "green")
        self._console.print(
            label, Text(printable(text)), soft_wrap=True, sep="", end="\n" if text else ""
        )

    def piece(self, text: str) -> None:
        """Print the next words of an open line."""
        self._console.print(Text(printable(text)), soft_wrap=True, end="")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table whose first column names the rows."""
        terminal = self._console.is_terminal
        table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False)
        for index, column in enumerate(columns):
            table.add_column(column, justify="right" if index else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

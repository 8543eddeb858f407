"""What went over one connection, as far as a failure needs to show it.

This module does not know what was expected.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, final

from trio_realtime._core.matching._values import name_text
from trio_realtime._core.matching._view import EventView

_KEPT: Final = 16
"""Lines that are shown."""


@final
class Dialogue:
    """The newest events of one connection, in both directions."""

    def __init__(self) -> None:
        self._lines: deque[tuple[Literal[">", "<"], str, int]] = deque(maxlen=_KEPT)
        self._count = 0

    def add(self, direction: Literal[">", "<"], event: EventView) -> None:
        """Note an event: `>` from the client, `<` to it. A run of one type is one line."""
        self._count += 1
        times = 1
        if self._lines and self._lines[-1][:2] == (direction, event.type):
            times += self._lines.pop()[2]
        self._lines.append((direction, event.type, times))

    def text(self, title: str) -> str:
        """The newest lines below a title; with nothing to show it says so."""
        shown = sum(times for _, _, times in self._lines)
        lines = [title if self._lines else f"{title} nothing"]
        if shown < self._count:
            lines.append(f"    ... {self._count - shown} events")
        for direction, kind, times in self._lines:
            who = "client >" if direction == ">" else "server <"
            lines.append(f"  {who} {name_text(kind)}{f'  ({times} times)' if times > 1 else ''}")
        return "\n".join(lines)

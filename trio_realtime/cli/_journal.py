"""What passes on a server's wire, kept for people: its sessions, and the newest events.

Pieces of one whole are one line. This module does not know how it is shown, nor where.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from trio_realtime.cli._summary import WORDS_MAX, summary_from_message
from trio_realtime.testing import Sighting

SESSIONS_MAX: Final = 1000
LINES_MAX: Final = 1000
"""What is kept to be shown."""


@final
@dataclass(slots=True)
class Line:
    """One event, or a run of pieces."""

    time: float
    """Seconds from the server's begin to the event, or to its first piece."""

    connection: int
    """The number of the session, or 0 for what belongs to none."""

    arrow: str
    """`>` to the client, `<` from it, `-` for what is no message, `!` for what went wrong."""

    title: str
    """The type of the event, or what happened."""

    words: str = ""
    """What it says."""

    audio_bytes: int = 0
    """How much audio it brings."""

    pieces: int = 1
    """How many events it stands for."""

    def __str__(self) -> str:
        who = f"#{self.connection}" if self.connection else ""
        return f"{self.time:9.3f}  {who:<4} {self.arrow} {self.title}  {self.said}".rstrip()

    @property
    def said(self) -> str:
        """What it says, with the amounts."""
        amounts = [f"{self.audio_bytes:,} bytes"] if self.audio_bytes else []
        if self.pieces > 1:
            amounts.append(f"in {self.pieces:,} pieces")
        return " ".join([*([self.words.strip()] if self.words.strip() else []), *amounts])


@final
@dataclass(slots=True)
class Row:
    """One session."""

    connection: int
    since: float
    """Seconds from the server's begin."""

    model: str
    path: str
    id: str = ""
    state: str = "open"
    received: int = 0
    sent: int = 0
    last: str = ""
    """The type of the newest event."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state == "open"


@final
class Journal:
    """What passed. `see` is a `Watcher`."""

    rows: dict[int, Row]
    """The sessions by number; of very many the newest."""

    lines: deque[Line]
    """The events, oldest first; of very many the newest."""

    def __init__(self, now: float, finished: Callable[[Line], None] | None = None) -> None:
        """Begin.

        Args:
            now: The time from which times count.
            finished: Is told of each line once it does not change any more.
        """
        self.rows = {}
        self.lines = deque(maxlen=LINES_MAX)
        self.changes: int = 0
        """Grows with every change."""
        self._begin = now
        self._finished = finished
        self._runs: dict[tuple[int, str, str], Line] = {}

    def see(self, sighting: Sighting) -> None:
        """Take in what passed."""
        self.changes += 1
        if sighting.kind in {"received", "sent"}:
            self._see_message(sighting)
            return
        number, time = sighting.connection, sighting.time - self._begin
        said = str(sighting.data)
        if sighting.kind == "opened":
            asked = sighting.handshake
            said = asked.model or asked.kind
            self.rows[number] = Row(number, time, said, asked.path)
            if len(self.rows) > SESSIONS_MAX:
                del self.rows[next(iter(self.rows))]
        elif sighting.kind == "closed" and number in self.rows:
            self.rows[number].state = said
        self._finish(number)
        self._add(Line(time, number, "-", sighting.kind, said))

    def note(self, now: float, text: str) -> None:
        """Take in what went wrong."""
        self.changes += 1
        self._add(Line(now - self._begin, 0, "!", text))

    def finish(self) -> None:
        """Say that nothing follows."""
        for number in {number for number, _, _ in self._runs}:
            self._finish(number)

    def _see_message(self, sighting: Sighting) -> None:
        number, time = sighting.connection, sighting.time - self._begin
        summary = summary_from_message(sighting.data)
        arrow = "<" if sighting.kind == "received" else ">"
        if row := self.rows.get(number):
            row.received += arrow == "<"
            row.sent += arrow == ">"
            row.last = summary.title
            if arrow == ">" and summary.session_id:
                row.id = summary.session_id
        line = Line(time, number, arrow, summary.title, summary.words, summary.audio_bytes)
        if not summary.is_piece:
            self._finish(number)
            self._add(line)
            return
        key = (number, arrow, summary.title)
        if run := self._runs.get(key):
            run.words = (run.words + line.words)[:WORDS_MAX]
            run.audio_bytes += line.audio_bytes
            run.pieces += 1
        else:
            self._runs[key] = line
            self.lines.append(line)

    def _finish(self, number: int) -> None:
        """Close the runs of one session: what follows is another whole."""
        for key in [key for key in self._runs if key[0] == number]:
            self._tell(self._runs.pop(key))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self._tell(line)

    def _tell(self, line: Line) -> None:
        if self._finished is not None:
            self._finished(line)

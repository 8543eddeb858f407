"""How far each file is, and a view of it that stays in place in a terminal.

This module counts seconds and lays them out. It does not know what is said.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias, final

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trio_realtime.cli._display import printable

REFRESH_SECONDS: Final = 1 / 8
"""How long something new may wait to be shown."""

_BAR: Final = 24
_WORDS: Final = 60
_NAME: Final = 32
_SPARE: Final = 2  # lines of the terminal that are left alone, one of them the sum

_State: TypeAlias = Literal["waits", "reads", "sends", "done", "failed"]

_QUIET: Final[dict[_State, str]] = {"waits": "waits", "reads": "is read"}
"""States in which there is no bar."""


@final
class Progress:
    """How far one file is."""

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.state: _State = "waits"
        self.seconds: float = 0.0
        self.sent: float = 0.0
        self.transcribed: float = 0.0
        self.words: str = ""
        """The newest words."""

    def begins(self) -> None:
        """The file is being read."""
        self.state = "reads"

    def is_read(self, seconds: float) -> None:
        """Its length is known."""
        self.state, self.seconds = "sends", seconds

    def is_sent(self, seconds: float) -> None:
        """More of it was sent."""
        self.sent = min(self.sent + seconds, self.seconds)

    def is_transcribed(self, seconds: float) -> None:
        """More of it is transcribed."""
        self.transcribed += seconds
        self.words = ""

    def hears(self, words: str) -> None:
        """Something was understood."""
        self.words = (self.words + words)[-_WORDS:]

    def ends(self, *, well: bool) -> None:
        """Nothing more will be done."""
        self.state = "done" if well else "failed"
        self.words = ""


@final
class ProgressView:
    """The progress of several files, drawn in a terminal; anywhere else nothing is drawn."""

    def __init__(self, files: Sequence[Progress], console: Console) -> None:
        self._files: Sequence[Progress] = files
        self._console: Console = console
        self._live: Live | None = None

    async def show(self) -> None:
        """Draw until cancelled, and then take it away."""
        self._begin()
        try:
            while True:
                self._draw()
                await trio.sleep(REFRESH_SECONDS)
        finally:
            self._end()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Take it away while something else is printed."""
        is_shown = self._live is not None
        self._end()
        yield
        if is_shown:
            self._begin()

    def _begin(self) -> None:
        # Its own refreshing would be a thread, and all that is printed meanwhile would pass
        # through it. A new one each time: one that begins again erases what was printed since.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _end(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _draw(self) -> None:
        assert self._live is not None
        height = self._console.height - _SPARE
        self._live.update(view_of(self._files, height), refresh=True)


def view_of(files: Sequence[Progress], height: int) -> Group:
    """Lay the files out in `height` lines, and one for the sum: first those under way."""
    order = {"sends": 0, "reads": 0, "failed": 1, "waits": 2, "done": 3}
    shown = {id(each) for each in sorted(files, key=lambda each: order[each.state])[:height]}
    table = Table.grid(padding=(0, 1))
    table.add_column(max_width=_NAME, no_wrap=True, overflow="ellipsis")
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for each in files:
        if id(each) in shown:
            table.add_row(*_row(each))
    done = sum(each.state in {"done", "failed"} for each in files)
    return Group(table, Text(f"{done} of {len(files)} files done", "dim"))


def _row(file: Progress) -> tuple[Text, ProgressBar | Text, Text, Text]:
    name = Text(printable(file.name))
    if file.state in _QUIET:
        return name, Text(), Text(), Text(_QUIET[file.state], "dim")
    if file.state == "sends":
        words = printable(file.words).replace("\n", " ").strip()
        said = Text(words or f"{file.sent:.0f} s sent", "dim")
    else:
        said = Text(file.state, "green" if file.state == "done" else "red")
    if not file.seconds:
        return name, Text(), Text(), said
    total = max(file.seconds, file.transcribed)
    bar = ProgressBar(total, total if file.state == "done" else file.transcribed, width=_BAR)
    return name, bar, Text(f"{file.transcribed:.0f} of {file.seconds:.0f} s"), said

from __future__ import annotations

import io

import trio
import trio.testing
from rich.console import Console

from trio_realtime.cli._transcribe_progress import (
    REFRESH_SECONDS,
    Progress,
    ProgressView,
    view_of,
)


def console(*, terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(), width=100, height=12, force_terminal=terminal, color_system=None
    )


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def looks(*files: Progress, height: int = 10) -> list[str]:
    to = console()
    to.print(view_of(files, height))
    return [line.rstrip() for line in written(to).splitlines()]


def test_a_file_goes_from_waiting_to_done() -> None:
    file = Progress("speech.wav")
    assert looks(file) == ["speech.wav   waits", "0 of 1 files done"]
    file.begins()
    assert looks(file)[0] == "speech.wav   is read"
    file.is_read(20.0)
    file.is_sent(15.0)
    assert looks(file)[0].endswith("0 of 20 s 15 s sent")
    file.hears("Good\n")
    file.hears("morning\x1b")
    assert looks(file)[0].endswith("0 of 20 s Good morning\N{REPLACEMENT CHARACTER}")
    file.is_transcribed(10.0)
    file.is_sent(15.0)
    (half, _) = looks(file)
    assert half.endswith("10 of 20 s 20 s sent")
    file.is_transcribed(10.0)
    file.ends(well=True)
    assert looks(file)[0].endswith("20 of 20 s done")
    assert looks(file)[1] == "1 of 1 files done"


def test_a_file_that_fails_says_so_with_what_was_done_of_it() -> None:
    unread, begun = Progress("a.mp3"), Progress("b.wav")
    begun.begins()
    begun.is_read(20.0)
    begun.is_transcribed(5.0)
    for each in (unread, begun):
        each.ends(well=False)
    first, second, last = looks(unread, begun)
    assert first.split() == ["a.mp3", "failed"]
    assert second.endswith("5 of 20 s failed")
    assert last == "2 of 2 files done"


def test_those_under_way_come_first_where_there_is_no_room_for_all() -> None:
    files = [Progress(f"{number}.wav") for number in range(9)]
    for each in files[:4]:
        each.ends(well=True)
    for each in files[6:8]:
        each.begins()
    lines = looks(*files, height=3)
    assert [line.split()[0] for line in lines[:3]] == ["4.wav", "6.wav", "7.wav"]
    assert lines[3] == "4 of 9 files done"


async def test_the_view_is_taken_away_while_something_is_printed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    to = console(terminal=True)
    file = Progress("speech.wav")
    view = ProgressView([file], to)
    with view.aside():
        to.print("before")
    assert written(to) == "before\n"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(view.show)
        await trio.sleep(REFRESH_SECONDS / 2)
        assert "waits" in written(to)
        file.begins()
        await trio.sleep(REFRESH_SECONDS)
        assert "is read" in written(to)
        shown = len(written(to))
        with view.aside():
            to.print("a result")
            during = written(to)[shown:]
        assert "\x1b[2K" in during  # erased
        assert during.endswith("a result\n")
        await trio.sleep(REFRESH_SECONDS)
        assert "is read" in written(to)[shown:].partition("a result")[2]
        nursery.cancel_scope.cancel()
    assert written(to).count("\x1b[?25l") == written(to).count("\x1b[?25h") == 2  # the cursor

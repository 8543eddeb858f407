from __future__ import annotations

import io

import pytest
import trio
import trio.testing
from rich.console import Console

from tests.testing.raw import raw_client
from trio_realtime.cli._journal import Journal
from trio_realtime.cli._live import REFRESH_SECONDS, show_journal, view_of
from trio_realtime.testing import SimulatedServer

ESCAPE = "\x1b"


def console(height: int = 30, *, width: int = 110, terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=terminal, color_system=None
    )


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def looks(journal: Journal, now: float, *, height: int = 30) -> list[str]:
    to = console(height)
    to.print(view_of(journal, now, "http://127.0.0.1:1/v1", height))
    return written(to).splitlines()


async def test_sessions_and_events_are_laid_out(autojump_clock: trio.testing.MockClock) -> None:
    journal = Journal(trio.current_time())
    async with SimulatedServer("Hi there", watch=journal.see, seed=1) as server:
        async with raw_client(server) as client:
            await client.receive()
            await client.say(f"Hello\nyou {ESCAPE}[2J")
            await trio.sleep(4)
            shown = "\n".join(looks(journal, 4.0))
        await server.sessions[0].wait_closed()
        closed = "\n".join(looks(journal, 9.0))
    session_id = str(server.sessions[0].session["id"])
    assert "http://127.0.0.1:1/v1  1 open, 0 closed" in shown
    assert session_id in shown
    assert "gpt-realtime-2.1" in shown
    assert "4 s" in shown
    assert "conversation.item.create  message user Hello you" in shown
    assert ESCAPE not in shown
    assert "0 open, 1 closed" in closed
    assert "1000 by the client" in closed


@pytest.mark.parametrize("height", [5, 12, 24, 50])
async def test_the_view_is_no_higher_than_the_terminal(height: int) -> None:
    journal = Journal(0.0)
    async with SimulatedServer(watch=journal.see) as server:
        for _ in range(30):
            async with raw_client(server) as client:
                await client.receive()
    assert len(looks(journal, 1.0, height=height)) <= max(height, 12)


async def test_sessions_that_go_on_come_first_and_the_newest_on_top() -> None:
    journal = Journal(0.0)
    async with SimulatedServer(watch=journal.see) as server:
        async with raw_client(server), raw_client(server):
            async with raw_client(server), raw_client(server):
                pass
            shown = [line.split()[0] for line in looks(journal, 1.0)[3:7]]
    assert shown == ["2", "1", "4", "3"]


async def test_the_view_changes_when_something_passes_and_once_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    journal = Journal(trio.current_time())
    to = console(terminal=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show_journal, journal, to, "the title")
        await trio.testing.wait_all_tasks_blocked()
        assert "the title  0 open, 0 closed" in written(to)
        drawn = len(written(to))
        await trio.sleep(0.9)
        assert len(written(to)) == drawn
        await trio.sleep(0.2)
        assert len(written(to)) > drawn
        journal.note(trio.current_time(), "something broke")
        await trio.sleep(REFRESH_SECONDS * 1.5)
        assert "something broke" in written(to)
        nursery.cancel_scope.cancel()

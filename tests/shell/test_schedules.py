"""Schedules: the same seed gives the same one, and the laws survive every one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Final

import pytest
import trio
import trio.testing

from tests.effort import one_in
from tests.shell.lines import Behaviour
from tests.shell.test_closing import CASES, Body, leaving
from trio_realtime import RealtimeConnection, open_realtime
from trio_realtime.events import ResponseDone
from trio_realtime.testing import SimulatedServer, seeded

SEEDS: Final = range(200)


# promise 1; pain 5
@pytest.mark.sweep
@pytest.mark.parametrize(("behave", "body", "outer", "left", "took", "caught"), CASES)
def test_what_leaves_the_block_does_not_depend_on_the_schedule(
    behave: Behaviour, body: Body, outer: float | None, left: str, took: float, caught: bool
) -> None:
    main = partial(leaving, behave, body, outer=outer)
    for seed in SEEDS[:: one_in(8)]:
        with seeded(seed):
            clock = trio.testing.MockClock(autojump_threshold=0)
            what, seconds, scope_caught, _ = trio.run(main, clock=clock)
        assert (seed, what, scope_caught) == (seed, left, caught)
        assert seconds == pytest.approx(took, abs=0.01)


class Steps(trio.abc.Instrument):
    """Writes down which task ran, step by step."""

    def __init__(self, trace: list[str]) -> None:
        self._trace = trace

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._trace.append(f"step {task.name}")


async def busy_session(trace: list[str]) -> None:
    """Converse, speak, ask, change the session and watch: all at once, each in its own task."""
    async with SimulatedServer() as server:
        async with open_realtime(
            "m", endpoint=server.endpoint, session={"instructions": "Be brief."}
        ) as conn:
            async with trio.open_nursery() as nursery:
                for task in (converses, speaks, deletes, reconfigures):
                    nursery.start_soon(task, conn, trace.append)
                nursery.start_soon(watches, conn, trace.append, nursery.cancel_scope)
        (session,) = server.sessions
        trace += [f"frame {frame.type} {frame.event_id}" for frame in session.received]


async def converses(conn: RealtimeConnection, note: Callable[[str], None]) -> None:
    item_id = await conn.conversation.item.create(role="user", text="Hello, hello, hello!")
    note(f"item {item_id}")
    note(f"response {await conn.response.create()}")


async def speaks(conn: RealtimeConnection, note: Callable[[str], None]) -> None:
    for _ in range(5):
        note(f"append {await conn.input_audio_buffer.append(bytes(9600))}")
    note(f"commit {await conn.input_audio_buffer.commit()}")


async def deletes(conn: RealtimeConnection, note: Callable[[str], None]) -> None:
    item_id = await conn.conversation.item.create(role="user", text="Forget this.")
    await conn.conversation.item.delete(item_id)
    note(f"deleted {item_id}")


async def reconfigures(conn: RealtimeConnection, note: Callable[[str], None]) -> None:
    for word in ("slow", "quick"):
        session = await conn.session.update(instructions=f"Be {word}.")
        note(f"session {session.instructions}")


async def watches(
    conn: RealtimeConnection, note: Callable[[str], None], scope: trio.CancelScope
) -> None:
    async for event in conn:
        note(f"event {event.type} {event.event_id} at {trio.current_time():.3f}")
        if isinstance(event, ResponseDone):
            scope.cancel()


def trace_of(seed: int) -> list[str]:
    trace: list[str] = []
    with seeded(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(busy_session, trace, clock=clock, instruments=[Steps(trace)])
    return trace


@pytest.mark.sweep
def test_the_same_seed_gives_the_same_interleaving_step_by_step() -> None:
    traces = [trace_of(seed) for seed in range(20)]
    for seed in range(20):
        assert trace_of(seed) == traces[seed]
    # Ids differ from seed to seed in any case: it is the order of the tasks that must.
    orders = [[line for line in trace if line.startswith("step ")] for trace in traces]
    assert all(one != other for one, other in pairwise(orders))
    assert all(len(order) > 100 for order in orders)

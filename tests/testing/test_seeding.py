"""Same seed, same interleaving: and nothing left behind."""

from __future__ import annotations

import importlib
import random

import pytest
import trio
from trio.testing import MockClock

from trio_realtime import open_realtime
from trio_realtime.events import ResponseDone
from trio_realtime.testing import SimulatedServer, seeded

pytestmark = pytest.mark.one_library


async def order_of_many_tasks() -> list[int]:
    order: list[int] = []

    async def task(number: int) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(task, number)
    return order


async def conversation() -> list[str]:
    """Three connections talk at once; what everybody saw, in the order in which they saw it."""
    seen: list[str] = []

    async def talk(server: SimulatedServer, name: str) -> None:
        async with open_realtime("m", endpoint=server.endpoint) as conn:
            await conn.conversation.item.create(role="user", text=name)
            await conn.response.create()
            async for event in conn:
                seen.append(f"{name} {event.type} {event.event_id}")
                if isinstance(event, ResponseDone):
                    break

    async with SimulatedServer() as server:
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(talk, server, name)
        seen += [str(frame.event_id) for each in server.sessions for frame in each.received]
    return seen


def run_conversation(seed: int) -> list[str]:
    with seeded(seed):
        return trio.run(conversation, clock=MockClock(autojump_threshold=0))


def test_the_same_seed_gives_the_same_interleaving() -> None:
    first, second, other = (run_conversation(seed) for seed in (7, 7, 8))
    assert first == second
    assert [line.split()[:2] for line in first] != [line.split()[:2] for line in other]


def test_tasks_run_in_the_same_order() -> None:
    def order(seed: int) -> list[int]:
        with seeded(seed):
            return trio.run(order_of_many_tasks)

    orders = [order(seed) for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert orders[2] != orders[3]


async def test_it_can_be_entered_inside_a_loop() -> None:
    orders: list[list[int]] = []
    for _ in range(2):
        with seeded(5):
            orders.append(await order_of_many_tasks())
    assert orders[0] == orders[1]


def test_everything_is_put_back() -> None:
    scheduler = vars(importlib.import_module("trio._core._run"))

    def state() -> tuple[object, object]:
        return scheduler["_ALLOW_DETERMINISTIC_SCHEDULING"], scheduler["_r"]

    before = state()
    with pytest.raises(ZeroDivisionError), seeded(1):
        inside = state()
        assert inside[0] is True
        assert isinstance(inside[1], random.Random)
        with seeded(2):
            assert state()[1] is not inside[1]
        assert state() == inside
        raise ZeroDivisionError
    assert state() == before

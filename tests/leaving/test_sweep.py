"""A response left at every moment of its life, on many schedules: the next one begins cleanly.

A moment is a step of the scheduler, or a point in virtual time. Each victim is followed by another
response on the same connection, which is looked at closely, and then by the next victim.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple, TypeAlias

import pytest
import trio
from trio.testing import MockClock

from tests.effort import one_in
from tests.leaving.helpers import (
    TEXT,
    UNHEARD,
    AtStep,
    Config,
    Met,
    drained,
    endings_in,
    errors_in,
    met,
    of_responses,
    response_of,
    settled,
)
from tests.testing.faithful import Frame
from trio_realtime import RealtimeConnection, Reply
from trio_realtime.events import ResponseCreated, ResponseDone, ServerEvent
from trio_realtime.testing import (
    Answer,
    CallTool,
    Conversation,
    FaultPlan,
    Faults,
    Say,
    SimulatedSession,
    StreamFaults,
    Together,
    seeded,
)

Opened: TypeAlias = AbstractAsyncContextManager[Reply]

SEEDS: Final = 8
"""Each takes every eighth step, so that together they take each of them, or of a life of many steps
as many as there is time for."""

WORDS: Final = "one two"

_TOO_LATE: Final = {"response_cancel_not_active"}


def says(session: SimulatedSession, conversation: Conversation, create: Frame) -> Answer:
    """Speak, write, call a function or both, as the question wants it."""
    match create.get("instructions"):
        case "Call.":
            return CallTool("look_up", {"word": "one"})
        case "Both.":
            return Together(Say(WORDS), CallTool("look_up", {"word": "one"}))
        case _:
            return WORDS


def writes(conn: RealtimeConnection) -> Opened:
    return conn.respond("Hello?")


def writes_without_a_question(conn: RealtimeConnection) -> Opened:
    return conn.respond()


def calls(conn: RealtimeConnection) -> Opened:
    return conn.respond(instructions="Call.")


def does_both(conn: RealtimeConnection) -> Opened:
    return conn.respond("Hello?", instructions="Both.")


def writes_beside(conn: RealtimeConnection) -> Opened:
    return conn.respond("Hello?", conversation="none")


async def reads_events(reply: Reply) -> None:
    async for _ in reply:
        pass


async def reads_text(reply: Reply) -> None:
    async for _ in reply.text():
        pass


async def listens(reply: Reply) -> None:
    async for _ in reply.audio():
        pass


async def waits_for_the_end(reply: Reply) -> None:
    await reply.result()


async def reads_all_at_once(reply: Reply) -> None:
    async with trio.open_nursery() as nursery:
        for read in (reads_events, reads_text, listens, waits_for_the_end):
            nursery.start_soon(read, reply)


READERS: Final = (reads_events, reads_text, listens, waits_for_the_end, reads_all_at_once)


class Kind(NamedTuple):
    """A kind of victim."""

    ask: Callable[[RealtimeConnection], Opened]
    session: Config = TEXT
    one_in: int = 1
    """How many steps there are for one that is tried."""


KINDS: Final = {
    "written": Kind(writes),
    "without items": Kind(writes_without_a_question),
    "spoken": Kind(writes, UNHEARD, one_in=2),
    "called": Kind(calls, one_in=2),
    "both at once": Kind(does_both, UNHEARD, one_in=4),
    "out of band": Kind(writes_beside),
}


class Life:
    """Victims on one connection, each followed by a response that is looked at closely."""

    def __init__(self, talk: Met, kind: Kind, seed: int, *, most_late: float = 0.0) -> None:
        self._talk = talk
        self._conn = talk.conn
        self._kind = kind
        self._read = READERS[seed % len(READERS)]
        self._most_late = most_late
        self._left_at = math.inf
        self.victim: Reply | None = None
        self.reached: list[str] = []
        """How far each victim got: `entering`, `in_progress`, or its end."""

    @asynccontextmanager
    async def _watched(self) -> AsyncGenerator[None]:
        """What must hold for every response in the block, as a tap sees it."""
        before = len(self._talk.session.received)
        with self._conn.tap() as tap:
            yield
            await trio.sleep(1)  # for what comes late
            events: list[ServerEvent] = []
            while tap._held:
                events.append(tap.receive_nowait())
        # Nobody else has seen anything of them.
        assert of_responses(drained(self._conn)) == []
        assert set(errors_in(events)) <= _TOO_LATE
        begun = [each.response.id for each in events if isinstance(each, ResponseCreated)]
        # Each that began has ended, but for one that began before, whose end was late.
        assert set(begun) <= set(endings_in(events))
        sent = self._talk.session.received[before:]
        cancels = [frame["response_id"] for frame in sent if frame.type == "response.cancel"]
        assert len(set(cancels)) == len(cancels) <= 1
        assert set(cancels) <= set(begun[:1])
        assert settled(self._conn)

    async def one(self, leave_early: Callable[[trio.CancelScope], None]) -> bool:
        """Have one victim, and one after it; say whether it was left early."""
        async with self._watched():
            was_left = await self._victim(leave_early)
            await self._next()
        return was_left

    async def _victim(self, leave_early: Callable[[trio.CancelScope], None]) -> bool:
        self.victim = None
        items_before = len(self._talk.session.conversation.items)
        with trio.CancelScope() as scope:
            leave_early(scope)
            async with self._kind.ask(self._conn) as self.victim:
                await self._read(self.victim)
                await trio.sleep(1)
        if scope.cancelled_caught:
            # At once: not a moment has passed.
            assert trio.current_time() == pytest.approx(self.struck_at, abs=1e-9)
        self._left_at = trio.current_time()
        self._items_before = items_before
        self.reached.append("entering" if self.victim is None else self.victim.status)
        return scope.cancelled_caught

    def struck(self) -> None:
        self.struck_at = trio.current_time()

    async def _next(self) -> None:
        victim_id = None if self.victim is None else self.victim.id
        async with self._conn.respond("And now?", output_modalities=["text"]) as reply:
            # The gate has opened in time: here the server is as quick as the network is.
            assert trio.current_time() - self._left_at <= self._most_late + 1e-9
            events = [event async for event in reply]
        assert reply.id != victim_id
        assert {response_of(event) for event in events} == {reply.id}
        assert isinstance(events[0], ResponseCreated)
        assert isinstance(events[-1], ResponseDone)
        assert reply.status == "completed"
        written = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert "".join(written) == WORDS
        if self.victim is not None:
            # Its end has come, and was read by nobody.
            assert self.victim.status in {"cancelled", "completed"}
            with pytest.raises(trio.ClosedResourceError):
                self.victim.text().receive_nowait()
        self._look_at_the_server()

    def _look_at_the_server(self) -> None:
        """There is at most the tail of what was cancelled, between two questions."""
        items = self._talk.session.conversation.items[self._items_before :]
        *earlier, question, answer = items
        assert question["role"] == "user"
        assert answer["status"] == "completed"
        tail = [item for item in earlier if item.get("role") != "user"]
        if self._kind.ask is writes_beside:
            assert earlier == []
        assert len(tail) <= (2 if self._kind.ask is does_both else 1)
        assert len(earlier) - len(tail) <= 1


def lives(kind: Kind, seed: int, steps: Iterable[int], *, by_deadline: bool) -> list[str]:
    """Leave at each of these steps, counted from where the victim was asked for."""
    reached: list[str] = []
    instrument = AtStep()

    async def main() -> None:
        async with met(says, session=kind.session) as talk:
            life = Life(talk, kind, seed)
            for step in steps:

                def leave_early(scope: trio.CancelScope, step: int = step) -> None:
                    def act() -> None:
                        life.struck()
                        if by_deadline:
                            scope.deadline = trio.current_time()
                        else:
                            scope.cancel()

                    instrument.arm(step, act)

                was_left = await life.one(leave_early)
                instrument.disarm()
                if not was_left:
                    break
            else:
                raise AssertionError("there were not enough steps")
            reached.extend(life.reached)

    with seeded(seed):
        trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[instrument])
    return reached


# promise 4; pain 1; pain 8; pain 30
@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_response_left_at_any_step_is_gone_and_the_next_one_begins_cleanly(kind: Kind) -> None:
    reached: list[str] = []
    spread = kind.one_in * one_in(2)
    for seed in range(SEEDS):
        steps = range(1 + seed * spread, 3000, SEEDS * spread)
        reached += lives(kind, seed, steps, by_deadline=seed % 2 == 1)
    assert set(reached) == {"entering", "in_progress", "completed"}


SLOW: Final = 0.02
"""Seconds that a message takes on the slow network, and half as much again at most."""

ROUND_TRIPS: Final = 10 * SLOW
"""What a cancel and a request take there, in its pieces; `cancel_timeout` is 5 s."""


def left_after(kind: Kind, seed: int, delays: Iterable[float], *, is_slow: bool) -> list[str]:
    """Leave after each of these times, by a deadline."""
    reached: list[str] = []

    async def main() -> None:
        faults = Faults(delay=SLOW, jitter=SLOW / 2)
        plan = FaultPlan(
            seed, from_server=faults, from_client=faults, stream=StreamFaults(piece=200)
        )
        async with met(says, session=kind.session, faults=plan if is_slow else None) as talk:
            life = Life(talk, kind, seed, most_late=ROUND_TRIPS if is_slow else 0)
            for delay in delays:

                def leave_early(scope: trio.CancelScope, delay: float = delay) -> None:
                    scope.deadline = life.struck_at = trio.current_time() + delay

                await life.one(leave_early)
            reached.extend(life.reached)

    with seeded(seed):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    return reached


# promise 4; pain 1; pain 8; pain 30
@pytest.mark.sweep
@pytest.mark.parametrize("is_slow", [False, True], ids=["quick", "slow"])
@pytest.mark.parametrize("kind", [KINDS["written"], KINDS["spoken"], KINDS["out of band"]])
def test_a_response_left_at_any_time_is_gone_and_the_next_one_begins_cleanly(
    kind: Kind, is_slow: bool
) -> None:
    reached: list[str] = []
    for seed in range(2):
        # Between the moments at which something happens, and at them.
        delays = [(2 * tick + seed) * 0.005 for tick in range(16)]
        reached += left_after(kind, seed, delays, is_slow=is_slow)
    assert set(reached) >= {"entering", "in_progress"}

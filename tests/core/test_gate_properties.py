"""The gate in a world where everything may happen in every order, against what it should do.

The world has a server, which answers creates and cancels in order, runs one response at a time, and
is as unreliable as the real one: its errors come late, its dones late, twice, without an id or not
at all, its voice detection starts responses or forgets to. `Books` says what the gate should make
of that: everything that closes the gate is a fact with a time at which it lapses.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import pytest
from hypothesis import given, settings, strategies as st

from tests.effort import effort
from trio_realtime._core._gate import Gate, Ticket

CANCEL_TIMEOUT = 5.0

NEXT = {
    "waiting": {"granted", "dropped", "over"},
    "granted": {"waiting", "dropped", "over"},
    "dropped": set[str](),
    "over": set[str](),
}


T = TypeVar("T")


class Draw(Protocol):
    def __call__(self, strategy: st.SearchStrategy[T], /) -> T: ...


class Asker:
    """Somebody with a ticket, who knows its state by being woken or by having caused it."""

    def __init__(self, gate: Gate, number: int, line: Collection[int]) -> None:
        self.number = number
        self.line = line
        self.known = "waiting"
        self.ends = 0
        self.ticket: Ticket = gate.queue(self.wake)
        self.see()

    @property
    def state(self) -> str:
        return self.ticket.state

    def wake(self) -> None:
        assert self.state != self.known, "woken for nothing"
        self.see()

    def see(self) -> None:
        if self.state != self.known:
            assert self.state in NEXT[self.known]
            self.known = self.state
            self.ends += not NEXT[self.state]
            if self.state == "granted":
                assert all(number > self.number for number in self.line), "overtaken"


@dataclass
class Books:
    """What the gate should do: facts that close it, and the tickets in line."""

    facts: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    states: dict[int, str] = field(default_factory=dict[int, str])
    line: set[int] = field(default_factory=set[int])
    away: dict[int, float] = field(default_factory=dict[int, float])
    grant: int | None = None
    ended: list[str] = field(default_factory=list[str])
    given_up: set[str] = field(default_factory=set[str])
    moved: set[str] = field(default_factory=set[str])
    done: set[str] = field(default_factory=set[str])
    sent: dict[str, tuple[int | None, int, int]] = field(
        default_factory=dict[str, tuple[int | None, int, int]]
    )
    interrupted: set[str] = field(default_factory=set[str])
    barge_ins: int = 0
    creates: bool = True
    is_over: bool = False

    def of(self, kind: str) -> list[str]:
        return [name for its_kind, name in self.facts if its_kind == kind]

    @property
    def deadline(self) -> float:
        return min([*self.facts.values(), *self.away.values(), math.inf])

    def tick(self, now: float) -> None:
        for fact in [fact for fact, until in self.facts.items() if until <= now]:
            del self.facts[fact]
            if fact[0] == "running":
                self.given_up.add(fact[1])
        for number in [number for number, until in self.away.items() if until <= now]:
            del self.away[number]
            self.line.discard(number)

    def settle(self) -> None:
        if self.facts or self.is_over or self.grant is not None or not self.line:
            return
        if min(self.line) not in self.away:
            self.grant = min(self.line)
            self.line.discard(self.grant)
            self.states[self.grant] = "granted"

    def queue(self, number: int) -> None:
        self.states[number] = "over" if self.is_over else "waiting"
        if not self.is_over:
            self.line.add(number)

    def requeue(self, number: int) -> None:
        if self.states[number] == "waiting":
            self.away.pop(number, None)
            self.queue(number)

    def leave(self, number: int) -> None:
        if NEXT[self.states[number]]:
            self.states[number] = "over"
            self.line.discard(number)
            self.away.pop(number, None)
            if self.grant == number:
                self.grant = None

    def send(self, event_id: str, number: int | None) -> None:
        self.facts["create", event_id] = math.inf
        self.sent[event_id] = (number, len(self.ended), self.barge_ins)
        if number is not None:
            self.grant = None

    def answer(self, event_id: str) -> None:
        if self.facts.pop(("create", event_id), None) is not None:
            number = self.sent[event_id][0]
            if number is not None and self.states[number] == "granted":
                self.states[number] = "over"

    def refuse(self, event_id: str, active: str | None, now: float) -> None:
        if self.facts.pop(("create", event_id), None) is None:
            return
        number, ended, barge_ins = self.sent[event_id]
        if active is None:
            explained = bool(self.of("running")) or len(self.ended) > ended
        else:
            explained = active in self.ended or ("running", active) in self.facts
        if not explained:
            self.forget("unseen")
            self.facts["unseen", active or "?"] = now + 1
        if number is not None and self.states[number] == "granted":
            if self.barge_ins > barge_ins:
                self.states[number] = "dropped"
            else:
                self.states[number] = "waiting"
                self.line.add(number)
                self.away[number] = now + 1

    def create(self, response_id: str, event_id: str | None) -> None:
        if response_id not in self.ended and response_id not in self.given_up:
            self.facts.setdefault(("running", response_id), math.inf)
            self.forget("unseen")
        if event_id is not None:
            self.answer(event_id)
        elif self.of("turn"):
            del self.facts["turn", self.of("turn")[0]]

    def end(self, response_id: str | None, *, barge_in: bool) -> None:
        if response_id is None:
            running = self.of("running")
            if len(running) != 1:
                return
            (response_id,) = running
        if response_id in self.ended:
            return
        self.ended.append(response_id)
        self.facts.pop(("unseen", "?"), None)
        self.facts.pop(("unseen", response_id), None)
        ran = self.facts.pop(("running", response_id), None) is not None
        if ran and barge_in and self.creates:
            self.barge_ins += 1
            for number in self.line:
                self.states[number] = "dropped"
            self.line.clear()
            self.away.clear()

    def cancel(self, response_id: str, now: float) -> None:
        fact = ("running", response_id)
        if fact in self.facts:
            self.facts[fact] = min(self.facts[fact], now + CANCEL_TIMEOUT)

    def stop(self, item_id: str, now: float) -> None:
        if self.creates:
            self.facts.pop(("turn", item_id), None)
            self.facts["turn", item_id] = now + CANCEL_TIMEOUT
            self.moved.discard(item_id)
            self.done.discard(item_id)

    def move(self, item_id: str, *, is_done: bool, now: float) -> None:
        if ("turn", item_id) in self.facts and item_id not in self.done:
            self.facts["turn", item_id] = now + 1
            self.moved.add(item_id)
            if is_done:
                self.done.add(item_id)

    def speak(self, *, interrupts: bool) -> None:
        if interrupts:
            self.interrupted.update(self.of("running"))

    def clear(self) -> None:
        for item_id in self.of("turn"):
            if item_id not in self.moved:
                del self.facts["turn", item_id]

    def forget(self, kind: str) -> None:
        for name in self.of(kind):
            del self.facts[kind, name]

    def learn(self, *, creates: bool) -> None:
        self.creates = creates
        if not creates:
            self.clear()

    def fail(self) -> None:
        self.is_over = True
        for number, state in self.states.items():
            if number in self.line or state == "granted":
                self.states[number] = "over"
        self.facts.clear()
        self.line.clear()
        self.away.clear()
        self.grant = None


class World:
    """Callers, the gate, and a server; what happens next is drawn."""

    def __init__(self, draw: Draw, *, is_polite: bool) -> None:
        self.draw = draw
        self.is_polite = is_polite
        """Whether only tickets ask for responses: then no create may meet another response."""
        self.gate = Gate(cancel_timeout=CANCEL_TIMEOUT)
        self.books = Books()
        self.now = 0.0
        self.askers: list[Asker] = []
        self.numbers = itertools.count()
        self.upstream: deque[tuple[str, str]] = deque()
        self.downstream: deque[Callable[[], None]] = deque()
        self.late: list[Callable[[], None]] = []
        self.active: str | None = None
        self.doubtful: dict[str, str] = {}
        self.interrupts = self.told_interrupts = True

    def possibilities(self) -> list[Callable[[], None]]:
        """What may happen next; what moves things on is the likelier."""
        may: list[Callable[[], None]] = [self.arrive, self.pass_time]
        may += [self.deliver] * 6 if self.downstream else []
        may += [self.write] * 3 if self.books.grant is not None else []
        may += [self.serve] * 3 if self.upstream else []
        may += [self.finish] * 2 if self.active is not None else []
        may += [self.deliver_late] if self.late else []
        may += [self.cancel] if self.gate.running else []
        may += [self.change_mind] if self.in_state("waiting", "granted") else []
        may += [self.pass_time_to_the_deadline] if self.now < self.gate.deadline < math.inf else []
        if not self.is_polite:
            may += [self.send_plainly, self.start_speaking, self.stop_speaking]
            may += [self.do_something_rare]
            may += [self.begin_by_itself] if self.active is None else []
        return may

    def step(self) -> None:
        self.one_of(self.possibilities())()

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.draw(st.integers(0, len(choices) - 1))]

    def maybe(self) -> bool:
        return self.draw(st.booleans())

    def name(self, kind: str) -> str:
        return f"{kind}{next(self.numbers)}"

    def in_state(self, *states: str) -> list[Asker]:
        return [asker for asker in self.askers if asker.state in states]

    def tell(
        self, books: Callable[[], None], gate: Callable[[], None], *, is_timed: bool = True
    ) -> None:
        """Let something happen to the books and to the gate."""
        if is_timed:
            self.books.tick(self.now)
        books()
        self.books.settle()
        gate()

    def arrive(self) -> None:
        number = len(self.askers)
        self.books.queue(number)
        self.books.settle()
        self.askers.append(Asker(self.gate, number, self.books.line))

    def change_mind(self) -> None:
        asker = self.one_of(self.in_state("waiting", "granted"))
        if self.maybe():
            self.leave(asker)
        elif asker.state == "waiting":
            self.requeue(asker)

    def deliver(self) -> None:
        self.downstream.popleft()()

    def deliver_late(self) -> None:
        self.late.pop(self.draw(st.integers(0, len(self.late) - 1)))()

    def write(self) -> None:
        assert self.books.grant is not None
        asker, event_id = self.askers[self.books.grant], self.name("e")
        self.tell(
            lambda: self.books.send(event_id, asker.number),
            lambda: self.gate.sent(event_id, asker.ticket),
            is_timed=False,
        )
        self.upstream.append(("create", event_id))

    def send_plainly(self) -> None:
        event_id = self.name("e")
        self.tell(
            lambda: self.books.send(event_id, None),
            lambda: self.gate.sent(event_id, None),
            is_timed=False,
        )
        self.upstream.append(("create", event_id))

    def cancel(self) -> None:
        self.cancel_response(self.one_of(self.gate.running))

    def serve(self) -> None:
        self.serve_next(
            begins=self.one_of([True, True, True, False]),
            is_certain=self.maybe(),
            names_it=self.maybe(),
            is_late=self.maybe(),
            reaction=self.one_of(["requeue", "requeue", "leave", "later"]),
        )

    def begin_by_itself(self) -> None:
        self.begin_response(None, is_certain=True)

    def finish(self) -> None:
        ways = ["told", "told", "told", "late", "lost", "twice"]
        self.end_active(self.one_of(ways if self.is_polite else [*ways, "nameless"]))

    def start_speaking(self) -> None:
        self.downstream.append(self.hear_speech)
        if self.active is not None and self.interrupts:
            ways = ["told", "told", "told", "late", "lost", "twice"]
            self.end_active(self.one_of(ways), barge_in=True)

    def stop_speaking(self) -> None:
        item_id = self.name("i")
        self.downstream.append(lambda: self.hear_stopped(item_id))
        for _ in range(self.draw(st.integers(0, 3))):
            self.downstream.append(partial(self.hear_moved, item_id, self.maybe()))
        if self.draw(st.integers(0, 3)) == 3:
            self.downstream.append(self.hear_cleared)

    def do_something_rare(self) -> None:
        """Change what voice detection does, or end a response that was never created."""
        first, second = self.maybe(), self.maybe()
        if self.maybe():
            response_id = self.name("r")
            self.downstream.append(lambda: self.hear_done(response_id, first))
        else:
            self.interrupts = first
            self.downstream.append(lambda: self.hear_session(second, first))

    def pass_time(self) -> None:
        self.now += self.one_of([0.25, 0.5, 1.0, 2.0, 5.0])
        if self.maybe():
            self.advance()

    def pass_time_to_the_deadline(self) -> None:
        self.now = self.gate.deadline
        self.advance()
        assert self.gate.deadline > self.now

    def finish_duly(self) -> None:
        self.end_active("told")

    def serve_duly(self) -> None:
        self.serve_next(
            begins=True, is_certain=True, names_it=True, is_late=False, reaction="requeue"
        )

    def serve_next(
        self, *, begins: bool, is_certain: bool, names_it: bool, is_late: bool, reaction: str
    ) -> None:
        """The server answers the next frame."""
        kind, name = self.upstream.popleft()
        if kind == "cancel":
            if name == self.active:
                self.finish_duly()
        elif self.active is not None:
            assert not self.is_polite, "two responses in flight"
            active = self.active if names_it else None
            self.answer(lambda: self.hear_busy(name, active, reaction), is_late=is_late)
        elif begins:
            self.begin_response(name, is_certain=is_certain)
        else:
            self.answer(lambda: self.hear_refusal(name), is_late=is_late)

    def leave(self, asker: Asker) -> None:
        self.tell(
            lambda: self.books.leave(asker.number),
            lambda: self.gate.leave(asker.ticket),
            is_timed=False,
        )
        asker.see()

    def requeue(self, asker: Asker) -> None:
        self.tell(
            lambda: self.books.requeue(asker.number),
            lambda: self.gate.requeue(asker.ticket),
            is_timed=False,
        )
        asker.see()

    def cancel_response(self, response_id: str) -> None:
        self.tell(
            lambda: self.books.cancel(response_id, self.now),
            lambda: self.gate.cancelling(response_id, self.now),
        )
        self.upstream.append(("cancel", response_id))

    def advance(self) -> None:
        self.tell(lambda: None, lambda: self.gate.advance(self.now))

    def fail(self) -> None:
        self.tell(self.books.fail, self.gate.fail, is_timed=False)

    def answer(self, event: Callable[[], None], *, is_late: bool) -> None:
        if is_late:
            self.late.append(event)
        else:
            self.downstream.append(event)

    def begin_response(self, event_id: str | None, *, is_certain: bool) -> None:
        response_id = self.active = self.name("r")
        answers = event_id if is_certain else None
        if event_id is not None and not is_certain:
            self.doubtful[response_id] = event_id
        self.downstream.append(lambda: self.hear_created(response_id, answers))

    def end_active(self, how: str, *, barge_in: bool = False) -> None:
        assert self.active is not None
        response_id, self.active = self.active, None
        if how == "nameless":
            self.downstream.append(lambda: self.hear_done(None, barge_in))
        elif how != "lost":
            self.answer(lambda: self.hear_done(response_id, barge_in), is_late=how == "late")
        if how == "twice":
            self.late.append(lambda: self.hear_created(response_id, None))
            self.late.append(lambda: self.hear_done(response_id, barge_in))

    def hear_created(self, response_id: str, answers: str | None) -> None:
        self.tell(
            lambda: self.books.create(response_id, answers),
            lambda: self.gate.created(response_id, self.now, answers=answers),
        )

    def hear_done(self, response_id: str | None, barge_in: bool) -> None:
        self.tell(
            lambda: self.books.end(response_id, barge_in=barge_in),
            lambda: self.gate.done(response_id, by_server_barge_in=barge_in, now=self.now),
        )
        if response_id in self.doubtful:
            self.hear_answer(self.doubtful.pop(response_id))

    def hear_answer(self, event_id: str) -> None:
        self.tell(
            lambda: self.books.answer(event_id),
            lambda: self.gate.answered(event_id),
            is_timed=False,
        )

    def hear_refusal(self, event_id: str) -> None:
        self.tell(
            lambda: self.books.answer(event_id),
            lambda: self.gate.refused(event_id, busy=False, now=self.now),
        )

    def hear_busy(self, event_id: str, active: str | None, reaction: str) -> None:
        number = self.books.sent[event_id][0]
        self.tell(
            lambda: self.books.refuse(event_id, active, self.now),
            lambda: self.gate.refused(event_id, busy=True, now=self.now, active=active),
        )
        if number is not None and reaction == "requeue":
            self.requeue(self.askers[number])
        elif number is not None and reaction == "leave":
            self.leave(self.askers[number])

    def hear_speech(self) -> None:
        interrupts = self.told_interrupts
        self.tell(
            lambda: self.books.speak(interrupts=interrupts),
            self.gate.speech_started,
            is_timed=False,
        )

    def hear_stopped(self, item_id: str) -> None:
        self.tell(
            lambda: self.books.stop(item_id, self.now),
            lambda: self.gate.speech_stopped(item_id, self.now),
        )

    def hear_moved(self, item_id: str, is_done: bool) -> None:
        self.tell(
            lambda: self.books.move(item_id, is_done=is_done, now=self.now),
            lambda: self.gate.item_moved(item_id, is_done=is_done, now=self.now),
        )

    def hear_cleared(self) -> None:
        self.tell(self.books.clear, self.gate.input_cleared, is_timed=False)

    def hear_session(self, creates: bool, interrupts: bool) -> None:
        self.told_interrupts = interrupts
        self.tell(
            lambda: self.books.learn(creates=creates),
            lambda: self.gate.learn_session(creates=creates, interrupts=interrupts),
            is_timed=False,
        )

    def check(self) -> None:
        """The gate keeps the books, one asks at a time, and everybody is told and ends once."""
        assert {asker.number: asker.state for asker in self.askers} == self.books.states
        assert list(self.gate.running) == self.books.of("running")
        interrupted = [name for name in self.gate.running if self.gate.is_interrupting(name)]
        assert interrupted == [name for name in self.gate.running if name in self.books.interrupted]
        assert self.gate.are_asking == bool(self.books.of("create"))
        assert self.gate.deadline == self.books.deadline
        assert self.gate.is_open == (
            not self.books.facts
            and not self.books.line
            and self.books.grant is None
            and not self.books.is_over
        )
        asked = [name for name in self.books.of("create") if self.books.sent[name][0] is not None]
        assert len(asked) + (self.books.grant is not None) <= 1
        for asker in self.askers:
            assert asker.known == asker.state
            assert asker.ends == (not NEXT[asker.state])

    def let_everything_end(self) -> None:
        """Whatever has happened: when the deadlines have passed, nobody hangs."""
        for _ in range(2_000):
            if not self.go_on():
                break
            self.check()
        assert self.in_state("waiting", "granted") == []
        assert self.gate.is_open
        assert self.gate.deadline == math.inf

    def lose(self) -> None:
        self.fail()
        for asker in self.in_state("waiting"):
            assert asker.number not in self.books.line
            self.requeue(asker)
        self.arrive()
        self.check()
        assert self.in_state("waiting", "granted") == []

    def go_on(self) -> bool:
        """Let the next thing come to its end; say whether there was one."""
        if self.downstream:
            self.downstream.popleft()()
        elif self.late:
            self.late.pop()()
        elif self.upstream:
            self.serve_duly()
        elif self.active is not None:
            self.finish_duly()
        elif self.doubtful:
            self.hear_answer(self.doubtful.popitem()[1])
        elif self.gate.running and self.gate.deadline == math.inf:
            for response_id in self.gate.running:
                self.cancel_response(response_id)
        elif self.gate.deadline < math.inf:
            self.now = max(self.now, self.gate.deadline)
            self.advance()
        elif self.books.grant is not None:
            self.write()
        elif self.in_state("waiting"):
            self.requeue(self.in_state("waiting")[0])
        else:
            return False
        return True


# promise 3, promise 7, pain 1, pain 8, pain 31
@pytest.mark.sweep
@settings(max_examples=effort(200, deep=6000))
@given(data=st.data(), is_polite=st.booleans(), is_lost=st.booleans())
def test_whatever_happens_the_gate_keeps_the_books_and_nobody_hangs(
    data: st.DataObject, is_polite: bool, is_lost: bool
) -> None:
    world = World(data.draw, is_polite=is_polite)
    for _ in range(data.draw(st.integers(0, 80))):
        world.step()
        world.check()
    if is_lost:
        world.lose()
    else:
        world.let_everything_end()

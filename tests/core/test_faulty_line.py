"""What becomes of messages and bytes under faults: laws without a clock."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from tests.core.faulted import arrivals
from trio_realtime._core._fault_mixture import mixture_from_chance
from trio_realtime._core._faults import Chance, FaultKind, Faults, StreamFaults
from trio_realtime._core._faulty_line import (
    MALFORMED,
    UNKNOWN,
    ByteFlow,
    Close,
    Cut,
    Deliver,
    FrameLine,
    Note,
    Step,
    oversize,
)

Noted = tuple[FaultKind, int, str | None, float]


def event(type: str, response: str | None = None) -> str:  # noqa: A002 - the wire's name
    fields = {"type": type} if response is None else {"type": type, "response_id": response}
    return json.dumps(fields)


def lots(*numbers: float) -> Chance:
    """Chance that is none: these, again and again."""
    turn = iter(range(10**6))
    return lambda: numbers[next(turn) % len(numbers)]


def into(noted: list[Noted]) -> Note:
    def note(kind: FaultKind, number: int, type: str | None, at: float) -> None:  # noqa: A002
        noted.append((kind, number, type, at))

    return note


EVEN: Chance = lots(0.5)


class Line:
    """A line whose clock is turned by hand, and what came out of it."""

    def __init__(self, faults: Faults, chance: Chance = EVEN) -> None:
        self.noted: list[Noted] = []
        self.line = FrameLine(faults, chance, into(self.noted))

    def offer(self, *messages: str | bytes, at: float = 0.0) -> None:
        for message in messages:
            self.line.offer(message, at)

    def steps(self, now: float = 0.0) -> list[Step]:
        steps: list[Step] = []
        while (step := self.line.pop(now)) is not None:
            steps.append(step)
        return steps

    def arrives(self, now: float = 0.0) -> list[str | bytes]:
        return [step.message for step in self.steps(now) if isinstance(step, Deliver)]


def test_without_faults_everything_passes_at_once() -> None:
    line = Line(Faults())
    line.offer("1", b"2", "not json")
    assert line.line.held_bytes == 10
    assert line.line.due == 0
    assert line.arrives() == ["1", b"2", "not json"]
    assert line.line.held_bytes == 0
    assert line.line.due == math.inf
    assert line.noted == []


def test_a_delay_delays_and_jitter_keeps_the_order() -> None:
    # The first of the six lots of a message is the one of its jitter.
    line = Line(Faults(delay=1, jitter=0.5), lots(0.9, 0, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0))
    line.offer("1", "2", at=10)
    assert line.line.due == pytest.approx(11.45)
    assert line.arrives(11.4) == []
    assert line.arrives(11.45) == ["1", "2"]
    assert line.noted == []


def test_a_message_comes_twice_by_chance_by_number_and_by_type() -> None:
    line = Line(Faults(duplicate=0.3), lots(0, 0.2, 0, 0, 0, 0, 0, 0.4, 0, 0, 0, 0))
    line.offer("1", "2", "3")
    assert line.arrives() == ["1", "1", "2", "3", "3"]
    assert line.noted == [("duplicate", 1, None, 0.0), ("duplicate", 3, None, 0.0)]
    line = Line(Faults(duplicate=[2, "c"]))
    line.offer(event("a"), event("b"), event("c"))
    assert line.arrives() == [event(each) for each in "abbcc"]
    line = Line(Faults(duplicate="b"))
    line.offer(event("a"), event("b"), event("b"))
    assert line.arrives() == [event(each) for each in "abbbb"]


def test_what_is_inserted_comes_before_its_message() -> None:
    line = Line(Faults(malformed=[2], unknown=[2], oversize=[2, 3], oversize_bytes=100))
    line.offer("1", event("x"), "3")
    assert line.arrives() == [
        "1",
        MALFORMED,
        UNKNOWN,
        oversize(100),
        event("x"),
        oversize(100),
        "3",
    ]
    assert line.noted == [
        ("malformed", 2, "x", 0.0),
        ("unknown", 2, "x", 0.0),
        ("oversize", 2, "x", 0.0),
        ("oversize", 3, None, 0.0),
    ]


def test_what_is_inserted_is_what_it_says() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(MALFORMED)
    assert json.loads(UNKNOWN)["type"] == "fault.unknown"
    assert len(oversize(1000)) == 1000
    assert json.loads(oversize(1))["type"] == "fault.oversize"


@pytest.mark.parametrize("place", [2, "b"])
def test_the_connection_is_lost_before_a_message(place: int | str) -> None:
    line = Line(Faults(drop_before=place, delay=1))
    line.offer(event("a"), event("b"), event("b"))
    line.line.close(1000, "", 0)
    assert line.noted == []  # not before it happens
    assert line.steps(1) == [Deliver(event("a")), Cut("eof")]
    assert line.noted == [("drop_before", 2, "b", 1)]
    line.offer("more")
    assert line.steps(9) == []


def test_the_connection_is_lost_after_a_message() -> None:
    line = Line(Faults(drop_after=1, ending="reset"))
    line.offer("1", "2")
    seen = [(line.line.is_ending, line.line.pop(0)) for _ in range(3)]
    assert seen == [(False, Deliver("1")), (True, Cut("reset")), (False, None)]
    assert line.noted == [("drop_after", 1, None, 0)]


def test_a_stall_holds_everything_up_once() -> None:
    line = Line(Faults(stall="b", stall_seconds=5, delay=1))
    line.offer(event("a"), event("b"), event("c"), event("b"))
    assert line.noted == [("stall", 2, "b", 1)]
    assert line.arrives(1) == [event("a")]
    assert line.line.due == 6
    line.line.close(1000, "bye", 0)
    assert line.steps(6)[-1] == Close(1000, "bye")
    assert len(line.noted) == 1


def test_a_stall_may_last_for_ever() -> None:
    line = Line(Faults(stall=1))
    line.offer("1", "2")
    assert line.line.due == math.inf
    assert line.steps(1e9) == []


def test_a_close_comes_behind_everything_and_is_the_last() -> None:
    line = Line(Faults(delay=1))
    line.offer("1")
    line.line.close(1001, "gone", 0)
    line.line.close(1002, "again", 0)
    line.offer("2")
    assert line.steps(1) == [Deliver("1"), Close(1001, "gone")]


def reordered(
    *messages: str, faults: Faults | None = None, chance: Chance = EVEN
) -> tuple[list[str | bytes], list[Noted]]:
    line = Line(faults or Faults(reorder=1), chance)
    line.offer(*messages)
    return line.arrives(0.05), line.noted


def test_messages_of_different_responses_change_places() -> None:
    a1, a2, b1 = event("x", "a"), event("y", "a"), event("x", "b")
    assert reordered(a1, b1, a2) == ([b1, a1, a2], [("reorder", 1, "x", 0.05)])
    # A response as a whole is told apart by its own id.
    done = json.dumps({"type": "response.done", "response": {"id": "b"}})
    assert reordered(a1, done)[0] == [done, a1]


@pytest.mark.parametrize(
    "messages",
    [
        (event("x", "a"), event("y", "a")),
        (event("x"), event("y", "a")),
        (event("x", "a"), event("y")),
        ("not json", event("y", "a")),
        ("[]", event("y", "a")),
        ('{"type": "x", "response": "a"}', event("y", "b")),
        ('{"type": "x", "response": {"id": 7}}', event("y", "b")),
        ('{"type": 7, "response_id": null}', event("y", "b")),
    ],
)
def test_others_do_not(messages: Sequence[str]) -> None:
    assert reordered(*messages) == ([*messages], [])


def test_unless_any_may() -> None:
    faults = Faults(reorder=[1, 2], reorder_any=True)
    assert reordered("1", "2", "3", faults=faults)[0] == ["2", "1", "3"]


def test_a_message_hit_by_another_fault_neither_overtakes_nor_is_overtaken() -> None:
    a, b = event("x", "a"), event("y", "b")
    for number in (1, 2):
        faults = Faults(reorder=1, duplicate=[number])
        assert reordered(a, b, faults=faults)[1] == [("duplicate", number, "xy"[number - 1], 0.05)]


def test_a_message_waits_only_so_long_for_another_to_overtake_it() -> None:
    line = Line(Faults(reorder=[1], reorder_wait=2))
    line.offer(event("x", "a"))
    assert line.arrives(1) == []
    assert line.arrives(2) == [event("x", "a")]
    line.offer(event("y", "b"), at=2)
    assert line.arrives(2) == [event("y", "b")]
    line.offer(event("z", "a"), at=3)
    assert line.arrives(3) == [event("z", "a")]
    assert line.noted == []


def test_a_fault_changes_no_other_lot() -> None:
    def jitters(faults: Faults) -> list[float]:
        line = Line(faults, random.Random(7).random)
        dues: list[float] = []
        for _ in range(20):
            line.offer("x")
            dues.append(line.line.due)
            line.steps(2)
        return dues

    assert jitters(Faults(jitter=1)) == jitters(Faults(jitter=1, duplicate=0.5, unknown=0.5))


class Flow:
    """A flow, and what it noted."""

    def __init__(self, faults: StreamFaults, chance: Chance = EVEN) -> None:
        self.noted: list[Noted] = []
        self.flow = ByteFlow(faults, chance, chance, into(self.noted))


def test_the_upgrade_passes_untouched() -> None:
    flow = Flow(StreamFaults(piece=1, piece_delay=1, read_rate=1, cut_after=1, stall_after=1)).flow
    assert flow.may_send(1000) == 1000
    assert not flow.sent(1000, 0)
    assert flow.may_receive(1000) == 1000
    flow.received(1000, 0)
    assert max(flow.writes_at, flow.reads_at, flow.stalled_until) <= 0
    flow.begin()
    assert flow.may_send(1000) == 1
    assert flow.may_receive(1000) == 1


def test_unless_it_is_to_suffer_too() -> None:
    flow = Flow(StreamFaults(piece=10, handshake=True)).flow
    assert flow.may_send(1000) == 6
    assert flow.may_send(3) == 3
    assert flow.may_receive(1000) == 6


def test_pieces_are_sent_one_after_the_other() -> None:
    flow = Flow(StreamFaults(piece=10, piece_delay=0.5, handshake=True)).flow
    assert not flow.sent(6, 3)
    assert flow.writes_at == 3.5


def test_without_a_piece_all_goes_at_once() -> None:
    flow = Flow(StreamFaults(handshake=True)).flow
    assert flow.may_send(1000) == 1000
    assert flow.may_receive(1000) == 1000
    flow.received(1000, 0)
    assert flow.reads_at < 0


def test_the_cut_comes_after_so_many_bytes() -> None:
    flow = Flow(StreamFaults(cut_after=5, stall_after=3, stall_seconds=9, handshake=True))
    assert flow.flow.may_send(100) == 3
    assert not flow.flow.sent(3, 1)
    assert flow.flow.stalled_until == 10
    assert flow.flow.may_send(100) == 2
    assert flow.flow.sent(2, 10)
    assert flow.noted == [("stall", 3, None, 1), ("cut", 5, None, 10)]


def test_a_slow_reader_takes_little_at_a_time() -> None:
    flow = Flow(StreamFaults(read_rate=1000, handshake=True)).flow
    assert flow.may_receive(65536) == 100
    flow.received(100, 5)
    assert flow.reads_at == 5.1
    assert Flow(StreamFaults(read_rate=1, handshake=True)).flow.may_receive(65536) == 1


def test_a_reader_that_does_not_read_has_read_the_upgrade() -> None:
    flow = Flow(StreamFaults(read_rate=0)).flow
    assert flow.reads_at < 0
    flow.begin()
    assert flow.reads_at == math.inf


@given(st.integers(), st.lists(st.sampled_from("ab "), max_size=80))
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_or_made_up_that_was_not_noted(seed: int, responses: list[str]) -> None:
    """Whatever is planned: apply what was noted to what was offered, and it is what arrived."""
    chance = random.Random(seed).random
    faults, _, _ = mixture_from_chance(chance)
    faults = dataclasses.replace(faults, oversize_bytes=100)
    line = Line(faults, chance)
    offered = [event(f"event.{n}", r.strip() or None) for n, r in enumerate(responses, 1)]
    arrived: list[str | bytes] = []
    now = 0.0
    for message in offered:
        line.offer(message, at=now)
        arrived += line.arrives(now)
        now += chance() * 0.1
    arrived += line.arrives(1e9)
    happened = [(kind, number) for kind, number, _, _ in line.noted]
    assert arrived == arrivals(offered, happened, faults)

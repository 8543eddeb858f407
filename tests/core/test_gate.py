"""The response gate, told by hand what is sent and what the server says."""

from __future__ import annotations

import gc
import itertools
import math
from collections.abc import Callable
from types import FunctionType, ModuleType

import pytest

from trio_realtime._core._gate import Gate, Ticket

CANCEL_TIMEOUT = 5.0


class Owner:
    """Somebody with a ticket, who notes its state whenever it is woken."""

    def __init__(self, gate: Gate) -> None:
        self.told: list[str] = []
        self.ticket: Ticket = gate.queue(self.wake)

    def wake(self) -> None:
        self.told.append(self.state)

    @property
    def state(self) -> str:
        return self.ticket.state


@pytest.fixture
def gate() -> Gate:
    return Gate(cancel_timeout=CANCEL_TIMEOUT)


def line(gate: Gate, count: int) -> list[Owner]:
    return [Owner(gate) for _ in range(count)]


def ask(gate: Gate, event_id: str = "e1") -> Owner:
    """Take a turn, and send."""
    owner = Owner(gate)
    assert owner.state == "granted"
    gate.sent(event_id, owner.ticket)
    return owner


def end(gate: Gate, response_id: str | None, now: float = 0.0, *, barge_in: bool = False) -> None:
    gate.done(response_id, by_server_barge_in=barge_in, now=now)


def looks(gate: Gate) -> tuple[bool, bool, str | None]:
    return gate.is_open, gate.are_asking, gate.active


def test_a_fresh_gate_is_open_and_nothing_is_to_be_waited_for(gate: Gate) -> None:
    assert looks(gate) == (True, False, None)
    assert gate.running == ()
    assert gate.deadline == math.inf


# pain 1
def test_the_gate_closes_with_the_grant_and_opens_with_the_end_of_the_response(gate: Gate) -> None:
    first, second = line(gate, 2)
    assert (first.state, second.state) == ("granted", "waiting")
    assert looks(gate) == (False, False, None)
    gate.sent("e1", first.ticket)
    assert looks(gate) == (False, True, None)
    assert (first.state, second.state) == ("granted", "waiting")
    gate.created("r1", 0, answers="e1")
    assert looks(gate) == (False, False, "r1")
    assert (first.state, second.state) == ("over", "waiting")
    end(gate, "r1")
    assert looks(gate) == (False, False, None)
    assert second.state == "granted"
    assert (first.told, second.told) == (["over"], ["granted"])


def test_turns_come_in_the_order_of_asking_one_at_a_time(gate: Gate) -> None:
    owners = line(gate, 5)
    for number, owner in enumerate(owners):
        assert [each.state for each in owners].count("granted") == 1
        assert owner.state == "granted"
        gate.sent(f"e{number}", owner.ticket)
        gate.created(f"r{number}", 0, answers=f"e{number}")
        end(gate, f"r{number}")
    assert gate.is_open


def test_the_gate_knows_whose_turn_it_is_until_the_create_is_sent(gate: Gate) -> None:
    first, second = line(gate, 2)
    held = [gate.granted]
    gate.leave(first.ticket)
    held.append(gate.granted)
    gate.sent("e2", second.ticket)
    assert [*held, gate.granted] == [first.ticket, second.ticket, None]


def test_a_response_without_an_id_may_be_followed_by_another_one(gate: Gate) -> None:
    for now in (0, 10, 20):
        gate.created("", now)
        assert gate.running == ("",)
        if now:
            gate.cancelling("", now)
            gate.advance(now + CANCEL_TIMEOUT)
        else:
            end(gate, None, now)
        assert gate.is_open


def test_a_grant_that_is_given_back_goes_to_the_next(gate: Gate) -> None:
    first, second, third = line(gate, 3)
    gate.leave(second.ticket)
    gate.leave(first.ticket)
    assert [first.state, second.state, third.state] == ["over", "over", "granted"]
    assert (first.told, second.told, third.told) == ([], [], ["granted"])
    gate.leave(third.ticket)
    assert gate.is_open


def test_to_leave_twice_or_after_the_end_does_nothing(gate: Gate) -> None:
    first, second = line(gate, 2)
    gate.leave(first.ticket)
    gate.leave(first.ticket)
    assert second.state == "granted"
    gate.sent("e", second.ticket)
    gate.created("r", 0, answers="e")
    gate.leave(second.ticket)
    assert second.told == ["granted", "over"]


def test_an_answer_that_is_known_only_at_the_end_ends_the_ticket_then(gate: Gate) -> None:
    first = ask(gate)
    (second,) = line(gate, 1)
    gate.created("r1", 0)
    assert gate.are_asking
    end(gate, "r1")
    assert (first.state, second.state) == ("granted", "waiting")
    gate.answered("e1")
    assert (first.state, second.state) == ("over", "granted")


def test_a_create_that_is_refused_for_itself_lets_the_next_go_ahead(gate: Gate) -> None:
    first = ask(gate)
    (second,) = line(gate, 1)
    gate.refused("e1", busy=False, now=0)
    assert (first.state, second.state) == ("over", "granted")
    assert first.told == ["over"]


def test_answers_and_refusals_of_unknown_creates_change_nothing(gate: Gate) -> None:
    first = ask(gate)
    (second,) = line(gate, 1)
    gate.answered("e9")
    gate.refused("e9", busy=False, now=0)
    gate.refused("e9", busy=True, now=0, active="r9")
    assert (first.state, second.state) == ("granted", "waiting")
    assert gate.deadline == math.inf


def test_a_plain_create_is_not_held_but_counts(gate: Gate) -> None:
    gate.sent("plain", None)
    (owner,) = line(gate, 1)
    assert owner.state == "waiting"
    gate.created("r1", 0, answers="plain")
    end(gate, "r1")
    assert owner.state == "granted"


@pytest.mark.parametrize("busy", [False, True])
def test_a_plain_create_that_is_refused_counts_no_longer(gate: Gate, busy: bool) -> None:
    gate.created("r1", 0)
    gate.sent("plain", None)
    (owner,) = line(gate, 1)
    end(gate, "r1")
    assert owner.state == "waiting"
    gate.refused("plain", busy=busy, now=0, active="r1")
    assert owner.state == "granted"


# pain 1
def test_a_plain_create_that_slips_in_before_a_granted_one_only_delays_it(gate: Gate) -> None:
    owner = Owner(gate)
    (younger,) = line(gate, 1)
    gate.sent("plain", None)
    gate.sent("e1", owner.ticket)
    gate.created("r1", 0, answers="plain")
    gate.refused("e1", busy=True, now=0, active="r1")
    gate.requeue(owner.ticket)
    assert (owner.state, younger.state) == ("waiting", "waiting")
    end(gate, "r1")
    assert (owner.state, younger.state) == ("granted", "waiting")
    gate.sent("e2", owner.ticket)
    gate.created("r2", 0, answers="e2")
    end(gate, "r2")
    assert (owner.state, younger.state) == ("over", "granted")


def test_a_plain_create_may_be_the_refused_one_of_two(gate: Gate) -> None:
    owner = ask(gate)
    gate.sent("plain", None)
    (younger,) = line(gate, 1)
    gate.created("r1", 0, answers="e1")
    gate.refused("plain", busy=True, now=0, active="r1")
    assert (owner.state, younger.state) == ("over", "waiting")
    end(gate, "r1")
    assert younger.state == "granted"


def test_somebody_elses_response_holds_the_gate(gate: Gate) -> None:
    gate.created("theirs", 0)
    (owner,) = line(gate, 1)
    assert owner.state == "waiting"
    end(gate, "theirs")
    assert owner.state == "granted"


def test_a_ticket_that_has_no_grant_is_sent_as_a_plain_create(gate: Gate) -> None:
    first, second = line(gate, 2)
    gate.sent("e2", second.ticket)
    assert gate.granted is first.ticket
    gate.leave(first.ticket)
    assert second.state == "waiting"
    gate.created("r1", 0, answers="e2")
    end(gate, "r1")
    assert second.state == "granted"


def test_a_refused_ticket_keeps_its_place_until_it_says_that_it_comes_back(gate: Gate) -> None:
    owner = ask(gate)
    (younger,) = line(gate, 1)
    gate.created("r1", 0)
    end(gate, "r1")
    gate.refused("e1", busy=True, now=0, active="r1")
    assert (owner.state, younger.state) == ("waiting", "waiting")
    gate.leave(younger.ticket)
    assert not gate.is_open
    (younger,) = line(gate, 1)
    assert owner.told == ["waiting"]
    gate.requeue(owner.ticket)
    assert (owner.state, younger.state) == ("granted", "waiting")
    # The caller sees it; it is not woken for what it did itself.
    assert owner.told == ["waiting"]


def test_a_refused_ticket_that_leaves_lets_the_next_go_ahead(gate: Gate) -> None:
    owner = ask(gate)
    (younger,) = line(gate, 1)
    gate.created("r1", 0)
    end(gate, "r1")
    gate.refused("e1", busy=True, now=0)
    gate.leave(owner.ticket)
    assert (owner.state, younger.state) == ("over", "granted")


def test_a_refused_ticket_has_a_second_to_come_back_and_its_place_even_later(gate: Gate) -> None:
    owner = ask(gate)
    middle, youngest = line(gate, 2)
    gate.created("r1", 10)
    end(gate, "r1", 10)
    gate.refused("e1", busy=True, now=10)
    assert gate.deadline == 11
    gate.advance(10.99)
    assert middle.state == "waiting"
    gate.advance(11)
    assert (owner.state, middle.state) == ("waiting", "granted")
    gate.requeue(owner.ticket)
    gate.leave(middle.ticket)
    assert (owner.state, youngest.state) == ("granted", "waiting")


def test_a_ticket_that_was_left_is_not_asked_for_again_when_it_is_refused(gate: Gate) -> None:
    owner = ask(gate)
    (younger,) = line(gate, 1)
    gate.leave(owner.ticket)
    assert (owner.state, younger.state) == ("over", "waiting")
    gate.created("r1", 0)
    end(gate, "r1")
    gate.refused("e1", busy=True, now=0)
    assert (owner.state, younger.state) == ("over", "granted")
    assert owner.told == []


def test_a_ticket_that_was_left_on_the_wire_still_counts_until_it_is_answered(gate: Gate) -> None:
    owner = ask(gate)
    (younger,) = line(gate, 1)
    gate.leave(owner.ticket)
    gate.created("r1", 0, answers="e1")
    assert owner.told == []
    assert younger.state == "waiting"
    end(gate, "r1")
    assert younger.state == "granted"


def test_a_ticket_may_be_asked_for_again_before_the_gate_hears_of_the_refusal(gate: Gate) -> None:
    owner = ask(gate)
    (younger,) = line(gate, 1)
    gate.requeue(owner.ticket)
    assert owner.state == "waiting"
    gate.created("r1", 0)
    end(gate, "r1")
    gate.refused("e1", busy=True, now=0, active="r1")
    assert (owner.state, younger.state) == ("granted", "waiting")
    gate.leave(owner.ticket)
    assert younger.state == "granted"


def test_the_end_of_an_earlier_create_does_not_end_who_has_asked_again(gate: Gate) -> None:
    owner = ask(gate)
    gate.requeue(owner.ticket)
    gate.refused("e1", busy=False, now=0)
    assert owner.state == "granted"


def test_to_ask_again_with_a_grant_that_is_not_used_keeps_it(gate: Gate) -> None:
    first, second = line(gate, 2)
    gate.requeue(first.ticket)
    gate.requeue(second.ticket)
    assert (first.state, second.state) == ("granted", "waiting")
    gate.leave(first.ticket)
    assert second.state == "granted"


def test_to_ask_again_with_a_ticket_that_is_over_does_nothing(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=False, now=0)
    gate.requeue(owner.ticket)
    assert owner.state == "over"
    assert gate.is_open


def test_a_known_response_in_the_way_is_waited_for(gate: Gate) -> None:
    owner = ask(gate)
    gate.created("theirs", 0)
    gate.refused("e1", busy=True, now=0, active="theirs")
    gate.requeue(owner.ticket)
    assert gate.deadline == math.inf
    end(gate, "another")
    assert owner.state == "waiting"
    end(gate, "theirs")
    assert owner.state == "granted"


def test_an_unnamed_response_in_the_way_is_the_one_that_runs(gate: Gate) -> None:
    owner = ask(gate)
    gate.created("theirs", 0)
    gate.refused("e1", busy=True, now=0)
    gate.requeue(owner.ticket)
    assert gate.deadline == math.inf
    end(gate, "theirs")
    assert owner.state == "granted"


# Errors have been measured to come late.
@pytest.mark.parametrize("named", ["theirs", None])
def test_a_refusal_that_comes_after_the_end_of_its_cause_is_asked_again_at_once(
    gate: Gate, named: str | None
) -> None:
    owner = ask(gate)
    gate.created("theirs", 0)
    end(gate, "theirs")
    gate.refused("e1", busy=True, now=0, active=named)
    gate.requeue(owner.ticket)
    assert owner.state == "granted"


def test_what_ended_before_the_create_was_sent_cannot_be_its_unnamed_cause(gate: Gate) -> None:
    gate.created("earlier", 0)
    end(gate, "earlier")
    owner = ask(gate)
    gate.refused("e1", busy=True, now=0)
    gate.requeue(owner.ticket)
    assert owner.state == "waiting"
    assert gate.deadline == 1


def test_an_unseen_response_holds_the_gate_for_a_second(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=True, now=10)
    gate.requeue(owner.ticket)
    assert not gate.is_open
    assert gate.active is None
    assert gate.deadline == 11
    gate.advance(10.99)
    assert owner.state == "waiting"
    gate.advance(11)
    assert owner.told == ["waiting", "granted"]


def test_an_unseen_unnamed_response_holds_the_gate_until_the_next_end_of_any(gate: Gate) -> None:
    gate.created("before", 10)
    end(gate, "before", 10)
    owner = ask(gate)
    gate.refused("e1", busy=True, now=10)
    gate.requeue(owner.ticket)
    end(gate, "before", 10.1)
    assert owner.state == "waiting"
    end(gate, "unseen", 10.2)
    assert owner.state == "granted"


def test_an_unseen_named_response_holds_the_gate_until_its_own_end(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=True, now=10, active="unseen")
    gate.requeue(owner.ticket)
    end(gate, "another", 10)
    assert owner.state == "waiting"
    end(gate, "unseen", 10)
    assert owner.state == "granted"


def test_the_created_of_an_unseen_response_takes_its_place(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=True, now=10, active="unseen")
    gate.requeue(owner.ticket)
    gate.created("unseen", 10.5)
    gate.advance(11)
    assert owner.state == "waiting"
    end(gate, "unseen", 12)
    assert owner.state == "granted"


def test_a_response_that_begins_proves_that_the_unseen_one_is_over(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=True, now=10, active="unseen")
    gate.requeue(owner.ticket)
    gate.created("theirs", 10.1)
    end(gate, "theirs", 10.2)
    assert owner.state == "granted"


def test_an_unseen_response_that_we_cancelled_long_ago_is_believed_to_run_on(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    gate.advance(CANCEL_TIMEOUT)
    owner = ask(gate)
    gate.refused("e1", busy=True, now=6, active="r1")
    gate.requeue(owner.ticket)
    assert owner.state == "waiting"
    end(gate, "r1", 6.5)
    assert owner.state == "granted"


# pain 31
@pytest.mark.parametrize("barge_in", [False, True])
def test_the_end_of_another_response_neither_opens_the_gate_nor_drops_anybody(
    gate: Gate, barge_in: bool
) -> None:
    gate.created("old", 0)
    end(gate, "old")
    gate.created("r1", 0)
    (owner,) = line(gate, 1)
    for response_id in ("old", "unknown", "unknown"):
        end(gate, response_id, barge_in=barge_in)
        assert owner.state == "waiting"
        assert gate.running == ("r1",)
    end(gate, "r1")
    assert owner.state == "granted"


def test_an_end_without_an_id_is_that_of_the_only_response(gate: Gate) -> None:
    gate.created("r1", 0)
    (owner,) = line(gate, 1)
    end(gate, None)
    assert owner.state == "granted"
    end(gate, None)
    gate.created("r1", 0)
    assert gate.active is None


def test_an_end_without_an_id_explains_no_refusal_where_nothing_runs(gate: Gate) -> None:
    owner = ask(gate)
    end(gate, None)
    gate.refused("e1", busy=True, now=10)
    gate.requeue(owner.ticket)
    end(gate, None)
    assert owner.state == "waiting"
    assert gate.deadline == 11


def test_an_end_without_an_id_is_nobodys_where_two_responses_run(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.created("r2", 0)
    assert gate.running == ("r1", "r2")
    assert gate.active == "r2"
    end(gate, None)
    assert gate.running == ("r1", "r2")
    end(gate, "r2")
    assert gate.active == "r1"
    end(gate, None)
    assert gate.is_open


def test_a_response_that_ended_before_it_began_does_not_run(gate: Gate) -> None:
    first = ask(gate)
    (second,) = line(gate, 1)
    end(gate, "r1")
    gate.created("r1", 0, answers="e1")
    assert gate.active is None
    assert (first.state, second.state) == ("over", "granted")


def test_a_created_told_twice_does_not_make_a_cancelled_response_hold_on(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    gate.created("r1", 1)
    assert gate.deadline == CANCEL_TIMEOUT


# pain 8, promise 7
def test_a_cancelled_response_holds_the_gate_no_longer_than_the_timeout(gate: Gate) -> None:
    gate.created("r1", 100)
    gate.cancelling("r1", 103)
    (owner,) = line(gate, 1)
    assert gate.deadline == 108
    gate.advance(107.99)
    assert owner.state == "waiting"
    gate.advance(108)
    assert owner.state == "granted"
    assert gate.active is None


def test_a_cancelled_response_that_ends_in_time_opens_the_gate_then(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    (owner,) = line(gate, 1)
    end(gate, "r1", 2)
    assert owner.state == "granted"
    assert gate.deadline == math.inf


def test_to_cancel_again_does_not_prolong(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 1)
    gate.cancelling("r1", 3)
    assert gate.deadline == 6


def test_a_created_told_again_does_not_revive_a_response_that_was_given_up(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    gate.advance(CANCEL_TIMEOUT)
    gate.created("r1", 6)
    assert gate.is_open


def test_to_cancel_what_does_not_run_holds_nothing(gate: Gate) -> None:
    gate.cancelling("r1", 0)
    assert gate.is_open


# pain 31
def test_the_end_of_a_response_given_up_long_ago_opens_nothing(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    first, second = line(gate, 2)
    gate.advance(CANCEL_TIMEOUT)
    gate.sent("e1", first.ticket)
    gate.created("r2", 5, answers="e1")
    end(gate, "r1", 6, barge_in=True)
    assert second.state == "waiting"
    assert gate.running == ("r2",)
    end(gate, "r2", 7)
    assert second.state == "granted"


def test_those_who_wait_go_ahead_when_the_client_cancelled(gate: Gate) -> None:
    gate.created("r1", 0)
    (owner,) = line(gate, 1)
    gate.cancelling("r1", 0)
    end(gate, "r1", barge_in=False)
    assert owner.state == "granted"


def test_the_end_of_a_turn_closes_the_gate_until_the_end_of_its_response(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    gate.item_moved("i1", is_done=False, now=10.1)
    gate.item_moved("i1", is_done=True, now=10.2)
    gate.created("theirs", 10.5)
    gate.advance(60)
    assert owner.state == "waiting"
    end(gate, "theirs", 61)
    assert owner.state == "granted"


def test_a_turn_without_a_response_holds_the_gate_for_a_second_after_its_item(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    for now, is_done in ((10.5, False), (11.4, False), (12.2, True), (12.8, True), (12.9, False)):
        gate.item_moved("i1", is_done=is_done, now=now)
        assert owner.state == "waiting"
    assert gate.deadline == 13.2
    gate.advance(13.1)
    assert owner.state == "waiting"
    gate.advance(13.2)
    assert owner.state == "granted"


def test_a_turn_that_is_never_committed_holds_the_gate_for_the_timeout(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    gate.item_moved("i2", is_done=True, now=11)
    gate.advance(14.9)
    assert owner.state == "waiting"
    gate.advance(15)
    assert owner.state == "granted"


def test_a_turn_without_a_readable_id_is_as_good_as_any(gate: Gate) -> None:
    gate.speech_stopped(None, 10)
    assert gate.deadline == 15
    gate.created("r1", 10.5)
    end(gate, "r1", 11)
    assert gate.is_open


def test_to_stop_again_begins_anew(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    gate.speech_stopped("i1", 12)
    assert gate.deadline == 17
    gate.created("r1", 12)
    end(gate, "r1", 12)
    assert gate.is_open


def test_a_turn_that_stops_again_is_the_youngest(gate: Gate) -> None:
    for item_id, now in (("i1", 10), ("i2", 11), ("i1", 12)):
        gate.speech_stopped(item_id, now)
    gate.created("r1", 12)
    assert gate.deadline == 17


def test_cleared_input_is_not_answered_but_committed_input_is(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    gate.item_moved("i1", is_done=False, now=10)
    gate.speech_stopped("i2", 10)
    (owner,) = line(gate, 1)
    gate.input_cleared()
    assert owner.state == "waiting"
    assert gate.deadline == 11
    gate.created("r1", 10.5)
    end(gate, "r1", 10.6)
    assert owner.state == "granted"


def test_cleared_input_opens_the_gate(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    gate.input_cleared()
    assert owner.state == "granted"


def test_each_of_two_turns_is_owed_a_response(gate: Gate) -> None:
    gate.speech_stopped("i1", 10)
    gate.item_moved("i1", is_done=True, now=10)
    gate.speech_stopped("i2", 10.5)
    gate.item_moved("i2", is_done=True, now=10.6)
    gate.created("r1", 10.7)
    end(gate, "r1", 10.8)
    (owner,) = line(gate, 1)
    assert gate.deadline == 11.6
    gate.created("r2", 10.9)
    end(gate, "r2", 11)
    assert owner.state == "granted"


def test_a_response_that_we_asked_for_does_not_pay_what_is_owed_to_a_turn(gate: Gate) -> None:
    ask(gate)
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    gate.created("r1", 10, answers="e1")
    end(gate, "r1", 10.1)
    assert owner.state == "waiting"
    gate.created("theirs", 10.2)
    end(gate, "theirs", 10.3)
    assert owner.state == "granted"


# pain 1, pain 38: P1 of the comparison
def test_a_create_that_crosses_the_end_of_a_turn_is_asked_again_after_the_turns_response(
    gate: Gate,
) -> None:
    owner = ask(gate)
    gate.speech_stopped("i1", 10)
    gate.item_moved("i1", is_done=True, now=10)
    gate.created("theirs", 10.2)
    gate.refused("e1", busy=True, now=10.3, active="theirs")
    gate.requeue(owner.ticket)
    gate.advance(20)
    assert owner.state == "waiting"
    end(gate, "theirs", 21)
    assert owner.state == "granted"


def test_where_detection_creates_nothing_the_end_of_a_turn_closes_nothing(gate: Gate) -> None:
    gate.learn_session(creates=False, interrupts=True)
    gate.speech_stopped("i1", 10)
    assert gate.is_open


def test_detection_that_is_told_to_create_nothing_takes_no_turn_that_is_not_committed(
    gate: Gate,
) -> None:
    gate.speech_stopped("i1", 10)
    (owner,) = line(gate, 1)
    gate.learn_session(creates=True, interrupts=False)
    assert owner.state == "waiting"
    gate.learn_session(creates=False, interrupts=False)
    assert owner.state == "granted"


def test_a_barge_in_drops_those_who_wait_in_order_but_not_those_who_come_after(gate: Gate) -> None:
    order: list[int] = []

    def join(number: int) -> Ticket:
        return gate.queue(lambda: order.append(number))

    gate.created("r1", 0)
    early = [join(number) for number in range(3)]
    gate.speech_started()
    early.append(join(3))
    end(gate, "r1", barge_in=True)
    assert [ticket.state for ticket in early] == ["dropped"] * 4
    assert order == [0, 1, 2, 3]
    late = join(4)
    assert late.state == "granted"
    for ticket in early:
        gate.requeue(ticket)
        gate.leave(ticket)
        assert ticket.state == "dropped"
    assert order == [0, 1, 2, 3]


def test_a_barge_in_drops_nobody_where_the_user_will_not_be_answered(gate: Gate) -> None:
    gate.learn_session(creates=False, interrupts=True)
    gate.created("r1", 0)
    (owner,) = line(gate, 1)
    end(gate, "r1", barge_in=True)
    assert owner.state == "granted"


def test_a_barge_in_told_twice_drops_once(gate: Gate) -> None:
    gate.created("r1", 0)
    end(gate, "r1", barge_in=True)
    gate.created("r2", 0)
    (owner,) = line(gate, 1)
    end(gate, "r1", barge_in=True)
    end(gate, "r2")
    assert owner.state == "granted"


def test_a_barge_in_does_not_take_back_a_grant(gate: Gate) -> None:
    granted, waiting = line(gate, 2)
    gate.created("theirs", 0)
    end(gate, "theirs", barge_in=True)
    assert (granted.state, waiting.state) == ("granted", "dropped")
    gate.sent("e1", granted.ticket)
    gate.created("r1", 0, answers="e1")
    assert granted.state == "over"


def test_a_barge_in_drops_who_was_refused_and_has_not_come_back(gate: Gate) -> None:
    owner = ask(gate)
    gate.created("theirs", 0)
    gate.refused("e1", busy=True, now=0, active="theirs")
    end(gate, "theirs", barge_in=True)
    gate.requeue(owner.ticket)
    assert owner.told == ["waiting", "dropped"]
    assert gate.is_open


def test_a_late_refusal_is_dropped_by_the_barge_in_that_it_should_have_come_before(
    gate: Gate,
) -> None:
    owner = ask(gate)
    gate.created("theirs", 0)
    end(gate, "theirs", barge_in=True)
    assert owner.state == "granted"
    gate.refused("e1", busy=True, now=0, active="theirs")
    assert owner.told == ["dropped"]
    assert gate.is_open


def test_a_late_refusal_is_not_dropped_by_a_barge_in_from_before_it_was_sent(gate: Gate) -> None:
    gate.created("theirs", 0)
    end(gate, "theirs", barge_in=True)
    owner = ask(gate)
    gate.refused("e1", busy=True, now=0, active="theirs")
    assert owner.state == "waiting"


# pain 8
def test_a_response_is_being_interrupted_from_the_speech_to_its_end(gate: Gate) -> None:
    gate.created("r1", 0)
    assert not gate.is_interrupting("r1")
    gate.speech_started()
    gate.created("r2", 0)
    assert gate.is_interrupting("r1")
    assert not gate.is_interrupting("r2")
    end(gate, "r1")
    assert not gate.is_interrupting("r1")


def test_speech_interrupts_nothing_where_detection_does_not(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.learn_session(creates=True, interrupts=False)
    gate.speech_started()
    assert not gate.is_interrupting("r1")
    gate.learn_session(creates=True, interrupts=True)
    gate.speech_started()
    gate.learn_session(creates=True, interrupts=False)
    gate.speech_started()
    assert gate.is_interrupting("r1")


def test_the_deadline_is_the_nearest_of_all(gate: Gate) -> None:
    owner = ask(gate)
    gate.created("r1", 0)
    gate.cancelling("r1", 10)
    assert gate.deadline == 15
    gate.speech_stopped("i1", 9)
    assert gate.deadline == 14
    gate.refused("e1", busy=True, now=11, active="unseen")
    assert gate.deadline == 12
    gate.advance(12)
    assert gate.deadline == 14
    gate.advance(14)
    assert gate.deadline == 15
    gate.advance(15)
    assert gate.deadline == math.inf
    gate.requeue(owner.ticket)
    assert owner.state == "granted"


def event(name: str) -> Callable[[Gate, float], None]:
    events: dict[str, Callable[[Gate, float], None]] = {
        "advance": lambda gate, now: gate.advance(now),
        "cancelling": lambda gate, now: gate.cancelling("other", now),
        "refused": lambda gate, now: gate.refused("other", busy=False, now=now),
        "done": lambda gate, now: end(gate, "other", now),
        "created": lambda gate, now: gate.created("ended", now),
        "speech_stopped": lambda gate, now: gate.speech_stopped("i2", now),
        "item_moved": lambda gate, now: gate.item_moved("i1", is_done=False, now=now),
    }
    return events[name]


@pytest.mark.parametrize(
    "name",
    ["advance", "cancelling", "refused", "done", "created", "speech_stopped", "item_moved"],
)
def test_every_event_brings_the_clock_along(gate: Gate, name: str) -> None:
    gate.speech_stopped("i1", 0)
    gate.item_moved("i1", is_done=False, now=0)
    gate.learn_session(creates=False, interrupts=True)
    end(gate, "ended")
    (owner,) = line(gate, 1)
    event(name)(gate, 1)
    assert owner.state == "granted"


def test_what_had_its_time_before_an_event_has_no_part_in_it(gate: Gate) -> None:
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    (owner,) = line(gate, 1)
    end(gate, "r1", 5, barge_in=True)
    assert owner.state == "granted"


def test_a_response_that_begins_as_another_has_had_its_time_keeps_the_gate_closed(
    gate: Gate,
) -> None:
    gate.speech_stopped("i1", 0)
    gate.speech_stopped("i2", 2)
    (owner,) = line(gate, 1)
    gate.created("r1", 5)
    assert owner.state == "waiting"
    assert gate.deadline == math.inf
    gate.speech_stopped("i3", 6)
    gate.speech_stopped("i4", 11)
    end(gate, "r1", 11)
    assert gate.deadline == 16


# promise 3
def test_everybody_is_told_when_the_connection_is_lost(gate: Gate) -> None:
    asking = ask(gate)
    gate.created("r1", 0)
    gate.cancelling("r1", 0)
    gate.speech_stopped("i1", 0)
    first, second = line(gate, 2)
    gate.fail()
    assert [owner.told for owner in (asking, first, second)] == [["over"]] * 3
    assert not gate.is_open
    assert not gate.are_asking
    assert gate.running == ()
    assert gate.deadline == math.inf
    gate.fail()
    assert first.told == ["over"]


# promise 3
@pytest.mark.parametrize("is_busy", [False, True])
def test_a_grant_and_a_place_kept_end_with_the_connection(gate: Gate, is_busy: bool) -> None:
    owner = Owner(gate)
    if is_busy:
        gate.sent("e1", owner.ticket)
        gate.refused("e1", busy=True, now=0)
        owner.told.clear()
    gate.fail()
    assert owner.told == ["over"]
    assert gate.deadline == math.inf
    gate.requeue(owner.ticket)
    assert owner.state == "over"


def test_whoever_comes_after_the_end_is_not_kept_waiting(gate: Gate) -> None:
    owner = ask(gate)
    gate.refused("e1", busy=True, now=0)
    gate.advance(1)
    gate.fail()
    assert owner.state == "waiting"
    gate.requeue(owner.ticket)
    (late,) = line(gate, 1)
    assert (owner.state, late.state) == ("over", "over")
    assert late.told == []


def test_a_wake_may_give_back_the_grant_and_the_next_is_told_after_it(gate: Gate) -> None:
    order: list[str] = []
    gate.created("r1", 0)

    def wake_first() -> None:
        order.append("first begins")
        gate.leave(first)
        order.append("first ends")

    first = gate.queue(wake_first)
    second = gate.queue(lambda: order.append("second"))
    end(gate, "r1")
    assert order == ["first begins", "first ends", "second"]
    assert (first.state, second.state) == ("over", "granted")


def test_a_wake_may_queue_anew_and_send(gate: Gate) -> None:
    gate.created("r1", 0)
    joined: list[Owner] = []

    def wake_first() -> None:
        gate.sent("e1", first)
        joined.append(Owner(gate))

    first = gate.queue(wake_first)
    (second,) = line(gate, 1)
    end(gate, "r1")
    assert gate.are_asking
    assert (second.state, joined[0].state) == ("waiting", "waiting")
    gate.refused("e1", busy=False, now=0)
    assert (first.state, second.state) == ("over", "granted")


def test_a_wake_on_which_everything_fails_tells_everybody_once(gate: Gate) -> None:
    gate.created("r1", 0)
    told: list[str] = []

    def wake() -> None:
        told.append(first.state)
        gate.fail()

    first = gate.queue(wake)
    second, third = line(gate, 2)
    end(gate, "r1", barge_in=True)
    assert told == ["dropped"]
    assert (second.told, third.told) == (["dropped"], ["dropped"])


def test_who_drops_out_before_it_is_told_is_not_told(gate: Gate) -> None:
    gate.created("r1", 0)
    first = gate.queue(lambda: gate.leave(second.ticket))
    (second,) = line(gate, 1)
    gate.leave(gate.queue(lambda: None))
    gate.sent("plain", None)
    end(gate, "r1")
    gate.refused("plain", busy=False, now=0)
    assert (first.state, second.state) == ("granted", "over")
    assert second.told == []


# promise 7
def test_a_server_that_never_ends_a_response_costs_no_memory(gate: Gate) -> None:
    for number in range(300):
        gate.created(f"r{number}", 0)
    assert len(gate.running) == 256
    assert gate.running[0] == "r44"
    assert gate.active == "r299"


# promise 7
def test_a_server_that_never_answers_a_create_costs_no_memory_and_no_ticket(gate: Gate) -> None:
    owner = ask(gate)
    for number in range(300):
        gate.sent(f"plain{number}", None)
    (younger,) = line(gate, 1)
    for number in range(46, 300):
        gate.answered(f"plain{number}")
    gate.refused("e1", busy=False, now=0)
    assert (owner.state, younger.state) == ("over", "waiting")
    gate.answered("plain45")
    assert younger.state == "granted"


# promise 7
def test_turns_without_number_cost_no_memory(gate: Gate) -> None:
    for number in range(300):
        gate.speech_stopped(f"i{number}", number / 1000)
    assert gate.deadline == 5.044


# promise 7
def test_a_long_session_leaves_nothing_behind(gate: Gate) -> None:
    numbers = itertools.count()
    weights: list[int] = []
    for cycle in range(3_000):
        now = float(cycle * 10)
        first, second, third = line(gate, 3)
        e1, e2, r1, r2, theirs = (f"{next(numbers)}" for _ in range(5))
        gate.sent(e1, first.ticket)
        gate.speech_stopped(r1, now)
        gate.item_moved(r1, is_done=True, now=now)
        gate.created(theirs, now)
        gate.refused(e1, busy=True, now=now, active=theirs)
        gate.requeue(first.ticket)
        end(gate, theirs, now)
        gate.sent(e2, first.ticket)
        gate.created(r2, now, answers=e2)
        gate.leave(third.ticket)
        gate.cancelling(r2, now)
        end(gate, r2, now, barge_in=True)
        assert (first.state, second.state, third.state) == ("over", "dropped", "over")
        if cycle in {999, 2_999}:
            assert gate.is_open
            weights.append(weight(gate))
    assert weights[0] == weights[1]


def weight(root: object) -> int:
    """Count the objects that are kept alive, however deep."""
    seen: set[int] = set()
    todo: list[object] = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | FunctionType):
            continue
        seen.add(id(thing))
        if not isinstance(thing, str | int | float):
            todo += gc.get_referents(thing)
    return len(seen)

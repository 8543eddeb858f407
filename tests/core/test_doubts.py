"""Responses that may be the answer: what is kept of them, and who gets it."""

from __future__ import annotations

import math

import pytest

from tests.core.routing import CANCEL_TIMEOUT, Line, doubted, kept_by, told
from trio_realtime._core._doubts import Doubts
from trio_realtime._core._outgoing import outgoing_from_event
from trio_realtime._core._place import Place
from trio_realtime._core._token import TOKEN_KEY
from trio_realtime.events import ResponseDone

CREATED = "response.created"
DELTA = "response.output_text.delta"
DONE = "response.done"


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_doubtful_response_that_turns_out_to_be_ours_is_handed_over_when_it_is_done(
    line: Line,
) -> None:
    asked = doubted(line)
    line.writes("rx", "a", "b")
    assert asked.ear.heard == []
    line.ends("rx", metadata={TOKEN_KEY: "e1"})
    assert asked.answer == "rx"
    assert asked.ear.kinds == line.streamed == [CREATED, DELTA, DELTA, DONE]
    done = asked.ear.heard[-1]
    assert isinstance(done, ResponseDone)
    assert done.response.metadata is None
    assert line.is_open()


def test_what_was_handed_over_at_its_end_is_left_without_a_cancel(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx")
    asked.ear.holds_unread = True
    assert line.holds_unread()
    assert not line.leave("rx", asked.ear)
    assert not line.holds_unread()
    line.writes("rx", "late")
    assert line.streamed == [CREATED, DONE, DELTA]
    assert asked.ear.kinds == [CREATED, DONE]


def test_the_servers_own_response_is_not_handed_over_once_ours_has_come(line: Line) -> None:
    asked = doubted(line)
    line.writes("rx", "a")
    line.creates("r1", answers="e1")
    line.writes("rx", "b")
    line.writes("r1", "c")
    line.ends("rx")
    line.ends("r1")
    assert asked.answer == "r1"
    assert asked.ear.kinds == [CREATED, DELTA, DONE]
    assert line.streamed == [CREATED, DELTA, DELTA, DONE]


def test_a_doubtful_response_that_was_cut_short_proves_nothing(line: Line) -> None:
    asked = doubted(line)
    line.interrupts("rx")
    assert not asked.is_answered()
    assert asked.ear.heard == []
    line.creates("r1", conversation_id="conv")
    assert asked.answer == "r1"
    assert asked.ear.kinds == [CREATED]


def test_of_two_doubtful_responses_the_first_that_is_done_answers(line: Line) -> None:
    asked = doubted(line)
    line.creates("ry", conversation_id=None)
    line.writes("rx", "a")
    line.writes("ry", "b")
    line.ends("ry")
    assert asked.answer == "ry"
    line.writes("rx", "c")
    line.ends("rx")
    assert [getattr(event, "delta", None) for event in asked.ear.heard] == [None, "b", None]


def test_a_doubt_ends_with_the_refusal(line: Line) -> None:
    asked = doubted(line)
    line.refuses("e1", busy=True)
    line.ends("rx")
    assert asked.ear.heard == []
    assert line.is_open()


def test_doubtful_responses_keep_their_newest_events_and_their_begin(line: Line) -> None:
    asked = doubted(line)
    line.creates("ry", conversation_id=None)
    line.writes("ry", "0", weight=400)
    line.writes("rx", "1", "2", weight=300)
    line.writes("rx", "3", weight=300)
    line.ends("rx")
    assert [getattr(event, "delta", None) for event in asked.ear.heard] == [
        None,
        "1",
        "2",
        "3",
        None,
    ]


def test_an_event_that_is_bigger_than_the_backlog_is_not_kept(line: Line) -> None:
    asked = doubted(line)
    line.writes("rx", "huge", weight=1001)
    line.writes("rx", "small", weight=1000)
    line.ends("rx")
    assert [getattr(event, "delta", None) for event in asked.ear.heard] == [None, "small", None]


def test_the_room_of_a_doubt_that_is_over_is_for_others(line: Line) -> None:
    one = doubted(line)
    line.writes("rx", "1", weight=1000)
    line.ends("rx")
    line.leave("rx", one.ear)
    two = line.asks("e2")
    line.hears_a_turn("turn 2")
    line.creates("ry", conversation_id="conv")
    line.writes("ry", "2", weight=1000)
    line.ends("ry")
    assert [getattr(event, "delta", None) for event in two.ear.heard] == [None, "2", None]


def test_only_so_many_responses_are_doubtful_at_a_time(line: Line) -> None:
    asked = line.asks("e1")
    for n in range(257):
        line.creates(f"r{n}", conversation_id=None)
        line.writes(f"r{n}", str(n))
    line.ends("r0")
    assert not asked.is_answered()
    line.ends("r1")
    assert asked.answer == "r1"
    assert [getattr(event, "delta", None) for event in asked.ear.heard] == [None, "1", None]


def test_a_response_in_doubt_over_a_request_without_a_handle_is_not_kept(line: Line) -> None:
    asked = line.asks("e1", outside=True)
    line.creates("r1", answers="e1")
    line.hears_a_turn()
    line.sends_plain("response.create", "e2")
    line.creates("rx", conversation_id="conv")
    line.writes("rx", "a")
    line.ends("rx")
    assert asked.ear.kinds == [CREATED]
    assert line.streamed == [CREATED, DELTA, DONE]


def test_a_doubtful_response_goes_to_whoever_wants_it_and_to_its_request_in_the_end(
    line: Line,
) -> None:
    visitors = line.visitors()
    asked = doubted(line)
    line.writes("rx", "a")
    line.ends("rx")
    visitor = visitors.ears["rx"]
    assert visitor.kinds == asked.ear.kinds == [CREATED, DELTA, DONE]
    assert not line.leave("rx", visitor)
    assert not line.leave("rx", asked.ear)
    line.writes("rx", "late")
    assert line.streamed == []


def test_a_visitor_that_was_left_is_not_cancelled_when_its_request_leaves_too(line: Line) -> None:
    visitors = line.visitors()
    asked = doubted(line)
    assert line.leave("rx", visitors.ears["rx"])
    line.ends("rx")
    assert asked.ear.kinds == [CREATED, DONE]
    assert not line.leave("rx", asked.ear)


def test_nothing_is_kept_once_the_connection_is_over() -> None:
    doubts = Doubts(limit=10, seconds=5)
    doubts.begin("r1", "e1")
    created, delta = told(CREATED, response={"id": "r1"}), told(DELTA, response_id="r1")
    doubts.keep("r1", created, 1)
    doubts.keep("r1", delta, 10)
    doubts.clear()
    assert "r1" not in doubts
    doubts.begin("r1", "e1")
    assert doubts.end("r1") == []
    doubts.begin("r1", "e1")
    doubts.keep("r1", created, 1)
    doubts.keep("r1", delta, 10)
    assert doubts.end("r1") == [(created, 1), (delta, 10)]
    assert doubts.end("r1") == []


@pytest.mark.parametrize("how", ["refused", "gone", "answered"])
def test_nothing_is_kept_of_a_doubt_that_is_over_before_the_response_is(
    line: Line, how: str
) -> None:
    asked = doubted(line)
    line.writes("rx", "a")
    if how == "refused":
        line.refuses("e1")
    elif how == "gone":
        line.goes(asked)
    else:
        line.creates("r1", answers="e1")
    assert "rx" not in of_responses(kept_by(line))


def of_responses(kept: list[object]) -> list[str]:
    """The responses of which pieces are kept."""
    named = (getattr(each, "response_id", None) for each in kept)
    return [each for each in named if isinstance(each, str)]


def test_the_oldest_doubt_is_forgotten_where_there_are_too_many() -> None:
    doubts = Doubts(limit=10, seconds=5)
    for n in range(257):
        doubts.begin(f"r{n}", "e1")
    assert "r0" not in doubts
    assert "r1" in doubts


# promise 3
@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_cut_short_is_the_answer_when_no_better_one_comes_in_time(
    line: Line, status: str
) -> None:
    asked = doubted(line)
    line.writes("rx", "a")
    line.ends("rx", status)
    line.passes(CANCEL_TIMEOUT - 0.1)
    assert not asked.is_answered()
    assert not line.is_open()
    assert line.replies.deadline == CANCEL_TIMEOUT
    line.passes(0.1)
    assert asked.answer == "rx"
    assert asked.ear.kinds == line.streamed == [CREATED, DELTA, DONE]
    assert line.is_open()
    assert not line.leave("rx", asked.ear)


def test_a_response_cut_short_is_not_the_answer_once_a_better_one_has_come(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx", "failed")
    line.creates("r1", conversation_id="conv")
    line.passes(2 * CANCEL_TIMEOUT)
    assert asked.answer == "r1"
    assert asked.ear.kinds == [CREATED]


def test_a_response_cut_short_is_not_the_answer_to_what_is_refused_after_it(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx", "failed")
    line.refuses("e1")
    line.passes(2 * CANCEL_TIMEOUT)
    assert asked.is_refused()
    assert asked.ear.heard == []
    assert line.is_open()


def test_of_two_responses_cut_short_the_later_one_is_the_answer(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx", "failed")
    line.passes(1)
    line.hears_a_turn("turn_2")
    line.creates("ry", conversation_id="conv")
    line.ends("ry", "failed")
    line.passes(CANCEL_TIMEOUT - 1)
    assert not asked.is_answered()
    line.passes(1)
    assert asked.answer == "ry"


def test_who_has_gone_meanwhile_holds_the_gate_no_longer_than_the_doubt(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx", "failed")
    line.goes(asked)
    line.passes(CANCEL_TIMEOUT)
    assert asked.ear.heard == []
    assert line.cancels == []
    assert line.is_open()


def test_a_plain_request_holds_the_gate_no_longer_than_the_doubt_either(line: Line) -> None:
    line.sends_plain("response.create", "e1")
    line.hears_a_turn()
    line.creates("rx", conversation_id="conv")
    line.ends("rx", "failed")
    assert not line.is_open()
    line.passes(CANCEL_TIMEOUT)
    assert line.is_open()


def test_a_doubt_about_what_the_table_has_forgotten_ends_without_an_answer(line: Line) -> None:
    asked = doubted(line)
    line.ends("rx", "failed")
    line.pending.fail(lambda: OSError("gone"))
    line.passes(CANCEL_TIMEOUT)
    assert not asked.is_answered()
    assert asked.ear.heard == []


def test_the_oldest_of_too_many_doubts_that_linger_is_forgotten() -> None:
    doubts, created = Doubts(limit=10, seconds=5), told(CREATED, response={"id": "r"})
    for number in range(300):
        frame = outgoing_from_event({"type": "response.create"}, f"e{number}")
        doubts.linger(Place(frame), created, [], now=number)
    assert len(doubts.resolved(1000)) == 256
    assert doubts.deadline == math.inf

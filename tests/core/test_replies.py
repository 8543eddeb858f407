"""The handles of responses: which event goes to which."""

from __future__ import annotations

import pytest

from tests.core.routing import CANCEL_TIMEOUT, Line, doubted, ignore, kept_by, state_of
from trio_realtime._core._cancels import INTERRUPTION_SECONDS
from trio_realtime._core._pending import Verdict
from trio_realtime._core._replies import NAMELESS
from trio_realtime._core._token import TOKEN_KEY
from trio_realtime.events import decode_server

CREATED = "response.created"
DELTA = "response.output_text.delta"
DONE = "response.done"
MCP = "response.mcp_call.completed"


@pytest.fixture
def line() -> Line:
    return Line()


# promise 1
def test_the_events_of_a_response_go_to_its_handle_and_no_others_do(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("rate_limits.updated", rate_limits=[])
    line.adds("item_r1")
    line.writes("other", "?")
    line.writes("r1", "a")
    line.ends("r1")
    assert asked.answer == "r1"
    assert asked.ear.kinds == [CREATED, DELTA, DONE]
    assert line.streamed == [DELTA]
    assert not line.leave("r1", asked.ear)
    assert line.is_open()


def test_without_any_handle_everything_is_the_streams(line: Line) -> None:
    line.creates("r1")
    line.writes("r1", "a")
    line.ends("r1")
    assert line.streamed == [CREATED, DELTA, DONE]


def test_a_handle_never_shows_the_token(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.ends("r1", metadata={TOKEN_KEY: "e1", "mine": "1"})
    assert [getattr(event, "response").metadata for event in asked.ear.heard] == [  # noqa: B009
        None,
        {"mine": "1"},
    ]


# pain 38
def test_many_responses_beside_the_conversation_each_have_their_own_events(line: Line) -> None:
    many = [line.asks(f"e{n}", outside=True) for n in range(10)]
    for n in reversed(range(10)):
        line.creates(f"r{n}", answers=f"e{n}", conversation_id=None)
    for n in range(10):
        line.writes(f"r{n}", "a", "b")
    for n in range(10):
        line.ends(f"r{n}")
    for n, asked in enumerate(many):
        assert asked.answer == f"r{n}"
        assert asked.ear.kinds == [CREATED, DELTA, DELTA, DONE]
        assert {getattr(event, "response_id", f"r{n}") for event in asked.ear.heard} == {f"r{n}"}
    assert line.stream == []
    assert line.is_open()


def test_without_an_echo_responses_answer_in_the_order_of_the_creates(line: Line) -> None:
    many = [line.asks(f"e{n}", outside=True) for n in range(3)]
    for n in range(3):
        line.creates(f"r{n}", conversation_id=None)
    assert [asked.answer for asked in many] == ["r0", "r1", "r2"]


def test_an_item_under_another_id_lets_its_create_be_answered(line: Line) -> None:
    asked = line.asks("e1", items=("mine",))
    line.adds("rewritten")
    line.creates("r1", conversation_id="conv")
    assert asked.answer == "r1"


def test_a_response_before_our_items_is_not_ours(line: Line) -> None:
    asked = line.asks("e1", items=("mine",))
    line.creates("rx", conversation_id="conv")
    line.writes("rx", "a")
    assert not asked.is_answered()
    line.refuses("e1", busy=True)
    line.ends("rx")
    assert asked.is_refused()
    assert asked.ear.heard == []
    assert line.streamed == [CREATED, DELTA, DONE]


def test_of_two_creates_the_one_whose_items_are_there_is_answered(line: Line) -> None:
    behind = line.asks("e1", items=("mine",))
    line.sends_plain("response.create", "e2")
    line.creates("r2", conversation_id="conv")
    assert not behind.is_answered()
    line.adds("mine")
    line.creates("r1", conversation_id="conv")
    assert behind.answer == "r1"
    assert behind.ear.kinds == [CREATED]


def test_a_response_that_says_it_is_in_no_conversation_holds_the_gate_if_it_is_ours(
    line: Line,
) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1", conversation_id=None)
    assert asked.answer == "r1"
    assert line.gate.active == "r1"
    line.ends("r1")
    assert line.is_open()


def test_a_response_beside_the_conversation_never_holds_the_gate(line: Line) -> None:
    asked = line.asks("e1", outside=True)
    assert line.is_open()
    line.creates("r1", answers="e1", conversation_id="conv")
    assert line.is_open()
    assert line.leave("r1", asked.ear)
    line.ends("r1", "cancelled")
    assert line.is_open()


def test_a_plain_create_answers_to_the_stream_and_counts_for_the_gate(line: Line) -> None:
    visitors = line.visitors()
    line.sends_plain("response.create", "e1")
    assert line.gate.are_asking
    line.creates("r1")
    line.ends("r1")
    assert line.streamed == [CREATED, DONE]
    assert visitors.ears == {}
    assert line.is_open()


def test_a_refusal_ends_the_turn_of_the_create_it_names(line: Line) -> None:
    asked = line.asks("e1")
    assert line.refuses("e1") is Verdict.RAISED
    assert asked.is_refused()
    assert state_of(asked.ticket) == "over"
    assert line.is_open()


def test_a_refusal_names_us_while_somebody_elses_response_runs(line: Line) -> None:
    asked = line.asks("e1", retries=1)
    message = "Conversation already has an active response in progress: resp_x1. Wait."
    line.refuses("e1", busy=True, message=message)
    line.creates("resp_x1")
    assert state_of(asked.ticket) == "waiting"
    line.ends("resp_x1")
    assert state_of(asked.ticket) == "granted"
    again = line.asks("e2", ticket=asked.ticket, ear=asked.ear)
    line.creates("r1", answers="e2")
    line.ends("r1")
    assert again.ear.kinds == [CREATED, DONE]
    assert line.streamed == [CREATED, DONE]
    assert line.is_open()


def test_the_response_that_a_refusal_names_is_waited_for_and_no_other(line: Line) -> None:
    asked = line.asks("e1", retries=1)
    line.refuses("e1", busy=True, message="an active response in progress: resp_x1.")
    line.ends("resp_x0")
    assert state_of(asked.ticket) == "waiting"
    line.ends("resp_x1")
    assert state_of(asked.ticket) == "granted"


def test_a_busy_refusal_without_a_retry_left_gives_the_turn_to_the_next(line: Line) -> None:
    asked = line.asks("e1", retries=0)
    behind = line.gate.queue(ignore)
    line.creates("rx")
    line.refuses("e1", busy=True)
    assert state_of(asked.ticket) == "over"
    line.ends("rx")
    assert state_of(behind) == "granted"


def test_one_of_three_creates_beside_the_conversation_is_refused(line: Line) -> None:
    one, two, three = (line.asks(f"e{n}", outside=True) for n in (1, 2, 3))
    line.creates("r1", conversation_id=None)
    line.refuses("e2")
    line.creates("r3", conversation_id=None)
    assert (one.answer, three.answer) == ("r1", "r3")
    assert two.is_refused()
    assert (one.ear.kinds, two.ear.kinds, three.ear.kinds) == ([CREATED], [], [CREATED])


def test_an_error_that_names_nothing_or_what_is_settled_changes_nothing(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("error", error={"type": "server_error", "message": "?"})
    line.refuses("e1", busy=True)
    line.writes("r1", "a")
    assert asked.ear.kinds == [CREATED, DELTA]
    assert line.gate.active == "r1"


def test_a_request_that_was_taken_back_leaves_nothing_behind(line: Line) -> None:
    asked = line.asks("e1", sends=False)
    line.takes_back(asked)
    line.creates("r1")
    assert asked.ear.heard == []
    assert line.cancels == []
    assert line.streamed == [CREATED]
    line.ends("r1")
    line.says("input_audio_buffer.cleared")
    assert kept_by(line) == []


def test_a_response_whose_caller_has_gone_is_cancelled_once_it_is_known(line: Line) -> None:
    asked = line.asks("e1")
    line.goes(asked)
    assert line.cancels == []
    line.creates("r1", answers="e1")
    assert line.cancels == ["r1"]
    line.writes("r1", "a")
    line.ends("r1", "cancelled")
    line.writes("r1", "late")
    assert asked.ear.heard == []
    assert line.stream == []
    assert line.is_open()


def test_a_doomed_response_holds_the_gate_until_its_cancel_has_timed_out(line: Line) -> None:
    line.goes(line.asks("e1"))
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    line.passes(CANCEL_TIMEOUT - 0.1)
    assert state_of(behind) == "waiting"
    line.passes(0.1)
    assert state_of(behind) == "granted"


def test_a_request_doomed_before_the_writer_took_it_is_cancelled_too(line: Line) -> None:
    asked = line.asks("e1", sends=False)
    line.goes(asked)
    line.sends(asked.place)
    assert line.gate.are_asking
    assert line.gate.granted is None
    line.creates("r1", answers="e1")
    assert line.cancels == ["r1"]


def test_a_doomed_request_that_is_refused_is_not_made_again(line: Line) -> None:
    asked = line.asks("e1", retries=3)
    line.goes(asked)
    behind = line.gate.queue(ignore)
    assert line.refuses("e1", busy=True) is Verdict.SWALLOWED
    assert state_of(asked.ticket) == "over"
    line.passes(1)
    assert state_of(behind) == "granted"
    line.creates("rx")
    assert line.cancels == []


def test_a_doomed_request_beside_the_conversation_is_refused_in_silence(line: Line) -> None:
    line.goes(line.asks("e1", outside=True))
    assert line.refuses("e1") is Verdict.SWALLOWED
    line.creates("rx", conversation_id=None)
    assert line.cancels == []


def test_a_response_that_has_begun_cannot_be_doomed(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.replies.doom("e1")
    line.ends("r1")
    assert asked.ear.kinds == [CREATED, DONE]
    assert line.cancels == []


def test_a_doomed_request_that_a_doubtful_response_answers_is_over_with_it(line: Line) -> None:
    asked = doubted(line)
    line.goes(asked)
    line.writes("rx", "a")
    line.ends("rx")
    assert asked.ear.heard == []
    assert line.streamed == [CREATED, DELTA, DONE]
    assert line.is_open()
    line.creates("ry")
    assert line.cancels == []


def test_of_requests_that_are_never_answered_the_oldest_is_forgotten(line: Line) -> None:
    many = [line.asks(f"e{n}", outside=True) for n in range(1025)]
    for asked in many:
        line.goes(asked)
    line.creates("r1", answers="e0")
    line.creates("r2", answers="e1")
    assert line.cancels == ["r2"]


# pain 7
def test_a_response_left_before_it_is_done_is_cancelled_and_its_rest_is_swallowed(
    line: Line,
) -> None:
    asked = line.asks("e1")
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    assert line.leave("r1", asked.ear)
    line.sends_plain("response.cancel", "c1", response_id="r1")
    line.writes("r1", "a")
    assert state_of(behind) == "waiting"
    line.ends("r1", "cancelled")
    line.writes("r1", "late")
    line.ends("r1", "cancelled")
    assert asked.ear.kinds == [CREATED, DELTA, DONE]
    assert line.stream == []
    assert state_of(behind) == "granted"


def test_a_response_left_after_it_is_done_is_not_cancelled(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.ends("r1")
    line.writes("r1", "late")
    assert asked.ear.kinds == [CREATED, DONE, DELTA]
    assert not line.leave("r1", asked.ear)
    line.writes("r1", "later")
    assert asked.ear.kinds == [CREATED, DONE, DELTA]
    assert line.stream == []


def test_a_response_that_never_ends_holds_the_gate_until_its_cancel_has_timed_out(
    line: Line,
) -> None:
    asked = line.asks("e1")
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    line.leave("r1", asked.ear)
    assert line.replies.deadline == CANCEL_TIMEOUT
    line.passes(CANCEL_TIMEOUT)
    assert state_of(behind) == "granted"
    line.writes("r1", "late")
    assert line.stream == []


def test_of_responses_that_were_left_and_never_end_the_oldest_is_forgotten(line: Line) -> None:
    many = [line.asks(f"e{n}", outside=True) for n in range(257)]
    for n, asked in enumerate(many):
        line.creates(f"r{n}", answers=f"e{n}")
        assert line.leave(f"r{n}", asked.ear)
    line.writes("r0", "a")
    line.writes("r1", "a")
    line.ends("r0")
    assert (many[0].ear.kinds, many[1].ear.kinds) == ([CREATED], [CREATED, DELTA])
    assert line.stream == []


def test_late_events_are_swallowed_for_a_while(line: Line) -> None:
    for n in range(257):
        asked = line.asks(f"e{n}", outside=True)
        line.creates(f"r{n}", answers=f"e{n}")
        line.ends(f"r{n}")
        line.leave(f"r{n}", asked.ear)
    line.writes("r1", "late")
    assert line.stream == []
    line.writes("r0", "very late")
    assert line.streamed == [DELTA]


def test_a_response_that_is_created_twice_has_one_handle_and_one_end(line: Line) -> None:
    visitors = line.visitors()
    one, two = line.asks("e1", outside=True), line.asks("e2", outside=True)
    line.creates("r1")
    line.creates("r1")
    assert one.answer == "r1"
    assert not two.is_answered()
    line.ends("r1")
    line.ends("r1")
    assert one.ear.kinds == [CREATED, CREATED, DONE, DONE]
    assert visitors.ears == {}
    line.creates("r2")
    assert two.answer == "r2"


def test_an_end_that_comes_twice_ends_no_other_response(line: Line) -> None:
    one = line.asks("e1")
    line.creates("r1", answers="e1")
    line.ends("r1")
    line.leave("r1", one.ear)
    two = line.asks("e2")
    line.creates("r2", answers="e2")
    line.ends("r1")
    assert line.gate.active == "r2"
    line.writes("r2", "a")
    assert two.ear.kinds == [CREATED, DELTA]


def test_the_end_of_a_response_that_nobody_saw_begin_is_the_streams(line: Line) -> None:
    asked = line.asks("e1")
    line.ends("rx")
    assert not asked.is_answered()
    assert line.streamed == [DONE]
    line.creates("r1", answers="e1")
    assert asked.ear.kinds == [CREATED]


@pytest.mark.parametrize("named_later", [None, "r1"])
def test_a_response_without_an_id_has_a_handle_too(line: Line, named_later: str | None) -> None:
    other = line.asks("e0", outside=True)
    line.creates("r0", answers="e0")
    asked = line.asks("e1")
    line.creates(None, answers="e1")
    assert asked.answer is None
    assert line.gate.active == NAMELESS
    line.writes("r0", "theirs")
    line.writes(named_later, "ours")
    line.ends(named_later)
    assert asked.ear.kinds == [CREATED, DELTA, DONE]
    assert other.ear.kinds == [CREATED, DELTA]
    assert not line.leave(NAMELESS, asked.ear)
    assert line.is_open()
    line.creates(None)
    line.writes(None, "somebody else's")
    assert line.streamed == [CREATED, DELTA]


def test_responses_without_ids_take_turns_like_others(line: Line) -> None:
    for name in ("e1", "e2"):
        asked = line.asks(name)
        line.creates(None)
        assert line.gate.active == NAMELESS
        assert line.leave(NAMELESS, asked.ear)
        line.ends(None)
        assert asked.ear.kinds == [CREATED, DONE]
        assert line.is_open()


def test_a_response_without_an_id_is_given_up_and_the_next_is_not(line: Line) -> None:
    asked = line.asks("e1")
    line.creates(None)
    line.leave(NAMELESS, asked.ear)
    line.passes(CANCEL_TIMEOUT)
    assert line.is_open()
    line.asks("e2")
    line.creates(None)
    assert line.gate.active == NAMELESS


def test_a_response_without_an_id_beside_the_conversation_cannot_be_cancelled(line: Line) -> None:
    asked = line.asks("e1", outside=True)
    line.creates(None)
    assert not line.leave(NAMELESS, asked.ear)
    line.goes(line.asks("e2", outside=True))
    line.creates(None)
    assert line.cancels == []


def test_a_doomed_response_without_an_id_is_cancelled_as_the_active_one(line: Line) -> None:
    line.goes(line.asks("e1"))
    line.creates(None)
    assert line.cancels == [NAMELESS]


def test_a_second_response_without_an_id_takes_the_place_of_the_first(line: Line) -> None:
    one, two = line.asks("e1"), line.asks("e2", outside=True)
    line.creates(None, answers="e1")
    line.creates(None, answers="e2")
    line.writes(None, "whose?")
    line.ends(None)
    assert (one.ear.kinds, two.ear.kinds) == ([CREATED], [CREATED, DELTA, DONE])
    assert not line.leave(NAMELESS, one.ear)
    assert not line.leave(NAMELESS, two.ear)


def test_an_invalid_end_among_several_responses_opens_the_gate_and_ends_no_handle(
    line: Line,
) -> None:
    one, two = line.asks("e1"), line.asks("e2", outside=True)
    line.creates("r1", answers="e1")
    line.creates("r2", answers="e2")
    line.says(DONE, response="?")
    assert line.is_open()
    assert (one.ear.kinds, two.ear.kinds) == ([CREATED], [CREATED])
    assert line.streamed == [DONE]


def test_the_invalid_end_of_the_only_response_is_its_handles(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says(DONE, response="?")
    assert asked.ear.kinds == [CREATED, DONE]
    assert line.is_open()


def test_unknown_and_invalid_events_go_by_the_response_they_name(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("response.something.new", response_id="r1", wonder=1)
    line.says(DELTA, response_id="r1", delta=7)
    line.says("something.new", response_id="r1")
    line.says("response.something.new", wonder=2)
    line.says("response.something.new", response_id=7)
    assert asked.ear.kinds == [CREATED, "response.something.new", DELTA]
    assert [event.type for event in asked.ear.heard] == [CREATED, "<unknown>", "<invalid>"]
    assert line.streamed == ["response.something.new"] * 2


def test_an_invalid_event_of_no_response_only_passes(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("conversation.item.deleted", item_id=3)
    line.says("input_audio_buffer.committed", item_id=3)
    assert len(line.stream) == 2
    assert asked.ear.kinds == [CREATED]


def test_frames_that_are_no_events_are_the_streams(line: Line) -> None:
    line.asks("e1")
    line.creates("r1", answers="e1")
    for frame in ("[]", "no json", '{"type": 7}'):
        line.hears(decode_server(frame))
    assert len(line.stream) == 3


def adds_output(line: Line, item_id: str | None, response_id: str | None) -> None:
    item = {} if item_id is None else {"id": item_id}
    line.says(
        "response.output_item.added",
        response_id=response_id,
        output_index=0,
        item={"type": "mcp_call", "server_label": "s", "name": "n", "arguments": "", **item},
    )


def test_mcp_events_find_their_response_by_their_item(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    adds_output(line, "call", "r1")
    adds_output(line, None, "r1")
    adds_output(line, "lost", None)
    line.says(MCP, item_id="call", output_index=0)
    line.says(MCP, item_id="lost", output_index=0)
    line.says("mcp_list_tools.completed", item_id="call")
    added = "response.output_item.added"
    assert asked.ear.kinds == [CREATED, added, added, MCP]
    assert line.streamed == [added, MCP]
    line.ends("r1")
    line.says(MCP, item_id="call", output_index=0)
    assert asked.ear.kinds[-1] == MCP
    line.leave("r1", asked.ear)
    line.says(MCP, item_id="call", output_index=0)
    assert line.streamed == [added, MCP]


def test_items_are_remembered_as_long_as_they_matter(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    for n in range(1025):
        adds_output(line, f"call{n}", "r1")
    line.says(MCP, item_id="call1", output_index=0)
    assert asked.ear.kinds[-1] == MCP
    line.says(MCP, item_id="call0", output_index=0)
    assert line.streamed == [MCP]


def test_responses_of_others_go_to_whoever_wants_them(line: Line) -> None:
    line.creates("before")
    visitors = line.visitors()
    line.writes("before", "a")
    line.creates("r1")
    line.creates("out", conversation_id=None)
    asked = line.asks("e1", outside=True)
    line.creates("ours", answers="e1")
    line.writes("r1", "b")
    line.ends("r1")
    assert list(visitors.ears) == ["r1", "out"]
    assert visitors.outside == ["out"]
    assert visitors.ears["r1"].kinds == [CREATED, DELTA, DONE]
    assert asked.ear.kinds == [CREATED]
    line.replies.incoming = None
    line.creates("after")
    assert line.streamed == [CREATED, DELTA, CREATED]
    assert line.leave("out", visitors.ears["out"])
    assert not line.leave("r1", visitors.ears["r1"])


def test_whoever_wants_them_may_leave_the_oldest_when_another_comes(line: Line) -> None:
    visitors = line.visitors(most=1)
    line.creates("r1", conversation_id=None)
    one = visitors.ears["r1"]
    line.creates("r2")
    assert list(visitors.ears) == ["r2"]
    line.writes("r1", "a")
    line.ends("r1")
    assert one.kinds == [CREATED, DELTA, DONE]
    line.writes("r1", "late")
    assert line.stream == []


def test_a_response_that_begins_while_somebody_begins_to_want_them_is_no_new_one(
    line: Line,
) -> None:
    line.creates("r1")
    visitors = line.visitors()
    line.creates("r1")
    assert visitors.ears == {}


def test_a_doubtful_response_is_its_requests_once_it_is_done(line: Line) -> None:
    asked = doubted(line)
    line.writes("rx", "a")
    line.ends("rx")
    assert asked.answer == "rx"
    assert asked.ear.kinds == line.streamed == [CREATED, DELTA, DONE]
    asked.ear.holds_unread = True
    assert line.holds_unread()
    assert not line.leave("rx", asked.ear)
    assert not line.holds_unread()


def test_a_response_is_cancelled_while_its_block_goes_on(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.replies.cancel("r1", now=line.now)
    line.replies.cancel_active(now=line.now)
    assert line.cancels == ["r1", "r1"]
    line.ends("r1", "cancelled")
    assert asked.ear.kinds == [CREATED, DONE]
    assert line.is_open()


def test_a_response_that_is_interrupted_in_vain_is_cancelled_in_time(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    line.leave("r1", asked.ear)
    assert line.replies.deadline == INTERRUPTION_SECONDS
    line.passes(INTERRUPTION_SECONDS)
    assert line.cancels == ["r1"]


def test_a_left_response_that_has_ended_is_over_for_the_end_of_the_connection(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.replies.end()
    assert not line.leave("r1", asked.ear)
    assert not line.leave("r1", asked.ear)


def test_nothing_is_kept_when_the_connection_is_over(line: Line) -> None:
    for name in ("e1", "e2"):
        line.asks(name, outside=True)
    line.hears_a_turn()
    line.creates("rx", conversation_id="conv")
    line.writes("rx", "a")
    line.replies.doom("e2")
    line.pending.fail(RuntimeError)
    line.replies.end()
    line.ends("rx")
    line.says("input_audio_buffer.cleared")
    assert kept_by(line) == []


def test_a_cancel_of_ours_lets_go_of_the_gate_in_time(line: Line) -> None:
    line.creates("rx")
    behind = line.gate.queue(ignore)
    line.sends_plain("response.cancel", "c1")
    line.passes(CANCEL_TIMEOUT)
    assert state_of(behind) == "granted"
    line.sends_plain("response.cancel", "c2", response_id="unheard of")
    line.sends_plain("response.cancel", "c3")
    assert line.cancels == []


def test_a_cancel_with_nothing_to_cancel_is_only_a_frame(line: Line) -> None:
    line.sends_plain("response.cancel", "c1")
    assert line.is_open()


# promise 3
def test_when_the_connection_is_over_every_handle_is_told_once(line: Line) -> None:
    visitors = line.visitors()
    left, open_, doomed = (line.asks(f"e{n}", outside=True) for n in range(3))
    waiting = line.asks("e3")
    behind = line.gate.queue(ignore)
    line.creates("r0", answers="e0")
    line.creates("r1", answers="e1")
    line.creates("rv", conversation_id=None)
    line.leave("r0", left.ear)
    line.goes(doomed)
    line.hears_a_turn()
    line.creates("rx")
    line.says("input_audio_buffer.speech_started", item_id="t", audio_start_ms=0)
    line.leave("rx", visitors.ears["rx"])
    line.replies.end()
    assert (open_.ear.endings, visitors.ears["rv"].endings, visitors.endings) == (1, 1, 1)
    assert (left.ear.endings, waiting.ear.endings) == (0, 0)
    assert (state_of(waiting.ticket), state_of(behind)) == ("over", "over")
    assert line.replies.deadline == float("inf")
    open_.ear.holds_unread = True
    assert line.holds_unread()
    assert not line.leave("r1", open_.ear)
    assert not line.leave("rv", visitors.ears["rv"])
    assert not line.holds_unread()
    assert line.cancels == []


def test_the_end_without_anybody_is_quiet(line: Line) -> None:
    assert not line.holds_unread()
    line.replies.end()
    assert line.replies.deadline == float("inf")


def test_a_turn_that_the_server_never_answers_casts_no_doubt_on_later_responses(line: Line) -> None:
    line.hears_a_turn()
    line.passes(2)
    asked = line.asks("e1")
    line.creates("r1", conversation_id="conv")
    assert asked.answer == "r1"
    assert asked.ear.kinds == [CREATED]


def test_a_turn_that_ends_while_a_create_waits_for_the_writer_casts_its_doubt(line: Line) -> None:
    asked = line.asks("e1", sends=False)
    line.hears_a_turn()
    line.sends(asked.place)
    line.creates("r1", conversation_id="conv")
    assert not asked.is_answered()

"""What is to be cancelled, and when."""

from __future__ import annotations

import pytest

from tests.core.routing import CANCEL_TIMEOUT, Line, ignore, state_of
from trio_realtime._core._cancels import INTERRUPTION_SECONDS

CREATED = "response.created"
DONE = "response.done"


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.mark.parametrize("ends", [True, False])
def test_while_voice_detection_interrupts_no_cancel_is_sent_unless_it_fails_to(
    line: Line, ends: bool
) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    assert not line.leave("r1", asked.ear)
    assert line.replies.deadline == INTERRUPTION_SECONDS
    line.passes(INTERRUPTION_SECONDS / 2)
    assert line.cancels == []
    if ends:
        line.interrupts("r1")
        assert line.replies.deadline > INTERRUPTION_SECONDS
    line.passes(INTERRUPTION_SECONDS / 2)
    assert line.cancels == ([] if ends else ["r1"])
    line.passes(CANCEL_TIMEOUT)
    assert line.gate.active is None
    assert line.cancels == ([] if ends else ["r1"])


def test_a_second_reason_to_cancel_does_not_postpone_the_cancel(line: Line) -> None:
    asked = line.asks("e1")
    line.creates("r1", answers="e1")
    line.says("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    line.replies.cancel("r1", now=line.now)
    line.passes(0.5)
    assert not line.leave("r1", asked.ear)
    line.passes(0.5)
    assert line.cancels == ["r1"]


def test_the_active_response_is_cancelled_at_once(line: Line) -> None:
    line.creates("rx")
    line.creates("out", conversation_id=None)
    behind = line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    assert line.cancels == ["rx"]
    line.passes(CANCEL_TIMEOUT)
    assert state_of(behind) == "granted"


def test_an_active_response_that_voice_detection_interrupts_is_cancelled_if_it_does_not_end(
    line: Line,
) -> None:
    line.creates("rx")
    line.says("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    line.replies.cancel_active(now=line.now)
    assert line.cancels == []
    line.passes(INTERRUPTION_SECONDS)
    assert line.cancels == ["rx"]


def test_a_response_to_a_turn_is_cancelled_once_it_is_created(line: Line) -> None:
    line.hears_a_turn()
    line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    line.creates("out", conversation_id=None)
    assert line.cancels == []
    line.creates("rx", conversation_id="conv")
    line.creates("ry", conversation_id="conv")
    assert line.cancels == ["rx"]


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_response_that_was_asked_for_is_cancelled_once_it_is_created(
    line: Line, is_sent: bool
) -> None:
    asked = line.asks("e1", sends=is_sent)
    behind = line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    if not is_sent:
        line.sends(asked.place)
    line.creates("r1", answers="e1")
    assert line.cancels == ["r1"]
    line.ends("r1", "cancelled")
    assert asked.ear.kinds == [CREATED, DONE]
    assert state_of(behind) == "granted"


def test_a_response_both_doomed_and_unwanted_is_cancelled_once(line: Line) -> None:
    asked = line.asks("e1")
    line.replies.cancel_active(now=line.now)
    line.goes(asked)
    line.creates("r1", answers="e1")
    assert line.cancels == ["r1"]


@pytest.mark.parametrize("plain", [True, False])
def test_what_is_asked_for_after_that_is_not_cancelled(line: Line, plain: bool) -> None:
    line.hears_a_turn()
    ticket = line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    line.passes(1)
    assert state_of(ticket) == "granted"
    if plain:
        line.sends_plain("response.create", "e1")
        line.creates("r1", conversation_id="conv")
    else:
        line.asks("e1", ticket=ticket)
        line.creates("r1", answers="e1")
    assert line.cancels == []


def test_a_create_beside_the_conversation_changes_nothing_about_that(line: Line) -> None:
    line.hears_a_turn()
    line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    line.asks("e1", outside=True)
    line.creates("r1", answers="e1", conversation_id=None)
    line.creates("rx")
    assert line.cancels == ["rx"]


def test_what_begins_long_after_is_not_what_was_to_be_cancelled(line: Line) -> None:
    line.hears_a_turn()
    ticket = line.gate.queue(ignore)
    line.replies.cancel_active(now=line.now)
    line.gate.leave(ticket)
    line.passes(1)
    assert line.is_open()
    line.creates("rx")
    line.ends("rx")
    line.creates("ry")
    assert line.cancels == []


def test_when_the_connection_is_over_nothing_is_to_be_cancelled(line: Line) -> None:
    line.creates("rx")
    line.says("input_audio_buffer.speech_started", item_id="turn", audio_start_ms=0)
    line.replies.cancel("rx", now=line.now)
    assert line.replies.deadline == INTERRUPTION_SECONDS
    line.replies.end()
    assert line.replies.deadline == float("inf")
    line.passes(INTERRUPTION_SECONDS)
    assert line.cancels == []


def test_nothing_is_cancelled_unless_somebody_wants_it(line: Line) -> None:
    line.hears_a_turn()
    line.creates("rx", conversation_id="conv")
    line.ends("rx")
    assert line.cancels == []

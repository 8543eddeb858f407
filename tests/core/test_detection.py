"""Turns of the user, as the gate is told of them."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from tests.core.routing import CANCEL_TIMEOUT, Line, ignore, state_of
from trio_realtime._core._detection import note_detection


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_turn_of_the_user_goes_before_requests_of_ours(line: Line) -> None:
    line.hears_a_turn()
    behind = line.gate.queue(ignore)
    line.creates("rx")
    line.ends("rx")
    assert state_of(behind) == "granted"


def test_the_idle_timeout_is_a_turn_too(line: Line) -> None:
    line.says("input_audio_buffer.timeout_triggered", item_id="t", audio_start_ms=0, audio_end_ms=1)
    assert not line.is_open()
    assert line.gate.deadline == CANCEL_TIMEOUT
    line.says("input_audio_buffer.committed", item_id="t")
    assert line.gate.deadline == 1
    line.now = 0.5
    line.says("conversation.item.created", item={"id": "t", "type": "message", "role": "user"})
    assert line.gate.deadline == 1.5
    line.now = 0.7
    line.adds("t")
    assert line.gate.deadline == 1.7
    line.now = 0.9
    line.adds("t")
    assert line.gate.deadline == 1.7


def test_a_turn_that_was_cleared_is_not_answered(line: Line) -> None:
    line.says("input_audio_buffer.speech_stopped", item_id="t", audio_end_ms=1)
    assert not line.is_open()
    line.says("input_audio_buffer.cleared")
    assert line.is_open()


def test_barge_in_drops_those_who_wait(line: Line) -> None:
    line.asks("e1")
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    line.interrupts("r1")
    assert state_of(behind) == "dropped"


@pytest.mark.parametrize("reason", ["client_cancelled", None])
def test_only_barge_in_drops_those_who_wait(line: Line, reason: str | None) -> None:
    line.asks("e1")
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    line.ends("r1", "cancelled", status_details={"type": "cancelled", "reason": reason})
    assert state_of(behind) == "granted"


def test_a_completed_response_with_an_odd_reason_is_no_barge_in(line: Line) -> None:
    line.asks("e1")
    behind = line.gate.queue(ignore)
    line.creates("r1", answers="e1")
    line.ends("r1", "completed", status_details={"type": "x", "reason": "turn_detected"})
    assert state_of(behind) == "granted"


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
@pytest.mark.parametrize(
    ("detection", "creates", "interrupts"),
    [
        ({"type": "server_vad"}, True, True),
        ({"type": "server_vad", "create_response": None, "interrupt_response": None}, True, True),
        ({"type": "server_vad", "create_response": False}, False, True),
        ({"type": "server_vad", "interrupt_response": False}, True, False),
        (None, False, False),
    ],
)
def test_what_voice_detection_does_is_read_off_the_session(
    line: Line,
    kind: str,
    detection: JsonValue,
    creates: bool,
    interrupts: bool,
) -> None:
    line.says(kind, session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    line.creates("rx")
    line.says("input_audio_buffer.speech_started", item_id="t", audio_start_ms=0)
    assert line.gate.is_interrupting("rx") is interrupts
    line.ends("rx")
    line.says("input_audio_buffer.speech_stopped", item_id="t", audio_end_ms=0)
    assert line.is_open() is not creates


def test_a_session_that_does_not_mention_voice_detection_says_nothing_against_it(
    line: Line,
) -> None:
    line.says("session.created", session={"type": "realtime"})
    line.says("input_audio_buffer.speech_stopped", item_id="t", audio_end_ms=0)
    assert not line.is_open()


def test_other_events_say_nothing_of_turns(line: Line) -> None:
    line.says("input_audio_buffer.speech_stopped", item_id="t", audio_end_ms=0)
    line.says("conversation.item.deleted", item_id=3)
    note_detection(line.gate, "conversation.item.deleted", line.stream[-1], now=1.0)
    assert line.gate.deadline == CANCEL_TIMEOUT

"""What voice detection has to do with the gate: a turn of the user that ends will be answered.

This module reads events, and tells the gate. It does not know who waits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_realtime._core._outgoing import states, text_at, value_at

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime._core._gate import Gate

DETECTION: Final = frozenset(
    {
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.timeout_triggered",
        "session.created",
        "session.updated",
    }
)
"""The types of events that tell of turns, or of what becomes of them."""


def note_detection(gate: Gate, kind: str, event: Event, *, now: float) -> None:
    """Tell the gate what an event says about turns of the user; others say nothing."""
    match kind:
        case "input_audio_buffer.speech_started":
            gate.speech_started()
        case "input_audio_buffer.speech_stopped" | "input_audio_buffer.timeout_triggered":
            gate.speech_stopped(text_at(event, "item_id"), now)
        case "input_audio_buffer.committed":
            gate.item_moved(text_at(event, "item_id"), is_done=False, now=now)
        case "conversation.item.added" | "conversation.item.created":
            gate.item_moved(text_at(event, "item", "id"), is_done=False, now=now)
        case "conversation.item.done":
            gate.item_moved(text_at(event, "item", "id"), is_done=True, now=now)
        case "input_audio_buffer.cleared":
            gate.input_cleared()
        case "session.created" | "session.updated":
            _note_session(gate, event)
        case _:
            pass


def detecting_part(event: Event) -> object:
    """The part of a session that has its turn detection: in the beta dialect it is flat."""
    session = value_at(event, "session")
    heard = value_at(session, "audio", "input")
    return session if heard is None else heard


def _note_session(gate: Gate, event: Event) -> None:
    heard = detecting_part(event)
    detection = value_at(heard, "turn_detection")
    # Both are on unless the server says otherwise (API reference, turn detection). Null says that
    # nobody listens for turns; where it is not mentioned, nothing is known.
    is_off = detection is None and states(heard, "turn_detection")
    gate.learn_session(
        creates=not is_off and value_at(detection, "create_response") is not False,
        interrupts=not is_off and value_at(detection, "interrupt_response") is not False,
    )

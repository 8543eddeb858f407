"""The laws in the beta dialect: the same ones, told in other words."""

from __future__ import annotations

import json
from collections.abc import Mapping

import outcome
import pytest
from pydantic import JsonValue

from tests.core.responding import words_of
from tests.testing.presence import recorded_sessions
from trio_realtime import beta
from trio_realtime._core._assembly import Assembly
from trio_realtime._core._detection import note_detection
from trio_realtime._core._gate import Gate
from trio_realtime._core._hearing import bytes_per_ms_from_format
from trio_realtime._core._mirror import MIRRORED, Mirror
from trio_realtime._core._outgoing import text_at
from trio_realtime._core._pending import Pending, outgoing_from_event
from trio_realtime._core._shapes import Shapes
from trio_realtime._core._token import without_token
from trio_realtime._core._usage import METERED, UsageMeter
from trio_realtime._core._verdict import Verdict, says_busy
from trio_realtime.events import decode_server
from trio_realtime.types import AssistantMessage, AudioPart, FunctionCall, TextPart

SESSIONS = recorded_sessions("beta")
needs_recordings = pytest.mark.skipif(not SESSIONS, reason="the recordings are not here")

SHAPES = Shapes(beta.Response, TextPart, AudioPart)

VAD: dict[str, JsonValue] = {"type": "server_vad", "create_response": False}
PLACE: dict[str, JsonValue] = {"response_id": "r1", "output_index": 0, "content_index": 0}


def told(kind: str, **fields: JsonValue) -> beta.ServerEvent:
    return decode_server(json.dumps({"type": kind, "event_id": "event_1", **fields}), "beta")


# --- One response


@needs_recordings
@pytest.mark.parametrize("name", SESSIONS)
def test_every_recorded_response_is_assembled_to_what_the_server_says_at_its_end(name: str) -> None:
    assemblies: dict[str, Assembly] = {}
    views: dict[str, str] = {}
    for direction, frame in SESSIONS[name]:
        each = decode_server(json.dumps(frame), "beta")
        id_ = text_at(each, "response", "id") or text_at(each, "response_id")
        if direction == "client" or id_ is None:
            continue
        assembly = assemblies.setdefault(id_, Assembly(SHAPES))
        if isinstance(each, beta.ResponseDone):
            assert list(assembly.items) == each.response.output
        assembly.receive(each)
        views[id_] = views.get(id_, "") + (assembly.text_of(each) or "")
    assert assemblies
    for id_, assembly in assemblies.items():
        assert assembly.is_done
        assert type(assembly.response) is beta.Response
        messages = [item for item in assembly.items if isinstance(item, AssistantMessage)]
        assert [view for view in [views[id_]] if view] == [
            word for item in messages for word in words_of(item)
        ]


@pytest.mark.parametrize(
    ("kind", "field", "shown"),
    [
        ("text", "text", TextPart(text="Aye, aye.")),
        ("audio_transcript", "transcript", AudioPart(transcript="Aye, aye.")),
    ],
)
def test_what_only_streamed_is_made_up_in_the_words_of_the_dialect(
    kind: str, field: str, shown: object
) -> None:
    assembly = Assembly(SHAPES)
    delta = told(f"response.{kind}.delta", **PLACE, item_id="i1", delta="Aye,")
    whole = told(f"response.{kind}.done", **PLACE, item_id="i1", **{field: "Aye, aye."})
    for each in (delta, whole):
        assembly.receive(each)
    assert [assembly.text_of(each) for each in (delta, whole)] == ["Aye,", " aye."]
    (item,) = assembly.items
    assert isinstance(item, AssistantMessage)
    assert list(item.content) == [shown]


def test_audio_comes_as_bytes() -> None:
    assembly = Assembly(SHAPES)
    delta = told("response.audio.delta", **PLACE, item_id="i1", delta="AAECAw==")
    assembly.receive(delta)
    assert assembly.audio_of(delta) == bytes(range(4))
    assert assembly.text_of(delta) is None
    (item,) = assembly.items
    assert isinstance(item, AssistantMessage)
    assert list(item.content) == [AudioPart()]


def test_a_function_call_is_known_by_its_arguments() -> None:
    assembly = Assembly(SHAPES)
    place: Mapping[str, JsonValue] = {
        "response_id": "r1", "item_id": "i1", "output_index": 0, "call_id": "c1"
    }  # fmt: skip
    assembly.receive(told("response.function_call_arguments.delta", **place, delta="{"))
    assembly.receive(
        told("response.function_call_arguments.done", **place, name="f", arguments="{}")
    )
    (item,) = assembly.items
    assert isinstance(item, FunctionCall)
    assert (item.name, item.call_id, item.arguments) == ("f", "c1", "{}")


def test_a_response_that_is_dropped_is_one_of_the_dialect() -> None:
    assembly = Assembly(SHAPES)
    assembly.drop()
    assert assembly.is_done
    assert assembly.status == "cancelled"
    assert type(assembly.response) is beta.Response
    assert assembly.response.status_details is not None
    assert assembly.response.status_details.reason == "turn_detected"


@pytest.mark.parametrize("kind", ["response.created", "response.done"])
def test_the_token_is_not_shown(kind: str) -> None:
    event = told(kind, response={"id": "r1", "metadata": {"trio_realtime": "e1", "a": "b"}})
    shown = without_token(event)
    assert isinstance(shown, beta.ResponseCreated | beta.ResponseDone)
    assert shown.response.metadata == {"a": "b"}
    assert type(shown.response) is beta.Response
    assert without_token(shown) is shown


# --- Requests


def test_a_transcription_session_is_updated_one_request_at_a_time() -> None:
    pending = Pending()
    woken: list[str] = []
    frame: Mapping[str, JsonValue] = {"type": "transcription_session.update", "session": {}}
    first = pending.ask(outgoing_from_event(frame, "e1"), lambda: woken.append("e1"))
    second = pending.ask(outgoing_from_event(frame, "e2"), lambda: woken.append("e2"))
    assert [place.may_go for place in (first, second)] == [True, False]
    pending.sending(first)
    answer = told("transcription_session.updated", session={"include": None})
    assert pending.receive(answer) is Verdict.DELIVER
    assert isinstance(first.result, outcome.Value)
    assert first.result.value is answer
    assert second.may_go
    # A session's own answer is another's.
    pending.sending(second)
    pending.receive(told("session.updated", session={}))
    assert second.result is None


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_a_flat_session_tells_whether_turns_are_answered(kind: str) -> None:
    pending = Pending()
    pending.receive(told(kind, session={"turn_detection": VAD}))
    pending.receive(told("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=1))
    pending.receive(told("input_audio_buffer.committed", item_id="u1"))
    frame: Mapping[str, JsonValue] = {"type": "response.create"}
    place = pending.ask(outgoing_from_event(frame, "e1"), lambda: None)
    pending.sending(place)
    pending.receive(told("response.created", response={"id": "r1", "conversation_id": "conv"}))
    assert place.result is not None


@pytest.mark.parametrize(
    ("session", "is_open"),
    [
        ({"turn_detection": VAD}, True),
        ({"turn_detection": None}, True),
        ({"turn_detection": {"type": "server_vad"}}, False),
        ({}, False),
    ],
)
def test_a_flat_session_moves_the_gate(session: dict[str, JsonValue], is_open: bool) -> None:
    gate = Gate(cancel_timeout=5)
    event = told("session.created", session=session)
    note_detection(gate, event.type, event, now=0)
    gate.speech_stopped("u1", 0)
    assert gate.is_open is is_open


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Conversation already has an active response", Verdict.DELIVER),
        ("Error committing input audio buffer: the buffer is empty.", Verdict.DELIVER),
        ("Unknown parameter: 'session.lamp'.", Verdict.YOURS),
    ],
)
def test_races_are_known_without_a_code(sentence: str, verdict: Verdict) -> None:
    pending = Pending()
    pending.sending(outgoing_from_event({"type": "response.create"}, "e1"))
    error: JsonValue = {
        "type": "invalid_request_error", "code": None, "message": sentence, "event_id": "e1"
    }  # fmt: skip
    assert pending.receive(told("error", error=error)) is verdict


@pytest.mark.parametrize(
    ("code", "message", "busy"),
    [
        ("conversation_already_has_active_response", None, True),
        (None, "Conversation already has an active response", True),
        ("other", "Conversation already has an active response", False),
        (None, "Something else", False),
        (None, None, False),
    ],
)
def test_a_server_that_is_busy_says_so(code: str | None, message: str | None, busy: bool) -> None:
    assert says_busy(code, message) is busy


# --- The conversation, its sound and its price


@needs_recordings
@pytest.mark.parametrize("name", SESSIONS)
def test_every_recorded_conversation_is_mirrored_and_added_up(name: str) -> None:
    mirror, meter = Mirror(), UsageMeter()
    outputs: dict[str, object] = {}
    tokens = 0
    for direction, frame in SESSIONS[name]:
        each = decode_server(json.dumps(frame), "beta")
        if direction == "client":
            continue
        if each.type in MIRRORED:
            mirror.receive(each)
        if each.type in METERED:
            meter.receive(each)
        if isinstance(each, beta.ResponseDone):
            outputs |= {str(text_at(item, "id")): item for item in each.response.output or ()}
            usage = each.response.usage
            tokens += 0 if usage is None else usage.total_tokens or 0
    held = {str(text_at(item, "id")): item for item in mirror.items}
    assert outputs
    assert {item_id: held[item_id] for item_id in outputs} == outputs
    assert next(iter(held)) not in outputs
    assert meter.totals.total_tokens == tokens > 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pcm16", 48), ("g711_ulaw", 8), ("g711_alaw", 8), ("opus", 48)],
)
def test_a_millisecond_has_as_many_bytes_as_the_name_of_the_format_says(
    name: str, expected: int
) -> None:
    assert bytes_per_ms_from_format(name) == expected

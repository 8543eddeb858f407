"""The meter: each response and each transcription counts once, by what the server tells of it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from tests.wire import needs_recordings, shared_lines
from trio_realtime._core._usage import METERED, UsageMeter, UsageTotals
from trio_realtime.events import InvalidEvent, ServerEvent, decode_server

COMPLETED = "conversation.item.input_audio_transcription.completed"

USAGE: dict[str, JsonValue] = {
    "total_tokens": 1000,
    "input_tokens": 700,
    "output_tokens": 300,
    "input_token_details": {
        "text_tokens": 400,
        "audio_tokens": 200,
        "image_tokens": 100,
        "cached_tokens": 60,
        "cached_tokens_details": {"text_tokens": 30, "audio_tokens": 20, "image_tokens": 10},
    },
    "output_token_details": {"text_tokens": 90, "audio_tokens": 210, "reasoning_tokens": 40},
}

ONCE = UsageTotals(
    responses=1,
    total_tokens=1000,
    input_tokens=700,
    output_tokens=300,
    input_text_tokens=400,
    input_audio_tokens=200,
    input_image_tokens=100,
    cached_tokens=60,
    cached_text_tokens=30,
    cached_audio_tokens=20,
    cached_image_tokens=10,
    output_text_tokens=90,
    output_audio_tokens=210,
    reasoning_tokens=40,
)


def event(wire_type: str, **fields: JsonValue) -> ServerEvent:
    return decode_server(json.dumps({"type": wire_type, **fields}))


def done(response_id: str | None, usage: JsonValue = None, **fields: JsonValue) -> ServerEvent:
    return event("response.done", response={"id": response_id, "usage": usage, **fields})


def transcribed(item_id: str, usage: JsonValue = None, content_index: int = 0) -> ServerEvent:
    here: dict[str, JsonValue] = {"item_id": item_id, "content_index": content_index}
    return event(COMPLETED, **here, transcript="Hello.", usage=usage)


def metered(*events: ServerEvent) -> UsageTotals:
    meter = UsageMeter()
    for each in events:
        assert each.type in METERED
        meter.receive(each)
    return meter.totals


def test_nothing_is_used_before_anything_is_told() -> None:
    totals = UsageMeter().totals
    assert set(dataclasses.asdict(totals).values()) == {0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        totals.responses = 1  # type: ignore[misc]


def test_every_number_of_a_response_goes_where_it_belongs() -> None:  # pain 47
    assert metered(done("resp_1", USAGE)) == ONCE


def test_responses_add_up_however_they_ended() -> None:
    events = [
        done(f"resp_{n}", USAGE, status=status)
        for n, status in enumerate(("completed", "cancelled", "failed", "incomplete"))
    ]
    doubled = {name: 4 * value for name, value in dataclasses.asdict(ONCE).items()}
    assert dataclasses.asdict(metered(*events)) == doubled


def test_a_response_counts_once_though_it_is_done_late_and_again() -> None:  # pain 8
    events = [done("resp_1", USAGE), done("resp_2"), done("resp_1", USAGE), done("resp_2", USAGE)]
    totals = metered(*events)
    assert totals == dataclasses.replace(ONCE, responses=2, responses_without_usage=1)


def test_responses_without_an_id_cannot_be_told_apart_and_count_each() -> None:
    assert metered(done(None, USAGE), done(None, USAGE)).total_tokens == 2000


def test_old_ids_are_forgotten_so_that_memory_does_not_grow() -> None:  # promise 7
    meter = UsageMeter()
    for n in range(129):
        meter.receive(done(f"resp_{n}", {"total_tokens": 1}))
    meter.receive(done("resp_1", {"total_tokens": 1}))
    assert meter.totals.total_tokens == 129
    meter.receive(done("resp_0", {"total_tokens": 1}))
    assert meter.totals.total_tokens == 130


def test_what_the_server_leaves_out_counts_nothing() -> None:
    totals = metered(done("resp_1", {"output_tokens": 5, "input_token_details": None}))
    assert totals == UsageTotals(responses=1, output_tokens=5)


def test_a_response_that_did_not_validate_was_paid_for_all_the_same() -> None:
    invalid = done("resp_1", USAGE, output="nothing that this release can read")
    assert isinstance(invalid, InvalidEvent)
    assert metered(invalid, done("resp_1", USAGE)) == ONCE


@pytest.mark.parametrize("odd", [True, 1.5, "7", [7], {"tokens": 7}, None])
def test_what_is_no_number_counts_nothing(odd: JsonValue) -> None:
    totals = metered(done("resp_1", {"total_tokens": odd, "input_tokens": 7}, output="odd"))
    assert totals == UsageTotals(responses=1, input_tokens=7)
    assert metered(done("resp_1", odd, output="odd")).total_tokens == 0


def test_transcriptions_count_apart_by_tokens_or_by_duration() -> None:
    tokens: dict[str, JsonValue] = {
        "type": "tokens",
        "total_tokens": 26,
        "input_tokens": 17,
        "output_tokens": 9,
    }
    assert metered(
        transcribed("item_1", tokens),
        transcribed("item_2", {"type": "duration", "seconds": 3}),
        transcribed("item_3", {"type": "duration", "seconds": 0.5}),
        transcribed("item_4"),
    ) == UsageTotals(
        transcriptions=4,
        transcriptions_without_usage=1,
        transcription_input_tokens=17,
        transcription_output_tokens=9,
        transcription_seconds=3.5,
    )


def test_a_transcription_counts_once_for_each_part_of_each_item() -> None:
    minute: dict[str, JsonValue] = {"type": "duration", "seconds": 60}
    places = [("item_1", 0), ("item_1", 1), ("item_2", 0), ("item_1", 0), ("item_2", 0)]
    totals = metered(*(transcribed(item_id, minute, index) for item_id, index in places))
    assert (totals.transcriptions, totals.transcription_seconds) == (3, 180)


def test_transcriptions_that_did_not_validate_count_by_what_can_be_read() -> None:
    odd: dict[str, JsonValue] = {"type": "minutes", "seconds": 6.5}
    nowhere = [event(COMPLETED, transcript="Hello.", usage=odd) for _ in range(2)]
    endless = transcribed("item_1", {"type": "duration", "seconds": float("inf")})
    assert all(isinstance(each, InvalidEvent) for each in nowhere)
    assert metered(*nowhere, endless) == UsageTotals(transcriptions=3, transcription_seconds=13.0)


def test_other_events_that_did_not_validate_change_nothing() -> None:
    assert metered(event("response.created"), event("error"), decode_server("{")) == UsageTotals()


def test_events_that_tell_no_usage_change_nothing() -> None:
    meter = UsageMeter()
    meter.receive(event("response.created", response={"id": "resp_1", "usage": USAGE}))
    assert meter.totals == UsageTotals()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["total_tokens", "input_token_details", "text_tokens", "seconds"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(usage=JSON, response=JSON)
def test_no_content_makes_it_fail(usage: JsonValue, response: JsonValue) -> None:
    totals = metered(
        done("resp_1", usage),
        event("response.done", response=response),
        event(COMPLETED, item_id="item_1", content_index=0, transcript="", usage=usage),
        event(COMPLETED, usage=usage),
    )
    assert totals.responses == 2
    assert totals.transcriptions == 2


@needs_recordings
def test_every_recorded_session_adds_up_to_what_its_responses_say() -> None:
    meters: dict[str, UsageMeter] = {}
    sums: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for row in shared_lines("recorded_events.jsonl"):
        if row["direction"] != "server" or row["dialect"] == "translation":
            continue
        group = str(row["group"])
        each = row["event"]
        assert isinstance(each, dict)
        meters.setdefault(group, UsageMeter()).receive(decode_server(json.dumps(each)))
        if each["type"] == "response.done":
            assert isinstance(each["response"], dict)
            usage = each["response"]["usage"]
            assert isinstance(usage, dict)
            assert isinstance(usage["total_tokens"], int)
            sums[group] = sums.get(group, 0) + usage["total_tokens"]
        elif each["type"] == COMPLETED and isinstance(usage := each.get("usage"), dict):
            more = usage.get("seconds", 0)
            assert isinstance(more, int)
            seconds[group] = seconds.get(group, 0) + more
    assert sums
    assert seconds
    for group, meter in meters.items():
        totals = meter.totals
        assert totals.total_tokens == sums.get(group, 0)
        assert totals.transcription_seconds == seconds.get(group, 0)
        assert totals.total_tokens == totals.input_tokens + totals.output_tokens
        assert totals.output_tokens >= totals.output_text_tokens + totals.output_audio_tokens
        assert totals.responses_without_usage == 0

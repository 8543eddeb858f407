"""Transcripts joined by item and in the order of the commits, told event by event."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from pydantic import JsonValue

from trio_realtime._core._transcript import (
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
    TranscriptSegment,
)
from trio_realtime._core._transcripts import Transcripts
from trio_realtime.events import InvalidEvent, decode_server
from trio_realtime.types import LogProb, TranscriptionDurationUsage

PREFIX = "conversation.item.input_audio_transcription"
WEIGHT = 100


def tell(law: Transcripts, wire_type: str, **fields: JsonValue) -> None:
    law.receive(decode_server(json.dumps({"type": wire_type, **fields})), WEIGHT)


def commit(law: Transcripts, item_id: str) -> None:
    tell(law, "input_audio_buffer.committed", item_id=item_id)


def delta(law: Transcripts, item_id: str, text: str, index: int = 0) -> None:
    tell(law, f"{PREFIX}.delta", item_id=item_id, content_index=index, delta=text)


def complete(law: Transcripts, item_id: str, text: str, index: int = 0) -> None:
    tell(law, f"{PREFIX}.completed", item_id=item_id, content_index=index, transcript=text)


def fail(law: Transcripts, item_id: str, message: str = "no") -> None:
    error: JsonValue = {"type": "server_error", "code": None, "message": message, "param": None}
    tell(law, f"{PREFIX}.failed", item_id=item_id, content_index=0, error=error)


def segment(law: Transcripts, item_id: str, speaker: str, text: str) -> None:
    where: dict[str, JsonValue] = {"start": 0, "end": 1.5, "id": "seg_1"}
    fields: dict[str, JsonValue] = {"speaker": speaker, "text": text, **where}
    tell(law, f"{PREFIX}.segment", item_id=item_id, content_index=0, **fields)


def taken(law: Transcripts) -> list[Transcript]:
    pieces: list[Transcript] = []
    while (piece := law.take()) is not None:
        pieces.append(piece)
    return pieces


def settled(law: Transcripts) -> bool:
    """Whether everything that was committed has its end."""
    return law.is_settled


def lines(law: Transcripts) -> list[str]:
    """What is ready, each piece as a line."""
    return [line_of(piece) for piece in taken(law)]


def line_of(piece: Transcript) -> str:
    match piece:
        case TranscriptDelta(item_id=item_id, text=text):
            return f"{item_id}+{text}"
        case TranscriptSegment(item_id=item_id, text=text, speaker=speaker):
            return f"{item_id} {speaker}: {text}"
        case TranscriptCompleted(item_id=item_id, text=text):
            return f"{item_id}={text}"
        case TranscriptFailed(item_id=item_id, reason=reason):
            return f"{item_id}!{reason}"


def test_pieces_of_the_item_whose_turn_it_is_come_at_once() -> None:
    law = Transcripts(10_000)
    assert settled(law)
    commit(law, "a")
    assert not settled(law)
    delta(law, "a", "He")
    assert lines(law) == ["a+He"]
    segment(law, "a", "A", "Hello")
    complete(law, "a", "Hello")
    assert lines(law) == ["a A: Hello", "a=Hello"]
    assert settled(law)
    assert law.held == 0


def test_what_comes_out_of_order_waits_for_the_items_committed_before() -> None:
    law = Transcripts(10_000)
    for item_id in "abc":
        commit(law, item_id)
    delta(law, "c", "third")
    complete(law, "c", "third")
    delta(law, "b", "se")
    assert lines(law) == []
    assert law.held == 3 * WEIGHT
    complete(law, "a", "first")
    assert lines(law) == ["a=first", "b+se"]
    delta(law, "b", "cond")
    assert lines(law) == ["b+cond"]
    assert not settled(law)
    complete(law, "b", "second")
    assert lines(law) == ["b=second", "c+third", "c=third"]
    assert settled(law)
    assert law.held == 0


def test_deltas_before_the_commit_come_at_once_unless_something_else_is_under_way() -> None:
    law = Transcripts(10_000)
    delta(law, "a", "early")
    assert lines(law) == ["a+early"]
    assert settled(law)  # nothing was committed
    commit(law, "a")
    delta(law, "b", "earlier still")
    assert lines(law) == []
    complete(law, "a", "early bird")
    assert lines(law) == ["a=early bird", "b+earlier still"]
    commit(law, "b")
    assert not settled(law)
    complete(law, "b", "earlier still")
    assert lines(law) == ["b=earlier still"]


def test_a_commit_goes_before_what_was_only_begun() -> None:
    law = Transcripts(10_000)
    delta(law, "x", "one")
    commit(law, "a")
    delta(law, "x", "two")
    delta(law, "a", "here")
    assert lines(law) == ["x+one", "a+here"]
    complete(law, "a", "here")
    assert lines(law) == ["a=here", "x+two"]


def test_a_server_that_confirms_no_commits_is_followed_too() -> None:
    law = Transcripts(10_000)
    complete(law, "a", "one")
    complete(law, "b", "two")
    assert lines(law) == ["a=one", "b=two"]
    assert settled(law)
    # Told too late, it is not waited for.
    commit(law, "a")
    assert settled(law)


def test_an_item_fails_in_its_turn() -> None:
    law = Transcripts(10_000)
    commit(law, "a")
    commit(law, "b")
    fail(law, "b", "unintelligible")
    complete(law, "a", "one")
    one, two = taken(law)
    assert line_of(one) == "a=one"
    assert isinstance(two, TranscriptFailed)
    assert two.reason == "server"
    assert two.error.message == "unintelligible"
    assert settled(law)


def test_an_item_has_one_end_and_nothing_but_segments_after_it() -> None:
    law = Transcripts(10_000)
    commit(law, "a")
    commit(law, "a")
    complete(law, "a", "one")
    complete(law, "a", "another")
    fail(law, "a")
    delta(law, "a", "late")
    segment(law, "a", "B", "one")
    commit(law, "a")
    assert lines(law) == ["a=one", "a B: one"]
    assert settled(law)
    commit(law, "c")
    commit(law, "d")
    complete(law, "d", "two")
    complete(law, "d", "two again")
    segment(law, "d", "A", "two")
    complete(law, "c", "")
    assert lines(law) == ["c=", "d=two", "d A: two"]


def test_a_second_part_of_an_item_is_delivered_when_it_comes() -> None:
    law = Transcripts(10_000)
    commit(law, "a")
    complete(law, "a", "part one")
    complete(law, "a", "part two", index=1)
    assert lines(law) == ["a=part one", "a=part two"]


def test_a_deleted_item_is_not_waited_for() -> None:  # promise 3
    law = Transcripts(10_000)
    commit(law, "a")
    commit(law, "b")
    complete(law, "b", "two")
    tell(law, "conversation.item.deleted", item_id="nobody")
    assert lines(law) == []
    tell(law, "conversation.item.deleted", item_id="a")
    gone, two = taken(law)
    assert isinstance(gone, TranscriptFailed)
    assert gone.error.code == gone.reason == "item_deleted"
    assert line_of(two) == "b=two"
    complete(law, "a", "too late")
    tell(law, "conversation.item.deleted", item_id="a")
    assert lines(law) == []
    assert settled(law)


def test_an_item_that_has_its_end_is_not_failed_by_being_deleted_in_its_turn() -> None:
    law = Transcripts(10_000)
    commit(law, "a")
    commit(law, "b")
    complete(law, "b", "two")
    tell(law, "conversation.item.deleted", item_id="b")
    complete(law, "a", "one")
    assert lines(law) == ["a=one", "b=two"]


def test_what_was_told_of_audio_that_is_cleared_has_an_end() -> None:  # promise 3
    law = Transcripts(10_000)
    commit(law, "a")
    delta(law, "b", "er")
    tell(law, "input_audio_buffer.cleared")
    complete(law, "a", "one")
    assert lines(law) == ["a=one", "b+er", "b!buffer_cleared"]
    assert settled(law)


def test_a_session_that_says_it_does_not_transcribe_is_not_waited_for() -> None:  # promise 3
    law = Transcripts(10_000)
    off: JsonValue = {"type": "transcription", "audio": {"input": {"transcription": None}}}
    on: JsonValue = {"type": "transcription", "audio": {"input": {"transcription": {"model": "w"}}}}
    tell(law, "session.created", session=off)
    commit(law, "a")
    assert settled(law)
    tell(law, "session.updated", session=on)
    commit(law, "b")
    assert not settled(law)
    tell(law, "session.updated", session={"type": "transcription"})  # which tells nothing
    commit(law, "c")
    complete(law, "b", "two")
    assert not settled(law)


def test_what_a_model_tells_besides_is_kept() -> None:
    law = Transcripts(10_000)
    logprob: JsonValue = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    here: dict[str, JsonValue] = {"item_id": "a", "content_index": 0, "logprobs": [logprob]}
    tell(law, f"{PREFIX}.delta", delta="Hi", **here)
    usage: JsonValue = {"type": "duration", "seconds": 2}
    languages: JsonValue = [{"code": "en"}, {"code": "no"}]
    tell(law, f"{PREFIX}.completed", transcript="Hi", usage=usage, languages=languages, **here)
    segment(law, "a", "A", "Hi")
    known = (LogProb(token="Hi", logprob=-0.5, bytes=[72, 105]),)
    assert taken(law) == [
        TranscriptDelta(item_id="a", content_index=0, text="Hi", logprobs=known),
        TranscriptCompleted(
            item_id="a",
            content_index=0,
            text="Hi",
            usage=TranscriptionDurationUsage(seconds=2),
            languages=("en", "no"),
            logprobs=known,
        ),
        TranscriptSegment(
            item_id="a",
            content_index=0,
            id="seg_1",
            speaker="A",
            text="Hi",
            start_seconds=0.0,
            end_seconds=1.5,
        ),
    ]


def test_events_that_do_not_validate_are_read_as_far_as_they_go() -> None:  # promise 6
    law = Transcripts(10_000)
    for kind, fields in (
        ("delta", {"item_id": "a", "content_index": "x", "delta": "Hi"}),
        ("segment", {"item_id": "a", "text": "Hi", "start": "soon"}),
        ("completed", {"item_id": "a", "transcript": "Hi"}),
        ("failed", {"item_id": "b", "error": {"message": "no"}, "content_index": None}),
        ("failed", {"item_id": "c", "error": "no"}),
    ):
        event = decode_server(json.dumps({"type": f"{PREFIX}.{kind}", **fields}))
        assert isinstance(event, InvalidEvent)
        law.receive(event, WEIGHT)
    *pieces, failure, odd = taken(law)
    assert list(map(line_of, pieces)) == ["a+Hi", "a : Hi", "a=Hi"]
    assert isinstance(failure, TranscriptFailed)
    assert failure.error.message == "no"
    assert isinstance(odd, TranscriptFailed)
    assert odd.error.message is None


def test_what_is_no_transcript_is_not_looked_at() -> None:
    law = Transcripts(10_000)
    for data in (
        "[]",
        '{"type": "input_audio_buffer.committed"}',
        '{"type": "conversation.item.deleted"}',
        f'{{"type": "{PREFIX}.delta"}}',
        f'{{"type": "{PREFIX}.news", "item_id": "a"}}',
        '{"type": "rate_limits.updated", "rate_limits": []}',
    ):
        law.receive(decode_server(data), WEIGHT)
    assert taken(law) == []
    assert settled(law)


def test_what_was_held_has_its_turn_when_no_more_will_come() -> None:  # promise 2
    law = Transcripts(10_000)
    commit(law, "a")
    commit(law, "b")
    delta(law, "a", "begun")
    complete(law, "b", "two")
    delta(law, "c", "early")
    assert lines(law) == ["a+begun"]
    law.finish()
    assert lines(law) == ["b=two", "c+early"]
    assert law.held == 0


def test_beyond_the_limit_deltas_that_wait_are_given_up_first() -> None:  # promise 7
    law = Transcripts(5 * WEIGHT)
    for item_id in "abc":
        commit(law, item_id)
    for item_id in "bc":
        delta(law, item_id, "1")
        delta(law, item_id, "2")
    complete(law, "b", "12")
    assert law.held == 5 * WEIGHT
    complete(law, "c", "12")
    assert (law.held, law.dropped) == (2 * WEIGHT, 4)
    complete(law, "a", "")
    assert lines(law) == ["a=", "b=12", "c=12"]


def test_an_item_that_too_much_waits_for_is_given_up() -> None:  # promise 7
    law = Transcripts(2 * WEIGHT)
    for item_id in "abcde":
        commit(law, item_id)
    for item_id in "bde":
        complete(law, item_id, item_id)
    # Giving up the first makes room for all that follows it; the rest is still waited for.
    assert lines(law) == ["a!overdue", "b=b"]
    assert not settled(law)
    complete(law, "a", "at last")
    complete(law, "c", "c")
    assert lines(law) == ["c=c", "d=d", "e=e"]
    assert settled(law)
    assert law.held == 0


def test_items_that_are_never_transcribed_are_not_kept_for_ever() -> None:  # promise 7
    law = Transcripts(10_000)
    for number in range(1030):
        commit(law, f"item_{number}")
    assert lines(law) == [f"item_{number}!overdue" for number in range(6)]
    for number in range(1030):
        delta(law, f"early_{number}", "um")
    assert len(taken(law)) > 1000


def test_what_nobody_reads_loses_its_deltas_and_then_its_oldest() -> None:  # promise 7
    law = Transcripts(3 * WEIGHT)
    for number in range(3):
        delta(law, f"{number}", "um")
        complete(law, f"{number}", "um")
        law.keep_newest()
    assert (law.held, law.dropped) == (3 * WEIGHT, 3)
    complete(law, "3", "um")
    law.keep_newest()
    assert law.dropped == 4
    assert lines(law) == ["1=um", "2=um", "3=um"]
    small = Transcripts(1)
    complete(small, "a", "larger than the limit")
    small.keep_newest()
    assert lines(small) == ["a=larger than the limit"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["commit", "delta", "end", "fail", "delete"]), st.integers(0, 5)),
    max_size=60,
)


@given(STEPS)
def test_whatever_comes_each_item_has_one_end_and_commits_keep_their_order(
    steps: list[tuple[str, int]],
) -> None:
    law = Transcripts(1_000_000)
    order: list[str] = []
    over: set[str] = set()
    told: list[Transcript] = []
    for kind, number in steps:
        item_id = f"{number}"
        match kind:
            case "commit":
                commit(law, item_id)
                if item_id not in order and item_id not in over:
                    order.append(item_id)
            case "delta":
                delta(law, item_id, "x")
            case "end":
                complete(law, item_id, "x")
            case "fail":
                fail(law, item_id)
            case _:
                tell(law, "conversation.item.deleted", item_id=item_id)
        new = taken(law)
        told += new
        over |= {
            each.item_id for each in new if isinstance(each, TranscriptCompleted | TranscriptFailed)
        }
        assert settled(law) == (set(order) <= over)
    ends = [
        each.item_id for each in told if isinstance(each, TranscriptCompleted | TranscriptFailed)
    ]
    assert len(ends) == len(set(ends))
    assert [item_id for item_id in ends if item_id in order] == [i for i in order if i in over]
    for item_id in ends:
        last = max(n for n, each in enumerate(told) if each.item_id == item_id)
        assert isinstance(told[last], TranscriptCompleted | TranscriptFailed)
    law.finish()
    taken(law)
    assert law.held == 0


@pytest.mark.parametrize("kind", ["conversation.item.input_audio_transcription", PREFIX + "."])
def test_a_type_that_only_begins_like_one_is_none(kind: str) -> None:
    law = Transcripts(10_000)
    tell(law, kind, item_id="a")
    assert not law.is_ready

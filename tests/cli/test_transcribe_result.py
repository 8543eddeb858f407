from __future__ import annotations

import json

from trio_realtime import TranscriptSegment
from trio_realtime.cli._transcribe_recording import Span
from trio_realtime.cli._transcribe_result import FileTranscript, Passage


def segment(
    speaker: str, text: str, start: float | None = None, end: float | None = None
) -> TranscriptSegment:
    return TranscriptSegment(
        item_id="a",
        content_index=0,
        id="seg",
        speaker=speaker,
        text=text,
        start_seconds=start,
        end_seconds=end,
    )


TRANSCRIPT = FileTranscript(
    "talk.wav",
    "whisper-1",
    3723.4567,
    [
        Passage(Span(0.0, 12.3456), "Good morning,\n\n everybody. ", languages=("en",)),
        Passage(Span(12.3456, 20.0), problem="it is noise"),
        Passage(Span(20.0, 30.0), ""),
        Passage(
            Span(3600.0, 3723.4567),
            "Who? Me.",
            segments=[segment("A", "Who?", 0.5, 1.25), segment("", "Me.")],
        ),
    ],
)


def test_text_is_a_line_for_each_passage_or_speaker() -> None:
    assert TRANSCRIPT.written("text") == "Good morning, everybody.\nA: Who?\nMe.\n"


def test_subtitles_have_times_and_no_empty_cues() -> None:
    assert TRANSCRIPT.written("srt") == (
        "1\n00:00:00,000 --> 00:00:12,346\nGood morning, everybody.\n\n"
        "2\n01:00:00,500 --> 01:00:01,250\nA: Who?\n\n"
        "3\n01:00:00,000 --> 01:02:03,457\nMe.\n"
    )


def test_json_has_it_all() -> None:
    assert json.loads(TRANSCRIPT.written("json")) == {
        "file": "talk.wav",
        "model": "whisper-1",
        "seconds": 3723.457,
        "text": "Good morning, everybody. Who? Me.",
        "passages": [
            {
                "start": 0.0,
                "end": 12.346,
                "text": "Good morning,\n\n everybody. ",
                "languages": ["en"],
            },
            {"start": 12.346, "end": 20.0, "error": "it is noise"},
            {"start": 20.0, "end": 30.0, "text": ""},
            {
                "start": 3600.0,
                "end": 3723.457,
                "text": "Who? Me.",
                "segments": [
                    {"start": 3600.5, "end": 3601.25, "speaker": "A", "text": "Who?"},
                    {"start": 3600.0, "end": 3723.457, "speaker": "", "text": "Me."},
                ],
            },
        ],
    }
    assert TRANSCRIPT.written("json").count("\n") == 1
    assert TRANSCRIPT.written("json", indent=2).count("\n") > 10


def test_what_was_not_transcribed_is_named_with_its_time() -> None:
    assert [*TRANSCRIPT.problems] == [
        "talk.wav: 00:00:12 to 00:00:20 was not transcribed: it is noise"
    ]


def test_passages_with_one_problem_are_told_together() -> None:
    spans = [Span(0, 10), Span(10, 20), Span(20, 30), Span(30, 40)]
    why = [None, "lost", "lost", "noise"]
    passages = [Passage(span, problem=problem) for span, problem in zip(spans, why, strict=True)]
    assert [*FileTranscript("a.wav", "whisper-1", 40.0, passages).problems] == [
        "a.wav: 00:00:10 to 00:00:30 was not transcribed: lost",
        "a.wav: 00:00:30 to 00:00:40 was not transcribed: noise",
    ]


def test_a_file_without_sound_is_an_empty_transcript() -> None:
    empty = FileTranscript("empty.wav", "whisper-1", 0.0, [])
    assert (empty.written("text"), empty.written("srt")) == ("", "")
    assert json.loads(empty.written("json"))["passages"] == []

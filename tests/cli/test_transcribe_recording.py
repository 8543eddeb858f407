from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from trio_realtime.audio import duration_ms, tone, wav_from_pcm
from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._transcribe_recording import (
    Recording,
    Span,
    recording_from_file,
    spans_of,
)

RATE = 1_000


def sound(seconds: float) -> bytes:
    return b"\x00\x10\x00\xf0" * round(seconds * RATE / 2)


def pause(seconds: float) -> bytes:
    return bytes(round(seconds * RATE) * 2)


def test_a_short_recording_is_one_piece() -> None:
    assert spans_of(sound(15), RATE) == (Span(0, 15),)
    assert spans_of(b"", RATE) == ()


def test_a_recording_is_cut_in_the_middle_of_its_pauses() -> None:
    pcm = sound(6) + pause(0.4) + sound(5) + pause(0.4) + sound(9)
    first, second = spans_of(pcm, RATE)
    # Of two pauses the last: the longer piece is heard best.
    assert first.end == pytest.approx(11.6, abs=0.11)
    assert (first.start, second.start, second.end) == (0, first.end, 20.8)


def test_where_nobody_pauses_the_quietest_place_is_taken() -> None:
    quiet = b"\x00\x01\x00\xff" * 100
    pcm = sound(8) + quiet + sound(12)
    first, _ = spans_of(pcm, RATE)
    assert first.end == pytest.approx(8.1, abs=0.03)


def test_a_pause_too_early_is_no_place_to_cut() -> None:
    first, *_ = spans_of(sound(3) + pause(1) + sound(16), RATE)
    assert 5 <= first.end <= 15


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 1)), max_size=12))
def test_the_pieces_are_the_whole_and_each_can_be_committed(
    parts: list[tuple[float, float]],
) -> None:
    pcm = b"".join(sound(loud) + pause(quiet) for loud, quiet in parts)
    spans = spans_of(pcm, RATE)
    assert all(one.end == two.start for one, two in pairwise(spans))
    assert sum(span.seconds for span in spans) == pytest.approx(len(pcm) / 2 / RATE)
    assert all(span.seconds <= 15.02 for span in spans)
    assert all(span.seconds >= 0.98 for span in spans[1:])
    assert all(span.seconds >= 4.9 for span in spans[:-1])


def test_a_piece_is_made_what_the_server_takes(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(wav_from_pcm(tone(300, 2_000, sample_rate_hz=8_000), 8_000))
    recording = recording_from_file(path)
    assert (recording.seconds, recording.sample_rate_hz) == (2.0, 8_000)
    assert duration_ms(recording.audio(Span(0.5, 1.25))) == 750
    # Less than that is refused.
    assert duration_ms(recording.audio(Span(0, 0.01))) == 120
    assert Recording(b"", 8_000, ()).seconds == 0
    assert "pcm" not in repr(recording)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (
            "speech.mp3",
            b"ID3\x04 and so on",
            r"speech.mp3: not a WAV file but an MP3 file: .*ffmpeg",
        ),
        ("speech.ogg", b"Ogg? No.", "speech.ogg: not a WAV file: convert it first, .*ffmpeg -i"),
        ("empty.wav", b"", "empty.wav: not a WAV file: it is empty"),
        (".", None, "not a file"),
        ("nothing.wav", None, "nothing.wav: No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_named(
    name: str, data: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ProblemError, match=said):
        recording_from_file(path)


def test_more_than_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "day.wav"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2**30 + 1)  # sparse: it takes no room
    with pytest.raises(ProblemError, match="larger than 1 GiB: split it first"):
        recording_from_file(path)

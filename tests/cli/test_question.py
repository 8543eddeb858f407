from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from trio_realtime.audio import duration_ms, wav_from_pcm
from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._question import question_from_file


def stereo_wav(seconds: float, rate: int) -> bytes:
    body = b"\x10\x00\x20\x00" * int(seconds * rate)
    layout = struct.pack("<HHIIHH", 1, 2, rate, 4 * rate, 4, 16)
    chunks = struct.pack("<4sI", b"fmt ", 16) + layout + struct.pack("<4sI", b"data", len(body))
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + len(body), b"WAVE") + chunks + body


def test_a_question_ships_with_the_package() -> None:
    question = question_from_file(None)
    assert duration_ms(question.pcm) == pytest.approx(1600, abs=1)
    assert question.description == "question.wav (built in): 1.60 s (16000 Hz, 1 channel)"
    assert any(question.pcm)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
def test_stereo_at_any_rate_is_converted(rate: int, tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    path.write_bytes(stereo_wav(0.5, rate))
    question = question_from_file(path)
    assert duration_ms(question.pcm) == pytest.approx(500, abs=1)
    assert question.description == f"stereo.wav: 0.50 s ({rate} Hz, 2 channels)"


def test_a_long_file_is_cut_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_from_pcm(bytes(48_000 * 20)))
    question = question_from_file(path)
    assert duration_ms(question.pcm) == 15_000
    assert question.description == "long.wav: the first 15.00 s (24000 Hz, 1 channel)"


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    path.write_bytes(stereo_wav(0.1, 24_000) + bytes(17 * 2**20))
    assert question_from_file(path).description.startswith("huge.wav: the first 0.10 s")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"nothing\.wav: No such file"):
        question_from_file(tmp_path / "nothing.wav")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="not a file"):
        question_from_file(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(ProblemError, match="not a file"):
        question_from_file(tmp_path / "pipe.wav")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a WAV file: it is empty"),
        (b"Dear diary", "not a WAV file"),
        (b"fLaC" + bytes(100), "FLAC"),
        (stereo_wav(0.5, 24_000)[:20], "not a usable WAV file"),
        (wav_from_pcm(bytes(480)), "10 ms of audio; the server wants 100 ms"),
    ],
)
def test_what_is_no_use_is_a_problem(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file.wav"
    path.write_bytes(data)
    with pytest.raises(ProblemError, match=rf"file\.wav: .*{said}"):
        question_from_file(path)

"""The spoken question: a WAV file, made into what the server takes.

This module knows files. It does not know who hears the question.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
from pathlib import Path
from typing import Final, final

from trio_realtime.audio import PCM_RATE_HZ, duration_ms, read_wav, resample
from trio_realtime.cli._problem import ProblemError

# Resampling is pure Python, and the demo promises to end within 15 s: longer files are cut.
_MAX_SECONDS: Final = 15
_MAX_BYTES: Final = 16 * 1024 * 1024
_MIN_MS: Final = 100  # the server refuses to commit less


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """Speech, and where it came from."""

    pcm: bytes = dataclasses.field(repr=False)
    """16-bit mono PCM at the server's rate."""

    description: str
    """The file, and what it held."""


def question_from_file(path: Path | None) -> Question:
    """Read a PCM WAV file, or the question that ships with the package.

    Raises:
        ProblemError: if there is no such file, or it is not PCM in a WAV file, or too short.
    """
    if path is None:
        data = importlib.resources.files("trio_realtime.cli").joinpath("question.wav").read_bytes()
        name = "question.wav (built in)"
    else:
        data, name = _bytes_from(path), path.name
    try:
        wav = read_wav(data)
        pcm = resample(
            wav.pcm[: 2 * _MAX_SECONDS * wav.sample_rate_hz], wav.sample_rate_hz, PCM_RATE_HZ
        )
    except ValueError as exc:
        raise ProblemError(f"{path}: {exc}") from exc
    heard_ms = duration_ms(pcm)
    if heard_ms < _MIN_MS:
        raise ProblemError(f"{path}: {heard_ms:.0f} ms of audio; the server wants {_MIN_MS} ms")
    shape = f"{wav.sample_rate_hz} Hz, {wav.channels} channel{'s' if wav.channels > 1 else ''}"
    cut = "the first " if wav.duration_ms > heard_ms + 1 or len(data) == _MAX_BYTES else ""
    return Question(pcm, f"{name}: {cut}{heard_ms / 1000:.2f} s ({shape})")


def _bytes_from(path: Path) -> bytes:
    try:
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise ProblemError(f"{path}: not a file")
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as exc:
        raise ProblemError(f"{path}: {exc.strerror}") from exc

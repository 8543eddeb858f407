"""A WAV file, cut at its quietest places into what is committed one by one.

A transcription model takes some seconds at a time, and each commit is one line of subtitles. So a
piece is 5 to 15 s long, and ends in the middle of the quietest 200 ms between: a pause where there
is one. This module knows files and sound. It does not know who listens.
"""

from __future__ import annotations

import dataclasses
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, final

from trio_realtime.audio import PCM_RATE_HZ, bytes_from_ms, read_wav, resample
from trio_realtime.audio._samples import samples_from_pcm
from trio_realtime.cli._problem import ProblemError

_MAX_BYTES: Final = 2**30  # an hour of stereo at 48 kHz is 700 MB, and a session lasts no longer

_FRAME_MS: Final = 20
_SHORTEST: Final = 5_000 // _FRAME_MS
_LONGEST: Final = 15_000 // _FRAME_MS
_LAST: Final = 1_000 // _FRAME_MS  # what is left at the end is worth a commit, too
_QUIET: Final = 200 // _FRAME_MS

_EVERY: Final = 4  # of so many samples one tells how loud it is

# The server refuses to commit less than 100 ms.
_COMMIT_BYTES: Final = bytes_from_ms(120)


class Span(NamedTuple):
    """A piece of a recording, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """What a file held, and where it is to be cut."""

    pcm: bytes = dataclasses.field(repr=False)
    """16-bit mono PCM at the file's own rate."""

    sample_rate_hz: int
    spans: tuple[Span, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.spans[-1].end if self.spans else 0.0

    def audio(self, span: Span) -> bytes:
        """One piece as the server takes it: at its rate, and long enough to be committed."""
        start, end = (round(second * self.sample_rate_hz) * 2 for second in span)
        pcm = resample(self.pcm[start:end], self.sample_rate_hz, PCM_RATE_HZ)
        return pcm + bytes(max(0, _COMMIT_BYTES - len(pcm)))


def recording_from_file(path: Path) -> Recording:
    """Read a PCM WAV file.

    Raises:
        ProblemError: if there is no such file, or it is not PCM in a WAV file.
    """
    try:
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise ProblemError(f"{path}: not a file")
        if path.stat().st_size > _MAX_BYTES:
            raise ProblemError(f"{path}: larger than 1 GiB: split it first")
        wav = read_wav(path.read_bytes())
    except OSError as exc:
        raise ProblemError(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ProblemError(f"{path}: {exc}") from exc
    return Recording(wav.pcm, wav.sample_rate_hz, spans_of(wav.pcm, wav.sample_rate_hz))


def spans_of(pcm: bytes, sample_rate_hz: int) -> tuple[Span, ...]:
    """Where to cut; nothing where there is nothing."""
    samples = samples_from_pcm(pcm)
    frame = sample_rate_hz * _FRAME_MS // 1000
    loudness = _loudness(samples, frame)
    cuts, start = [0], 0
    while len(loudness) - start > _LONGEST:
        latest = min(start + _LONGEST, len(loudness) - _LAST)
        start = _quietest(loudness, start + _SHORTEST, latest)
        cuts.append(start * frame)
    cuts.append(len(samples))
    return tuple(
        Span(begin / sample_rate_hz, end / sample_rate_hz)
        for begin, end in pairwise(cuts)
        if begin < end
    )


def _loudness(samples: array[int], frame: int) -> list[int]:
    return [
        sum(map(abs, samples[at : at + frame : _EVERY])) for at in range(0, len(samples), frame)
    ]


def _quietest(loudness: list[int], earliest: int, latest: int) -> int:
    """The middle of the quietest stretch; of several the last, for long pieces are heard best."""
    half = _QUIET // 2
    total = sum(loudness[earliest - half : earliest + half])
    best, least = earliest, total
    for at in range(earliest + 1, latest + 1):
        total += loudness[at + half - 1] - loudness[at - half - 1]
        if total <= least:
            best, least = at, total
    return best

"""Samples from bytes and back, whichever byte order the machine has."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Final

from trio_realtime.audio._chunks import raw_from_audio
from trio_realtime.audio._formats import AudioBytes

PEAK: Final = 32_767
"""The largest 16-bit sample."""


# WAV and the wire are little-endian; `array` is what the machine is.
_SWAPPED: Final = sys.byteorder == "big"


def samples_from_pcm(pcm: AudioBytes, *, swap: bool = _SWAPPED) -> array[int]:
    """16-bit little-endian PCM as signed numbers.

    Raises:
        ValueError: if the last sample is torn.
    """
    raw = raw_from_audio(pcm)
    if len(raw) % 2:
        raise ValueError(f"16-bit PCM has two bytes a sample, but there are {len(raw)} bytes")
    samples = array("h")
    samples.frombytes(raw)
    if swap:
        samples.byteswap()
    return samples


def pcm_from_samples(samples: Iterable[int], *, swap: bool = _SWAPPED) -> bytes:
    """Signed numbers as 16-bit little-endian PCM."""
    numbers = array("h", samples)
    if swap:
        numbers.byteswap()
    return numbers.tobytes()

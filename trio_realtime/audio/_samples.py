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


def samples_from_pcm(pcm: AudioBytes, *, big_endian: bool = sys.byteorder == "big") -> array[int]:
    """16-bit little-endian PCM as signed numbers.

    Raises:
        ValueError: if the last sample is torn.
    """
    raw = raw_from_audio(pcm)
    if len(raw) % 2:
        raise ValueError(f"16-bit PCM has two bytes a sample, but there are {len(raw)} bytes")
    samples = array("h")
    samples.frombytes(raw)
    if big_endian:
        samples.byteswap()
    return samples


def pcm_from_samples(samples: Iterable[int], *, big_endian: bool = sys.byteorder == "big") -> bytes:
    """Signed numbers as 16-bit little-endian PCM."""
    numbers = array("h", samples)
    if big_endian:
        numbers.byteswap()
    return numbers.tobytes()

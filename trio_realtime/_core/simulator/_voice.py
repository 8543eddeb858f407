"""The model's voice: one tone per word, so that length and energy are right.

This module does not know who speaks, nor in which pieces the sound is sent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from trio_realtime.audio import (
    G711_RATE_HZ,
    PCM_RATE_HZ,
    alaw_from_pcm,
    mulaw_from_pcm,
    pcm_from_alaw,
    pcm_from_mulaw,
    resample,
    silence,
    tone,
)

WORD_MS: Final = 300
"""How long a word takes at the speed 1: a usual rate of speech, 200 words a minute."""

_GAP_MS: Final = 50
"""The silence at the end of each word, part of its time."""

_VOLUME: Final = 0.3

# A pentatonic scale in the range of a voice: neighbouring words can be told apart by ear.
_PITCHES_HZ: Final = (220.0, 247.5, 275.0, 330.0, 371.25)

PCM: Final = "audio/pcm"
MULAW: Final = "audio/pcmu"
ALAW: Final = "audio/pcma"

FORMATS: Final = (PCM, MULAW, ALAW)
"""The formats the server speaks and understands."""


def bytes_per_ms(format: str) -> int:  # noqa: A002 - the wire's name
    """How many bytes a millisecond takes: 24 kHz of 16 bits, or 8 kHz of G.711."""
    return 48 if format == PCM else 8


def linear(audio: bytes, format: str) -> bytes:  # noqa: A002 - the wire's name
    """Audio in any of the formats as 16-bit samples, at whatever rate it has."""
    if format == MULAW:
        return pcm_from_mulaw(audio)
    return pcm_from_alaw(audio) if format == ALAW else audio


def word_ms(speed: float) -> int:
    """How long a word takes at a speed between 0.25 and 1.5."""
    return round(WORD_MS / speed)


@lru_cache(maxsize=64)
def spoken_word(number: int, ms: int, format: str) -> bytes:  # noqa: A002 - the wire's name
    """The sound of the word with this number, at most 4: the voice has five pitches."""
    rate_hz = PCM_RATE_HZ if format == PCM else G711_RATE_HZ
    sound = tone(_PITCHES_HZ[number], ms - _GAP_MS, volume=_VOLUME, sample_rate_hz=rate_hz)
    # `silence` counts in PCM at 24 kHz: a third of it at 8 kHz.
    pcm = sound + silence(_GAP_MS)[: _GAP_MS * 2 * rate_hz // 1000]
    return _compressed(pcm[: ms * 2 * rate_hz // 1000], format)


def _compressed(pcm: bytes, format: str) -> bytes:  # noqa: A002 - the wire's name
    if format == MULAW:
        return mulaw_from_pcm(pcm)
    return alaw_from_pcm(pcm) if format == ALAW else pcm


@lru_cache(maxsize=16)
def encoded(pcm: bytes, format: str) -> bytes:  # noqa: A002 - the wire's name
    """PCM at 24 kHz in any of the formats."""
    rate_hz = PCM_RATE_HZ if format == PCM else G711_RATE_HZ
    return _compressed(resample(pcm, PCM_RATE_HZ, rate_hz), format)


def speech(count: int, speed: float, format: str, *, first: int = 0) -> bytes:  # noqa: A002
    """The sound of `count` words in a row, counting them from `first`."""
    ms = word_ms(speed)
    numbers = range(first, first + count)
    return b"".join(spoken_word(n % len(_PITCHES_HZ), ms, format) for n in numbers)

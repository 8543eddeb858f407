"""How loud some audio is, and audio of a known loudness.

The measures are enough for a simulated voice detection; they do not know what speech is.
"""

from __future__ import annotations

import math
from operator import mul
from typing import Final

from trio_realtime.audio._chunks import raw_from_audio
from trio_realtime.audio._formats import PCM_RATE_HZ, AudioBytes
from trio_realtime.audio._samples import PEAK, pcm_from_samples, samples_from_pcm

_FULL_SCALE: Final = 32_768


def rms(pcm: AudioBytes) -> float:
    """The root mean square of 16-bit PCM, from 0.0 (silence, or nothing) to 1.0 (full scale).

    A full-scale sine has 0.707. A torn last sample is not counted, so any piece of a live stream
    can be measured.
    """
    raw = raw_from_audio(pcm)
    samples = samples_from_pcm(raw[: len(raw) // 2 * 2])
    if not samples:
        return 0.0
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) / _FULL_SCALE


def dbfs(pcm: AudioBytes) -> float:
    """The level of 16-bit PCM in decibels below full scale: 0.0 at most, `-inf` for silence.

    A full-scale sine has -3.01 dB; speech close to a microphone is around -25 dB.
    """
    level = rms(pcm)
    return 20 * math.log10(level) if level else -math.inf


def tone(
    frequency_hz: float,
    duration_ms: float,
    *,
    volume: float = 0.5,
    fade_ms: float = 5,
    sample_rate_hz: int = PCM_RATE_HZ,
) -> bytes:
    """A sine as 16-bit PCM, faded in and out so that it does not click.

    ::

        pcm = tone(440, 200) + silence(100) + tone(660, 200)

    Args:
        frequency_hz: The pitch, below half the sample rate.
        duration_ms: How long, fades included.
        volume: The peak, from 0.0 to 1.0 (full scale).
        fade_ms: How long each fade takes; at most half the tone.
        sample_rate_hz: Samples per second.

    Raises:
        ValueError: if a number is out of its range.
    """
    if not 0 < frequency_hz < sample_rate_hz / 2:
        raise ValueError(f"frequency_hz must be between 0 and half of {sample_rate_hz}")
    if not 0 <= volume <= 1:
        raise ValueError(f"volume must be between 0 and 1; it is {volume!r}")
    if duration_ms < 0 or fade_ms < 0:
        raise ValueError("duration_ms and fade_ms cannot be negative")
    count = int(duration_ms * sample_rate_hz / 1000)
    fade = min(int(fade_ms * sample_rate_hz / 1000), count // 2)
    step = 2 * math.pi * frequency_hz / sample_rate_hz
    peak = volume * PEAK
    samples = [round(peak * math.sin(step * n)) for n in range(count)]
    for n in range(fade):
        gain = n / fade
        samples[n] = round(samples[n] * gain)
        samples[-1 - n] = round(samples[-1 - n] * gain)
    return pcm_from_samples(samples)

"""PCM from one sample rate to another: windowed sinc, polyphase, in pure Python.

For files and tests: ten seconds take around a second. Each call stands alone, so a live stream
resampled piece by piece would click at the seams.
"""

from __future__ import annotations

import math
from operator import mul
from typing import Final

from trio_realtime.audio._formats import AudioBytes
from trio_realtime.audio._samples import PEAK, pcm_from_samples, samples_from_pcm

# Zero crossings on each side. With the Blackman window 16 give 74 dB of stop band, below what
# speech at 16 bits shows, at 32 multiplications a sample.
_CROSSINGS: Final = 16

# The pass band ends a little below half of the lower rate, since the filter is not infinitely
# steep; what folds back lies above 10.9 kHz.
_ROLLOFF: Final = 0.92

# Rates without a common divisor (44 099 to 24 000) would need a filter per output sample. All
# filters together get so many weights (8 MB); positions between them take the one before, which
# leaves noise some 86 dB below the signal.
_MAX_WEIGHTS: Final = 2**18

MIN_RATE_HZ: Final = 1_000
MAX_RATE_HZ: Final = 768_000


def resample(pcm: AudioBytes, from_hz: int, to_hz: int) -> bytes:
    """Convert 16-bit mono PCM from one sample rate to another.

    The duration stays; frequencies that the lower rate cannot carry are filtered out.

    ::

        pcm24k = resample(pcm48k, 48_000, PCM_RATE_HZ)

    Args:
        pcm: Whole samples; the complete recording, not a piece of a stream.
        from_hz: Its samples per second, 1 000 to 768 000.
        to_hz: The samples per second wanted, in the same range.

    Raises:
        ValueError: if a rate is out of range or the PCM ends within a sample.
    """
    for rate in (from_hz, to_hz):
        if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            raise ValueError(
                f"a sample rate must be between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz; it is {rate!r}"
            )
    samples = samples_from_pcm(pcm)
    if from_hz == to_hz or not samples:
        return pcm_from_samples(samples)
    divisor = math.gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    # Below 1 when the rate goes down: the sinc is as wide as the slower rate asks.
    band = _ROLLOFF * min(1.0, to_hz / from_hz)
    half = math.ceil(_CROSSINGS / band)
    phases = min(up, _MAX_WEIGHTS // (2 * half))
    filters: dict[int, list[float]] = {}
    count = (len(samples) * up + down // 2) // down
    edge = [0.0] * half
    padded = [*edge, *map(float, samples), *edge, 0.0]
    out: list[int] = []
    for n in range(count):
        start, rest = divmod(n * down, up)
        phase = rest * phases // up
        weights = filters.get(phase)
        if weights is None:
            weights = filters[phase] = _weights(phase / phases, half, band)
        total = sum(map(mul, weights, padded[start + 1 : start + 1 + 2 * half]))
        out.append(max(-PEAK - 1, min(PEAK, round(total))))
    return pcm_from_samples(out)


def _weights(offset: float, half: int, band: float) -> list[float]:
    """The weights of the `2 * half` samples around a position between two samples."""
    weights = [_weight(k - half + 1 - offset, half, band) for k in range(2 * half)]
    # So that a constant stays that constant, whatever the offset.
    scale = 1 / math.fsum(weights)
    return [weight * scale for weight in weights]


def _weight(distance: float, half: int, band: float) -> float:
    x = math.pi * band * distance
    sinc = math.sin(x) / x if x else 1.0
    angle = math.pi * distance / half
    return sinc * (0.42 + 0.5 * math.cos(angle) + 0.08 * math.cos(2 * angle))

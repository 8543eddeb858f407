"""G.711, the telephone's two codecs: mu-law (North America, Japan) and A-law (elsewhere).

Samples map to bytes through tables made from ITU-T G.711. Nothing is resampled: G.711 runs at
8 kHz, so resample before encoding and after decoding.
"""

from __future__ import annotations

import functools
from typing import Final

from trio_realtime.audio._chunks import raw_from_audio
from trio_realtime.audio._formats import AudioBytes
from trio_realtime.audio._samples import samples_from_pcm

# G.711 is defined on 14-bit (mu-law) and 13-bit (A-law) samples; ours have 16 bits.
_MULAW_BIAS: Final = 33
_MULAW_CLIP: Final = 8158
_ALAW_MASK: Final = 0x55


def mulaw_from_pcm(pcm: AudioBytes) -> bytes:
    """Encode 16-bit PCM at 8 kHz as mu-law (`audio/pcmu`), one byte a sample.

    ::

        mulaw_from_pcm(resample(pcm, 24_000, 8_000))

    Raises:
        ValueError: if the PCM ends within a sample.
    """
    return bytes(map(_mulaw_codes().__getitem__, samples_from_pcm(pcm)))


def alaw_from_pcm(pcm: AudioBytes) -> bytes:
    """Encode 16-bit PCM at 8 kHz as A-law (`audio/pcma`), one byte a sample.

    Raises:
        ValueError: if the PCM ends within a sample.
    """
    return bytes(map(_alaw_codes().__getitem__, samples_from_pcm(pcm)))


def pcm_from_mulaw(mulaw: AudioBytes) -> bytes:
    """Decode mu-law (`audio/pcmu`) to 16-bit PCM, still at 8 kHz.

    ::

        resample(pcm_from_mulaw(call), 8_000, 24_000)
    """
    return _translated(mulaw, *_mulaw_levels())


def pcm_from_alaw(alaw: AudioBytes) -> bytes:
    """Decode A-law (`audio/pcma`) to 16-bit PCM, still at 8 kHz."""
    return _translated(alaw, *_alaw_levels())


def _translated(codes: AudioBytes, low: bytes, high: bytes) -> bytes:
    raw = bytes(raw_from_audio(codes))
    pcm = bytearray(2 * len(raw))
    pcm[0::2] = raw.translate(low)
    pcm[1::2] = raw.translate(high)
    return bytes(pcm)


def _halves(levels: list[int]) -> tuple[bytes, bytes]:
    return bytes(level & 0xFF for level in levels), bytes(level >> 8 & 0xFF for level in levels)


@functools.cache
def _mulaw_levels() -> tuple[bytes, bytes]:
    return _halves([_level_from_mulaw(code) for code in range(256)])


@functools.cache
def _alaw_levels() -> tuple[bytes, bytes]:
    return _halves([_level_from_alaw(code) for code in range(256)])


# The tables are indexed by the signed sample: a negative index counts from the end, which is what
# two's complement does too.
@functools.cache
def _mulaw_codes() -> bytes:
    return b"".join(
        bytes((_mulaw_from_level(level),)) * 4 for level in (*range(8192), *range(-8192, 0))
    )


@functools.cache
def _alaw_codes() -> bytes:
    return b"".join(
        bytes((_alaw_from_level(level),)) * 8 for level in (*range(4096), *range(-4096, 0))
    )


def _mulaw_from_level(level: int) -> int:
    sign, magnitude = (0x80, -level) if level < 0 else (0, level)
    biased = min(magnitude, _MULAW_CLIP) + _MULAW_BIAS
    segment = biased.bit_length() - 6
    return (sign | segment << 4 | biased >> (segment + 1) & 0x0F) ^ 0xFF


def _level_from_mulaw(code: int) -> int:
    code ^= 0xFF
    segment = code >> 4 & 0x07
    magnitude = ((2 * (code & 0x0F) + _MULAW_BIAS << segment) - _MULAW_BIAS) * 4
    return -magnitude if code & 0x80 else magnitude


def _alaw_from_level(level: int) -> int:
    # A-law has no zero: -1 is the first negative step, so negatives are mirrored about -1/2.
    sign, magnitude = (0, -level - 1) if level < 0 else (0x80, level)
    segment = max(0, magnitude.bit_length() - 5)
    step = magnitude >> max(1, segment) & 0x0F
    return (sign | segment << 4 | step) ^ _ALAW_MASK


def _level_from_alaw(code: int) -> int:
    code ^= _ALAW_MASK
    segment = code >> 4 & 0x07
    step = (code & 0x0F) * 16 + 8
    magnitude = step if segment == 0 else step + 256 << segment - 1
    return magnitude if code & 0x80 else -magnitude

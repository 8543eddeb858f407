"""Audio as bytes: arithmetic, base64, chunks, WAV, G.711, resampling and test tones.

Pure functions over 16-bit little-endian mono PCM, in pure Python. This package knows no devices
and no connection; it is for files, telephone lines, tests and simulators. For live audio at other
rates than the server's, capture at 24 kHz instead of resampling.
"""

from trio_realtime.audio._chunks import base64_from_bytes, chunks_of
from trio_realtime.audio._formats import (
    CHUNK_BYTES,
    G711_RATE_HZ,
    PCM_RATE_HZ,
    AudioBytes,
    AudioFormat,
    bytes_from_ms,
    bytes_per_ms,
    duration_ms,
    silence,
)
from trio_realtime.audio._g711 import (
    alaw_from_pcm,
    mulaw_from_pcm,
    pcm_from_alaw,
    pcm_from_mulaw,
)
from trio_realtime.audio._resampling import resample
from trio_realtime.audio._signal import dbfs, rms, tone
from trio_realtime.audio._wav import Wav, pcm_from_wav, read_wav, wav_from_pcm

__all__ = [
    "CHUNK_BYTES",
    "G711_RATE_HZ",
    "PCM_RATE_HZ",
    "AudioBytes",
    "AudioFormat",
    "Wav",
    "alaw_from_pcm",
    "base64_from_bytes",
    "bytes_from_ms",
    "bytes_per_ms",
    "chunks_of",
    "dbfs",
    "duration_ms",
    "mulaw_from_pcm",
    "pcm_from_alaw",
    "pcm_from_mulaw",
    "pcm_from_wav",
    "read_wav",
    "resample",
    "rms",
    "silence",
    "tone",
    "wav_from_pcm",
]

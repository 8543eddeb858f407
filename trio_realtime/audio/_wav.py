"""WAV files: any PCM read, 16-bit mono written.

This module takes and gives bytes; it does not open files.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from typing import Final, final

from trio_realtime.audio._chunks import raw_from_audio
from trio_realtime.audio._formats import PCM_RATE_HZ, AudioBytes
from trio_realtime.audio._resampling import MAX_RATE_HZ, MIN_RATE_HZ, resample
from trio_realtime.audio._samples import pcm_from_samples, samples_from_pcm

# The size in the header has 32 bits, and counts 36 bytes of the header too.
_MOST_BYTES: Final = 2**32 - 38

_PCM: Final = 0x0001
_EXTENSIBLE: Final = 0xFFFE

_OTHER_ENCODINGS: Final = {
    0x0002: "ADPCM",
    0x0003: "floating point",
    0x0006: "A-law",
    0x0007: "mu-law",
    0x0011: "IMA ADPCM",
    0x0055: "MP3",
}

_CONVERT: Final = "convert it first, for example with `ffmpeg -i FILE -c:a pcm_s16le out.wav`"

_OTHER_FILES: Final = {
    b"RIFX": "a big-endian WAV",
    b"RF64": "an RF64 file",
    b"OggS": "an Ogg file",
    b"fLaC": "a FLAC file",
    b"FORM": "an AIFF file",
    b"ID3\x03": "an MP3 file",
    b"ID3\x04": "an MP3 file",
}


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Wav:
    """A WAV file, read: one channel of 16-bit PCM, and what the file held."""

    pcm: bytes = dataclasses.field(repr=False)
    """Mono 16-bit PCM at the file's own rate; several channels are averaged."""

    sample_rate_hz: int
    """Samples per second."""

    channels: int
    """How many channels the file had."""

    bits: int
    """Bits per sample in the file."""

    @property
    def duration_ms(self) -> float:
        """How long it plays."""
        return len(self.pcm) * 500 / self.sample_rate_hz


def pcm_from_wav(data: AudioBytes, sample_rate_hz: int = PCM_RATE_HZ) -> bytes:
    """Mono 16-bit PCM at the rate you want from any PCM WAV file.

    ::

        pcm = pcm_from_wav(Path("question.wav").read_bytes())
        await conn.input_audio_buffer.append(pcm)

    Args:
        data: The whole file: 8, 16, 24 or 32 bits, any number of channels, any rate.
        sample_rate_hz: The rate wanted; the default is the server's.

    Raises:
        ValueError: if it is not a PCM WAV file; the text says what to do.
    """
    wav = read_wav(data)
    return resample(wav.pcm, wav.sample_rate_hz, sample_rate_hz)


def wav_from_pcm(pcm: AudioBytes, sample_rate_hz: int = PCM_RATE_HZ) -> bytes:
    """A mono 16-bit WAV file from PCM.

    ::

        Path("reply.wav").write_bytes(wav_from_pcm(pcm))

    Raises:
        ValueError: if the PCM ends within a sample or is above 4 GiB, or if no file can have
            that sample rate.
    """
    body = raw_from_audio(pcm)
    return header_from_size(len(body), sample_rate_hz) + body


def header_from_size(size: int, sample_rate_hz: int) -> bytes:
    """What stands before so many bytes of mono 16-bit PCM in a WAV file."""
    if size % 2:
        raise ValueError(f"16-bit PCM has two bytes a sample, but there are {size} bytes")
    if size > _MOST_BYTES:
        raise ValueError("a WAV file holds 4 GiB at most")
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise ValueError(
            f"a sample rate must be between {MIN_RATE_HZ} and {MAX_RATE_HZ} Hz; "
            f"it is {sample_rate_hz!r}"
        )
    layout = (16, _PCM, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", *layout)
        + struct.pack("<4sI", b"data", size)
    )


def read_wav(data: AudioBytes) -> Wav:
    """Read a PCM WAV file, keeping its sample rate.

    Files that were written to a pipe (their sizes are 0 or 0xFFFFFFFF) or cut short are read to
    their end.

    Raises:
        ValueError: if it is not a PCM WAV file; the text says what to do.
    """
    raw = bytes(raw_from_audio(data))
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise ValueError(_not_a_wav(raw))
    layout: bytes | None = None
    for name, body in _chunks(raw):
        if name == b"fmt ":
            layout = body
        elif name == b"data":
            if layout is None:
                raise ValueError("not a usable WAV file: its `data` comes before its `fmt `")
            return _decoded(layout, body)
    raise ValueError("not a usable WAV file: it ends before its `data`")


def _not_a_wav(raw: bytes) -> str:
    if not raw:
        return "not a WAV file: it is empty"
    kind = _OTHER_FILES.get(raw[:4])
    return f"not a WAV file{'' if kind is None else f' but {kind}'}: {_CONVERT}"


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    (declared,) = struct.unpack_from("<I", raw, 4)
    start = 12
    while start + 8 <= len(raw):
        name, size = struct.unpack_from("<4sI", raw, start)
        start += 8
        # Written to a pipe: no tool could come back to fill in the size. A file whose whole size
        # is right has an empty `data` on purpose.
        if name == b"data" and size == 0 and declared + 8 != len(raw):
            size = len(raw)
        yield name, raw[start : start + size]
        # Chunks begin at even offsets; the padding byte is not counted.
        start += size + size % 2


def _decoded(layout: bytes, body: bytes) -> Wav:
    if len(layout) < 16:
        raise ValueError("not a usable WAV file: its `fmt ` is too short")
    encoding, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", layout)
    if encoding == _EXTENSIBLE and len(layout) >= 26:
        (encoding,) = struct.unpack_from("<H", layout, 24)
    if encoding != _PCM:
        name = _OTHER_ENCODINGS.get(encoding, f"encoding 0x{encoding:04X}")
        raise ValueError(f"this WAV file is {name}, not PCM: {_CONVERT}")
    width = (bits + 7) // 8
    if not channels or not 1 <= width <= 4 or block != channels * width:
        raise ValueError(
            f"this WAV file is damaged or unusual ({channels} channels of {bits} bits in "
            f"{block} bytes): {_CONVERT}"
        )
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise ValueError(f"this WAV file claims {rate} samples per second: {_CONVERT}")
    pcm = _mono(_sixteen_bits(body[: len(body) // block * block], width), channels)
    return Wav(pcm=pcm, sample_rate_hz=rate, channels=channels, bits=bits)


def _sixteen_bits(body: bytes, width: int) -> bytes:
    """Keep the two most significant bytes of each sample. 8-bit WAV alone is unsigned."""
    if width == 2:
        return body
    out = bytearray(len(body) // width * 2)
    if width == 1:
        out[1::2] = bytes(byte ^ 0x80 for byte in body)
    else:
        out[0::2] = body[width - 2 :: width]
        out[1::2] = body[width - 1 :: width]
    return bytes(out)


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    samples = samples_from_pcm(pcm)
    columns = (samples[channel::channels] for channel in range(channels))
    return pcm_from_samples(sum(frame) // channels for frame in zip(*columns, strict=True))

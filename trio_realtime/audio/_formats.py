"""The wire's three audio formats, and the arithmetic between bytes and milliseconds.

This module does not look at samples.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, assert_never

AudioBytes: TypeAlias = bytes | bytearray | memoryview
"""What every function here takes as audio. Wrap other buffers: `memoryview(samples)`."""

AudioFormat: TypeAlias = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
"""The wire's names: 16-bit PCM at 24 kHz, and G.711 mu-law and A-law at 8 kHz. All are mono."""

PCM_RATE_HZ: Final = 24_000
"""Samples per second of `audio/pcm`, the only rate the server takes."""

G711_RATE_HZ: Final = 8_000
"""Samples per second of `audio/pcmu` and `audio/pcma`; one byte each."""

CHUNK_BYTES: Final = 32 * 1024
"""Raw bytes per chunk: 0.68 s of PCM. The server takes 15 MiB in one append; small chunks let
voice detection react sooner and block the run loop for less than a millisecond each."""


def bytes_per_ms(format: AudioFormat = "audio/pcm") -> int:  # noqa: A002 - the wire's name
    """Bytes in one millisecond of audio: 48 for PCM, 8 for G.711.

    Raises:
        ValueError: if the format is none of `AudioFormat`.
    """
    match format:
        case "audio/pcm":
            return PCM_RATE_HZ * 2 // 1000
        case "audio/pcmu" | "audio/pcma":
            return G711_RATE_HZ // 1000
        case _ as unknown:
            raise _unknown_format(unknown)


def duration_ms(
    audio: AudioBytes | int,
    format: AudioFormat = "audio/pcm",  # noqa: A002 - the wire's name
) -> float:
    """Milliseconds that some audio, or a number of bytes of it, plays.

    ::

        duration_ms(bytes(4800))  # 100.0
        duration_ms(160, "audio/pcmu")  # 20.0

    Args:
        audio: The audio, or its size in bytes.
        format: What the bytes are.
    """
    if isinstance(audio, memoryview):
        size = audio.nbytes
    else:
        size = audio if isinstance(audio, int) else len(audio)
    return size / bytes_per_ms(format)


def bytes_from_ms(
    ms: float,
    format: AudioFormat = "audio/pcm",  # noqa: A002 - the wire's name
) -> int:
    """Bytes in so many milliseconds, rounded down to whole samples.

    ::

        bytes_from_ms(20)  # 960
        bytes_from_ms(20, "audio/pcma")  # 160

    Raises:
        ValueError: if `ms` is negative.
    """
    if ms < 0:
        raise ValueError(f"a duration cannot be negative; it is {ms!r} ms")
    size = int(ms * bytes_per_ms(format))
    return size - size % 2 if format == "audio/pcm" else size


def silence(
    duration_ms: float,
    format: AudioFormat = "audio/pcm",  # noqa: A002 - the wire's name
) -> bytes:
    """So many milliseconds of silence.

    ::

        await conn.input_audio_buffer.append(silence(500))  # lets server VAD end the turn

    Raises:
        ValueError: if the duration is negative.
    """
    size = bytes_from_ms(duration_ms, format)
    match format:
        case "audio/pcm":
            return bytes(size)
        case "audio/pcmu":
            return b"\xff" * size
        case "audio/pcma":
            return b"\xd5" * size
        case _:
            assert_never(format)


def _unknown_format(format: object) -> ValueError:  # noqa: A002 - the wire's name
    return ValueError(f"format must be 'audio/pcm', 'audio/pcmu' or 'audio/pcma', not {format!r}")

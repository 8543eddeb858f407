"""Audio cut into pieces, and as the text the wire carries.

This module does not know what the bytes mean, but that a sample has two of them.
"""

from __future__ import annotations

import binascii

from trio_realtime.audio._formats import CHUNK_BYTES, AudioBytes


def raw_from_audio(audio: AudioBytes) -> bytes | bytearray | memoryview:
    """Check that this is audio as bytes, and return it as a contiguous buffer.

    Raises:
        TypeError: if it is text or no buffer at all.
    """
    if isinstance(audio, bytes | bytearray):
        return audio
    try:
        view = memoryview(audio)
    except TypeError:
        raise TypeError(
            f"audio is bytes, bytearray or memoryview, not {type(audio).__name__}; "
            "base64 text is decoded with `base64.b64decode(text)`"
        ) from None
    # One column of a two-dimensional array is strided; binascii refuses those.
    return view.cast("B") if view.c_contiguous else view.tobytes()


def base64_from_bytes(audio: AudioBytes) -> str:
    """The standard base64 text of some audio, as the server wants it: padded, on one line.

    Raises:
        TypeError: for `str`, which is probably base64 already.
    """
    return binascii.b2a_base64(raw_from_audio(audio), newline=False).decode("ascii")


def chunks_of(audio: AudioBytes, size: int = CHUNK_BYTES) -> list[bytes]:
    """Cut audio into pieces of at most `size` bytes that never split a 16-bit sample.

    ::

        for chunk in chunks_of(pcm, bytes_from_ms(20)):
            await conn.input_audio_buffer.append(chunk)

    Args:
        audio: The audio; the last piece holds what remains. No audio gives no pieces.
        size: The most bytes in a piece. An odd one is rounded down.

    Raises:
        TypeError: for `str`, which is probably base64 already.
        ValueError: if `size` is below 2.
    """
    raw = raw_from_audio(audio)
    if size < 2:
        raise ValueError(f"size must be at least 2 bytes; it is {size}")
    step = size - size % 2
    return [bytes(raw[start : start + step]) for start in range(0, len(raw), step)]

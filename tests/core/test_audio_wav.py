"""WAV files of every PCM kind, whole, streamed, cut short and broken."""

from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given, strategies as st

from trio_realtime.audio import (
    Wav,
    _wav,
    pcm_from_wav,
    read_wav,
    rms,
    silence,
    tone,
    wav_from_pcm,
)
from trio_realtime.audio._samples import pcm_from_samples, samples_from_pcm

# The GUID behind the encoding in WAVE_FORMAT_EXTENSIBLE.
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    padding = b"\0" * (len(body) % 2)
    return struct.pack("<4sI", name, len(body) if size is None else size) + body + padding


def layout(
    *, encoding: int = 1, channels: int = 1, rate: int = 24_000, bits: int = 16, block: int = 0
) -> bytes:
    block = block or channels * ((bits + 7) // 8)
    return struct.pack("<HHIIHH", encoding, channels, rate, rate * block, block, bits)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", b"RIFF", len(body) if size is None else size) + body


def file(body: bytes, **given: int) -> bytes:
    return riff(chunk(b"fmt ", layout(**given)), chunk(b"data", body))


def samples_of(wav: Wav) -> list[int]:
    return list(samples_from_pcm(wav.pcm))


# --- Writing


def test_what_we_write_others_read() -> None:
    pcm = tone(440, 50)
    with wave.open(io.BytesIO(wav_from_pcm(pcm))) as other:
        assert other.getparams()[:4] == (1, 2, 24_000, 1_200)
        assert other.readframes(2_000) == pcm


def test_what_we_write_we_read() -> None:
    pcm = tone(440, 50, sample_rate_hz=8_000)
    wav = read_wav(wav_from_pcm(pcm, 8_000))
    assert wav == Wav(pcm=pcm, sample_rate_hz=8_000, channels=1, bits=16)
    assert wav.duration_ms == 50
    assert repr(wav) == "Wav(sample_rate_hz=8000, channels=1, bits=16)"
    assert pcm_from_wav(wav_from_pcm(memoryview(pcm), 8_000), 8_000) == pcm
    assert read_wav(wav_from_pcm(b"")).pcm == b""


def test_what_is_no_pcm_is_not_written() -> None:
    with pytest.raises(ValueError, match="two bytes a sample, but there are 3 bytes"):
        wav_from_pcm(b"\0\0\0")
    with pytest.raises(TypeError, match="not str"):
        wav_from_pcm("AAAA")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0, -1, 2**32])
def test_a_rate_no_header_can_hold_is_not_written(rate: int) -> None:
    with pytest.raises(ValueError, match="sample rate"):
        wav_from_pcm(b"\0\0", rate)


def test_more_than_four_gigabytes_are_not_written() -> None:
    assert len(_wav.header_from_size(2**32 - 38, 24_000)) == 44
    with pytest.raises(ValueError, match="4 GiB at most"):
        _wav.header_from_size(2**32 - 36, 24_000)


# --- Reading every kind of PCM


@pytest.mark.parametrize(
    ("bits", "body", "samples"),
    [
        (8, bytes([0, 1, 128, 255]), [-32_768, -32_512, 0, 32_512]),
        (16, struct.pack("<3h", -32_768, 7, 32_767), [-32_768, 7, 32_767]),
        (24, bytes.fromhex("000080 ff0700 ffff7f"), [-32_768, 7, 32_767]),
        (32, struct.pack("<3i", -(2**31), 7 * 2**16 + 9, 2**31 - 1), [-32_768, 7, 32_767]),
        # The upper bits of a larger container.
        (12, struct.pack("<2h", -32_768, 0x7FF0), [-32_768, 0x7FF0]),
        (20, bytes.fromhex("000080 f0ff7f"), [-32_768, 32_767]),
    ],
)
def test_any_width_becomes_sixteen_bits(bits: int, body: bytes, samples: list[int]) -> None:
    wav = read_wav(file(body, bits=bits))
    assert samples_of(wav) == samples
    assert wav.bits == bits


def test_channels_are_averaged() -> None:
    stereo = struct.pack("<6h", 100, 200, 32_767, 32_767, -32_768, 32_767)
    wav = read_wav(file(stereo, channels=2))
    assert samples_of(wav) == [150, 32_767, -1]
    assert wav.channels == 2
    assert samples_of(read_wav(file(bytes([0, 255, 128]), channels=3, bits=8))) == [-86]
    five = read_wav(file(struct.pack("<5i", *[2**30] * 5), channels=5, bits=32))
    assert samples_of(five) == [2**14]


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_becomes_the_server_s(rate: int, channels: int) -> None:
    mono = samples_from_pcm(tone(440, 200, sample_rate_hz=rate))
    body = pcm_from_samples(value for value in mono for _ in range(channels))
    pcm = pcm_from_wav(file(body, rate=rate, channels=channels))
    assert len(pcm) == pytest.approx(len(tone(440, 200)), abs=4)
    assert rms(pcm) == pytest.approx(rms(tone(440, 200)), rel=0.01)


def test_the_rate_can_be_chosen() -> None:
    assert len(pcm_from_wav(wav_from_pcm(silence(100)), 8_000)) == 2 * 800


def test_the_extensible_form_is_read() -> None:
    extension = struct.pack("<HHIH", 22, 16, 4, 1) + GUID_TAIL
    body = struct.pack("<2h", 5, -5)
    wav = read_wav(riff(chunk(b"fmt ", layout(encoding=0xFFFE) + extension), chunk(b"data", body)))
    assert samples_of(wav) == [5, -5]


def test_other_chunks_are_stepped_over_with_their_padding() -> None:
    body = struct.pack("<2h", 5, -5)
    data = riff(
        chunk(b"JUNK", b"odd"),
        chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0"),
        chunk(b"fmt ", layout() + b"\0\0"),
        chunk(b"fact", b"\2\0\0\0"),
        chunk(b"data", body),
        chunk(b"data", b"\1\1"),
        chunk(b"id3 ", b"x"),
    )
    assert samples_of(read_wav(data)) == [5, -5]
    assert samples_of(read_wav(memoryview(data))) == [5, -5]


# --- Streamed and cut short

BODY = struct.pack("<4h", 1, 2, 3, 4)


@pytest.mark.parametrize("riff_size", [0, 36, 0xFFFFFFFF, 0x7FFFFFFF])
@pytest.mark.parametrize("data_size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_a_file_from_a_pipe_is_read_to_its_end(riff_size: int, data_size: int) -> None:
    data = riff(chunk(b"fmt ", layout()), chunk(b"data", BODY, data_size), size=riff_size)
    assert samples_of(read_wav(data)) == [1, 2, 3, 4]


def test_a_file_that_is_empty_on_purpose_stays_empty() -> None:
    data = riff(chunk(b"fmt ", layout()), chunk(b"data", b""), chunk(b"LIST", b"INFOxxxx"))
    wav = read_wav(data)
    assert (wav.pcm, wav.duration_ms) == (b"", 0)
    assert pcm_from_wav(data) == b""


@pytest.mark.parametrize("missing", range(1, 9))
def test_a_file_that_was_cut_short_gives_the_whole_samples_it_has(missing: int) -> None:
    data = file(BODY)[:-missing]
    assert samples_of(read_wav(data)) == [1, 2, 3, 4][: (8 - missing) // 2]
    stereo = file(BODY, channels=2)[:-missing]
    assert len(read_wav(stereo).pcm) == (8 - missing) // 4 * 2


# --- What cannot be read

REFUSED: list[tuple[bytes, str]] = [
    (b"", "it is empty"),
    (b"RIFF", "^not a WAV file: convert it first, .*ffmpeg"),
    (b"hello, world, this is text", "^not a WAV file: convert it first, .*ffmpeg"),
    (b"RIFF\0\0\0\0AVI LIST", "^not a WAV file: convert it first, .*ffmpeg"),
    (b"OggS" + bytes(40), "an Ogg file: convert it first, .*ffmpeg"),
    (b"fLaC" + bytes(40), "a FLAC file: .*ffmpeg"),
    (b"ID3\x04" + bytes(40), "an MP3 file: .*ffmpeg"),
    (b"FORM\0\0\0\0AIFF", "an AIFF file: .*ffmpeg"),
    (b"RIFX\0\0\0\0WAVE", "a big-endian WAV: .*ffmpeg"),
    (riff(), "ends before its `data`"),
    (riff(chunk(b"fmt ", layout())), "ends before its `data`"),
    (riff(chunk(b"data", BODY)), "`data` comes before its `fmt `"),
    (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", BODY)), "`fmt ` is too short"),
    (file(BODY, encoding=3, bits=32), "is floating point, not PCM: .*ffmpeg -i FILE"),
    (file(BODY, encoding=6, bits=8), "is A-law, not PCM"),
    (file(BODY, encoding=7, bits=8), "is mu-law, not PCM"),
    (file(BODY, encoding=0x55), "is MP3, not PCM"),
    (file(BODY, encoding=0x1234), "is encoding 0x1234, not PCM"),
    (file(BODY, encoding=0xFFFE), "is encoding 0xFFFE, not PCM"),
    (
        riff(
            chunk(
                b"fmt ",
                layout(encoding=0xFFFE, bits=32) + struct.pack("<HHIH", 22, 32, 4, 3) + GUID_TAIL,
            ),
            chunk(b"data", BODY),
        ),
        "is floating point, not PCM",
    ),
    (file(BODY, channels=0, block=2), r"damaged or unusual \(0 channels"),
    (file(BODY, bits=0, block=2), "damaged or unusual .*of 0 bits"),
    (file(BODY, bits=64), "damaged or unusual .*of 64 bits"),
    (file(BODY, block=4), "damaged or unusual .*in 4 bytes"),
    (file(BODY, rate=0), "claims 0 samples per second"),
    (file(BODY, rate=2_000_000_000), "claims 2000000000 samples per second"),
]


@pytest.mark.parametrize(("data", "text"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_read_says_why_and_what_to_do(data: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        pcm_from_wav(data)
    assert type(caught.value) is ValueError


@given(data=st.binary(max_size=80), with_header=st.booleans())
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes, *, with_header: bool) -> None:
    try:
        wav = read_wav(riff(data, size=0) if with_header else data)
    except ValueError:
        return
    assert len(wav.pcm) % 2 == 0


@given(st.binary(min_size=16, max_size=40), st.binary(max_size=64))
def test_no_layout_makes_the_reader_fail_otherwise(header: bytes, body: bytes) -> None:
    try:
        wav = read_wav(riff(chunk(b"fmt ", header), chunk(b"data", body)))
    except ValueError:
        return
    assert len(wav.pcm) % 2 == 0

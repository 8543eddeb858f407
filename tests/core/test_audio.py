"""Formats, chunks, G.711, levels and tones."""

from __future__ import annotations

import base64
import hashlib
import inspect
import itertools
import math
from array import array
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trio_realtime import audio
from trio_realtime.audio import (
    CHUNK_BYTES,
    G711_RATE_HZ,
    PCM_RATE_HZ,
    AudioFormat,
    _samples,
    alaw_from_pcm,
    base64_from_bytes,
    bytes_from_ms,
    bytes_per_ms,
    chunks_of,
    dbfs,
    duration_ms,
    mulaw_from_pcm,
    pcm_from_alaw,
    pcm_from_mulaw,
    rms,
    silence,
    tone,
)

FORMATS: list[tuple[AudioFormat, int]] = [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8)]
ALL_CODES = bytes(range(256))
ALL_SAMPLES = array("h", range(-32768, 32768)).tobytes()


def test_everything_public_is_listed_once_and_in_order() -> None:
    assert len(set(audio.__all__)) == len(audio.__all__)
    constants = [name for name in audio.__all__ if name.isupper()]
    classes = [name for name in audio.__all__ if not name.isupper() and name[0].isupper()]
    functions = [name for name in audio.__all__ if name[0].islower()]
    assert audio.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert all(inspect.getdoc(getattr(audio, name)) for name in functions)


# --- Formats


@pytest.mark.parametrize(("form", "per_ms"), FORMATS)
def test_bytes_and_milliseconds_convert(form: AudioFormat, per_ms: int) -> None:
    assert bytes_per_ms(form) == per_ms
    assert bytes_from_ms(20, form) == 20 * per_ms
    assert bytes_from_ms(0, form) == 0
    audio_bytes = bytes(100 * per_ms)
    for given_audio in (audio_bytes, bytearray(audio_bytes), memoryview(audio_bytes)):
        assert duration_ms(given_audio, form) == 100
    assert duration_ms(100 * per_ms, form) == 100
    assert len(silence(100, form)) == 100 * per_ms


def test_pcm_is_the_default_format() -> None:
    assert bytes_per_ms() == 48
    assert duration_ms(b"\0" * 4800) == 100.0
    assert bytes_from_ms(100) == 4800
    assert silence(1) == bytes(48)
    assert (PCM_RATE_HZ, G711_RATE_HZ, CHUNK_BYTES) == (24_000, 8_000, 32_768)


def test_fractions_of_a_millisecond_count_whole_samples() -> None:
    assert bytes_from_ms(0.03) == 0  # 1.44 bytes
    assert bytes_from_ms(0.1) == 4  # 4.8 bytes
    assert bytes_from_ms(0.4, "audio/pcmu") == 3
    assert duration_ms(1) == pytest.approx(1 / 48)


def test_a_memoryview_of_samples_counts_bytes() -> None:
    assert duration_ms(memoryview(array("h", [0] * 2400))) == 100


def test_a_format_that_is_none_is_refused() -> None:
    unknown: Any = "pcm16"
    for call in (
        lambda: bytes_per_ms(unknown),
        lambda: duration_ms(1, unknown),
        lambda: bytes_from_ms(1, unknown),
        lambda: silence(1, unknown),
    ):
        with pytest.raises(ValueError, match=r"'audio/pcm', .* not 'pcm16'"):
            call()


def test_negative_durations_are_refused() -> None:
    for call in (lambda: bytes_from_ms(-1), lambda: silence(-0.1)):
        with pytest.raises(ValueError, match="cannot be negative"):
            call()


def test_silence_is_silent_in_every_format() -> None:
    assert rms(silence(10)) == 0
    assert set(pcm_from_mulaw(silence(10, "audio/pcmu"))) == {0}
    # A-law has no zero: its smallest step is 8 of 32768.
    assert rms(pcm_from_alaw(silence(10, "audio/pcma"))) == pytest.approx(8 / 32768)


# --- Base64 and chunks


def test_base64_is_standard_and_padded() -> None:
    raw = b"\xfb\xff\xfe\x00"
    assert base64_from_bytes(raw) == "+//+AA=="
    assert base64_from_bytes(b"") == ""
    long = ALL_CODES * 100
    for given_audio in (long, bytearray(long), memoryview(long)):
        assert base64_from_bytes(given_audio) == base64.b64encode(long).decode("ascii")


def test_strided_and_wide_memoryviews_are_read_in_order() -> None:
    left = memoryview(b"\x01\x02\x03\x04")[::2]
    assert base64_from_bytes(left) == base64.b64encode(b"\x01\x03").decode()
    samples = array("h", [1, -2, 3])
    assert chunks_of(memoryview(samples), 4) == [samples.tobytes()[:4], samples.tobytes()[4:]]


@pytest.mark.parametrize("value", ["AAAA", None, 5, [1, 2]])
def test_what_is_no_audio_is_refused(value: object) -> None:
    wrong: Any = value
    for call in (lambda: base64_from_bytes(wrong), lambda: chunks_of(wrong), lambda: rms(wrong)):
        with pytest.raises(TypeError, match=r"not \w+; .*base64\.b64decode") as caught:
            call()
        assert caught.value.__suppress_context__


@given(st.binary(max_size=200), st.integers(2, 50))
def test_chunks_are_the_audio_and_split_no_sample(data: bytes, size: int) -> None:
    chunks = chunks_of(data, size)
    assert b"".join(chunks) == data
    assert all(len(chunk) <= size for chunk in chunks)
    assert all(len(chunk) % 2 == 0 for chunk in chunks[:-1])
    assert len(chunks) == math.ceil(len(data) / (size - size % 2))


def test_chunks_have_32_kib_unless_told_otherwise() -> None:
    assert [len(chunk) for chunk in chunks_of(bytes(70_000))] == [32_768, 32_768, 4_464]
    assert chunks_of(b"") == []
    for size in (1, 0, -4):
        with pytest.raises(ValueError, match="at least 2 bytes"):
            chunks_of(b"", size)


# --- Samples


def test_samples_are_little_endian_on_any_machine() -> None:
    pcm = b"\x01\x00\xff\x7f\x00\x80"
    assert list(_samples.samples_from_pcm(pcm)) == [1, 32767, -32768]
    assert _samples.pcm_from_samples([1, 32767, -32768]) == pcm
    # What a machine of the other byte order would do to its own array.
    swapped = _samples.samples_from_pcm(pcm, swap=True)
    assert list(swapped) == [256, -129, 128]
    assert _samples.pcm_from_samples(swapped, swap=True) == pcm


def test_a_torn_sample_is_refused() -> None:
    for call in (mulaw_from_pcm, alaw_from_pcm):
        with pytest.raises(ValueError, match="two bytes a sample, but there are 3 bytes"):
            call(b"\0\0\0")


# --- G.711

# From the tables of ITU-T G.711: code, and its level on 16 bits.
MULAW = [
    (0x00, -32124), (0x01, -31100), (0x0F, -16764), (0x10, -15996), (0x7E, -8), (0x7F, 0),
    (0x80, 32124), (0xAA, 5372), (0xC0, 1884), (0xEF, 132), (0xFE, 8), (0xFF, 0),
]  # fmt: skip
ALAW = [
    (0x00, -5504), (0x2A, -32256), (0x55, -8), (0x54, -24), (0x7F, -848), (0x80, 5504),
    (0xAA, 32256), (0xAB, 31232), (0xD4, 24), (0xD5, 8), (0xFF, 848), (0xC5, 264),
]  # fmt: skip


@pytest.mark.parametrize(("code", "level"), MULAW)
def test_mulaw_levels_are_the_standard_s(code: int, level: int) -> None:
    assert list(_samples.samples_from_pcm(pcm_from_mulaw(bytes((code,))))) == [level]


@pytest.mark.parametrize(("code", "level"), ALAW)
def test_alaw_levels_are_the_standard_s(code: int, level: int) -> None:
    assert list(_samples.samples_from_pcm(pcm_from_alaw(bytes((code,))))) == [level]


def test_codes_survive_decoding_and_encoding() -> None:
    # Mu-law has two zeros, and the negative one comes back as the positive.
    assert mulaw_from_pcm(pcm_from_mulaw(ALL_CODES)) == ALL_CODES.replace(b"\x7f", b"\xff")
    assert alaw_from_pcm(pcm_from_alaw(ALL_CODES)) == ALL_CODES


def test_every_sample_is_encoded_as_the_reference_does() -> None:
    # Digests of the codes for -32768 to 32767 from Sun's g711.c, which `audioop` used.
    assert hashlib.sha256(mulaw_from_pcm(ALL_SAMPLES)).hexdigest()[:16] == "81d633c9e6972a18"
    assert hashlib.sha256(alaw_from_pcm(ALL_SAMPLES)).hexdigest()[:16] == "38488f6fd710f468"


def test_loudness_survives_the_telephone() -> None:
    pcm = tone(440, 100, sample_rate_hz=8000)
    for there, back in ((mulaw_from_pcm, pcm_from_mulaw), (alaw_from_pcm, pcm_from_alaw)):
        assert len(there(pcm)) == len(pcm) // 2
        assert rms(back(there(pcm))) == pytest.approx(rms(pcm), rel=0.01)
        assert there(b"") == back(b"") == b""


# --- Levels and tones


def test_levels_run_from_nothing_to_full_scale() -> None:
    assert rms(b"") == rms(b"\1") == 0
    assert dbfs(b"") == dbfs(silence(10)) == -math.inf
    square = array("h", [-32768] * 100).tobytes()
    assert (rms(square), dbfs(square)) == (1, 0)
    loud = tone(1000, 1000, volume=1, fade_ms=0)
    assert rms(loud) == pytest.approx(math.sqrt(0.5), rel=1e-3)
    assert dbfs(loud) == pytest.approx(-3.01, abs=0.01)
    assert dbfs(tone(1000, 1000, volume=0.1, fade_ms=0)) == pytest.approx(-23.01, abs=0.01)


def test_a_torn_last_sample_is_not_measured() -> None:
    pcm = tone(440, 20)
    assert rms(pcm + b"\x7f") == rms(pcm)


def test_a_tone_has_its_length_and_pitch_and_does_not_click() -> None:
    pcm = tone(1000, 100)
    assert duration_ms(pcm) == 100
    samples = _samples.samples_from_pcm(pcm)
    assert samples[0] == samples[-1] == 0
    crossings = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
    assert crossings == pytest.approx(100, abs=1)
    assert max(samples) == pytest.approx(0.5 * 32767, abs=1)
    steps = [abs(b - a) for a, b in itertools.pairwise(samples)]
    assert max(steps[:24]) < max(steps[240:480])


def test_short_tones_are_all_fade() -> None:
    assert len(tone(440, 2, fade_ms=100)) == 96
    assert tone(440, 0) == b""
    assert len(tone(440, 1, sample_rate_hz=8000)) == 16


@pytest.mark.parametrize(
    "arguments",
    [
        {"frequency_hz": 0},
        {"frequency_hz": -1},
        {"frequency_hz": 12_000},
        {"frequency_hz": 4_000, "sample_rate_hz": 8_000},
        {"volume": -0.1},
        {"volume": 1.1},
        {"duration_ms": -1},
        {"fade_ms": -1},
    ],
)
def test_a_tone_out_of_range_is_refused(arguments: dict[str, Any]) -> None:
    complete: dict[str, Any] = {"frequency_hz": 440, "duration_ms": 10, **arguments}
    with pytest.raises(ValueError, match=r"frequency_hz|volume|negative"):
        tone(**complete)

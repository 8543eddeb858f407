"""Sample rates: lengths, pitches, levels, and what a lower rate cannot carry."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings, strategies as st

from trio_realtime.audio import dbfs, duration_ms, resample, rms, silence, tone
from trio_realtime.audio._samples import pcm_from_samples, samples_from_pcm

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 44_099, 48_000, 96_000]


def difference_db(one: bytes, other: bytes) -> float:
    """How far below `one` the difference to `other` is, away from the ends."""
    a, b = samples_from_pcm(one), samples_from_pcm(other)
    assert abs(len(a) - len(b)) <= 1
    rest = [x - y for x, y in zip(a, b, strict=False)][200:-200]
    return dbfs(one) - dbfs(pcm_from_samples(rest))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_stays_the_same_tone_at_any_rate(rate: int) -> None:
    there = resample(tone(1000, 100, sample_rate_hz=rate, fade_ms=0), rate, 24_000)
    assert duration_ms(there) == pytest.approx(100, abs=0.1)
    assert difference_db(tone(1000, 100, fade_ms=0), there) > 70
    back = resample(tone(1000, 100, fade_ms=0), 24_000, rate)
    assert difference_db(tone(1000, 100, sample_rate_hz=rate, fade_ms=0), back) > 65


def test_what_the_lower_rate_cannot_carry_is_filtered_out() -> None:
    for hertz in (14_000, 17_000, 20_000):
        high = tone(hertz, 100, sample_rate_hz=48_000, fade_ms=0)
        inner = resample(high, 48_000, 24_000)[400:-400]
        assert dbfs(inner) < dbfs(high) - 70


def test_speech_frequencies_pass_unharmed() -> None:
    for hertz in (100, 3_000, 8_000):
        low = tone(hertz, 100, sample_rate_hz=44_100, fade_ms=0)
        assert rms(resample(low, 44_100, 24_000)[400:-400]) == pytest.approx(rms(low), rel=0.01)


def test_a_constant_stays_that_constant() -> None:
    for rate in RATES:
        level = pcm_from_samples([12_345] * 1_000)
        inner = samples_from_pcm(resample(level, rate, 24_000))[150:-150]
        assert set(inner) <= {12_344, 12_345, 12_346}


def test_full_scale_is_clipped_and_does_not_wrap() -> None:
    square = pcm_from_samples(([32_767] * 40 + [-32_768] * 40) * 20)
    out = samples_from_pcm(resample(square, 16_000, 24_000))
    assert max(out) == 32_767
    assert min(out) == -32_768
    # Overshoot that wrapped would jump across the whole range between neighbours.
    assert sum(abs(b - a) > 60_000 for a, b in itertools.pairwise(out)) == 0


def test_the_same_rate_and_no_audio_change_nothing() -> None:
    pcm = tone(440, 10)
    assert resample(pcm, 24_000, 24_000) == pcm
    assert resample(memoryview(pcm), 24_000, 24_000) == pcm
    assert resample(b"", 44_100, 24_000) == b""


def test_the_farthest_rates_work() -> None:
    assert len(resample(silence(100), 768_000, 1_000)) == 2 * 3
    assert len(resample(silence(1), 1_000, 767_999)) == 2 * 18_432
    quiet = resample(tone(1000, 20, sample_rate_hz=767_999), 767_999, 24_000)
    assert difference_db(tone(1000, 20), quiet) > 40


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=300),
    st.integers(4_000, 100_000),
    st.integers(4_000, 100_000),
)
def test_the_duration_stays_whatever_the_rates(
    samples: list[int], from_hz: int, to_hz: int
) -> None:
    out = resample(pcm_from_samples(samples), from_hz, to_hz)
    assert len(out) // 2 == math.floor(len(samples) * to_hz / from_hz + 0.5)


@pytest.mark.parametrize("rate", [0, -24_000, 999, 768_001])
def test_rates_that_are_no_audio_are_refused(rate: int) -> None:
    for rates in ((rate, 24_000), (24_000, rate)):
        with pytest.raises(ValueError, match="between 1000 and 768000 Hz"):
            resample(b"", *rates)


def test_a_torn_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="two bytes a sample"):
        resample(b"\0\0\0", 8_000, 24_000)

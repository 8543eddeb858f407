from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from trio_realtime._core._hearing import Hearing, Truncation, bytes_per_ms_from_format
from trio_realtime.types import (
    AudioFormat,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    UnknownAudioFormat,
)

SECOND = 48_000


def hearing_of(*chunks: tuple[str, int]) -> Hearing:
    """Audio of some items, in order, with nobody listening yet."""
    hearing = Hearing(48)
    for item_id, size in chunks:
        hearing.received(item_id, 0, size)
    return hearing


def cuts(hearing: Hearing, *, ended: bool = False) -> dict[str, int]:
    """Where items are cut, in order."""
    truncations = hearing.truncations(ended=ended)
    assert [cut.content_index for cut in truncations] == [0] * len(truncations)
    return {item_id: ms for item_id, _, ms in truncations}


@pytest.mark.parametrize(
    ("audio_format", "expected"),
    [
        (PcmFormat(rate=24_000), 48),
        (PcmFormat(rate=16_000), 32),
        (PcmFormat(rate=22_050), 44.1),
        (PcmFormat(rate=0), 48),
        (PcmFormat(rate=-1), 48),
        (PcmFormat(), 48),
        (PcmuFormat(), 8),
        (PcmaFormat(), 8),
        (UnknownAudioFormat("audio/opus", {"type": "audio/opus"}), 48),
        (None, 48),
    ],
)
def test_a_millisecond_has_as_many_bytes_as_the_format_says(
    audio_format: AudioFormat | None, expected: float
) -> None:
    assert bytes_per_ms_from_format(audio_format) == expected


def test_where_nothing_came_nothing_is_cut() -> None:
    hearing = hearing_of(("item_a", 0))
    hearing.begin()
    hearing.heard(100)
    assert hearing.truncations(ended=False) == []
    assert hearing.truncations(ended=True) == []


# pain 7
def test_what_nobody_listened_to_is_cut_at_its_beginning_while_the_response_runs() -> None:
    hearing = hearing_of(("item_a", SECOND), ("item_b", SECOND))
    hearing.item_done("item_a")
    assert cuts(hearing) == {"item_a": 0, "item_b": 0}
    assert cuts(hearing, ended=True) == {}


def test_an_item_is_cut_where_its_listener_was() -> None:
    hearing = hearing_of(("item_a", 3 * SECOND), ("item_b", 3 * SECOND))
    hearing.begin(held=6 * SECOND)
    assert cuts(hearing) == {"item_a": 0, "item_b": 0}
    hearing.taken(43_199)
    assert cuts(hearing) == {"item_a": 899, "item_b": 0}
    hearing.taken(1)
    assert cuts(hearing) == {"item_a": 900, "item_b": 0}
    hearing.taken(4 * SECOND)
    assert cuts(hearing) == {"item_a": 3000, "item_b": 1900}
    hearing.item_done("item_a")
    assert cuts(hearing) == {"item_b": 1900}


def test_what_is_heard_to_its_end_is_cut_only_while_more_may_come() -> None:
    hearing = Hearing(48)
    hearing.begin()
    hearing.received("item_a", 0, SECOND)
    hearing.taken(SECOND)
    assert cuts(hearing) == {"item_a": 1000}
    hearing.item_done(None)
    hearing.item_done("item_b")
    assert cuts(hearing) == {"item_a": 1000}
    assert cuts(hearing, ended=True) == {}
    hearing.item_done("item_a")
    assert cuts(hearing) == {}


def test_a_response_that_is_over_is_cut_where_its_listener_was() -> None:
    hearing = hearing_of(("item_a", SECOND))
    hearing.begin()
    hearing.taken(47)
    assert cuts(hearing, ended=True) == {"item_a": 0}
    hearing = hearing_of(("item_a", SECOND))
    hearing.heard(0)
    assert cuts(hearing, ended=True) == {"item_a": 0}


def test_items_that_overlap_are_cut_each_where_it_was_heard() -> None:
    hearing = Hearing(48)
    hearing.begin()
    for item_id in ("item_a", "item_b", "item_a", "item_b"):
        hearing.received(item_id, 0, SECOND)
    hearing.taken(int(2.5 * SECOND))
    assert cuts(hearing) == {"item_a": 1500, "item_b": 1000}


def test_the_parts_of_an_item_are_cut_each_for_itself() -> None:
    hearing = Hearing(48)
    hearing.begin()
    hearing.received("item_a", 0, SECOND)
    hearing.received("item_a", 1, SECOND)
    hearing.taken(SECOND + 480)
    assert hearing.truncations(ended=False) == [
        Truncation("item_a", 0, 1000),
        Truncation("item_a", 1, 10),
    ]


def test_what_came_before_anybody_listened_was_not_heard() -> None:
    hearing = hearing_of(("item_a", SECOND), ("item_b", SECOND))
    hearing.begin(held=480)
    hearing.received("item_b", 0, SECOND)
    assert cuts(hearing) == {"item_a": 0, "item_b": 0}
    hearing.taken(960)
    # The end of what was heard, as the model must know it: up to there, and no further.
    assert cuts(hearing) == {"item_a": 0, "item_b": 1010}


def test_what_the_view_gave_up_before_it_was_read_was_not_heard() -> None:
    hearing = hearing_of(("item_a", SECOND))
    hearing.begin(held=SECOND)
    hearing.received("item_b", 0, SECOND)
    hearing.begin(held=SECOND)
    hearing.taken(480)
    assert cuts(hearing) == {"item_a": 0, "item_b": 10}
    hearing.begin(held=9 * SECOND)
    assert cuts(hearing) == {"item_a": 10, "item_b": 0}


def test_a_report_counts_in_place_of_what_was_taken_and_the_newest_counts() -> None:
    hearing = hearing_of(("item_a", SECOND))
    hearing.begin(held=SECOND)
    hearing.taken(SECOND)
    hearing.heard(250.9)
    hearing.taken(SECOND)
    assert cuts(hearing) == {"item_a": 250}
    hearing.heard(100)
    assert cuts(hearing) == {"item_a": 100}


def test_a_report_without_a_view_counts_from_the_first_byte() -> None:
    hearing = hearing_of(("item_a", SECOND), ("item_b", SECOND))
    hearing.heard(1100)
    assert cuts(hearing) == {"item_a": 1000, "item_b": 100}


@pytest.mark.parametrize("ms", [10**30, 1e300, math.inf])
def test_more_than_came_is_never_heard(ms: float) -> None:
    hearing = hearing_of(("item_a", SECOND))
    hearing.heard(ms)
    assert cuts(hearing) == {"item_a": 1000}
    hearing.received("item_a", 0, SECOND)
    assert cuts(hearing) == {"item_a": 2000}
    assert cuts(hearing, ended=True) == {}
    hearing = hearing_of(("item_a", SECOND))
    hearing.begin(held=SECOND)
    hearing.taken(9 * SECOND)
    assert cuts(hearing) == {"item_a": 1000}


@pytest.mark.parametrize("ms", [-1, -0.001, math.nan, -math.inf])
def test_a_report_below_nothing_is_refused_and_changes_nothing(ms: float) -> None:
    hearing = hearing_of(("item_a", SECOND))
    with pytest.raises(ValueError, match="from 0 up"):
        hearing.heard(ms)
    assert cuts(hearing, ended=True) == {}


@pytest.mark.parametrize(("heard", "cuts"), [(80, [80]), (81, []), (100, [])])
def test_less_than_a_block_of_an_audio_device_is_not_cut_off(heard: int, cuts: list[int]) -> None:
    hearing = Hearing(48)
    hearing.received("a", 0, 100 * 48)
    hearing.heard(heard)
    assert [cut.audio_end_ms for cut in hearing.truncations(ended=True)] == cuts
    assert [cut.audio_end_ms for cut in hearing.truncations(ended=False)] == [heard]


def test_milliseconds_are_whole_also_at_odd_rates() -> None:
    hearing = Hearing(bytes_per_ms_from_format(PcmFormat(rate=22_050)))
    hearing.received("item_a", 0, 44_100)
    for ms in range(0, 1000, 10):
        hearing.heard(ms)
        assert cuts(hearing) == {"item_a": ms}


@dataclass
class Model:
    """The same, byte by byte."""

    bytes_per_second: int
    came: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    done: set[str] = field(default_factory=set[str])
    start: int = 0
    taken: int = 0
    reported: float | None = None

    def truncations(self) -> list[Truncation]:
        heard = self.taken
        if self.reported is not None:
            heard = int(self.reported * self.bytes_per_second / 1000)
        cuts: list[Truncation] = []
        for item_id, index in dict.fromkeys(self.came):
            places = [place for place, key in enumerate(self.came) if key == (item_id, index)]
            reached = [self.start <= place < self.start + heard for place in places]
            end = max((n for n, is_heard in enumerate(reached, 1) if is_heard), default=0)
            end_ms, all_ms = (n * 1000 // self.bytes_per_second for n in (end, len(places)))
            assert 0 <= end_ms <= all_ms
            if not (end and all_ms - end_ms < 20 and item_id in self.done):
                cuts.append(Truncation(item_id, index, end_ms))
        return cuts


SIZES = st.integers(0, 200)
ITEMS = st.sampled_from("abc")


# pain 7
@given(st.data(), st.sampled_from([1, 8, 48, 44.1]), st.booleans())
def test_whatever_happens_a_cut_is_within_what_came_and_behind_the_last_byte_heard(
    data: st.DataObject, bytes_per_ms: float, ended: bool
) -> None:
    hearing, model = Hearing(bytes_per_ms), Model(round(bytes_per_ms * 1000))
    listened = False
    for step in data.draw(st.lists(st.sampled_from("rrrrtbhd"), max_size=30)):
        if step == "r":
            item_id, index, size = data.draw(st.tuples(ITEMS, st.integers(0, 1), SIZES))
            hearing.received(item_id, index, size)
            model.came += [(item_id, index)] * size
        elif step == "t":
            size = data.draw(SIZES)
            hearing.taken(size)
            model.taken += size
        elif step == "b":
            size = data.draw(SIZES)
            hearing.begin(held=size)
            model.start = max(len(model.came) - size, 0)
            listened = True
        elif step == "h":
            model.reported = data.draw(st.floats(0, 100))
            hearing.heard(model.reported)
            listened = True
        else:
            model.done.add(item_id := data.draw(ITEMS))
            hearing.item_done(item_id)
    if ended:
        model.done.update("abc")
    expected = model.truncations() if listened or not ended else []
    assert hearing.truncations(ended=ended) == expected

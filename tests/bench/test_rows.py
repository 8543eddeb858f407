"""The table of workloads, and the frames they are made of."""

from __future__ import annotations

import pytest

from benchmarks import frames
from benchmarks.rows import CLIENTS, GROWTHS, NAMES, OPENAI, OURS, ROWS, Growth, Row
from benchmarks.running import IMPORTS
from trio_realtime.events import UnknownEvent, decode_server


def text_of(frame: bytes) -> str:
    return frame[frame.index(b"{") :].decode()


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(ROWS) + len(GROWTHS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_measures_who_its_goals_are_about(row: Row) -> None:
    assert OURS in row.clients
    assert set(row.clients) <= set(CLIENTS)
    assert set(row.scaled) <= set(row.work)
    for figure in row.figures:
        for goal in figure.goals:
            assert {goal.client, goal.against} <= {*row.clients, None}


@pytest.mark.parametrize("growth", GROWTHS, ids=lambda growth: growth.name)
def test_the_points_of_a_growth_rise(growth: Growth) -> None:
    places = [x for x, _ in growth.points]
    assert places == sorted(set(places))
    assert places[-1] / places[0] >= 1000
    if growth.total is not None:
        assert places == [work[growth.total] for _, work in growth.points]


def test_the_import_of_each_client_is_known() -> None:
    (row,) = (row for row in ROWS if row.name == "import")
    assert set(IMPORTS) == set(row.clients)
    assert OPENAI in IMPORTS


def test_the_server_sends_nothing_but_events_we_know() -> None:
    sent = [*frames.turn(7), frames.text_delta(), frames.audio_delta(), frames.committed()]
    sent += [frame for _, frame in frames.second()]
    for frame in sent:
        event = decode_server(text_of(frame), dialect="ga")
        assert not isinstance(event, UnknownEvent), event
    assert len(frames.turn(7)) == frames.TURN_EVENTS


@pytest.mark.parametrize("size", [10, 125, 126, 65_535, 65_536])
def test_a_frame_says_how_long_it_is(size: int) -> None:
    frame = frames.frame({"x": "y" * (size - len('{"x":""}'))})
    length, head = frame[1], 2
    if length > 125:
        head += 2 if length == 126 else 8
        length = int.from_bytes(frame[2:head], "big")
    assert frame[0] == 0x81
    assert len(frame) - head == length == size

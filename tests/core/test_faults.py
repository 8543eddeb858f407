"""The settings of faults: what they take, what they refuse, how they are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Never, cast

import pytest

from trio_realtime._core._faults import Faults, InjectedFault, StreamFaults


def make(cls: type[Faults | StreamFaults], settings: Mapping[str, object]) -> Faults | StreamFaults:
    return cls(**cast("Mapping[str, Never]", settings))


def test_settings_show_what_is_not_as_always() -> None:
    assert repr(Faults()) == "Faults()"
    faults = Faults(delay=0.1, duplicate=["response.done", 3], stall_seconds=math.inf)
    assert repr(faults) == "Faults(delay=0.1, duplicate=['response.done', 3])"
    assert repr(StreamFaults(piece=7, handshake=True)) == "StreamFaults(piece=7, handshake=True)"


@pytest.mark.parametrize(
    "settings",
    [
        {"delay": 0, "jitter": 1.5, "reorder_wait": 0, "stall_seconds": math.inf},
        {"duplicate": 1, "reorder": 0.0, "malformed": "response.done", "unknown": ()},
        {"oversize": [1, "session.created"], "oversize_bytes": 1},
        {"drop_before": 1, "drop_after": "response.done", "stall": 7, "ending": "reset"},
    ],
)
def test_what_makes_sense_is_taken(settings: Mapping[str, object]) -> None:
    faults = make(Faults, settings)
    assert {name: getattr(faults, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"delay": -1}, "delay must be a number, 0 or more; it is -1"),
        ({"delay": "1"}, "delay must be a number, 0 or more; it is '1'"),
        ({"jitter": math.nan}, "jitter must be a number, 0 or more; it is nan"),
        ({"reorder_wait": math.inf}, "reorder_wait must be finite; to let nothing arrive any more"),
        ({"stall_seconds": -0.5}, "stall_seconds must be a number"),
        ({"duplicate": 3}, r"a chance from 0 to 1; it is 3. For .* write duplicate=\[3\]"),
        ({"duplicate": -0.1}, "a chance from 0 to 1"),
        ({"reorder": [0]}, "reorder takes the number of a message, from 1, .* not 0"),
        ({"malformed": [2.5]}, "malformed takes the number of a message"),
        ({"drop_before": 0}, "drop_before takes the number of a message"),
        ({"drop_after": 1.5}, "drop_after takes the number of a message"),
        ({"oversize_bytes": 0}, "oversize_bytes must be a whole number of bytes, 1 or more"),
        ({"ending": "rst"}, "ending must be 'eof' or 'reset'; it is 'rst'"),
    ],
)
def test_what_makes_no_sense_for_messages_is_refused(
    settings: Mapping[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        make(Faults, settings)


def test_what_is_no_way_to_choose_messages_is_refused() -> None:
    with pytest.raises(TypeError, match="unknown must be a chance, an event's type, or a list"):
        make(Faults, {"unknown": None})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"piece": 0}, "piece must be a whole number of bytes"),
        ({"piece": 1.5}, "piece must be a whole number of bytes"),
        ({"cut_after": 0}, "cut_after must be a whole number of bytes"),
        ({"stall_after": -1}, "stall_after must be a whole number of bytes"),
        ({"piece_delay": -1}, "piece_delay must be a number"),
        ({"read_rate": math.inf}, "read_rate must be finite"),
        ({"stall_seconds": math.nan}, "stall_seconds must be a number"),
        ({"ending": None}, "ending must be 'eof' or 'reset'"),
    ],
)
def test_what_makes_no_sense_for_bytes_is_refused(
    settings: Mapping[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        make(StreamFaults, settings)


def test_bytes_may_suffer_in_every_way_at_once() -> None:
    faults = StreamFaults(
        piece=1, piece_delay=0.1, read_rate=0, cut_after=1, stall_after=1, stall_seconds=1
    )
    assert faults.read_rate == 0


def test_a_fault_tells_what_it_did() -> None:
    fault = InjectedFault("duplicate", "server", 1, 7, "response.done", 12.3)
    assert (
        str(fault) == "12.300 s, connection 1: duplicate at frame 7 from the server (response.done)"
    )
    fault = InjectedFault("cut", "stream", 2, 4711, None, 0.5)
    assert str(fault) == "0.500 s, connection 2: cut after 4711 bytes"

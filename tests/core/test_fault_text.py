"""Faults as a line of text: what is read, and what a mistake is told."""

from __future__ import annotations

import pytest

from trio_realtime._core._fault_text import WrittenFaults, faults_from_text
from trio_realtime._core._faults import Faults, StreamFaults

NOTHING = (Faults(), Faults(), StreamFaults(), None)


def test_every_setting_can_be_written() -> None:
    written = faults_from_text(
        "delay=0.1, jitter=0.05,duplicate=0.02,reorder=0.5,reorder_wait=1,reorder_any=yes,"
        "malformed=@3,unknown=@response.done+7,oversize=1,oversize_bytes=1000,drop_before=12,"
        "drop_after=response.done,ending=reset,stall=4,stall_seconds=inf,"
        "client.delay=2,client.ending=eof,server.stall_seconds=3,"
        "piece=7,piece_delay=0.1,read_rate=100,cut_after=1000,stall_after=50,handshake=True,"
        "stream.stall_seconds=9,stream.ending=reset,connections=1"
    )
    assert written == WrittenFaults(
        Faults(
            delay=0.1,
            jitter=0.05,
            duplicate=0.02,
            reorder=0.5,
            reorder_wait=1,
            reorder_any=True,
            malformed=(3,),
            unknown=("response.done", 7),
            oversize=1,
            oversize_bytes=1000,
            drop_before=12,
            drop_after="response.done",
            ending="reset",
            stall=4,
            stall_seconds=3,
        ),
        Faults(delay=2),
        StreamFaults(
            piece=7,
            piece_delay=0.1,
            read_rate=100,
            cut_after=1000,
            ending="reset",
            stall_after=50,
            stall_seconds=9,
            handshake=True,
        ),
        1,
        is_random=False,
    )


def test_it_may_be_left_to_chance() -> None:
    assert faults_from_text(" random ") == WrittenFaults(*NOTHING, is_random=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot read the fault '': write name=value, .* or write random"),
        ("delay=1,", "cannot read the fault ''"),
        ("rnadom", "cannot read the fault 'rnadom'"),
        ("dela=1", "there is no fault 'dela': did you mean delay?"),
        ("stream.pieces=1", "there is no fault 'pieces': did you mean piece?"),
        ("x=1", "there is no fault 'x': there are delay, jitter, "),
        ("client.piece=1", "there is no fault 'piece'"),
        ("me.delay=1", "there is no 'me' to have faults: write server., client. or stream."),
        ("delay=long", "delay takes a number, not 'long'"),
        ("piece=1.5", "piece takes a whole number, not '1.5'"),
        ("duplicate=often", r"duplicate takes a chance such as 0.02, or @ .* not 'often'"),
        ("handshake=perhaps", "handshake takes yes or no, not 'perhaps'"),
        ("connections=0", "connections takes a whole number, 1 or more, not '0'"),
        ("connections=all", "connections takes a whole number, 1 or more, not 'all'"),
        ("duplicate=3", r"duplicate must be a chance from 0 to 1; it is 3.0"),
        ("ending=rst", "ending must be 'eof' or 'reset'; it is 'rst'"),
    ],
)
def test_a_mistake_is_told_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        faults_from_text(text)

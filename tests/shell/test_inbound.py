from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, TextMessage

from tests.shell.peers import close, frame, ping, text
from trio_realtime._transport._inbound import (
    CloseSeen,
    FaultSeen,
    Inbound,
    PingSeen,
    PongSeen,
    Seen,
)
from trio_realtime._transport._wsproto import WsprotoFrames

pytestmark = pytest.mark.one_library


def fed(
    data: bytes, *, limit: int = 100_000, size: int = 0
) -> tuple[list[str | bytes], list[Seen]]:
    """What comes of `data`, in pieces of `size` bytes or at once."""
    inbound = Inbound(WsprotoFrames(), limit)
    seen: list[Seen] = []
    for at in range(0, len(data), size or len(data)):
        seen += inbound.feed(data[at : at + (size or len(data))])
    return list(inbound.messages), seen


@pytest.mark.parametrize("size", [1, 3, 1000, 0])
def test_the_same_comes_of_it_however_the_bytes_are_cut(size: int) -> None:
    data = (
        text("y" * 70_000)
        + frame(10, b"pong")
        + frame(1, b"in ", fin=False)
        + ping(b"between")
        + frame(0, "pårts".encode())
        + text("x" * 300)
        + frame(2, b"\x00\xff")
        + text("")
        + close(3000, "bye")
        + text("nothing counts after it")
    )
    messages, seen = fed(data, size=size)
    assert messages == ["y" * 70_000, "in pårts", "x" * 300, b"\x00\xff", ""]
    assert seen == [PongSeen(b"pong"), PingSeen(b"between"), CloseSeen(3000, "bye")]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65535, 65536])
def test_a_frame_of_any_length_is_read(length: int) -> None:
    payload = b"x" * length
    messages, seen = fed(frame(1, payload) + frame(2, payload) + text("after"))
    assert messages == [payload.decode(), payload, "after"]
    assert seen == []


def test_a_control_frame_may_be_as_long_as_it_may_be() -> None:
    messages, seen = fed(ping(b"p" * 125) + close(1000, "r" * 123))
    assert seen == [PingSeen(b"p" * 125), CloseSeen(1000, "r" * 123)]
    assert messages == []


@pytest.mark.parametrize("size", [1, 0])
@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (frame(3), 1002),
        (frame(0x41, b"a reserved bit"), 1002),
        (frame(9, b"a fragment", fin=False), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(11), 1002),
        (frame(8, b"\x03"), 1002),
        (frame(0, b"continues nothing"), 1002),
        (frame(1, b"begun", fin=False) + text("anew"), 1002),
        (b"\x81\x83\x00\x00\x00\x00abc", 1002),
        (b"\x81\x7e\x00\x01x", 1002),
        (b"\x81\x7f" + (65535).to_bytes(8, "big"), 1002),
        (frame(1, b"\xff\xfe"), 1007),
        (frame(1, b"\xe2\x82", fin=False) + frame(0, b"x"), 1007),
    ],
)
def test_a_breach_of_the_protocol_is_seen_after_what_came_before_it(
    broken: bytes, code: int, size: int
) -> None:
    messages, seen = fed(text("before") + broken + text("after"), size=size)
    assert messages == ["before"]
    (fault,) = seen
    assert isinstance(fault, FaultSeen)
    assert (fault.code, fault.is_too_big) == (code, False)
    assert fault.reason


@pytest.mark.parametrize(
    "big",
    [
        text("x" * 101),
        frame(1, b"x" * 60, fin=False) + frame(9) + frame(0, b"x" * 41),
        frame(2, b"", says=2**40),
        frame(1, b"", says=2**40),
    ],
    ids=["just", "in parts", "by its header", "a text by its header"],
)
def test_a_message_above_the_limit_is_seen_by_its_header(big: bytes) -> None:
    messages, seen = fed(text("x" * 100) + big, limit=100)
    assert messages == ["x" * 100]
    assert isinstance(seen[-1], FaultSeen)
    assert seen[-1].is_too_big
    assert "100 bytes" in seen[-1].reason


def test_the_count_of_a_message_in_parts_starts_afresh() -> None:
    parts = frame(1, b"x" * 50, fin=False) + frame(0, b"y" * 50)
    messages, seen = fed((parts + text("z" * 100)) * 3, limit=100)
    assert messages == ["x" * 50 + "y" * 50, "z" * 100] * 3
    assert seen == []


@given(
    st.lists(
        st.tuples(
            st.one_of(st.text(), st.binary(), st.text("x", min_size=120, max_size=140)),
            st.integers(0, 3),
        ),
        max_size=8,
    ),
    st.integers(1, 200),
)
def test_any_messages_in_any_parts_are_read_as_they_were_made(
    said: list[tuple[str | bytes, int]], size: int
) -> None:
    server = Connection(ConnectionType.SERVER)
    data = b""
    for message, cuts in said:
        step = max(1, len(message) // (cuts + 1))
        parts = [message[at : at + step] for at in range(0, len(message), step)] or [message]
        for number, part in enumerate(parts):
            finished = number == len(parts) - 1
            if isinstance(part, str):
                data += server.send(TextMessage(part, message_finished=finished))
            else:
                data += server.send(BytesMessage(part, message_finished=finished))
    messages, seen = fed(data or b"\x89", size=size)
    assert messages == [message for message, _ in said]
    assert seen == []

"""Ctrl-C in the block of a response, at any line and any step: the response is left like any."""

from __future__ import annotations

import pytest
import trio

from tests.effort import effort
from tests.leaving.helpers import settled
from tests.shell.test_ki import AtLine, AtSeam, AtStep, Session, Trap
from trio_realtime import RealtimeConnection

pytestmark = pytest.mark.usefixtures("ctrl_c_is_heard")

MOMENTS = 16
"""How many of the moments of each kind are tried, evenly spread."""


async def leaves_early(conn: RealtimeConnection) -> None:
    """Leave responses in the midst, in one another, and before they begin."""
    async with conn.incoming():
        async with conn.respond("Hello, hello, hello, hello!") as reply:
            async for _ in reply.audio():
                break
            async with conn.respond("Sum up.", conversation="none") as beside:
                async for _ in beside:
                    break
            reply.heard(20)
        with trio.move_on_after(0):
            async with conn.respond("Never mind."):
                pass


# promise 1; promise 4; pain 38
@pytest.mark.sweep
@pytest.mark.parametrize("kind", [AtLine, AtSeam, AtStep])
def test_a_program_that_catches_ctrl_c_has_left_its_responses_and_goes_on(
    kind: type[Trap],
) -> None:
    caught = 0

    async def body(conn: RealtimeConnection) -> None:
        nonlocal caught
        try:
            await leaves_early(conn)
        except KeyboardInterrupt:
            caught += 1
        async with conn.respond("Go on.", output_modalities=["text"]) as reply:
            assert "".join([piece async for piece in reply.text()]) == "You said: Go on."
        await trio.sleep(60)
        assert settled(conn)

    moments = effort(MOMENTS, deep=100)
    dry = kind(None)
    assert Session(body).run(dry).left == "nothing"
    for at in range(1, dry.count, max(1, dry.count // moments)):
        session = Session(body).run(kind(at))
        assert not session.hung
        assert all(stream.is_closed for stream in session.streams)
        assert session.left in {
            "nothing",
            "KeyboardInterrupt",
            "BaseExceptionGroup[KeyboardInterrupt]",
            "after the end",
        }
    assert caught > moments / 8

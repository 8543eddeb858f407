"""What a review found: races of a tick, and odd things that programs do."""

from __future__ import annotations

import outcome
import pytest
import trio

from trio_realtime import CloseInfo, ConnectionClosedError
from trio_realtime._connection._outbox import Entry, Outbox, OutgoingFrame


async def test_a_frame_that_is_written_in_the_tick_of_a_loss_was_told_of_the_loss() -> None:
    outbox = Outbox(1000)
    entry = Entry([OutgoingFrame("event_1", "of.today", "{}", None)], is_awaited=True)
    outbox.add(entry)
    with trio.fail_after(5):
        assert await outbox.take() is entry
    outbox.fail(lambda: ConnectionClosedError(CloseInfo(None, "", "network")))
    outbox.finish(entry)
    assert outbox.current is None
    assert isinstance(entry.result, outcome.Error)
    with pytest.raises(ConnectionClosedError):
        entry.result.unwrap()

"""What a review found: races of a tick, and odd things that programs do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import outcome
import pytest
import trio
from pydantic import JsonValue

from tests.shell.lines import line_to, polite
from trio_realtime import CloseInfo, ConnectionClosedError, open_realtime
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


HALF = "\ud800"


async def test_text_that_cannot_be_sent_is_refused_at_the_call_and_harms_nobody() -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with trio.fail_after(5):
            for call in (conn.send, conn.request):
                with pytest.raises(UnicodeEncodeError):
                    await call({"type": "session.update", "session": {"instructions": HALF}})
            with pytest.raises(UnicodeEncodeError):
                conn.send_nowait({"type": "of.today", "text": HALF})
            with pytest.raises(UnicodeEncodeError):
                await conn.send_raw(HALF)
            assert await conn.send({"type": "of.today", "event_id": "event_1"}) == "event_1"
            await conn.send_raw('{"type": "of.today", "text": "\u00e9"}')
    assert [frame.get("text") for frame in endpoint.peer.received] == [None, "\u00e9"]


async def test_any_mapping_is_sent() -> None:
    event: Mapping[str, JsonValue] = MappingProxyType({"type": "of.today", "event_id": "event_1"})
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with trio.fail_after(5):
            await conn.send(event)
    assert endpoint.peer.received == [dict(event)]


def test_the_outbox_counts_bytes() -> None:
    frame = OutgoingFrame("event_1", "of.today", "\u00e9" * 10, None)
    assert Entry([frame], is_awaited=True).weight == 20

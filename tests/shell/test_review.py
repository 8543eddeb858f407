"""What a review found: races of a tick, and odd things that programs do."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import outcome
import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.shell.lines import Peer, line_to, polite, refusal
from trio_realtime import (
    AuthenticationError,
    CloseInfo,
    ConnectError,
    ConnectionClosedError,
    Options,
    ServerError,
    SessionRefusedError,
    open_realtime,
)
from trio_realtime._connection._outbox import Entry, Outbox, OutgoingFrame
from trio_realtime.types import RealtimeSessionConfig


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


async def test_a_refusal_shortly_before_the_deadline_is_not_taken_for_silence(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await trio.sleep(9.5)
        await peer.send("error", error=refusal("invalid_api_key", None))
        await trio.sleep_forever()

    async with line_to(behave) as endpoint:
        with pytest.raises(AuthenticationError):
            async with open_realtime("m", endpoint=endpoint):
                pass
    assert trio.current_time() == 10


@pytest.mark.parametrize("session", [{"tools": object()}, 5])
async def test_a_mistake_in_the_first_configuration_is_raised_bare(session: object) -> None:
    async with line_to(polite) as endpoint:
        with pytest.raises((TypeError, ValueError)):
            async with open_realtime(
                "m", endpoint=endpoint, session=cast("RealtimeSessionConfig", session)
            ):
                pass


async def test_a_session_above_the_limit_is_not_refused_by_the_server() -> None:
    async with line_to(polite) as endpoint:
        options = Options(max_message_bytes=100)
        with pytest.raises(ConnectError, match="larger than 100 bytes") as caught:
            async with open_realtime("m", endpoint=endpoint, options=options):
                pass
    assert type(caught.value) is ConnectError


async def test_errors_carry_what_caused_them() -> None:
    async def breaks_at_once(peer: Peer) -> None:
        peer.stream.abort()

    async def breaks(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive()
        peer.stream.abort()

    async def refuses(peer: Peer) -> None:
        await peer.open_session()
        await peer.refuse(await peer.receive(), "unknown_parameter")
        await peer.drain()

    async with line_to(breaks_at_once) as endpoint:
        with pytest.raises(ConnectError) as unopened:
            async with open_realtime("m", endpoint=endpoint):
                pass
    assert isinstance(unopened.value.__cause__, trio.BrokenResourceError)

    async with line_to(refuses) as endpoint:
        with pytest.raises(SessionRefusedError) as refused:
            async with open_realtime("m", endpoint=endpoint, session={}):
                pass
    assert isinstance(refused.value.__cause__, ServerError)

    async with line_to(breaks) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        await conn.send({"type": "of.today"})
        for call in (conn.receive, conn.wait_closed, conn.receive):
            with pytest.raises(ConnectionClosedError) as lost:
                await call()
            assert isinstance(lost.value.__cause__, trio.BrokenResourceError)
            pickle.loads(pickle.dumps(lost.value))

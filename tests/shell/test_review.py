"""What a review found: races of a tick, and odd things that programs do."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import outcome
import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.shell.lines import (
    SESSION,
    Behaviour,
    Peer,
    line_to,
    polite,
    refusal,
    silent_at_close,
)
from trio_realtime import (
    AuthenticationError,
    CloseInfo,
    ConnectError,
    ConnectionClosedError,
    MessageTooBigError,
    OpenAIEndpoint,
    Options,
    RealtimeConnection,
    ServerError,
    SessionRefusedError,
    open_realtime,
)
from trio_realtime._connection._frames import OutgoingFrame
from trio_realtime._connection._outbox import Entry, Outbox
from trio_realtime._transport import TransportClosed, accept_websocket
from trio_realtime.testing._pipes import pipe_pair
from trio_realtime.types import RealtimeSessionConfig


def breaks_after(seconds: float) -> Behaviour:
    """Open a session, take one frame, say something, and break the line after a while."""

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive()
        for _ in range(3):
            await peer.send("of.tomorrow")
        await trio.sleep(seconds)
        peer.stream.abort()

    return behave


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


# promise 2
async def test_a_tap_that_is_left_with_events_no_longer_holds_up_the_news_of_a_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(breaks_after(1)) as endpoint:
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime("m", endpoint=endpoint) as conn:
                with conn.tap() as events:
                    await conn.send({"type": "of.today"})
                    await events.receive()
                    await trio.sleep(5)
                await trio.sleep_forever()
        assert trio.current_time() == 15


async def test_a_cancelled_block_leaves_nothing_but_the_cancellation_however_long_it_takes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(breaks_after(1)) as endpoint:
        with trio.move_on_after(0.5) as scope:
            async with open_realtime("m", endpoint=endpoint) as conn:
                try:
                    await conn.send({"type": "of.today"})
                    await trio.sleep_forever()
                finally:
                    with trio.CancelScope(deadline=trio.current_time() + 30, shield=True):
                        await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() == 30.5


async def test_an_exception_cuts_short_the_patience_of_an_aclose_in_another_task(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(silent_at_close) as endpoint, trio.open_nursery() as nursery:
        with pytest.RaisesGroup(KeyError):
            async with open_realtime("m", endpoint=endpoint) as conn:
                nursery.start_soon(conn.aclose)
                await trio.sleep(0.1)
                raise KeyError
        assert trio.current_time() == 0.1
    assert endpoint.peer.close_code == 1000


async def test_one_message_beyond_twice_the_limit_is_read_and_harms_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.send("of.tomorrow", padding="x" * 100_000)
        await peer.send("of.tomorrow")
        await peer.drain()

    options = Options(inbox_bytes=20_000)
    async with (
        line_to(behave) as endpoint,
        open_realtime("m", endpoint=endpoint, options=options) as conn,
    ):
        await conn.receive()
        await trio.sleep(1)
        assert conn.statistics().reader_paused
        for _ in range(2):
            await conn.receive()
        assert conn.close_info is None


# promise 9
async def test_a_subprotocol_that_holds_the_key_is_not_shown() -> None:
    key = "ek_0123456789abcdef"

    async def serve(stream: trio.abc.Stream) -> None:
        request = await accept_websocket(stream)
        ws = await request.accept(subprotocol=next(s for s in request.subprotocols if key in s))
        await ws.send(json.dumps({"type": "session.created", "session": SESSION}))
        with pytest.raises(TransportClosed):
            await ws.receive()

    async with trio.open_nursery() as nursery:

        async def connect(host: str, port: int) -> trio.abc.Stream:
            ours, theirs = pipe_pair()
            nursery.start_soon(serve, theirs)
            await trio.lowlevel.checkpoint()
            return ours

        endpoint = OpenAIEndpoint(key, base_url="http://localhost/v1", auth="subprotocol")
        async with open_realtime("m", endpoint=endpoint, stream_factory=connect) as conn:
            assert conn.subprotocol is None


async def told(conn: RealtimeConnection, event_id: str, into: list[tuple[object, object]]) -> None:
    with pytest.raises(ConnectionClosedError) as caught:
        await conn.request({"type": "session.update", "session": {}, "event_id": event_id})
    into.append((caught.value.unsent, caught.value.uncertain))


@pytest.mark.parametrize("whose", ["the network's", "ours"])
async def test_requests_that_waited_their_turn_are_unsent(
    whose: str, autojump_clock: trio.testing.MockClock
) -> None:
    behave = breaks_after(1) if whose == "the network's" else polite
    facts: list[tuple[object, object]] = []
    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        async with trio.open_nursery() as nursery:
            for event_id in ("e1", "e2"):
                nursery.start_soon(told, conn, event_id, facts)
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.5)
            if whose == "ours":
                await conn.aclose()
    assert facts == [(((("e2", "session.update"),)), (("e1", "session.update"),))] * 2


async def test_a_close_of_ours_names_what_could_not_be_written(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def reads_nothing(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep_forever()

    facts: list[tuple[object, object]] = []

    async def send(event_id: str) -> None:
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.send({"type": "of.today", "event_id": event_id, "padding": "x" * 5000})
        facts.append((caught.value.unsent, caught.value.uncertain))

    async with line_to(reads_nothing, capacity=1000) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn, trio.open_nursery() as nursery:
            for event_id in ("e1", "e2"):
                nursery.start_soon(send, event_id)
                await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(told, conn, "e3", facts)
            await trio.testing.wait_all_tasks_blocked()
            await conn.aclose()
    one, two, three = (("e1", "of.today"), ("e2", "of.today"), ("e3", "session.update"))
    # The request is told at once, when its frame may still go out.
    assert facts == [((), (three,)), ((two, three), (one,)), ((two, three), (one,))]


async def test_a_task_that_waits_on_a_tap_is_told_that_the_tap_was_left() -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with pytest.RaisesGroup(trio.ClosedResourceError), trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                with conn.tap() as events:
                    nursery.start_soon(events.receive)
                    await trio.testing.wait_all_tasks_blocked()


async def test_a_cancelled_aclose_has_closed_when_it_returns_also_with_a_timeout_of_zero() -> None:
    options = Options(close_timeout=0)
    async with (
        line_to(silent_at_close) as endpoint,
        open_realtime("m", endpoint=endpoint, options=options) as conn,
    ):
        with trio.CancelScope() as scope:
            scope.cancel()
            await conn.aclose()
        assert conn.close_info == CloseInfo(1000, "", "us")


async def test_the_server_is_told_of_its_oversize_message_also_behind_a_frame_that_is_stuck(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(0.5)
        # A frame header that promises a million bytes.
        await peer.stream.send_all(b"\x81\x7f" + (10**6).to_bytes(8, "big"))
        await trio.sleep(0.5)
        await peer.drain()

    options = Options(max_message_bytes=1000)
    async with (
        line_to(behave, capacity=1000) as endpoint,
        open_realtime("m", endpoint=endpoint, options=options) as conn,
    ):
        with pytest.raises(MessageTooBigError):
            await conn.send({"type": "of.today", "padding": "x" * 5000})
        await trio.sleep(1)
        assert endpoint.peer.close_code == 1009


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("there is no such model", "no such model"),
        ({"code": 404, "message": "there is no such model"}, "no such model"),
        (None, "no reason given"),
    ],
)
async def test_an_error_that_does_not_validate_refuses_the_session_and_is_logged(
    error: JsonValue,
    said: str,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("error", error=error)
        await peer.drain()

    async with line_to(behave) as endpoint:
        with pytest.raises(SessionRefusedError, match=said) as caught:
            async with open_realtime("m", endpoint=endpoint):
                pass
    assert isinstance(caught.value.__cause__, ServerError)
    assert "server error" in caplog.text

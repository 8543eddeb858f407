"""A connection that is lost in the middle of a response: what the handle had is delivered first."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.leaving.helpers import LONG, MODEL, TEXT, UNHEARD, Config, met, response_of
from trio_realtime import (
    ConnectionClosedError,
    Options,
    RealtimeConnection,
    Reply,
    SessionExpiredError,
    open_realtime,
)
from trio_realtime.events import (
    ResponseCreated,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from trio_realtime.testing import (
    FaultPlan,
    Faults,
    SimulatedServer,
    SimulatedSession,
    seeded,
)

TEXTS: Final = (ResponseOutputTextDelta, ResponseOutputAudioTranscriptDelta)

OPENING: Final = 2
"""How many messages a session begins with, before there is a connection to lose."""


class Witness:
    """What one handle delivered before it raised, and what a tap saw of its response."""

    def __init__(self) -> None:
        self.tapped: list[ServerEvent] = []
        self.events: list[ServerEvent] = []
        self.text: list[str] = []
        self.audio: list[bytes] = []
        self.raised: dict[str, float] = {}
        """Who was told of the loss, and when."""
        self.reply: Reply | None = None
        self.lost_at = 0.0

    async def reads(self, name: str, read: Callable[[], Awaitable[object]]) -> None:
        """Read slowly, to the end, whichever it is."""
        try:
            await read()
        except ConnectionClosedError:
            self.raised[name] = trio.current_time()

    async def reads_all(self, reply: Reply) -> None:
        async def events() -> None:
            async for event in reply:
                self.events.append(event)
                await trio.sleep(0.1)

        async def text() -> None:
            async for piece in reply.text():
                self.text.append(piece)
                await trio.sleep(0.1)

        async def audio() -> None:
            async for chunk in reply.audio():
                self.audio.append(chunk)
                await trio.sleep(0.1)

        views = (aiter(reply), reply.text(), reply.audio())
        assert len(views) == 3  # all of them from the start
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.reads, "events", events)
            nursery.start_soon(self.reads, "text", text)
            nursery.start_soon(self.reads, "audio", audio)
            nursery.start_soon(self.reads, "result", reply.result)

    async def first(self, conn: RealtimeConnection) -> None:
        async with conn.respond("Hello?") as self.reply:
            await self.reads_all(self.reply)

    async def second(self, conn: RealtimeConnection) -> None:
        await trio.testing.wait_all_tasks_blocked()
        async with conn.respond("And?") as reply:
            await reply.result()

    async def taps(self, conn: RealtimeConnection) -> None:
        with conn.tap() as tap:
            try:
                async for event in tap:
                    self.tapped.append(event)
            except ConnectionClosedError:
                self.lost_at = trio.current_time()

    async def run(self, session: Config, plan: FaultPlan) -> None:
        async with SimulatedServer("one two three", faults=plan) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=session) as conn:
                async with trio.open_nursery() as tapping:
                    tapping.start_soon(self.taps, conn)
                    await trio.testing.wait_all_tasks_blocked()
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self.reads, "first", lambda: self.first(conn))
                        nursery.start_soon(self.reads, "second", lambda: self.second(conn))
                    tapping.cancel_scope.cancel()
                if plan.happened:
                    # Everybody was told, and leaving a block tells nobody once more.
                    with pytest.raises(ConnectionClosedError):
                        async with conn.respond("And now?"):
                            raise AssertionError


# promise 5; pain 3; pain 27
@pytest.mark.sweep
@pytest.mark.parametrize("session", [TEXT, UNHEARD], ids=["text", "audio"])
def test_a_handle_delivers_what_came_before_the_loss_wherever_that_was_and_then_raises(
    session: Config,
) -> None:
    told: set[frozenset[str]] = set()
    for number in itertools.count(OPENING + 1):
        witness = Witness()
        faults = Faults(
            drop_before=number if number % 2 else None,
            drop_after=None if number % 2 else number,
            ending="eof" if number % 3 else "reset",
        )
        with seeded(number):
            plan = FaultPlan(number, from_server=faults)
            trio.run(bounded, witness, session, plan, clock=MockClock(autojump_threshold=0))
        if not plan.happened:
            break
        delivered = number - (1 if number % 2 else 0) - OPENING
        assert len(witness.tapped) == delivered
        look_at(witness)
        told.add(frozenset(witness.raised))
    # Before it had begun; in its midst; and once it was done, which then was nobody's loss.
    assert told == {
        frozenset({"first", "second"}),
        frozenset({"events", "text", "audio", "result", "second"}),
        frozenset({"second"}),
        frozenset(),
    }


async def bounded(witness: Witness, session: Config, plan: FaultPlan) -> None:
    with trio.fail_after(1000):
        await witness.run(session, plan)


def look_at(witness: Witness) -> None:
    if witness.reply is None:
        assert witness.events == []
        return
    own = [event for event in witness.tapped if response_of(event) == witness.reply.id]
    assert witness.events == own
    assert isinstance(own[0], ResponseCreated)
    audio = [event.delta for event in own if isinstance(event, ResponseOutputAudioDelta)]
    assert b"".join(witness.audio) == b"".join(audio)
    text = [event.delta for event in own if isinstance(event, TEXTS)]
    assert "".join(witness.text) == "".join(text)
    is_done = witness.reply.status == "completed"
    assert is_done == (own[-1].type == "response.done")
    assert ("events" in witness.raised) != is_done
    if not is_done:
        # At once, however much of it is unread.
        assert witness.raised["result"] == witness.raised["second"] == witness.lost_at
        assert witness.raised["events"] >= witness.lost_at + 0.1 * len(own) - 1


# pain 3
@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_server_that_closes_in_the_middle_of_a_response_has_lost_it(
    code: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with met(LONG) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.text().receive()
            talk.session.close(code)
            with pytest.raises(ConnectionClosedError) as caught:
                async for _ in reply.text():
                    pass
        assert (caught.value.info.code, caught.value.info.closed_by) == (code, "server")
        assert reply.status == "in_progress"


async def test_a_session_that_is_over_says_so_through_its_handles(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        with pytest.raises(SessionExpiredError):
            async with talk.conn.respond("Hello?") as reply:
                talk.session.expire()
                await reply.result()


# promise 5
async def test_every_call_of_a_handle_raises_an_error_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNHEARD) as talk:
        raised: list[ConnectionClosedError] = []
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(0.1)
            assert reply.items
            talk.session.drop()
            calls = (reply.result, reply.result, reply.text().receive, reply.text().receive)
            for call in calls:
                with pytest.raises(ConnectionClosedError) as caught:
                    while True:
                        await call()
                raised.append(caught.value)
        assert len({id(each) for each in raised}) == len(calls)
        # Nothing is left in an outbox that nobody writes any more.
        assert (talk.conn._link.outbox.queued, talk.conn._link.replies._left) == ((), {})
        assert {each.info for each in raised} == {talk.conn.close_info}


async def test_a_handle_that_is_done_is_as_good_as_ever_after_the_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("one two three") as talk:
        async with talk.conn.respond("Hello?") as reply:
            await trio.sleep(1)
            talk.session.drop()
            await trio.sleep(1)
            assert "".join([piece async for piece in reply.text()]) == "one two three"
            assert (await reply.result()).status == "completed"
            assert reply.usage is not None
        with pytest.raises(ConnectionClosedError):
            async for _ in talk.conn:
                pass


# promise 5
async def test_a_handle_that_is_read_slowly_is_read_to_its_end_before_the_block_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, options=Options(failure_grace=10)) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.text().receive()
            await trio.sleep(0.1)
            talk.session.drop()
            await trio.sleep(0.1)
            pieces = 0
            with pytest.raises(ConnectionClosedError):
                async for _ in reply.text():
                    pieces += 1
                    await trio.sleep(60)
            assert pieces > 5


# promise 5
async def test_a_loss_of_which_nobody_asks_is_told_by_the_block_and_its_handles_are_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left_at = 0.0
    with pytest.RaisesGroup(ConnectionClosedError), trio.fail_after(1000):
        async with SimulatedServer(LONG) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                try:
                    async with conn.respond("Hello?"):
                        server.sessions[0].drop()
                        await trio.sleep_forever()
                finally:
                    left_at = trio.current_time()
    assert left_at == pytest.approx(10, abs=0.1)


# promise 5
async def test_what_a_handle_held_as_it_was_left_keeps_nobody_from_being_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told_at = 0.0
    with pytest.RaisesGroup(ConnectionClosedError), trio.fail_after(1000):
        async with SimulatedServer(LONG) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                async with conn.respond("Hello?") as reply:
                    await reply.text().receive()
                    await trio.sleep(0.5)
                    server.sessions[0].drop()
                    await trio.sleep(100)  # it holds what was not read
                try:
                    await trio.sleep_forever()
                finally:
                    told_at = trio.current_time()
    assert told_at == pytest.approx(100.6 + 10, abs=0.1)


# promise 1
@pytest.mark.parametrize("how", ["drop", "cut"])
async def test_whoever_waits_for_a_turn_is_told_in_order_and_sends_nothing(
    how: str, autojump_clock: trio.testing.MockClock
) -> None:
    raised: list[tuple[int, float]] = []

    async def waits(conn: RealtimeConnection, number: int) -> None:
        with pytest.raises(ConnectionClosedError):
            async with conn.respond(f"Question {number}"):
                raise AssertionError
        raised.append((number, trio.current_time()))

    async with met(LONG) as talk, trio.open_nursery() as nursery:
        async with talk.conn.respond("Hello?"):
            for number in range(5):
                nursery.start_soon(waits, talk.conn, number)
            await trio.sleep(0.1)
            sent = len(talk.session.received)
            talk.session.drop() if how == "drop" else talk.session.fail("credit_balance_exhausted")
            await trio.sleep(1)
            assert sorted(number for number, _ in raised) == [0, 1, 2, 3, 4]
            assert len({moment for _, moment in raised}) == 1
        assert len(talk.session.received) == sent


async def test_a_response_that_was_left_is_no_loss_to_anybody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.text().receive()
        talk.session.drop()
        with pytest.raises(ConnectionClosedError):
            async for _ in talk.conn:
                pass
        assert reply.status == "in_progress"
        assert talk.conn._link.replies._left == {}
        with pytest.raises(trio.ClosedResourceError):
            await reply.result()


async def test_others_handles_are_delivered_also_those_that_nobody_had_taken(
    autojump_clock: trio.testing.MockClock,
) -> None:
    def says(session: SimulatedSession, *rest: object) -> str:
        return "one two three"

    async with met(says, session={"output_modalities": ["text"]}) as talk:
        async with talk.conn.incoming() as replies:
            for _ in range(2):
                talk.session.hears("Hello?")
                await trio.sleep(5)
            with talk.conn.tap() as tap:
                talk.session.hears("Hello?")
                while (await tap.receive()).type != "response.output_text.delta":
                    pass
            talk.session.drop()
            await trio.sleep(1)
            texts: list[str] = []
            with pytest.raises(ConnectionClosedError):
                async for reply in replies:
                    text: list[str] = []
                    try:
                        async for piece in reply.text():
                            text.append(piece)
                    except ConnectionClosedError:
                        text.append("... cut off")
                    texts.append("".join(text))
            assert texts == ["one two three", "one two three", "one... cut off"]

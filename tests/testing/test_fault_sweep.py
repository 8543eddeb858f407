"""A thousand seeds of faults and a client: no hang, and nothing lost or doubled but by a fault.

What the server's model said, what the faults did to it by the plan's own list, what was on the wire
and what the program saw are compared event by event; so is the other direction.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import outcome
import pytest
import trio
import trio.testing

from tests.core.faulted import arrivals, key_of
from tests.effort import one_in
from trio_realtime import (
    ConnectError,
    ConnectionClosedError,
    MessageTooBigError,
    Options,
    RealtimeConnection,
    RealtimeError,
    ServerError,
    open_realtime,
)
from trio_realtime.audio import tone
from trio_realtime.events import (
    InvalidEvent,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    UnknownEvent,
)
from trio_realtime.testing import (
    Answer,
    CallTool,
    ClientHandshake,
    Conversation,
    FaultPlan,
    Host,
    InjectedFault,
    PipeStream,
    ServerSocket,
    Sighting,
    SimulatedServer,
    SimulatedSession,
    seeded,
)
from trio_realtime.testing._watching import WatchedSocket
from trio_realtime.types import FunctionCall

if TYPE_CHECKING:
    from pydantic import JsonValue

Key = tuple[str, str | None]

PATIENCE: Final = 3000.0
"""Seconds of virtual time for a conversation of some three: every finite fault fits in."""


@dataclass
class Seen:
    """Everything there is to compare."""

    said: list[str | bytes] = field(default_factory=list[str | bytes])
    """What the model sent, before the faults."""
    heard: list[str | bytes] = field(default_factory=list[str | bytes])
    """What it received, after the faults."""
    wire_out: list[str | bytes] = field(default_factory=list[str | bytes])
    """What the server's WebSocket sent, after the faults."""
    wire_in: list[str | bytes] = field(default_factory=list[str | bytes])
    """What it received, before the faults."""
    streamed: list[Key] = field(default_factory=list[Key])
    """What the program read from the connection."""
    raised: list[str | None] = field(default_factory=list[str | None])
    """The ids of the errors that were raised at requests instead."""
    error: Exception | None = None
    opened: bool = False
    gave_up: bool = False
    finished: bool = False
    streams: list[trio.abc.Stream] = field(default_factory=list[trio.abc.Stream])
    tasks_left: int = 0


class NotingServer(Host):
    """A simulated server with faults around it, that notes both sides of them."""

    def __init__(self, model: SimulatedServer, plan: FaultPlan, seen: Seen) -> None:
        super().__init__(faults=plan, watch=self.note)
        self.model = model
        self.seen = seen

    def note(self, sighting: Sighting) -> None:
        note(sighting, sent=self.seen.wire_out, received=self.seen.wire_in)

    def note_model(self, sighting: Sighting) -> None:
        note(sighting, sent=self.seen.said, received=self.seen.heard)

    async def connect(self, host: str = "localhost", port: int = 80) -> trio.abc.Stream:
        stream = await super().connect(host, port)
        self.seen.streams.append(stream)
        return stream

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        return await self.model.talk(WatchedSocket(ws, self.note_model, 1, handshake), handshake)


def note(sighting: Sighting, *, sent: list[str | bytes], received: list[str | bytes]) -> None:
    if sighting.kind == "sent":
        sent.append(sighting.data)
    elif sighting.kind == "received":
        received.append(sighting.data)


def replies(
    session: SimulatedSession, conversation: Conversation, create: dict[str, JsonValue]
) -> Answer:
    asked = create.get("instructions")
    if asked == "call":
        return [CallTool("weather", {"city": "Oslo"})]
    return "la " * 40 if asked == "sing" else "One two."


class Program:
    """A client under test: it converses, and one task of it reads every event."""

    def __init__(self, conn: RealtimeConnection, seen: Seen) -> None:
        self.conn = conn
        self.seen = seen
        self.done: dict[str | None, ResponseDone] = {}
        self.created: dict[str | None, ResponseCreated] = {}
        self.changed = trio.lowlevel.ParkingLot()
        self.lost: ConnectionClosedError | None = None
        self.told = trio.Event()

    async def listen(self) -> None:
        """Read everything, and raise how it ends, once everybody else was told."""
        try:
            while True:
                self.take(await self.conn.receive())
        except ConnectionClosedError as error:
            self.lost = error
        self.changed.unpark_all()
        with trio.fail_after(1):  # promise 3
            await self.told.wait()
        raise self.lost

    def take(self, event: ServerEvent) -> None:
        if isinstance(event, UnknownEvent | InvalidEvent):
            self.seen.streamed.append((event.wire_type or "<invalid>", event.event_id))
        else:
            self.seen.streamed.append((event.type, event.event_id))
        if isinstance(event, ResponseDone):
            self.done[event.event_id] = event
        elif isinstance(event, ResponseCreated):
            self.created[event.event_id] = event
        self.changed.unpark_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self.lost is not None:
                raise self.lost
            await self.changed.park()

    async def answered(self, count: int = 1, **response: JsonValue) -> ResponseDone:
        before = len(self.done)
        await self.conn.response.create(response)
        await self.until(lambda: len(self.done) >= before + count)
        return [*self.done.values()][-1]

    async def converse(self) -> None:
        conn = self.conn
        # A text turn.
        await conn.conversation.item.create(role="user", text="Count!")
        await self.answered(output_modalities=["text"])
        # Two out-of-band responses beside each other.
        before = len(self.done)
        for _ in range(2):
            await conn.response.create(conversation="none", output_modalities=["text"])
        await self.until(lambda: len(self.done) >= before + 2)
        # A spoken turn.
        await conn.input_audio_buffer.append(tone(300, 200))
        await conn.input_audio_buffer.commit()
        await self.answered()
        # A tool call.
        response = (await self.answered(instructions="call")).response
        for call in (item for item in response.output or () if isinstance(item, FunctionCall)):
            await conn.conversation.item.create(call_id=call.call_id or "", output="Rain.")
            await self.answered(output_modalities=["text"])
        # A song that is cut short.
        before = len(self.created)
        await conn.response.create(instructions="sing", output_modalities=["text"])
        await self.until(lambda: len(self.created) > before)
        await conn.response.cancel()
        # A change of the session, a request that is refused, an item looked at and deleted.
        await conn.session.update(instructions="Be brief.")
        try:
            await conn.conversation.item.delete("item_that_nobody_made")
        except ServerError as error:
            self.seen.raised.append(error.event.event_id if error.event else None)
        item_id = await conn.conversation.item.create(role="user", text="Forget this.")
        await conn.conversation.item.retrieve(item_id)
        await conn.conversation.item.delete(item_id)


async def program(server: NotingServer, seen: Seen) -> None:
    async with open_realtime(
        "gpt-realtime-2.1",
        endpoint=server.endpoint,
        session={"audio": {"input": {"turn_detection": None}}},
        errors="yield",
        options=Options(max_message_bytes=2**20),
    ) as conn:
        seen.opened = True
        this = Program(conn, seen)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(this.listen)
            with trio.move_on_after(PATIENCE) as patience:
                # Who listens is told of a loss too, after everything that came before it.
                with contextlib.suppress(ConnectionClosedError):
                    await this.converse()
                    seen.finished = True
                this.told.set()
                if not seen.finished:
                    await trio.sleep_forever()
            seen.gave_up = patience.cancelled_caught
            nursery.cancel_scope.cancel()


async def run(plan: FaultPlan, seen: Seen) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    async with SimulatedServer(replies) as model, NotingServer(model, plan, seen) as server:
        try:
            await program(server, seen)
        except (RealtimeError, ExceptionGroup) as error:
            seen.error = error
        left_at = trio.current_time()
    assert trio.current_time() == left_at, "leaving the server took time"
    seen.tasks_left = trio.lowlevel.current_statistics().tasks_living - before


def is_prefix(shorter: Sequence[object], longer: Sequence[object]) -> bool:
    return [*longer[: len(shorter)]] == [*shorter]


def faults_of(happened: list[InjectedFault], side: str) -> list[tuple[str, int]]:
    return [(each.kind, each.frame) for each in happened if each.side == side]


def streamed_from(messages: Sequence[str | bytes], seen: Seen) -> list[Key]:
    """What the program reads of these: all but the errors that were raised at requests, once."""
    keys = [key_of(message) for message in messages]
    for key in [key for key in keys if key[1] in seen.raised][:1]:
        keys.remove(key)
    return keys


def check(plan: FaultPlan, seen: Seen) -> None:
    """Every statement says with its name what is wrong."""
    happened = plan.happened
    to_client = faults_of(happened, "server")
    to_server = faults_of(happened, "client")
    kinds = {each.kind for each in happened}

    # Nothing is left, and what leaves is documented.
    assert seen.tasks_left == 0
    assert all(isinstance(each, PipeStream) and each.closed for each in seen.streams)
    check_error({*kinds}, seen, may_starve=plan.stream.read_rate is not None)
    stalls_for_ever = "stall" in kinds and math.inf in {
        each.stall_seconds for each in (plan.from_server, plan.from_client, plan.stream)
    }
    assert not seen.gave_up or stalls_for_ever or plan.stream.read_rate == 0

    # What the plan says it did is what was done.
    expected = arrivals(seen.said, to_client, plan.from_server)
    assert is_prefix(seen.wire_out, expected), "the wire has what the plan did not do"
    expected_in = arrivals(seen.wire_in, to_server, plan.from_client)
    assert is_prefix(seen.heard, expected_in), "the server heard what the plan did not do"

    # And the client saw that, and nothing else.
    keys = streamed_from(expected, seen)
    assert is_prefix(seen.streamed, keys), "the client saw what was not sent"
    if seen.opened and seen.error and kinds & {"drop_before", "drop_after", "cut"}:
        # Promise 2: everything that was sent before the loss, but for a frame that was torn.
        sent = streamed_from(seen.wire_out, seen)
        assert is_prefix(sent, seen.streamed), "the client lost what had been sent"
        assert len(seen.streamed) <= len(sent) + 1


def check_error(kinds: set[str], seen: Seen, *, may_starve: bool) -> None:
    error = seen.error
    if error is None:
        assert seen.finished or seen.gave_up
    elif not seen.opened:
        assert isinstance(error, ConnectError)
    else:
        documented = pytest.RaisesGroup(ConnectionClosedError, flatten_subgroups=True)
        assert documented.matches(error)
        if not pytest.RaisesGroup(MessageTooBigError, flatten_subgroups=True).matches(error):
            assert kinds & {"drop_before", "drop_after", "cut", "stall"} or may_starve


def sweep(seed: int) -> None:
    plan, seen = FaultPlan(seed), Seen()
    with seeded(seed):
        trio.run(run, plan, seen, clock=trio.testing.MockClock(autojump_threshold=0))
    check(plan, seen)


CHUNK: Final = 50


@pytest.mark.sweep
@pytest.mark.parametrize("chunk", range(20))
def test_no_fault_hangs_a_client_or_costs_it_more_than_it_took(chunk: int) -> None:
    seeds = range(chunk * CHUNK, (chunk + 1) * CHUNK, one_in(5))
    results = {f"FaultPlan({seed})": outcome.capture(sweep, seed) for seed in seeds}
    assert {name: result for name, result in results.items() if result != outcome.Value(None)} == {}

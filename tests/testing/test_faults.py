"""Each kind of fault: that it happens, and what a program over our client is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import trio
import trio.testing

from tests.network.servers import client_context, server_context
from tests.shell.lines import anatomy
from trio_realtime import (
    CloseInfo,
    ConnectError,
    ConnectTimeoutError,
    MessageTooBigError,
    OpenAIEndpoint,
    Options,
    RealtimeConnection,
    RealtimeError,
    open_realtime,
)
from trio_realtime._transport import TransportClosed
from trio_realtime.events import Error, InvalidEvent, ResponseDone, ServerEvent, UnknownEvent
from trio_realtime.testing import (
    ClientHandshake,
    FaultPlan,
    Faults,
    Host,
    InjectedFault,
    ServerSocket,
    SimulatedServer,
    StreamFaults,
    pipe_pair,
    seeded,
)
from trio_realtime.testing._faulty import FaultyStream

MODEL = "gpt-realtime-2.1"


@dataclass
class Told:
    """What a program saw, and when."""

    events: list[ServerEvent] = field(default_factory=list[ServerEvent])
    times: list[float] = field(default_factory=list[float])
    left: str = "nothing"
    """The anatomy of what left `async with`."""
    error: RealtimeError | None = None
    took: float = 0.0

    @property
    def types(self) -> list[str]:
        return [str(getattr(event, "wire_type", None) or event.type) for event in self.events]

    def count(self, type: str) -> int:  # noqa: A002 - the wire's name
        return self.types.count(type)


async def asks(conn: RealtimeConnection, told: Told) -> None:
    """Ask for an answer in text, and read it."""
    await conn.conversation.item.create(role="user", text="One two three.")
    await conn.response.create(output_modalities=["text"])
    await reads(conn, told)


async def reads(conn: RealtimeConnection, told: Told) -> None:
    async for event in conn:
        told.events.append(event)
        told.times.append(trio.current_time())
        if isinstance(event, ResponseDone):
            break


async def meets(
    plan: FaultPlan,
    body: Callable[[RealtimeConnection, Told], Awaitable[None]] = asks,
    options: Options | None = None,
) -> Told:
    """Run a program against a server with faults."""
    told = Told()
    started = trio.current_time()
    error: Exception | None = None
    with trio.fail_after(1000):
        async with SimulatedServer(faults=plan) as server:
            try:
                async with open_realtime(
                    MODEL, endpoint=server.endpoint, options=options or Options()
                ) as conn:
                    await body(conn, told)
            except (RealtimeError, ExceptionGroup) as raised:
                error = raised
            told.took = trio.current_time() - started
    if error is not None:
        told.left = anatomy(error)
        if isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, RealtimeError)
        told.error = error
    return told


USUAL = [
    "session.created",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 5,
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
"""What is received without faults."""

LOST = "ExceptionGroup[ConnectionClosedError]"


def kinds(plan: FaultPlan) -> list[tuple[str, str, int]]:
    return [(fault.kind, fault.side, fault.frame) for fault in plan.happened]


async def test_without_faults_nothing_happens(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults())
    told = await meets(plan)
    assert told.types == USUAL
    assert told.left == "nothing"
    assert plan.happened == []


async def test_a_delay_makes_everything_late(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults(delay=3), from_client=Faults(delay=4))
    told = await meets(plan)
    assert told.types == USUAL
    assert told.times[0] == pytest.approx(3)  # one way: the greeting
    assert told.times[1] == pytest.approx(10)  # there and back
    # A delay is not a queue: the messages behind take no longer.
    assert told.times[-1] == pytest.approx(10.05, abs=0.02)


async def test_jitter_makes_it_unevenly_late_in_the_same_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_server=Faults(jitter=0.5))
    told = await meets(plan)
    assert told.types == USUAL
    gaps = {round(later - earlier, 3) for earlier, later in pairwise(told.times)}
    assert len(gaps) > 3


async def test_a_message_comes_twice(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults(duplicate=["response.created", 7]))
    told = await meets(plan)
    assert told.left == "nothing"
    assert told.count("response.created") == 2
    assert told.count("response.content_part.added") == 2
    assert len(told.types) == len(USUAL) + 2
    assert kinds(plan) == [("duplicate", "server", 4), ("duplicate", "server", 7)]


async def test_the_server_takes_a_request_twice(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_client=Faults(duplicate="response.create"))
    told = await meets(plan)
    (error,) = (event for event in told.events if isinstance(event, Error))
    assert error.error.code == "conversation_already_has_active_response"
    assert [fault.kind for fault in plan.happened] == ["duplicate"]


async def test_messages_of_two_responses_change_places(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def two_at_once(conn: RealtimeConnection, told: Told) -> None:
        await conn.conversation.item.create(role="user", text="One two three.")
        await conn.response.create(output_modalities=["text"])
        await conn.response.create(conversation="none", output_modalities=["text"])
        await reads(conn, told)
        await reads(conn, told)

    def orders(told: Told) -> dict[str | None, list[str]]:
        by_response: dict[str | None, list[str]] = {}
        for event in told.events:
            response = getattr(event, "response_id", None)
            if response is not None:
                by_response.setdefault(response, []).append(event.type)
        return by_response

    with seeded(1):
        still = await meets(FaultPlan(1, from_server=Faults()), two_at_once)
        plan = FaultPlan(1, from_server=Faults(reorder=0.5))
        moved = await meets(plan, two_at_once)
    assert {fault.kind for fault in plan.happened} == {"reorder"}
    assert moved.types != still.types
    # Within a response all is as it was.
    assert sorted(orders(moved).values()) == sorted(orders(still).values())


async def test_what_is_no_json_is_delivered_as_such(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_server=Faults(malformed=[3]), from_client=Faults(malformed=[2]))
    told = await meets(plan)
    assert told.left == "nothing"
    assert isinstance(told.events[2], InvalidEvent)
    assert told.count("error") == 1  # the server's answer to what it could not read
    assert set(kinds(plan)) == {("malformed", "server", 3), ("malformed", "client", 2)}


async def test_an_unknown_event_is_delivered(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults(unknown=[3]), from_client=Faults(unknown=[2]))
    told = await meets(plan)
    assert told.left == "nothing"
    assert isinstance(told.events[2], UnknownEvent)
    assert told.types[2] == "fault.unknown"
    assert told.count("error") == 1
    assert set(kinds(plan)) == {("unknown", "server", 3), ("unknown", "client", 2)}


async def test_what_is_too_big_ends_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_server=Faults(oversize=[5], oversize_bytes=5001))
    told = await meets(plan, options=Options(max_message_bytes=5000))
    assert told.types == USUAL[:4]
    assert isinstance(told.error, MessageTooBigError)
    assert kinds(plan) == [("oversize", "server", 5)]


@pytest.mark.parametrize("ending", ["eof", "reset"])
@pytest.mark.parametrize(("fault", "arrived"), [("drop_before", 5), ("drop_after", 6)])
async def test_the_connection_is_lost_on_the_way_to_the_client(
    fault: str, arrived: int, ending: str, autojump_clock: trio.testing.MockClock
) -> None:
    plan = FaultPlan.parse(f"{fault}=6,ending={ending}", seed=1)
    told = await meets(plan)
    assert told.types == USUAL[:arrived]  # promise 2
    assert told.left == LOST
    assert told.error is not None
    assert getattr(told.error, "info") == CloseInfo(None, "", "network")  # noqa: B009
    assert kinds(plan) == [(fault, "server", 6)]


@pytest.mark.parametrize(("fault", "received"), [("drop_before", 1), ("drop_after", 2)])
async def test_a_client_cannot_tell_whether_what_it_sent_arrived(
    fault: str, received: int, autojump_clock: trio.testing.MockClock
) -> None:
    plan = FaultPlan.parse(f"client.{fault}=response.create", seed=1)
    told = Told()
    async with SimulatedServer(faults=plan) as server:
        with pytest.RaisesGroup(pytest.RaisesExc(RealtimeError)):
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                await asks(conn, told)
        await server.sessions[0].wait_closed()
    assert len(server.sessions[0].received) == received
    assert told.types == USUAL[: len(told.types)]
    assert kinds(plan) == [(fault, "client", 2)]


async def test_one_event_type_is_enough_to_name_a_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = await meets(FaultPlan(1, from_server=Faults(drop_before="response.done")))
    assert told.types == USUAL[:-1]


async def test_a_stall_delays_what_comes_after(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults(stall=4, stall_seconds=100))
    told = await meets(plan)
    assert told.types == USUAL
    assert told.times[2] < 1
    assert told.times[3] == pytest.approx(100, abs=0.1)  # pings were answered in the meantime
    assert kinds(plan) == [("stall", "server", 4)]


@pytest.mark.parametrize("side", ["server", "client"])
async def test_a_stall_for_ever_is_a_program_s_own_deadline(
    side: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def with_deadline(conn: RealtimeConnection, told: Told) -> None:
        with trio.move_on_after(500):
            await asks(conn, told)

    plan = FaultPlan.parse(f"{side}.stall=2", seed=1)
    told = await meets(plan, with_deadline)
    assert told.types == (USUAL[:1] if side == "server" else USUAL[:3])
    # The server answers CLOSE, so leaving is not slow.
    assert told.left == "nothing"
    assert told.took == pytest.approx(500)


async def test_a_sender_waits_when_too_much_is_on_its_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_server=Faults(stall=1, stall_seconds=15))
    sent: list[float] = []

    class Sender(Host):
        async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
            for _ in range(3):
                await ws.send("x" * 2**20)
                sent.append(trio.current_time())
            with suppress(TransportClosed):
                await ws.receive()
            return True

    async with Sender(faults=plan) as server:
        async with open_realtime(
            MODEL, endpoint=server.endpoint, options=Options(wait_for_session=False)
        ) as conn:
            for _ in range(3):
                await conn.receive()
    # The second one fits in: the limit is looked at before.
    assert sent == [pytest.approx(each) for each in (0, 0, 15)]


async def test_a_server_reads_no_more_when_too_much_is_on_its_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_client=Faults(stall=1, stall_seconds=30))
    async with SimulatedServer(faults=plan) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            for _ in range(4):
                await conn.send_raw("x" * 2**20)
            assert trio.current_time() == pytest.approx(30)


async def test_bytes_come_in_small_pieces(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, stream=StreamFaults(piece=5, handshake=True))
    told = await meets(plan)
    assert told.types == USUAL
    assert plan.happened == []


async def test_pieces_come_slowly(autojump_clock: trio.testing.MockClock) -> None:
    told = await meets(FaultPlan(1, stream=StreamFaults(piece=1000, piece_delay=0.5)))
    assert told.types == USUAL
    assert told.took > 5


async def test_a_slow_reader_slows_the_sender(autojump_clock: trio.testing.MockClock) -> None:
    async def sends_much(conn: RealtimeConnection, told: Told) -> None:
        await conn.send_raw("x" * 265_536)

    told = await meets(FaultPlan(1, stream=StreamFaults(read_rate=10_000)), sends_much)
    # What the link holds, 64 KiB, is not waited for; then closing waits its second.
    assert told.took == pytest.approx(21, abs=0.1)


async def test_who_does_not_read_at_all_is_taken_for_dead(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = await meets(FaultPlan(1, stream=StreamFaults(read_rate=0)))
    assert told.types == USUAL[:1]
    assert told.left == "ExceptionGroup[KeepaliveTimeoutError]"
    assert told.took == pytest.approx(40)


@pytest.mark.parametrize("ending", ["eof", "reset"])
async def test_the_connection_is_cut_within_a_frame(
    ending: str, autojump_clock: trio.testing.MockClock
) -> None:
    plan = FaultPlan.parse(f"cut_after=2000,stream.ending={ending}", seed=1)
    told = await meets(plan)
    assert told.left == LOST
    assert told.types == USUAL[: len(told.types)]
    assert 0 < len(told.types) < len(USUAL)
    assert kinds(plan) == [("cut", "stream", 2000)]


async def test_a_network_that_dies_is_noticed(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, stream=StreamFaults(stall_after=2000))
    told = await meets(plan)
    assert told.left == "ExceptionGroup[KeepaliveTimeoutError]"
    assert told.took == pytest.approx(40, abs=1)
    assert kinds(plan) == [("stall", "stream", 2000)]


async def test_a_network_that_comes_back_in_time_is_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = await meets(FaultPlan(1, stream=StreamFaults(stall_after=2000, stall_seconds=30)))
    assert told.types == USUAL
    assert told.took == pytest.approx(30, abs=1)


async def test_an_upgrade_that_stalls_is_a_connection_that_could_not_be_opened(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = await meets(FaultPlan(1, stream=StreamFaults(stall_after=20, handshake=True)))
    assert isinstance(told.error, ConnectTimeoutError)
    assert told.error.stage == "upgrade"
    told = await meets(FaultPlan(1, stream=StreamFaults(cut_after=20, handshake=True)))
    assert type(told.error) is ConnectError


async def test_only_so_many_connections_suffer(autojump_clock: trio.testing.MockClock) -> None:
    plan = FaultPlan(1, from_server=Faults(drop_before=1), connections=2)
    async with SimulatedServer(faults=plan) as server:
        for _ in range(2):
            with pytest.raises(ConnectError, match="lost before the session was ready"):
                async with open_realtime(MODEL, endpoint=server.endpoint):
                    pass
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            assert (await conn.receive()).type == "session.created"
    assert [fault.connection for fault in plan.happened] == [1, 2]


async def test_chance_is_apart_for_each_direction(autojump_clock: trio.testing.MockClock) -> None:
    async def asks_with_more(conn: RealtimeConnection, told: Told) -> None:
        await conn.input_audio_buffer.append(bytes(960))
        await asks(conn, told)

    def of_server(plan: FaultPlan) -> list[int]:
        return [fault.frame for fault in plan.happened if fault.side == "server"]

    one, other = (
        FaultPlan(5, from_server=Faults(duplicate=0.3), from_client=Faults(unknown=[1]))
        for _ in range(2)
    )
    first, second = await meets(one), await meets(other, asks_with_more)
    assert of_server(one) == of_server(other) != []
    assert first.types == second.types


def trace(seed: int) -> tuple[list[InjectedFault], list[str], str]:
    plan = FaultPlan(seed)

    async def with_deadline(conn: RealtimeConnection, told: Told) -> None:
        with trio.move_on_after(100):
            await asks(conn, told)

    with seeded(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        told = trio.run(meets, plan, with_deadline, clock=clock)
    lines = [f"{at:.9f} {event!r}" for at, event in zip(told.times, told.events, strict=True)]
    return plan.happened, lines, told.left


@pytest.mark.sweep
def test_the_same_seed_gives_the_same_faults_and_the_same_frames() -> None:
    traces = {seed: trace(seed) for seed in range(30)}
    for seed, seen in traces.items():
        # All but the clock on the wall, which `session.expires_at` shows.
        again = trace(seed)
        assert (again[0], again[2]) == (seen[0], seen[2]), seed
        assert [line.split("expires_at")[0] for line in again[1]] == [
            line.split("expires_at")[0] for line in seen[1]
        ], seed
    assert len({tuple(map(str, happened)) for happened, _, _ in traces.values()}) > 5


def test_a_plan_shows_how_to_have_it_again() -> None:
    assert repr(FaultPlan(7)) == "FaultPlan(7)"
    assert repr(FaultPlan(7, connections=1)) == "FaultPlan(7, connections=1)"
    assert repr(FaultPlan(7, from_server=Faults())) == "FaultPlan(7, from_server=Faults())"
    plan = FaultPlan(
        7, from_server=Faults(delay=0.1), from_client=Faults(stall=3), stream=StreamFaults(piece=7)
    )
    assert repr(plan) == (
        "FaultPlan(7, from_server=Faults(delay=0.1), from_client=Faults(stall=3), "
        "stream=StreamFaults(piece=7))"
    )
    assert repr(eval(repr(plan))) == repr(plan)


def test_without_a_seed_there_is_another_each_time_but_inside_seeded() -> None:
    assert FaultPlan().seed != FaultPlan().seed
    with seeded(3):
        seed = FaultPlan().seed
    with seeded(3):
        assert FaultPlan().seed == seed


def test_a_seed_alone_chooses_the_faults() -> None:
    one, same = FaultPlan(3), FaultPlan(3)
    assert (one.from_server, one.from_client, one.stream) == (
        same.from_server,
        same.from_client,
        same.stream,
    )
    assert repr(FaultPlan.parse("random", seed=3)) == "FaultPlan(3)"
    assert FaultPlan.parse("random", seed=3).stream == one.stream


def test_a_plan_can_be_written_as_text() -> None:
    plan = FaultPlan.parse("delay=0.1,client.duplicate=0.02,piece=7,connections=2", seed=7)
    assert repr(plan) == (
        "FaultPlan(7, from_server=Faults(delay=0.1), from_client=Faults(duplicate=0.02), "
        "stream=StreamFaults(piece=7), connections=2)"
    )


def test_a_plan_for_no_connection_is_refused() -> None:
    with pytest.raises(ValueError, match="connections must be at least 1; it is 0"):
        FaultPlan(1, connections=0)


class Speaker(Host):
    """A server that says one thing of each kind, and says goodbye."""

    def __init__(self, plan: FaultPlan) -> None:
        super().__init__(faults=plan)
        self.closings: list[TransportClosed] = []

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        ws.answer_close = not ws.answer_close
        await ws.ping(b"?")
        await ws.send_bytes(b'{"type": "one"}')
        await ws.send('{"type": "two"}')
        await self.note(ws.close(1001, "bye"))
        await self.note(ws.receive())
        await self.note(ws.receive())
        await ws.aclose()
        await self.note(ws.send("too late"))
        await self.note(ws.close())
        return True

    async def note(self, awaitable: Awaitable[object]) -> None:
        try:
            await awaitable
        except TransportClosed as closed:
            self.closings.append(closed)


NO_SESSION = Options(wait_for_session=False)


async def test_a_close_waits_for_what_was_said_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with Speaker(FaultPlan(1, from_server=Faults(delay=2))) as server:
        with pytest.RaisesGroup(pytest.RaisesExc(RealtimeError, match="1001")):
            async with open_realtime(MODEL, endpoint=server.endpoint, options=NO_SESSION) as conn:
                assert [(await conn.receive()).type for _ in range(2)] == ["<unknown>"] * 2
                assert trio.current_time() == pytest.approx(2)
                await conn.receive()
        await trio.testing.wait_all_tasks_blocked()
    # Every raise is a new exception.
    codes = [closed.code for closed in server.closings]
    assert codes == [1001, 1001, None, None]
    assert len({id(closed) for closed in server.closings}) == 4


async def test_a_close_that_never_gets_through_is_told_when_the_connection_is_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with Speaker(FaultPlan(1, from_server=Faults(drop_before=2, delay=1))) as server:
        with pytest.RaisesGroup(pytest.RaisesExc(RealtimeError, match="lost")):
            async with open_realtime(MODEL, endpoint=server.endpoint, options=NO_SESSION) as conn:
                assert (await conn.receive()).type == "<unknown>"
                await conn.receive()
        await trio.testing.wait_all_tasks_blocked()
    assert next(closed.closed_by for closed in server.closings) == "network"


async def test_what_is_on_its_way_to_the_server_arrives_after_the_client_has_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(1, from_client=Faults(delay=5))
    async with SimulatedServer(faults=plan) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            await conn.input_audio_buffer.append(bytes(960))
        assert trio.current_time() < 1
        (session,) = server.sessions
        assert session.received == []
        await session.wait_closed()
        assert trio.current_time() == pytest.approx(5)
        assert [frame.type for frame in session.received] == ["input_audio_buffer.append"]


async def test_a_pause_loses_no_message_that_is_on_its_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    plan = FaultPlan(
        1, from_client=Faults(delay=5), stream=StreamFaults(stall_after=1, stall_seconds=3)
    )
    async with SimulatedServer(faults=plan) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            for _ in range(3):
                await conn.conversation.item.create(role="user", text="Hello.")
            (session,) = server.sessions
            for moment in (3, 6, 8, 9, 12):
                await trio.sleep_until(moment)
                session.pause()
                await trio.sleep(0.5)
                session.resume()
            told = Told()
            await conn.response.create()
            await reads(conn, told)
    assert told.count("conversation.item.done") == 4


async def test_what_a_talk_raises_ends_the_server_as_it_would_without_faults() -> None:
    class Failing(Host):
        async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
            raise LookupError("no idea")

    for plan in (None, FaultPlan(1, from_server=Faults(delay=0.01))):
        with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="no idea")):
            async with Failing(faults=plan) as server:
                async with open_realtime(MODEL, endpoint=server.endpoint, options=NO_SESSION):
                    await trio.sleep_forever()


@pytest.mark.parametrize(
    "text",
    [
        "delay=1000",
        "client.delay=1000",
        "stall=1",
        "client.stall=1",
        "read_rate=0",
        "stall_after=1",
        "stall_after=1,handshake=yes",
        "piece=1,piece_delay=1000",
    ],
)
async def test_leaving_a_server_never_waits_for_a_fault(
    text: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer(faults=FaultPlan.parse(text, seed=1)) as server:
        async with trio.open_nursery() as nursery:

            async def client() -> None:
                with trio.move_on_after(50):
                    async with open_realtime(
                        MODEL, endpoint=server.endpoint, options=Options(connect_timeout=100)
                    ) as conn:
                        await conn.conversation.item.create(role="user", text="Hello.")
                        await trio.sleep_forever()

            nursery.start_soon(client)
            await trio.sleep(20)
            nursery.cancel_scope.cancel()
    assert trio.current_time() == pytest.approx(20, abs=1)


@asynccontextmanager
async def faulty_pipe(
    faults: StreamFaults,
) -> AsyncGenerator[tuple[FaultyStream, trio.abc.Stream]]:
    ours, theirs = pipe_pair()
    link = FaultPlan(1, stream=faults).link(ours)
    assert link is not None
    with trio.fail_after(1000):
        async with link.stream, theirs:
            yield link.stream, theirs


async def test_a_stream_takes_no_more_than_it_is_asked_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    faults = StreamFaults(stall_after=1, stall_seconds=5, handshake=True)
    async with faulty_pipe(faults) as (stream, other):

        async def gives_up() -> None:
            with trio.move_on_after(1):
                await stream.receive_some(6)  # arrives in the stall, and is kept

        async with trio.open_nursery() as nursery:
            nursery.start_soon(gives_up)
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(b"x")
            await other.send_all(b"abcdef")
        assert [await stream.receive_some(4) for _ in range(2)] == [b"abcd", b"ef"]
        assert trio.current_time() == 5
        await other.aclose()
        assert await stream.receive_some() == b""


async def test_a_stream_tells_when_it_may_be_written_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    faults = StreamFaults(piece_delay=3, handshake=True)
    async with faulty_pipe(faults) as (stream, _):
        await stream.send_all(b"x")
        await stream.wait_send_all_might_not_block()
        assert trio.current_time() == 3


async def test_closing_a_stream_wakes_who_waits_for_the_end_of_a_stall(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def expects_the_end(call: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await call()

    faults = StreamFaults(stall_after=1, handshake=True)
    async with faulty_pipe(faults) as (stream, _):
        await stream.send_all(b"x")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expects_the_end, stream.receive_some)
            nursery.start_soon(expects_the_end, lambda: stream.send_all(b"y"))
            await trio.testing.wait_all_tasks_blocked()
            await stream.aclose()


@pytest.mark.parametrize("secure", [False, True])
async def test_a_reset_is_one_over_a_real_socket_too(secure: bool) -> None:
    # The client has read everything by then: a reset may take what was not read with it.
    plan = FaultPlan(1, from_client=Faults(drop_before=1, ending="reset"))
    with trio.fail_after(30):
        async with SimulatedServer(faults=plan) as server:
            await server.listen(ssl_context=server_context() if secure else None)
            with pytest.RaisesGroup(pytest.RaisesExc(RealtimeError)) as caught:
                async with open_realtime(
                    MODEL,
                    endpoint=OpenAIEndpoint("key", base_url=server.base_url),
                    ssl_context=client_context() if secure else None,
                ) as conn:
                    await conn.input_audio_buffer.append(bytes(960))
                    while True:
                        await conn.receive()
    (error,) = caught.value.exceptions
    assert isinstance(error.__cause__, trio.BrokenResourceError)
    assert isinstance(error.__cause__.__cause__, ConnectionResetError)


async def test_a_stream_of_any_kind_can_be_reset_as_far_as_it_can() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    link = FaultPlan(1, stream=StreamFaults(cut_after=1, handshake=True, ending="reset")).link(ours)
    assert link is not None
    with pytest.raises(trio.BrokenResourceError, match="the fault plan has cut the connection"):
        await link.stream.send_all(b"xy")
    assert await theirs.receive_some() == b"x"
    assert await theirs.receive_some() == b""

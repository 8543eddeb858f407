"""A cancellation at every step of a session: the block ends, and the peer sees whole frames."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest
import trio
import trio.testing

from tests.effort import one_in
from trio_realtime import DEFAULT_OPTIONS, RealtimeConnection, open_realtime
from trio_realtime.events import ResponseDone
from trio_realtime.testing import SimulatedServer, seeded
from trio_realtime.testing._pipes import PipeStream, pipe_pair

TEXT, CLOSE = 1, 8

CAPACITY: Final = 1500
"""Bytes in the pipe, so that most frames leave in several pieces."""


class Recorder(trio.abc.Stream):
    """The server's end of a line: notes what comes, and may stop reading after some bytes."""

    def __init__(self, stream: PipeStream, reads: int | None) -> None:
        self._stream = stream
        self._reads = reads
        self.received = bytearray()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._reads is not None and len(self.received) >= self._reads:
            await trio.sleep_forever()
        data = await self._stream.receive_some(max_bytes)
        self.received += data
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def frames_in(received: bytearray) -> tuple[list[tuple[int, bytes]], bytes]:
    """The client's frames after the upgrade, unmasked, and what is left of a torn one."""
    _, _, rest = bytes(received).partition(b"\r\n\r\n")
    frames: list[tuple[int, bytes]] = []
    while len(rest) >= 2:
        assert rest[0] & 0x80
        assert rest[1] & 0x80
        length, begins = rest[1] & 0x7F, 2
        if length > 125:
            begins = 4 if length == 126 else 10
            length = int.from_bytes(rest[2:begins], "big")
        mask, data = rest[begins : begins + 4], rest[begins + 4 : begins + 4 + length]
        if len(rest) < begins + 4 + length:
            break
        frames.append((rest[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))))
        rest = rest[begins + 4 + length :]
    return frames, rest


class AtStep(trio.abc.Instrument):
    """Calls a function after the given step of the scheduler, once it is armed; counts them."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.count = 0
        self.act: Callable[[], None] | None = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.act is not None:
            self.count += 1
            if self.count == self._at:
                self.act()


async def talk(conn: RealtimeConnection) -> None:
    """Do one of everything: send, ask, watch, converse, queue, from several tasks."""

    async def speak() -> None:
        await conn.input_audio_buffer.append(bytes(9600))
        await conn.input_audio_buffer.commit()

    async def configure() -> None:
        await conn.session.update(instructions="Be quick.")
        item_id = await conn.conversation.item.create(role="user", text="Forget this.")
        await conn.conversation.item.delete(item_id)

    with conn.tap() as tap:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            nursery.start_soon(configure)
            await conn.conversation.item.create(role="user", text="Hello!")
            await conn.response.create()
            async for event in conn:
                if isinstance(event, ResponseDone):
                    break
        tap.receive_nowait()
    conn.send_nowait({"type": "input_audio_buffer.clear"})


def assert_settled(conn: RealtimeConnection) -> None:
    """Nothing is under way, and no account is out of balance; the stream is read empty."""
    with pytest.raises(trio.WouldBlock):
        while True:
            conn.receive_nowait()
    link = conn._link
    assert (link.budget.held, link.budget.waiting) == (0, 0)
    assert link.stream._held == 0
    assert (link.outbox._held, link.outbox.current) == (0, None)
    assert link.outbox.queued == ()
    assert (link.pending.outstanding, link.pending.uncertain) == (False, ())
    assert link.taps == []
    assert not conn.statistics().reader_paused


class Session:
    """A session that is cancelled at one step of the scheduler, and what became of it."""

    _server: SimulatedServer
    _nursery: trio.Nursery

    def __init__(self, at: int | None, *, reads: int | None = None) -> None:
        self._reads = reads
        self.steps = AtStep(at)
        self.stage = "opening"
        self.struck = "never"
        """The stage at which the cancellation struck."""
        self.ours: PipeStream | None = None
        self.theirs: Recorder | None = None

    def run(self, main: Callable[[Session], Awaitable[None]]) -> Session:
        async def serve_and_run() -> None:
            async with SimulatedServer() as self._server, trio.open_nursery() as self._nursery:
                await main(self)
                self.steps.act = None
                # promise 1
                await trio.testing.wait_all_tasks_blocked()
                assert self.ours is None or self.ours.is_closed
                self._nursery.cancel_scope.cancel()

        with seeded(1):
            clock = trio.testing.MockClock(autojump_threshold=0)
            trio.run(serve_and_run, clock=clock, instruments=[self.steps])
        return self

    def open(self) -> AbstractAsyncContextManager[RealtimeConnection]:
        return open_realtime(
            "m",
            endpoint=self._server.endpoint,
            session={"instructions": "Be brief."},
            stream_factory=self._connect,
        )

    async def _connect(self, host: str, port: int) -> PipeStream:
        await trio.lowlevel.checkpoint()
        self.ours, theirs = pipe_pair(capacity=CAPACITY)
        self.theirs = Recorder(theirs, self._reads)
        self._nursery.start_soon(self._server.serve, self.theirs)
        return self.ours

    def cancels(self, scope: trio.CancelScope) -> None:
        """From now on, cancel `scope` when its step has come."""

        def act() -> None:
            self.struck = self.stage
            scope.deadline = trio.current_time()

        self.steps.act = act


async def is_cancelled_from_outside(session: Session) -> None:
    with trio.CancelScope(deadline=trio.current_time() + 30) as scope:
        session.cancels(scope)
        async with session.open() as conn:
            session.stage = "body"
            await talk(conn)
            session.stage = "closing"
        session.stage = "closed"
    # What is cancelled ends as cancelled, and in no other way.
    assert scope.cancelled_caught == (session.stage != "closed")
    if scope.cancelled_caught:
        assert trio.current_time() <= scope.deadline + DEFAULT_OPTIONS.close_timeout + 0.001


def every_step(main: Callable[[Session], Awaitable[None]]) -> range:
    dry = Session(None).run(main)
    assert dry.struck == "never"
    assert dry.steps.count > 200
    return range(1, dry.steps.count, one_in(7))


# promise 1; promise 4
@pytest.mark.sweep
def test_a_session_cancelled_at_any_step_ends_with_whole_frames_and_a_close() -> None:
    struck: set[str] = set()
    for at in every_step(is_cancelled_from_outside):
        session = Session(at).run(is_cancelled_from_outside)
        struck.add(session.struck)
        if session.theirs is None:
            continue
        frames, torn = frames_in(session.theirs.received)
        opcodes = [opcode for opcode, _ in frames]
        assert set(opcodes) <= {TEXT, CLOSE}
        assert all(json.loads(data)["type"] for opcode, data in frames if opcode == TEXT)
        assert CLOSE not in opcodes[:-1]
        # One that strikes after the body's last checkpoint finds it closing, and cuts that short.
        if session.struck == session.stage == "body":
            assert torn == b""
            assert frames[-1] == (CLOSE, (1000).to_bytes(2, "big"))
    assert struck >= {"opening", "body", "closing"}


# promise 1; promise 4
@pytest.mark.sweep
@pytest.mark.parametrize("reads", [1_000, 3_000, 9_000])
def test_a_session_cancelled_at_any_step_ends_in_time_though_the_peer_reads_no_more(
    reads: int,
) -> None:
    for at in every_step(is_cancelled_from_outside):
        session = Session(at, reads=reads).run(is_cancelled_from_outside)
        if session.theirs is not None:
            # Cut off in the end: whatever came before is whole.
            frames, _ = frames_in(session.theirs.received)
            assert all(json.loads(data)["type"] for opcode, data in frames if opcode == TEXT)


async def is_cancelled_inside(session: Session) -> None:
    async with session.open() as conn:
        with trio.CancelScope() as scope:
            session.stage = "body"
            session.cancels(scope)
            await talk(conn)
        session.steps.act = None
        # The connection is as good as new.
        update = await conn.session.update(instructions="Go on.")
        assert update.instructions == "Go on."
        await trio.sleep(DEFAULT_OPTIONS.ping_timeout / 2)
        assert_settled(conn)


# promise 4
@pytest.mark.sweep
def test_a_body_cancelled_at_any_step_leaves_a_connection_that_works() -> None:
    for at in every_step(is_cancelled_inside):
        session = Session(at).run(is_cancelled_inside)
        assert session.theirs is not None
        frames, torn = frames_in(session.theirs.received)
        assert torn == b""
        assert [opcode for opcode, _ in frames].index(CLOSE) == len(frames) - 1
        assert json.loads(frames[-2][1])["session"]["instructions"] == "Go on."

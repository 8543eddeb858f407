"""Ctrl-C at any moment: it lands in the program, nothing hangs, nothing is torn, nothing is left.

A real SIGINT, delivered as Trio does by default: wherever the program happens to be, unless that
place is protected. It is raised before one line of the connection's code after the other, at one
step of the scheduler after the other, and by another thread while the program waits.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import AsyncGeneratorType, FrameType
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest
import trio
import trio.testing

import trio_realtime
from tests.effort import effort
from tests.shell.lines import Behaviour, Peer, anatomy, line_to, polite, silent_at_close
from tests.shell.test_cancelling import assert_settled
from trio_realtime import Options, RealtimeConnection, open_realtime
from trio_realtime.events import ResponseDone
from trio_realtime.testing import SimulatedServer, seeded
from trio_realtime.testing._pipes import PipeStream

if TYPE_CHECKING:
    from _typeshed import TraceFunction

pytestmark = pytest.mark.usefixtures("ctrl_c_is_heard")

Body: TypeAlias = Callable[[RealtimeConnection], Awaitable[None]]

PACKAGE: Final = Path(trio_realtime.__file__).parent
LAYERS: Final = ("_open", "_connection", "_resources", "_response")
"""The code that runs in the program's own tasks and keeps state for it."""

HANGS_AFTER: Final = 1000
"""Virtual seconds; an ordinary session takes less than ten."""

GROUPED: Final = "BaseExceptionGroup[KeyboardInterrupt]"
RUNS: Final = 45
"""How many of the moments are tried, evenly spread."""


class AtLine:
    """Raises SIGINT before the given line of the connection's code that runs; counts them."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self._is_ours: dict[str, bool] = {}
        self.count = 0

    def _chosen(self, frame: FrameType) -> bool:
        name = frame.f_code.co_filename
        if name not in self._is_ours:
            path = Path(name)
            self._is_ours[name] = (
                path.is_relative_to(PACKAGE) and path.relative_to(PACKAGE).parts[0] in LAYERS
            )
        return self._is_ours[name]

    def _enter(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        return self._line if self._chosen(frame) else None

    def _line(self, frame: FrameType, event: str, _: object) -> TraceFunction:
        if event == "line":
            self.count += 1
            if self.count == self._at:
                signal.raise_signal(signal.SIGINT)
        return self._line

    @contextmanager
    def armed(self) -> Generator[tuple[trio.abc.Instrument, ...]]:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield ()
        finally:
            sys.settrace(before)


class AtSeam(AtLine):
    """Raises SIGINT before a line of contextlib, as it enters or leaves a block of ours."""

    def _chosen(self, frame: FrameType) -> bool:
        if frame.f_code.co_name not in {"__aenter__", "__aexit__"}:
            return False
        generator = getattr(frame.f_locals["self"], "gen", None)
        return isinstance(generator, AsyncGeneratorType) and (
            Path(generator.ag_code.co_filename).is_relative_to(PACKAGE)
        )


class AtStep(trio.abc.Instrument):
    """Raises SIGINT after the given step of the scheduler; counts them."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.count = 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1
        if self.count == self._at:
            signal.raise_signal(signal.SIGINT)

    @contextmanager
    def armed(self) -> Generator[tuple[trio.abc.Instrument, ...]]:
        yield (self,)


Trap: TypeAlias = AtLine | AtStep


async def talk(conn: RealtimeConnection) -> None:
    """Do one of everything: send, ask, watch, converse, queue."""
    await conn.input_audio_buffer.append(bytes(4800))
    await conn.input_audio_buffer.clear()
    with conn.tap() as tap:
        await conn.conversation.item.create(role="user", text="Hello!")
        await conn.response.create()
        async for event in conn:
            if isinstance(event, ResponseDone):
                break
        tap.receive_nowait()
    conn.send_nowait({"type": "input_audio_buffer.clear"})


async def respond(conn: RealtimeConnection) -> None:
    """Read a response through its views and to its end, and leave another one early."""
    async with conn.respond("Hello!") as reply:
        events = aiter(reply)
        async for _ in reply.text():
            pass
        async for chunk in reply.audio():
            reply.heard(len(chunk) / 48)
        events.receive_nowait()
        await reply.result()
    async with conn.respond("Hello again!") as reply:
        await anext(reply.audio())


class Session:
    """A session that is interrupted somewhere, and what became of it."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.streams: list[PipeStream] = []
        self.stage = "opening"
        self.left = "nothing"
        self.hung = False

    def run(self, trap: Trap) -> Session:
        clock = trio.testing.MockClock(autojump_threshold=0)
        try:
            with seeded(1), trap.armed() as instruments:
                trio.run(
                    self._main,
                    clock=clock,
                    instruments=instruments,
                    restrict_keyboard_interrupt_to_checkpoints=False,
                )
        except KeyboardInterrupt:
            self.left = "after the end"
        except BaseExceptionGroup as group:
            # Held back until after our block: it struck the test's own nursery.
            if anatomy(group) != GROUPED or self.stage != "closed":
                raise
            self.left = "after the end"
        return self

    async def _main(self) -> None:
        async with SimulatedServer() as server, trio.open_nursery() as nursery:

            async def connect(host: str, port: int) -> trio.abc.Stream:
                stream = await server.connect(host, port)
                assert isinstance(stream, PipeStream)
                self.streams.append(stream)
                return stream

            nursery.start_soon(self._watch)
            try:
                async with open_realtime(
                    "m",
                    endpoint=server.endpoint,
                    session={"instructions": "Be brief."},
                    stream_factory=connect,
                ) as conn:
                    self.stage = "body"
                    await self._body(conn)
                    self.stage = "closing"
                self.stage = "closed"
            except (KeyboardInterrupt, BaseExceptionGroup) as error:
                self.left = anatomy(error)
                if "AssertionError" in self.left:
                    raise
            nursery.cancel_scope.cancel()

    async def _watch(self) -> None:
        await trio.sleep(HANGS_AFTER)
        self.hung = True
        for stream in self.streams:
            stream.abort()


@pytest.mark.sweep
@pytest.mark.parametrize(("body", "runs"), [(talk, RUNS), (respond, RUNS // 3)])
@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        (AtLine, {"opening", "body", "closing"}),
        (AtSeam, {"opening", "closing"}),
        (AtStep, {"opening", "body", "closing"}),
    ],
)
def test_ctrl_c_at_any_moment_ends_the_session_and_leaves_nothing(
    kind: type[Trap], stages: set[str], body: Body, runs: int
) -> None:
    runs = effort(runs, deep=4 * runs)
    dry = kind(None)
    assert Session(body).run(dry).left == "nothing"
    seen: set[tuple[str, str]] = set()
    for at in range(1, dry.count, max(1, dry.count // runs)):
        session = Session(body).run(kind(at))
        assert not session.hung
        # promise 1
        assert all(stream.is_closed for stream in session.streams)
        assert session.left in {"KeyboardInterrupt", GROUPED, "after the end"}
        if session.stage != "opening" and session.left != "after the end":
            assert session.left == GROUPED
        seen.add((session.stage, session.left))
    assert seen >= {(stage, GROUPED) for stage in stages}


# promise 4
@pytest.mark.sweep
@pytest.mark.parametrize(("does", "runs"), [(talk, RUNS), (respond, RUNS // 3)])
@pytest.mark.parametrize("kind", [AtLine, AtStep])
def test_a_program_that_catches_ctrl_c_in_the_block_goes_on_with_nothing_torn(
    kind: type[Trap], does: Body, runs: int
) -> None:
    caught = 0

    async def body(conn: RealtimeConnection) -> None:
        nonlocal caught
        try:
            await does(conn)
        except KeyboardInterrupt:
            caught += 1
        assert (await conn.session.update(instructions="Go on.")).instructions == "Go on."
        # What was under way comes to its end, and nothing is left of it.
        await trio.sleep(60)
        assert_settled(conn)

    runs = effort(runs, deep=4 * runs)
    dry = kind(None)
    assert Session(body).run(dry).left == "nothing"
    for at in range(1, dry.count, max(1, dry.count // runs)):
        session = Session(body).run(kind(at))
        assert not session.hung
        assert all(stream.is_closed for stream in session.streams)
        assert session.left in {"nothing", "KeyboardInterrupt", GROUPED, "after the end"}
    assert caught > runs / 4


async def receives(conn: RealtimeConnection) -> None:
    async for _ in conn:
        pass


async def is_stuck_in_send(conn: RealtimeConnection) -> None:
    await conn.send({"type": "input_audio_buffer.append", "audio": "A" * 400_000})


async def asks(conn: RealtimeConnection) -> None:
    await conn.input_audio_buffer.commit()


async def leaves(conn: RealtimeConnection) -> None:
    """Fall out of the block."""


async def never_opens(peer: Peer) -> None:
    await peer.drain()


async def reads_no_more(peer: Peer) -> None:
    await peer.open_session()
    await trio.sleep_forever()


async def interrupts() -> None:
    await trio.testing.wait_all_tasks_blocked(0.02)
    await trio.to_thread.run_sync(signal.raise_signal, signal.SIGINT)


@pytest.mark.parametrize(
    ("behave", "body", "close_timeout"),
    [
        pytest.param(never_opens, leaves, 60, id="opening"),
        pytest.param(polite, receives, 60, id="receiving"),
        pytest.param(reads_no_more, is_stuck_in_send, 0.2, id="sending"),
        pytest.param(polite, asks, 60, id="requesting"),
        pytest.param(silent_at_close, leaves, 60, id="closing"),
    ],
)
def test_ctrl_c_wakes_whatever_the_program_waits_for(
    behave: Behaviour, body: Body, close_timeout: float
) -> None:
    left: list[str] = []

    async def main() -> None:
        with trio.fail_after(10):
            async with line_to(behave) as endpoint, trio.open_nursery() as nursery:
                nursery.start_soon(interrupts)
                try:
                    async with open_realtime(
                        "m", endpoint=endpoint, options=Options(close_timeout=close_timeout)
                    ) as conn:
                        await body(conn)
                except BaseExceptionGroup as group:
                    left.append(anatomy(group))
                assert [stream.is_closed for stream in endpoint.streams] == [True]

    trio.run(main, restrict_keyboard_interrupt_to_checkpoints=False)
    assert left == [GROUPED]

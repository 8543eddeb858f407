"""One session of a simulated server: its tasks, and what a test sees and does.

This module moves frames and asks responders. What the frames mean is not known here: the
simulation in `_core` is told about each in the order the wire carried it.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Final, final

import outcome
import trio

from trio_realtime._core.simulator import (
    ClientFrame,
    ClientHandshake,
    Conversation,
    Object,
    Question,
    Simulation,
    Translation,
)
from trio_realtime._transport import TransportClosed
from trio_realtime.testing._drivers import Drivers
from trio_realtime.testing._responders import Answer, plan_from_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_realtime.testing._host import ServerSocket
    from trio_realtime.testing._responders import Asked

RECEIVED_MAX: Final = 16 * 2**20
"""Bytes of received messages that `received` keeps; the oldest go first."""

_FRAME_WEIGHT: Final = 1024
"""What a small frame costs in memory, beside its text."""

_OUTBOX_MAX: Final = 16
"""Frames that wait to be sent before the model and the reader wait too."""

_NO_CLOSE: Final = 1006

_CLOSE_SECONDS: Final = 5
"""How long a client may take to answer our CLOSE."""


@final
class SimulatedSession(Drivers):
    """One client's session on a simulated server: look at it, and drive it.

    Everything here may be called from any task of the same Trio run, at any time. After the
    client has gone, drivers do nothing.
    """

    handshake: ClientHandshake
    """What the client asked for: `path`, `query` and `headers`."""

    conversation: Conversation
    """The conversation; `conversation.items` lists its items in the server's order."""

    def __init__(
        self,
        simulation: Simulation | Translation,
        handshake: ClientHandshake,
        asked: Asked,
        start: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        super().__init__(simulation)
        self.handshake = handshake
        self.conversation = simulation.conversation
        self._asked = asked
        self._start = start
        self._log: deque[tuple[ClientFrame, int]] = deque()
        self._log_bytes = 0
        self._count = 0  # frames received since the session began
        self._seen: dict[str, int] = {}  # by type, how many of them wait_for has gone past
        self._paused = False
        self._closed = False
        self._deaf = False  # whether nothing that is sent arrives any more
        self._changed = trio.lowlevel.ParkingLot()
        self._scope = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._thinking: list[tuple[Question, trio.CancelScope]] = []

    @property
    def session(self) -> Object:
        """The effective session, as the last `session.updated` told it. A copy."""
        return copy.deepcopy(self._simulation.session)

    @property
    def received(self) -> list[ClientFrame]:
        """What the client sent, oldest first; of a long session the newest, 16 MiB of them."""
        return [frame for frame, _ in self._log]

    @property
    def closed(self) -> bool:
        """Whether the client's connection is over."""
        return self._closed

    async def wait_for(self, type: str) -> ClientFrame:  # noqa: A002 - the wire's name
        """Wait for the next client event of this type, and return it.

        Each is returned once, also if it came before it was waited for. Cancelled, nothing is
        lost.

        Raises:
            trio.EndOfChannel: if the client is gone and there is no more.
        """
        await trio.lowlevel.checkpoint()
        while True:
            number = self._count - len(self._log)
            for frame, _ in self._log:
                number += 1
                if number > self._seen.get(type, 0) and frame.type == type:
                    self._seen[type] = number
                    return frame
            if self._closed:
                raise trio.EndOfChannel
            await self._changed.park()

    async def wait_closed(self) -> None:
        """Wait until the client's connection is over."""
        await trio.lowlevel.checkpoint()
        while not self._closed:
            await self._changed.park()

    def drop(self) -> None:
        """Lose the network: the connection ends without a word, and what was not sent is lost."""
        self._scope.cancel()

    def pause(self) -> None:
        """Neither read nor send from now on, as a server that hangs, until `resume`.

        Pings are not answered either. A message that is being sent still goes out.
        """
        self._paused = True
        self._reading.cancel()

    def resume(self) -> None:
        """Undo `pause`."""
        self._paused = False
        self._settle()

    async def run(self, ws: ServerSocket) -> bool:
        """Serve the client until it is gone, or dropped. Never raises for what the client does.

        Returns whether it was the client who ended it.
        """
        try:
            with self._scope:
                self._simulation.open()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, ws)
                    nursery.start_soon(self._tick)
                    await self._read(ws)
                    nursery.cancel_scope.cancel()
            return not self._scope.cancelled_caught
        finally:
            self._closed = self._deaf = True
            self._simulation.close(_NO_CLOSE, "")
            for _, scope in self._thinking:
                scope.cancel()
            self._changed.unpark_all()

    async def _read(self, ws: ServerSocket) -> None:
        while True:
            await self._room()
            with trio.CancelScope() as self._reading:
                try:
                    data = await ws.receive()
                except TransportClosed:
                    return
                frame = self._simulation.receive(data, trio.current_time())
                self._record(frame, len(data))
                self._settle()

    async def _write(self, ws: ServerSocket) -> None:
        simulation = self._simulation
        try:
            while True:
                if self._paused:
                    await self._changed.park()
                elif simulation.outbox:
                    data = simulation.outbox.popleft()
                    self._changed.unpark_all()
                    await (ws.send(data) if isinstance(data, str) else ws.send_bytes(data))
                elif simulation.closing is not None:
                    code, reason = simulation.closing
                    await ws.close(code, reason)
                    await trio.sleep(_CLOSE_SECONDS)
                    self._scope.cancel()
                else:
                    await self._changed.park()
        except TransportClosed:
            # The reader learns of it behind what the client sent before: it must not wait for room.
            self._deaf = True
            self._settle()

    async def _tick(self) -> None:
        simulation = self._simulation
        while True:
            await self._room()
            now = trio.current_time()
            if simulation.due is not None and simulation.due <= now:
                simulation.tick(now)
                self._settle()
                await trio.lowlevel.checkpoint()
            else:
                with trio.move_on_at(simulation.due or float("inf")):
                    await self._changed.park()

    async def _room(self) -> None:
        while self._paused or len(self._simulation.outbox) > _OUTBOX_MAX:
            await self._changed.park()

    def _record(self, frame: ClientFrame | None, size: int) -> None:
        if frame is not None:
            self._count += 1
            self._log.append((frame, size + _FRAME_WEIGHT))
            self._log_bytes += size + _FRAME_WEIGHT
            while self._log_bytes > RECEIVED_MAX and len(self._log) > 1:
                self._log_bytes -= self._log.popleft()[1]

    def _settle(self) -> None:
        """Ask the responders that are to be asked, and wake whoever waits for a change."""
        simulation = self._simulation
        while isinstance(simulation, Simulation) and simulation.questions:
            self._ask(simulation, simulation.questions.popleft())
        for question, scope in self._thinking:
            if question.reply.over:
                scope.cancel()
        if self._deaf:
            simulation.outbox.clear()
        self._changed.unpark_all()

    def _ask(self, simulation: Simulation, question: Question) -> None:
        asked = outcome.capture(self._asked.answer, question, self)
        if isinstance(asked, outcome.Error):
            # Raised by a task of the server's: here it would reach whoever drives the session.
            self._start(partial(_raise, asked))
        elif isinstance(asked.value, tuple):
            simulation.answer(question, asked.value, trio.current_time())
        else:
            simulation.begin(question)
            self._start(partial(self._think, simulation, question, asked.value))

    async def _think(
        self, simulation: Simulation, question: Question, answer: Awaitable[Answer]
    ) -> None:
        with trio.CancelScope() as scope:
            self._thinking.append((question, scope))
            try:
                plan = plan_from_answer(await answer, question)
            finally:
                self._thinking.remove((question, scope))
            simulation.answer(question, plan, trio.current_time())
            self._settle()


async def _raise(error: outcome.Error) -> None:
    # Shielded: a server that is being left must not lose what its responder raised.
    await trio.lowlevel.cancel_shielded_checkpoint()
    error.unwrap()

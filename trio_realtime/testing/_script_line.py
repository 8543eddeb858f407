"""The line to one client of a scripted server: what came, what was looked at, what went before.

This module does not know what a script expects, nor what becomes of one that fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, final

import trio
from pydantic import JsonValue

from trio_realtime._core.matching import Dialogue, EventPattern, comparison, view_of_event
from trio_realtime._core.matching._values import name_text
from trio_realtime._core.simulator import ClientFrame, ClientHandshake, RefusedError
from trio_realtime._core.simulator._frames import frame_from_data
from trio_realtime._redaction import redact
from trio_realtime._transport import TransportClosed

if TYPE_CHECKING:
    from trio_realtime._core.simulator._scripted import ScriptedModel
    from trio_realtime.testing._host import ServerSocket
    from trio_realtime.testing._patience import Patience
    from trio_realtime.testing._script_failures import Failures


@final
class Line:
    """What passes between a scripted server and one client."""

    def __init__(
        self,
        number: int,
        handshake: ClientHandshake,
        ws: ServerSocket,
        model: ScriptedModel,
        failures: Failures,
        ignored: tuple[EventPattern, ...],
        patience: Patience,
    ) -> None:
        self.number: int = number
        self.handshake: ClientHandshake = handshake
        self.model: ScriptedModel = model
        self.received: list[ClientFrame] = []
        self.closed: TransportClosed | None = None
        """How the connection ended, if it was not we who dropped it."""
        self.over: str | None = None
        """Why nothing more will come."""
        self.script: str | None = None
        """Which script it has, if the server has scripts."""
        self.patience: Patience = patience
        self.hint: Callable[[], str] = str
        """What may help where this client is gone; by default nothing."""
        self._ws = ws
        self._failures = failures
        self._ignored = ignored
        self._dialogue = Dialogue()
        self._unseen: deque[ClientFrame] = deque()
        self._waiting = False
        self._finished = False
        self._scope = trio.CancelScope()
        self._changed = trio.lowlevel.ParkingLot()

    async def greet(self, greeting: Mapping[str, JsonValue] | bool) -> None:
        """Greet the client, or close the connection to one that may not be let in."""
        usual, closing = self.model.greeting(), self.model.closing
        if closing is not None:
            await self.send_all(usual)
            self.end("the server refused the client (code {}, {!r})".format(*closing))
            await self.close(*closing)
        elif isinstance(greeting, Mapping):
            await self.send_all(self.model.event(greeting))
        elif greeting:
            await self.send_all(usual)

    async def run(self) -> bool:
        """Read what the client sends until it is gone. Returns whether it was it who ended it."""
        try:
            with self._scope:
                while True:
                    self._receive(await self._ws.receive())
        except TransportClosed as closed:
            self.closed = closed
            self.end(_ending(closed))
        else:
            self.end("the script dropped the connection")
        finally:
            self.end("the server's block was left")
        return self.closed is not None

    def end(self, why: str) -> None:
        """Nothing more will come; whoever waits is told why. The first reason stays."""
        if self.over is None:
            self.over = why
            self.patience.happened()
        self._changed.unpark_all()

    def finish(self) -> None:
        """The script is over: whatever was not looked at, or comes from now on, is too much."""
        self._finished = True
        self.patience.happened()
        self.check_unseen()

    def check_unseen(self) -> None:
        """Fail if the client sent something that nobody looked at."""
        if self._unseen:
            what = "an event" if len(self._unseen) == 1 else f"{len(self._unseen)} events"
            shown = comparison(None, view_of_event(self._unseen[0]))
            self._failures.add(
                self.failure(f"the client sent {what} that the script never looked at", shown)
            )
            self._unseen.clear()

    async def take(self, what: str, pattern: EventPattern | None = None) -> ClientFrame | None:
        """The next event of the client's that was not looked at; None if there will be none.

        Raises:
            AssertionError: if patience runs out.
        """
        with self._alone():
            await trio.lowlevel.checkpoint()
            if not await self.patience.until(self._is_decided, self._changed):
                raise self._impatience(what, pattern)
        return self._unseen.popleft() if self._unseen else None

    async def take_within(self, seconds: float) -> ClientFrame | None:
        """The next event that comes within so many seconds; None if there is none."""
        with self._alone(), self.patience.busy(), trio.move_on_after(seconds):
            await trio.lowlevel.checkpoint()
            while not self._unseen:
                await self._changed.park()
        return self._unseen.popleft() if self._unseen else None

    async def wait_over(self) -> None:
        """Wait until nothing more will come.

        Raises:
            AssertionError: if patience runs out.
        """
        await trio.lowlevel.checkpoint()
        if not await self.patience.until(lambda: self.over is not None, self._changed):
            raise self._impatience("the client to end the connection")

    @contextmanager
    def _alone(self) -> Generator[None]:
        if self._waiting:
            raise trio.BusyResourceError("another task is waiting for this client's next event")
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _is_decided(self) -> bool:
        return bool(self._unseen) or self.over is not None

    def _impatience(self, what: str, pattern: EventPattern | None = None) -> AssertionError:
        shown = "" if pattern is None else comparison(pattern, None)
        return self.failure(
            f"{waiter(self.script)} has waited {self.patience.seconds:g} s for {what}",
            shown,
            advice="The client may wait too: then send what it waits for, or end its connection "
            f"with `await line.close()`.\n{self.patience.advice}",
        )

    async def send(self, data: str | bytes) -> None:
        """Send a message; to a client that is gone nothing."""
        self._dialogue.add("<", view_of_event(data))
        self.patience.happened()
        with suppress(TransportClosed):
            await (self._ws.send(data) if isinstance(data, str) else self._ws.send_bytes(data))

    async def send_all(self, texts: Iterable[str]) -> None:
        """Send some events, in order."""
        for text in texts:
            await self.send(text)

    async def close(self, code: int, reason: str) -> None:
        """Send CLOSE, and wait for nothing."""
        with suppress(TransportClosed):
            await self._ws.close(code, reason)

    def drop(self) -> None:
        """End the connection without a word."""
        self._scope.cancel()

    def dialogue(self) -> str:
        """What went over the line."""
        return self._dialogue.text(f"what went over connection {self.number}:")

    def state(self) -> str:
        """Where the client and its script are, in a line."""
        if self.over is not None:
            client = self.over
        elif self._unseen:
            kind = name_text(self._unseen[0].type)
            client = f"the client waits, and nobody looked at its {kind}"
        else:
            client = "the client waits, and nothing is expected of it"
        if self.script is None:
            return f"connection {self.number}: {client}"
        does = "is over" if self._finished else "goes on, and waits for something else"
        return f"connection {self.number}: {client}; {self.script} {does}"

    def failure(
        self, what: str, shown: str = "", *, advice: str = "", consequence: bool = False
    ) -> AssertionError:
        """A failure of the script, with what went before it.

        A consequence tells only that the client is gone: what made it go is the better answer.
        """
        title = (
            f"{redact(what)} (connection {self.number}, event {len(self.received)} of the client's)"
        )
        before = self._dialogue.text("what went over it:")
        parts = (title, shown, before, advice or (self.hint() if consequence else ""))
        error = AssertionError("\n\n".join(part for part in parts if part))
        self._failures.note(error, consequence=consequence)
        return error

    def _receive(self, data: str | bytes) -> None:
        view = view_of_event(data)
        self._dialogue.add(">", view)
        try:
            frame = frame_from_data(data)
        except RefusedError:
            shown = comparison(None, view)
            self._failures.add(self.failure("the client sent what is no JSON object", shown))
            return
        self.received.append(frame)
        if not any(pattern.fits(view) for pattern in self._ignored):
            self._unseen.append(frame)
            self.patience.happened()
            self._changed.unpark_all()
            if self._finished:
                self.check_unseen()


def waiter(script: str | None) -> str:
    """Who it is that waits: a script, or else a task of the test's."""
    return script or f"the task {trio.lowlevel.current_task().name}"


def _ending(closed: TransportClosed) -> str:
    if closed.closed_by == "server":
        # "Server" is the other side of a WebSocket: a client here.
        reason = f", {closed.reason!r}" if closed.reason else ""
        return f"the client closed the connection (code {closed.code}{reason})"
    if closed.closed_by == "us":
        return "the script closed the connection"
    return "the client is gone, without closing the connection"

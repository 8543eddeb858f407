"""A server that does what a test tells it, and fails the test where the client does something else.

This module does not know what is expected, nor how answers look. It takes care that a failure of
the script is what the test sees, whichever way the client takes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast, final

import trio
from pydantic import JsonValue

from trio_realtime._core.matching import EventKind, EventPattern
from trio_realtime._core.simulator._scripted import ScriptedModel
from trio_realtime.testing._host import Host, ServerSocket
from trio_realtime.testing._patience import Patience, PatienceSeconds
from trio_realtime.testing._script_connection import Expectation, ScriptedConnection, SentEvent
from trio_realtime.testing._script_failures import Failures
from trio_realtime.testing._script_line import Line, waiter
from trio_realtime.testing._seeding import calendar_time, letters_from_seed

if TYPE_CHECKING:
    from trio_realtime._core.simulator import ClientHandshake
    from trio_realtime.testing._faults import FaultPlan
    from trio_realtime.testing._watching import Watcher

Script: TypeAlias = Callable[[ScriptedConnection], Awaitable[None]]
"""What is done with one client: an async function of its connection."""

Wanted: TypeAlias = EventKind | EventPattern
"""Events of a kind: a type's name, a class or `ANY`; or `like(...)` with fields."""

_SETTLE_SECONDS: Final = 1
"""How long a client may keep busy after the block, before we look at what it sent."""

_LINGER_SECONDS: Final = 5
"""How long a script may go on after the block."""


@final
class ScriptedServer(Host):
    """A server that expects what the test says, and answers what the test says. Strict.

    Either with a script for each client, which runs beside it::

        async def script(line: ScriptedConnection) -> None:
            async with line.expect("session.update") as request:
                await request.acknowledge()
            async with line.expect("response.create", response__conversation="none") as request:
                await request.say("hi")


        async with ScriptedServer(script) as server:
            async with open_realtime("m", endpoint=server.endpoint, session={...}) as conn:
                ...

    or with expectations in the test itself, or in any of its tasks::

        async with ScriptedServer() as server:
            async with open_realtime("m", endpoint=server.endpoint) as conn:
                await conn.response.create()
                async with server.expect("response.create") as request:
                    await request.say("hi")

    A client is greeted with `session.created`. It fails the test with an `AssertionError`

    * if it sends another event than is expected next: both are shown side by side;
    * if it is gone while something is expected of it;
    * if it sends something that is never looked at, or connects more often than there are scripts.

    A script that fails cancels the block, and leaves it as it was raised, in no group; what the
    client made of being cancelled is its `__context__`. What your code in the block raises leaves
    it as it is, also if it leaves a script waiting.

    Leaving the block waits until the scripts are over; what they still expect then fails.

    No test waits for ever. Whoever waits for a client longer than `patience` fails, and so does
    the test if for so long nothing happens at all, and nobody waits: its client has heard all that
    the script says, for example, and goes on listening. Events that are ignored are nothing.
    """

    connections: list[ScriptedConnection]
    """The clients, oldest first, also those that are gone."""

    def __init__(
        self,
        *scripts: Script,
        greeting: Mapping[str, JsonValue] | bool = True,
        ignore: Wanted | Collection[Wanted] = (),
        api_key: str | None = None,
        answer_close: bool = True,
        seed: int | None = None,
        patience: PatienceSeconds = "auto",
        watch: Watcher | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """Prepare a server; entering the block starts it.

        Args:
            scripts: What is done with the first client, the second, and so on.
            greeting: The event that a client is greeted with; True for the usual
                `session.created`, False for none.
            ignore: Events that nobody need look at, one or several, such as
                `"input_audio_buffer.append"`; or `like(...)` with fields. They are in `received`.
            api_key: The only key that is let in. None lets every client in.
            answer_close: Whether a client's CLOSE is answered.
            seed: The seed of the ids the server chooses; by default another for each server.
            patience: How long the test may wait, in seconds of the Trio clock; None: for ever.
                "auto" is 60, but under an autojump clock, where waiting costs nothing, 600: a
                client that is silent for longer needs more.
            watch: Is told of everything that passes on the wire.
            faults: What goes wrong on the wire. Such a client is seldom as strict as a script.
        """
        super().__init__(api_key=api_key, answer_close=answer_close, watch=watch, faults=faults)
        self.connections = []
        self._scripts = scripts
        self._greeting = greeting
        _check(scripts, greeting)
        self._ignored = tuple(EventPattern(each, {}) for each in _several(ignore))
        self._letters = letters_from_seed(seed)
        self._patience = Patience(patience, lambda: self.port != 0)
        self._lines: list[Line] = []
        self._entered = False
        self._left = False
        self._accepted = 0
        self._running = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._block = trio.CancelScope()
        self._failures = Failures(self._block.cancel)

    async def accept(self) -> ScriptedConnection:
        """Wait for the next client that connects, and return it: each once. Without scripts only.

        Raises:
            RuntimeError: if the server was given scripts, which have the clients.
        """
        self._check_own()
        await self._wait_connections(self._accepted + 1, "another client")
        self._accepted += 1
        return self.connections[self._accepted - 1]

    def expect(
        self,
        type: EventKind | EventPattern,  # noqa: A002 - the wire's name
        /,
        **fields: object,
    ) -> Expectation:
        """Expect the next event of the client that was accepted last, or else of the first.

        For tests with one client: it is waited for. See `ScriptedConnection.expect`.

        Raises:
            AssertionError: if another event came, or none will.
            RuntimeError: if the server was given scripts: they expect.
        """
        self._check_own()
        return Expectation(self._line, EventPattern(type, fields))

    async def send(self, event: SentEvent) -> None:
        """Send any event to the client that was accepted last, or else to the first."""
        self._check_own()
        await self._line("a client to send to")
        await self.connections[self._accepted - 1].send(event)

    async def _line(self, what: str) -> Line:
        await self._wait_connections(1, what)
        self._accepted = max(self._accepted, 1)
        return self._lines[self._accepted - 1]

    async def _wait_connections(self, count: int, what: str) -> None:
        await trio.lowlevel.checkpoint()
        if self._nursery is None and len(self.connections) < count:
            raise RuntimeError(
                "the server is not running: clients connect to it, and are expected, inside of "
                "`async with ScriptedServer(...) as server`"
            )
        await self._patience.until(
            lambda: self._left or len(self.connections) >= count, self._changed
        )
        if len(self.connections) < count:
            error = AssertionError(self._vain_wait(what))
            self._failures.note(error, consequence=self._left)
            raise error

    def _vain_wait(self, what: str) -> str:
        so_far = f"{len(self.connections)} connected so far"
        if self._left:
            return f"the server's block was left, while {waiter(None)} waits for {what}; {so_far}"
        return (
            f"{waiter(None)} has waited {self._patience.seconds:g} s for {what}; {so_far}\n\n"
            "A client connects with `open_realtime(..., endpoint=server.endpoint)`, in another "
            f"task than this one.\n{self._patience.advice}"
        )

    def _hint_at_others(self) -> str:
        others = len(self.connections) - max(self._accepted, 1)
        if self._scripts or others < 1:
            return ""
        return (
            "Another client connected that was not accepted: `await server.accept()` takes it,\n"
            "and then server.expect(...) is about it."
        )

    def _quiet(self) -> str:
        """What a test is told in which nothing happens any more."""
        count = len(self.connections)
        states = [line.state() for line in self._lines]
        states += [
            f"script {number} ({_name(script)}): no client has connected for it"
            for number, script in enumerate(self._scripts[count:], count + 1)
        ]
        if not states:
            states = ["no client has connected"]
        return "\n\n".join(
            (
                (
                    f"for {self._patience.seconds:g} s nothing has happened, and nobody waits for "
                    "a client"
                ),
                "\n".join(f"  {state}" for state in states),
                *(line.dialogue() for line in self._lines),
                (
                    "A client that waits needs to be sent what it waits for, or an end: `await "
                    f"line.close()`.\n{self._patience.advice}"
                ),
            )
        )

    def _check_own(self) -> None:
        if self._scripts:
            raise RuntimeError(
                "this server was given scripts: they have the clients; or else give it none, and "
                "use server.accept() and server.expect(...)"
            )

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        """Follow the script with one client, until it is gone."""
        number = len(self.connections)
        model = ScriptedModel(
            handshake,
            self._letters,
            unix_time=calendar_time(trio.current_time()),
            api_key=self._api_key,
        )
        line = Line(number + 1, handshake, ws, model, self._failures, self._ignored, self._patience)
        connection = ScriptedConnection(line)
        if number < len(self._scripts):
            line.script = f"script {number + 1} ({_name(self._scripts[number])})"
        line.hint = self._hint_at_others
        self._lines.append(line)
        self.connections.append(connection)
        self._patience.happened()
        await line.greet(self._greeting)
        self._changed.unpark_all()
        if number < len(self._scripts):
            self._running += 1
            self.start(lambda: self._perform(self._scripts[number], line, connection))
        elif self._scripts:
            what = f"a client connected, and there are scripts for {len(self._scripts)} only"
            self._failures.add(line.failure(what))
        return await line.run()

    async def _perform(self, script: Script, line: Line, connection: ScriptedConnection) -> None:
        try:
            await _awaitable(script(connection), line.script)
            line.finish()
        except Exception as error:  # noqa: BLE001 - raised where the block ends
            self._failures.add(error)
        finally:
            self._running -= 1
            self._changed.unpark_all()

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("a ScriptedServer is for one block: make another one")
        self._entered = True
        await super().__aenter__()
        self._block.__enter__()
        self._patience.begin()
        self.start(self._notice_quiet)
        return self

    async def _notice_quiet(self) -> None:
        await self._patience.outlast()
        self._failures.add(AssertionError(self._quiet()))

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        own = exc
        self._left = True
        self._changed.unpark_all()
        try:
            if self._block.__exit__(exc_type, exc, traceback):
                own = None
            if exc is None and self._failures.first is None:
                with self._patience.busy():
                    await self._finish()  # noqa: ASYNC102 - nothing to be cleaned up yet
        except BaseException as left:  # noqa: ASYNC103, BLE001 - raised below, or what it hides
            own = left
        failure = self._failures.told(own)
        try:
            passed = None if own is None else own.__traceback__
            await super().__aexit__(type(own) if own else None, own, passed)  # noqa: ASYNC102
        finally:
            if failure is not None:
                context = failure.__context__
                try:
                    raise failure
                finally:
                    # Not what we were handling: `told` knows what belongs to it.
                    failure.__context__ = context
        if own is not None and own is not exc:
            raise own

    async def _finish(self) -> None:
        """See what is still on its way, and let the scripts come to their end."""
        # On first use: it takes longer to import than everything else here.
        from trio.testing import wait_all_tasks_blocked

        with trio.move_on_after(_SETTLE_SECONDS):
            await wait_all_tasks_blocked()
        for line in self._lines:
            line.end("the server's block was left")
        with trio.move_on_after(_LINGER_SECONDS) as lingering:
            while self._running:
                await self._changed.park()
        if lingering.cancelled_caught:
            self._failures.add(
                AssertionError(
                    f"a script goes on {_LINGER_SECONDS} s after the server's block was left: "
                    "it waits for something else than its client"
                )
            )
        missing = len(self._scripts) - len(self.connections)
        if missing > 0:
            self._failures.add(
                AssertionError(
                    f"{len(self._scripts)} clients were expected, one for each script, and "
                    f"{len(self.connections)} connected"
                )
            )
        for line in self._lines:
            line.check_unseen()


def _name(script: Script) -> str:
    return getattr(script, "__qualname__", None) or repr(script)


def _awaitable(performed: object, script: str | None) -> Awaitable[object]:
    if isinstance(performed, Awaitable):
        return cast("Awaitable[object]", performed)
    raise TypeError(f"{script} is no async function: it returned {performed!r}")


def _check(scripts: tuple[object, ...], greeting: object) -> None:
    for script in scripts:
        if not callable(script):
            raise TypeError(
                "a script is an async function of its connection, and is not called when it is "
                f"given: ScriptedServer(script, another_script), not {script!r}"
            )
    if not isinstance(greeting, Mapping | bool):
        raise TypeError(f"a greeting is an event, True or False, not {greeting!r}")
    if isinstance(greeting, Mapping) and not cast("Mapping[str, object]", greeting).get("type"):
        raise ValueError("a greeting is an event, and has a type; or it is True or False")


def _several(ignore: Wanted | Collection[Wanted]) -> tuple[Wanted, ...]:
    if isinstance(ignore, Collection) and not isinstance(ignore, str):
        return tuple(ignore)
    return (ignore,)

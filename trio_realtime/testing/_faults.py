"""What goes wrong on purpose: a plan that a seed repeats, and a list of what it did.

This module keeps the plan and its chance. What faults do is known to `_core`, and how they get at
a connection to `_faulty`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Self, final

from trio_realtime._core._fault_mixture import mixture_from_chance
from trio_realtime._core._fault_text import faults_from_text
from trio_realtime._core._faults import (
    NO_FAULTS,
    NO_STREAM_FAULTS,
    Chance,
    FaultKind,
    Faults,
    InjectedFault,
    StreamFaults,
)
from trio_realtime._core._faulty_line import ByteFlow, FrameLine, Note
from trio_realtime.testing._faulty import FaultyLink
from trio_realtime.testing._seeding import new_seed

if TYPE_CHECKING:
    import trio

HAPPENED_MAX: Final = 10_000
"""How many faults a plan remembers; the oldest go first."""


@final
class FaultPlan:
    """What goes wrong on the connections of a server of the kit, and what went wrong.

    ::

        plan = FaultPlan(7, from_server=Faults(duplicate=0.02), stream=StreamFaults(piece=7))
        async with SimulatedServer(faults=plan) as server:
            ...
        for fault in plan.happened:
            print(fault)

    With a seed alone it draws a mixture of faults, for sweeps; the attributes tell which::

        @pytest.mark.parametrize("seed", range(100))
        async def test_my_application_survives(seed, autojump_clock):
            async with SimulatedServer(faults=FaultPlan(seed)) as server:
                ...

    All chance comes from the seed, apart for each direction of each connection: one message more
    in one direction changes nothing in the other. All time is Trio's, so under
    `trio.testing.MockClock` nothing is waited for. In memory, inside `seeded`, the same seed gives
    the same faults at the same moments.

    A plan goes with one server and counts its connections; take a new one for each.
    """

    seed: int
    """The seed."""

    from_server: Faults
    """What goes wrong with messages from the server."""

    from_client: Faults
    """What goes wrong with messages from the client."""

    stream: StreamFaults
    """What goes wrong with bytes, both ways."""

    connections: int | None
    """How many connections suffer, the first ones; None for all."""

    def __init__(
        self,
        seed: int | None = None,
        *,
        from_server: Faults | None = None,
        from_client: Faults | None = None,
        stream: StreamFaults | None = None,
        connections: int | None = None,
    ) -> None:
        """Plan faults.

        Args:
            seed: Where chance comes from; None for another each time, which `repr` tells.
            from_server: For the messages from the server. If none of the three is given, the seed
                chooses all of them.
            from_client: For the messages from the client.
            stream: For the bytes, both ways.
            connections: How many connections suffer, the first ones, HTTP requests counted: with
                1, a client that connects again is left in peace.
        """
        if connections is not None and connections < 1:
            raise ValueError(f"connections must be at least 1; it is {connections}")
        self.seed = new_seed() if seed is None else seed
        self.connections = connections
        self._is_random = from_server is None and from_client is None and stream is None
        self.from_server, self.from_client, self.stream = (
            from_server or NO_FAULTS,
            from_client or NO_FAULTS,
            stream or NO_STREAM_FAULTS,
        )
        if self._is_random:
            mixture = mixture_from_chance(self._chance("mixture"))
            self.from_server, self.from_client, self.stream = mixture
        self._links = 0
        self._happened: deque[InjectedFault] = deque(maxlen=HAPPENED_MAX)

    @classmethod
    def parse(cls, text: str, *, seed: int | None = None) -> Self:
        """Read a plan from a line of text, as `trio-realtime serve --faults` takes it.

        ::

            FaultPlan.parse("delay=0.1,jitter=0.05,client.duplicate=0.02,piece=7", seed=7)
            FaultPlan.parse("drop_before=response.done,ending=reset,connections=1")
            FaultPlan.parse("unknown=@3+response.created")  # before these two
            FaultPlan.parse("random", seed=7)

        Names are those of `Faults`, with `client.` before them for messages from the client and
        with `server.`, or nothing, for those from the server; and those of `StreamFaults`, with
        `stream.` before them where both have the name.

        Raises:
            ValueError: if it cannot be read; it says what to write instead.
        """
        written = faults_from_text(text)
        if written.is_random:
            return cls(seed)
        return cls(
            seed,
            from_server=written.from_server,
            from_client=written.from_client,
            stream=written.stream,
            connections=written.connections,
        )

    @property
    def happened(self) -> list[InjectedFault]:
        """What went wrong, in the order of time; of very many the newest 10 000. A copy."""
        return list(self._happened)

    def __repr__(self) -> str:
        parts = [repr(self.seed)]
        if not self._is_random:
            planned = {
                "from_server": (self.from_server, NO_FAULTS),
                "from_client": (self.from_client, NO_FAULTS),
                "stream": (self.stream, NO_STREAM_FAULTS),
            }
            parts += [f"{name}={has!r}" for name, (has, none) in planned.items() if has != none]
            # With a seed alone it would be a random plan.
            parts += ["from_server=Faults()"] if len(parts) == 1 else []
        parts += [] if self.connections is None else [f"connections={self.connections}"]
        return f"FaultPlan({', '.join(parts)})"

    def link(self, stream: trio.abc.Stream) -> FaultyLink | None:
        """Take the next connection, for a server; None if it is to be left in peace.

        `stream` is the server's end of it, before the WebSocket upgrade.
        """
        self._links += 1
        number = self._links
        if self.connections is not None and number > self.connections:
            return None

        def note(side: Literal["server", "client", "stream"]) -> Note:
            def happened(kind: FaultKind, frame: int, type: str | None, at: float) -> None:  # noqa: A002
                self._happened.append(InjectedFault(kind, side, number, frame, type, at))

            return happened

        return FaultyLink(
            stream,
            FrameLine(self.from_server, self._chance(f"{number}/server"), note("server")),
            FrameLine(self.from_client, self._chance(f"{number}/client"), note("client")),
            ByteFlow(
                self.stream,
                self._chance(f"{number}/out"),
                self._chance(f"{number}/in"),
                note("stream"),
            ),
            self.stream.ending,
        )

    def _chance(self, name: str) -> Chance:
        # A text as seed is hashed the same way in every process.
        source: Callable[[], float] = random.Random(f"{self.seed}/{name}").random  # noqa: S311
        return source

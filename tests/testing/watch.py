"""Every frame that any simulated session sends, in any test, is checked as it is written.

What is deliberately unfaithful is exempt: frames that a test pushes, and messages that it sends
raw, which no stage ever writes. Variants are exempt from the rule that they are there to break.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, final
from weakref import WeakKeyDictionary

import pytest
from pydantic import JsonValue

from tests.testing.faithful import check_text
from tests.testing.order import Order
from tests.testing.presence import Served
from trio_realtime._core.simulator import Simulation
from trio_realtime._core.simulator._stage import Stage
from trio_realtime.testing import SimulatedSession

_ERRORS_MAX: Final = 10

# What a watch wraps: never another watch, so that one inside another hides it.
_EMIT: Final = Stage.emit
_SEND: Final = Stage.send
_OPEN: Final = Simulation.open
_PUSH: Final = SimulatedSession.push
_LATE_DONE: Final = Simulation.late_done


def served_by(stage: Stage) -> Served:
    """What a session speaks."""
    if stage.beta is not None:
        return "beta" if stage.beta._flavour == "openai" else "voice-live"
    return "translation" if stage.session.get("type") == "translation" else "ga"


@final
class Watch:
    """What was wrong with the frames of some sessions."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        """What was wrong, oldest first."""
        self.frames: int = 0
        """How many frames were checked."""
        self._orders: WeakKeyDictionary[Stage, Order | None] = WeakKeyDictionary()
        self._pushing = False

    @contextmanager
    def installed(self) -> Generator[None]:
        """Look at what is sent, for the length of the block, in the place of any other watch."""

        def watched_send(stage: Stage, frame: dict[str, JsonValue]) -> None:
            _SEND(stage, frame)
            if stage.closing is None:  # else nothing was sent
                self.see(stage, stage.outbox[-1])

        def watched_emit(stage: Stage, kind: str, fields: Mapping[str, JsonValue]) -> None:
            # In the order of GA, whatever becomes of it; but limits come at the beginning.
            order = self._orders.get(stage)
            if (
                order is not None
                and stage.beta is not None
                and stage.closing is None
                and kind != "rate_limits.updated"
                and not self._check(lambda: order.see({"type": kind, **fields}))
            ):
                self._orders[stage] = None
            _EMIT(stage, kind, fields)

        def watched_open(simulation: Simulation) -> None:
            greeted = not simulation._handshake.is_sideband
            greeted = greeted and not simulation._stage.manner.omit_session_created
            usual = simulation._stage.manner.event_order == "openai"
            self._orders[simulation._stage] = Order(greeting=greeted) if usual else None
            _OPEN(simulation)

        def watched_push(session: SimulatedSession, event: Mapping[str, JsonValue]) -> None:
            self._orders[session._simulation._stage] = None
            self._pushing = True
            try:
                _PUSH(session, event)
            finally:
                self._pushing = False

        def watched_late_done(
            simulation: Simulation,
            seconds: float,
            *,
            stays_active: bool = True,
            duplicates: int = 0,
        ) -> None:
            if duplicates:
                self._orders[simulation._stage] = None
            _LATE_DONE(simulation, seconds, stays_active=stays_active, duplicates=duplicates)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Simulation, "late_done", watched_late_done)
            patch.setattr(Stage, "emit", watched_emit)
            patch.setattr(Stage, "send", watched_send)
            patch.setattr(Simulation, "open", watched_open)
            patch.setattr(SimulatedSession, "push", watched_push)
            yield
        for order in self._orders.values():
            if order is not None:
                self._check(order.end)

    def see(self, stage: Stage, text: str | bytes) -> None:
        """Check what a session has just written."""
        if self._pushing or stage.manner.omit_event_ids:
            return
        self.frames += 1
        order = self._orders.get(stage)

        def check() -> None:
            frame = check_text(str(text), served_by(stage))
            if order is not None and stage.beta is None:
                order.see(frame)

        if not self._check(check):
            self._orders[stage] = None  # what follows would follow from it

    def _check(self, check: Callable[[], None]) -> bool:
        try:
            check()
        except Exception as error:  # noqa: BLE001 - told when the test is over
            if len(self.errors) < _ERRORS_MAX:
                self.errors.append(repr(error))
            return False
        return True

"""How long a scripted server lets a test wait, so that none waits for ever.

Two things are measured, both by the Trio clock: how long somebody waits for a client, and for how
long nothing happened while nobody did. This module does not know what is waited for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias, final

import trio

PatienceSeconds: TypeAlias = float | Literal["auto"] | None
"""Seconds of the Trio clock; None for ever; "auto" as long as makes sense on this clock."""

_REAL: Final = 60.0
"""Somebody sits before the screen."""

_VIRTUAL: Final = 600.0
"""Virtual time costs nothing, if not for a client that goes on sending: a microphone of ten minutes
is 30 000 events, which take seconds."""

_LOOKS: Final = 10


@final
class Patience:
    """The patience of one server."""

    def __init__(self, seconds: PatienceSeconds, listens: Callable[[], bool]) -> None:
        if seconds != "auto" and seconds is not None and not _is_duration(seconds):
            raise ValueError(
                f"patience is a number of seconds, more than 0, or None for ever; not {seconds!r}"
            )
        self._given = seconds
        self._listens = listens
        self.seconds: float = math.inf
        """How long is waited at most."""
        self._is_virtual = False
        self._step = math.inf
        self._waiting = 0
        self._last = 0.0

    def begin(self) -> None:
        """Look at the clock, and count from now on."""
        # On first use: it takes longer to import than everything else here.
        from trio.testing import MockClock

        clock = trio.lowlevel.current_clock()
        self._is_virtual = isinstance(clock, MockClock) and clock.autojump_threshold < math.inf
        if isinstance(self._given, str):
            self.seconds = _VIRTUAL if self._is_virtual else _REAL
        else:
            self.seconds = math.inf if self._given is None else self._given
        # A clock that jumps runs on while a thread works: we look more often than once.
        self._step = self.seconds / _LOOKS if self._is_virtual else math.inf
        self.happened()

    @property
    def advice(self) -> str:
        """What to do if it ran out too soon."""
        told = (
            "To wait longer, say for how many seconds: ScriptedServer(patience=...); None is for "
            "ever."
        )
        if self._is_virtual and self._listens():
            told += (
                "\nThe server listens at a port, and the clock is virtual: it does not wait for "
                "sockets.\nLeave out autojump_clock."
            )
        return told

    def happened(self) -> None:
        """Note that something happened: quiet is counted from now on."""
        self._last = trio.current_time()

    @contextmanager
    def busy(self) -> Generator[None]:
        """While in this block somebody waits, or works, who knows for how long."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self.happened()

    async def until(self, condition: Callable[[], bool], changed: trio.lowlevel.ParkingLot) -> bool:
        """Wait for a condition, which is looked at when `changed` is unparked.

        Returns whether it came true; False if patience ran out before.
        """
        with self.busy():
            since = trio.current_time()
            while not condition():
                now = trio.current_time()
                if self._is_thread_at_work():
                    since = now
                if now >= since + self.seconds:
                    return False
                with trio.move_on_at(min(since + self.seconds, now + self._step)):
                    await changed.park()
            return True

    async def outlast(self) -> None:
        """Wait until nothing has happened for too long, and nobody was waiting."""
        while True:
            if self._waiting or self._is_thread_at_work():
                self.happened()
            now, end = trio.current_time(), self._last + self.seconds
            if now >= end:
                return
            await trio.sleep_until(min(end, now + self._step))

    def _is_thread_at_work(self) -> bool:
        """Whether time does not count: a clock that jumps does not wait for threads."""
        limiter = trio.to_thread.current_default_thread_limiter()
        return self._is_virtual and limiter.borrowed_tokens > 0


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0

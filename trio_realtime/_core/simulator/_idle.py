"""The idle timeout: how long a user may say nothing before the model speaks again.

Specified, never recorded: it counts from the end of a response and of its audio, were it played
from then on. Our choice: speech stops it until the next response is over, and so does switching
it off. This module does not know what happens when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import final

from trio_realtime._core.simulator._json import at
from trio_realtime._core.simulator._stage import Stage


@final
class IdleTimeout:
    """The timer of one session."""

    def __init__(
        self, stage: Stage, position: Callable[[], int], over: Callable[[int], None]
    ) -> None:
        """Prepare the timer.

        Args:
            stage: The session.
            position: How much audio was appended, in milliseconds.
            over: Told that it is over, with the position from which on nothing was said.
        """
        self._stage = stage
        self._position = position
        self._over = over
        self._run = 0

    @property
    def seconds(self) -> float | None:
        """The session's idle timeout, or None where it has none."""
        timeout_ms = at(self._stage.session, "audio", "input", "turn_detection", "idle_timeout_ms")
        return timeout_ms / 1000 if isinstance(timeout_ms, int) else None

    def start(self, spoken_seconds: float) -> None:
        """Count from the end of the model's audio, of which there is so much to be played."""
        self.stop()
        if self.seconds is not None:
            self._stage.later(spoken_seconds, self._count(self._run))

    def stop(self) -> None:
        """Count no more."""
        self._run += 1

    def _count(self, run: int) -> Iterator[float]:
        begins_ms = self._position()
        yield self.seconds or 0.0
        if run == self._run and self.seconds is not None:
            self._over(begins_ms)

"""How much undelivered data there may be, and when reading must stop.

All streams of a connection share one budget. This module counts; it does not know what the bytes
are, nor who reads them.
"""

from __future__ import annotations

from typing import Final, final

EVENT_OVERHEAD: Final = 1024
"""What an event weighs beside its frame: about what a small one costs in memory."""

AHEAD_BYTES: Final = 256 * 1024
"""How far reading may run ahead of a program that reads too: some hundred events."""


@final
class Budget:
    """The bytes held for all streams that somebody reads, and who waits for the server."""

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self.held: int = 0
        self.waiting: int = 0
        """Coroutines of ours that wait for something only the server can bring. While there is
        one, to stop reading would be to wait for ourselves."""

    @property
    def has_room(self) -> bool:
        """Whether less is held than may be."""
        return self.held < self.limit

    @property
    def may_read(self) -> bool:
        """Whether the next frame may be read."""
        return self.held < self.limit or self.waiting > 0

    @property
    def is_ahead(self) -> bool:
        """Whether reading has run ahead of who reads the streams, with nobody waiting.

        Not once the limit is reached: what is read then is read because it must be.
        """
        return AHEAD_BYTES < self.held < self.limit and self.waiting == 0

    @property
    def is_caught_up(self) -> bool:
        """Whether who reads the streams has taken most of it, or waits for the server."""
        return self.held < AHEAD_BYTES // 4 or self.waiting > 0

    @property
    def hard_limit(self) -> int:
        """The weight beyond which even a waiting coroutine does not keep the link."""
        return 2 * self.limit

    @property
    def is_overrun(self) -> bool:
        """Whether more is held than may be, whoever waits."""
        return self.held > self.hard_limit


def weight_of(frame: str | bytes) -> int:
    """What an event weighs in the budget: its bytes, plus the overhead."""
    if isinstance(frame, bytes) or frame.isascii():
        return len(frame) + EVENT_OVERHEAD
    return len(frame.encode("utf-8", "surrogatepass")) + EVENT_OVERHEAD

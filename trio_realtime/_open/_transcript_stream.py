"""Reading transcripts: a stream of them, beside that of the events.

The feed takes every event the connection receives, and keeps what is made of them until somebody
reads it. In which order that is, it asks of `_core._transcripts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, Self, final

import outcome
import trio

from trio_realtime._core._transcript import Transcript
from trio_realtime._core._transcripts import Transcripts

if TYPE_CHECKING:
    from trio_realtime._connection import Link
    from trio_realtime._connection._streams import Delivery
    from trio_realtime._core._event import Event

_COMMIT: Final = "input_audio_buffer.commit"


@final
class TranscriptFeed:
    """The transcripts of one connection, from its first event on."""

    def __init__(self, link: Link) -> None:
        self._link: Link = link
        self._law: Transcripts = Transcripts(link.options.backlog_bytes)
        self._changed: trio.lowlevel.ParkingLot = trio.lowlevel.ParkingLot()
        self._was_read: bool = False
        self._counted: int = 0
        """How much of what is held counts in the connection's budget: all, once it was read."""
        self._has_ended: bool = False

    # The connection's side: called by the reader, never waits.

    @property
    def holds_unread(self) -> bool:
        """Whether somebody has read here and left something behind."""
        return self._was_read and self._law.is_ready

    def deliver(self, delivery: Delivery[Event], weight: int) -> None:
        """Take the next event."""
        assert isinstance(delivery, outcome.Value)  # it is like a tap, which is told no errors
        self._law.receive(delivery.value, weight)
        if not self._was_read:
            self._law.keep_newest()
        self._count()
        # Also when nothing came of it: a commit that was refused is one less to wait for.
        self._changed.unpark_all()

    def end(self) -> None:
        """No more will come. What is held is still delivered."""
        self._has_ended = True
        self._law.finish()
        self._changed.unpark_all()

    # The program's side.

    @property
    def held(self) -> int:
        """What is held of pieces, in bytes."""
        return self._law.held

    @property
    def dropped(self) -> int:
        """Pieces given up because too much was held."""
        return self._law.dropped

    async def receive(self, quiet_end: type[Exception], *, until_committed: bool) -> Transcript:
        """Wait for the next piece; see `TranscriptStream.receive`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._begin()
        piece = self._take()
        if piece is not None or self._is_over(until_committed=until_committed):
            # After it was taken: cancelling here would lose it.
            await trio.lowlevel.cancel_shielded_checkpoint()
            return piece or self._raise_end(quiet_end)
        while True:
            await self._park()
            if (piece := self._take()) is not None:
                return piece
            if self._is_over(until_committed=until_committed):
                self._raise_end(quiet_end)

    def receive_nowait(self, *, until_committed: bool) -> Transcript:
        """Return the next piece if one is here; see `TranscriptStream.receive_nowait`."""
        self._begin()
        if (piece := self._take()) is not None:
            return piece
        if self._is_over(until_committed=until_committed):
            self._raise_end(trio.EndOfChannel)
        raise trio.WouldBlock

    def _begin(self) -> None:
        self._link.touch()
        self._was_read = True
        self._count()

    def _take(self) -> Transcript | None:
        piece = self._law.take()
        self._count()
        return piece

    def _is_over(self, *, until_committed: bool) -> bool:
        if not until_committed or self._has_ended:
            return self._has_ended
        link = self._link
        # A commit that waits for its turn in another task is not made yet; that task may still
        # take it back. One that `send_nowait` was given will be made.
        coming = link.pending.has_sent(_COMMIT) or any(
            kind == _COMMIT for _, kind in link.outbox.unawaited
        )
        return self._law.is_settled and not coming

    def _raise_end(self, quiet_end: type[Exception]) -> NoReturn:
        error = (self._link.end_error() if self._has_ended else None) or quiet_end()
        raise error from error.__cause__

    async def _park(self) -> None:
        budget = self._link.budget
        # While somebody waits here the link must go on reading (promise 8).
        budget.waiting += 1
        self._link.room_changed()
        try:
            await self._changed.park()
        finally:
            budget.waiting -= 1

    def _count(self) -> None:
        if self._was_read:
            held = self._law.held
            self._link.budget.held += held - self._counted
            self._counted = held
            self._link.room_changed()


@final
class TranscriptStream:
    """Transcripts, joined by item and in the order in which the items were committed.

    ::

        async for transcript in conn.transcripts():
            match transcript:
                case TranscriptDelta(text=text):
                    print(text, end="", flush=True)
                case TranscriptCompleted():
                    print()
                case _:
                    pass

    All of one item comes before anything of the item committed after it, and the last of each item
    is a `TranscriptCompleted` or a `TranscriptFailed`. Of an item that is not committed yet pieces
    come at once while no other is under way, and otherwise in its turn.

    Not an async generator: leave the loop and come back at will, and an exception does not end it.
    All streams of a connection share what has arrived: several tasks may read, and each piece goes
    to one of them.
    """

    def __init__(self, feed: TranscriptFeed, *, until_committed: bool) -> None:
        self._feed: TranscriptFeed = feed
        self._until_committed: bool = until_committed

    @property
    def dropped(self) -> int:
        """Pieces given up because too much was held: deltas, and pieces that nobody read."""
        return self._feed.dropped

    @trio.lowlevel.enable_ki_protection
    async def receive(self) -> Transcript:
        """Wait for the next piece.

        If this is cancelled, nothing is lost.

        Raises:
            ConnectionClosedError: when everything that arrived was delivered and the connection is
                lost.
            trio.EndOfChannel: when everything was delivered and the connection was closed by us,
                or by the server when nothing was outstanding; with `until_committed`, when
                everything that was committed has its end.
        """
        return await self._feed.receive(trio.EndOfChannel, until_committed=self._until_committed)

    @trio.lowlevel.enable_ki_protection
    def receive_nowait(self) -> Transcript:
        """Return the next piece if one is here.

        Raises:
            trio.WouldBlock: if none is here.
            ConnectionClosedError: as in `receive`.
            trio.EndOfChannel: as in `receive`.
        """
        return self._feed.receive_nowait(until_committed=self._until_committed)

    def __aiter__(self) -> Self:
        return self

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> Transcript:
        """Wait for the next piece, as `receive` does."""
        return await self._feed.receive(StopAsyncIteration, until_committed=self._until_committed)

    def __repr__(self) -> str:
        return f"<TranscriptStream {self._feed.held} bytes held, {self.dropped} dropped>"

"""One thread of a translation: its sound, its words, or the words that were said.

A view hands out the deltas of one type, beside the stream of the events. It does not know what is
in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast, final

import outcome

from trio_realtime._connection._streams import Delivery, Stream
from trio_realtime._core._outgoing import value_at

if TYPE_CHECKING:
    from trio_realtime._connection import Link
    from trio_realtime._core._event import Event

T = TypeVar("T")


@final
class TranslationView(Stream[T]):
    """The deltas of one kind, as they come: `bytes` of sound, or pieces of text.

    ::

        async for chunk in conn.audio():
            await loudspeaker.play(chunk)

    Not an async generator: leave the loop and come back at will, and an exception does not end it.
    It ends quietly when the translation does; a lost connection raises `ConnectionClosedError`
    once everything that arrived was handed out. The server's errors are told in the stream of the
    events alone.

    Once it has been read, what it holds counts in `Options.inbox_bytes`, so that reading from the
    network stops until you catch up. Until it is read it keeps the newest `Options.backlog_bytes`.
    """

    def __repr__(self) -> str:
        return f"<TranslationView {self._held} bytes held, {self.dropped} dropped>"


@final
class TranslationFeed(Generic[T]):
    """Makes a view of all events."""

    def __init__(self, link: Link, wire_type: str) -> None:
        self._type: str = wire_type
        self.view: TranslationView[T] = TranslationView(
            link, backlog_bytes=link.options.backlog_bytes, is_tap=False
        )
        """What the program reads."""

    # Called by the reader, never waits.

    @property
    def holds_unread(self) -> bool:
        """Whether somebody has read here and left something behind."""
        return self.view.holds_unread

    def deliver(self, delivery: Delivery[Event], weight: int) -> None:
        """Take the next event."""
        assert isinstance(delivery, outcome.Value)  # it is like a tap, which is told no errors
        if delivery.value.type == self._type:
            piece = cast("T", value_at(delivery.value, "delta"))
            self.view.deliver(outcome.Value(piece), weight)

    def end(self) -> None:
        """No more will come. What is held is still delivered."""
        self.view.end()

"""What a program calls on an open connection: receiving, sending, asking, closing.

The shell does not know the resources of the API; `_open` adds them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Generic, cast, final

import trio
from pydantic import JsonValue

from trio_realtime._connection._calls import Caller
from trio_realtime._connection._dialects import ClientEventT, EventT
from trio_realtime._connection._link import Link
from trio_realtime._connection._streams import EventStream
from trio_realtime._core._usage import UsageTotals
from trio_realtime._redaction import redact
from trio_realtime.errors import CloseInfo

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

# RFC 6455, 5.5: a control frame carries 125 bytes, two of them the code.
_MAX_REASON_BYTES: Final = 123

_FORCE_SECONDS: Final = 1.0
"""Far more than closing by force takes."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Statistics:
    """What a connection has done so far."""

    frames_in: int
    """Messages received."""

    frames_out: int
    """Messages written."""

    bytes_in: int
    """Bytes received, everything on the wire below TLS included."""

    bytes_out: int
    """Bytes written, likewise."""

    inbox_bytes: int
    """What the undelivered events of all streams that somebody reads weigh."""

    dropped: int
    """Events given up because nobody had read the connection's stream yet."""

    reader_paused: bool
    """Whether reading has stopped until your code catches up."""

    last_ping_ms: float | None
    """How long the last answered ping took; None before the first."""


class Shell(trio.abc.AsyncResource, Generic[EventT, ClientEventT]):
    """One open connection, without the API's resources, in the dialect of its events.

    Any number of tasks may use it at the same time.
    """

    def __init__(self, link: Link) -> None:
        self._link: Link = link
        self._calls: Caller = Caller(link)
        # Which dialect is read is up to who opens the link: it is the one of this class.
        self._stream: EventStream[EventT] = cast("EventStream[EventT]", link.stream)

    # ---- Receiving ----

    async def receive(self) -> EventT:
        """Wait for the next event; see `EventStream.receive`.

        If this is cancelled, no event is lost.

        Raises:
            ServerError: instead of an `error` event about a frame you sent without waiting, unless
                the connection was opened with `errors="yield"`. The stream goes on.
            ConnectionClosedError: when everything that arrived was delivered and the connection
                is lost.
            trio.EndOfChannel: after a quiet end.
        """
        return await self._stream.receive()

    def receive_nowait(self) -> EventT:
        """Return the next event if one is here.

        Raises:
            trio.WouldBlock: if no event is here.
            ServerError: as in `receive`.
            ConnectionClosedError: as in `receive`.
            trio.EndOfChannel: as in `receive`.
        """
        return self._stream.receive_nowait()

    def __aiter__(self) -> EventStream[EventT]:
        return self._stream

    def __anext__(self) -> Awaitable[EventT]:
        return self._stream.__anext__()

    @contextmanager
    @trio.lowlevel.enable_ki_protection
    def tap(self, *, max_bytes: int | None = None) -> Generator[EventStream[EventT]]:
        """Watch every event from now on, beside whoever reads the connection.

        A tap is an observer: it never raises server errors, and beyond `max_bytes` it drops its
        oldest events and counts them, so it can neither slow nor end the session.

        ::

            with conn.tap() as events:
                async for event in events:
                    log(event)

        Args:
            max_bytes: What it may hold; `Options.backlog_bytes` by default.

        Yields:
            A stream of its own. After the block it raises `trio.ClosedResourceError`, also in
            tasks that wait for it.
        """
        link = self._link
        limit = link.options.backlog_bytes if max_bytes is None else max_bytes
        stream: EventStream[Event] = EventStream(link, backlog_bytes=limit, is_tap=True)
        if link.over.is_set():
            stream.end()
        link.taps.append(stream)
        try:
            yield cast("EventStream[EventT]", stream)
        finally:
            link.taps.remove(stream)
            stream.close()
            # A loss that waited for these events to be read waits no longer.
            link.touch()

    # ---- Sending ----

    async def send(self, event: ClientEventT | Mapping[str, JsonValue]) -> str:
        """Send one client event, without waiting for the server to act on it.

        Events leave in the order of the calls, whichever tasks made them. Returning means that the
        frame was handed to the operating system. Nothing is added but an `event_id` when the event
        has none.

        If this is cancelled before the writer has taken the frame, nothing was sent. If it is
        cancelled later, the frame still goes out whole.

        Args:
            event: An event, or a mapping that is sent as it is.

        Returns:
            The event's id; an `error` about it will name it.

        Raises:
            ConnectionClosedError: if the connection is closed, or closes before the frame is out.
            ValueError: for an event without a type, or with text that is not Unicode.
        """
        return await self._calls.send(event)

    def send_nowait(self, event: ClientEventT | Mapping[str, JsonValue]) -> str:
        """Hand over one client event without waiting for it to be written.

        It is written in its turn, also while the block is being left.

        Returns:
            The event's id.

        Raises:
            trio.WouldBlock: if the outbox holds `Options.outbox_bytes` already.
            ConnectionClosedError: if the connection is closed.
        """
        return self._calls.send_nowait(event)

    async def send_raw(self, text: str) -> None:
        """Send one frame of text as it is: no model, no id, no check.

        It takes no place in the order of answers: what acknowledges it may settle a request that
        is matched by order. Cancelled, it behaves as `send` does.

        Raises:
            ConnectionClosedError: if the connection is closed, or closes before the frame is out.
        """
        await self._calls.send_raw(text)

    # ---- Asking ----

    async def request(self, event: ClientEventT | Mapping[str, JsonValue]) -> EventT:
        """Send one client event and wait for its acknowledgement.

        Of `session.update`, `input_audio_buffer.commit`, `input_audio_buffer.clear` and
        `output_audio_buffer.clear` at most one each is unanswered at a time; a second waits its
        turn, unsent. There is no timeout: use a cancel scope. The acknowledgement also stays in
        the stream; an error that is raised here does not.

        If this is cancelled before the writer has taken the frame, nothing was sent. If it is
        cancelled later the frame still goes out, and its answer is swallowed when it comes.

        On a sideband other clients act on the same session, and answers that are matched by their
        order may be theirs.

        Args:
            event: An event, or a mapping that is sent as it is.

        Returns:
            The event that acknowledges it, such as `SessionUpdated` for a `SessionUpdate`; an
            `InvalidEvent` when the acknowledgement did not validate.

        Raises:
            ServerError: if the server refuses it.
            ConnectionClosedError: if the connection is closed, or closes before the answer is in.
            ValueError: for an `input_audio_buffer.append`, which is never acknowledged.
        """
        return cast("EventT", await self._calls.request(event))

    # ---- Closing ----

    @trio.lowlevel.enable_ki_protection
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection now, inside its block.

        What was accepted is written, then CLOSE; the server's answer is awaited, all within
        `Options.close_timeout`. Streams deliver what they hold, then end. Closing again does
        nothing.

        If this is cancelled, the connection is closed by force before it returns.

        Args:
            code: The close code, 1000 or 3000 to 4999.
            reason: Why, in at most 123 bytes of UTF-8.

        Raises:
            ConnectionClosedError: if frames of `send_nowait` could not be written; `.unsent`
                names them.
        """
        if code != 1000 and not 3000 <= code <= 4999:
            raise ValueError(f"a program may close with 1000 or 3000 to 4999, not with {code}")
        if len(reason.encode()) > _MAX_REASON_BYTES:
            raise ValueError(f"a close reason has at most {_MAX_REASON_BYTES} bytes of UTF-8")
        link = self._link
        link.leave("early", code, reason)
        try:
            await link.closed.wait()
        except (trio.Cancelled, KeyboardInterrupt):
            link.scope.cancel()
            # Nothing waits for the peer any more; the deadline is for the unexpected.
            with trio.move_on_after(_FORCE_SECONDS, shield=True):
                await link.closed.wait()
            raise
        if (error := link.unsent_error()) is not None:
            raise error

    @trio.lowlevel.enable_ki_protection
    async def wait_closed(self) -> CloseInfo:
        """Wait until the connection is over. If this is cancelled, nothing has changed.

        Returns:
            How it was closed, when that was our doing or a quiet end.

        Raises:
            ConnectionClosedError: when it was lost; at once, also while streams still hold events.
        """
        link = self._link
        link.touch()
        link.budget.waiting += 1
        link.room_changed()
        try:
            await link.over.wait()
            if link.loss is None:
                await link.closed.wait()
        finally:
            link.budget.waiting -= 1
        if (error := link.end_error()) is not None:
            raise error
        assert link.close_info is not None
        return link.close_info

    @property
    def close_info(self) -> CloseInfo | None:
        """How the connection ended; None while it is open."""
        return self._link.close_info

    # ---- Looking at it ----

    @property
    def url(self) -> str:
        """Where it is connected to, redacted."""
        return self._link.url

    @property
    def subprotocol(self) -> str | None:
        """The WebSocket subprotocol the server chose; never one that holds a key."""
        transport = self._link.transport
        chosen = None if transport is None else transport.subprotocol
        # The server may choose any that was offered, the one with the key too.
        return chosen if chosen == redact(chosen or "", self._link.secrets) else None

    @property
    def request_id(self) -> str | None:
        """The server's id of the upgrade (`x-request-id`), for its support."""
        return self._link.request_id

    def statistics(self) -> Statistics:
        """What the connection has done so far."""
        link, transport = self._link, self._link.transport
        return Statistics(
            frames_in=transport.frames_in if transport else 0,
            frames_out=transport.frames_out if transport else 0,
            bytes_in=transport.bytes_in if transport else 0,
            bytes_out=transport.bytes_out if transport else 0,
            inbox_bytes=link.budget.held,
            dropped=link.stream.dropped,
            reader_paused=link.reader_paused,
            last_ping_ms=transport.last_ping_ms if transport else None,
        )

    @property
    def usage(self) -> UsageTotals:
        """What responses and transcriptions have used so far, by kind of token.

        ::

            print(conn.usage.input_tokens, "of them cached:", conn.usage.cached_tokens)

        It counts what has arrived, also what nobody has read yet, and stays after the block. What
        comes while the connection is being closed does not count. On a sideband, what others asked
        for counts as well.
        """
        return self._link.meter.totals

    def __repr__(self) -> str:
        state = "closed" if self._link.over.is_set() else "open"
        return f"<{type(self).__name__} {state} {self.url}>"

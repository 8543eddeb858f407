"""The tasks of a connection: reader, writer, heartbeat, and the one that ends them.

They run in one nursery of ours inside a shielded scope, and they never raise for a lost line: they
tell the link, and the link tells whoever waits. All of them run with Ctrl-C held back, so that a
`KeyboardInterrupt` lands in the program and never inside a change of state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias, cast

import trio

from trio_realtime._connection._heartbeat import heartbeat
from trio_realtime._connection._link import Link, log
from trio_realtime._connection._outbox import Entry
from trio_realtime._core._budget import weight_of
from trio_realtime._core._loss import Loss
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime.errors import CloseInfo
from trio_realtime.events import Dialect, decode_server

AHEAD_SECONDS: Final = 0.01
"""How long the reader waits for a program that reads as well, but not as fast. No ping and no CLOSE
need be noticed sooner."""

AHEAD_READS: Final = 16
"""How many times it reads on when that program did not catch up: it is busy with something else."""

STUCK_SECONDS: Final = 1.0
"""How long one frame may take to write before a paused reader takes it for stuck. A big one on a
slow link may be wrongly suspected, which costs no more than some reading ahead."""

Connect: TypeAlias = Callable[[trio.Nursery], Awaitable[Transport]]
"""Opens the stream and the WebSocket; its tasks live in the nursery it is given."""


@trio.lowlevel.enable_ki_protection
async def run(link: Link, connect: Connect, dialect: Dialect) -> None:
    """Be the plumbing of `link`: connect, carry frames, close.

    Raises:
        ConnectionClosedError: for a loss that nobody else was told of, and for frames of
            `send_nowait` that a normal end could not write.
    """
    try:
        with link.scope:
            try:
                await _carry(link, connect, dialect)
            finally:
                link.finish()
            if link.loss is not None:
                await _wait_until_told(link)
    except BaseExceptionGroup as group:
        # Our inner nursery is nobody's business: one level of grouping is the caller's nursery.
        inner = _only_one(group)
        raise inner from inner.__cause__
    if link.loss is not None and not link.is_leaving:
        # Out of the shield: nothing but the cancellation leaves a block that is being cancelled.
        await trio.lowlevel.checkpoint_if_cancelled()
        raise link.tell()
    if link.body_ended_normally and (error := link.unsent_error()) is not None:
        raise error


async def _carry(link: Link, connect: Connect, dialect: Dialect) -> None:
    async with trio.open_nursery() as nursery:
        try:
            await _live(link, nursery, connect, dialect)
        finally:
            if link.transport is not None:
                await link.transport.aclose()
        nursery.cancel_scope.cancel()


async def _live(link: Link, nursery: trio.Nursery, connect: Connect, dialect: Dialect) -> None:
    """Connect, start the tasks, and wait until the connection is lost or closed."""
    try:
        transport = await connect(nursery)
    except Exception as error:  # noqa: BLE001 - raised bare by the opening task
        link.connect_error = error
        link.opening_scope.cancel()
        return
    link.note_connected(transport)
    nursery.start_soon(_read, link, transport, dialect)
    nursery.start_soon(_write, link, transport)
    nursery.start_soon(heartbeat, link, transport)
    await _keep_watch(link, nursery, transport)
    if link.loss is not None and link.loss.info.closed_by != "network":
        # The answer to the server's CLOSE, or a CLOSE for what it did wrong: let it out.
        with trio.move_on_after(link.options.close_timeout):
            await _drain(transport)


@trio.lowlevel.enable_ki_protection
async def _read(link: Link, transport: Transport, dialect: Dialect) -> None:
    reads = 0
    try:
        while True:
            if not _may_read(link):
                await _wait_for_room(link)
            if link.budget.is_overrun and not (link.writing_has_failed or link.is_leaving):
                limit = link.budget.hard_limit
                info = CloseInfo(None, "", "us")
                link.fail(Loss(info, "overflow", limit=limit, url=link.url))
                return
            frame = await transport.receive()
            # From here to the next receive nothing is awaited: all that was read at once is in
            # every buffer it belongs to before anything else can happen.
            while True:
                if not link.is_leaving and link.loss is None:
                    link.dispatch(decode_server(frame, dialect), weight_of(frame))
                if not link.budget.has_room:
                    break
                try:
                    frame = transport.receive_nowait()
                except trio.WouldBlock:
                    break
            # Not kept until the next one comes: it may be large.
            del frame
            if reads > 0:
                reads -= 1
            elif link.budget.is_ahead and not await _let_catch_up(link):
                reads = AHEAD_READS
    except TransportClosed as facts:
        link.lose(facts)
    finally:
        link.reading_has_ended = True
        link.changed.unpark_all()


def _may_read(link: Link) -> bool:
    return link.budget.may_read or link.writing_has_failed or link.outbox.is_stuck


async def _let_catch_up(link: Link) -> bool:
    """Let the program take most of what is here; say whether it did so soon.

    What is held for long costs the garbage collector more than all else that is done with it.
    """
    link.lets_catch_up = True
    with trio.move_on_after(AHEAD_SECONDS) as patience:
        await link.room.park()
    link.lets_catch_up = False
    return not patience.cancelled_caught


async def _wait_for_room(link: Link) -> None:
    if not link.said_paused:
        link.said_paused = True
        log.warning(
            "%d bytes of events are unread: reading stops until your code catches up. "
            "This is said once; `statistics()` tells at any time",
            link.budget.held,
        )
    link.reader_paused = True
    try:
        while not _may_read(link):
            writing = link.outbox.current
            with trio.move_on_after(STUCK_SECONDS) as patience:
                await link.room.park()
            if patience.cancelled_caught and writing is link.outbox.current:
                # The server may be waiting for us to read before it reads: then a send would wait
                # for ourselves. A steady microphone is not stuck, and does not keep us reading.
                link.outbox.stuck = writing
    finally:
        link.reader_paused = False
        link.resumed_at = trio.current_time()
        link.changed.unpark_all()


@trio.lowlevel.enable_ki_protection
async def _write(link: Link, transport: Transport) -> None:
    while True:
        entry = await link.outbox.take()
        try:
            await _write_entry(link, transport, entry)
        except TransportClosed as facts:
            # A send may be told of the end before what came before it was read. That is a handful
            # of messages, all of them here; the reader takes them and then says what happened.
            link.writing_has_failed = True
            link.room.unpark_all()
            await _wait_reading_ended(link)
            link.lose(facts)
            link.note_over()
            return
        link.outbox.finish(entry)
        # Not kept until the next one comes: it may be large, or the last of a response.
        del entry


@trio.lowlevel.enable_ki_protection
async def _write_entry(link: Link, transport: Transport, entry: Entry) -> None:
    for frame in entry.frames:
        if frame.subject is not None:
            link.sending(frame.subject)
        await transport.send(frame.text)


async def _keep_watch(link: Link, nursery: trio.Nursery, transport: Transport) -> None:
    """Wait until the connection is over.

    Until then open the gate and send cancels when it is time, for nobody else may be there to do
    it, and begin to close when the block is left.
    """
    is_leaving = False
    while not link.over.is_set():
        if link.is_leaving and not is_leaving:
            is_leaving = True
            nursery.start_soon(_leave, link, transport)
        link.watched_deadline = link.replies.deadline
        with trio.move_on_at(link.watched_deadline):
            await link.changed.park()
        link.replies.advance(trio.current_time())


@trio.lowlevel.enable_ki_protection
async def _leave(link: Link, transport: Transport) -> None:
    await link.outbox.wait_idle()
    with contextlib.suppress(TransportClosed):
        await transport.send_close(link.close_code, link.close_reason)
    await _drain(transport)
    with link.patience:
        # Their CLOSE or the end of the line. A peer that answers with neither is cut off by the
        # outer scope's deadline; that is no error (the server is known for it).
        await _wait_reading_ended(link)
    link.note_over()


async def _wait_reading_ended(link: Link) -> None:
    while not link.reading_has_ended:
        await link.changed.park()


async def _drain(transport: Transport) -> None:
    with contextlib.suppress(TransportClosed):
        await transport.drained()


async def _wait_until_told(link: Link) -> None:
    """Wait until the body ends, or until nobody else would hear of the loss."""
    while not link.is_leaving and (left := link.silence_left()) > 0:
        with trio.move_on_after(left):
            await link.changed.park()


def _only_one(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take the one thing out of a group that holds one thing, or cancellations alone."""
    _, errors = group.split(trio.Cancelled)
    leaves = [*_leaves(group if errors is None else errors)]
    # Cancellations of one scope are as good as one; of errors none may be lost.
    return leaves[0] if errors is None or len(leaves) == 1 else errors


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(each)
    else:
        yield error

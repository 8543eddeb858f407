"""The server's side of a recorded connection, played to a client.

This module moves messages and waits. What comes next, and what the client must send, is known to
`_core`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

import trio

from trio_realtime._core.cassette import Message, MismatchError, Playback
from trio_realtime._transport import TransportClosed

if TYPE_CHECKING:
    from trio_realtime.testing._host import ServerSocket


async def play(
    ws: ServerSocket,
    playback: Playback,
    fail: Callable[[Exception], Awaitable[NoReturn]],
    heard: Callable[[], None],
) -> bool:
    """Play a connection until the client is gone. Returns whether it was the client who ended it.

    Args:
        ws: The client.
        playback: What is played.
        fail: Ends the server's block with an error, and never returns.
        heard: Called after each message of the client's.
    """
    more = trio.lowlevel.ParkingLot()
    by_client = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_speak, ws, playback, more)
        try:
            while True:
                playback.receive(await ws.receive(), trio.current_time())
                more.unpark_all()
                heard()
        except TransportClosed as closed:
            by_client = closed.closed_by == "server"
        except MismatchError as error:
            await fail(AssertionError(str(error)))
        except Exception as error:  # noqa: BLE001 - a function for match= is the program's own
            await fail(error)
        nursery.cancel_scope.cancel()
    return by_client


async def _speak(ws: ServerSocket, playback: Playback, more: trio.lowlevel.ParkingLot) -> None:
    while True:
        step = playback.next_step()
        if step is None:
            await more.park()
            continue
        await trio.sleep_until(step.due)
        # How the client left is told by who receives from it.
        with contextlib.suppress(TransportClosed):
            if isinstance(step.what, Message):
                data = playback.data(step.what)
                await (ws.send(data) if isinstance(data, str) else ws.send_bytes(data))
            elif step.what.code is None:
                await ws.aclose()
            else:
                await ws.close(step.what.code, step.what.reason)
        playback.done(trio.current_time())

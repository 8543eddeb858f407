"""Finding out that a silent line is dead.

The heartbeat never raises: it fails the connection. Any byte counts as life, each way: a slow big
frame must not trip it.
"""

from __future__ import annotations

import contextlib
from typing import Final

import trio

from trio_realtime._connection._link import Link
from trio_realtime._core._loss import Loss
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime.errors import CloseInfo

_PING_BYTES: Final = 10
"""What a ping of ours weighs on the wire: header, mask and number. A black hole takes it gladly, so
that it went out is no sign of life."""


@trio.lowlevel.enable_ki_protection
async def heartbeat(link: Link, transport: Transport) -> None:
    """Ping when nothing has come in for `ping_interval`; fail when nothing moves after that."""
    interval = link.options.ping_interval
    if interval is None:
        return
    while True:
        if link.reader_paused:
            # Nobody reads, so a pong would not be seen either: no verdict, and then afresh.
            await link.changed.park()
            continue
        # Until a time, not for a while: what remains of a while can be too little to add to the
        # clock's reading, and a clock that only sleepers advance would stand still.
        due = max(transport.last_received, link.resumed_at) + interval
        if trio.current_time() < due:
            await trio.sleep_until(due)
            continue
        if not await _shows_life(link, transport):
            info = CloseInfo(None, "", "network")
            detail = f"nothing moved for {link.options.ping_timeout:g} s after a ping"
            link.fail(Loss(info, "keepalive", detail=detail, url=link.url))
            return


async def _shows_life(link: Link, transport: Transport) -> bool:
    """Ping and wait out `ping_timeout`; say whether a byte came in, or one of ours went out.

    Bytes are counted, for times cannot tell the ping itself from what was sent with it.
    """
    received, sent = transport.bytes_in, transport.bytes_out + _PING_BYTES
    with contextlib.suppress(TransportClosed):
        # If the link is over, the reader hears of it too, and ends us.
        await transport.ping()
    await trio.sleep(link.options.ping_timeout)
    # The reader can have paused meanwhile only after another frame, which is life.
    return transport.bytes_in > received or transport.bytes_out > sent

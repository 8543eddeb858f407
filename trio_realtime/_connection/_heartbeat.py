"""Finding out that a silent line is dead.

The heartbeat never raises: it fails the connection. Any byte counts as life, each way: a slow big
frame must not trip it.
"""

from __future__ import annotations

import contextlib

import trio

from trio_realtime._connection._link import Link
from trio_realtime._core._loss import Loss
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime.errors import CloseInfo


@trio.lowlevel.enable_ki_protection
async def heartbeat(link: Link, transport: Transport) -> None:
    """Ping when nothing has come in for `ping_interval`; fail when nothing moves after that."""
    interval = link.options.ping_interval
    if interval is None:
        return
    while True:
        if link.reader_paused:
            # Nobody reads, so a pong would not be seen either: no verdict, and then afresh.
            await link.resumed.park()
            continue
        heard_at = max(transport.last_received, link.resumed_at)
        silent_for = trio.current_time() - heard_at
        if silent_for < interval:
            await trio.sleep(interval - silent_for)
            continue
        # If the link is over, the reader hears of it too, and ends us.
        with contextlib.suppress(TransportClosed):
            await transport.ping()
        if not await _shows_life(link, transport):
            info = CloseInfo(None, "", "network")
            detail = f"nothing moved for {link.options.ping_timeout:g} s after a ping"
            link.fail(Loss(info, "keepalive", detail=detail, url=link.url))
            return


async def _shows_life(link: Link, transport: Transport) -> bool:
    """Wait out `ping_timeout`; say whether a byte came in, or one of ours went out, meanwhile."""
    pinged_at = trio.current_time()
    sent_at, received_at = transport.last_sent, transport.last_received
    await trio.sleep(link.options.ping_timeout)
    return (
        transport.last_received > received_at
        or transport.last_sent > max(sent_at, pinged_at)
        or link.reader_paused
        or link.resumed_at > pinged_at
    )

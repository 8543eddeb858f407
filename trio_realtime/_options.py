"""Deadlines and limits of a connection, in one frozen place.

This module knows numbers and where they come from. It does not know who enforces them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final, final

_MIB: Final = 1024 * 1024


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Deadlines and limits of one connection.

    The defaults suit voice at 24 kHz. Times are seconds, sizes are bytes.

    ::

        open_realtime("gpt-realtime-2.1", options=Options(close_timeout=0.2))
    """

    connect_timeout: float = 10
    """One deadline over DNS, TCP, proxy, TLS, upgrade, `session.created` and, with `session=`,
    `session.updated`. It starts after the endpoint and the credentials were asked. 10 s is what
    the official Python SDK's WebSocket library allows."""

    close_timeout: float = 1
    """How long closing may take in all. The server often does not answer CLOSE at all, so waiting
    longer buys nothing. 0 closes by force at once."""

    ping_interval: float | None = 20
    """Silence after which a ping is sent; None switches the heartbeat off. 20 s is the default of
    the `websockets` library."""

    ping_timeout: float = 20
    """How long after a ping the connection counts as dead when no byte has come in and none of
    ours has gone out."""

    failure_grace: float | None = 10
    """How long after a loss, and after your last call, the block is told of it when nobody was;
    None: never."""

    cancel_timeout: float = 5
    """How long a response that was cancelled may keep the next one waiting; and, on a server that
    does not say whose a response is, how long one that was cut short waits for a better answer."""

    hangup_timeout: float = 5
    """How long `accepted_call` may take to hang up at its end, whatever it is left by."""

    finish_timeout: float | None = 10
    """How long a server may send nothing at all that was asked to finish a translation; None: for
    ever. How long finishing takes in all is up to you, with a cancel scope."""

    max_message_bytes: int = 64 * _MIB
    """The largest message accepted. Items with audio of 3.5 MB have been seen on the wire."""

    inbox_bytes: int = 64 * _MIB
    """What all undelivered events together may weigh before the reader pauses."""

    outbox_bytes: int = _MIB
    """What may wait to be written before `send_nowait` refuses."""

    backlog_bytes: int = 4 * _MIB
    """What a stream that nobody has read yet keeps: the newest events up to this weight."""

    wait_for_session: bool = True
    """Whether a connection counts as open only once `session.created` is here."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value: object = getattr(self, field.name)
            if field.name == "wait_for_session":
                continue
            if value is None and field.name in {"ping_interval", "failure_grace", "finish_timeout"}:
                continue
            if not isinstance(value, int | float) or math.isnan(value) or value < 0:
                raise ValueError(f"{field.name} must be a number, 0 or more; it is {value!r}")
        for name in ("max_message_bytes", "inbox_bytes", "outbox_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1 byte")


DEFAULT_OPTIONS: Final = Options()
"""What `open_realtime` uses when no options are given."""

"""The facts of a connection that is gone, and the exceptions made from them.

The facts are stored once. Every raise makes a new exception: two waiters must never share one, for
each adds its own traceback and context to it.
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, TypeAlias, final

from trio_realtime.errors import (
    CloseInfo,
    ConnectionClosedError,
    Frame,
    InboxOverflowError,
    KeepaliveTimeoutError,
    MessageTooBigError,
    SessionExpiredError,
)

LossKind: TypeAlias = Literal["closed", "expired", "keepalive", "overflow", "too_big"]

GOING_AWAY: Final = 1001
"""The close code of a session that reached its maximum duration; proxies use it too."""

# What the server puts into the CLOSE of an expired session (a public report of 2026; the `error`
# event that comes first is the better evidence, see `kind_of_close`).
_EXPIRY_WORDS: Final = ("maximum duration", "session_expired")


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """Why a connection is over, before its block was."""

    info: CloseInfo
    kind: LossKind = "closed"
    quiet: bool = False
    """The server ended a finished conversation with 1000: streams end, nobody is alarmed."""

    limit: int = 0
    detail: str = ""
    url: str | None = None
    unsent: tuple[Frame, ...] = ()
    uncertain: tuple[Frame, ...] = ()
    cause: BaseException | None = None
    """What the stream below raised, when that is how it ended."""

    def error(self) -> ConnectionClosedError:
        """Make a new exception from the facts."""
        error = self._without_cause()
        error.__cause__ = self.cause
        return error

    def _without_cause(self) -> ConnectionClosedError:
        if self.kind in ("overflow", "too_big"):
            cls = InboxOverflowError if self.kind == "overflow" else MessageTooBigError
            return cls(
                self.info,
                limit=self.limit,
                unsent=self.unsent,
                uncertain=self.uncertain,
                url=self.url,
            )
        plain = {"expired": SessionExpiredError, "keepalive": KeepaliveTimeoutError}
        return plain.get(self.kind, ConnectionClosedError)(
            self.info,
            unsent=self.unsent,
            uncertain=self.uncertain,
            url=self.url,
            detail=self.detail,
        )


def kind_of_close(info: CloseInfo, last_fatal_code: str | None) -> LossKind:
    """Tell an expired session from any other close.

    Args:
        info: What the close frame said.
        last_fatal_code: The code of the last `error` event that ends a session, if there was one.
    """
    if last_fatal_code == "session_expired":
        return "expired"
    said = any(words in info.reason for words in _EXPIRY_WORDS)
    return "expired" if info.code == GOING_AWAY and said else "closed"

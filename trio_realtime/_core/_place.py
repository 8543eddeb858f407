"""One frame that the server may answer, from being asked for to being settled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    import outcome

    from trio_realtime._core._event import Event
    from trio_realtime._core._outgoing import Outgoing


@final
class Place:
    """The place that one frame has in the order of answers. Made by `Pending`."""

    __slots__ = (
        "abandoned",
        "after",
        "awaited",
        "is_settled",
        "may_go",
        "outgoing",
        "own",
        "result",
        "sent",
        "target",
        "wake",
    )

    outgoing: Outgoing
    """The frame."""

    awaited: bool
    """Whether a caller waits for the answer; False for plain frames and for abandoned requests."""

    abandoned: bool
    """Whether this was a request whose caller has gone: its answer is swallowed."""

    may_go: bool
    """Whether its turn has come and it may be handed to the writer."""

    result: outcome.Value[Event] | outcome.Error | None
    """The answer, once it is in: the acknowledgement, the server's error, or the loss."""

    sent: int
    """When the writer took it, as a count of what the table was told; 0 until then."""

    is_settled: bool
    """Whether the server has answered it, or the connection was lost; also when nobody waits."""

    after: tuple[Place, ...]
    """The frames of its group that the server answers first: the items of a `response.create`."""

    own: bool
    """Whether the library sent it by itself: an error that only says "too late" is absorbed."""

    target: str | None
    """The response that a `response.cancel` ends, as far as known when it was sent."""

    def __init__(
        self,
        outgoing: Outgoing,
        wake: Callable[[], None] | None = None,
        *,
        after: tuple[Place, ...] = (),
        own: bool = False,
    ) -> None:
        self.outgoing = outgoing
        self.after = after
        self.own = own
        self.is_settled = False
        self.wake: Callable[[], None] | None = wake
        """Called when `may_go` turns true, and when `result` is set."""
        self.awaited = wake is not None
        self.abandoned = False
        self.may_go = False
        self.result = None
        self.sent = 0
        self.target = outgoing.response_id

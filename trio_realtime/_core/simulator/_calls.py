"""Calls: those that come in over SIP and those that are made over WebRTC, and what becomes of them.

No audio flows: a call is a state, and the session that clients attach to. This module does not know
how requests travel, nor who is attached.

That `accept` and `reject` are for calls that ring, and the others for calls that have been accepted
or made, is our choice; so is that a call which was handed on is over. An id that the server does
not know, or whose call is over, is answered as was reported of attaching to one: 404 and
`call_id_not_found`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from trio_realtime._core.simulator._checks import integer, text
from trio_realtime._core.simulator._errors import RefusedError, invalid_value, missing_parameter
from trio_realtime._core.simulator._secrets import (
    Secret,
    body_from_json,
    opening,
    update_from_json,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime._core.simulator._json import Object

CALLS_MAX: Final = 10_000
"""How many calls are remembered; the oldest go first."""

_DECLINE: Final = 603

_SIP_STATUS: Final = integer(400, 699)


@final
class SimulatedCall:
    """A call at a simulated server, for a test to look at."""

    id: str
    """Its id: `rtc_…`."""

    # No literals: a type checker would hold on to what a test has seen before.
    state: str
    """`ringing`, `active`, or how it ended: `rejected`, `referred` or `ended`."""

    config: Object
    """What was asked for its session."""

    status_code: int | None
    """What the caller was told who was rejected, as SIP numbers it."""

    target_uri: str | None
    """Whom it was handed on to."""

    def __init__(self, id: str, over: Callable[[SimulatedCall], None]) -> None:  # noqa: A002
        self.id = id
        self.state = "ringing"
        self.config = {}
        self.status_code = None
        self.target_uri = None
        self._begins: Secret | None = None
        self._over = over

    @property
    def begins(self) -> Secret | None:
        """What its sessions begin with; None while there is nothing to attach to."""
        return self._begins if self.state == "active" else None

    def accept(self, begins: Secret) -> None:
        """Begin its session."""
        self._begins, self.config, self.state = begins, begins.update, "active"

    def end(self, state: str) -> None:
        """Let it be over."""
        self.state = state
        self._over(self)

    def hang_up(self) -> None:
        """Let the caller hang up: who is attached is closed with 1000. Twice is as good as once."""
        if self.state in {"ringing", "active"}:
            self.end("ended")

    def __repr__(self) -> str:
        return f"SimulatedCall({self.id!r}, state={self.state!r})"


@final
class Calls:
    """The calls of one server."""

    def __init__(
        self, letters: Callable[[int], str], over: Callable[[SimulatedCall], None]
    ) -> None:
        self._letters = letters
        self._over = over
        self._known: dict[str, SimulatedCall] = {}
        self._actions: dict[str, Callable[[SimulatedCall, JsonValue], None]] = {
            "accept": self._accept,
            "reject": self._reject,
            "refer": self._refer,
            "hangup": self._hang_up,
        }

    @property
    def known(self) -> list[SimulatedCall]:
        """The calls that are remembered, oldest first."""
        return list(self._known.values())

    def ring(self, call_id: str | None = None) -> SimulatedCall:
        """Let a call come in.

        Raises:
            ValueError: if there is one of that id.
        """
        if call_id in self._known:
            raise ValueError(f"there is a call {call_id!r} already")
        call = SimulatedCall(call_id or f"rtc_u0_{self._letters(21)}", self._over)
        self._known[call.id] = call
        if len(self._known) > CALLS_MAX:
            del self._known[next(iter(self._known))]
        return call

    def create(self, begins: Secret, call_id: str | None = None) -> SimulatedCall:
        """Make a call that is answered at once.

        Raises:
            ValueError: if there is one of that id.
        """
        call = self.ring(call_id)
        call.accept(begins)
        return call

    def find(self, call_id: str) -> SimulatedCall | None:
        """The call of that id, also when it is over."""
        return self._known.get(call_id)

    def act(self, call_id: str, action: str, asked: JsonValue) -> None:
        """Do with a call as the body of a request asks.

        Raises:
            RefusedError: if the request does not fit, or there is no such call.
        """
        call = self._known.get(call_id)
        if call is None or call.state not in {"ringing", "active"}:
            raise call_not_found(call_id)
        self._actions[action](call, asked)

    def _accept(self, call: SimulatedCall, asked: JsonValue) -> None:
        update = update_from_json(asked if asked is not None else {}, "")
        if update["type"] != "realtime":
            raise invalid_value("type", update["type"], ("realtime",))
        begins = opening(update)
        _check_state(call, "ringing", "accepted")
        call.accept(begins)

    def _reject(self, call: SimulatedCall, asked: JsonValue) -> None:
        body = body_from_json({} if asked is None else asked, ("status_code",))
        status = body.get("status_code")
        if status is not None:
            _SIP_STATUS(status, "status_code")
        _check_state(call, "ringing", "rejected")
        call.status_code = status if isinstance(status, int) else _DECLINE
        call.end("rejected")

    def _refer(self, call: SimulatedCall, asked: JsonValue) -> None:
        body = body_from_json({} if asked is None else asked, ("target_uri",))
        if not body.get("target_uri"):
            raise missing_parameter("target_uri")
        text(body["target_uri"], "target_uri")
        _check_state(call, "active", "referred")
        call.target_uri = str(body["target_uri"])
        call.end("referred")

    def _hang_up(self, call: SimulatedCall, asked: JsonValue) -> None:
        del asked
        call.end("ended")


def call_not_found(call_id: str) -> RefusedError:
    """There is no such call, or not any more. The wording is our choice."""
    return RefusedError("call_id_not_found", f"No call found with id '{call_id}'.")


def _check_state(call: SimulatedCall, needed: str, done: str) -> None:
    if call.state != needed:
        raise RefusedError(
            "invalid_call_state", f"A call that is {call.state} cannot be {done}: '{call.id}'."
        )

"""Which responses run, and whose they are.

This module attributes `response.created` to the create that asked for it. It does not know who
waits for the answer. What speaks for and against a create, strongest first:

* the token, or the metadata, that the response shows and the create carried: it is the one. (No
  recording shows whether the server echoes metadata, so its absence speaks only once it has been
  echoed.)
* `conversation_id: null`: only a create with `conversation="none"` can be meant. The reverse cannot
  be relied on: whether out-of-band responses always show null is not known.
* a commit by voice detection came before, with `create_response` on: the server's own response is
  due, and the next one in the conversation is that.
* the server has not yet added the items that were sent with the create: it cannot have come to it.
* else the oldest create.

**A create that the evidence speaks against, but does not rule out, is answered when that response
is done** without anything better having come. The server answers every create within a round trip,
by `response.created` or by an error that names it, so a create still without an answer at the end
of a whole response was the cause of it; and no caller hangs on a server whose habits we misread.
Example: our create reaches the server just before its voice detection commits. Then one response
comes, after the `committed`, and it is ours. A response that was cut short proves nothing: it may
have taken less than a round trip. Then the next response of the conversation decides; where none
comes in time (`_doubts` knows how long), it was the answer after all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, cast, final

from trio_realtime._core._detection import detecting_part
from trio_realtime._core._outgoing import states, text_at, value_at
from trio_realtime._core._recent import RecentIds
from trio_realtime._core._token import token_in

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime._core._place import Place

# How responses end that may have taken no time at all.
_CUT_SHORT: Final = frozenset({"cancelled", "failed"})

# More responses than this never run at once; a server that never ends them must not cost memory.
_RUNNING: Final = 256
# An event that comes twice does so within seconds.
_OVER: Final = 256

NAMELESS: Final = ""
"""Stands for the id of a response to which a server gave none. There is one at a time."""


@final
class Finished(NamedTuple):
    """A response that is over."""

    response_id: str | None
    in_conversation: bool
    doubtful: tuple[Place, Event] | None
    """A create that this response may answer after all, and the `response.created` that did it."""

    was_whole: bool
    """Whether it took the time that a response takes."""

    def answers(self, cancel: Place) -> bool:
        """Whether a `response.cancel` was for this response; by default, for one like it."""
        if cancel.target is None:
            return self.in_conversation
        return cancel.target == self.response_id


class _Running(NamedTuple):
    in_conversation: bool
    doubtful: tuple[Place, Event] | None


@final
class Responses:
    """The responses that run on one connection."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._over = RecentIds(_OVER)
        self._vad_creates = True
        self._owed = False
        self._echoes = False

    @property
    def are_running(self) -> bool:
        """Whether a response was created and is not done."""
        return bool(self._running)

    def is_known(self, response_id: str) -> bool:
        """Whether a response of this id runs, or did lately."""
        return response_id in self._running or response_id in self._over

    def is_in_conversation(self, response_id: str) -> bool:
        """Whether a response that runs is part of the conversation, not beside it."""
        running = self._running.get(response_id)
        return running is not None and running.in_conversation

    def doubtful(self, response_id: str) -> Place | None:
        """The create that a response that runs may turn out to answer."""
        running = self._running.get(response_id)
        return None if running is None or running.doubtful is None else running.doubtful[0]

    @property
    def active(self) -> str | None:
        """The newest response of the conversation that is not done."""
        for response_id, running in reversed(self._running.items()):
            if running.in_conversation:
                return response_id
        return None

    def learn_session(self, event: Event) -> None:
        """Note whether voice detection creates responses: it does unless told not to."""
        detection = value_at(detecting_part(event), "turn_detection")
        self._vad_creates = value_at(detection, "create_response") is not False

    def expect_from_detection(self) -> None:
        """Voice detection committed a turn: the server's response to it is due."""
        self._owed = self._vad_creates

    def begins(self, event: Event) -> str | None:
        """The id of the response that a `response.created` begins; None if it comes twice."""
        response_id = text_at(event, "response", "id")
        if response_id is None:
            return NAMELESS
        return None if response_id in self._running else response_id

    def expect_nothing(self) -> None:
        """What voice detection committed is answered, or never will be."""
        self._owed = False

    def claim(self, response_id: str, creates: Sequence[Place], event: Event) -> Place | None:
        """Note that a response runs; find the create that it certainly answers."""
        response = value_at(event, "response")
        outside = (
            states(response, "conversation_id") and value_at(response, "conversation_id") is None
        )
        place, certain = self._attribute(creates, value_at(response, "metadata"), outside)
        if place is not None and certain:
            # What was asked for counts for more than what a server says of every response.
            self._running[response_id] = _Running(place.outgoing.conversation != "none", None)
        else:
            doubtful = None if place is None else (place, event)
            self._running[response_id] = _Running(not outside, doubtful)
        if len(self._running) > _RUNNING:
            del self._running[next(iter(self._running))]
        return place if certain else None

    def finish(self, event: Event) -> Finished:
        """Note that a response is over. One that does not say which, is the only one there is."""
        response_id = self._finished_id(text_at(event, "response", "id"))
        was_whole = text_at(event, "response", "status") not in _CUT_SHORT
        # What we have not seen begin was there before us; what comes twice ends nothing.
        unseen = _Running(response_id is not None and response_id not in self._over, None)
        running = unseen if response_id is None else self._running.pop(response_id, unseen)
        self._over.add(response_id or None)
        return Finished(response_id, *running, was_whole)

    def _finished_id(self, named: str | None) -> str | None:
        if named is not None and self.is_known(named):
            return named
        if NAMELESS in self._running:
            return NAMELESS
        if named is None and len(self._running) == 1:
            return next(iter(self._running))
        return named

    def _attribute(
        self, creates: Sequence[Place], metadata: object, outside: bool
    ) -> tuple[Place | None, bool]:
        """Find the create that is answered, and whether that is certain."""
        if isinstance(metadata, Mapping) and metadata:
            shown = cast("Mapping[object, object]", metadata)
            echoed = [place for place in creates if _carried(place.outgoing.metadata, shown)]
            if echoed:
                self._echoes = True
                return echoed[0], True
            return _first([] if self._echoes else creates), False
        able = [place for place in creates if not (self._echoes and place.outgoing.metadata)]
        if outside:
            out_of_band = [place for place in able if place.outgoing.conversation == "none"]
            return (out_of_band[0], True) if out_of_band else (_first(able), False)
        if self._owed:
            self._owed = False
            return _first(able), False
        reached = [place for place in able if all(before.is_settled for before in place.after)]
        return (reached[0], True) if reached else (_first(able), False)


def _carried(sent: object, shown: Mapping[object, object]) -> bool:
    """Whether a response shows what a create carried; where there is a token, it decides."""
    token = token_in(sent)
    return sent == shown if token is None else token == token_in(shown)


def _first(places: Sequence[Place]) -> Place | None:
    return places[0] if places else None

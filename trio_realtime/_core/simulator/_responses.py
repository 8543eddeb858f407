"""Who answers: the one active response of the default conversation, and those out of band.

This module does not know what begins a response, nor what it says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import RefusedError, active_response, nothing_to_cancel
from trio_realtime._core.simulator._json import Object
from trio_realtime._core.simulator._reply import Reply
from trio_realtime._core.simulator._responder import Action, Refuse


@final
@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A response that waits to be told what to say."""

    reply: Reply
    event_id: JsonValue
    """The id of the event that asked for it."""
    context: Sequence[Entry]
    """The items the model sees, oldest first."""
    tools: Sequence[Object]
    tool_choice: JsonValue


@final
class Responses:
    """The responses of one session that are not over."""

    def __init__(self, ended: Callable[[Reply], None]) -> None:
        self._ended = ended
        self._alive: dict[str, Reply] = {}
        self.active: Reply | None = None
        """The response of the default conversation that is in progress."""
        self.last_id: str | None = None
        """The newest response that was announced."""
        self.questions: deque[Question] = deque()
        """Responses that wait for `answer`, in order."""

    def check_free(self) -> None:
        """Check that a response in the default conversation may begin.

        Raises:
            RefusedError: if one is active: at most one ever is.
        """
        if self.active is not None:
            raise active_response(self.active.id)

    def add(self, question: Question) -> None:
        """Begin a response, whose answer is asked for."""
        reply = question.reply
        self._alive[reply.id] = reply
        if reply.conversation is not None:
            self.active = reply
        self.questions.append(question)

    def begin(self, question: Question) -> None:
        """Announce a response, if it has not been."""
        reply = question.reply
        if not reply.over and not reply.begun:
            reply.begin()
            self.last_id = reply.id

    def answer(
        self, question: Question, plan: Sequence[Action]
    ) -> Iterator[float] | RefusedError | None:
        """Tell a response what to say.

        Returns what streams it; or the refusal, if it was refused before it was announced; or
        None, if it was cancelled in the meantime.
        """
        reply, first = question.reply, plan[0] if plan else None
        if reply.over:
            return None
        if isinstance(first, Refuse) and not reply.begun:
            reply.over = True
            self._remove(reply)
            return RefusedError(first.code, first.message, type=first.type)
        self.begin(question)
        return self._stream(reply, plan)

    def _stream(self, reply: Reply, plan: Sequence[Action]) -> Iterator[float]:
        for delay in reply.stream(plan):
            yield delay
            if reply.over:
                return
        self._remove(reply)

    def cancel(
        self, response_id: str | None, reason: Literal["client_cancelled", "turn_detected"]
    ) -> None:
        """End a response early; without an id, the active one.

        Raises:
            RefusedError: if there is no such response, or it is over.
        """
        reply = self.active if response_id is None else self._alive.get(response_id)
        if reply is None:
            raise nothing_to_cancel()
        if not reply.begun:
            reply.begin()
        reply.cancel(reason)
        self._remove(reply)

    def _remove(self, reply: Reply) -> None:
        del self._alive[reply.id]
        if self.active is reply:
            self.active = None
        self._ended(reply)

"""Who answers: the one active response of the default conversation, and those out of band.

This module does not know what a response says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import (
    RefusedError,
    active_response,
    invalid_value,
    nothing_to_cancel,
    unknown_parameter,
)
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._reply import Reply, tokens_of
from trio_realtime._core.simulator._responder import Action, Refuse
from trio_realtime._core.simulator._session import RESPONSE_KEYS, check_tools, checked_format
from trio_realtime._core.simulator._stage import Stage

_RATE_LIMIT: Final[Object] = {
    "name": "tokens",
    "limit": 40_000,
    "remaining": 39_000,
    "reset_seconds": 1.5,
}


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

    def __init__(self, stage: Stage, history: History, idle: Callable[[], None]) -> None:
        self._stage = stage
        self._history = history
        self._idle = idle
        self._alive: dict[str, Reply] = {}
        self.active: Reply | None = None
        """The response of the default conversation that is in progress."""
        self.last_id: str | None = None
        """The newest response that was announced."""
        self.questions: deque[Question] = deque()
        """Responses that wait for `answer`, in order."""
        self._owes_response = False

    def create(self, frame: ClientFrame) -> None:
        """Answer `response.create`."""
        if self._stage.session["type"] != "realtime":
            raise invalid_value("type", frame["type"], ("session.update",))
        create = object_of(frame.get("response"))
        for name in create:
            if name not in RESPONSE_KEYS:
                raise unknown_parameter(f"response.{name}")
        check_tools(create.get("tools"), "response.tools")
        checked_format(at(create, "audio", "output", "format"), "response.audio.output.format")
        if create.get("conversation") != "none":
            self.check_free()
        self._ask(create, frame.get("event_id"))

    def cancel_asked(self, frame: ClientFrame) -> None:
        """Answer `response.cancel`."""
        asked = frame.get("response_id")
        self.cancel(None if asked is None else text_of(asked), "client_cancelled")

    def clear_output(self, frame: ClientFrame) -> None:
        """Answer `output_audio_buffer.clear`."""
        # Over WebSocket the client plays the audio, so nothing is in a buffer here. That it is
        # answered all the same is our choice.
        self._stage.emit("output_audio_buffer.cleared", {"response_id": self.last_id or ""})

    def interrupt(self) -> None:
        """Cancel the active response, if there is one: the user speaks."""
        if self.active is not None:
            self.cancel(None, "turn_detected")

    def answer_turn(self) -> None:
        """Begin a response to the turn that ended, as soon as none is active."""
        if self.active is None:
            self._ask({}, None)
        else:
            # Our choice: the turn is answered after the response it did not interrupt.
            self._owes_response = True

    def _ask(self, create: Object, event_id: JsonValue) -> None:
        stage = self._stage
        default = create.get("conversation") != "none"
        context = self._context(create)
        reply = Reply(
            id=stage.id("resp_"),
            create=create,
            session=stage.session,
            conversation=stage.conversation if default else None,
            emit=stage.emit,
            letters=stage.letters,
            pace=stage.manner.pace,
            input_tokens=tokens_of(stage.session, context),
        )
        tools, choice = (
            stage.session[name] if create.get(name) is None else create[name]
            for name in ("tools", "tool_choice")
        )
        self.add(Question(reply, event_id, context, objects_of(tools), choice))

    def _context(self, create: Object) -> list[Entry]:
        """What the model sees: the conversation, or the input that takes its place."""
        conversation, given = self._stage.conversation, create.get("input")
        if given is None:
            return list(conversation)
        return [
            conversation.find(text_of(item.get("id")), "retrieve")
            if item.get("type") == "item_reference"
            else self._history.entry(item)
            for item in objects_of(given)
        ]

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

    def answer(self, question: Question, plan: Sequence[Action]) -> None:
        """Tell a response what to say, unless it was cancelled in the meantime."""
        reply, first = question.reply, plan[0] if plan else None
        if reply.over:
            return
        if isinstance(first, Refuse) and not reply.begun:
            reply.over = True
            self._remove(reply)
            error = RefusedError(first.code, first.message, type=first.type)
            self._stage.refuse(error, question.event_id)
            return
        self.begin(question)
        self._stage.later(0, self._stream(reply, plan))

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
        if self._stage.manner.rate_limits and reply.begun:
            self._stage.emit("rate_limits.updated", {"rate_limits": [dict(_RATE_LIMIT)]})
        if self.active is None:
            self._idle()
            if self._owes_response:
                self._owes_response = False
                self._ask({}, None)

"""Who answers: the one active response of the default conversation, and those out of band.

This module does not know what a response says, nor how it goes over the wire.

Out-of-band responses, cancellation and the tail of what is cut off are the specification's; that
a turn which ends during a response it did not interrupt is answered after it is our choice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import (
    RefusedError,
    active_response,
    invalid_value,
    nothing_to_cancel,
    voice_locked,
)
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._mcp import Mcp, check_servers, servers_of
from trio_realtime._core.simulator._playback import Cut, Playback
from trio_realtime._core.simulator._reply import CancelReason, Late, Planned, Reply
from trio_realtime._core.simulator._responder import Action, Refuse
from trio_realtime._core.simulator._settings import check_response, voice_of
from trio_realtime._core.simulator._stage import Stage
from trio_realtime._core.simulator._usage import OUTPUT_TOKENS_PER_SECOND, Meter, tokens_of


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

    def __init__(
        self,
        stage: Stage,
        history: History,
        idle: Callable[[float | None], None],
        playback: Playback | None = None,
    ) -> None:
        self._stage = stage
        self._history = history
        self._idle = idle
        self._playback = playback  # where the server plays the audio
        self._alive: dict[str, Reply] = {}
        self.active: Reply | None = None
        """The response of the default conversation that is in progress."""
        self.last_id: str | None = None
        """The newest response that was announced."""
        self.questions: deque[Question] = deque()
        """Responses that wait for `answer`, in order."""
        self.mcp: Mcp = Mcp(stage)
        """The MCP servers that the session knows."""
        self._meter = Meter(now=stage.now)
        self._late: Late | None = None
        self._owes_response = False
        self._owes_rate_limits = False

    def create(self, frame: ClientFrame) -> None:
        """Answer `response.create`."""
        session = self._stage.session
        if session["type"] != "realtime":
            raise invalid_value("type", frame["type"], ("session.update",))
        create = object_of(frame.get("response"))
        check_response(create)
        check_servers(create.get("tools"), "response.tools", servers_of(session.get("tools")))
        self._check_voice(voice_of(at(create, "audio", "output", "voice")))
        if create.get("conversation") != "none":
            self.check_free()
        context = self._context(create)
        self.mcp.list_tools(create.get("tools"))
        self._ask(create, frame.get("event_id"), context)

    def _check_voice(self, voice: JsonValue) -> None:
        stage = self._stage
        used = at(stage.session, "audio", "output", "voice")
        if voice not in (None, used) and stage.conversation.has_assistant_audio:
            # Documented for the session; that it holds for one response too is our reading.
            raise voice_locked()

    def cancel_asked(self, frame: ClientFrame) -> None:
        """Answer `response.cancel`."""
        asked = frame.get("response_id")
        self.cancel(None if asked is None else text_of(asked), "client_cancelled")

    def clear_output(self, frame: ClientFrame) -> None:
        """Answer `output_audio_buffer.clear`."""
        if self._playback is not None and self._playback.is_playing:
            self._truncate(self._playback.clear())
        else:
            # Over WebSocket the client plays the audio, so nothing is in a buffer here. That it
            # is answered all the same is our choice.
            self._stage.emit("output_audio_buffer.cleared", {"response_id": self.last_id or ""})

    @property
    def is_answering(self) -> bool:
        """Whether a response of the default conversation is active."""
        return self.active is not None

    def interrupt(self) -> None:
        """Cut the model short, if it speaks: the user does."""
        cuts = [] if self._playback is None else self._playback.clear()
        if self.active is not None:
            self.cancel(None, "turn_detected")
        self._truncate(cuts)

    def _truncate(self, cuts: Sequence[Cut]) -> None:
        for cut in cuts:
            if cut.entry.id in self._stage.conversation:
                self._history.cut(cut.entry, cut.played_ms)

    def answer_turn(self) -> None:
        """Begin a response to the turn that ended, as soon as none is active."""
        if self.active is None:
            self._ask({}, None, self._context({}))
        else:
            self._owes_response = True

    def _ask(self, create: Object, event_id: JsonValue, context: list[Entry]) -> None:
        stage = self._stage
        default = create.get("conversation") != "none"
        given, choice = (
            stage.session[name] if create.get(name) is None else create[name]
            for name in ("tools", "tool_choice")
        )
        tools = objects_of(given)
        instructions = create.get("instructions") or stage.session.get("instructions")
        tokens = tokens_of(text_of(instructions), context)
        reply = Reply(
            id=stage.id("resp_"),
            create=create,
            session=stage.session,
            conversation=stage.conversation if default else None,
            stage=stage,
            mcp=self.mcp,
            tools=[*tools, *servers_of(stage.session.get("tools"))],
            given=tokens,
            cached=self._meter.cached(tokens),
            told=lambda: self._told(reply),
        )
        if self._playback is not None:
            reply.played = self._played(reply)
        self._alive[reply.id] = reply
        if default:
            self.active = reply
        self.questions.append(Question(reply, event_id, context, tools, choice))

    def _played(self, reply: Reply) -> Callable[[Entry, int], None]:
        def played(entry: Entry, milliseconds: int) -> None:
            # Nobody hears what was said out of band; our choice.
            if self._playback is not None and reply.conversation is not None:
                self._playback.add(reply.id, entry, milliseconds)

        return played

    def _context(self, create: Object) -> list[Entry]:
        """What the model sees: the conversation, or the input that takes its place."""
        conversation, given = self._stage.conversation, create.get("input")
        if given is None:
            return list(conversation)
        return [
            conversation.find(text_of(item.get("id")), "retrieve")
            if item.get("type") == "item_reference"
            else self._history.entry(item, f"response.input[{number}]")
            for number, item in enumerate(objects_of(given))
        ]

    def check_free(self) -> None:
        """Check that a response in the default conversation may begin.

        Raises:
            RefusedError: if one is active: at most one ever is.
        """
        if self.active is not None:
            raise active_response(self.active.id)

    def begin(self, question: Question) -> None:
        """Announce a response, if it has not been."""
        reply = question.reply
        if not reply.over and not reply.begun:
            self._begin(reply)

    def _begin(self, reply: Reply) -> None:
        reply.begin()
        self.last_id = reply.id
        if self._stage.beta is not None:  # there they come at the beginning
            self._tell_rate_limits()
        if reply.conversation is not None and self._late is not None:
            reply.late, self._late = self._late, None

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
        approved = [] if reply.conversation is None else self.mcp.take_approved()
        self._stage.later(0, self._stream(reply, [*approved, *plan]))

    def _stream(self, reply: Reply, plan: Sequence[Planned]) -> Iterator[float]:
        for delay in reply.stream(plan):
            yield delay
            if reply.over:
                return
        self._remove(reply)

    def cancel(self, response_id: str | None, reason: CancelReason) -> None:
        """End a response early; without an id, the active one.

        Raises:
            RefusedError: if there is no such response, or it is over.
        """
        reply = self.active if response_id is None else self._alive.get(response_id)
        if reply is None:
            raise nothing_to_cancel()
        if not reply.begun:
            self._begin(reply)
        reply.cancel(reason)
        self._remove(reply)

    def _remove(self, reply: Reply) -> None:
        del self._alive[reply.id]
        if self.active is reply:
            self.active = None
        if reply.begun:
            if reply.conversation is not None:
                self._meter.remember(reply.given, reply.made)
            if self._playback is not None:
                self._playback.finish(reply.id)
        if self.active is None:
            default = reply.conversation is not None
            self._idle(reply.made.audio / OUTPUT_TOKENS_PER_SECOND if default else None)
            if self._owes_response:
                self._owes_response = False
                self.answer_turn()

    def late_done(self, seconds: float, *, stays_active: bool, duplicates: int) -> None:
        """Have the `response.done` of the active response, or of the next, come late."""
        late = Late(seconds, stays_active, duplicates)
        if self.active is not None:
            self.active.late = late
        else:
            self._late = late

    def rate_limits(self, limit: int | None, remaining: int | None) -> None:
        """Set the rate limit and what remains of it. The next response tells it."""
        self._meter.set(limit, remaining, self._stage.now)
        self._owes_rate_limits = True

    def _told(self, reply: Reply) -> None:
        stage = self._stage
        self._meter.spend(reply.given.total + reply.made.total, stage.now)
        if stage.beta is None:
            self._tell_rate_limits()

    def _tell_rate_limits(self) -> None:
        stage = self._stage
        if stage.manner.rate_limits or self._owes_rate_limits:
            self._owes_rate_limits = False
            stage.emit("rate_limits.updated", self._meter.rate_limits(stage.now))

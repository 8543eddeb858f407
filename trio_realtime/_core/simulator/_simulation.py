"""One session of the simulated server, without I/O.

Rule 1: everything that changes a session's state lives here and in what it owns. Rule 2: this
file does not know the time, chance or the network: readings of the clock are arguments, random
letters come from a function, and what is to be sent is left in `outbox`.

What no recording proves is our choice, and says so where it is made.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, TypeAlias

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._errors import (
    RefusedError,
    commit_empty,
    invalid_value,
    not_truncatable,
    session_expired,
    truncated_beyond_end,
    unknown_parameter,
)
from trio_realtime._core.simulator._frames import ClientFrame, check_frame, frame_from_data
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._items import (
    audio_from_text,
    entry_from_item,
    item_with_audio,
)
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of
from trio_realtime._core.simulator._manner import Manner
from trio_realtime._core.simulator._reply import Letters, Reply, tokens_of
from trio_realtime._core.simulator._responder import Action
from trio_realtime._core.simulator._responses import Question, Responses
from trio_realtime._core.simulator._session import (
    RESPONSE_KEYS,
    check_tools,
    checked_format,
    detection_of,
    initial_session,
    updated_session,
)
from trio_realtime._core.simulator._transcript import transcription
from trio_realtime._core.simulator._vad import InputAudio, Spoken, Turn

COMMIT_MIN_MS: Final = 100
"""The least audio that can be committed."""

CLOSE_EXPIRED: Final = 1001


_RATE_LIMIT: Final[Object] = {
    "name": "tokens",
    "limit": 40_000,
    "remaining": 39_000,
    "reset_seconds": 1.5,
}

_Job: TypeAlias = tuple[float, int, Iterator[float]]


class Simulation:
    """The state machine of one session. Whoever owns it calls it, and sends what is in `outbox`."""

    def __init__(
        self,
        handshake: ClientHandshake,
        manner: Manner,
        letters: Letters,
        *,
        now: float,
        unix_time: float,
    ) -> None:
        self._handshake = handshake
        self._manner = manner
        self._letters = letters
        self._now = now
        self._order = count()
        self._jobs: list[_Job] = []
        self.session: Object = initial_session(
            handshake.kind,
            id=self._id("sess_"),
            model=handshake.model,
            expires_at=int(unix_time + manner.session_seconds),
        )
        self.conversation: Conversation = Conversation(self._id("conv_"))
        self.outbox: deque[str | bytes] = deque()
        """Messages to be sent, in order."""
        self.closing: tuple[int, str] | None = None
        """The close code and reason, once the session is over and `outbox` was sent."""
        self._input = InputAudio()
        self._turn_item_id: str | None = None
        self._responses = Responses(self._response_ended)
        self._deferred: deque[ClientFrame] = deque()
        self._owes_response = False
        self._refusals: dict[str, deque[RefusedError]] = {}
        self._handlers: Mapping[str, Callable[[ClientFrame], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append_audio,
            "input_audio_buffer.commit": self._commit_audio,
            "input_audio_buffer.clear": self._clear_audio,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.truncate": self._truncate_item,
            "conversation.item.delete": self._delete_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
            "output_audio_buffer.clear": self._clear_output,
        }

    @property
    def due(self) -> float | None:
        """When something happens by itself next; None if nothing will."""
        return self._jobs[0][0] if self._jobs else None

    def tick(self, now: float) -> None:
        """Do the one thing that is due longest, if one is."""
        self._now = now
        if self._jobs and self._jobs[0][0] <= now:
            due, _, job = heapq.heappop(self._jobs)
            if (delay := next(job, None)) is not None:
                self._later(due + delay, job)

    def _later(self, due: float, job: Iterator[float]) -> None:
        heapq.heappush(self._jobs, (due, next(self._order), job))

    def open(self) -> None:
        """Greet the client, or refuse it."""
        refusal = self._handshake.refusal(self._manner.api_key)
        if refusal is not None:
            error, code = refusal
            self._end(error, code, error.close_reason)
            return
        # Sideband: the session was created with the call.
        if not self._manner.omit_session_created and not self._handshake.is_sideband:
            self.emit("session.created", {"session": self.session})
        self._later(self._now + self._manner.session_seconds, self._expiry())

    def expire(self) -> None:
        """End the session, as if its time were up."""
        error = session_expired(round(self._manner.session_seconds / 60))
        self._end(error, CLOSE_EXPIRED, error.message)

    def _expiry(self) -> Iterator[float]:
        self.expire()
        yield from ()

    def _end(self, error: RefusedError, code: int, reason: str) -> None:
        self.emit("error", {"error": error.payload(None)})
        self.closing = (code, reason)
        self._jobs.clear()

    def emit(self, type: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: A002
        """Send a server event."""
        frame = {"type": type, "event_id": self._id("event_"), **fields}
        # Written at once: items change while they stream.
        self.outbox.append(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    def _id(self, prefix: str) -> str:
        return prefix + self._letters(21)

    def receive(self, data: str | bytes, now: float) -> ClientFrame | None:
        """Take a message of the client's. Returns it as JSON, or None if it is none.

        Nothing is answered once the session is over.
        """
        self._now = now
        try:
            frame = frame_from_data(data)
        except RefusedError as error:
            self._refuse(error, None)
            return None
        # A server that is answering acknowledges new items only after `response.done`, and
        # whatever names such an item has to wait behind it.
        if self._responses.active is not None and self._is_deferred(frame):
            self._deferred.append(frame)
        elif self.closing is None:
            self._guarded(frame)
        return frame

    def _guarded(self, frame: ClientFrame) -> None:
        try:
            check_frame(frame)
            self._refuse_if_told(frame.type)
            self._handlers[frame.type](frame)
        except RefusedError as error:
            self._refuse(error, frame.get("event_id"))

    def _is_deferred(self, frame: ClientFrame) -> bool:
        if frame.type == "conversation.item.create":
            return True
        item_id = frame.get("item_id")
        return item_id is not None and any(
            at(waiting, "item", "id") == item_id for waiting in self._deferred
        )

    def _refuse(self, error: RefusedError, event_id: JsonValue) -> None:
        self.emit("error", {"error": error.payload(event_id)})

    def refuse_next(self, type: str, error: RefusedError) -> None:  # noqa: A002 - the wire's name
        """Refuse the next client event of this type."""
        self._refusals.setdefault(type, deque()).append(error)

    def _refuse_if_told(self, type: str) -> None:  # noqa: A002 - the wire's name
        if waiting := self._refusals.get(type):
            raise waiting.popleft()

    def _update_session(self, frame: ClientFrame) -> None:
        self.session = updated_session(
            self.session,
            object_of(frame["session"]),
            voice_is_locked=self.conversation.has_assistant_audio,
        )
        self._input.use_format(text_of(at(self.session, "audio", "input", "format", "type")))
        self.emit("session.updated", {"session": self.session})

    def _create_item(self, frame: ClientFrame) -> None:
        entry = self._entry(object_of(frame["item"]))
        if self._manner.rewrite_item_ids:
            entry.item["id"] = self._id("item_")
        previous = frame.get("previous_item_id")
        self._add(entry, None if previous is None else text_of(previous))

    def _entry(self, item: Object) -> Entry:
        call_id = f"call_{self._letters(16)}"
        return entry_from_item(
            item, new_id=self._id("item_"), new_call_id=call_id, format=self._input.format
        )

    def _add(self, entry: Entry, previous_item_id: str | None = None) -> None:
        before = self.conversation.add(entry, previous_item_id)
        fields: Object = {"previous_item_id": before, "item": entry.item}
        self.emit("conversation.item.added", fields)
        self.emit("conversation.item.done", fields)

    def _delete_item(self, frame: ClientFrame) -> None:
        self.conversation.remove(text_of(frame["item_id"]))
        self.emit("conversation.item.deleted", {"item_id": frame["item_id"]})

    def _retrieve_item(self, frame: ClientFrame) -> None:
        entry = self.conversation.find(text_of(frame["item_id"]), "retrieve")
        self.emit("conversation.item.retrieved", {"item": item_with_audio(entry)})

    def _truncate_item(self, frame: ClientFrame) -> None:
        entry = self.conversation.find(text_of(frame["item_id"]), "truncate")
        has_ms, asked_ms = entry.audio_ms, frame["audio_end_ms"]
        assert isinstance(asked_ms, int)
        if has_ms is None or frame["content_index"] != 0:
            raise not_truncatable()
        if not 0 <= asked_ms <= has_ms:
            raise truncated_beyond_end(has_ms, asked_ms)
        entry.audio_ms = asked_ms
        # What the user did not hear is not in the text either: the whole transcript goes.
        for part in objects_of(entry.item.get("content")):
            part["transcript"] = None
        self.emit(
            "conversation.item.truncated",
            {name: frame[name] for name in ("item_id", "content_index", "audio_end_ms")},
        )

    def _append_audio(self, frame: ClientFrame) -> None:
        audio = audio_from_text(frame["audio"], "audio")
        for turn in self._input.append(audio, detection_of(self.session)):
            if turn.kind == "started":
                self._turn_started(turn)
            else:
                self._turn_stopped(turn.at_ms)

    def _commit_audio(self, frame: ClientFrame) -> None:
        milliseconds = self._input.uncommitted_ms
        if milliseconds < COMMIT_MIN_MS:
            raise commit_empty(milliseconds)
        self._committed(self._input.commit())

    def _clear_audio(self, frame: ClientFrame) -> None:
        self._input.clear()
        self._turn_item_id = None
        self.emit("input_audio_buffer.cleared", {})

    def _clear_output(self, frame: ClientFrame) -> None:
        # Over WebSocket the client plays the audio, so nothing is in a buffer here. That it is
        # answered all the same is our choice.
        self.emit("output_audio_buffer.cleared", {"response_id": self._responses.last_id or ""})

    def speech_started(self) -> None:
        """Let somebody begin to speak, whatever the audio says.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        if self._input.speaking:
            raise RuntimeError("somebody is speaking: call speech_stopped() before")
        self._turn_started(self._input.begin())

    def speech_stopped(self) -> None:
        """Let whoever speaks stop.

        Raises:
            RuntimeError: if nobody speaks.
        """
        if not self._input.speaking:
            raise RuntimeError("nobody is speaking: call speech_started() before")
        self._turn_stopped(self._input.position_ms)

    def _turn_started(self, turn: Turn) -> None:
        self._turn_item_id = self._id("item_")
        self.emit(
            "input_audio_buffer.speech_started",
            {"audio_start_ms": turn.at_ms, "item_id": self._turn_item_id},
        )
        if self._responses.active is not None and self._turn_setting("interrupt_response"):
            self._responses.cancel(None, "turn_detected")

    def _turn_stopped(self, at_ms: int) -> None:
        self.emit(
            "input_audio_buffer.speech_stopped",
            {"audio_end_ms": at_ms, "item_id": self._turn_item_id},
        )
        self._committed(self._input.stop())
        if self._turn_setting("create_response") and self.session["type"] == "realtime":
            if self._responses.active is None:
                self._ask({}, None)
            else:
                # Our choice: the turn is answered after the response it did not interrupt.
                self._owes_response = True

    def _turn_setting(self, name: str) -> bool:
        return at(self.session, "audio", "input", "turn_detection", name) is True

    def _committed(self, spoken: Spoken) -> None:
        item_id, self._turn_item_id = self._turn_item_id or self._id("item_"), None
        entry = Entry(
            {
                "id": item_id,
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_audio", "transcript": None}],
            },
            audio=spoken.audio,
            speech_ms=spoken.speech_ms,
            format=self._input.format,
        )
        self.emit(
            "input_audio_buffer.committed",
            {"previous_item_id": self.conversation.last_id, "item_id": item_id},
        )
        self._add(entry)
        asked = at(self.session, "audio", "input", "transcription")
        if isinstance(asked, dict):
            job = transcription(entry, text_of(asked.get("model")), self.emit, self._letters)
            self._later(self._now, job)

    def _create_response(self, frame: ClientFrame) -> None:
        if self.session["type"] != "realtime":
            raise invalid_value("type", frame["type"], ("session.update",))
        create = object_of(frame.get("response"))
        for name in create:
            if name not in RESPONSE_KEYS:
                raise unknown_parameter(f"response.{name}")
        check_tools(create.get("tools"), "response.tools")
        checked_format(at(create, "audio", "output", "format"), "response.audio.output.format")
        if create.get("conversation") != "none":
            self._responses.check_free()
        self._ask(create, frame.get("event_id"))

    def _ask(self, create: Object, event_id: JsonValue) -> None:
        default = create.get("conversation") != "none"
        context = self._context(create)
        reply = Reply(
            id=self._id("resp_"),
            create=create,
            session=self.session,
            conversation=self.conversation if default else None,
            emit=self.emit,
            letters=self._letters,
            pace=self._manner.pace,
            input_tokens=tokens_of(self.session, context),
        )
        tools, choice = (
            self.session[name] if create.get(name) is None else create[name]
            for name in ("tools", "tool_choice")
        )
        self._responses.add(Question(reply, event_id, context, objects_of(tools), choice))

    def _context(self, create: Object) -> list[Entry]:
        """What the model sees: the conversation, or the input that takes its place."""
        given = create.get("input")
        if given is None:
            return list(self.conversation)
        context: list[Entry] = []
        for item in objects_of(given):
            if item.get("type") == "item_reference":
                context.append(self.conversation.find(text_of(item.get("id")), "retrieve"))
            else:
                context.append(self._entry(item))
        return context

    @property
    def questions(self) -> deque[Question]:
        """Responses that wait for `answer`, in order."""
        return self._responses.questions

    def begin(self, question: Question) -> None:
        """Announce a response whose answer takes time."""
        self._responses.begin(question)

    def answer(self, question: Question, plan: Sequence[Action], now: float) -> None:
        """Tell a response what to say."""
        self._now = now
        answered = self._responses.answer(question, plan)
        if isinstance(answered, RefusedError):
            self._refuse(answered, question.event_id)
        elif answered is not None:
            self._later(now, answered)

    def _cancel_response(self, frame: ClientFrame) -> None:
        asked = frame.get("response_id")
        self._responses.cancel(None if asked is None else text_of(asked), "client_cancelled")

    def _response_ended(self, reply: Reply) -> None:
        if self._manner.rate_limits and reply.begun:
            self.emit("rate_limits.updated", {"rate_limits": [dict(_RATE_LIMIT)]})
        if self._responses.active is None:
            while self._deferred:
                frame = self._deferred.popleft()
                self._guarded(frame)
            if self._owes_response:
                self._owes_response = False
                self._ask({}, None)

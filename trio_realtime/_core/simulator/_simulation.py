"""One session of the simulated server, without I/O: each client event goes to the part it is for.

Whoever owns a simulation tells it what arrives and what the time is, and sends what is in its
`outbox`. This module does not know what the events mean, only which of them have to wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation
from trio_realtime._core.simulator._errors import RefusedError, session_expired
from trio_realtime._core.simulator._frames import ClientFrame, check_frame, frame_from_data
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._manner import Manner
from trio_realtime._core.simulator._responder import Action
from trio_realtime._core.simulator._responses import Question, Responses
from trio_realtime._core.simulator._secrets import Secret
from trio_realtime._core.simulator._session import initial_session, updated_session
from trio_realtime._core.simulator._stage import Letters, Stage
from trio_realtime._core.simulator._turns import Turns

CLOSE_EXPIRED: Final = 1001


@final
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
        secret: Secret | None = None,
    ) -> None:
        stage = Stage(manner, letters, now=now)
        session_id = stage.id("sess_")
        expires_at = int(unix_time + manner.session_seconds)
        if secret is None:
            stage.session = initial_session(
                handshake.kind, id=session_id, model=handshake.model, expires_at=expires_at
            )
        else:
            # What the backend chose for the key comes before the URL; our choice.
            stage.session = secret.session(session_id, expires_at)
        stage.conversation = Conversation(stage.id("conv_"))
        self._stage = stage
        self._handshake = handshake
        self._secret = secret
        self._history = History(stage)
        self._responses = Responses(stage, self._history, self._catch_up)
        self.turns: Turns = Turns(stage, self._history, self._responses)
        """What the user says, for whoever drives it."""
        self._use_format()
        self._deferred: deque[ClientFrame] = deque()
        self._refusals: dict[str, deque[RefusedError]] = {}
        self._handlers: Mapping[str, Callable[[ClientFrame], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self.turns.append,
            "input_audio_buffer.commit": self.turns.commit,
            "input_audio_buffer.clear": self.turns.clear,
            "conversation.item.create": self._history.create,
            "conversation.item.retrieve": self._history.retrieve,
            "conversation.item.truncate": self._history.truncate,
            "conversation.item.delete": self._history.delete,
            "response.create": self._responses.create,
            "response.cancel": self._responses.cancel_asked,
            "output_audio_buffer.clear": self._responses.clear_output,
        }

    @property
    def session(self) -> Object:
        """The effective session."""
        return self._stage.session

    @property
    def conversation(self) -> Conversation:
        """The default conversation."""
        return self._stage.conversation

    @property
    def outbox(self) -> deque[str | bytes]:
        """Messages to be sent, in order."""
        return self._stage.outbox

    @property
    def closing(self) -> tuple[int, str] | None:
        """The close code and reason, once the session is over and `outbox` was sent."""
        return self._stage.closing

    def close(self, code: int, reason: str) -> None:
        """End the session with a CLOSE, after what is in `outbox`."""
        self._stage.closing = (code, reason)

    @property
    def due(self) -> float | None:
        """When something happens by itself next; None if nothing will."""
        return self._stage.due

    def tick(self, now: float) -> None:
        """Do the one thing that is due longest, if one is."""
        self._stage.tick(now)

    def open(self) -> None:
        """Greet the client, or refuse it."""
        stage, manner = self._stage, self._stage.manner
        refusal = self._handshake.refusal(manner.api_key, self._secret, stage.now)
        if refusal is not None:
            error, code = refusal
            stage.end(error, code, error.close_reason)
            return
        # Sideband: the session was created with the call.
        if not manner.omit_session_created and not self._handshake.is_sideband:
            self.emit("session.created", {"session": stage.session})
        stage.later(manner.session_seconds, self._expiry())

    def expire(self) -> None:
        """End the session, as if its time were up."""
        error = session_expired(round(self._stage.manner.session_seconds / 60))
        self._stage.end(error, CLOSE_EXPIRED, error.message)

    def _expiry(self) -> Iterator[float]:
        self.expire()
        yield from ()

    def emit(self, type: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: A002
        """Send a server event."""
        self._stage.emit(type, fields)

    def receive(self, data: str | bytes, now: float) -> ClientFrame | None:
        """Take a message of the client's. Returns it as JSON, or None if it is none.

        Nothing is answered once the session is over.
        """
        self._stage.now = now
        try:
            frame = frame_from_data(data)
        except RefusedError as error:
            self._stage.refuse(error, None)
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
            self._stage.refuse(error, frame.get("event_id"))

    def _is_deferred(self, frame: ClientFrame) -> bool:
        if frame.type == "conversation.item.create":
            return True
        item_id = frame.get("item_id")
        return item_id is not None and any(
            at(waiting, "item", "id") == item_id for waiting in self._deferred
        )

    def _catch_up(self) -> None:
        """Answer what had to wait: no response is active any more."""
        while self._deferred:
            self._guarded(self._deferred.popleft())

    def refuse_next(self, type: str, error: RefusedError) -> None:  # noqa: A002 - the wire's name
        """Refuse the next client event of this type."""
        self._refusals.setdefault(type, deque()).append(error)

    def _refuse_if_told(self, type: str) -> None:  # noqa: A002 - the wire's name
        if waiting := self._refusals.get(type):
            raise waiting.popleft()

    def _update_session(self, frame: ClientFrame) -> None:
        stage = self._stage
        stage.session = updated_session(
            stage.session,
            object_of(frame["session"]),
            voice_is_locked=stage.conversation.has_assistant_audio,
        )
        self._use_format()
        self.emit("session.updated", {"session": stage.session})

    def _use_format(self) -> None:
        audio = at(self._stage.session, "audio", "input", "format", "type")
        self.turns.use_format(text_of(audio))

    def speech_started(self) -> None:
        """Let somebody begin to speak, whatever the audio says.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        self.turns.speech_started()

    def speech_stopped(self) -> None:
        """Let whoever speaks stop.

        Raises:
            RuntimeError: if nobody speaks.
        """
        self.turns.speech_stopped()

    @property
    def questions(self) -> deque[Question]:
        """Responses that wait for `answer`, in order."""
        return self._responses.questions

    def begin(self, question: Question) -> None:
        """Announce a response whose answer takes time."""
        self._responses.begin(question)

    def answer(self, question: Question, plan: Sequence[Action], now: float) -> None:
        """Tell a response what to say."""
        self._stage.now = now
        self._responses.answer(question, plan)

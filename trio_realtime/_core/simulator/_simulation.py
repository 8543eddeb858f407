"""One session of the simulated server, without I/O: each client event goes to the part it is for.

Whoever owns a simulation tells it what arrives and what the time is, and sends what is in its
`outbox`. This module does not know what the events mean, only which of them have to wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._beta import BETA_PARAMETERS, Beta, flat_refusal
from trio_realtime._core.simulator._conversation import Conversation
from trio_realtime._core.simulator._errors import RefusedError, session_expired, too_many_waiting
from trio_realtime._core.simulator._frames import (
    PARAMETERS,
    ClientFrame,
    Parameters,
    check_frame,
    frame_from_data,
)
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._manner import Manner
from trio_realtime._core.simulator._mcp import check_servers
from trio_realtime._core.simulator._playback import Playback
from trio_realtime._core.simulator._responder import Action
from trio_realtime._core.simulator._responses import Question, Responses
from trio_realtime._core.simulator._secrets import Secret
from trio_realtime._core.simulator._session import initial_session, updated_session
from trio_realtime._core.simulator._stage import Letters, Stage
from trio_realtime._core.simulator._turns import Turns

CLOSE_EXPIRED: Final = 1001

DEFERRED_MAX: Final = 1024
DEFERRED_BYTES_MAX: Final = 16 * 2**20
"""How many client events wait for the end of a response, and their bytes. Our choice; that they
wait is recorded."""

_COMMIT: Final = "input_audio_buffer.commit"


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
        self._known: Parameters = PARAMETERS
        session_id = stage.id("sess_")
        expires_at = int(unix_time + manner.session_seconds)
        if secret is None:
            stage.session = initial_session(
                handshake.kind, id=session_id, model=handshake.model, expires_at=expires_at
            )
        else:
            # What the backend chose for the key comes before the URL; our choice.
            stage.session = secret.session(session_id, expires_at)
        if handshake.beta is not None:
            stage.beta = Beta(handshake.beta, text_of(stage.session["type"]))
            self._known = BETA_PARAMETERS
        stage.conversation = Conversation(stage.id("conv_"))
        self._stage = stage
        self._handshake = handshake
        self._unix_time = unix_time
        self._began = now
        self._secret = secret
        self._history = History(stage)
        # Who attaches to a call controls it; its audio is played by the server, elsewhere.
        playback = Playback(stage) if handshake.is_sideband else None
        self._responses = Responses(stage, self._history, self._catch_up, playback)
        self.turns: Turns = Turns(stage, self._history, self._responses)
        """What the user says, for whoever drives it."""
        self.turns.session_updated()
        self._deferred: deque[tuple[ClientFrame, int]] = deque()
        self._deferred_bytes = 0
        self._behind_commit: deque[tuple[ClientFrame, int]] = deque()
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
        """The effective session, as the client is shown it."""
        stage = self._stage
        return stage.session if stage.beta is None else stage.beta.session(stage.session)

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
        """End the session with a CLOSE, after what is in `outbox`; the first reason counts."""
        self._stage.close(code, reason)

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
        refusal = self._handshake.refusal(
            manner.api_key, self._secret, stage.now, models=manner.models, beta=manner.beta
        )
        if refusal is not None:
            error, code = refusal
            stage.end(error, code, error.close_reason)
            return
        # Sideband: the session was created with the call.
        if not manner.omit_session_created and not self._handshake.is_sideband:
            stage.emit("session.created", {"session": stage.session})
        self._responses.mcp.attach(stage.session.get("tools"))
        stage.later(manner.session_seconds, self._expiry())

    def read_clock(self, now: float) -> None:
        """Take a reading of the clock, before something is driven."""
        self._stage.now = now

    def fail(self, error: RefusedError, code: int) -> None:
        """End the session with an error, and a CLOSE whose reason names it."""
        self._stage.end(error, code, error.close_reason)

    def press(self, key: str) -> None:
        """Tell of a key that was pressed on a telephone. This event alone has no `event_id`."""
        received_at = int(self._unix_time + self._stage.now - self._began)
        self._stage.send(
            {
                "type": "input_audio_buffer.dtmf_event_received",
                "event": key,
                "received_at": received_at,
            }
        )

    def expire(self) -> None:
        """End the session, as if its time were up."""
        error = session_expired(round(self._stage.manner.session_seconds / 60))
        self._stage.end(error, CLOSE_EXPIRED, error.message)

    def _expiry(self) -> Iterator[float]:
        self.expire()
        yield from ()

    def emit(self, type: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: A002
        """Send any server event: what the dialect is makes no difference."""
        self._stage.push(type, fields)

    def send_raw(self, data: str | bytes) -> None:
        """Send any message as it is."""
        self._stage.send_raw(data)

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
        if self._behind_commit:
            self._behind_commit.append((frame, len(data)))
        elif frame.type == _COMMIT and self._stage.manner.commit_seconds:
            self._behind_commit.append((frame, len(data)))
            self._stage.later(self._stage.manner.commit_seconds, self._work_off())
        else:
            self._take(frame, len(data))
        return frame

    def _work_off(self) -> Iterator[float]:
        """Take the commit that took its time, and what came behind it."""
        while self._behind_commit:
            self._take(*self._behind_commit.popleft())
            if self._behind_commit and self._behind_commit[0][0].type == _COMMIT:
                yield self._stage.manner.commit_seconds

    def _take(self, frame: ClientFrame, size: int) -> None:
        # A server that is answering acknowledges new items only after `response.done`, and
        # whatever names such an item has to wait behind it.
        if self._responses.active is not None and self._is_deferred(frame):
            self._defer(frame, size)
        elif self.closing is None:
            self._guarded(frame)

    def _defer(self, frame: ClientFrame, size: int) -> None:
        size += self._deferred_bytes
        if len(self._deferred) >= DEFERRED_MAX or size > DEFERRED_BYTES_MAX:
            self._stage.refuse(too_many_waiting(), frame.get("event_id"))
        else:
            self._deferred.append((frame, size - self._deferred_bytes))
            self._deferred_bytes = size

    def _guarded(self, frame: ClientFrame) -> None:
        try:
            check_frame(frame, self._known)
            self._refuse_if_told(frame.type)
            self._handle(frame)
        except RefusedError as error:
            self._stage.refuse(error, frame.get("event_id"))

    def _handle(self, frame: ClientFrame) -> None:
        beta = self._stage.beta
        if beta is None:
            self._handlers[frame.type](frame)
            return
        asked = beta.asked(frame)
        try:
            self._handlers[asked.type](asked)
        except RefusedError as error:
            raise flat_refusal(error) from error
        if asked.type == "response.create":
            beta.answering(self.questions[-1].reply.id)

    def _is_deferred(self, frame: ClientFrame) -> bool:
        if frame.type == "conversation.item.create":
            return True
        item_id = frame.get("item_id")
        return item_id is not None and any(
            at(waiting, "item", "id") == item_id for waiting, _ in self._deferred
        )

    def _catch_up(self, spoken_seconds: float | None) -> None:
        """Answer what had to wait: no response is active any more.

        Args:
            spoken_seconds: How long the audio is of the response that ended, if it was one of the
                default conversation.
        """
        while self._deferred:
            frame, size = self._deferred.popleft()
            self._deferred_bytes -= size
            self._guarded(frame)
        if spoken_seconds is not None:
            self.turns.idle.start(spoken_seconds)

    def refuse_next(self, type: str, error: RefusedError) -> None:  # noqa: A002 - the wire's name
        """Refuse the next client event of this type.

        Raises:
            ValueError: if there is no such type.
        """
        if type not in self._known:
            raise ValueError(f"there is no client event {type!r}; there are {tuple(self._known)}")
        self._refusals.setdefault(type, deque()).append(error)

    def _refuse_if_told(self, type: str) -> None:  # noqa: A002 - the wire's name
        if waiting := self._refusals.get(type):
            raise waiting.popleft()

    def _update_session(self, frame: ClientFrame) -> None:
        stage = self._stage
        update = object_of(frame["session"])
        updated = updated_session(
            stage.session,
            update,
            voice_is_locked=stage.conversation.has_assistant_audio,
            answering=self._responses.is_answering,
        )
        check_servers(update.get("tools"), "session.tools")
        stage.session = updated
        self.turns.session_updated()
        stage.emit("session.updated", {"session": stage.session})
        self._responses.mcp.attach(stage.session.get("tools"))

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

    def late_done(self, seconds: float, *, stays_active: bool = True, duplicates: int = 0) -> None:
        """Have the `response.done` of the active response, or of the next, come late.

        Args:
            seconds: How long after what comes before it.
            stays_active: Whether the response is in progress until then, so that it can still be
                cancelled and no other may begin. If not, only the event is late.
            duplicates: How often it comes once more.
        """
        self._responses.late_done(seconds, stays_active=stays_active, duplicates=duplicates)

    def rate_limits(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Set the token limit a minute, and what remains of it before the next response.

        Directly after its `response.done`, that one is followed by `rate_limits.updated`.
        """
        self._responses.rate_limits(limit, remaining)

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

"""One translation of the simulated server, without I/O: a session without turns.

What is said is translated as it comes, 200 ms at a time, until the client says that there is no
more. This module does not know how words are understood, nor who sends what is in `outbox`.

That a client is told nothing but errors once it has asked for the end, and that the server closes
behind `session.closed`, is our choice: the one session that was published ends with that event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation
from trio_realtime._core.simulator._errors import (
    RefusedError,
    audio_too_long,
    session_expired,
    session_is_ending,
)
from trio_realtime._core.simulator._frames import (
    TRANSLATION_PARAMETERS,
    ClientFrame,
    check_frame,
    frame_from_data,
)
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._interpreter import FRAME_MS, Interpreted, Interpreter
from trio_realtime._core.simulator._items import audio_from_text
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._manner import Manner
from trio_realtime._core.simulator._secrets import Secret
from trio_realtime._core.simulator._stage import Letters, Stage
from trio_realtime._core.simulator._translation_session import (
    initial_translation,
    updated_translation,
)
from trio_realtime._core.simulator._turns import APPEND_MAX
from trio_realtime.audio import PCM_RATE_HZ, base64_from_bytes

CLOSE_DONE: Final = 1000
CLOSE_EXPIRED: Final = 1001


@final
class Translation:
    """The state machine of one translation. Whoever owns it calls it as it calls a `Simulation`."""

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
        session_id, expires_at = stage.id("sess_"), int(unix_time + manner.session_seconds)
        if secret is None:
            stage.session = initial_translation(
                id=session_id, model=handshake.model, expires_at=expires_at
            )
        else:
            # What the backend chose for the key comes before the URL; our choice.
            stage.session = secret.session(session_id, expires_at)
        self._stage = stage
        self._handshake = handshake
        self._secret = secret
        self._interpreter = Interpreter()
        self._is_running = False
        self._is_ending = False
        self._is_driven = False
        self._has_spoken = False
        self._refusals: dict[str, deque[RefusedError]] = {}
        self._handlers: Mapping[str, Callable[[ClientFrame], None]] = {
            "session.update": self._update,
            "session.input_audio_buffer.append": self._append,
            "session.close": self._finish,
        }

    @property
    def session(self) -> Object:
        """The effective session."""
        return self._stage.session

    @property
    def conversation(self) -> Conversation:
        """A translation has none: it stays empty."""
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

    def read_clock(self, now: float) -> None:
        """Take a reading of the clock, before something is driven."""
        self._stage.now = now

    def open(self) -> None:
        """Greet the client, or refuse it."""
        stage, manner = self._stage, self._stage.manner
        refusal = self._handshake.refusal(
            manner.api_key, self._secret, stage.now, models=manner.models
        )
        if refusal is not None:
            error, code = refusal
            self.fail(error, code)
            return
        if not manner.omit_session_created:
            self.emit("session.created", {"session": stage.session})
        stage.later(manner.session_seconds, self._expiry())

    def fail(self, error: RefusedError, code: int) -> None:
        """End the session with an error, and a CLOSE whose reason names it."""
        self._stage.end(error, code, error.close_reason)

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

    def send_raw(self, data: str | bytes) -> None:
        """Send any message as it is."""
        self._stage.send_raw(data)

    def refuse_next(self, type: str, error: RefusedError) -> None:  # noqa: A002 - the wire's name
        """Refuse the next client event of this type.

        Raises:
            ValueError: if there is no such type.
        """
        if type not in self._handlers:
            known = tuple(self._handlers)
            raise ValueError(f"a translation has no client event {type!r}; there are {known}")
        self._refusals.setdefault(type, deque()).append(error)

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
        if self.closing is None:
            self._take(frame)
        return frame

    def _take(self, frame: ClientFrame) -> None:
        try:
            check_frame(frame, TRANSLATION_PARAMETERS)
            if waiting := self._refusals.get(frame.type):
                raise waiting.popleft()
            if self._is_ending:
                raise session_is_ending()
            self._handlers[frame.type](frame)
        except RefusedError as error:
            self._stage.refuse(error, frame.get("event_id"))

    def _update(self, frame: ClientFrame) -> None:
        stage = self._stage
        stage.session = updated_translation(stage.session, object_of(frame["session"]))
        self.emit("session.updated", {"session": stage.session})

    def _append(self, frame: ClientFrame) -> None:
        audio = audio_from_text(frame["audio"], "audio")
        if len(audio) > APPEND_MAX:
            raise audio_too_long(len(audio), APPEND_MAX)
        self._interpreter.listen(audio)
        self._go_on()

    def hears(self, text: str, ms: float | None) -> None:
        """Let somebody say something, behind the audio that was sent, and then be silent.

        Until it is translated, that is: no more audio is needed for it.
        """
        if not self._is_ending:
            self._is_driven = True
            self._interpreter.hear(text, ms)
            self._go_on()

    def _finish(self, frame: ClientFrame) -> None:
        del frame
        self._is_ending = True
        self._interpreter.fill()
        self._go_on()

    def _go_on(self) -> None:
        if not self._is_running and self._has_work:
            self._is_running = True
            seconds = 0.0 if self._interpreter.is_done else self._frame_seconds
            self._stage.later(seconds, self._run())

    @property
    def _has_work(self) -> bool:
        return self._is_ending or self._interpreter.has_frame

    @property
    def _goes_on(self) -> bool:
        to_the_end = self._is_ending or self._is_driven
        return self._interpreter.has_frame or (to_the_end and not self._interpreter.is_done)

    @property
    def _frame_seconds(self) -> float:
        return FRAME_MS / 1000 / self._stage.manner.pace.audio_speed

    def _run(self) -> Iterator[float]:
        interpreter = self._interpreter
        while self._goes_on:
            self._tell(interpreter.interpret(self._translate))
            yield self._frame_seconds
        self._is_running = self._is_driven = False
        if self._is_ending:
            self.emit("session.closed", {})
            self.close(CLOSE_DONE, "")

    def _translate(self, text: str) -> str:
        language = text_of(at(self.session, "audio", "output", "language"))
        if not language:
            return text  # as it was said; our choice
        # What a test's function returns, whatever it is said to.
        translated = cast("object", self._stage.manner.translate(text, language))
        if not isinstance(translated, str):
            raise TypeError(f"translate= returns the translation, a text, not {translated!r}")
        return translated

    def _tell(self, frame: Interpreted) -> None:
        elapsed: Object = {"elapsed_ms": frame.elapsed_ms}
        if at(self.session, "audio", "input", "transcription") is not None:
            for word in frame.heard:
                self.emit("session.input_transcript.delta", {"delta": f" {word}", **elapsed})
        for word in frame.said:
            # A blank before each word but the first, as recorded; of the input before each.
            said = f" {word}" if self._has_spoken else word
            self._has_spoken = True
            self.emit("session.output_transcript.delta", {"delta": said, **elapsed})
        sound: Object = {
            "delta": base64_from_bytes(frame.audio),
            "sample_rate": PCM_RATE_HZ,
            "channels": 1,
            "format": "pcm16",
        }
        self.emit("session.output_audio.delta", {**sound, **elapsed})

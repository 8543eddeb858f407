"""What a test does to a session: speak, refuse, fail, expire.

This module does not know how frames travel, nor what they mean: the simulation in `_core` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import trio
from pydantic import JsonValue

from trio_realtime._core.simulator import RefusedError, Simulation

_TURN_MS_MAX: Final = 600_000
"""The longest turn of `hears`: ten minutes are 29 MB."""

_KEYS: Final = "0123456789*#ABCD"


class Drivers:
    """The part of a session that a test drives. Every driver acts at once, and waits for nothing.

    What it causes is sent as the connection allows. After the session was ended or the client has
    gone drivers do nothing, but wrong arguments are told all the same.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation: Simulation = simulation

    def _now(self) -> Simulation:
        self._simulation.read_clock(trio.current_time())
        return self._simulation

    def _settle(self) -> None:
        """Have what changed take effect."""

    def push(self, event: Mapping[str, JsonValue]) -> None:
        """Send any server event. It gets an `event_id` if it has none.

        ::

            session.push({"type": "response.from_the_future", "answer": 42})

        Raises:
            ValueError: if it has no `type`.
        """
        fields = dict(event)
        if "type" not in fields:
            raise ValueError("an event has a type: push({'type': ..., ...}); send_raw takes others")
        self._simulation.emit(str(fields.pop("type")), fields)
        self._settle()

    def send_raw(self, data: str | bytes) -> None:
        """Send any message: text, or bytes as a binary message. It goes out as it is."""
        self._simulation.send_raw(data)
        self._settle()

    def speech_started(self) -> None:
        """Let the user begin to speak, whatever the audio says.

        If the session says so, the model is interrupted.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        self._now().speech_started()
        self._settle()

    def speech_stopped(self) -> None:
        """Let the user stop: the turn is committed, and answered if the session says so.

        Raises:
            RuntimeError: if nobody speaks.
        """
        self._now().speech_stopped()
        self._settle()

    def hears(
        self, text: str, *, ms: float | None = None, transcribed_after: float | None = None
    ) -> None:
        """Let the user say something: a whole turn, from `speech_started` to the response.

        ::

            session.hears("What is the weather in Paris?")
            # Meanwhile, in the application: speech_started, ..., response.created.

        The server acts as it would for that speech: it interrupts the model, commits the turn,
        transcribes it as `text` and answers it, each if the session asks for it. The default
        responder answers what was said. Where voice detection is off the speech is put into the
        buffer, and it is the client that commits it.

        A model that streams (`gpt-realtime-whisper`, `gpt-live-transcribe`) writes the first half
        of the words before the turn is committed, and so before its item is there.

        Args:
            text: What the user says. Several, in one buffer, are joined by blanks.
            ms: How long it takes. By default 300 ms a word.
            transcribed_after: Seconds until its transcription goes on. Give an earlier turn more
                than a later one for transcriptions that come out of order.

        Raises:
            RuntimeError: if somebody speaks already.
            ValueError: if nothing is said, or it takes no time or more than ten minutes.
        """
        if not text.strip():
            raise ValueError("nothing is said: speech without words has speech_started()")
        if ms is not None and not 1 <= ms <= _TURN_MS_MAX:
            raise ValueError(f"ms must be between 1 and {_TURN_MS_MAX}; it is {ms!r}")
        _check_seconds("transcribed_after", transcribed_after)
        self._now().turns.hears(text, ms, transcribed_after)
        self._settle()

    def transcription_fails(
        self,
        code: str | None = None,
        message: str | None = None,
        *,
        type: str = "server_error",  # noqa: A002 - the wire's name
    ) -> None:
        """Have the transcription of the next turn fail; call it twice for two.

        ::

            session.transcription_fails("audio_unintelligible", type="transcription_error")
            session.hears("mumble")

        In place of `completed` comes `conversation.item.input_audio_transcription.failed`; the
        turn itself goes on. Turns that are not transcribed do not count.

        Args:
            code: The error's code. The real server's is often null.
            message: Its message; by default the real server's, which names the item.
            type: Its type.
        """
        failure = RefusedError(code, message or "", type=type)
        self._simulation.turns.transcription_fails(failure)

    def idle_timeout(self) -> None:
        """Let the session's idle timeout be over: the user has said nothing for too long.

        `input_audio_buffer.timeout_triggered` is sent, the silence is committed and the model
        answers it. By itself this happens `idle_timeout_ms` after a response has been played.

        Raises:
            RuntimeError: if the session has no server VAD, somebody speaks, or a response is
                active.
        """
        self._now().turns.idle_timeout()
        self._settle()

    def dtmf(self, key: str) -> None:
        """Let the user press a key of the telephone.

        ::

            session.dtmf("5")

        Args:
            key: One of the digits, `*`, `#`, and `A` to `D`.

        Raises:
            ValueError: if it is no such key.
        """
        if len(key) != 1 or key not in _KEYS:
            raise ValueError(f"a telephone has the keys {_KEYS}; it has no {key!r}")
        self._now().press(key)
        self._settle()

    def rate_limits(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Set the tokens a minute and what remains of them.

        The next response tells it: `rate_limits.updated` comes directly after its
        `response.done`, the only place where the real server has been seen to send it.

        ::

            session.rate_limits(limit=40_000, remaining=0)

        Args:
            limit: Tokens a minute; by default as before, at first 40,000.
            remaining: What remains of them; by default as before.

        Raises:
            ValueError: if one is negative.
        """
        for name, value in (("limit", limit), ("remaining", remaining)):
            if value is not None and value < 0:
                raise ValueError(f"{name} cannot be negative; it is {value!r}")
        self._now().rate_limits(limit=limit, remaining=remaining)

    def late_done(
        self, seconds: float = 1.0, *, stays_active: bool = True, duplicates: int = 0
    ) -> None:
        """Have the `response.done` of the active response come late, or else of the next one.

        ::

            session.late_done(5.0)  # the client's cancel_timeout, or longer

        Args:
            seconds: How much later it comes than what is before it.
            stays_active: Whether the response is in progress until then: it can be cancelled, and
                no other can begin. If not, only the event is late.
            duplicates: How often it comes once more.

        Raises:
            ValueError: if a number is negative.
        """
        _check_seconds("seconds", seconds)
        if duplicates < 0:
            raise ValueError(f"duplicates cannot be negative; it is {duplicates!r}")
        self._now().late_done(seconds, stays_active=stays_active, duplicates=duplicates)
        self._settle()

    def refuse_next(
        self,
        type: str,  # noqa: A002 - the wire's name
        code: str | None,
        message: str = "The request was refused.",
        *,
        param: str | None = None,
        error_type: str = "invalid_request_error",
    ) -> None:
        """Refuse the next client event of this type with an `error` event; call it twice for two.

        ::

            session.refuse_next("response.create", "rate_limit_exceeded", "Slow down.")

        Args:
            type: The client event's type.
            code: The error's code.
            message: Its message.
            param: The parameter it blames.
            error_type: Its type.

        Raises:
            ValueError: if there is no such client event.
        """
        error = RefusedError(code, message, param=param, type=error_type)
        self._simulation.refuse_next(type, error)

    def fail(
        self,
        code: str,
        message: str = "The session has ended.",
        *,
        close_code: int = 4000,
        error_type: str = "invalid_request_error",
    ) -> None:
        """End the session with an `error`, then CLOSE, as the real server does for what is fatal.

        ::

            session.fail("credit_balance_exhausted", "You have no credits remaining.")

        The reason of the CLOSE is type and code, as recorded: `invalid_request_error.CODE`.

        Args:
            code: The error's code.
            message: Its message.
            close_code: The close code: 3000 for keys, 4000 for all else that is recorded.
            error_type: The error's type.
        """
        self._now().fail(RefusedError(code, message, type=error_type), close_code)
        self._settle()

    def expire(self) -> None:
        """End the session as if its 60 minutes were over: an error, then close 1001."""
        self._now().expire()
        self._settle()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket, after what waits to be sent. A response that streams ends there."""
        self._simulation.close(code, reason)
        self._settle()


def _check_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be a number of seconds, 0 or more; it is {seconds!r}")

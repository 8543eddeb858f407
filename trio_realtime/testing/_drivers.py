"""What a test does to a session: speak, refuse, fail, expire.

This module does not know how frames travel, nor what they mean: the simulation in `_core` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Final

import trio
from pydantic import JsonValue

from trio_realtime._core.simulator import RefusedError, Simulation, Translation

_TURN_MS_MAX: Final = 600_000
"""The longest turn of `hears`: ten minutes are 29 MB."""

_KEYS: Final = "0123456789*#ABCD"

_NEVER_SENT: Final = (1005, 1006, 1015)
_REASON_MAX: Final = 123
"""What RFC 6455 allows in a CLOSE."""


class Drivers:
    """The part of a session that a test drives. Every driver acts at once, and waits for nothing.

    What it causes is sent as the connection allows. After the session was ended or the client has
    gone drivers do nothing, but wrong arguments are told all the same.
    """

    def __init__(self, simulation: Simulation | Translation) -> None:
        self._simulation: Simulation | Translation = simulation

    def _do(self, act: Callable[[Simulation | Translation], None]) -> None:
        """Do something now, unless the session is over."""
        if self._simulation.closing is None:
            self._simulation.read_clock(trio.current_time())
            act(self._simulation)
            self._settle()

    def _converse(self, act: Callable[[Simulation], None]) -> None:
        """Do something now that takes a conversation."""
        simulation = self._in_conversation()
        self._do(lambda _: act(simulation))

    def _in_conversation(self) -> Simulation:
        if isinstance(self._simulation, Simulation):
            return self._simulation
        raise RuntimeError(
            "a translation has no turns and no responses: of what drives speech it has hears()"
        )

    def _settle(self) -> None:
        """Have what changed take effect."""

    def push(self, event: Mapping[str, JsonValue]) -> None:
        """Send any server event. It gets an `event_id` if it has none.

        ::

            session.push({"type": "response.from_the_future", "answer": 42})

        Raises:
            ValueError: if it has no `type`, or is no JSON.
        """
        fields = dict(event)
        kind = fields.pop("type", None)
        if not isinstance(kind, str) or not kind:
            raise ValueError("an event has a type: push({'type': ..., ...}); send_raw takes others")
        try:
            json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"an event is JSON: {error}; send_raw takes anything") from error
        self._do(lambda simulation: simulation.emit(kind, fields))

    def send_raw(self, data: str | bytes) -> None:
        """Send any message: text, or bytes as a binary message. It goes out as it is.

        Raises:
            TypeError: if it is neither.
            ValueError: if the text has no UTF-8, for it holds half of a surrogate pair.
        """
        # Told here and now: where it is sent, it would end the server's block.
        if isinstance(data, str):
            data.encode()
        else:
            data = bytes(memoryview(data))
        self._do(lambda simulation: simulation.send_raw(data))

    def speech_started(self) -> None:
        """Let the user begin to speak, whatever the audio says.

        If the session says so, the model is interrupted.

        Raises:
            RuntimeError: if somebody speaks already, or in a translation.
        """
        self._converse(Simulation.speech_started)

    def speech_stopped(self) -> None:
        """Let the user stop: the turn is committed, and answered if the session says so.

        Raises:
            RuntimeError: if nobody speaks, or in a translation.
        """
        self._converse(Simulation.speech_stopped)

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

        A translation has no turns: there it is as if the client had sent that speech, behind the
        audio that it has sent, and silence until it is translated.

        Args:
            text: What the user says. Several, in one buffer, are joined by blanks.
            ms: How long it takes. By default 300 ms a word.
            transcribed_after: Seconds until its transcription goes on. Give an earlier turn more
                than a later one for transcriptions that come out of order. A translation has no
                use for it.

        Raises:
            RuntimeError: if somebody speaks already.
            ValueError: if nothing is said, or it takes no time or more than ten minutes.
        """
        if not text.strip():
            raise ValueError("nothing is said: speech without words has speech_started()")
        if ms is not None and not 1 <= ms <= _TURN_MS_MAX:
            raise ValueError(f"ms must be between 1 and {_TURN_MS_MAX}; it is {ms!r}")
        _check_seconds("transcribed_after", transcribed_after)
        if isinstance(translation := self._simulation, Translation):
            self._do(lambda _: translation.hears(text, ms))
        else:
            self._converse(lambda simulation: simulation.turns.hears(text, ms, transcribed_after))

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
        self._in_conversation().turns.transcription_fails(failure)

    def idle_timeout(self) -> None:
        """Let the session's idle timeout be over: the user has said nothing for too long.

        `input_audio_buffer.timeout_triggered` is sent, the silence is committed and the model
        answers it. By itself this happens `idle_timeout_ms` after a response has been played.

        Raises:
            RuntimeError: if the session has no server VAD, somebody speaks, or a response is
                active.
        """
        self._converse(lambda simulation: simulation.turns.idle_timeout())

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
        self._converse(lambda simulation: simulation.press(key))

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
        self._converse(lambda simulation: simulation.rate_limits(limit=limit, remaining=remaining))

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
        self._converse(
            lambda simulation: simulation.late_done(
                seconds, stays_active=stays_active, duplicates=duplicates
            )
        )

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

        Raises:
            ValueError: if that is no close code, or the reason has more than 123 bytes.
        """
        error = RefusedError(code, message, type=error_type)
        _check_close(close_code, error.close_reason)
        self._do(lambda simulation: simulation.fail(error, close_code))

    def expire(self) -> None:
        """End the session as if its 60 minutes were over: an error, then close 1001."""
        self._do(lambda simulation: simulation.expire())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket, after what waits to be sent. A response that streams ends there.

        Raises:
            ValueError: if that is no close code, or the reason has more than 123 bytes.
        """
        _check_close(code, reason)
        self._do(lambda simulation: simulation.close(code, reason))


def _check_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be a number of seconds, 0 or more; it is {seconds!r}")


def _check_close(code: int, reason: str) -> None:
    if not 1000 <= code <= 4999 or code in _NEVER_SENT:
        raise ValueError(
            f"no CLOSE can have the code {code!r}: it is 1000 to 4999, and not 1005, 1006 or 1015, "
            "which stand for its absence; drop() sends none"
        )
    if len(reason.encode()) > _REASON_MAX:
        raise ValueError(f"the reason of a CLOSE has at most {_REASON_MAX} bytes")

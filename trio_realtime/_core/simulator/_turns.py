"""What the user says: the input audio buffer, turns, and their transcription.

A turn goes `speech_started`, `speech_stopped`, `committed`, item, response, as recorded. A client
that commits while voice detection hears speech takes what was said so far, under the id that
`speech_started` announced; the turn goes on under another, which `speech_stopped` tells. That is
how we read the specification ("unless the client manually commits the audio buffer during VAD
activation"); no recording shows it. That clearing the buffer, or switching detection off, ends a
turn without a `speech_stopped` is our choice. This module does not know how speech is detected,
nor how a turn is answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import RefusedError, audio_too_long, commit_empty
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._idle import IdleTimeout
from trio_realtime._core.simulator._items import audio_from_text
from trio_realtime._core.simulator._json import at, text_of
from trio_realtime._core.simulator._session import detection_of
from trio_realtime._core.simulator._stage import Stage
from trio_realtime._core.simulator._transcript import Transcription, wanted_of
from trio_realtime._core.simulator._vad import InputAudio, Spoken, Turn
from trio_realtime._core.simulator._voice import WORD_MS, bytes_per_ms, speech

COMMIT_MIN_MS: Final = 100
"""The least audio that can be committed."""

APPEND_MAX: Final = 15 * 2**20
"""The most audio of one append, decoded; which of the two is measured is not specified."""


class Answering(Protocol):
    """Who answers turns."""

    @property
    def is_answering(self) -> bool:
        """Whether a response of the default conversation is active."""
        ...

    def interrupt(self) -> None:
        """Cut the model short, if it speaks: the user does."""

    def answer_turn(self) -> None:
        """Begin a response to the turn that ended, as soon as none is active."""


@final
class Turns:
    """The input side of one session."""

    def __init__(self, stage: Stage, history: History, answering: Answering) -> None:
        self._stage = stage
        self._history = history
        self._answering = answering
        self._input = InputAudio()
        self._item_id: str | None = None  # of what is in the buffer, once it was told
        self._transcription: Transcription | None = None  # of the same
        self._heard = ""  # what is said in it, where a test told it
        self._seconds: float | None = None  # how long its transcription takes, likewise
        self._failures: deque[RefusedError] = deque()
        self.idle: IdleTimeout = IdleTimeout(stage, self._position, self._nothing_said)
        """The timer of the session's idle timeout."""

    def _position(self) -> int:
        return self._input.position_ms

    def session_updated(self) -> None:
        """Listen as the session says from now on."""
        session, speaks = self._stage.session, self._input.speaking
        if self._input.use_format(text_of(at(session, "audio", "input", "format", "type"))):
            self._forget()
        # A turn that a test began goes on until the test ends it.
        elif detection_of(session) is None and speaks and not self._input.driven:
            self._input.rest()
            self._forget()

    def append(self, frame: ClientFrame) -> None:
        """Take in the audio of an `input_audio_buffer.append`."""
        audio = audio_from_text(frame["audio"], "audio")
        if len(audio) > APPEND_MAX:
            raise audio_too_long(len(audio), APPEND_MAX)
        detection = detection_of(self._stage.session)
        for turn in self._input.append(audio, detection):
            if turn.kind == "started":
                self._started(turn)
            else:
                self._stopped(turn.at_ms)
        if self._input.has_voice and not self._input.driven:
            self._listen()

    def _listen(self) -> None:
        """Have a streaming model write while somebody speaks, whatever ends the turn."""
        wanted = wanted_of(self._stage.session)
        if wanted is not None and wanted.streams and self._transcription is None:
            self._transcription = Transcription(self._stage, self._announced(), wanted)
            self._stage.later(0, self._transcription.listen())

    def _announced(self) -> str:
        """The id of the item that the buffer will become."""
        self._item_id = self._item_id or self._stage.id("item_")
        return self._item_id

    def commit(self, frame: ClientFrame) -> None:
        """Make an item of what was appended."""
        milliseconds = self._input.uncommitted_ms
        if milliseconds < COMMIT_MIN_MS:
            refusal, late = commit_empty(milliseconds), self._stage.manner.late_errors
            if not late:
                raise refusal
            self._stage.later(late, self._refused_late(refusal, frame.get("event_id")))
            return
        self._committed(self._input.commit())

    def _refused_late(self, refusal: RefusedError, event_id: JsonValue) -> Iterator[float]:
        self._stage.refuse(refusal, event_id)
        yield from ()

    def clear(self, frame: ClientFrame) -> None:
        """Forget what was appended."""
        self._input.clear()
        self._forget()
        self._stage.emit("input_audio_buffer.cleared", {})

    def _forget(self) -> None:
        if self._transcription is not None:
            self._transcription.forget()
        self._transcription = self._item_id = self._seconds = None
        self._heard = ""

    def speech_started(self) -> None:
        """Let somebody begin to speak, whatever the audio says.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        self._check_quiet()
        self._started(self._input.begin())

    def speech_stopped(self) -> None:
        """Let whoever speaks stop.

        Raises:
            RuntimeError: if nobody speaks.
        """
        if not self._input.speaking:
            raise RuntimeError("nobody is speaking: call speech_started() before")
        self._stopped(self._input.position_ms)

    def _check_quiet(self) -> None:
        if self._input.speaking:
            raise RuntimeError("somebody is speaking: call speech_stopped() before")

    def hears(self, text: str, ms: float | None, seconds: float | None) -> None:
        """Let the user say something: a whole turn, or audio to be committed without detection.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        self._check_quiet()
        detects = detection_of(self._stage.session) is not None
        if detects:
            self._started(self._input.begin())
        self._input.hear(_audio_of(text, ms, self._input.format))
        self._heard = f"{self._heard} {text}".strip()
        self._seconds = seconds
        wanted = wanted_of(self._stage.session)
        if wanted is not None and wanted.streams and self._transcription is None:
            self._transcription = Transcription(self._stage, self._announced(), wanted)
            self._transcription.overhear(text)
        if detects:
            self._stopped(self._input.position_ms)

    def transcription_fails(self, failure: RefusedError) -> None:
        """Have the next transcription fail."""
        self._failures.append(failure)

    def _started(self, turn: Turn) -> None:
        self._stage.emit(
            "input_audio_buffer.speech_started",
            {"audio_start_ms": turn.at_ms, "item_id": self._announced()},
        )
        if self._setting("interrupt_response"):
            self._answering.interrupt()
        self.idle.stop()

    def _stopped(self, at_ms: int) -> None:
        self._stage.emit(
            "input_audio_buffer.speech_stopped",
            {"audio_end_ms": at_ms, "item_id": self._announced()},
        )
        self._committed(self._input.stop())
        if self._setting("create_response"):
            self._answering.answer_turn()

    def _setting(self, name: str) -> bool:
        return at(self._stage.session, "audio", "input", "turn_detection", name) is True

    def idle_timeout(self) -> None:
        """Let the idle timeout be over.

        Raises:
            RuntimeError: if the session has no server VAD, or somebody speaks.
        """
        kind = at(self._stage.session, "audio", "input", "turn_detection", "type")
        if kind != "server_vad" or self._stage.session["type"] != "realtime":
            raise RuntimeError("only realtime sessions with server_vad have an idle timeout")
        self._check_quiet()
        if self._answering.is_answering:
            raise RuntimeError("a response is active: the idle timeout counts from its end")
        self._nothing_said(self._input.position_ms)

    def _nothing_said(self, begins_ms: int) -> None:
        if self._input.speaking or self._answering.is_answering:
            return  # a turn that was driven before, or a response that the client asked for
        self._stage.emit(
            "input_audio_buffer.timeout_triggered",
            {
                "audio_start_ms": begins_ms,
                "audio_end_ms": self._input.position_ms,
                "item_id": self._announced(),
            },
        )
        self._committed(self._input.commit())
        self._answering.answer_turn()

    def _committed(self, spoken: Spoken) -> None:
        stage, item_id = self._stage, self._announced()
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
            input_ms=spoken.ms,
            heard=self._heard,
            format=self._input.format,
        )
        stage.emit(
            "input_audio_buffer.committed",
            {"previous_item_id": stage.conversation.last_id, "item_id": item_id},
        )
        self._history.add(entry)
        self._transcribe(entry)
        self._transcription = self._item_id = self._seconds = None
        self._heard = ""

    def _transcribe(self, entry: Entry) -> None:
        stage, wanted = self._stage, wanted_of(self._stage.session)
        if wanted is None:
            self._forget()
            return
        transcription = self._transcription or Transcription(stage, entry.id, wanted)
        failure = self._failures.popleft() if self._failures else None
        if failure is not None and not failure.message:
            failure.message = f"Input transcription failed for item '{entry.id}'."
        usual = stage.manner.transcription_seconds
        seconds = usual if self._seconds is None else self._seconds
        stage.later(0, transcription.finish(entry, seconds=seconds, failure=failure))


def _audio_of(text: str, ms: float | None, format: str) -> bytes:  # noqa: A002 - the wire's name
    """Sound of some words, or of a given length whatever the words."""
    words = max(1, len(text.split()))
    if ms is None:
        return speech(words, 1.0, format)
    size = int(ms) * bytes_per_ms(format)
    return speech(int(ms) // WORD_MS + 1, 1.0, format)[:size]

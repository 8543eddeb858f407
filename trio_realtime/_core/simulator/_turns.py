"""What the user says: the input audio buffer, turns, and their transcription.

This module does not know how speech is detected, nor how a turn is answered.

What no recording proves is our choice, and says so where it is made.
"""

from __future__ import annotations

from typing import Final, Protocol, final

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import commit_empty
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._history import History
from trio_realtime._core.simulator._items import audio_from_text
from trio_realtime._core.simulator._json import at, text_of
from trio_realtime._core.simulator._session import detection_of
from trio_realtime._core.simulator._stage import Stage
from trio_realtime._core.simulator._transcript import transcription
from trio_realtime._core.simulator._vad import InputAudio, Spoken, Turn

COMMIT_MIN_MS: Final = 100
"""The least audio that can be committed."""


class Answering(Protocol):
    """Who answers turns."""

    def interrupt(self) -> None:
        """Cancel the active response, if there is one: the user speaks."""

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
        self._turn_item_id: str | None = None

    def use_format(self, format: str) -> None:  # noqa: A002 - the wire's name
        """Take audio in another format from now on."""
        self._input.use_format(format)

    def append(self, frame: ClientFrame) -> None:
        """Take in the audio of an `input_audio_buffer.append`."""
        audio = audio_from_text(frame["audio"], "audio")
        for turn in self._input.append(audio, detection_of(self._stage.session)):
            if turn.kind == "started":
                self._started(turn)
            else:
                self._stopped(turn.at_ms)

    def commit(self, frame: ClientFrame) -> None:
        """Make an item of what was appended."""
        milliseconds = self._input.uncommitted_ms
        if milliseconds < COMMIT_MIN_MS:
            raise commit_empty(milliseconds)
        self._committed(self._input.commit())

    def clear(self, frame: ClientFrame) -> None:
        """Forget what was appended."""
        self._input.clear()
        self._turn_item_id = None
        self._stage.emit("input_audio_buffer.cleared", {})

    def speech_started(self) -> None:
        """Let somebody begin to speak, whatever the audio says.

        Raises:
            RuntimeError: if somebody speaks already.
        """
        if self._input.speaking:
            raise RuntimeError("somebody is speaking: call speech_stopped() before")
        self._started(self._input.begin())

    def speech_stopped(self) -> None:
        """Let whoever speaks stop.

        Raises:
            RuntimeError: if nobody speaks.
        """
        if not self._input.speaking:
            raise RuntimeError("nobody is speaking: call speech_started() before")
        self._stopped(self._input.position_ms)

    def _started(self, turn: Turn) -> None:
        self._turn_item_id = self._stage.id("item_")
        self._stage.emit(
            "input_audio_buffer.speech_started",
            {"audio_start_ms": turn.at_ms, "item_id": self._turn_item_id},
        )
        if self._setting("interrupt_response"):
            self._answering.interrupt()

    def _stopped(self, at_ms: int) -> None:
        self._stage.emit(
            "input_audio_buffer.speech_stopped",
            {"audio_end_ms": at_ms, "item_id": self._turn_item_id},
        )
        self._committed(self._input.stop())
        if self._setting("create_response") and self._stage.session["type"] == "realtime":
            self._answering.answer_turn()

    def _setting(self, name: str) -> bool:
        return at(self._stage.session, "audio", "input", "turn_detection", name) is True

    def _committed(self, spoken: Spoken) -> None:
        stage = self._stage
        item_id, self._turn_item_id = self._turn_item_id or stage.id("item_"), None
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
        stage.emit(
            "input_audio_buffer.committed",
            {"previous_item_id": stage.conversation.last_id, "item_id": item_id},
        )
        self._history.add(entry)
        asked = at(stage.session, "audio", "input", "transcription")
        if isinstance(asked, dict):
            model = text_of(asked.get("model"))
            stage.later(0, transcription(entry, model, stage.emit, stage.letters))

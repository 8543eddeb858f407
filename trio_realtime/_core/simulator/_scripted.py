"""The model behind a script: it knows how the server's answers look, not when they are given.

A simulated session that is told only of the events a script wants answered, and that waits for
nothing. This module does not know what a script expects, nor how its answers travel.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._errors import RefusedError
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._manner import Manner, Pace
from trio_realtime._core.simulator._responder import Action
from trio_realtime._core.simulator._responses import Question
from trio_realtime._core.simulator._simulation import Simulation
from trio_realtime._core.simulator._stage import ID_LETTERS, Letters
from trio_realtime._core.simulator._voice import ALAW, MULAW
from trio_realtime.audio import base64_from_bytes

_SESSION_SECONDS: Final = 3600.0

# A scripted session ends when the script says so.
_FOREVER: Final = 1e9

# What a commit commits, for the script's model has not heard the client's audio: 100 ms and more.
_SILENCE: Final = {MULAW: b"\xff" * 1600, ALAW: b"\xd5" * 1600}
_PCM_SILENCE: Final = bytes(9600)

_UNANSWERED: Final = ("input_audio_buffer.append",)
"""What the server never acknowledges."""

_ANSWERS: Final = {
    "response.create": "say(...), answer(...) or refuse(...)",
    "response.cancel": "the events that end the response, with send(...), or refuse(...)",
}
"""What a script answers to an event that has no acknowledgement of its own."""

# They come by themselves, some time: a script that wants them sends them.
_BY_THEMSELVES: Final = '"type":"conversation.item.input_audio_transcription.'


@final
class ScriptedModel:
    """What a scripted server knows of one session."""

    def __init__(
        self,
        handshake: ClientHandshake,
        letters: Letters,
        *,
        unix_time: float,
        api_key: str | None = None,
    ) -> None:
        manner = Manner(pace=Pace(math.inf, math.inf), session_seconds=_FOREVER, api_key=api_key)
        self._simulation = Simulation(
            handshake,
            manner,
            letters,
            now=0.0,
            unix_time=unix_time + _SESSION_SECONDS - _FOREVER,
        )
        self._letters = letters
        self._now = 0.0

    @property
    def closing(self) -> tuple[int, str] | None:
        """The close code and reason for a client that may not be let in."""
        return self._simulation.closing

    def greeting(self) -> list[str]:
        """What a client is greeted with: `session.created`, or why it may not be let in."""
        self._simulation.open()
        return self._written()

    def event(self, event: Mapping[str, JsonValue]) -> list[str]:
        """Any event; it gets an `event_id` if it has none.

        Raises:
            ValueError: if it has no type.
        """
        if not text_of(event.get("type")):
            raise ValueError("a server's event has a type; use send_raw(...) for anything else")
        named = {"type": event["type"], "event_id": f"event_{self._letters(ID_LETTERS)}", **event}
        return [json.dumps(named, ensure_ascii=False, separators=(",", ":"))]

    def refusal(self, frame: ClientFrame, error: RefusedError) -> list[str]:
        """The `error` that refuses a client's event."""
        return self.event({"type": "error", "error": error.payload(frame.get("event_id"))})

    def acknowledgement(self, frame: ClientFrame) -> list[str]:
        """What the server acknowledges a client's event with.

        Raises:
            RefusedError: if the server would refuse it.
            ValueError: if there is no such thing.
        """
        if frame.type in _ANSWERS:
            raise ValueError(
                f"{frame.type} is not acknowledged: answer with {_ANSWERS[frame.type]}"
            )
        if frame.type in _UNANSWERED:
            return []
        item_id = frame.get("item_id")
        if frame.type == "input_audio_buffer.commit":
            self._hear_silence()
        elif frame.type in ("conversation.item.delete", "conversation.item.truncate") and (
            text_of(item_id) not in self._simulation.conversation
        ):
            # An item that the script sent by itself: nothing is known that could be wrong.
            return self._echo(frame)
        self._receive(frame)
        written = self._written()
        self._check(written)
        return written

    def _echo(self, frame: ClientFrame) -> list[str]:
        fields = {name: value for name, value in frame.items() if name != "event_id"}
        verb = {"conversation.item.delete": "deleted"}.get(frame.type, "truncated")
        return self.event({**fields, "type": f"conversation.item.{verb}"})

    def response(
        self, frame: ClientFrame, plan: Callable[[Question], Sequence[Action]]
    ) -> list[tuple[float, str]]:
        """The response to a `response.create`: events, each after so many seconds.

        Raises:
            RefusedError: if the server would refuse it.
        """
        simulation = self._simulation
        self._receive(frame)
        if not simulation.questions:
            self._check(self._written())
        question = simulation.questions.popleft()
        simulation.answer(question, plan(question), self._now)
        before = self._now
        events: list[tuple[float, str]] = []
        while True:
            for written in self._written():
                events.append((self._now - before, written))
                before = self._now
            if question.reply.over:
                return events
            assert simulation.due is not None  # the response is what is due
            self._now = max(self._now, simulation.due)
            simulation.tick(self._now)

    def _receive(self, frame: ClientFrame) -> None:
        self._simulation.receive(json.dumps(frame), self._now)

    def _hear_silence(self) -> None:
        audio_format = text_of(at(self._simulation.session, "audio", "input", "format", "type"))
        audio = base64_from_bytes(_SILENCE.get(audio_format, _PCM_SILENCE))
        self._receive(ClientFrame({"type": "input_audio_buffer.append", "audio": audio}))

    def _written(self) -> list[str]:
        outbox = self._simulation.outbox
        written = [str(each) for each in outbox if _BY_THEMSELVES not in str(each)]
        outbox.clear()
        return written

    def _check(self, written: Sequence[str]) -> None:
        for text in written:
            event: Object = json.loads(text)
            if event["type"] == "error":
                error = object_of(event["error"])
                raise RefusedError(text_of(error["code"]), text_of(error["message"]))

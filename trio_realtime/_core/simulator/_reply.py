"""One response of the model, streamed: which events it is made of, in which order, how fast.

A reply writes events and tells how long it takes until the next; it does not know what the time
is, and its end is told to whoever began it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._manner import Pace
from trio_realtime._core.simulator._responder import Action, CallTool, Say, Silence
from trio_realtime._core.simulator._session import checked_format
from trio_realtime._core.simulator._stage import Emit, Letters
from trio_realtime._core.simulator._voice import speech, word_ms
from trio_realtime.audio import base64_from_bytes

_WORD: Final = re.compile(r"\s*\S+|\s+")
_PIECE: Final = re.compile(r"[\s\S]{1,6}")

_AHEAD: Final = 2
"""How many words the transcript runs ahead of the audio."""

_OBFUSCATED: Final = 16
"""A delta and its obfuscation are a multiple of this many characters together."""

# Tokens in a second of the model's audio and of the user's, as measured on recorded usage.
OUTPUT_TOKENS_PER_SECOND: Final = 20
INPUT_TOKENS_PER_SECOND: Final = 10


def obfuscation(letters: Letters, delta: str) -> str:
    """Padding that hides how long a delta is."""
    return letters(_OBFUSCATED - len(delta) % _OBFUSCATED)


@dataclass(slots=True)
class _Output:
    """The output item that is being written."""

    kind: Literal["text", "audio", "call"]
    entry: Entry
    previous: str | None
    text: str = ""


@dataclass(slots=True)
class Reply:
    """One response, from `response.created` to `response.done`."""

    id: str
    create: Object
    """The parameters of the `response.create`; empty for one that voice detection began."""
    session: Object
    conversation: Conversation | None
    """The default conversation, or None out of band."""
    emit: Emit
    letters: Letters
    pace: Pace
    input_tokens: tuple[int, int] = (0, 0)
    """Text and audio tokens of the context."""
    begun: bool = False
    over: bool = False
    _items: list[Object] = field(default_factory=list[Object])
    _open: _Output | None = None
    _text_tokens: int = 0
    _audio_ms: int = 0

    @property
    def speaks(self) -> bool:
        """Whether the response is spoken."""
        return self._setting("output_modalities") == ["audio"]

    @property
    def format(self) -> str:
        """The format of its audio."""
        return text_of(at(self._audio_output, "format", "type"))

    @property
    def speed(self) -> float:
        """How fast it speaks, from 0.25 to 1.5."""
        speed = at(self.session, "audio", "output", "speed")
        return speed if isinstance(speed, (int, float)) else 1.0

    @property
    def _audio_output(self) -> Object:
        session = object_of(at(self.session, "audio", "output"))
        asked = object_of(at(self.create, "audio", "output"))
        return {
            "format": checked_format(asked.get("format") or session["format"], "response.audio"),
            "voice": asked.get("voice") or session["voice"],
        }

    def _setting(self, name: str) -> JsonValue:
        asked = self.create.get(name)
        return self.session[name] if asked is None else asked

    def begin(self) -> None:
        """Announce the response."""
        self.begun = True
        self.emit("response.created", {"response": self._resource("in_progress", None, None)})

    def stream(self, plan: Sequence[Action]) -> Iterator[float]:
        """Write the response event by event. Yields the seconds until the next can be written."""
        yield self.pace.latency
        for action in plan:
            if isinstance(action, Say):
                yield from self._speak(action.text) if self.speaks else self._write(action.text)
            elif isinstance(action, CallTool):
                yield from self._call(action)
            elif not isinstance(action, Silence):
                error: Object = {"type": action.type, "code": action.code}
                self.end("failed", {"type": "failed", "error": error})
                return
        self.end("completed", None)

    def cancel(self, reason: Literal["client_cancelled", "turn_detected"]) -> None:
        """End the response early: the remaining `done` events, then `response.done`."""
        self._close("incomplete")
        self.end("cancelled", {"type": "cancelled", "reason": reason})

    def end(self, status: str, details: JsonValue) -> None:
        """Write the end of the response."""
        self.over = True
        self.emit("response.done", {"response": self._resource(status, details, self._usage())})

    def _write(self, text: str) -> Iterator[float]:
        output = self._open_message("text")
        for word in _WORD.findall(text):
            yield self.pace.token_seconds
            output.text += word
            self._text_tokens += 1
            self._delta("response.output_text.delta", {"content_index": 0}, word)
        self._close("completed")

    def _speak(self, text: str) -> Iterator[float]:
        output = self._open_message("audio")
        words = _WORD.findall(text)
        for number in range(len(words) + _AHEAD):
            if number < len(words):
                yield self.pace.token_seconds
                output.text += words[number]
                self._text_tokens += 1
                self._delta(
                    "response.output_audio_transcript.delta", {"content_index": 0}, words[number]
                )
            if number >= _AHEAD and words[number - _AHEAD].strip():
                yield self._sound(output.entry)
        self._close("completed")

    def _sound(self, entry: Entry) -> float:
        """Write one word's audio. Returns the seconds that making it takes."""
        speed = entry.speed
        ms = word_ms(speed)
        entry.audio_ms = (entry.audio_ms or 0) + ms
        self._audio_ms += ms
        audio = speech(1, speed, entry.format, first=entry.words)
        self._event(
            "response.output_audio.delta",
            {"content_index": 0, "delta": base64_from_bytes(audio)},
        )
        entry.words += 1
        return ms / 1000 / self.pace.audio_speed

    def _call(self, action: CallTool) -> Iterator[float]:
        arguments = action.arguments
        written = arguments if isinstance(arguments, str) else json.dumps(dict(arguments))
        output = self._open_item(
            "call",
            {
                "type": "function_call",
                "status": "in_progress",
                "name": action.name,
                "call_id": f"call_{self.letters(16)}",
                "arguments": "",
            },
        )
        call_id = output.entry.item["call_id"]
        for piece in _PIECE.findall(written):
            yield self.pace.token_seconds
            output.text += piece
            self._text_tokens += 1
            self._delta("response.function_call_arguments.delta", {"call_id": call_id}, piece)
        self._close("completed")

    def _open_message(self, kind: Literal["text", "audio"]) -> _Output:
        output = self._open_item(
            kind,
            {"type": "message", "status": "in_progress", "role": "assistant", "content": []},
        )
        if kind == "audio":
            output.entry.audio_ms = 0
        self._event("response.content_part.added", {"content_index": 0, "part": self._part(output)})
        return output

    def _open_item(self, kind: Literal["text", "audio", "call"], fields: Object) -> _Output:
        item: Object = {"id": f"item_{self.letters(21)}", **fields}
        entry = Entry(item, format=self.format, speed=self.speed)
        previous = None
        if self.conversation is not None:
            previous = self.conversation.add(entry)
        self._open = _Output(kind, entry, previous)
        self._output_item("response.output_item.added", item)
        self._conversation_item("conversation.item.added", self._open)
        return self._open

    def _close(self, status: str) -> None:
        """Write the `done` events of the item that is open, if one is."""
        output = self._open
        if output is None:
            return
        item = output.entry.item
        if output.kind == "call":
            item["arguments"] = output.text
            self._event(
                "response.function_call_arguments.done",
                {name: item[name] for name in ("call_id", "name", "arguments")},
            )
        else:
            self._close_part(output)
        item["status"] = status
        self._items.append(item)
        self._conversation_item("conversation.item.done", output)
        self._output_item("response.output_item.done", item, index=len(self._items) - 1)
        self._open = None

    def _close_part(self, output: _Output) -> None:
        here: Object = {"content_index": 0}
        content: Object
        if output.kind == "text":
            content = {"type": "output_text", "text": output.text}
            self._event("response.output_text.done", {**here, "text": output.text})
        else:
            content = {"type": "output_audio", "transcript": output.text}
            self._event("response.output_audio.done", here)
            self._event(
                "response.output_audio_transcript.done", {**here, "transcript": output.text}
            )
        output.entry.item["content"] = [content]
        self._event("response.content_part.done", {**here, "part": self._part(output)})

    def _part(self, output: _Output) -> Object:
        return {
            "type": output.kind,
            "text" if output.kind == "text" else "transcript": output.text,
        }

    def _delta(self, type: str, fields: Object, delta: str) -> None:  # noqa: A002
        padding = obfuscation(self.letters, delta)
        self._event(type, {**fields, "delta": delta, "obfuscation": padding})

    def _event(self, type: str, fields: Object) -> None:  # noqa: A002 - the wire's name
        assert self._open is not None
        place: Object = {
            "response_id": self.id,
            "item_id": self._open.entry.id,
            "output_index": len(self._items),
        }
        self.emit(type, {**place, **fields})

    def _output_item(self, type: str, item: Object, *, index: int | None = None) -> None:  # noqa: A002
        number = len(self._items) if index is None else index
        self.emit(type, {"response_id": self.id, "output_index": number, "item": item})

    def _conversation_item(self, type: str, output: _Output) -> None:  # noqa: A002
        # Out of band there is no conversation that the item could join.
        if self.conversation is not None:
            self.emit(type, {"previous_item_id": output.previous, "item": output.entry.item})

    def _resource(self, status: str, details: JsonValue, usage: JsonValue) -> Object:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [copy.deepcopy(item) for item in self._items],
            "conversation_id": None if self.conversation is None else self.conversation.id,
            "output_modalities": self._setting("output_modalities"),
            "max_output_tokens": self._setting("max_output_tokens"),
            "audio": {"output": self._audio_output},
            "usage": usage,
            "metadata": self.create.get("metadata"),
        }

    def _usage(self) -> Object:
        text_in, audio_in = self.input_tokens
        audio_out = self._audio_ms * OUTPUT_TOKENS_PER_SECOND // 1000
        none: Object = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": text_in + audio_in + self._text_tokens + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": self._text_tokens + audio_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": none,
            },
            "output_token_details": {"text_tokens": self._text_tokens, "audio_tokens": audio_out},
        }


def tokens_of(session: Object, context: Sequence[Entry]) -> tuple[int, int]:
    """Text and audio tokens of what the model sees: a word is a token."""
    texts = (f"{entry.written} {entry.spoken}" for entry in context)
    text = " ".join((text_of(session.get("instructions")), *texts))
    audio_ms = sum(
        (entry.speech_ms or 0) * INPUT_TOKENS_PER_SECOND
        + (entry.audio_ms or 0) * OUTPUT_TOKENS_PER_SECOND
        for entry in context
    )
    return len(text.split()), int(audio_ms) // 1000

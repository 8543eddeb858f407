"""The output items of a response: which events each is made of, in which order, how fast.

An output streams (it is announced, and its deltas come), then it finishes (its `done` events
come). Several may be open at once, so all state is kept by item. This module does not know which
items a response has, nor why one is cut off.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._json import Object
from trio_realtime._core.simulator._responder import CallMcp, CallTool, Say
from trio_realtime._core.simulator._stage import ID_LETTERS, Letters, Stage
from trio_realtime._core.simulator._usage import Budget
from trio_realtime._core.simulator._voice import bytes_per_ms, encoded, speech, word_ms
from trio_realtime.audio import base64_from_bytes

_WORD: Final = re.compile(r"\s*\S+|\s+")
_PIECE: Final = re.compile(r"[\s\S]{1,6}")

_AHEAD: Final = 2
"""How many words the transcript runs ahead of the audio."""

_OBFUSCATED: Final = 16
"""A delta and its obfuscation are a multiple of this many characters together."""


def obfuscation(letters: Letters, delta: str) -> str:
    """Padding that hides how long a delta is."""
    return letters(_OBFUSCATED - len(delta) % _OBFUSCATED)


@final
@dataclass(frozen=True, slots=True)
class Channel:
    """Where the outputs of one response go."""

    stage: Stage
    response_id: str
    conversation: Conversation | None
    """The default conversation, or None out of band."""
    budget: Budget
    played: Callable[[Entry, int], None] | None
    """Told what audio was made for an item, where the server plays it; else it is sent."""
    done: list[Object]
    """The items that are done, in order."""

    @property
    def is_xai(self) -> bool:
        """Whether events come in xAI's order."""
        return self.stage.manner.event_order == "xai"


@dataclass(slots=True)
class Output(ABC):
    """One output item."""

    id_prefix: ClassVar[str] = "item_"

    channel: Channel
    index: int
    item: Object = field(default_factory=dict[str, JsonValue])
    entry: Entry = field(init=False)
    text: str = ""
    """What was streamed so far."""
    _previous: str | None = None

    @abstractmethod
    def stream(self) -> Iterator[float]:
        """Announce the item and write its deltas. Yields the seconds until the next event."""

    def finish(self) -> Iterator[float]:
        """Write the end of an item that is complete."""
        self.close("completed")
        yield from ()

    def close(self, status: str) -> None:
        """Write the end of the item, complete or not."""
        self._closed(status)

    def _open(self, entry: Entry) -> None:
        channel = self.channel
        item_id = self.id_prefix + channel.stage.letters(ID_LETTERS)
        entry.item = {"id": item_id, **self.item}
        self.entry = entry
        self._output_item("response.output_item.added")
        # Out of band there is no conversation that the item could join.
        if channel.conversation is not None:
            before = channel.conversation.add(entry)
            self._conversation_item("conversation.item.added", before)
            # A quirk of the real server's, in all recordings: what the model says directly behind
            # the first item of a conversation is done behind nothing.
            self._previous = None if channel.conversation.is_first(before) else before

    def _closed(self, status: str) -> None:
        item = self.entry.item
        if "status" in item:
            item["status"] = status
        if self.channel.conversation is not None and not self.channel.is_xai:
            self._conversation_item("conversation.item.done", self._previous)
        self._output_item("response.output_item.done")
        self.channel.done.append(item)

    def _output_item(self, type: str) -> None:  # noqa: A002 - the wire's name
        self.channel.stage.emit(
            type,
            {
                "response_id": self.channel.response_id,
                "output_index": self.index,
                "item": self.entry.item,
            },
        )

    def _conversation_item(self, type: str, previous: str | None) -> None:  # noqa: A002
        fields: Object = {"previous_item_id": previous, "item": self.entry.item}
        self.channel.stage.emit(type, fields)

    def _event(self, type: str, fields: Object) -> None:  # noqa: A002 - the wire's name
        place: Object = {
            "response_id": self.channel.response_id,
            "item_id": self.entry.id,
            "output_index": self.index,
        }
        self.channel.stage.emit(type, {**place, **fields})

    def _delta(self, type: str, fields: Object, delta: str) -> None:  # noqa: A002
        self.text += delta
        padding = obfuscation(self.channel.stage.letters, delta)
        self._event(type, {**fields, "delta": delta, "obfuscation": padding})


def _message(phase: str | None) -> Object:
    item: Object = {
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    return item if phase is None else {**item, "phase": phase}


@dataclass(slots=True)
class _Message(Output):
    """A message of the model's, with one content part."""

    said: Say = field(kw_only=True)

    def _part(self, kind: str) -> Object:
        return {"type": kind, "text" if kind == "text" else "transcript": self.text}

    def _part_event(self, what: str, kind: str) -> None:
        fields: Object = {"content_index": 0, "part": self._part(kind)}
        self._event(f"response.content_part.{what}", fields)


@final
class TextOutput(_Message):
    """A written message."""

    def stream(self) -> Iterator[float]:
        """Write it word by word."""
        self.item = _message(self.said.phase)
        self._open(Entry({}))
        self._part_event("added", "text")
        for word in _WORD.findall(self.said.text):
            yield self.channel.stage.manner.pace.token_seconds
            if not self.channel.budget.take(text=1):
                return
            self._delta("response.output_text.delta", {"content_index": 0}, word)

    def close(self, status: str) -> None:
        """Write its end."""
        self._event("response.output_text.done", {"content_index": 0, "text": self.text})
        self.entry.item["content"] = [{"type": "output_text", "text": self.text}]
        self._part_event("done", "text")
        self._closed(status)


@final
@dataclass(slots=True)
class AudioOutput(_Message):
    """A spoken message."""

    format: str = field(kw_only=True)
    speed: float = field(kw_only=True)
    _given: bytes = b""
    """The audio it was given, in its format."""
    _sent: int = 0
    """Bytes of it that were sent."""

    def stream(self) -> Iterator[float]:
        """Speak it word by word, the sound behind its transcript."""
        self.item = _message(self.said.phase)
        self._given = encoded(self.said.audio or b"", self.format)
        self._open(Entry({}, audio=self._given, speed=self.speed, audio_ms=0, format=self.format))
        self._part_event("added", "audio")
        words: list[str] = _WORD.findall(self.said.text)
        sounds = self._sounds(words)
        ahead = 0 if self.channel.is_xai else _AHEAD
        for number in range(max(len(words), len(sounds)) + ahead):
            steps = [self._word(words, number), self._sound(sounds, number - ahead)]
            for step in reversed(steps) if self.channel.is_xai else steps:
                yield from step
                if self.channel.budget.spent:
                    return

    def _word(self, words: list[str], number: int) -> Iterator[float]:
        if number < len(words):
            yield self.channel.stage.manner.pace.token_seconds
            if self.channel.budget.take(text=1):
                name = "response.output_audio_transcript.delta"
                self._delta(name, {"content_index": 0}, words[number])

    def _sounds(self, words: list[str]) -> list[int]:
        """The milliseconds of each word's sound: of a tone, or of its share of what was given."""
        if self.said.audio is None:
            return [word_ms(self.speed) if word.strip() else 0 for word in words]
        whole = len(self._given) // bytes_per_ms(self.format)
        shares = max(1, len(words))
        return [whole * (n + 1) // shares - whole * n // shares for n in range(shares)]

    def _sound(self, sounds: list[int], number: int) -> Iterator[float]:
        ms = sounds[number] if 0 <= number < len(sounds) else 0
        if ms == 0 or not self.channel.budget.take(audio_ms=ms):
            return
        entry = self.entry
        entry.audio_ms = (entry.audio_ms or 0) + ms
        if self.said.audio is None:
            audio = speech(1, self.speed, self.format, first=entry.words)
            entry.words += 1
        else:
            size = ms * bytes_per_ms(self.format)
            audio = self._given[self._sent : self._sent + size]
            self._sent += size
        if self.channel.played is not None:
            self.channel.played(entry, ms)
        else:
            fields: Object = {"content_index": 0, "delta": base64_from_bytes(audio)}
            self._event("response.output_audio.delta", fields)
        yield ms / 1000 / self.channel.stage.manner.pace.audio_speed

    def close(self, status: str) -> None:
        """Write its end."""
        here: Object = {"content_index": 0}
        self.entry.item["content"] = [{"type": "output_audio", "transcript": self.text}]
        transcript: Object = {**here, "transcript": self.text}
        if self.channel.is_xai:
            self._event("response.output_audio_transcript.done", transcript)
            self._part_event("done", "audio")
            self._event("response.output_audio.done", here)
        else:
            self._event("response.output_audio.done", here)
            self._event("response.output_audio_transcript.done", transcript)
            self._part_event("done", "audio")
        self._closed(status)


def _arguments_of(action: CallTool | CallMcp) -> str:
    arguments = action.arguments
    return arguments if isinstance(arguments, str) else json.dumps(dict(arguments))


@dataclass(slots=True)
class _Call(Output):
    """A call of any kind."""

    stem: ClassVar[str]

    def _arguments(self, call: CallTool | CallMcp, fields: Object) -> Iterator[float]:
        for piece in _PIECE.findall(_arguments_of(call)):
            yield self.channel.stage.manner.pace.token_seconds
            if not self.channel.budget.take(text=1):
                return
            self._delta(f"{self.stem}.delta", fields, piece)

    def _arguments_done(self, *names: str) -> None:
        item = self.entry.item
        item["arguments"] = self.text
        self._event(f"{self.stem}.done", {name: item[name] for name in names})


@final
@dataclass(slots=True)
class CallOutput(_Call):
    """A function call."""

    stem = "response.function_call_arguments"

    call: CallTool = field(kw_only=True)

    def stream(self) -> Iterator[float]:
        """Write its arguments."""
        call_id = f"call_{self.channel.stage.letters(16)}"
        self.item = {
            "type": "function_call",
            "status": "in_progress",
            "name": self.call.name,
            "call_id": call_id,
            "arguments": "",
        }
        self._open(Entry({}))
        yield from self._arguments(self.call, {"call_id": call_id})

    def close(self, status: str) -> None:
        """Write its end."""
        self._arguments_done("call_id", "name", "arguments")
        self._closed(status)


@final
@dataclass(slots=True)
class McpOutput(_Call):
    """A call of an MCP tool, which the server makes itself. After the specification."""

    stem = "response.mcp_call_arguments"
    id_prefix = "mcp_"

    call: CallMcp = field(kw_only=True)
    server_label: str = field(kw_only=True)
    approval_request_id: str | None = field(default=None, kw_only=True)
    _running: bool | None = None
    """None while the arguments stream, then whether the call is in progress."""

    def stream(self) -> Iterator[float]:
        """Write its arguments."""
        self.item = {
            "type": "mcp_call",
            "server_label": self.server_label,
            "name": self.call.name,
            "arguments": "",
            "approval_request_id": self.approval_request_id,
            "output": None,
            "error": None,
        }
        self._open(Entry({}))
        yield from self._arguments(self.call, {})

    def finish(self) -> Iterator[float]:
        """Make the call."""
        self._arguments_done("arguments")
        self._progress("in_progress")
        self._running = True
        yield self.call.seconds
        self._running = False
        item, error = self.entry.item, self.call.error
        if error is None:
            item["output"] = self.call.output
        elif isinstance(error, str):
            item["error"] = {"type": "tool_execution_error", "message": error}
        else:
            item["error"] = dict(error)
        self._progress("completed" if error is None else "failed")
        self._closed("completed")

    def close(self, status: str) -> None:
        """Give the call up. That one in progress fails then is our choice."""
        if self._running is None:
            self._arguments_done("arguments")
        else:
            self._progress("failed")
        self._closed(status)

    def _progress(self, what: str) -> None:
        # The specification has no `response_id` in these.
        fields: Object = {"output_index": self.index, "item_id": self.entry.id}
        self.channel.stage.emit(f"response.mcp_call.{what}", fields)


@final
@dataclass(slots=True)
class ApprovalOutput(Output):
    """A question to the client: may this MCP tool be called? After the specification."""

    id_prefix = "mcpr_"

    call: CallMcp = field(kw_only=True)
    server_label: str = field(kw_only=True)
    asked: Callable[[str], None] = field(kw_only=True)
    """Told the id of the request."""

    def stream(self) -> Iterator[float]:
        """Ask."""
        self.item = {
            "type": "mcp_approval_request",
            "server_label": self.server_label,
            "name": self.call.name,
            "arguments": _arguments_of(self.call),
        }
        self._open(Entry({}))
        self.asked(self.entry.id)
        yield from ()

"""One recorded connection, played again: what comes next, when, and what the client must send.

* What the server sent is sent when the client has sent everything that it had sent before it when
  it was recorded, and as much later as it was then.
* What the client sends ahead of its time is taken, and held against the recording at once. It may
  do two things at a time, whose order is chance: what it does to the input audio buffer comes in
  the recorded order, and everything else does, but neither waits for the other.

This module reads no clock: whoever plays says what time it is.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core._comparison import side_by_side
from trio_realtime._core.cassette._entry import Closed, Entry, Message
from trio_realtime._core.cassette._matching import Difference, Match, Names, written
from trio_realtime._core.cassette._scrubbing import Scrubber, silence

# What silence is made of, by the format of the session's audio; PCM's is zero.
_SILENCE: Final = {"audio/pcmu": 0xFF, "audio/pcma": 0xD5}

_BUFFER: Final = "input_audio_buffer."


@final
@dataclass(frozen=True, slots=True)
class Step:
    """What the server does next."""

    due: float
    """When, on the clock of whoever plays."""

    what: Message | Closed


@final
class MismatchError(Exception):
    """The client does not do what it did when it was recorded."""


Sent: TypeAlias = str | bytes


@final
class Playback:
    """One recorded connection, while it is played."""

    def __init__(
        self,
        entries: Sequence[Entry],
        names: Names,
        scrubber: Scrubber,
        *,
        name: str,
        match: Match,
        speed: float,
        now: float,
    ) -> None:
        self._entries = entries
        self._names = names
        self._scrubber = scrubber
        self._name = name
        self._match = match
        self._speed = speed
        self._next = 0
        self._latest = now
        """When the last of the entries before `_next` happened."""
        self._happened: dict[int, float] = {}
        """When the client sent what it sent ahead of `_next`."""
        self._lanes: dict[bool, deque[int]] = {False: deque(), True: deque()}
        self._fill = 0
        for number, entry in enumerate(entries):
            if isinstance(entry.what, Message) and entry.what.side == "client":
                self._lanes[_is_buffer(entry.what.content)].append(number)

    def next_step(self) -> Step | None:
        """What the server does next; None while it waits for the client, and at the end."""
        while self._next < len(self._entries):
            what = self._entries[self._next].what
            match what:
                case Message(side="client"):
                    happened = self._happened.pop(self._next, None)
                    if happened is None:
                        return None
                    self._latest = max(self._latest, happened)
                case Message() | Closed(side="server"):
                    return Step(self._latest + self._pause(), what)
                case _:
                    pass  # how a connection began, and when its client left
            self._next += 1
        return None

    def done(self, now: float) -> None:
        """The server has done its next step."""
        self._latest = now
        self._next += 1

    def _pause(self) -> float:
        before = self._entries[self._next - 1].at if self._next else self._entries[0].at
        return max(0.0, self._entries[self._next].at - before) / self._speed

    def data(self, message: Message) -> Sent:
        """What is sent for a recorded message: with this client's names, and silence for audio."""
        if message.kind == "text":
            return str(message.content)
        if message.kind == "binary":
            if isinstance(message.content, str):
                return base64.b64decode(message.content)
            return silence(message.content, self._fill) or b""
        self._note_format(message.content)
        # ASCII: JSON can say what UTF-8 cannot.
        text = json.dumps(self._names.translated(self._with_audio(message.content)))
        return text if message.kind == "frame" else text.encode()

    def _note_format(self, frame: JsonValue) -> None:
        value = frame
        for name in ("session", "audio", "output", "format", "type"):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            self._fill = _SILENCE.get(value, 0)

    def _with_audio(self, value: JsonValue) -> JsonValue:
        match value:
            case dict():
                audio = silence(value, self._fill)
                if audio is not None:
                    return base64.b64encode(audio).decode()
                return {name: self._with_audio(each) for name, each in value.items()}
            case list():
                return [self._with_audio(each) for each in value]
            case _:
                return value

    def receive(self, data: Sent, now: float) -> None:
        """The client has sent a message.

        Raises:
            MismatchError: if it is not what it sent when it was recorded.
        """
        actual = self._scrubber.message("client", data)
        lane = self._lanes[_is_buffer(actual.content)]
        if not lane:
            raise MismatchError(self._surplus(actual))
        number = lane[0]
        entry = self._entries[number]
        assert isinstance(entry.what, Message)
        self._compare(entry, entry.what, actual)
        lane.popleft()
        self._happened[number] = now

    def _compare(self, entry: Entry, expected: Message, actual: Message) -> None:
        if expected.kind != actual.kind:
            whole = Difference(written(()), _KINDS[expected.kind], _KINDS[actual.kind])
            raise MismatchError(self._told(entry, expected, actual, whole))
        if self._match == "exact":
            found = self._names.difference(expected.content, actual.content)
        else:
            self._names.learn(expected.content, actual.content)
            found = self._loosely(expected, actual)
        if found is not None:
            raise MismatchError(self._told(entry, expected, actual, found))

    def _loosely(self, expected: Message, actual: Message) -> Difference | None:
        if callable(self._match):
            if self._match(expected.content, actual.content):
                return None
            return Difference(written(()), "what match= takes for the same", "another")
        kinds = kind_of(expected), kind_of(actual)
        return None if kinds[0] == kinds[1] else Difference("type", *kinds)

    def _told(self, entry: Entry, expected: Message, actual: Message, found: Difference) -> str:
        # With this client's ids, which are no difference.
        self._names.learn(expected.content, actual.content)
        whole = side_by_side(self._names.translated(expected.content), actual.content)
        return (
            "the client sent something else than the cassette holds\n"
            f"  cassette  {self._place(entry)}, {kind_of(expected)}\n"
            f"  at        {found.path}\n"
            f"  expected  {shortened(found.expected)}\n"
            f"  actual    {shortened(found.actual)}\n\n"
            f"{whole}"
        )

    def _surplus(self, actual: Message) -> str:
        waiting = self.unplayed()
        held = f"; it still waits for {waiting[0]}" if waiting else ""
        last = self._entries[-1]
        return (
            f"the client sent a message more than the cassette holds: {kind_of(actual)}\n"
            f"  cassette  {self._place(last)} is the last of this connection{held}\n"
            f"  actual    {shortened(actual.content)}"
        )

    def unplayed(self) -> list[str]:
        """What the client has not sent yet, each with its place."""
        numbers = sorted(number for lane in self._lanes.values() for number in lane)
        found: list[str] = []
        for number in numbers:
            entry = self._entries[number]
            assert isinstance(entry.what, Message)
            found.append(f"{kind_of(entry.what)} ({self._place(entry)})")
        return found

    def _place(self, entry: Entry) -> str:
        return f"{self._name}, line {entry.line}, connection {entry.connection}"


_KINDS: Final = {
    "frame": "JSON message",
    "text": "text message that is no JSON",
    "binary_frame": "binary message of JSON",
    "binary": "binary message",
}


def _is_buffer(content: JsonValue) -> bool:
    kind = content.get("type") if isinstance(content, dict) else None
    return isinstance(kind, str) and kind.startswith(_BUFFER)


def kind_of(message: Message) -> str:
    """What to call a message: its `type`, or what it is."""
    content = message.content
    kind = content.get("type") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else f"a {_KINDS[message.kind]}"


def shortened(value: JsonValue) -> str:
    """A value on one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


_SHOWN: Final = 200

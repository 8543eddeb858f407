"""One turn of the demo: what came back, when and how much.

This module reads a connection. It does not know what was asked, nor how numbers are laid out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Final, final

import trio

from trio_realtime import RealtimeConnection
from trio_realtime.audio import duration_ms
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError
from trio_realtime.events import (
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)

_NEVER: Final = math.nan


@final
@dataclasses.dataclass(slots=True)
class Turn:
    """A turn, from the question's end to the reply's; times are seconds."""

    name: str
    conn: RealtimeConnection = dataclasses.field(repr=False)
    display: Display = dataclasses.field(repr=False)
    audio: bytearray = dataclasses.field(default_factory=bytearray, repr=False)
    calls: list[ResponseFunctionCallArgumentsDone] = dataclasses.field(
        default_factory=list[ResponseFunctionCallArgumentsDone]
    )
    events: int = 0
    first_event: float = _NEVER
    first_words: float = _NEVER
    first_audio: float = _NEVER
    end: float = _NEVER
    bytes_in: int = 0
    bytes_out: int = 0
    _asked: float = _NEVER

    def __post_init__(self) -> None:
        statistics = self.conn.statistics()
        self.bytes_in -= statistics.bytes_in
        self.bytes_out -= statistics.bytes_out

    def asked(self) -> None:
        """Say that the question is complete: the clock of this turn starts."""
        self._asked = trio.current_time()

    async def hear(self) -> None:
        """Read one response to its end, showing its words as they come.

        Raises:
            ProblemError: if the response did not complete.
            ConnectionClosedError: if the connection was lost.
            ServerError: if the server refused something.
        """
        self.calls.clear()
        while not isinstance(event := await self.conn.receive(), ResponseDone):
            self._take(event)
        self._count()
        self.end = trio.current_time() - self._asked
        if event.response.status != "completed":
            raise ProblemError(f"the response ended {event.response.status}")

    def finish(self) -> None:
        """Close the account of bytes."""
        statistics = self.conn.statistics()
        self.bytes_in += statistics.bytes_in
        self.bytes_out += statistics.bytes_out

    def _first(self, known: float) -> float:
        return trio.current_time() - self._asked if math.isnan(known) else known

    def _count(self) -> None:
        self.events += 1
        self.first_event = self._first(self.first_event)

    def _take(self, event: ServerEvent) -> None:
        self._count()
        match event:
            case ResponseOutputTextDelta() | ResponseOutputAudioTranscriptDelta():
                self.first_words = self._first(self.first_words)
                self.display.piece(event.delta)
            case ResponseOutputAudioDelta():
                self.first_audio = self._first(self.first_audio)
                self.audio += event.delta
            case ResponseFunctionCallArgumentsDone():
                self.calls.append(event)
            case _:
                pass


def rows_from_turns(turns: Sequence[Turn]) -> list[tuple[str, ...]]:
    """Return one row per measurement, named, with a cell per turn."""
    return [
        ("time to first event", *(_ms(turn.first_event) for turn in turns)),
        ("time to first words", *(_ms(turn.first_words) for turn in turns)),
        ("time to first audio", *(_ms(turn.first_audio) for turn in turns)),
        ("time to end of reply", *(_ms(turn.end) for turn in turns)),
        ("events received", *(f"{turn.events}" for turn in turns)),
        ("bytes received", *(f"{turn.bytes_in:,}" for turn in turns)),
        ("bytes sent", *(f"{turn.bytes_out:,}" for turn in turns)),
        ("audio received", *(_seconds(len(turn.audio)) for turn in turns)),
    ]


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.1f} ms"


def _seconds(audio_bytes: int) -> str:
    return f"{duration_ms(audio_bytes) / 1000:.2f} s" if audio_bytes else "-"

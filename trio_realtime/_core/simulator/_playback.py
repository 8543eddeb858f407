"""What the user hears where the server plays the audio: over WebRTC and SIP, in audio time.

The model makes audio faster than it is played. What is made waits here, and plays second by
second of the clock, one response after the other. This module does not know what interrupts it.

Recorded: `output_audio_buffer.started` with the first audio, and `stopped` after `response.done`
and `rate_limits.updated`. Recorded in the beta's shape: `cleared` before the tail of a cancelled
response, and `conversation.item.truncated` after it. All else is our choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._stage import Stage


@dataclass(slots=True)
class _Heard:
    """One item's audio in the order it plays."""

    entry: Entry
    stretches: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """When each begins, and its milliseconds."""

    def played_ms(self, now: float) -> int:
        return sum(
            min(milliseconds, max(0, round((now - begins) * 1000)))
            for begins, milliseconds in self.stretches
        )


@dataclass(slots=True)
class _Playing:
    """One response's audio."""

    response_id: str
    items: list[_Heard] = field(default_factory=list[_Heard])
    started: bool = False
    done: bool = False
    cleared: bool = False


@final
@dataclass(frozen=True, slots=True)
class Cut:
    """An item that was not played to its end, and how much of it was."""

    entry: Entry
    played_ms: int


@final
class Playback:
    """The output audio buffer of one session."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._playing: dict[str, _Playing] = {}
        self._until = 0.0  # when all that was made will have been played

    @property
    def is_playing(self) -> bool:
        """Whether there is audio that has not been heard, or may come."""
        return any(not playing.cleared for playing in self._playing.values())

    def add(self, response_id: str, entry: Entry, milliseconds: int) -> None:
        """Take in audio that was made; that of a response that was cleared is lost."""
        now = self._stage.now
        playing = self._playing.setdefault(response_id, _Playing(response_id))
        if playing.cleared:
            return
        begins = max(now, self._until)
        self._until = begins + milliseconds / 1000
        if not playing.items:
            self._start_next()
        if not playing.items or playing.items[-1].entry is not entry:
            playing.items.append(_Heard(entry))
        playing.items[-1].stretches.append((begins, milliseconds))

    def _start_next(self) -> None:
        """Start the response that waits longest, unless another is being played."""
        waiting = [playing for playing in self._playing.values() if not playing.cleared]
        if waiting and not waiting[0].started:
            waiting[0].started = True
            self._tell("started", waiting[0])

    def finish(self, response_id: str) -> None:
        """Be told that a response is over: no more of its audio comes."""
        playing = self._playing.get(response_id)
        if playing is None:
            return
        playing.done = True
        if playing.cleared:
            del self._playing[response_id]
        else:
            self._stage.later(max(0.0, self._until - self._stage.now), self._stop(playing))

    def _stop(self, playing: _Playing) -> Iterator[float]:
        if not playing.cleared:
            del self._playing[playing.response_id]
            self._tell("stopped", playing)
            self._start_next()
        yield from ()

    def clear(self) -> list[Cut]:
        """Fall silent. Returns the items that were not heard whole, for the server to truncate."""
        now = self._stage.now
        cuts: list[Cut] = []
        for playing in list(self._playing.values()):
            if playing.cleared:
                continue
            playing.cleared = True
            if playing.done:
                del self._playing[playing.response_id]
            if playing.started:
                self._tell("cleared", playing)
            for heard in playing.items:
                played = heard.played_ms(now)
                if played < (heard.entry.audio_ms or 0):
                    cuts.append(Cut(heard.entry, played))
        self._until = now
        return cuts

    def _tell(self, what: str, playing: _Playing) -> None:
        self._stage.emit(f"output_audio_buffer.{what}", {"response_id": playing.response_id})

"""The input audio buffer, with voice detection by signal energy.

All times are audio time: milliseconds from the first sample of the session, whatever the clock
says. The real server's detection is a model; ours compares the energy of 20 ms windows with the
threshold. This module does not know what a turn causes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from trio_realtime._core.simulator._voice import PCM, bytes_per_ms, linear
from trio_realtime.audio import rms

_WINDOW_MS: Final = 20

_ONSET_WINDOWS: Final = 2
"""Loud windows in a row that start a turn: a click of 20 ms is no speech."""

_LEVEL: Final = 0.02
"""The energy (of full scale) that a threshold of 1.0 asks for. With the default threshold, 0.5,
speech is what is louder than 0.01, or -40 dBFS: above line noise, below quiet talk."""

_QUIET_KEPT_MS: Final = 30_000
"""How much audio is kept while nobody speaks and voice detection is on."""

_BUFFER_MAX: Final = 16 * 2**20
"""Bytes of one turn that are kept. The oldest are forgotten; its duration stays right."""


@dataclass(frozen=True, slots=True)
class Detection:
    """When voice detection calls something a turn."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody began to speak, or stopped."""

    kind: Literal["started", "stopped"]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """Audio that was committed."""

    audio: bytes
    speech_ms: float
    """How long somebody spoke in it."""


class InputAudio:
    """What was appended and not yet committed. Offsets are bytes since the session began."""

    def __init__(self) -> None:
        self.format: str = PCM
        self.speaking: bool = False
        """Whether a turn has begun and not stopped."""
        self.driven: bool = False
        """Whether the turn was begun by `begin`, so that energy does not end it."""
        self._data = bytearray()
        self._end = 0  # behind the newest byte
        self._base_ms = 0  # the time of offset 0; not 0 once the format was changed
        self._committed = 0  # where the last turn, commit or clear ended
        self._scanned = 0  # where detection goes on
        self._loud_windows = 0
        self._onset = 0  # where the first of the loud windows began
        self._loud_end = 0  # where the last loud window ended
        self._begin = 0  # where the turn's audio begins, padding included

    @property
    def position_ms(self) -> int:
        """The time at the end of what was appended."""
        return self._time(self._end)

    @property
    def uncommitted_ms(self) -> float:
        """How much came since the last turn, commit or clear."""
        return (self._end - self._committed) / self._per_ms

    @property
    def _per_ms(self) -> int:
        return bytes_per_ms(self.format)

    def _time(self, offset: int) -> int:
        return self._base_ms + offset // self._per_ms

    def use_format(self, format: str) -> None:  # noqa: A002 - the wire's name
        """Take audio in another format from now on. What is in the buffer is forgotten."""
        if format != self.format:
            self._base_ms = self.position_ms
            self.format = format
            self._data.clear()
            self._end = self._scanned = self._committed = 0
            self._rest()

    def append(self, audio: bytes, detection: Detection | None) -> Iterator[Turn]:
        """Take audio in.

        Yields the turns it begins and ends; what was spoken until then is taken with `stop`
        before the next is asked for.
        """
        self._data += audio
        self._end += len(audio)
        if detection is None:
            self._scanned = self._end
            self._loud_windows = 0
        else:
            yield from self._scan(detection)
        quiet = detection is not None and not self.speaking
        kept = _QUIET_KEPT_MS * self._per_ms if quiet else _BUFFER_MAX
        if len(self._data) > kept:
            del self._data[:-kept]

    def _scan(self, detection: Detection) -> Iterator[Turn]:
        window = _WINDOW_MS * self._per_ms
        silence = detection.silence_duration_ms * self._per_ms
        while self._end - self._scanned >= window:
            start, self._scanned = self._scanned, self._scanned + window
            if self._is_loud(start, window, detection):
                self._onset = self._onset if self._loud_windows else start
                self._loud_windows += 1
                self._loud_end = self._scanned
                if not self.speaking and self._loud_windows >= _ONSET_WINDOWS:
                    padding = detection.prefix_padding_ms * self._per_ms
                    self._begin = max(self._onset - padding, self._committed)
                    self.speaking = True
                    yield Turn("started", self._time(self._begin))
            else:
                self._loud_windows = 0
                quiet = self._scanned - self._loud_end
                if self.speaking and not self.driven and quiet >= silence:
                    yield Turn("stopped", self._time(self._scanned))

    def _is_loud(self, start: int, window: int, detection: Detection) -> bool:
        at = start - self._end + len(self._data)
        samples = linear(bytes(self._data[at : at + window]), self.format)
        return rms(samples) >= detection.threshold * _LEVEL

    def begin(self) -> Turn:
        """Begin a turn here and now, whatever the energy says."""
        self.speaking = self.driven = True
        self._begin = self._onset = self._end
        return Turn("started", self.position_ms)

    def stop(self) -> Spoken:
        """End the turn where detection stands, and take what was spoken in it."""
        end = self._end if self.driven else self._scanned
        last = end if self.driven else self._loud_end
        spoken = Spoken(self._take(self._begin, end), (last - self._onset) / self._per_ms)
        self._committed = self._scanned = end
        self._rest()
        return spoken

    def commit(self) -> Spoken:
        """Take all that came since the last turn, commit or clear."""
        spoken = Spoken(self._take(self._committed, self._end), self.uncommitted_ms)
        self._committed = self._scanned = self._end
        self._rest()
        return spoken

    def clear(self) -> None:
        """Forget all that came since the last turn, commit or clear."""
        self.commit()

    def _take(self, begin: int, end: int) -> bytes:
        first = self._end - len(self._data)
        taken = bytes(self._data[max(0, begin - first) : end - first])
        del self._data[: end - first]
        return taken

    def _rest(self) -> None:
        self.speaking = self.driven = False
        self._loud_windows = 0

"""The input audio buffer, with voice detection by signal energy.

All times are audio time: milliseconds from the first sample of the session, whatever the clock
says. The real server's detection is a model; ours compares the energy of 20 ms windows with the
threshold. This module does not know what a turn causes.

Our choice, for no recording shows it: a sample may be split over two appends, and half a sample at
the end of what is committed is dropped.
"""

from __future__ import annotations

from collections import deque
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

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody began to speak, or stopped."""

    kind: Literal["started", "stopped"]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """Audio that was committed."""

    audio: bytes
    ms: float
    """How long it is, also where its beginning was forgotten."""
    speech_ms: float
    """How long somebody spoke in it."""


_USUAL: Final = Detection()


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
        self._voice: int | None = None  # where speech began that is not committed
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

    @property
    def has_voice(self) -> bool:
        """Whether somebody spoke in what is not committed."""
        return self._voice is not None

    def use_format(self, format: str) -> bool:  # noqa: A002 - the wire's name
        """Take audio in this format from now on.

        If it is another, what is in the buffer is forgotten. Returns whether it is.
        """
        changes = format != self.format
        if changes:
            self._base_ms = self.position_ms
            self.format = format
            self._data.clear()
            self._end = self._scanned = self._committed = 0
            self.rest()
        return changes

    def append(self, audio: bytes, detection: Detection | None) -> Iterator[Turn]:
        """Take audio in.

        Yields the turns it begins and ends; what was spoken until then is taken with `stop`
        before the next is asked for.
        """
        self._data += audio
        self._end += len(audio)
        if detection is None:
            # To know whether there is speech in what is committed; it makes no turns.
            deque(self._scan(_USUAL, makes_turns=False), maxlen=0)
        else:
            yield from self._scan(detection, makes_turns=True)
        quiet = detection is not None and not self.speaking
        kept = _QUIET_KEPT_MS * self._per_ms if quiet else _BUFFER_MAX
        if len(self._data) > kept:
            del self._data[:-kept]

    def _scan(self, detection: Detection, *, makes_turns: bool) -> Iterator[Turn]:
        window = _WINDOW_MS * self._per_ms
        silence = detection.silence_duration_ms * self._per_ms
        while self._end - self._scanned >= window:
            start, self._scanned = self._scanned, self._scanned + window
            if self._is_loud(start, window, detection):
                self._onset = self._onset if self._loud_windows else start
                self._loud_windows += 1
                self._loud_end = self._scanned
                if self._loud_windows < _ONSET_WINDOWS:
                    continue
                self._voice = self._onset if self._voice is None else self._voice
                if makes_turns and not self.speaking:
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
        self._align()
        self.speaking = self.driven = True
        self._begin = self._voice = self._end
        return Turn("started", self.position_ms)

    def hear(self, audio: bytes) -> None:
        """Take speech in, whatever its energy."""
        self._align()
        self._voice = self._end if self._voice is None else self._voice
        self._data += audio
        self._end += len(audio)
        self._scanned = self._loud_end = self._end

    def stop(self) -> Spoken:
        """End the turn where detection stands, and take what was spoken in it."""
        if self.driven:
            self._align()
            spoken = self._spoken(self._begin, self._end, self._end)
        else:
            spoken = self._spoken(self._begin, self._scanned, self._loud_end)
        self.rest()
        return spoken

    def commit(self) -> Spoken:
        """Take all that came since the last turn, commit or clear.

        A turn that goes on does so: what comes from now on is its audio.
        """
        self._align()
        torn = self._end - self._scanned if self._loud_windows else 0
        spoken = self._spoken(self._committed, self._end, self._loud_end + torn)
        self._begin = self._onset = self._end
        if self.driven:
            self._voice = self._end
        return spoken

    def clear(self) -> None:
        """Forget all that came since the last turn, commit or clear."""
        self.commit()
        self.rest()

    def rest(self) -> None:
        """Forget that somebody speaks."""
        self.speaking = self.driven = False
        self._loud_windows = 0
        self._voice = None

    def _align(self) -> None:
        if self.format == PCM and self._end % 2:
            del self._data[-1]
            self._end -= 1

    def _spoken(self, begin: int, end: int, last: int) -> Spoken:
        voice = end if self._voice is None else self._voice
        spoken = Spoken(
            self._take(begin, end),
            ms=(end - begin) / self._per_ms,
            speech_ms=max(0, last - voice) / self._per_ms,
        )
        self._committed = self._scanned = end
        self._voice = None
        return spoken

    def _take(self, begin: int, end: int) -> bytes:
        first = self._end - len(self._data)
        taken = bytes(self._data[max(0, begin - first) : end - first])
        del self._data[: end - first]
        return taken

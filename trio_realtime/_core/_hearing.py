"""What of a response's audio was heard, and so where each of its items has to be cut.

This module counts bytes. It does not know events, clocks or devices, and sees no audio.

Audio comes several times faster than it is played, in chunks of several items that may overlap. The
listener gets them in the order they came, so one *playhead* in that order says what was heard of
which item. It lies where `audio()` was opened, plus what its consumer has come back for, or plus
the milliseconds that the consumer reports, which know about buffers behind it.
"""

from __future__ import annotations

from typing import Final, NamedTuple, final

from trio_realtime.types import PcmaFormat, PcmFormat, PcmuFormat

_PCM_BYTES_PER_MS: Final = 48
_G711_BYTES_PER_MS: Final = 8
_G711_NAMES: Final = ("g711_ulaw", "g711_alaw")

_INAUDIBLE_MS: Final = 20
"""What may lack at the end of an item that counts as heard: the usual block of an audio device, by
which its position may be off. A cut costs the item its transcript, so it must be worth it."""


def bytes_per_ms_from_format(format: object) -> float:  # noqa: A002 - the wire's name
    """Bytes in one millisecond of audio; a format that is not known is taken for PCM at 24 kHz.

    Args:
        format: What a session tells: type and rate in GA, a name in the beta dialect.
    """
    if isinstance(format, PcmuFormat | PcmaFormat) or format in _G711_NAMES:
        return _G711_BYTES_PER_MS
    if isinstance(format, PcmFormat) and format.rate is not None and format.rate > 0:
        return format.rate * 2 / 1000
    return _PCM_BYTES_PER_MS


@final
class Truncation(NamedTuple):
    """Where to cut the audio of one item."""

    item_id: str
    content_index: int
    audio_end_ms: int


@final
class _Run:
    """Audio of one part that came without any of another part in between."""

    __slots__ = ("key", "size")

    def __init__(self, key: tuple[str, int], size: int) -> None:
        self.key = key
        self.size = size


@final
class Hearing:
    """The audio of one response, and how far it was heard.

    Args:
        bytes_per_ms: Of the response's output format.
    """

    def __init__(self, bytes_per_ms: float) -> None:
        # In whole numbers, so that no millisecond is lost to rounding at odd sample rates.
        self._bytes_per_second = round(bytes_per_ms * 1000)
        self._runs: list[_Run] = []
        self._total = 0
        self._done: set[str] = set()
        self._start = 0
        self._taken = 0
        self._reported_ms: float | None = None
        self._was_listened_to = False

    def received(self, item_id: str, content_index: int, size: int) -> None:
        """`size` bytes of an item's audio came."""
        if size:
            key = (item_id, content_index)
            runs = self._runs
            if runs and runs[-1].key == key:
                runs[-1].size += size
            else:
                runs.append(_Run(key, size))
            self._total += size

    def item_done(self, item_id: str | None) -> None:
        """No more audio of the item will come."""
        if item_id is not None:
            self._done.add(item_id)

    def begin(self, held: int = 0) -> None:
        """`audio()` was opened, or what it holds has changed before it was first read.

        Args:
            held: How many of the bytes received so far it will deliver: the newest ones. The rest
                is not heard.
        """
        self._was_listened_to = True
        self._start = max(self._total - held, 0)

    def taken(self, size: int) -> None:
        """The consumer came back for more: it has played `size` more bytes."""
        self._taken += size

    def heard(self, ms: float) -> None:
        """The consumer says how much it has played; that counts in place of what it has taken.

        Args:
            ms: Of what `audio()` delivered; where that was not opened, of all audio. The newest
                report counts.

        Raises:
            ValueError: if it is negative, or not a number.
        """
        if not ms >= 0:
            raise ValueError(f"ms is how much was heard, from 0 up; it is {ms!r}")
        self._was_listened_to = True
        self._reported_ms = ms

    def truncations(self, *, ended: bool) -> list[Truncation]:
        """Where each item must be cut so that the server knows what was heard, in order of arrival.

        An item that is done and was heard to its end, but for 20 ms, needs no cut, nor does one
        without audio.

        Args:
            ended: Whether the response is over. Where nobody has listened, nothing is cut then: the
                audio may well have been played by somebody else.
        """
        if ended and not self._was_listened_to:
            return []
        cuts: list[Truncation] = []
        for (item_id, content_index), (heard, received) in self._ends().items():
            heard_ms, received_ms = self._ms(heard), self._ms(received)
            is_whole = ended or item_id in self._done
            if not (is_whole and heard and received_ms - heard_ms < _INAUDIBLE_MS):
                cuts.append(Truncation(item_id, content_index, heard_ms))
        return cuts

    def _ends(self) -> dict[tuple[str, int], tuple[int, int]]:
        """By part: the end of the last byte of it that was heard, and of all that came."""
        playhead = self._start + self._heard_bytes()
        ends: dict[tuple[str, int], tuple[int, int]] = {}
        position = 0
        for run in self._runs:
            heard, received = ends.get(run.key, (0, 0))
            begin, end = max(position, self._start), min(position + run.size, playhead)
            if end > begin:
                heard = received + end - position
            ends[run.key] = (heard, received + run.size)
            position += run.size
        return ends

    def _heard_bytes(self) -> int:
        if self._reported_ms is None:
            return self._taken
        # First the smaller of both: infinity is no whole number.
        return int(min(self._reported_ms * self._bytes_per_second / 1000, self._total))

    def _ms(self, size: int) -> int:
        return size * 1000 // self._bytes_per_second

"""Who translates in a simulated session: what was said goes in, words and sound come out.

Everything is counted in frames of 200 ms of the audio that was sent, as the real one counts. This
module does not know a clock, nor how anything is sent. It does not know languages either: a
function translates.

The real interpreter understands speech. This one knows what a test says that was said (`hear`), and
of other audio how long it is loud: a word every 300 ms, which it calls `word1`, `word2`, ...
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

from trio_realtime._core.simulator._voice import PCM, WORD_MS, speech
from trio_realtime.audio import bytes_from_ms, rms

FRAME_MS: Final = 200
"""How much audio is translated at a time, as specified."""

FRAME_BYTES: Final = bytes_from_ms(FRAME_MS)

LAG_FRAMES: Final = 9
"""How far the translation is behind what is said: 1.8 s, as recorded."""

# What is louder than -40 dBFS is speech, as in a conversation with the default threshold.
_LOUD: Final = 0.01


def _frames_in(ms: float) -> int:
    """How many frames it takes for that long, at least one."""
    return max(1, math.ceil(ms / FRAME_MS))


@final
class _Utterance:
    """What was said at a stretch, and its translation once it is asked for."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = text.split()
        self._translated: list[str] | None = None

    def translation_of(self, number: int, translate: Callable[[str], str]) -> list[str]:
        """The words of the translation that come with this word."""
        if self._translated is None:
            self._translated = translate(" ".join(self.words)).split()
        count, said = len(self._translated), len(self.words)
        return self._translated[number * count // said : (number + 1) * count // said]


@dataclass(slots=True)
class _Frame:
    """A frame of audio that waits to be translated."""

    is_loud: bool
    ends: list[tuple[_Utterance, int]]
    """The words that end in it."""


@final
@dataclass(frozen=True, slots=True)
class Interpreted:
    """What comes of one frame."""

    elapsed_ms: int
    heard: list[str]
    """Words that were understood."""
    said: list[str]
    """Words of the translation that begin to be spoken."""
    audio: bytes
    """The translation's sound, silence where nothing is said: as long as the frame."""


@final
class Interpreter:
    """Translates one session."""

    def __init__(self) -> None:
        self._rest = b""  # of a frame that is not whole
        self._frames: deque[_Frame] = deque()
        self._count = 0  # frames translated
        self._owed: deque[tuple[int, str]] = deque()  # from which frame on, and what to say
        self._sound = b""
        self._spoken = 0  # words said
        self._heard = 0  # words that were made up
        self._loud_ms = 0
        self._loud_words = 0

    @property
    def has_frame(self) -> bool:
        """Whether there is audio for one frame."""
        return bool(self._frames)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be translated, nor to be said."""
        return not (self._frames or self._owed or self._sound)

    def listen(self, audio: bytes) -> None:
        """Take in audio: PCM of 16 bits at 24 kHz."""
        whole = self._rest + audio
        end = len(whole) // FRAME_BYTES * FRAME_BYTES
        self._rest = whole[end:]
        for start in range(0, end, FRAME_BYTES):
            is_loud = rms(whole[start : start + FRAME_BYTES]) > _LOUD
            self._frames.append(_Frame(is_loud, []))

    def hear(self, text: str, ms: float | None) -> None:
        """Take in words as if they had been said, behind the audio that is here."""
        self.fill()
        utterance = _Utterance(text)
        each = WORD_MS if ms is None else ms / len(utterance.words)
        count = len(utterance.words)
        frames = [_Frame(False, []) for _ in range(_frames_in(each * count))]
        for number in range(count):
            last = _frames_in(each * (number + 1)) - 1
            frames[min(last, len(frames) - 1)].ends.append((utterance, number))
        self._frames += frames

    def fill(self) -> None:
        """Make the frame whole that is not, with silence."""
        if self._rest:
            self.listen(bytes(FRAME_BYTES - len(self._rest)))

    def interpret(self, translate: Callable[[str], str]) -> Interpreted:
        """Translate the next frame; once there is none, go on with silence."""
        frame = self._frames.popleft() if self._frames else _Frame(False, [])
        self._count += 1
        heard: list[str] = []
        for utterance, number in (*self._made_up(is_loud=frame.is_loud), *frame.ends):
            heard.append(utterance.words[number])
            for word in utterance.translation_of(number, translate):
                self._owed.append((self._count + LAG_FRAMES, word))
        said: list[str] = []
        while self._owed and self._owed[0][0] <= self._count:
            said.append(self._owed.popleft()[1])
            self._sound += speech(1, 1.0, PCM, first=self._spoken)
            self._spoken += 1
        audio, self._sound = self._sound[:FRAME_BYTES], self._sound[FRAME_BYTES:]
        audio += bytes(FRAME_BYTES - len(audio))
        return Interpreted(self._count * FRAME_MS, heard, said, audio)

    def _made_up(self, *, is_loud: bool) -> Iterator[tuple[_Utterance, int]]:
        """The words that somebody must have said who was loud for so long."""
        if is_loud:
            self._loud_ms += FRAME_MS
            words = self._loud_ms // WORD_MS
        else:
            words = 1 if self._loud_ms else 0
        for _ in range(self._loud_words, words):
            self._heard += 1
            yield _Utterance(f"word{self._heard}"), 0
        self._loud_words = max(words, self._loud_words)
        if not is_loud:
            self._loud_ms = self._loud_words = 0

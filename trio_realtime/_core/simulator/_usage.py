"""What responses cost: tokens in and out, what of them was cached, and the rate limit they use up.

The arithmetic, all of it: a word is a token, and so is a piece of arguments; ten tokens are a
second of what the user said, twenty a second of what the model said (as measured on recorded
usage). `total = input + output`, `input = text + audio`, `output = text + audio`, and cached
tokens are among the input's. This module does not know when usage is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._json import Object

OUTPUT_TOKENS_PER_SECOND: Final = 20
INPUT_TOKENS_PER_SECOND: Final = 10

# In all recordings but one cached tokens are the largest multiple of this that the context known
# before allows; they are text before they are audio, which is our choice.
_CACHED: Final = 64

TOKENS_PER_MINUTE: Final = 40_000
"""The rate limit of the lowest tier."""


@final
@dataclass(frozen=True, slots=True)
class Tokens:
    """How many tokens of each kind."""

    text: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio


def tokens_of(instructions: str, context: Sequence[Entry]) -> Tokens:
    """The tokens of what the model sees."""
    text, audio = len(instructions.split()), 0.0
    for entry in context:
        words, audio_ms = entry.counted or _counted(entry)
        text += words
        audio += audio_ms
    return Tokens(text, int(audio) // 1000)


def _counted(entry: Entry) -> tuple[int, float]:
    audio = entry.input_ms * INPUT_TOKENS_PER_SECOND
    audio += (entry.audio_ms or 0) * OUTPUT_TOKENS_PER_SECOND
    counted = len(f"{entry.written} {entry.spoken}".split()), audio
    if entry.item.get("status") != "in_progress":
        entry.counted = counted
    return counted


@final
class Budget:
    """What one response has cost so far, and may cost."""

    def __init__(self, limit: JsonValue = None) -> None:
        self._limit = limit if isinstance(limit, int) else None
        self._text = 0
        self._audio_ms = 0
        self.spent: bool = False
        """Whether more was asked for than the limit allows."""

    @property
    def made(self) -> Tokens:
        """The tokens of what was generated."""
        return Tokens(self._text, self._audio_ms * OUTPUT_TOKENS_PER_SECOND // 1000)

    def take(self, *, text: int = 0, audio_ms: int = 0) -> bool:
        """Take so much; returns False, and takes nothing, if it is more than the limit allows."""
        audio = (self._audio_ms + audio_ms) * OUTPUT_TOKENS_PER_SECOND // 1000
        if self._limit is not None and self._text + text + audio > self._limit:
            self.spent = True
            return False
        self._text += text
        self._audio_ms += audio_ms
        return True


def usage_of(given: Tokens, cached: Tokens, made: Tokens, reasoning: int | None) -> Object:
    """The `usage` of a response.

    Reasoning tokens are among the text tokens of the output, which is our choice: one recording
    shows their field, and none what it adds up to.
    """
    output: Object = {"text_tokens": made.text, "audio_tokens": made.audio}
    if reasoning is not None:
        output["reasoning_tokens"] = reasoning
    return {
        "total_tokens": given.total + made.total,
        "input_tokens": given.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": given.text,
            "audio_tokens": given.audio,
            "image_tokens": 0,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": output,
    }


@final
class Meter:
    """What the responses of one session have used so far.

    The rate limit is a bucket that fills in a minute: so the recorded `reset_seconds` add up. That
    each session has its own, and that a response takes its total tokens when it is done, is our
    choice.
    """

    def __init__(self, *, now: float) -> None:
        self._known = 0
        self._limit = TOKENS_PER_MINUTE
        self._remaining = float(TOKENS_PER_MINUTE)
        self._read_at = now

    def cached(self, given: Tokens) -> Tokens:
        """How much of a context was seen by the response before."""
        cached = min(self._known, given.total) // _CACHED * _CACHED
        text = min(given.text, cached)
        return Tokens(text, cached - text)

    def remember(self, given: Tokens, made: Tokens) -> None:
        """Note what a response of the conversation saw and added to it."""
        self._known = given.total + made.total

    def spend(self, tokens: int, now: float) -> None:
        """Take tokens out of the rate limit; it never goes below nothing."""
        self._fill(now)
        self._remaining = max(0.0, self._remaining - tokens)

    def set(self, limit: int | None, remaining: int | None, now: float) -> None:
        """Set the limit, and what remains of it."""
        self._fill(now)
        if limit is not None:
            self._limit = limit
        self._remaining = min(self._remaining if remaining is None else remaining, self._limit)

    def _fill(self, now: float) -> None:
        filled = self._remaining + (now - self._read_at) * self._limit / 60
        self._remaining, self._read_at = min(float(self._limit), filled), now

    def rate_limits(self, now: float) -> Object:
        """The fields of `rate_limits.updated`. The real server's are only about tokens, too."""
        self._fill(now)
        missing = self._limit - self._remaining
        return {
            "rate_limits": [
                {
                    "name": "tokens",
                    "limit": self._limit,
                    "remaining": int(self._remaining),
                    "reset_seconds": int(missing / self._limit * 60_000) / 1000,
                }
            ]
        }

"""What a session has used: the usage that the server tells, added up by kind.

This module adds; it knows no prices, and it invents nothing: what the server leaves out counts
nothing. It does not know who asked for a response, nor whether anybody read it.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, final

from trio_realtime._core._outgoing import fields_at, text_at, value_at
from trio_realtime._core._recent import RecentIds
from trio_realtime.events import InvalidEvent

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

# A duplicate comes within the same turn.
_KNOWN_IDS: Final = 128


@final
@dataclasses.dataclass(frozen=True, slots=True)
class UsageTotals:
    """What a connection has used so far, as the server told it.

    ::

        before = conn.usage
        ...
        spent = conn.usage.output_audio_tokens - before.output_audio_tokens

    A snapshot: it does not change. Each response counts once, whoever asked for it, however it
    ended, and also where its `response.done` came twice. Numbers that the server leaves out count
    nothing; what they are worth is up to its price list. Transcription is paid for separately, by
    tokens or by duration, and is in none of the totals of responses.
    """

    responses: int = 0
    """Responses that have ended."""

    responses_without_usage: int = 0
    """How many of them told no usage: while this is not 0, the totals may be too low."""

    total_tokens: int = 0
    """Input and output of all responses."""

    input_tokens: int = 0
    """Input of all responses. Each reads the whole conversation again, so this grows faster than
    the conversation."""

    output_tokens: int = 0
    """Output of all responses."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0

    cached_tokens: int = 0
    """How many of `input_tokens` came from the cache: part of them, not in addition."""

    cached_text_tokens: int = 0
    """Part of `input_text_tokens`."""

    cached_audio_tokens: int = 0
    """Part of `input_audio_tokens`."""

    cached_image_tokens: int = 0
    """Part of `input_image_tokens`."""

    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    reasoning_tokens: int = 0
    """How many of `output_tokens` were spent on thinking."""

    transcriptions: int = 0
    """Transcriptions of what the user said that are complete."""

    transcriptions_without_usage: int = 0
    """How many of them told no usage."""

    transcription_input_tokens: int = 0
    """Of transcriptions that are paid for by tokens."""

    transcription_output_tokens: int = 0
    """Of transcriptions that are paid for by tokens."""

    transcription_seconds: float = 0.0
    """Seconds of audio, of transcriptions that are paid for by duration."""


_RESPONSE: Final[Mapping[tuple[str, ...], Mapping[str, str]]] = {
    (): {
        "total_tokens": "total_tokens",
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
    },
    ("input_token_details",): {
        "input_text_tokens": "text_tokens",
        "input_audio_tokens": "audio_tokens",
        "input_image_tokens": "image_tokens",
        "cached_tokens": "cached_tokens",
    },
    ("input_token_details", "cached_tokens_details"): {
        "cached_text_tokens": "text_tokens",
        "cached_audio_tokens": "audio_tokens",
        "cached_image_tokens": "image_tokens",
    },
    ("output_token_details",): {
        "output_text_tokens": "text_tokens",
        "output_audio_tokens": "audio_tokens",
        "reasoning_tokens": "reasoning_tokens",
    },
}
"""Where the usage of a response has each of its numbers, and what they are called there."""

_TRANSCRIPTION: Final = {
    "transcription_input_tokens": "input_tokens",
    "transcription_output_tokens": "output_tokens",
}

METERED: Final = frozenset(
    {"<invalid>", "conversation.item.input_audio_transcription.completed", "response.done"}
)
"""The types of the events that a meter wants to see."""


@final
class UsageMeter:
    """Adds up the usage that a session's events tell.

    Events that did not validate count too, by what can be read of them: they were paid for.
    """

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._seconds: float = 0.0
        self._responses = RecentIds(_KNOWN_IDS)
        self._transcriptions = RecentIds(_KNOWN_IDS)

    @property
    def totals(self) -> UsageTotals:
        """What was used up to now."""
        return UsageTotals(**self._counts, transcription_seconds=self._seconds)

    def receive(self, event: Event) -> None:
        """Count an event that tells usage; any other changes nothing. Never raises."""
        kind = event.wire_type if isinstance(event, InvalidEvent) else event.type
        if kind == "response.done":
            self._count_response(event)
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._count_transcription(event)

    def _count_response(self, event: Event) -> None:
        response_id = text_at(event, "response", "id")
        if response_id in self._responses:
            return
        self._responses.add(response_id)
        usage = value_at(event, "response", "usage")
        counts = self._counts
        counts["responses"] += 1
        counts["responses_without_usage"] += usage is None
        for path, names in _RESPONSE.items():
            self._add(fields_at(usage, *path), names)

    def _count_transcription(self, event: Event) -> None:
        item_id = text_at(event, "item_id")
        if item_id is not None:
            part = f"{item_id} {value_at(event, 'content_index')}"
            if part in self._transcriptions:
                return
            self._transcriptions.add(part)
        usage = value_at(event, "usage")
        told = fields_at(usage)
        counts = self._counts
        counts["transcriptions"] += 1
        counts["transcriptions_without_usage"] += usage is None
        self._add(told, _TRANSCRIPTION)
        seconds = told.get("seconds")
        if type(seconds) is int or (isinstance(seconds, float) and math.isfinite(seconds)):
            self._seconds += seconds

    def _add(self, told: Mapping[str, object], names: Mapping[str, str]) -> None:
        counts = self._counts
        for name, wire_name in names.items():
            found = told.get(wire_name)
            # An event that did not validate may hold anything; a bool is no number either.
            if type(found) is int:
                counts[name] += found

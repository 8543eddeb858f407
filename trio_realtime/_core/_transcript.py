"""What a transcription is made of: pieces, speakers' segments, and one end for each item.

These are what `conn.transcripts()` hands out. This module does not know in which order they come.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from trio_realtime._core._outgoing import text_at, value_at
from trio_realtime.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
)
from trio_realtime.types import LogProb, TranscriptionError, TranscriptionUsage

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

TranscriptFailure: TypeAlias = Literal["server", "item_deleted", "buffer_cleared", "overdue"]
"""Why there is no transcript: the server said so; the item was deleted, or the audio cleared,
before it was transcribed; or so much was held behind it that it was waited for no longer."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptDelta:
    """More of what is said."""

    item_id: str
    """The item it belongs to, which may not be committed yet."""

    content_index: int
    """The part of the item; 0 is right for all that the API makes."""

    text: str
    """The next words. They may begin with a blank that the whole does not have."""

    logprobs: tuple[LogProb, ...] = ()
    """How sure the model is; only where the session includes it."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSegment:
    """A stretch of the transcript with its speaker, by models that tell speakers apart."""

    item_id: str
    """The item it belongs to."""

    content_index: int
    """The part of the item."""

    id: str
    """The segment's own id; empty from a server that names none."""

    speaker: str
    """A label, the same for the same voice."""

    text: str
    """What this speaker said."""

    start_seconds: float | None
    """Where it begins in the item's audio."""

    end_seconds: float | None
    """Where it ends."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptCompleted:
    """The whole transcript of an item: its end."""

    item_id: str
    """The item."""

    content_index: int
    """The part of the item."""

    text: str
    """All that was said; empty for silence."""

    usage: TranscriptionUsage | None = None
    """What it cost, in tokens or in seconds; `conn.usage` has the sum."""

    languages: tuple[str, ...] = ()
    """The languages heard, by models that tell."""

    logprobs: tuple[LogProb, ...] = ()
    """How sure the model is; only where the session includes it."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFailed:
    """There will be no transcript of an item: its end. The session goes on."""

    item_id: str
    """The item."""

    content_index: int
    """The part of the item."""

    reason: TranscriptFailure
    """Who says so, and why."""

    error: TranscriptionError
    """What the server said. For the other reasons a sentence of ours."""


Transcript: TypeAlias = TranscriptDelta | TranscriptSegment | TranscriptCompleted | TranscriptFailed
"""What `conn.transcripts()` hands out. Of each item that was committed the last is a
`TranscriptCompleted` or a `TranscriptFailed`, and there is one of them."""

_PREFIX: Final = "conversation.item.input_audio_transcription."

_WORDS: Final[dict[TranscriptFailure, str]] = {
    "item_deleted": "the item was deleted before it was transcribed",
    "buffer_cleared": "the audio was cleared before it was committed",
    "overdue": "too much was held behind it",
}


def transcript_from_event(kind: str, event: Event) -> Transcript | None:
    """Read a piece off an event, also off one that did not validate; None where there is none.

    Args:
        kind: The event's type on the wire, where that is a known one.
        event: The event.
    """
    item_id = text_at(event, "item_id")
    if item_id is None or not kind.startswith(_PREFIX):
        return None
    index = value_at(event, "content_index")
    content_index = index if isinstance(index, int) else 0
    match kind.removeprefix(_PREFIX):
        case "delta":
            logprobs = None
            if isinstance(event, ConversationItemInputAudioTranscriptionDelta):
                logprobs = event.logprobs
            return TranscriptDelta(
                item_id=item_id,
                content_index=content_index,
                text=text_at(event, "delta") or "",
                logprobs=tuple(logprobs or ()),
            )
        case "segment":
            return TranscriptSegment(
                item_id=item_id,
                content_index=content_index,
                id=text_at(event, "id") or "",
                speaker=text_at(event, "speaker") or "",
                text=text_at(event, "text") or "",
                start_seconds=_number(value_at(event, "start")),
                end_seconds=_number(value_at(event, "end")),
            )
        case "completed":
            return _completed(item_id, content_index, event)
        case _:  # `failed`: an event of another type has none that we know
            said = value_at(event, "error")
            error = said if isinstance(said, TranscriptionError) else _error_from(said)
            return TranscriptFailed(
                item_id=item_id, content_index=content_index, reason="server", error=error
            )


def failed(item_id: str, reason: TranscriptFailure) -> TranscriptFailed:
    """The end of an item for a reason of ours."""
    error = TranscriptionError(code=reason, message=_WORDS[reason])
    return TranscriptFailed(item_id=item_id, content_index=0, reason=reason, error=error)


def _completed(item_id: str, content_index: int, event: Event) -> TranscriptCompleted:
    text = text_at(event, "transcript") or ""
    if not isinstance(event, ConversationItemInputAudioTranscriptionCompleted):
        return TranscriptCompleted(item_id=item_id, content_index=content_index, text=text)
    return TranscriptCompleted(
        item_id=item_id,
        content_index=content_index,
        text=text,
        usage=event.usage,
        languages=tuple(language.code for language in event.languages or ()),
        logprobs=tuple(event.logprobs or ()),
    )


def _error_from(said: object) -> TranscriptionError:
    return TranscriptionError(
        type=text_at(said, "type"),
        code=text_at(said, "code"),
        message=text_at(said, "message"),
        param=text_at(said, "param"),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

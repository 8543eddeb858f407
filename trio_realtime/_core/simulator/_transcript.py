"""The transcription of what the user said: always the same words for the same length.

This module does not know what anybody really said, nor when it is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._json import Object, objects_of
from trio_realtime._core.simulator._reply import INPUT_TOKENS_PER_SECOND, obfuscation
from trio_realtime._core.simulator._stage import Emit, Letters

_SECONDS_PER_WORD: Final = 0.02
"""How long a word takes to be transcribed; our choice. Measured were half a second and more for
a sentence."""

_PREFIX: Final = "conversation.item.input_audio_transcription"


def transcript_of(speech_ms: float) -> str:
    """What was heard in so much speech; nothing in silence."""
    return f"Speech of {speech_ms / 1000:.1f} seconds." if speech_ms else ""


def transcription(entry: Entry, model: str, emit: Emit, letters: Letters) -> Iterator[float]:
    """Write the transcription of an item. Yields the seconds until the next event."""
    transcript = transcript_of(entry.speech_ms or 0.0)
    here: Object = {"item_id": entry.id, "content_index": 0}
    # The first delta begins with a blank, which is not in the whole: so does the real server's.
    for word in re.findall(r" \S+", f" {transcript}"):
        yield _SECONDS_PER_WORD
        emit(f"{_PREFIX}.delta", {**here, "delta": word, "obfuscation": obfuscation(letters, word)})
    yield _SECONDS_PER_WORD
    for part in objects_of(entry.item.get("content")):
        part["transcript"] = transcript
    usage = _usage(entry, model, len(transcript.split()))
    emit(f"{_PREFIX}.completed", {**here, "transcript": transcript, "usage": usage})


def _usage(entry: Entry, model: str, words: int) -> Object:
    seconds = (entry.speech_ms or 0.0) / 1000
    if not model.startswith("gpt-4o"):
        return {"type": "duration", "seconds": math.ceil(seconds)}
    heard = math.ceil(seconds * INPUT_TOKENS_PER_SECOND)
    return {
        "type": "tokens",
        "total_tokens": heard + words,
        "input_tokens": heard,
        "output_tokens": words,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }

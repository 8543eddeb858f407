"""The transcription of what the user said: what a test told, or the same words for the same length.

Recorded: deltas of a streaming model before the item is committed; the blank before the first
word, which is not in the whole; usage by duration or by tokens. Documented: one delta for
`whisper-1`. Specified: segments of speakers, languages, log probabilities. When a word comes, and
that a segment follows the deltas, is our choice. This module does not know when it is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from trio_realtime._core.simulator._conversation import Entry
from trio_realtime._core.simulator._errors import RefusedError
from trio_realtime._core.simulator._json import Object, at, objects_of, text_of
from trio_realtime._core.simulator._outputs import obfuscation
from trio_realtime._core.simulator._settings import INCLUDE_LOGPROBS
from trio_realtime._core.simulator._stage import Stage
from trio_realtime._core.simulator._usage import INPUT_TOKENS_PER_SECOND

_SECONDS_PER_WORD: Final = 0.02
"""How long a word takes to be transcribed; our choice. Measured were half a second and more for
a sentence."""

_PREFIX: Final = "conversation.item.input_audio_transcription"

_STREAMING: Final = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""The models that write while somebody speaks."""

_BY_TOKENS: Final = "gpt-4o"
"""How the names of the models begin that are paid by tokens; the others are by duration."""

_EARLY: Final = "Speech of"
"""What any speech is known to begin with, before its length is."""

_WORD: Final = re.compile(r"\s*\S+")


def transcript_of(speech_ms: float) -> str:
    """What was heard in so much speech; nothing in silence."""
    return f"Speech of {speech_ms / 1000:.1f} seconds." if speech_ms else ""


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """What a session asks of transcription."""

    model: str
    logprobs: bool
    languages: Sequence[str]

    @property
    def streams(self) -> bool:
        """Whether words come before the turn is over."""
        return self.model in _STREAMING


def wanted_of(session: Object) -> Wanted | None:
    """What the session asks of transcription, or None where it asks for none."""
    asked = at(session, "audio", "input", "transcription")
    if not isinstance(asked, dict):
        return None
    include, given = session.get("include"), asked.get("languages")
    languages = given if isinstance(given, list) else [asked.get("language")]
    return Wanted(
        text_of(asked.get("model")),
        isinstance(include, list) and INCLUDE_LOGPROBS in include,
        [text_of(each) for each in languages if each],
    )


@final
class Transcription:
    """The transcription of one item, which may not be there yet."""

    def __init__(self, stage: Stage, item_id: str, wanted: Wanted) -> None:
        self.item_id: str = item_id
        self._stage = stage
        self._wanted = wanted
        self._here: Object = {"item_id": item_id, "content_index": 0}
        self._sent: list[str] = []
        self._logprobs: list[Object] = []
        self._over = False
        """Whether the user has stopped, or what was said is forgotten: no more early words."""

    def listen(self) -> Iterator[float]:
        """Write what is known while somebody still speaks. Yields the seconds in between."""
        for word in self._words(_EARLY):
            yield _SECONDS_PER_WORD
            if self._over:
                return
            self._delta(word)

    def overhear(self, text: str) -> None:
        """Write the first half of a text at once, as if its speaker were in the midst of it."""
        words = self._words(text)
        for word in words[: len(words) // 2]:
            self._delta(word)

    def forget(self) -> None:
        """Write nothing more: what was said is forgotten."""
        self._over = True

    def finish(
        self, entry: Entry, *, seconds: float, failure: RefusedError | None
    ) -> Iterator[float]:
        """Write the rest, or that it failed. Yields the seconds until the next event."""
        self._over = True
        yield seconds
        if failure is not None:
            error = failure.payload(None)
            del error["event_id"]
            self._stage.emit(f"{_PREFIX}.failed", {**self._here, "error": error})
            return
        sent = len(self._sent)
        words = self._words((entry.heard or transcript_of(entry.speech_ms or 0.0)).strip())
        # What was written too early, before it was known what would be said, is not taken back.
        words = words if words[:sent] == self._sent else [*self._sent, *words]
        transcript = "".join(words).strip()
        for word in words[sent:]:
            yield _SECONDS_PER_WORD
            self._delta(word)
        yield _SECONDS_PER_WORD
        if self._wanted.model.endswith("-diarize") and transcript:
            self._segment(transcript, entry.input_ms / 1000)
        for part in objects_of(entry.item.get("content")):
            part["transcript"] = transcript
        entry.counted = None
        self._completed(entry, transcript)

    def _words(self, text: str) -> list[str]:
        if self._wanted.model == "whisper-1":
            return [text] if text else []
        # The first delta begins with a blank, which is not in the whole: so does the real one's.
        return _WORD.findall(f" {text.strip()}")

    def _delta(self, word: str) -> None:
        self._sent.append(word)
        fields: Object = {"delta": word, "obfuscation": obfuscation(self._stage.letters, word)}
        if self._wanted.logprobs:
            token: Object = {"token": word, "logprob": -0.01, "bytes": [*word.encode()]}
            self._logprobs.append(token)
            fields["logprobs"] = [token]
        self._stage.emit(f"{_PREFIX}.delta", {**self._here, **fields})

    def _segment(self, transcript: str, seconds: float) -> None:
        fields: Object = {
            "text": transcript,
            "id": self._stage.id("seg_"),
            "speaker": "A",
            "start": 0.0,
            "end": seconds,
        }
        self._stage.emit(f"{_PREFIX}.segment", {**self._here, **fields})

    def _completed(self, entry: Entry, transcript: str) -> None:
        usage = _usage(entry, self._wanted.model, len(transcript.split()))
        fields: Object = {"transcript": transcript, "usage": usage}
        if self._wanted.logprobs:
            fields["logprobs"] = [*self._logprobs]
        if self._wanted.model == "gpt-transcribe":
            fields["languages"] = [{"code": code} for code in self._wanted.languages]
        self._stage.emit(f"{_PREFIX}.completed", {**self._here, **fields})


def _usage(entry: Entry, model: str, words: int) -> Object:
    # Of the whole audio, silence included: that of silence alone has been measured to be paid.
    seconds = entry.input_ms / 1000
    if not model.startswith(_BY_TOKENS):
        return {"type": "duration", "seconds": math.ceil(seconds)}
    heard = math.ceil(seconds * INPUT_TOKENS_PER_SECOND)
    return {
        "type": "tokens",
        "total_tokens": heard + words,
        "input_tokens": heard,
        "output_tokens": words,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }

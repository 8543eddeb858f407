"""What a file's transcription is, and how it is written down: text, subtitles, JSON.

This module makes texts. It does not know where they go.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Literal, TypeAlias, final

from pydantic import JsonValue

from trio_realtime import TranscriptSegment
from trio_realtime.cli._transcribe_recording import Span

Format: TypeAlias = Literal["text", "srt", "json"]
"""How a transcription is written down."""

SUFFIXES: dict[Format, str] = {"text": ".txt", "srt": ".srt", "json": ".json"}


@final
@dataclasses.dataclass(slots=True)
class Passage:
    """One piece of the recording, and what was said in it."""

    span: Span
    text: str = ""
    problem: str | None = None
    """Why it was not transcribed."""

    is_over: bool = False
    """Whether the server has said one or the other."""

    languages: tuple[str, ...] = ()
    segments: list[TranscriptSegment] = dataclasses.field(default_factory=list[TranscriptSegment])


@final
@dataclasses.dataclass(slots=True)
class FileTranscript:
    """What was said in a file."""

    name: str
    model: str
    seconds: float
    passages: list[Passage]

    def written(self, form: Format, *, indent: int | None = None) -> str:
        """The whole, with a line break at its end; empty text stays empty."""
        match form:
            case "text":
                return "".join(f"{line}\n" for line in self._lines())
            case "srt":
                cues = enumerate(self._cues(), start=1)
                return "\n".join(
                    f"{n}\n{_clock(span.start)} --> {_clock(span.end)}\n{text}\n"
                    for n, (span, text) in cues
                )
            case _:
                return json.dumps(self._object(), ensure_ascii=False, indent=indent) + "\n"

    @property
    def problems(self) -> Iterator[str]:
        """What was not transcribed, and why, as lines."""
        for problem, group in groupby(self.passages, key=lambda each: each.problem):
            if problem is not None:
                spans = [passage.span for passage in group]
                start, end = (_clock(second)[:8] for second in (spans[0].start, spans[-1].end))
                yield f"{self.name}: {start} to {end} was not transcribed: {problem}"

    def _lines(self) -> Iterator[str]:
        for _, text in self._cues():
            yield text

    def _cues(self) -> Iterator[tuple[Span, str]]:
        for passage in self.passages:
            start, end = passage.span
            if not passage.segments and (text := _one_line(passage.text)):
                yield passage.span, text
            for segment in passage.segments:
                begins = start + (segment.start_seconds or 0.0)
                ends = end if segment.end_seconds is None else start + segment.end_seconds
                who = f"{segment.speaker}: " if segment.speaker else ""
                yield Span(begins, ends), f"{who}{_one_line(segment.text)}"

    def _object(self) -> dict[str, JsonValue]:
        return {
            "file": self.name,
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "text": " ".join(filter(None, (_one_line(each.text) for each in self.passages))),
            "passages": [_object_of(passage) for passage in self.passages],
        }


def _object_of(passage: Passage) -> JsonValue:
    start, end = passage.span
    said: dict[str, JsonValue] = {"start": round(start, 3), "end": round(end, 3)}
    if passage.problem is not None:
        return {**said, "error": passage.problem}
    said["text"] = passage.text
    if passage.languages:
        said["languages"] = [*passage.languages]
    if passage.segments:
        said["segments"] = [
            {
                "start": round(start + (each.start_seconds or 0.0), 3),
                "end": round(end if each.end_seconds is None else start + each.end_seconds, 3),
                "speaker": each.speaker,
                "text": each.text,
            }
            for each in passage.segments
        ]
    return said


def _one_line(text: str) -> str:
    # A blank line would end a subtitle.
    return " ".join(text.split())


def _clock(seconds: float) -> str:
    """A time as subtitles have it."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

"""One row of the evidence table: what happens, what the server sends, and how we know.

Rows are facts about the wire, as data. This module does not know how the simulated server brings
an outcome about; that it does is for the tests to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final, get_args

Evidence: TypeAlias = Literal[
    "recorded", "measured", "specification", "guide", "reported", "our choice"
]
"""How we know that the real server does it. The best there is counts."""

KINDS: Final[Mapping[Evidence, str]] = {
    "recorded": "frames of OpenAI's or Azure's server, in order, that were recorded and published",
    "measured": "a third party measured it on the real server, and said how",
    "specification": "OpenAI's OpenAPI document says so",
    "guide": "OpenAI's guides say so",
    "reported": "users of the real server quote it, or clients of theirs handle it",
    "our choice": "nothing we know of says what the real server does, or not all of it",
}
"""What each kind of evidence is, best first."""

NOTHING: Final = ("nothing",)
"""The outcome of what the server does not answer."""

RECORDINGS: Final = "https://github.com/pydantic/pydantic-ai/tree/main/tests/realtime/cassettes"
"""Sessions of OpenAI's and Azure's GA servers, published with pydantic-ai."""

SPECIFICATION: Final = "https://github.com/openai/openai-openapi"
"""OpenAI's OpenAPI document; read at its state of 2026-08-21."""

GUIDE: Final = "https://platform.openai.com/docs/guides/realtime-conversations"
"""OpenAI's guide to conversations."""

TRANSCRIPTION_GUIDE: Final = "https://platform.openai.com/docs/guides/realtime-transcription"
"""OpenAI's guide to transcription."""

ITEM: Final = ("conversation.item.added", "conversation.item.done")
"""What announces an item that somebody else than the model made."""

TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"
"""What the types of all events of a transcription begin with."""

TURN_ENDS: Final = ("input_audio_buffer.speech_stopped", "input_audio_buffer.committed", *ITEM)
"""What tells that a user has stopped speaking."""

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STEP: Final = re.compile(r"[a-z_.]+(\([^()]+\))?")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event in one situation, the outcome, and the evidence.

    Raises:
        ValueError: if any of it is missing or malformed: there is no row without evidence.
    """

    id: str
    """Its name, by which the test that proves it is found."""

    cause: str
    """The client's event, or what happens: `connecting`, `time`, `speech`, ..."""

    when: str
    """The situation."""

    outcome: tuple[str, ...]
    """What the server sends: types of events in order, with what tells them apart in brackets
    (the code of an error, the status of a response, the code of a close).

    A run of one type counts once, and so do deltas of several types that alternate.
    """

    evidence: Evidence
    """How we know."""

    source: str
    """Who says so; of our own choices, why."""

    link: str | None = None
    """Where it can be read, if that is public."""

    variant: str | None = None
    """The argument of the simulated server that brings this about, if it is not what it does."""

    drivers: tuple[str, ...] = ()
    """The methods of a simulated session by which a test brings this about."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"a row's id is words joined by hyphens, not {self.id!r}")
        for name in ("cause", "when", "source"):
            if not getattr(self, name).strip():
                raise ValueError(f"row {self.id}: {name} is empty")
        if self.evidence not in get_args(Evidence):
            raise ValueError(f"row {self.id}: {self.evidence!r} is no kind of evidence")
        if not self.outcome or not all(_STEP.fullmatch(step) for step in self.outcome):
            raise ValueError(f"row {self.id}: {self.outcome!r} is no outcome")
        if self.link is not None and not self.link.startswith("https://"):
            raise ValueError(f"row {self.id}: {self.link!r} is no public address")

"""What a cassette holds: what passed, when, on which connection, and who sent it.

This module does not know how that is written, nor what may stand in a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from pydantic import JsonValue

Policy: TypeAlias = Literal["cut", "keep"]

Side: TypeAlias = Literal["client", "server"]

MessageKind: TypeAlias = Literal["frame", "text", "binary_frame", "binary"]


class CassetteError(Exception):
    """A cassette cannot be read, or not be written."""


@final
class CassetteSecretError(CassetteError):
    """What was to be written holds a key that cannot be taken out. Nothing of it was kept."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is said of a cassette as a whole."""

    recorded_with: str = ""
    """Which program recorded it."""

    recorded_at: str = ""
    """When, as ISO 8601."""

    audio: Policy = "cut"
    """Whether audio was cut."""

    text: Policy = "keep"
    """Whether what was said was cut."""

    session_ids: Policy = "keep"
    """Whether the ids of sessions were cut."""


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """A connection was opened."""

    url: str = ""
    """Where to, redacted."""

    query: Mapping[str, str] | None = None
    """What was asked for: `model`, `call_id` or `intent`. None matches whatever is asked for."""

    subprotocol: str | None = None
    """The subprotocol the server chose."""


@final
@dataclass(frozen=True, slots=True)
class Refused:
    """The upgrade of a connection was answered with another status than 101."""

    status: int
    url: str = ""
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""


@final
@dataclass(frozen=True, slots=True)
class Message:
    """A message passed."""

    side: Side
    """Who sent it."""

    kind: MessageKind
    """What `content` is."""

    content: JsonValue
    """The JSON; or the text, or the bytes in base64, or a mark in place of what was cut."""


@final
@dataclass(frozen=True, slots=True)
class Closed:
    """A side ended the connection."""

    side: Side
    code: int | None
    """The code of its close frame; None where the link broke without one."""
    reason: str = ""


What: TypeAlias = Opened | Refused | Message | Closed


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    at: float
    """Seconds since the recording began."""

    connection: int
    """The number of the connection, from 1 on."""

    what: What
    line: int = 0
    """The number of its line, from 1 on; 0 for an entry that was not read from a file."""


@final
@dataclass(frozen=True, slots=True)
class Cassette:
    """What was recorded."""

    header: Header
    entries: tuple[Entry, ...]

    def connections(self) -> dict[int, tuple[Entry, ...]]:
        """The entries of each connection, in the order in which connections were made."""
        found: dict[int, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.connection, []).append(entry)
        return {number: tuple(entries) for number, entries in found.items()}

"""The laws of cassettes, without I/O: what is kept, what matches, and what is played when.

Nothing here knows Trio, a clock, a file or a socket: `trio_realtime.testing` is the shell.
"""

from trio_realtime._core.cassette._entry import (
    Cassette,
    CassetteError,
    CassetteSecretError,
    Closed,
    Entry,
    Header,
    Message,
    Opened,
    Policy,
    Refused,
    Side,
    What,
)
from trio_realtime._core.cassette._lines import (
    cassette_from_text,
    line_from_entry,
    line_from_header,
)
from trio_realtime._core.cassette._matching import Match
from trio_realtime._core.cassette._playback import MismatchError, Playback
from trio_realtime._core.cassette._scrubbing import Scrubber
from trio_realtime._core.cassette._shelf import Shelf

__all__ = [
    "Cassette",
    "CassetteError",
    "CassetteSecretError",
    "Closed",
    "Entry",
    "Header",
    "Match",
    "Message",
    "MismatchError",
    "Opened",
    "Playback",
    "Policy",
    "Refused",
    "Scrubber",
    "Shelf",
    "Side",
    "What",
    "cassette_from_text",
    "line_from_entry",
    "line_from_header",
]

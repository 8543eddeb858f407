"""The evidence table: every event in every situation that the simulated server knows, as data.

`docs/simulated_server.md` is written from it. The tests bring each row about, and refuse an event,
a refusal or a variant that no row tells of. This module does not know how any of it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trio_realtime._core.simulator._evidence_beta import AZURE_ROWS, BETA_ROWS, SUBPROTOCOL_ROWS
from trio_realtime._core.simulator._evidence_calls import CALL_ROWS
from trio_realtime._core.simulator._evidence_items import ITEM_ROWS
from trio_realtime._core.simulator._evidence_mcp import MCP_ROWS
from trio_realtime._core.simulator._evidence_responses import CANCEL_ROWS, RESPONSE_ROWS
from trio_realtime._core.simulator._evidence_rest import SECRET_ROWS
from trio_realtime._core.simulator._evidence_row import Row
from trio_realtime._core.simulator._evidence_server import (
    CONNECTION_ROWS,
    SPEECH_ROWS,
    TIME_ROWS,
    TRANSCRIPTION_ROWS,
)
from trio_realtime._core.simulator._evidence_session import (
    BUFFER_ROWS,
    ENVELOPE_ROWS,
    SESSION_ROWS,
)
from trio_realtime._core.simulator._evidence_translation import TRANSLATION_ROWS
from trio_realtime._core.simulator._evidence_variants import DRIVEN_ROWS, VARIANT_ROWS

SECTIONS: Final[Mapping[str, tuple[Row, ...]]] = {
    "Connecting and closing": (*CONNECTION_ROWS, *SUBPROTOCOL_ROWS),
    "Azure": AZURE_ROWS,
    "Ephemeral keys": SECRET_ROWS,
    "Calls": CALL_ROWS,
    "Any message": ENVELOPE_ROWS,
    "The session": SESSION_ROWS,
    "The input buffer": BUFFER_ROWS,
    "The items of the conversation": ITEM_ROWS,
    "Responses": RESPONSE_ROWS,
    "Cancelling": CANCEL_ROWS,
    "MCP": MCP_ROWS,
    "Speech": SPEECH_ROWS,
    "Transcription": TRANSCRIPTION_ROWS,
    "Translation": TRANSLATION_ROWS,
    "The beta dialect": BETA_ROWS,
    "What comes by itself": TIME_ROWS,
    "What only a test has a server do": DRIVEN_ROWS,
    "Variants": VARIANT_ROWS,
}
"""All rows, under the headings of the page."""

TABLE: Final = tuple(row for rows in SECTIONS.values() for row in rows)
"""All rows."""

NEVER_SENT: Final[Mapping[str, str]] = {
    "conversation.created": "no recorded session has it",
}
"""The server events that the simulated server does not send, and why.

`SimulatedSession.push` sends them, as it sends anything.
"""

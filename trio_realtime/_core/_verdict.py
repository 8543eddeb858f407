"""What becomes of an event, and whose fault an `error` is.

This module reads errors. It does not know who waits.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, final

from trio_realtime._core._outgoing import text_at
from trio_realtime.errors import ServerError, server_error_from_event
from trio_realtime.events import Error

if TYPE_CHECKING:
    from trio_realtime._core._event import Event

FATAL_CODES: Final = frozenset(
    {
        "session_expired",
        "beta_api_shape_disabled",
        "invalid_api_key",
        "missing_model",
        "invalid_model",
        "credit_balance_exhausted",
    }
)
"""Codes of errors after which the server closes: the close that follows carries them."""

_BUSY: Final = "conversation_already_has_active_response"

# Errors at a plain frame that are nothing to fix in it; the beta dialect has them without a code.
_BLAMELESS: Final = FATAL_CODES | {
    # Races: the frame was right when it was sent.
    "response_cancel_not_active",
    _BUSY,
    "input_audio_buffer_commit_empty",
}
# A truncation that comes too late has no code of its own, only this sentence: "Audio content of
# 3700ms is already shorter than 3760ms", seen with `invalid_value`.
_TOO_LATE: Final = "already shorter than"
# What the beta dialect says, without a code, of two of the races (public reports of 2024).
_BUSY_SENTENCE: Final = "already has an active response"
_EMPTY_SENTENCE: Final = "Error committing input audio buffer"
_BLAMELESS_SENTENCES: Final = (_TOO_LATE, _BUSY_SENTENCE, _EMPTY_SENTENCE)
# What the library cut off by itself may have been deleted meanwhile, and by the program.
_GONE: Final = "item_truncate_invalid_item_id"


@final
class Verdict(enum.Enum):
    """What becomes of an event after the table has seen it. Taps see every event regardless."""

    DELIVER = enum.auto()
    """It belongs in the stream."""

    RAISED = enum.auto()
    """It was raised at the request it names, and is not in the stream."""

    SWALLOWED = enum.auto()
    """It answers a request whose caller has gone."""

    ABSORBED = enum.auto()
    """It says that what the library sent by itself came too late."""

    YOURS = enum.auto()
    """It names a frame sent without waiting, and is to be fixed: raise it from the stream."""


def is_ours_too_late(event: Event) -> bool:
    """Whether an error that names a frame of the library's own only says that it came too late."""
    return (isinstance(event, Error) and event.error.code == _GONE) or not is_yours(event)


def is_yours(event: Event) -> bool:
    """Whether an error that names a plain frame tells of a mistake, not of bad luck."""
    if not isinstance(event, Error) or event.error.type != "invalid_request_error":
        return False
    said = event.error.message or ""
    return event.error.code not in _BLAMELESS and not any(
        sentence in said for sentence in _BLAMELESS_SENTENCES
    )


def says_busy(code: str | None, message: str | None) -> bool:
    """Whether an error refuses a response because another one is under way."""
    return code == _BUSY or (code is None and _BUSY_SENTENCE in (message or ""))


def error_from_event(event: Event, secrets: Collection[str]) -> ServerError:
    """Make a new `ServerError` of an error, also of one that did not validate."""
    if isinstance(event, Error):
        return server_error_from_event(event, secrets)
    return ServerError(
        type=text_at(event, "error", "type"),
        code=text_at(event, "error", "code"),
        # Why it did not validate may be that the sentence is not where it should be.
        message=text_at(event, "error", "message")
        or text_at(event, "error")
        or text_at(event, "message")
        or "",
        param=text_at(event, "error", "param"),
        event_id=text_at(event, "error", "event_id"),
        secrets=secrets,
    )

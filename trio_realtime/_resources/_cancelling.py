"""Cancelling a response, in any dialect.

This module does not know what a `response.done` looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_realtime.errors import ServerError
from trio_realtime.events import ResponseCancel

if TYPE_CHECKING:
    from trio_realtime._connection import Caller
    from trio_realtime._core._event import Event

_NOTHING_TO_CANCEL: Final = "response_cancel_not_active"


async def cancelled(caller: Caller, response_id: str | None, event_id: str | None) -> Event | None:
    """Stop a response and wait for its `response.done`; None when there was nothing to cancel.

    Cancelled before the writer has taken the frame, nothing was sent; later, it is still cancelled.

    Raises:
        ServerError: if the server refuses for any other reason.
        ConnectionClosedError: if the connection is lost before the answer.
    """
    event = ResponseCancel(event_id=event_id)
    if response_id is not None:
        event = ResponseCancel(event_id=event_id, response_id=response_id)
    try:
        return await caller.request(event)
    except ServerError as error:
        if error.code == _NOTHING_TO_CANCEL:
            return None
        raise

"""The event of an error."""

from typing import Literal

from trio_realtime.types._base import ServerModel
from trio_realtime.types._errors import ErrorDetails


class Error(ServerModel):
    """Something went wrong, most often with an event that a client sent.

    The session goes on after nearly all of them. `error.event_id` names the client event that
    caused it, which is not this event's own `event_id`.
    """

    type: Literal["error"] = "error"
    error: ErrorDetails

"""What stands for the events of a dialect: who names none means GA.

The defaults are for type checkers: at run time a bare name says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from trio_realtime._core._event import Event
    from trio_realtime.events import ClientEvent, ServerEvent
    from trio_realtime.types import Response
    from trio_realtime.types._base import ClientModel

    EventT = TypeVar("EventT", bound=Event, default=ServerEvent)
    ClientEventT = TypeVar("ClientEventT", bound=ClientModel, default=ClientEvent)
    ResponseT = TypeVar("ResponseT", default=Response)
else:
    from typing import TypeVar

    EventT = TypeVar("EventT")
    """Everything that a connection of the dialect can deliver."""

    ClientEventT = TypeVar("ClientEventT")
    """Every event that a client of the dialect can send."""

    ResponseT = TypeVar("ResponseT")
    """What the dialect calls a response."""

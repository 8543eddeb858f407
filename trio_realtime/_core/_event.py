"""What every event of every dialect has.

The laws look at the type of an event, and look up by name what else they need: so they hold for
dialects that are not known here.
"""

from __future__ import annotations

from typing import Protocol


class Event(Protocol):
    """An event of the server: a model, or what stands for one that is unknown or not valid."""

    @property
    def type(self) -> str:
        """Its wire name, or the tag of what is not known."""
        ...

    @property
    def event_id(self) -> str | None:
        """The server's id of it."""
        ...

"""What is delivered in place of an event that is not known, or not valid.

The stream never ends because of what is in a frame. Both classes have a `type` that no server
sends, so that `match` and `if event.type == ...` tell them from the known events.
"""

import dataclasses
from typing import Literal, final

from pydantic import JsonValue

from trio_realtime.types._unknown import Problem


@final
@dataclasses.dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type that this release does not know."""

    wire_type: str
    """The `type` on the wire."""

    event_id: str | None
    data: dict[str, JsonValue] = dataclasses.field(repr=False)
    """The whole event."""

    type: Literal["<unknown>"] = dataclasses.field(default="<unknown>", init=False, repr=False)


@final
@dataclasses.dataclass(frozen=True, slots=True)
class InvalidEvent:
    """A frame that is not an event, or an event of a known type that does not validate."""

    wire_type: str | None
    """The `type` on the wire; None where there is no JSON object with one."""

    event_id: str | None
    data: JsonValue = dataclasses.field(repr=False)
    """What the frame held: the JSON value, or the text itself where that is not JSON."""

    problems: tuple[Problem, ...]
    """What is wrong with it: places and kinds, never the contents."""

    type: Literal["<invalid>"] = dataclasses.field(default="<invalid>", init=False, repr=False)

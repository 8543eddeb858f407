"""From the arguments of a call to a frame, and from an odd answer to what can be read of it."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, final

from pydantic import JsonValue

from trio_realtime.events import InvalidEvent, encode

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime.types._base import ClientModel

JsonObject: TypeAlias = Mapping[str, JsonValue]
"""An object in the shape of the wire, which goes out as it is."""


@final
class Unset(enum.Enum):
    """The type of `UNSET`, the default of arguments for which None is a value of its own.

    None is sent as null and means something: `turn_detection` null switches turn detection off.
    What is `UNSET` stays out of the frame, and keeps the value that it has on the server.
    """

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Not given, as opposed to None."""


def given(**fields: object) -> dict[str, object]:
    """The arguments that were given."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def not_both(name: str, whole: object, fields: Mapping[str, object]) -> None:
    """Refuse a thing that is given whole and in fields.

    Raises:
        TypeError: if it is.
    """
    if whole is not None and fields:
        raise TypeError(f"give {name}= or its fields ({', '.join(fields)}), not both")


def frame_from_fields(
    wire_type: str, event_id: str | None, **fields: JsonValue
) -> dict[str, JsonValue]:
    """A frame in the shape of the wire; without an `event_id` it gets one when it is sent."""
    frame: dict[str, JsonValue] = {"type": wire_type}
    if event_id is not None:
        frame["event_id"] = event_id
    return {**frame, **fields}


def with_extra_fields(
    event: ClientModel | JsonObject, extra_fields: JsonObject | None
) -> ClientModel | JsonObject:
    """Merge fields that the models do not have into a frame, object by object."""
    if not extra_fields:
        return event
    merged: dict[str, JsonValue] = json.loads(encode(event, extra_fields=extra_fields))
    return merged


def readable_part(answer: Event, field: str) -> str:
    """The JSON of an object in an answer that did not validate, without what is wrong in it.

    An answer acknowledges by its type alone, so a call may succeed with an answer that this release
    cannot read. What can be read of it is worth more than an error.
    """
    # The pending table settles a request with the right type of event or with an invalid one.
    assert isinstance(answer, InvalidEvent)
    part = answer.data.get(field) if isinstance(answer.data, dict) else None
    if not isinstance(part, dict):
        return "{}"
    wrong = {
        problem.location[1]
        for problem in answer.problems
        if len(problem.location) > 1 and problem.location[0] == field
    }
    return json.dumps({name: value for name, value in part.items() if name not in wrong})

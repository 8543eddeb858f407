"""One look at every kind of event: typed, decoded or text.

This module does not know what is wanted of an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias, cast, final

from pydantic import JsonValue

from trio_realtime.events import ClientEvent, InvalidEvent, ServerEvent, UnknownEvent
from trio_realtime.types._base import WireModel

EventLike: TypeAlias = ServerEvent | ClientEvent | Mapping[str, object] | str | bytes
"""An event as this package, another client or the wire has it."""

_INVALID: Final = "<invalid>"


@final
class EventView:
    """The type and the JSON of one event."""

    __slots__ = ("_data", "_event", "type")

    def __init__(self, type: str, event: WireModel | dict[str, JsonValue]) -> None:  # noqa: A002
        self.type: str = type
        """The type on the wire; `<invalid>` for what is no event."""
        self._event = event
        self._data: dict[str, JsonValue] | None = None

    @property
    def data(self) -> dict[str, JsonValue]:
        """The event as it is on the wire."""
        if self._data is None:
            event = self._event
            self._data = _json_of_model(event) if isinstance(event, WireModel) else event
        return self._data


def _json_of_model(event: WireModel) -> dict[str, JsonValue]:
    written = event.__pydantic_serializer__.to_json(event, exclude_unset=True)
    return cast("dict[str, JsonValue]", json.loads(written))


def view_of_event(event: object) -> EventView:
    """Look at an event of any kind.

    Raises:
        TypeError: if it is none.
    """
    if isinstance(event, WireModel):
        return EventView(str(getattr(event, "type", _INVALID)), event)
    if isinstance(event, UnknownEvent):
        return EventView(event.wire_type, event.data)
    if isinstance(event, InvalidEvent):
        return _view_of_json(event.data)
    if isinstance(event, str | bytes):
        text = event.decode(errors="replace") if isinstance(event, bytes) else event
        try:
            return _view_of_json(json.loads(text))
        except ValueError:
            return _view_of_json(text)
    if isinstance(event, Mapping):
        return _view_of_json(dict(cast("Mapping[str, JsonValue]", event)))
    raise TypeError(
        f"an event is a typed event, a mapping or a JSON text, not {type(event).__name__}"
    )


def _view_of_json(value: JsonValue) -> EventView:
    if not isinstance(value, dict):
        return EventView(_INVALID, {"<not an event>": value})
    kind = value.get("type")
    return EventView(kind if isinstance(kind, str) else _INVALID, value)

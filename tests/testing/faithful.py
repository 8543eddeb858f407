"""What a server must keep to be believed: every frame valid, complete, and in a legal order.

The recordings are not part of the project. Where they are absent, what rests on them is not
checked, and everything else still is.
"""

from __future__ import annotations

import base64
import functools
import importlib
import json
from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias, TypedDict, cast

from pydantic import JsonValue

from tests.core.betas import BEYOND
from tests.testing.order import Order
from tests.testing.presence import Frame, Served, loaded, oddities, recorded_sessions
from trio_realtime.events import Dialect, InvalidEvent, UnknownEvent, decode_server

__all__ = [
    "Frame",
    "check_frame",
    "check_order",
    "check_text",
    "recorded_sessions",
    "types_of",
]

Shape: TypeAlias = "str | tuple[Shape, ...]"


class _Validator(Protocol):
    def validate(self, instance: object) -> None: ...


@functools.cache
def _schema() -> dict[str, JsonValue]:
    return loaded("schema.json")


@functools.cache
def _inventory(dialect: Dialect) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """By the type of a server event: what it must hold, and what it may."""
    return {
        row["type"]: (frozenset(row["required"]), frozenset(row["fields"]))
        for row in cast("list[_Row]", loaded("event_types.json") or [])
        if row["direction"] == "server" and dialect in row["dialects"]
    }


class _Row(TypedDict):
    type: str
    direction: str
    dialects: list[str]
    required: list[str]
    fields: dict[str, JsonValue]


@functools.cache
def _validator(kind: str, dialect: Dialect) -> _Validator | None:
    schema = _schema()
    index = schema.get("x-event-index")
    if not isinstance(index, dict):
        return None
    names = index[f"{dialect}_server"]
    assert isinstance(names, dict)
    if kind not in names:
        return None  # the schemas of the other dialects are not complete
    # By name: it has no type stubs of its own.
    jsonschema = importlib.import_module("jsonschema")
    rules = {"$ref": f"#/$defs/{names[kind]}", "$defs": schema["$defs"]}
    return cast("_Validator", jsonschema.Draft202012Validator(rules))


# Events that no inventory has, but servers of the dialect.
_BEYOND: Final = {"beta": BEYOND, "translation": set[str]()}

# What genuine frames lack of the inventory's members, and what they have beside them.
_OTHERWISE: Final = {
    ("beta", "conversation.item.input_audio_transcription.completed"): ({"usage"}, set[str]()),
    ("beta", "response.function_call_arguments.done"): (set[str](), {"name"}),
}


def check_frame(text: str | bytes, served: Served = "ga") -> Frame:
    """Check one server frame by itself, and return it."""
    dialect: Dialect = "beta" if served == "voice-live" else served
    event = decode_server(text, dialect)
    assert not isinstance(event, (InvalidEvent, UnknownEvent)), event
    frame: Frame = json.loads(text)
    _check_whole(frame, dialect, served)
    return frame


def _check_whole(frame: Frame, dialect: Dialect, served: Served) -> None:
    kind = str(frame["type"])
    # The schema of the beta puts GA's items and responses into its events: no genuine one has them.
    validator = None if dialect == "beta" else _validator(kind, dialect)
    if validator is not None:
        validator.validate(frame)
    if dialect != "ga" and (inventory := _inventory(dialect)) and kind not in _BEYOND[dialect]:
        required, known = inventory[kind]
        less, more = _OTHERWISE.get((dialect, kind), (set[str](), set[str]()))
        assert required - less <= frame.keys() <= (known - less) | more, f"{kind}: {frame}"
    session = frame.get("session")
    if not isinstance(session, dict) or session.get("type", "realtime") != "transcription":
        odd = list(oddities(frame, served))
        assert odd == [], f"{frame['type']}: {'; '.join(odd)}: {frame}"


# Members whose text is anybody's: another text of the same kind makes no other frame.
_ANY_TEXT: Final = {
    "arguments",
    "call_id",
    "conversation_id",
    "delta",
    "event_id",
    "id",
    "instructions",
    "item_id",
    "message",
    "name",
    "obfuscation",
    "output",
    "previous_item_id",
    "response_id",
    "text",
    "transcript",
}

# Members whose number is bounded by the schema, or is no count.
_NUMBERS: Final = {"speed", "idle_timeout_ms", "threshold"}

_SHAPES_MAX: Final = 20_000

_seen: set[tuple[Served, Shape]] = set()


def _shape(value: JsonValue, name: str = "") -> Shape:
    """What a check of a frame depends on: frames of one shape are right or wrong together."""
    if isinstance(value, str):
        return "" if name in _ANY_TEXT else value
    if isinstance(value, dict):
        return tuple((key, _shape(each, key)) for key, each in value.items())
    if isinstance(value, list):
        return ("[]", *dict.fromkeys(_shape(each, name) for each in value))
    if isinstance(value, bool) or value is None or name in _NUMBERS:
        return ("=", str(value))
    return "int" if isinstance(value, int) else "float"


def check_text(text: str, served: Served = "ga") -> Frame:
    """Check one server frame as `check_frame` does, but each shape of frames once: cheap."""
    frame: Frame = json.loads(text)
    shape = (served, _shape(frame))
    if shape not in _seen:
        check_frame(text, served)
        if len(_seen) >= _SHAPES_MAX:
            _seen.clear()
        _seen.add(shape)
    if str(frame["type"]).endswith("audio.delta"):
        base64.b64decode(str(frame["delta"]), validate=True)
    return frame


def check_order(frames: Sequence[Frame], *, greeting: bool = False) -> None:
    """Check that everything a server sent in one session came in a legal order.

    Args:
        frames: All of them, but for what a client did not read to the end.
        greeting: Whether `session.created` must be the first.
    """
    order = Order(greeting=greeting)
    for frame in frames:
        order.see(frame)
    order.end()


def types_of(frames: Sequence[Frame]) -> list[str]:
    """The types of some frames, each run of one type once."""
    types: list[str] = []
    for frame in frames:
        if not types or types[-1] != frame["type"]:
            types.append(str(frame["type"]))
    return types

"""Reading JSON that may be anything.

The readers never raise: what is not of the kind asked for is the empty value of that kind. Who
must refuse a wrong kind looks first; this module does not know the protocol.
"""

from __future__ import annotations

from typing import TypeAlias

from pydantic import JsonValue

Object: TypeAlias = dict[str, JsonValue]
"""A JSON object."""


def object_of(value: JsonValue) -> Object:
    """The value as an object; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def objects_of(value: JsonValue) -> list[Object]:
    """The objects in a list; none if it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text_of(value: JsonValue) -> str:
    """The value as a string; an empty one if it is none."""
    return value if isinstance(value, str) else ""


def at(value: JsonValue, *path: str) -> JsonValue:
    """What lies at `path` inside nested objects, or None."""
    for name in path:
        value = object_of(value).get(name)
    return value


def kind_of(value: JsonValue) -> str:
    """What the server calls the JSON type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"

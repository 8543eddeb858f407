"""How a JSON value is checked: its type, its range, its members.

A value out of range is refused in the platform's usual words, which is our choice. This module
does not know which settings there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from trio_realtime._core.simulator._errors import (
    RefusedError,
    invalid_type,
    invalid_value,
    missing_parameter,
    out_of_range,
    unknown_parameter,
)
from trio_realtime._core.simulator._json import kind_of, object_of, text_of

Check: TypeAlias = Callable[[JsonValue, str], None]
"""Refuses a value that does not fit at a place, which has a name."""


def text(value: JsonValue, where: str) -> None:
    """Any string."""
    if not isinstance(value, str):
        raise invalid_type(where, "a string", kind_of(value))


def flag(value: JsonValue, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid_type(where, "a boolean", kind_of(value))


def free(value: JsonValue, where: str) -> None:
    """Any object."""
    if not isinstance(value, dict):
        raise invalid_type(where, "an object", kind_of(value))


def integer(low: int, high: int | None = None) -> Check:
    """An integer from `low` to `high`."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid_type(where, "an integer", kind_of(value))
        if value < low or (high is not None and value > high):
            raise out_of_range(where, value, low, high)

    return check


def number(low: float, high: float) -> Check:
    """A number from `low` to `high`."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise invalid_type(where, "a decimal number", kind_of(value))
        if not low <= value <= high:
            raise out_of_range(where, value, low, high)

    return check


def choice(*names: str) -> Check:
    """One of some strings."""

    def check(value: JsonValue, where: str) -> None:
        if value not in names:
            raise invalid_value(where, value, names)

    return check


def array(of: Check, *, fewest: int = 0) -> Check:
    """An array, each of whose members fits."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, list):
            raise invalid_type(where, "an array", kind_of(value))
        if len(value) < fewest:
            raise RefusedError(
                "array_below_min_length",
                f"Invalid '{where}': array too short. Expected an array with minimum length "
                f"{fewest}, but got an array with length {len(value)} instead.",
                param=where,
            )
        for position, each in enumerate(value):
            of(each, f"{where}[{position}]")

    return check


def members(rules: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object of such members and no others. Null stands for the default, so it always fits."""

    def check(value: JsonValue, where: str) -> None:
        if not isinstance(value, dict):
            raise invalid_type(where, "an object", kind_of(value))
        for name in value:
            if name not in rules:
                raise unknown_parameter(f"{where}.{name}")
        for name in required:
            if value.get(name) is None:
                raise missing_parameter(f"{where}.{name}")
        for name, each in value.items():
            if each is not None:
                rules[name](each, f"{where}.{name}")

    return check


def or_choice(names: tuple[str, ...], otherwise: Check) -> Check:
    """One of some strings, or what is no string."""

    def check(value: JsonValue, where: str) -> None:
        (choice(*names) if isinstance(value, str) else otherwise)(value, where)

    return check


def by_type(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says what else it holds."""

    def check(value: JsonValue, where: str) -> None:
        free(value, where)
        kind = object_of(value).get("type")
        if kind is None:
            raise missing_parameter(f"{where}.type")
        choice(*kinds)(kind, f"{where}.type")
        kinds[text_of(kind)](value, where)

    return check


def each_of(of: Check) -> Check:
    """An object, each of whose members fits, whatever its name."""

    def check(value: JsonValue, where: str) -> None:
        free(value, where)
        for name, each in object_of(value).items():
            of(each, f"{where}.{name}")

    return check

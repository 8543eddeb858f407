"""When a value is the wanted one, and how both are shown in a line.

This module does not know where in an event a value lies.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, cast, final

from pydantic import JsonValue

from trio_realtime._redaction import REDACTED, is_credential, redact

_SHOWN_MAX: Final = 48
"""Characters of a value in a line."""

_NAME_MAX: Final = 64
"""Characters of a type or a path in a line."""

_BEFORE: Final = 12
"""Characters shown before the place where two long texts differ."""

_BASE64_MIN: Final = 64
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@final
class Anything:
    """The type of `ANY`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY"


@final
class Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


ANY: Final = Anything()
"""Any event, where an event is wanted; any value, null too, where a field is."""

MISSING: Final = Missing()
"""No such field. (A field that is null is there, and matches None.)"""

Found: TypeAlias = JsonValue | Missing
"""What lies at some place in an event, if anything does."""


def is_wanted(wanted: object, value: Found) -> bool:
    """Whether `value` is what is wanted: exactly that, or what a description allows."""
    if isinstance(value, Missing) or isinstance(wanted, Missing):
        return isinstance(value, Missing) and isinstance(wanted, Missing)
    if isinstance(wanted, Anything):
        return True
    if isinstance(wanted, Mapping):
        return isinstance(value, dict) and _is_object(cast("Mapping[str, object]", wanted), value)
    if isinstance(wanted, list | tuple):
        return isinstance(value, list) and _is_array(cast("Sequence[object]", wanted), value)
    if isinstance(wanted, re.Pattern):
        expression = cast("re.Pattern[str]", wanted)
        return isinstance(value, str) and expression.search(value) is not None
    if isinstance(wanted, bytes):
        return value == base64.b64encode(wanted).decode()
    if isinstance(wanted, type):
        return isinstance(value, wanted) and not (wanted is not bool and isinstance(value, bool))
    if callable(wanted):
        return bool(wanted(value))
    # 1 == True in Python, but not on the wire.
    return isinstance(wanted, bool) == isinstance(value, bool) and bool(wanted == value)


def _is_object(wanted: Mapping[str, object], value: dict[str, JsonValue]) -> bool:
    return all(name in wanted for name in value) and all(
        is_wanted(each, value.get(name, MISSING)) for name, each in wanted.items()
    )


def _is_array(wanted: Sequence[object], value: list[JsonValue]) -> bool:
    return len(wanted) == len(value) and all(map(is_wanted, wanted, value))


def name_text(name: str) -> str:
    """A type or the name of a field, in a line: no control characters, and no secrets."""
    shown = redact(name)
    return cut(shown if shown.isprintable() else repr(shown)[1:-1], _NAME_MAX)


def wanted_text(wanted: object, beside: Found = None, *, name: str = "") -> str:
    """What is wanted, in a line; a long text around the place where it differs from another."""
    if is_credential(name) and isinstance(wanted, str | bytes):
        return REDACTED
    match wanted:
        case Anything():
            return "anything"
        case Missing():
            return "no such field"
        case re.Pattern():
            return cut(f"matches {cast('re.Pattern[str]', wanted).pattern!r}")
        case bytes():
            return f"{len(wanted)} bytes as base64"
        case type():
            return f"of type {wanted.__name__}"
        case str():
            return found_text(wanted, beside if isinstance(beside, str) else None)
        case _ if callable(wanted):
            return f"accepted by {getattr(wanted, '__qualname__', None) or repr(wanted)}"
        case _:
            return cut(redact(repr(wanted)))


def found_text(value: Found, beside: object = None, *, name: str = "") -> str:
    """What was found, in a line: long texts cut, audio counted, secrets redacted."""
    if isinstance(value, Missing):
        return "-"
    if is_credential(name) and value is not None:
        return REDACTED
    if not isinstance(value, str):
        return cut(redact(json.dumps(value, ensure_ascii=False)))
    if len(value) >= _BASE64_MIN and _BASE64.fullmatch(value):
        return f"<{len(value) * 3 // 4 - value.count('=')} bytes as base64>"
    shown = redact(value)
    start = 0
    if isinstance(beside, str) and len(shown) > _SHOWN_MAX:
        pairs = enumerate(zip(shown, beside, strict=False))
        start = max(0, next((n for n, (ours, theirs) in pairs if ours != theirs), 0) - _BEFORE)
    text = repr(shown[start:])
    return cut(f"…{text}" if start else text)


def cut(text: str, most: int = _SHOWN_MAX) -> str:
    """The beginning of a text, if it is too long for a line."""
    return text if len(text) <= most else f"{text[: most - 1]}…"

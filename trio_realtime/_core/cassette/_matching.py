"""Whether a client sends what it sent when it was recorded, but for the names it chooses.

A client gives events, items and calls ids of its own, mostly by chance: another run has others.
An id that the recorded client chose stands for whatever this one chose in its place, from then on
and in every frame of both sides; an id of the server's stands for itself.

This module does not know when a frame comes, nor what the server does with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.cassette._entry import Entry, Message
from trio_realtime._redaction import REDACTED

Match: TypeAlias = Literal["exact", "type"] | Callable[[JsonValue, JsonValue], bool]
"""How a client's frame is compared with the recorded one: in everything, by its `type` alone, or
by a function of the recorded and the actual frame."""

ABSENT: Final = "(absent)"

_Path: TypeAlias = tuple[str | int, ...]

_CREATE: Final = "conversation.item.create"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{8,}")

_RANDOM: Final = re.compile(r"(?=.*\d)[A-Za-z0-9_-]{16,}")


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """Where two frames differ first, and what they have there."""

    path: str
    expected: JsonValue
    actual: JsonValue


@final
class Names:
    """Which id of the running client stands for which of the recorded one."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._of_server: set[str] = set()
        """Ids that the server has made before any client used them."""
        self._new: dict[str, str] = {}
        self._old: dict[str, str] = {}
        of_client: set[str] = set()
        for entry in entries:
            if isinstance(entry.what, Message):
                mine = of_client if entry.what.side == "client" else self._of_server
                theirs = self._of_server if entry.what.side == "client" else of_client
                mine.update(each for each in _ids(entry.what.content) if each not in theirs)

    def difference(self, expected: JsonValue, actual: JsonValue) -> Difference | None:
        """Say where two client frames differ first; learn of the ids they choose on the way."""
        return next(self._differences(expected, actual, (), _kind(expected)), None)

    def learn(self, expected: JsonValue, actual: JsonValue) -> None:
        """Learn of the ids alone, of frames that need not be the same."""
        for _ in self._differences(expected, actual, (), _kind(expected)):
            pass

    def translated(self, value: JsonValue, name: str = "") -> JsonValue:
        """A recorded frame with this client's names in it. `name` is the field it stands in."""
        match value:
            case dict():
                return {key: self.translated(each, key) for key, each in value.items()}
            case list():
                return [self.translated(each, name) for each in value]
            case str():
                if _is_id(name):
                    return self._new.get(value, value)
                # A short id may be a word that somebody says.
                return _TOKEN.sub(lambda found: self._new.get(found[0], found[0]), value)
            case _:
                return value

    def _differences(
        self, expected: JsonValue, actual: JsonValue, path: _Path, kind: str
    ) -> Iterator[Difference]:
        if isinstance(expected, dict) and isinstance(actual, dict):
            for name in dict.fromkeys((*expected, *actual)):
                here = (*path, name)
                if name not in expected or name not in actual:
                    # Clients may name their events or not: servers take both.
                    if here != ("event_id",):
                        yield Difference(
                            written(here), expected.get(name, ABSENT), actual.get(name, ABSENT)
                        )
                    continue
                yield from self._differences(expected[name], actual[name], here, kind)
        elif isinstance(expected, list) and isinstance(actual, list):
            for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
                yield from self._differences(one, other, (*path, number), kind)
            if len(expected) != len(actual):
                number = min(len(expected), len(actual))
                one = expected[number] if number < len(expected) else ABSENT
                other = actual[number] if number < len(actual) else ABSENT
                yield Difference(written((*path, number)), one, other)
        elif isinstance(expected, str) and isinstance(actual, str):
            if not self._same(expected, actual, path, kind):
                yield Difference(written(path), self._new.get(expected, expected), actual)
        elif isinstance(expected, bool) is not isinstance(actual, bool) or expected != actual:
            yield Difference(written(path), expected, actual)

    def _same(self, expected: str, actual: str, path: _Path, kind: str) -> bool:
        if expected in self._new:
            # Where no id belongs it may be a word, which stands for itself.
            is_word = expected == actual and not _is_id(str(path[-1] if path else ""))
            return self._new[expected] == actual or is_word
        if _may_choose(path, kind, expected, actual) and expected not in self._of_server:
            if actual in self._old:
                return False
            self._new[expected], self._old[actual] = actual, expected
            return True
        return expected == actual or (REDACTED in expected and _is_redacted(expected, actual))


def written(path: _Path) -> str:
    """A path as people write it: `item.content[0].text`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the whole message"


def _kind(frame: JsonValue) -> str:
    kind = frame.get("type") if isinstance(frame, dict) else None
    return kind if isinstance(kind, str) else ""


def _may_choose(path: _Path, kind: str, expected: str, actual: str) -> bool:
    """Whether a client chooses the id that stands here."""
    match path:
        case ("event_id",):
            return True
        case ("item", "id" | "call_id"):
            return kind == _CREATE
        case ("response", "input", _, "id" | "call_id"):
            return True
        case ("response", "metadata", _):
            # Not each of them is an id; but chance is alike on both sides.
            return len(expected) == len(actual) and all(map(_RANDOM.fullmatch, (expected, actual)))
        case _:
            return False


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith("_id")


def _ids(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if isinstance(each, str) and _is_id(name):
                yield each
            else:
                yield from _ids(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ids(each)


def _is_redacted(expected: str, actual: str) -> bool:
    """What was redacted stands for anything."""
    # Not by a regular expression, which would try every way to share a text out.
    first, *others = expected.split(REDACTED)
    if not actual.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = actual.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(actual) - at >= len(others[-1]) and actual.endswith(others[-1])

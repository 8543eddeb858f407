"""What genuine frames always hold, and which of it a frame lacks.

From the recordings: by event, place and type of the object there, which members every such object
had, which ever were null, and which there were at all. From the larger corpus whose counts are
kept beside them: which members were there whenever their object was. Where neither is at hand,
nothing is known and nothing is amiss.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

from pydantic import JsonValue

from trio_realtime.events import Dialect

Frame: TypeAlias = dict[str, JsonValue]
Served: TypeAlias = Dialect | Literal["voice-live"]
"""A dialect as one server speaks it: all the recordings of beta are Voice Live's."""
Place: TypeAlias = tuple[str, str]
"""An event's type, and a path in it: `response.output[].content[]`."""

WIRE: Final = Path(__file__).resolve().parents[2] / ".." / "shared" / "wire"

# What the client has set, so that presence, nulls and other members are its choice: the recorded
# clients always described their tools, and never switched voice detection off.
_OF_THE_CLIENT: Final = ("session.tools[]",)

# Of transcriptions, where a session includes them or has a model for them: none that is recorded.
_ASKED_FOR: Final = {"logprobs", "languages"}

# What had a type that no sample has, even where only counts are kept.
_NEVER_SAMPLED: Final = {
    *("semantic_vad", "mcp_list_tools"),
    *("mcp_approval_request", "mcp_approval_response", "mcp_call"),
}

# Null out of band. No recording has such a response: our choice, and the table of evidence says so.
_NULL_BY_CHOICE: Final = {("response", "conversation_id")}


@final
@dataclass(slots=True)
class _Members:
    """The members of all objects of one type at one place."""

    objects: int = 0
    present: Counter[str] = field(default_factory=Counter[str])
    null: set[str] = field(default_factory=set[str])


def loaded(name: str) -> dict[str, JsonValue]:
    """A file about the wire; empty where the files are not here."""
    path = WIRE / name
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def recorded_sessions(dialect: Dialect = "ga") -> dict[str, list[tuple[str, Frame]]]:
    """The recorded sessions of a dialect: by name, each frame with its direction."""
    path = WIRE / "recorded_events.jsonl"
    sessions: dict[str, list[tuple[str, Frame]]] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        record = json.loads(line)
        odd = dialect == "ga" and "voice-live" in record["provider"]
        if record["dialect"] == dialect and not odd:
            session = sessions.setdefault(record["group"], [])
            session.append((record["direction"], record["event"]))
    return sessions


def objects_in(value: JsonValue, path: str = "") -> Iterator[tuple[str, Frame]]:
    """Every object in a frame, with its path."""
    if isinstance(value, dict):
        yield path, value
        for name, member in value.items():
            yield from objects_in(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for member in value:
            yield from objects_in(member, f"{path}[]")


def _type_of(value: Mapping[str, JsonValue]) -> str:
    return str(value.get("type", ""))


def _sessions(served: Served) -> dict[str, list[tuple[str, Frame]]]:
    if served == "beta":
        return {}
    return recorded_sessions("beta" if served == "voice-live" else served)


@functools.cache
def _recorded(served: Served) -> dict[Place, dict[str, _Members]]:
    places: dict[Place, dict[str, _Members]] = {}
    for frames in _sessions(served).values():
        for direction, frame in frames:
            for path, value in objects_in(frame) if direction == "server" else ():
                by_type = places.setdefault((str(frame["type"]), path), {})
                members = by_type.setdefault(_type_of(value), _Members())
                members.objects += 1
                members.present.update(list(value))
                members.null.update(name for name, each in value.items() if each is None)
    return places


# Whose counts there are.
_COUNTED: Final[dict[Served, tuple[str, ...]]] = {
    "ga": ("openai_ga", "azure_ga"),
    "beta": ("openai_beta",),
    "voice-live": (),
    "translation": (),
}


@functools.cache
def _counted(served: Served) -> dict[Place, tuple[frozenset[str], frozenset[str]]]:
    """By place: members that were there in all samples, and all that ever were."""
    always: dict[Place, list[set[str]]] = {}
    known: dict[Place, set[str]] = {}
    by_provider = loaded("field_presence.json")
    for provider in _COUNTED[served]:
        events = by_provider.get(provider)
        for kind, event in events.items() if isinstance(events, dict) else ():
            for path, (every, some) in _counted_in(event).items():
                always.setdefault((kind, path), []).append(every)
                known.setdefault((kind, path), set()).update(some)
    return {
        place: (frozenset(every[0].intersection(*every)), frozenset(known[place]))
        for place, every in always.items()
    }


def _counted_in(event: JsonValue) -> dict[str, tuple[set[str], set[str]]]:
    assert isinstance(event, dict)
    fields = event["fields"]
    assert isinstance(fields, dict)
    counts: dict[str, dict[str, int]] = {}
    objects: dict[str, int] = {"": int(str(event["n"]))}
    for path, facts in fields.items():
        assert isinstance(facts, dict)
        types = facts["types"]
        assert isinstance(types, dict)
        parent, _, name = path.rpartition(".")
        counts.setdefault(parent, {})[name] = int(str(facts["present"]))
        objects[path] = int(str(types.get("dict", 0)))
    places: dict[str, tuple[set[str], set[str]]] = {}
    for parent, members in counts.items():
        # Of the members of a list, the frames are counted that have any.
        whole = max(members.values()) if parent.endswith("[]") else objects[parent]
        if "type" in members and parent and whole != objects[""]:
            continue  # of several types, each with members of its own: only recordings tell them
        every = {name for name, count in members.items() if count == whole}
        places[parent] = (every, set(members))
    return places


def oddities(frame: Frame, served: Served = "ga") -> Iterator[str]:
    """What no genuine frame would lack, hold, or leave null."""
    kind = str(frame["type"])
    recorded, counted = _recorded(served), _counted(served)
    for path, value in objects_in(frame):
        if path.startswith(_OF_THE_CLIENT):
            continue
        by_type = recorded.get((kind, path), {})
        members = by_type.get(_type_of(value))
        always, known = counted.get((kind, path), (frozenset[str](), frozenset[str]()))
        if members is None and (by_type or _type_of(value) in _NEVER_SAMPLED):
            continue  # of a type that no sample was: a format without a rate, another detection
        if members is not None:
            always |= {name for name, count in members.present.items() if count == members.objects}
            known |= set(members.present)
            yield from _nulls(path, value, members)
        yield from (f"{path}: without {name}" for name in sorted(always - value.keys()))
        # A configuration holds what the client put there.
        if members is not None and not path.startswith("session"):
            other = sorted(value.keys() - known - _ASKED_FOR)
            yield from (f"{path}: with {name}" for name in other)


def _nulls(path: str, value: Frame, members: _Members) -> Iterator[str]:
    if path.startswith("session"):
        return
    for name, each in value.items():
        if each is None and name not in members.null and (path, name) not in _NULL_BY_CHOICE:
            yield f"{path}: null {name}"

"""Faults as a line of text, for a command line: read, with errors that say what to write instead.

This module reads settings. It does not know where the text came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Never, cast

from trio_realtime._core._faults import (
    NO_FAULTS,
    NO_STREAM_FAULTS,
    Faults,
    Place,
    StreamFaults,
    When,
)


@dataclass(frozen=True, slots=True)
class WrittenFaults:
    """What a text asks for."""

    from_server: Faults
    from_client: Faults
    stream: StreamFaults
    connections: int | None
    is_random: bool


@dataclass(slots=True)
class _Given:
    """The settings that were read so far."""

    server: dict[str, object] = field(default_factory=dict[str, object])
    client: dict[str, object] = field(default_factory=dict[str, object])
    stream: dict[str, object] = field(default_factory=dict[str, object])
    connections: int | None = None


def _place(text: str) -> Place:
    return int(text) if text.isdecimal() else text


def _when(text: str) -> When:
    if text.startswith("@"):
        return tuple(_place(each) for each in text[1:].split("+"))
    return float(text)


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]


_Reader = Callable[[str], object]

_FRAME_SETTINGS: Final[Mapping[str, _Reader]] = {
    "delay": float,
    "jitter": float,
    "duplicate": _when,
    "reorder": _when,
    "reorder_wait": float,
    "reorder_any": _flag,
    "malformed": _when,
    "unknown": _when,
    "oversize": _when,
    "oversize_bytes": int,
    "drop_before": _place,
    "drop_after": _place,
    "ending": str,
    "stall": _place,
    "stall_seconds": float,
}

_STREAM_SETTINGS: Final[Mapping[str, _Reader]] = {
    "piece": int,
    "piece_delay": float,
    "read_rate": float,
    "cut_after": int,
    "ending": str,
    "stall_after": int,
    "stall_seconds": float,
    "handshake": _flag,
}

_EXPECTED: Final[Mapping[_Reader, str]] = {
    float: "a number",
    int: "a whole number",
    _when: "a chance such as 0.02, or @ and numbers or types such as @3+response.done",
    _flag: "yes or no",
}

_SHAPE: Final = "write name=value, separated by commas, such as delay=0.1,client.duplicate=0.02"


def faults_from_text(text: str) -> WrittenFaults:
    """Read faults.

    Raises:
        ValueError: if the text cannot be read, or a value makes no sense.
    """
    if text.strip() == "random":
        return WrittenFaults(NO_FAULTS, NO_FAULTS, NO_STREAM_FAULTS, None, is_random=True)
    given = _Given()
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise ValueError(f"cannot read the fault {part.strip()!r}: {_SHAPE}; or write random")
        _take(given, name.strip(), value.strip())
    return WrittenFaults(
        # The tables above know the types, setting by setting; no annotation can tell.
        Faults(**cast("Mapping[str, Never]", given.server)),
        Faults(**cast("Mapping[str, Never]", given.client)),
        StreamFaults(**cast("Mapping[str, Never]", given.stream)),
        given.connections,
        is_random=False,
    )


def _take(given: _Given, written: str, value: str) -> None:
    if written == "connections":
        given.connections = _count(value)
        return
    side, _, name = written.rpartition(".")
    if side == "":
        side = "stream" if name not in _FRAME_SETTINGS and name in _STREAM_SETTINGS else "server"
    sides = {"server": given.server, "client": given.client, "stream": given.stream}
    if side not in sides:
        raise ValueError(
            f"there is no {side!r} to have faults: write server., client. or stream. before the "
            f"name, or nothing for the server"
        )
    settings = _STREAM_SETTINGS if side == "stream" else _FRAME_SETTINGS
    if name not in settings:
        close = get_close_matches(name, settings, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(settings)}"
        raise ValueError(f"there is no fault {name!r}: {hint}")
    sides[side][name] = _value(name, value, settings[name])


def _value(name: str, value: str, read: _Reader) -> object:
    try:
        return read(value)
    except (ValueError, KeyError):
        raise ValueError(f"{name} takes {_EXPECTED[read]}, not {value!r}") from None


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(f"connections takes a whole number, 1 or more, not {value!r}")
    return int(value)

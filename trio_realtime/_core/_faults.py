"""What may go wrong on the way between a client and a server, as settings: nothing happens here.

Two kinds of way are told apart. `Faults` are for messages, in one direction: the WebSocket below
stays healthy, and answers pings. `StreamFaults` are for the bytes below it, in both directions:
there a frame can be torn, and a network can die. What the settings do is in `_faulty_line`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection
from typing import Final, Literal, TypeAlias, cast, final

Chance: TypeAlias = Callable[[], float]
"""A source of chance: each call returns another number from 0 up to, but not, 1."""

Place: TypeAlias = int | str
"""One message: its number, from 1, or the `type` of an event, of which the first is meant."""

When: TypeAlias = float | str | Collection[Place]
"""Which messages: a chance from 0 to 1 for each; a `type`; or a collection of numbers and types."""

FaultEnding: TypeAlias = Literal["eof", "reset"]
"""How a connection is lost: the end of the stream without a CLOSE, or a reset (TCP's RST)."""

FaultKind: TypeAlias = Literal[
    "cut",
    "drop_after",
    "drop_before",
    "duplicate",
    "malformed",
    "oversize",
    "reorder",
    "stall",
    "unknown",
]
"""What a fault is called: as the setting that asks for it."""

_OVERSIZE_BYTES: Final = 64 * 2**20 + 1
"""One more than `Options.max_message_bytes` takes by default."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Faults:
    """What goes wrong with the messages of one direction. By default nothing.

    ::

        Faults(delay=0.1, jitter=0.05)  # a slow network
        Faults(duplicate=0.02)  # two in a hundred come twice
        Faults(duplicate=["response.done"])  # each of these comes twice
        Faults(drop_before=12, ending="reset")  # the 12th is lost, and the connection with it

    Messages are numbered from 1, from the first after the WebSocket upgrade. What is inserted has
    no number. Times are seconds.
    """

    delay: float = 0.0
    """How long a message takes. What is still on its way when the server hangs up is lost."""

    jitter: float = 0.0
    """Up to how much longer it may take. Messages never overtake each other for it."""

    duplicate: When = 0.0
    """Which messages come twice, one right after the other."""

    reorder: When = 0.0
    """Which messages are overtaken by the next one, if that belongs to another response. Messages
    that belong to no response are neither moved nor overtaken, nor are those that another fault
    has hit."""

    reorder_wait: float = 0.05
    """How long such a message waits for another to overtake it."""

    reorder_any: bool = False
    """Whether any message may overtake any other, also within a response. No server does this."""

    malformed: When = 0.0
    """Before which messages one is inserted that is not JSON."""

    unknown: When = 0.0
    """Before which messages an event is inserted whose type, `fault.unknown`, nobody knows."""

    oversize: When = 0.0
    """Before which messages one is inserted that is too big."""

    oversize_bytes: int = _OVERSIZE_BYTES
    """How big it is: by default one byte more than `Options.max_message_bytes`."""

    drop_before: Place | None = None
    """The connection is lost before this message was delivered: the other side never saw it."""

    drop_after: Place | None = None
    """The connection is lost right after this message was delivered. A client whose message it
    was cannot tell: to it this loss and the one before look the same."""

    ending: FaultEnding = "eof"
    """How the connection is lost."""

    stall: Place | None = None
    """From this message on nothing is delivered for `stall_seconds`. Pings are answered on."""

    stall_seconds: float = math.inf
    """How long; by default for ever."""

    def __post_init__(self) -> None:
        for name in ("delay", "jitter", "reorder_wait"):
            _check_number(self, name)
        _check_number(self, "stall_seconds", infinite=True)
        for name in ("duplicate", "reorder", "malformed", "unknown", "oversize"):
            _check_when(self, name)
        for name in ("drop_before", "drop_after", "stall"):
            _check_place(name, getattr(self, name))
        _check_count(self, "oversize_bytes")
        _check_ending(self)

    def __repr__(self) -> str:
        return _settings(self)


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StreamFaults:
    """What goes wrong with the bytes of a connection. By default nothing.

    ::

        StreamFaults(piece=7)  # at most 7 bytes at a time, both ways
        StreamFaults(read_rate=1000)  # a server that reads 1000 bytes a second
        StreamFaults(cut_after=5000, ending="reset")  # torn, wherever that is in a frame

    Bytes are counted from the end of the WebSocket upgrade, or with `handshake` from the first.
    Times are seconds.
    """

    piece: int | None = None
    """The most bytes that are sent or received at once; how many is left to chance each time."""

    piece_delay: float = 0.0
    """How long the server waits after each piece that it sent."""

    read_rate: float | None = None
    """How many bytes a second the server reads; 0 for none at all. Pings have to wait, too."""

    cut_after: int | None = None
    """The connection is lost once the server has sent this many bytes, also within a frame."""

    ending: FaultEnding = "eof"
    """How it is lost."""

    stall_after: int | None = None
    """Once the server has sent this many bytes, nothing passes in either direction for
    `stall_seconds`: a network that has died, where pings are not answered either."""

    stall_seconds: float = math.inf
    """How long; by default for ever."""

    handshake: bool = False
    """Whether the WebSocket upgrade suffers too."""

    def __post_init__(self) -> None:
        if self.piece is not None:
            _check_count(self, "piece")
        for name in ("cut_after", "stall_after"):
            if getattr(self, name) is not None:
                _check_count(self, name)
        _check_number(self, "piece_delay")
        _check_number(self, "stall_seconds", infinite=True)
        if self.read_rate is not None:
            _check_number(self, "read_rate")
        _check_ending(self)

    def __repr__(self) -> str:
        return _settings(self)


@final
@dataclasses.dataclass(frozen=True, slots=True)
class InjectedFault:
    """One thing that a `FaultPlan` did, for a test to look at or to subtract.

    Delays and pieces are not among them: they change when something arrives, not what.
    """

    kind: FaultKind
    """What was done, called as the setting that asked for it."""

    side: Literal["server", "client", "stream"]
    """Whose message it was done to; `"stream"` for what was done to the bytes."""

    connection: int
    """On which connection of the server, from 1."""

    frame: int
    """To which message, from 1. What is inserted comes before it; a message that is reordered
    comes after the one that followed it. For the stream: how many bytes the server had sent."""

    type: str | None
    """The `type` of that message, if it has one."""

    at: float
    """When, by Trio's clock."""

    def __str__(self) -> str:
        if self.side == "stream":
            what = f"after {self.frame} bytes"
        else:
            what = f"at frame {self.frame} from the {self.side} ({self.type})"
        return f"{self.at:.3f} s, connection {self.connection}: {self.kind} {what}"


def _settings(faults: Faults | StreamFaults) -> str:
    """Write settings as Python, without those that are as always."""
    given = [
        f"{field.name}={value!r}"
        for field in dataclasses.fields(faults)
        if (value := getattr(faults, field.name)) != field.default
    ]
    return f"{type(faults).__name__}({', '.join(given)})"


def _check_number(faults: object, name: str, *, infinite: bool = False) -> None:
    value: object = getattr(faults, name)
    if not isinstance(value, (int, float)) or not 0 <= value <= math.inf:
        raise ValueError(f"{name} must be a number, 0 or more; it is {value!r}")
    if value == math.inf and not infinite:
        raise ValueError(f"{name} must be finite; to let nothing arrive any more, use a stall")


def _check_count(faults: object, name: str) -> None:
    value: object = getattr(faults, name)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of bytes, 1 or more; it is {value!r}")


def _check_when(faults: object, name: str) -> None:
    value: object = getattr(faults, name)
    if isinstance(value, str):
        return
    if isinstance(value, (int, float)):
        if not 0 <= value <= 1:
            raise ValueError(
                f"{name} must be a chance from 0 to 1; it is {value!r}. "
                f"For a message by its number, write {name}=[{value!r}]"
            )
    elif isinstance(value, Collection):
        for each in cast("Collection[object]", value):
            _check_place(name, each)
    else:
        raise TypeError(
            f"{name} must be a chance, an event's type, or a list of numbers and types; "
            f"it is {value!r}"
        )


def _check_place(name: str, value: object) -> None:
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, int) or value < 1:
        raise ValueError(
            f"{name} takes the number of a message, from 1, or an event's type; not {value!r}"
        )


def _check_ending(faults: Faults | StreamFaults) -> None:
    if faults.ending not in ("eof", "reset"):
        raise ValueError(f"ending must be 'eof' or 'reset'; it is {faults.ending!r}")


NO_FAULTS: Final = Faults()
NO_STREAM_FAULTS: Final = StreamFaults()

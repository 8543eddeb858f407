"""What the tests of leaving share: a server, a victim, a moment, and what is left afterwards."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias, Unpack

import trio
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime import DEFAULT_OPTIONS, Options, RealtimeConnection, open_realtime
from trio_realtime.audio import AudioFormat
from trio_realtime.events import Error, ResponseDone, ServerEvent
from trio_realtime.testing import ClientFrame, Responder, SimulatedServer, SimulatedSession
from trio_realtime.testing._server import SimulatedServerOptions

Config: TypeAlias = Mapping[str, JsonValue]

MODEL: Final = "gpt-realtime-2.1"

UNHEARD: Final[Config] = {"audio": {"input": {"turn_detection": None}}}
"""A session that speaks, and in which only the client begins responses."""

TEXT: Final[Config] = {**UNHEARD, "output_modalities": ["text"]}
"""Likewise, but it writes."""

BARGING: Final[Config] = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
"""A session that speaks, and falls silent when the user does."""

LONG: Final = "word " * 200
"""Takes two seconds to write, or six to speak."""

PCM_MS: Final = 48
"""Bytes in a millisecond of PCM at 24 kHz."""


class Met(NamedTuple):
    """A connection, and the server's side of it."""

    conn: RealtimeConnection
    session: SimulatedSession

    def sent(self, kind: str) -> list[ClientFrame]:
        """What the client has sent of a type."""
        return [frame for frame in self.session.received if frame.type == kind]

    def cuts(self) -> list[tuple[JsonValue, JsonValue]]:
        """Which items the client has cut off, and where."""
        frames = self.sent("conversation.item.truncate")
        return [(frame["item_id"], frame["audio_end_ms"]) for frame in frames]

    def cancelled(self) -> list[JsonValue]:
        """The ids of the responses that the client has cancelled."""
        return [frame.get("response_id") for frame in self.sent("response.cancel")]

    def answers(self) -> list[tuple[JsonValue, JsonValue]]:
        """Status and text of what the model has said, as the server has it."""
        items = [item for item in self.session.conversation.items if item.get("role") != "user"]
        return [(item["status"], said_in(item)) for item in items]


@asynccontextmanager
async def met(
    reply: Responder = None,
    *,
    session: Config = TEXT,
    options: Options = DEFAULT_OPTIONS,
    **server_options: Unpack[SimulatedServerOptions],
) -> AsyncGenerator[Met]:
    """A connection to a simulated server."""
    with trio.fail_after(3000):
        async with SimulatedServer(reply, **server_options) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=session, options=options
            ) as conn:
                drained(conn)
                yield Met(conn, server.sessions[0])


def said_in(item: Mapping[str, JsonValue]) -> JsonValue:
    """The text of an item of the server's, or the transcript of its audio."""
    part = at({**item}, "content", 0)
    assert isinstance(part, dict)
    return part.get("text") or part.get("transcript")


def drained(conn: RealtimeConnection) -> list[ServerEvent]:
    """Take what the connection's stream holds."""
    events: list[ServerEvent] = []
    try:
        while True:
            events.append(conn.receive_nowait())
    except trio.WouldBlock:
        return events


def response_of(event: ServerEvent) -> str | None:
    """The response that an event says it belongs to."""
    own: object = getattr(event, "response_id", None)
    if own is None:
        own = getattr(getattr(event, "response", None), "id", None)
    return own if isinstance(own, str) else None


def of_responses(events: Sequence[ServerEvent]) -> list[ServerEvent]:
    """The events that belong to a response."""
    return [event for event in events if event.type.startswith("response.")]


def errors_in(events: Sequence[ServerEvent]) -> list[str | None]:
    """The codes of the server's errors."""
    return [event.error.code for event in events if isinstance(event, Error)]


def endings_in(events: Sequence[ServerEvent]) -> dict[str | None, str | None]:
    """By response: how it ended."""
    return {
        event.response.id: event.response.status
        for event in events
        if isinstance(event, ResponseDone)
    }


def g711(name: AudioFormat) -> Config:
    """A session that speaks as a telephone does."""
    return {"audio": {"output": {"format": {"type": name}}, "input": {"turn_detection": None}}}


def settled(conn: RealtimeConnection) -> bool:
    """Whether nothing is held, awaited or under way, and the next response could begin."""
    drained(conn)
    link = conn._link
    assert (link.budget.held, link.budget.waiting) == (0, 0)
    assert (link.outbox._held, link.outbox.current) == (0, None)
    assert (link.pending.outstanding, link.pending.uncertain) == (False, ())
    # Of items it remembers the last few, whatever has become of them.
    kept = {name: each for name, each in vars(link.replies).items() if name != "_items"}
    assert [name for name, each in kept.items() if each in ({}, [], set())] == [
        name for name, each in kept.items() if isinstance(each, dict | list | set)
    ]
    assert link.replies.deadline == math.inf
    return link.gate.is_open


class AtStep(trio.abc.Instrument):
    """Acts after one step of the scheduler, counted from when it was armed."""

    def __init__(self) -> None:
        self._left = 0
        self._act: Callable[[], None] | None = None

    def arm(self, step: int, act: Callable[[], None]) -> None:
        """Act after this step: 1 is the first from now on."""
        self._left, self._act = step, act

    def disarm(self) -> None:
        self._act = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._act is not None:
            self._left -= 1
            if not self._left:
                act, self._act = self._act, None
                act()

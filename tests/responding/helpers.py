"""A conversation with a server in memory, and what a test wants to know of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Unpack

import trio
from pydantic import JsonValue

from trio_realtime import Options, RealtimeConnection, Reply, open_realtime
from trio_realtime.events import Error, ResponseDone, ServerEvent
from trio_realtime.testing import (
    Responder,
    ScriptedConnection,
    ScriptedServer,
    SimulatedServer,
    SimulatedSession,
)
from trio_realtime.testing._server import SimulatedServerOptions

MODEL: Final = "gpt-realtime-2.1"

QUIET: Final[Mapping[str, JsonValue]] = {
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},
}
"""A session that writes, and in which only the client begins responses."""

SPEAKING: Final[Mapping[str, JsonValue]] = {"audio": {"input": {"turn_detection": None}}}
"""The same, but it speaks."""

WRITING: Final[Mapping[str, JsonValue]] = {"output_modalities": ["text"]}
"""A session that writes, and answers by itself what the user says."""

PATIENT: Final[Mapping[str, JsonValue]] = {
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}},
}
"""A session that writes, answers the user, and is not interrupted by him."""

DRIVEN: Final[Mapping[str, JsonValue]] = {
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
}
"""A session that hears the user, and leaves the answer to the client."""

BUSY: Final = "conversation_already_has_active_response"

LONG: Final = "one two three four five six seven eight nine ten " * 20
"""What takes two seconds to write."""


class Talk(NamedTuple):
    """Both ends of a conversation."""

    conn: RealtimeConnection
    server: SimulatedSession

    def sent(self, *kinds: str) -> list[str]:
        """The types of what the client has sent, of those that matter here."""
        sent = [frame.type for frame in self.server.received]
        return [kind for kind in sent if kind in kinds] if kinds else sent

    def frames(self, kind: str) -> list[Mapping[str, JsonValue]]:
        """What the client has sent of a type."""
        return [frame for frame in self.server.received if frame.type == kind]


@asynccontextmanager
async def talking(
    reply: Responder = None,
    *,
    session: Mapping[str, JsonValue] | None = QUIET,
    client: Options | None = None,
    yields_errors: bool = False,
    **options: Unpack[SimulatedServerOptions],
) -> AsyncGenerator[Talk]:
    """A connection to a simulated server, for at most ten minutes of virtual time."""
    with trio.fail_after(600):
        async with SimulatedServer(reply, **options) as server:
            async with open_realtime(
                MODEL,
                endpoint=server.endpoint,
                session=session,
                errors="yield" if yields_errors else "raise",
                options=client or Options(),
            ) as conn:
                yield Talk(conn, server.sessions[0])


@asynccontextmanager
async def scripted(
    *, session: Mapping[str, JsonValue] | None = None, ignore: tuple[str, ...] = ()
) -> AsyncGenerator[tuple[RealtimeConnection, ScriptedConnection]]:
    """A connection to a server that does what the test writes down; told its session at first."""
    with trio.fail_after(600):
        async with ScriptedServer(ignore=ignore) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                line = await server.accept()
                if session is not None:
                    await line.send({"type": "session.updated", "session": {**session}})
                yield conn, line


async def text_of(reply: Reply) -> str:
    """The whole text of a response."""
    return "".join([piece async for piece in reply.text()])


def held_by(conn: RealtimeConnection) -> list[ServerEvent]:
    """Take what the connection's stream holds."""
    events: list[ServerEvent] = []
    try:
        while True:
            events.append(conn.receive_nowait())
    except trio.WouldBlock:
        return events


def types_of(events: list[ServerEvent]) -> list[str]:
    return [event.type for event in events]


def of_response(event: ServerEvent) -> str | None:
    """The response that an event says it belongs to."""
    response = getattr(event, "response", None)
    own: object = getattr(event, "response_id", None)
    found = own if response is None else getattr(response, "id", None)
    return found if isinstance(found, str) else None


def errors_of(events: list[ServerEvent]) -> list[str | None]:
    return [event.error.code for event in events if isinstance(event, Error)]


def statuses_of(events: list[ServerEvent]) -> list[str | None]:
    return [event.response.status for event in events if isinstance(event, ResponseDone)]

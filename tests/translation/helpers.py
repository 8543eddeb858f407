"""A translation with a simulated server in memory, and a server that does as a test says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias, Unpack, final

import trio
from pydantic import JsonValue

from trio_realtime import Options, TranslationConnection, open_translation
from trio_realtime._transport import TransportClosed
from trio_realtime.testing import (
    ClientHandshake,
    Host,
    ServerSocket,
    SimulatedServer,
    SimulatedServerOptions,
    SimulatedSession,
)

MODEL: Final = "gpt-realtime-translate"

TRANSCRIBED: Final[JsonValue] = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


class Talk(NamedTuple):
    """Both ends of a translation."""

    conn: TranslationConnection
    server: SimulatedSession


@asynccontextmanager
async def translating(
    language: str = "nb",
    *,
    options: Options | None = None,
    **server_options: Unpack[SimulatedServerOptions],
) -> AsyncGenerator[Talk]:
    """A translation for at most ten minutes of virtual time."""
    with trio.fail_after(600):
        async with SimulatedServer(**server_options) as server:
            async with open_translation(
                MODEL, language, endpoint=server.endpoint, options=options or Options()
            ) as conn:
                yield Talk(conn, server.sessions[0])


Frames: TypeAlias = list[dict[str, JsonValue]]
Behaviour: TypeAlias = Callable[["Peer"], Awaitable[None]]


@final
class Peer(Host):
    """A server of translations that greets, confirms, and then does as it is told."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__()
        self.received: list[str] = []
        """The types of what the client sent."""
        self.asked_to_finish: trio.Event = trio.Event()
        self._behaviour = behaviour
        self._ws: ServerSocket | None = None

    async def tell(self, kind: str, **fields: JsonValue) -> None:
        """Send an event."""
        assert self._ws is not None
        await self._ws.send(json.dumps({"type": kind, "event_id": "event_of_a_peer", **fields}))

    async def say(self, word: str) -> None:
        """Send a word of the translation."""
        await self.tell("session.output_transcript.delta", delta=word)

    async def hang_up(self, code: int = 1000) -> None:
        """Send CLOSE."""
        assert self._ws is not None
        await self._ws.close(code)

    async def vanish(self) -> None:
        """End the connection without a word."""
        assert self._ws is not None
        await self._ws.aclose()

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        self._ws = ws
        await self.tell("session.created", session={"type": "translation"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._behave)
            with contextlib.suppress(TransportClosed):
                while True:
                    await self._take(json.loads(await ws.receive()))
            nursery.cancel_scope.cancel()
        return True

    async def _take(self, frame: dict[str, JsonValue]) -> None:
        self.received.append(str(frame["type"]))
        if frame["type"] == "session.update":
            await self.tell("session.updated", session=frame["session"])
        elif frame["type"] == "session.close":
            self.asked_to_finish.set()

    async def _behave(self) -> None:
        await self.asked_to_finish.wait()
        await self._behaviour(self)


@asynccontextmanager
async def facing(
    behaviour: Behaviour, *, options: Options | None = None
) -> AsyncGenerator[tuple[TranslationConnection, Peer]]:
    """A translation whose server does this once it is asked to finish."""
    with trio.fail_after(600):
        async with Peer(behaviour) as peer:
            async with open_translation(
                MODEL, "nb", endpoint=peer.endpoint, options=options or Options()
            ) as conn:
                yield conn, peer

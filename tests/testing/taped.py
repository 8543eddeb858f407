"""Clients and servers to record and to replay: raw ones, and an application."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import trio
from pydantic import JsonValue

from tests.shell.peers import Peer, pipe_to
from trio_realtime import Endpoint, Handshake, Target, open_realtime
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._transport import Transport, TransportClosed, open_transport
from trio_realtime.events import ResponseDone
from trio_realtime.testing import CassetteServer


@final
@dataclass(frozen=True)
class PeerEndpoint:
    """Where a misbehaving server is, in memory."""

    nursery: trio.Nursery
    peer: Peer
    url: str = "ws://localhost/v1/realtime"
    key: str = "canary-key-0123456789-quux"

    async def handshake(self, target: Target) -> Handshake:
        query = "&".join(f"{name}={value}" for name, value in target.query.items())
        headers = (("Authorization", f"Bearer {self.key}"),)
        connect = pipe_to(self.nursery, self.peer)
        return Handshake(f"{self.url}?{query}", headers, stream_factory=connect)


@asynccontextmanager
async def raw_to(server: CassetteServer, query: str = "model=m") -> AsyncGenerator[Transport]:
    """A client that sends what it is told. It vanishes without a word at the end."""
    async with trio.open_nursery() as nursery:
        handshake = Handshake(f"ws://localhost/v1/realtime?{query}")
        raw = await open_transport(nursery, await server.connect(), handshake, DEFAULT_OPTIONS)
        try:
            yield raw
        finally:
            await raw.aclose()


async def closed(raw: Transport) -> tuple[int | None, str, str]:
    """How the server ends a connection, after all its messages."""
    try:
        while True:
            await raw.receive()
    except TransportClosed as ended:
        return ended.code, ended.reason, ended.closed_by


async def ask(endpoint: Endpoint, text: str = "Hello you", model: str = "m") -> list[str]:
    """An application: ask, and tell everything that came."""
    events: list[str] = []
    async with open_realtime(
        model, endpoint=endpoint, session={"output_modalities": ["text"]}
    ) as conn:
        item_id = await conn.conversation.item.create(role="user", text=text)
        await conn.response.create(metadata={"asked_by": item_id})
        async for event in conn:
            events.append(event.type)
            if event.type == "conversation.item.added" and len(events) < 6:
                assert getattr(event.item, "id", None) == item_id
            if isinstance(event, ResponseDone):
                assert event.response.metadata == {"asked_by": item_id}
                return events
    raise AssertionError("there was no answer")


async def stay(  # noqa: ASYNC114 - started where its server ends first
    server: CassetteServer, *, task_status: trio.TaskStatus[Transport]
) -> None:
    """A client that stays for longer than its server does."""
    async with raw_to(server) as raw:
        task_status.started(raw)
        await trio.sleep_forever()


def lines_of(path: Path) -> list[dict[str, JsonValue]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())

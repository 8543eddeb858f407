"""A line to a server that the test drives by hand: real WebSocket frames over bounded pipes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

import trio
from pydantic import JsonValue

from trio_realtime import Handshake, Target
from trio_realtime._transport import TransportClosed
from trio_realtime._transport._server import ServerWebSocket, accept_websocket
from trio_realtime.testing._pipes import PipeStream, pipe_pair

Json: TypeAlias = dict[str, JsonValue]

SESSION: Json = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_of_a_test",
    "model": "gpt-realtime-2.1",
    "audio": {
        "input": {"turn_detection": {"type": "server_vad", "create_response": True}},
    },
}


class Peer:
    """The server's end of one connection, after the upgrade."""

    def __init__(self, ws: ServerWebSocket, stream: PipeStream) -> None:
        self.ws: ServerWebSocket = ws
        self.stream: PipeStream = stream
        self.received: list[Json] = []
        self.close_code: int | None = None
        self.ended: bool = False

    async def send(self, kind: str, **fields: JsonValue) -> None:
        await self.ws.send(json.dumps({"type": kind, "event_id": f"event_{kind}", **fields}))

    async def open_session(self) -> None:
        await self.send("session.created", session=SESSION)

    async def receive(self) -> Json:
        """The next client frame; TransportClosed at the end of the line."""
        frame: Json = json.loads(await self.ws.receive())
        self.received.append(frame)
        return frame

    async def receive_type(self, kind: str) -> Json:
        while (frame := await self.receive())["type"] != kind:
            pass
        return frame

    async def drain(self) -> None:
        """Read until the client closes."""
        try:
            while True:
                await self.receive()
        except TransportClosed as facts:
            self.close_code = facts.code
            self.ended = True

    async def refuse(self, frame: Json, code: str, kind: str = "invalid_request_error") -> None:
        """Answer a client frame with an `error` that names it."""
        await self.send("error", error=refusal(code, frame.get("event_id"), kind))


def refusal(code: str, event_id: JsonValue, kind: str = "invalid_request_error") -> Json:
    return {
        "type": kind,
        "code": code,
        "message": f"refused: {code}",
        "param": None,
        "event_id": event_id,
    }


Behaviour: TypeAlias = Callable[[Peer], Awaitable[None]]


class LineEndpoint:
    """An endpoint whose handshake brings a pipe to the server of the test."""

    def __init__(self, nursery: trio.Nursery, behave: Behaviour, capacity: int) -> None:
        self._nursery = nursery
        self._behave = behave
        self._capacity = capacity
        self.peers: list[Peer] = []
        self.streams: list[PipeStream] = []
        """The client's ends, to look at."""

    async def handshake(self, target: Target) -> Handshake:
        url = f"ws://localhost/v1/realtime?model={target.model}"
        if target.call_id is not None:
            url = f"ws://localhost/v1/realtime?call_id={target.call_id}"
        return Handshake(url=url, headers=(), stream_factory=self._connect)

    async def _connect(self, host: str, port: int) -> PipeStream:
        ours, theirs = pipe_pair(capacity=self._capacity)
        self.streams.append(ours)
        self._nursery.start_soon(self._serve, theirs)
        await trio.lowlevel.checkpoint()
        return ours

    async def _serve(self, stream: PipeStream) -> None:
        try:
            request = await accept_websocket(stream)
            ws = await request.accept()
            peer = Peer(ws, stream)
            self.peers.append(peer)
            await self._behave(peer)
        except TransportClosed:
            pass
        finally:
            await trio.aclose_forcefully(stream)

    @property
    def peer(self) -> Peer:
        (peer,) = self.peers
        return peer


@asynccontextmanager
async def line_to(behave: Behaviour, *, capacity: int = 65536) -> AsyncGenerator[LineEndpoint]:
    """Serve `behave` for the length of the block; stragglers of the server are cut off."""
    async with trio.open_nursery() as nursery:
        yield LineEndpoint(nursery, behave, capacity)
        nursery.cancel_scope.cancel()


async def polite(peer: Peer) -> None:
    """Open a session, then read until the client closes; answer its CLOSE."""
    await peer.open_session()
    await peer.drain()


async def silent_at_close(peer: Peer) -> None:
    """Open a session and never answer CLOSE, nor hang up."""
    peer.ws.answer_close = False
    await peer.open_session()
    await peer.drain()
    await trio.sleep_forever()


def anatomy(error: BaseException) -> str:
    """The shape of what left a block: types, and groups in brackets."""
    name = type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return f"{name}[{', '.join(map(anatomy, inner))}]"
    return name

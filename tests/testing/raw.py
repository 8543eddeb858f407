"""A client that is not ours: trio-websocket, plain JSON, and a check of everything it receives."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast, final

import pytest
import trio
import trio_websocket
from pydantic import JsonValue

from tests.testing.faithful import Frame, check_frame, check_order
from trio_realtime.testing import Host


@final
class RawClient:
    """One connection, frame by frame."""

    def __init__(self, ws: trio_websocket.WebSocketConnection) -> None:
        self.ws: trio_websocket.WebSocketConnection = ws
        self.frames: list[Frame] = []

    async def send(self, kind: str, **fields: JsonValue) -> None:
        await self.ws.send_message(json.dumps({"type": kind, **fields}))

    async def receive(self) -> Frame:
        frame = check_frame(await self.ws.get_message())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str) -> Frame:
        while (frame := await self.receive())["type"] != kind:
            pass
        return frame

    async def say(self, text: str) -> None:
        content: JsonValue = [{"type": "input_text", "text": text}]
        item: JsonValue = {"type": "message", "role": "user", "content": content}
        await self.send("conversation.item.create", item=item)

    async def to_the_end(self) -> trio_websocket.CloseReason:
        """Receive until the server closes; says how."""
        with pytest.raises(trio_websocket.ConnectionClosed) as caught:
            while True:
                await self.receive()
        assert caught.value.reason is not None
        return caught.value.reason


@asynccontextmanager
async def raw_client(
    server: Host,
    resource: str = "/v1/realtime?model=gpt-realtime-2.1",
    *,
    headers: tuple[tuple[str, str], ...] = (),
    subprotocols: tuple[str, ...] = (),
) -> AsyncGenerator[RawClient]:
    """Connect in memory; check the order of what was received in the end."""
    # Any stream does; trio-websocket's annotations name those it makes itself.
    stream = cast("trio.SocketStream", await server.connect())
    async with trio.open_nursery() as nursery:
        ws = await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            "localhost",
            resource,
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
            subprotocols=subprotocols,
        )
        client = RawClient(ws)
        yield client
        check_order(client.frames)
        await ws.aclose()

"""A server that speaks the beta dialect, by hand: the shapes and the order that were recorded."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Literal, cast

import trio
from pydantic import JsonValue

from tests.shell.lines import Json, LineEndpoint, Peer, line_to, refusal
from trio_realtime import BetaConnection, Options, open_realtime

SESSION: Final[Mapping[str, JsonValue]] = {
    "id": "sess_b",
    "object": "realtime.session",
    "model": "m",
    "modalities": ["text", "audio"],
    "instructions": "",
    "voice": "sage",
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16",
    "input_audio_transcription": None,
    "turn_detection": None,
    "tools": [],
    "tool_choice": "auto",
    "temperature": 0.8,
    "max_response_output_tokens": "inf",
    "client_secret": None,
}

USAGE: Final[Mapping[str, JsonValue]] = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"text_tokens": 15, "audio_tokens": 5, "cached_tokens": 4},
    "output_token_details": {"text_tokens": 10, "audio_tokens": 0},
}

CHUNK: Final = bytes(4800)
"""100 ms of PCM at 24 kHz."""


class BetaPeer:
    """The server's end: it answers until the client goes, one response after the other."""

    def __init__(self, peer: Peer, *, session: Mapping[str, JsonValue], echoes: bool) -> None:
        self.peer: Peer = peer
        self.session: Json = {**SESSION, **session}
        self.echoes: bool = echoes
        self.last_item: str | None = None
        self.active: str | None = None
        """The response that goes on until it is cancelled."""
        self.holds: bool = False
        """Whether responses go on after their first piece."""
        self.responses: int = 0

    async def run(self) -> None:
        await self.peer.send("session.created", session=self.session)
        while True:
            frame = await self.peer.receive()
            await self._answer(str(frame["type"]), frame)

    async def _answer(self, kind: str, frame: Json) -> None:
        send = self.peer.send
        match kind:
            case "session.update":
                self.session.update(_object(frame["session"]))
                await send("session.updated", session=self.session)
            case "transcription_session.update":
                asked = _object(frame["session"])
                await send(
                    "transcription_session.updated",
                    session={"id": "sess_b", "object": "realtime.transcription_session", **asked},
                )
            case "conversation.item.create":
                item = _object(frame["item"])
                await self.add(
                    {"object": "realtime.item", "status": "completed", **item}, told=frame
                )
            case "conversation.item.delete":
                await send("conversation.item.deleted", item_id=frame["item_id"])
            case "conversation.item.truncate":
                fields = {k: frame[k] for k in ("item_id", "content_index", "audio_end_ms")}
                await send("conversation.item.truncated", **fields)
            case "input_audio_buffer.commit":
                await send(
                    "input_audio_buffer.committed", item_id="item_heard", previous_item_id=None
                )
                await self.add(user_item("item_heard"))
            case "response.create":
                await self._create(frame)
            case "response.cancel":
                await self._cancel(frame)
            case _:
                pass

    async def add(self, item: Json, told: Json | None = None) -> None:
        """An item is in the conversation: this dialect says so once, as `created`."""
        previous = self.last_item if told is None else told.get("previous_item_id", self.last_item)
        await self.peer.send("conversation.item.created", item=item, previous_item_id=previous)
        self.last_item = str(item["id"])

    async def _create(self, frame: Json) -> None:
        config = _object(frame.get("response") or {})
        outside = config.get("conversation") == "none"
        if self.active is not None and not outside:
            await self.peer.send(
                "error",
                error={
                    "type": "invalid_request_error",
                    "code": None,
                    "message": "Conversation already has an active response",
                    "param": None,
                    "event_id": frame["event_id"],
                },
            )
            return
        modalities = config.get("modalities") or self.session["modalities"]
        assert isinstance(modalities, list)
        metadata = config.get("metadata") if self.echoes else None
        await self.respond(
            "audio" if "audio" in modalities else "text", metadata=metadata, outside=outside
        )

    async def respond(
        self,
        kind: Literal["audio", "text"],
        *,
        metadata: JsonValue = None,
        outside: bool = False,
        holds: bool | None = None,
    ) -> None:
        """Say "Hi there"; while `holds`, only "Hi", until the response is cancelled."""
        holds = self.holds if holds is None else holds
        self.responses += 1
        response_id, item_id = f"resp_{self.responses}", f"item_r{self.responses}"
        send = self.peer.send
        shown: Json = {
            "id": response_id,
            "object": "realtime.response",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": None if outside else "conv_b",
            "modalities": self.session["modalities"],
            "voice": "sage",
            "output_audio_format": self.session["output_audio_format"],
            "temperature": 0.8,
            "usage": None,
            "metadata": metadata,
        }
        item = assistant_item(item_id, status="in_progress")
        place: Json = {"response_id": response_id, "item_id": item_id, "output_index": 0}
        part: Json = {**place, "content_index": 0}
        await send("response.created", response=shown)
        await send("response.output_item.added", response_id=response_id, output_index=0, item=item)
        if not outside:
            await self.add(item)
        text = "transcript" if kind == "audio" else "text"
        name = "response.audio_transcript" if kind == "audio" else "response.text"
        await send("response.content_part.added", **part, part={"type": kind, text: ""})
        await send(f"{name}.delta", **part, delta="Hi")
        if kind == "audio":
            await send("response.audio.delta", **part, delta=base64.b64encode(CHUNK).decode())
        if holds:
            self.active = response_id
            return
        await send(f"{name}.delta", **part, delta=" there")
        if kind == "audio":
            await send("response.audio.done", **part)
        await send(f"{name}.done", **part, **{text: "Hi there"})
        whole = assistant_item(item_id, {"type": kind, text: "Hi there"})
        await send("response.content_part.done", **part, part={"type": kind, text: "Hi there"})
        await send("response.output_item.done", response_id=response_id, output_index=0, item=whole)
        done: Json = {**shown, "status": "completed", "output": [whole], "usage": dict(USAGE)}
        await send("response.done", response=done)

    async def _cancel(self, frame: Json) -> None:
        if self.active is None:
            error = refusal("response_cancel_not_active", frame["event_id"])
            await self.peer.send("error", error=error)
            return
        await self.end("client_cancelled")

    async def end(self, reason: str) -> None:
        """Cut the response off that goes on."""
        response_id, self.active = self.active, None
        details: JsonValue = {"type": "cancelled", "reason": reason}
        response: Json = {"id": response_id, "status": "cancelled", "status_details": details}
        await self.peer.send("response.done", response={**response, "output": [], "metadata": None})


def assistant_item(item_id: str, *parts: JsonValue, status: str = "completed") -> Json:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(parts),
    }


def user_item(item_id: str) -> Json:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }


def _object(value: JsonValue) -> Json:
    assert isinstance(value, dict)
    return value


class Talk:
    """Both ends of a conversation in the beta dialect."""

    def __init__(self, conn: BetaConnection, server: BetaPeer, endpoint: LineEndpoint) -> None:
        self.conn: BetaConnection = conn
        self.server: BetaPeer = server
        self.endpoint: LineEndpoint = endpoint

    def sent(self, kind: str) -> list[Json]:
        """The frames of a type that the server received, without their ids."""
        frames = [frame for frame in self.server.peer.received if frame["type"] == kind]
        return [{k: v for k, v in frame.items() if k != "event_id"} for frame in frames]


@asynccontextmanager
async def beta_talk(
    *,
    session: Mapping[str, JsonValue] | None = None,
    config: Mapping[str, JsonValue] | None = None,
    echoes: bool = True,
    mirror: bool = False,
    options: Options | None = None,
) -> AsyncGenerator[Talk]:
    """Open a connection to a server of the beta dialect.

    Args:
        session: What its session has from the start.
        config: What the client asks for in opening.
        echoes: Whether it shows the metadata of a request.
        mirror: Whether the conversation is kept.
        options: Deadlines and limits.
    """
    servers: list[BetaPeer] = []

    async def behave(peer: Peer) -> None:
        servers.append(BetaPeer(peer, session=session or {}, echoes=echoes))
        await servers[-1].run()

    with trio.fail_after(60):
        async with line_to(behave) as endpoint:
            async with open_realtime(
                "m",
                endpoint=endpoint,
                dialect="beta",
                session=config,
                mirror=mirror,
                options=options or Options(),
            ) as conn:
                yield Talk(conn, servers[0], endpoint)


def metadata_of(frame: Json) -> JsonValue:
    """The metadata of a `response.create`."""
    return cast("Json", frame["response"]).get("metadata")

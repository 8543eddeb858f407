"""What the tests of races share: a sweep over schedules, and what a client has seen."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import trio
from pydantic import JsonValue
from trio.testing import MockClock

from tests.core.simulated import at
from tests.testing.faithful import Frame
from trio_realtime import (
    RealtimeConnection,
)
from trio_realtime.audio import silence, tone
from trio_realtime.events import (
    Error,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from trio_realtime.testing import (
    Answer,
    Conversation,
    SimulatedSession,
    seeded,
)
from trio_realtime.types import FunctionCall

SEEDS = 20
SPEECH = tone(300, 400) + silence(700)
WORDS = "word " * 40
HEARD: dict[str, JsonValue] = {
    "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}
}


def swept(test: Callable[[], Awaitable[None]], seeds: int = SEEDS) -> None:
    """Run a test under many schedules, in virtual time."""

    async def bounded() -> None:
        with trio.fail_after(7200):
            await test()

    for seed in range(seeds):
        with seeded(seed):
            trio.run(bounded, clock=MockClock(autojump_threshold=0))


class Seen:
    """What a client has seen, in order."""

    def __init__(self, conn: RealtimeConnection) -> None:
        self.conn: RealtimeConnection = conn
        self.events: list[ServerEvent] = []

    async def until(self, kind: str, count: int = 1) -> ServerEvent:
        """Read until so many events of a type have come."""
        while True:
            event = await self.conn.receive()
            self.events.append(event)
            count -= event.type == kind
            if not count:
                return event

    async def until_error(self, code: str) -> Error:
        while True:
            event = await self.until("error")
            assert isinstance(event, Error)
            if event.error.code == code:
                return event

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    @property
    def created(self) -> list[str | None]:
        return [each.response.id for each in self.events if isinstance(each, ResponseCreated)]

    @property
    def done(self) -> list[ResponseDone]:
        return [each for each in self.events if isinstance(each, ResponseDone)]

    @property
    def statuses(self) -> list[str | None]:
        return [each.response.status for each in self.done]

    @property
    def errors(self) -> list[Error]:
        return [each for each in self.events if isinstance(each, Error)]


def reason_of(event: ResponseDone) -> str | None:
    details = event.response.status_details
    return None if details is None else details.reason


def by_topic(session: SimulatedSession, conversation: Conversation, create: Frame) -> Answer:
    """Say the topic of the response often, so that several are in progress at once."""
    metadata = create.get("metadata")
    return f"{at(metadata, 'topic') if isinstance(metadata, dict) else 'default'} " * 20


async def ask_beside(conn: RealtimeConnection, topic: str) -> str:
    return await conn.response.create(
        conversation="none", metadata={"topic": topic}, output_modalities=["text"]
    )


def topics_of(seen: Seen) -> dict[str | None, JsonValue]:
    return {
        each.response.id: (each.response.metadata or {}).get("topic")
        for each in seen.events
        if isinstance(each, ResponseCreated)
    }


def said_by(done: ResponseDone) -> str:
    """The first word of what a response said."""
    item = json.loads(done.model_dump_json())["response"]["output"][0]
    return str(item["content"][0]["text"]).split()[0]


def calls_of(done: ServerEvent) -> list[tuple[str, str]]:
    """The calls a response made: name and id of each."""
    assert isinstance(done, ResponseDone)
    items = (item for item in done.response.output or () if isinstance(item, FunctionCall))
    return [(str(item.name), str(item.call_id)) for item in items]

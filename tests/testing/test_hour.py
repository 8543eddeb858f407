"""An hour of talk: 3 000 turns of three kinds, the end of the session, and another one after it.

All of it in virtual time: what takes an hour there takes seconds here.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import dataclass
from typing import Final, Self

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.testing.faithful import Frame
from tests.testing.test_conversation import MODEL
from trio_realtime import RealtimeConnection, SessionExpiredError, open_realtime
from trio_realtime._core.simulator import _conversation
from trio_realtime.audio import silence, tone
from trio_realtime.events import Error, ResponseCreated, ResponseDone
from trio_realtime.testing import (
    Answer,
    CallTool,
    ClientFrame,
    Conversation,
    SimulatedServer,
    SimulatedSession,
    _session,
)
from trio_realtime.types import AssistantMessage, FunctionCall, OutputAudio, OutputText

TURNS: Final = 3000

TURN_SECONDS: Final = 1.199
"""How often a turn begins: 3 000 of them leave three seconds of the hour."""

TOOL: Final[JsonValue] = {"type": "function", "name": "double", "parameters": {"type": "object"}}
HEARING: Final[JsonValue] = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}
SESSION: Final[dict[str, JsonValue]] = {"tools": [TOOL], "audio": {"input": HEARING}}
SPEECH: Final = tone(300, 150) + silence(250)

CLIENT: Final = tuple(
    f"trio_realtime.{name}" for name in ("_connection", "_core._", "_open", "_resources", "events")
)
"""The modules of which only the client makes objects."""


class Model:
    """Says which answer this is: `said:N` to text and speech, or a call, or what the call gave."""

    def __init__(self) -> None:
        self.answers: int = 0

    def __call__(
        self, session: SimulatedSession, conversation: Conversation, create: Frame
    ) -> Answer:
        self.answers += 1
        match create.get("metadata"):
            case {"kind": "call"}:
                return CallTool("double", {"n": self.answers})
            case _:
                return f"said:{self.answers}"


class Talk:
    """One application: it takes turns, and notes what came of each."""

    conn: RealtimeConnection

    def __init__(self) -> None:
        self.said: list[str] = []
        self.events: int = 0
        self.response_ids: list[str | None] = []

    async def response(self) -> str:
        """What the next response says; every event is looked at on the way."""
        began: ResponseCreated | None = None
        while True:
            event = await self.conn.receive()
            self.events += 1
            if isinstance(event, ResponseCreated):
                assert began is None
                began = event
            elif isinstance(event, ResponseDone):
                assert began is not None
                assert began.response.id == event.response.id
                assert event.response.status == "completed"
                self.response_ids.append(event.response.id)
                assert event.response.output is not None
                (item,) = event.response.output
                if isinstance(item, FunctionCall):
                    return f"{item.call_id} {item.arguments}"
                assert isinstance(item, AssistantMessage)
                (part,) = item.content
                assert isinstance(part, OutputAudio | OutputText)
                return (part.text if isinstance(part, OutputText) else part.transcript) or ""

    async def write(self) -> None:
        """A turn in text."""
        await self.conn.conversation.item.create(role="user", text="Hello.")
        await self.conn.response.create(output_modalities=["text"])
        self.said.append(await self.response())

    async def speak(self) -> None:
        """A spoken turn, that voice detection ends and answers."""
        await self.conn.input_audio_buffer.append(SPEECH)
        self.said.append(await self.response())

    async def call(self) -> None:
        """A turn in which the model calls a function."""
        await self.conn.conversation.item.create(role="user", text="Double it.")
        await self.conn.response.create(metadata={"kind": "call"})
        call_id, _, arguments = (await self.response()).partition(" ")
        await self.conn.conversation.item.create(call_id=call_id, output="2")
        await self.conn.response.create(output_modalities=["text"])
        self.said.append(f"{arguments} {await self.response()}")

    async def turns(self, begin: int, end: int) -> None:
        """Take turns of all kinds, one every `TURN_SECONDS`."""
        for number in range(begin, end):
            await trio.sleep_until(number * TURN_SECONDS)
            await (self.write, self.write, self.speak, self.write, self.write, self.call)[
                number % 6
            ]()


def expected(turns: int) -> list[str]:
    """What comes of turns, by the number of the answer: the sixth of each six takes two."""
    said: list[str] = []
    for answer in range(1, turns // 6 * 7, 7):
        said += [f"said:{answer + number}" for number in range(5)]
        said.append(f'{{"n": {answer + 5}}} said:{answer + 6}')
    return said


async def to_the_end(conn: RealtimeConnection) -> list[str | None]:
    """Read until the session is lost; returns the codes of the errors it announced."""
    codes: list[str | None] = []
    with pytest.raises(SessionExpiredError) as caught:
        while True:
            event = await conn.receive()
            assert isinstance(event, Error)
            codes.append(event.error.code)
    assert caught.value.info.code == 1001
    return codes


@dataclass(frozen=True, slots=True)
class Memory:
    """What is alive in this process: counted, for to trace every allocation takes minutes."""

    blocks: int
    """Pieces of memory that Python has given out."""
    objects: int
    """Objects of the client's classes: events, frames, places in line, waiters."""

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        every: list[object] = gc.get_objects()
        objects = sum(str(type(each).__module__).startswith(CLIENT) for each in every)
        return cls(sys.getallocatedblocks(), objects)


def weight(frame: ClientFrame) -> int:
    return len(json.dumps(frame))


@pytest.mark.sweep
async def test_an_hour_of_3000_turns_and_the_session_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:  # promise 7, pain 12
    talk = Talk()
    memory: list[Memory] = []
    async with SimulatedServer(Model(), audio_speed=100) as server:
        with pytest.RaisesGroup(SessionExpiredError):
            async with open_realtime(MODEL, endpoint=server.endpoint, session=SESSION) as conn:
                talk.conn = conn
                for end in (500, 2500, TURNS):
                    await talk.turns(len(talk.said), end)
                    memory.append(Memory.now())
                assert 3590 < trio.current_time() < 3600
                assert talk.said == expected(TURNS)
                assert await to_the_end(conn) == ["session_expired"]
                assert trio.current_time() == 3600
                await conn.receive()
        # No response was seen twice, and nothing was dropped or is held.
        assert len(set(talk.response_ids)) == TURNS // 6 * 7
        statistics = talk.conn.statistics()
        assert statistics.dropped == 0
        assert statistics.inbox_bytes == 0
        assert not statistics.reader_paused
        (session,) = server.sessions
        # session.update, and for six turns: four times two frames, one, and four.
        assert statistics.frames_out == 1 + TURNS // 6 * 13
        # With session.created and session.updated, and the error at the end, all was looked at.
        assert statistics.frames_in == talk.events + 3 - 2
        # A client keeps nothing of a turn.
        early, full, late = memory
        assert late.objects <= early.objects + 10
        # A server keeps what a test may look at, up to bounds that the first 2500 turns reach:
        # items, the user's audio, received frames. Pydantic caches 16 384 short strings, too.
        assert len(session.conversation) == _conversation.ITEMS_MAX
        assert sum(len(entry.audio) for entry in session.conversation) <= _conversation.AUDIO_MAX
        assert sum(map(weight, session.received)) <= _session.RECEIVED_MAX
        assert late.blocks < full.blocks * 1.01
        # Back with a new session: nothing of the old one is in it, and the turns go on.
        async with open_realtime(MODEL, endpoint=server.endpoint, session=SESSION) as conn:
            assert server.sessions[-1] is not session
            assert len(server.sessions[-1].conversation) == 0
            talk.conn = conn
            await talk.turns(TURNS + 6, TURNS + 12)
            assert talk.said == expected(TURNS + 6)

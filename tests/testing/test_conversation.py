"""Whole conversations with the simulated server, in memory and in virtual time."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, TypeAlias

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.faithful import types_of
from tests.testing.raw import raw_client
from trio_realtime import open_realtime
from trio_realtime.audio import silence, tone
from trio_realtime.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
)
from trio_realtime.testing import SimulatedServer
from trio_realtime.types import AssistantMessage, OutputAudio, OutputText

if TYPE_CHECKING:
    from trio_realtime import RealtimeConnection

Config: TypeAlias = dict[str, JsonValue]

MODEL = "gpt-realtime-2.1"
TEXT: Config = {"output_modalities": ["text"]}


async def reply_of(conn: RealtimeConnection) -> str:
    """What the next response says."""
    async for event in conn:
        if isinstance(event, ResponseDone):
            assert event.response.output is not None
            (item,) = event.response.output
            assert isinstance(item, AssistantMessage)
            (part,) = item.content
            assert isinstance(part, OutputAudio | OutputText)
            return (part.text if isinstance(part, OutputText) else part.transcript) or ""
    raise AssertionError("the connection ended")


async def test_a_text_turn(autojump_clock: trio.testing.MockClock) -> None:  # pain 49
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            await conn.conversation.item.create(role="user", text="Hello!")
            await conn.response.create()
            assert await reply_of(conn) == "You said: Hello!"


async def test_a_spoken_turn_by_commit(autojump_clock: trio.testing.MockClock) -> None:
    session: Config = {"audio": {"input": {"turn_detection": None}}}
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=session) as conn:
            await conn.input_audio_buffer.append(tone(300, 1200))
            item_id = await conn.input_audio_buffer.commit()
            await conn.response.create()
            assert await reply_of(conn) == "You spoke for 1.2 seconds."
        assert item_id == server.sessions[0].conversation.items[0]["id"]


async def test_a_spoken_turn_by_voice_detection(autojump_clock: trio.testing.MockClock) -> None:
    session: Config = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=session) as conn:
            await conn.input_audio_buffer.append(silence(500) + tone(300, 1200) + silence(500))
            heard = transcript = ""
            audio = b""
            async for event in conn:
                match event:
                    case InputAudioBufferSpeechStarted(audio_start_ms=start):
                        assert start == 200
                    case ConversationItemInputAudioTranscriptionCompleted(transcript=heard):
                        pass
                    case ResponseOutputAudioDelta(delta=delta):
                        audio += delta
                    case ResponseDone(response=response):
                        transcript = str(response.output)
                        break
                    case _:
                        pass
            assert heard == "Speech of 1.2 seconds."
            assert "You spoke for 1.2 seconds." in transcript
            assert len(audio) == 5 * 300 * 48


async def test_a_tool_call(autojump_clock: trio.testing.MockClock) -> None:
    tool: Config = {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {}}, "required": ["city"]},
    }
    session: Config = {"output_modalities": ["text"], "tools": [tool]}
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=session) as conn:
            await conn.conversation.item.create(
                role="user", text='Please call get_weather {"city": "Oslo"}'
            )
            await conn.response.create()
            async for event in conn:
                if isinstance(event, ResponseFunctionCallArgumentsDone):
                    assert event.arguments == '{"city": "Oslo"}'
                    await conn.conversation.item.create(call_id=event.call_id, output="rain")
                elif isinstance(event, ResponseDone):
                    break
            await conn.response.create()
            assert await reply_of(conn) == "get_weather returned rain"


async def test_a_client_that_is_not_ours(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer(rate_limits=True) as server:
        async with raw_client(server) as client:
            assert (await client.receive())["type"] == "session.created"
            await client.say("Hello!")
            await client.send("response.create")
            await client.until("rate_limits.updated")
            audio = base64.b64encode(tone(300, 800) + silence(500)).decode()
            await client.send("input_audio_buffer.append", audio=audio)
            done = await client.until("response.done")
            assert "You spoke for 0.8 seconds." in str(done)
        assert types_of(server.sessions[0].received) == [
            "conversation.item.create",
            "response.create",
            "input_audio_buffer.append",
        ]


async def test_words_come_at_the_pace_that_was_set(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer("one two three", tokens_per_second=2, latency=1) as server:
        async with raw_client(server) as client:
            await client.send("response.create", response={"output_modalities": ["text"]})
            await client.until("response.created")
            times = [trio.current_time()]
            for _ in range(3):
                await client.until("response.output_text.delta")
                times.append(trio.current_time())
            await client.until("response.done")
    waits = [round(after - before, 6) for before, after in itertools.pairwise(times)]
    assert waits == [1.5, 0.5, 0.5]


async def test_a_session_lasts_an_hour_of_the_clock(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            start = trio.current_time()
            closed = await client.to_the_end()
            assert trio.current_time() - start == 3600
            assert client.frames[-1]["type"] == "error"
            assert at(client.frames[-1], "error", "code") == "session_expired"
            assert closed.code == 1001
            assert closed.reason == "Your session hit the maximum duration of 60 minutes."


@pytest.mark.sweep
@pytest.mark.one_library
async def test_an_hour_of_talk_stays_small(autojump_clock: trio.testing.MockClock) -> None:
    # promise 7
    async with SimulatedServer("Yes.", audio_speed=1000) as server:
        async with raw_client(server) as client:
            turn = base64.b64encode(tone(300, 500) + silence(500)).decode()
            for _ in range(360):
                await trio.sleep(9)
                await client.send("input_audio_buffer.append", audio=turn)
                await client.until("response.done")
                client.frames.clear()
            (session,) = server.sessions
            # 23 MB of audio came in.
            assert len(session.received) < 260
            assert sum(len(entry.audio) for entry in session.conversation) <= 16 * 2**20
            assert len(session.conversation) == 720

"""The beta dialect against the simulated server, at every address it is spoken at."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from trio_realtime import AzureEndpoint, Endpoint, OpenAIEndpoint, beta, open_realtime
from trio_realtime.audio import tone
from trio_realtime.testing import SimulatedServer

MODEL = "gpt-4o-realtime-preview"

ADDRESSES: list[Endpoint] = [
    OpenAIEndpoint("sk-0123456789", base_url="http://localhost/v1"),
    OpenAIEndpoint("ek_0123456789", base_url="http://localhost/v1", auth="subprotocol"),
    AzureEndpoint("http://localhost", api_key="k", api_version="2025-04-01-preview"),
    OpenAIEndpoint(
        "token",
        base_url="http://localhost/voice-live",
        extra_query={"api-version": "2025-10-01"},
    ),
]


@pytest.mark.parametrize("endpoint", ADDRESSES, ids=["header", "subprotocol", "azure", "live"])
async def test_a_conversation_in_the_beta_dialect(  # pain 21
    endpoint: Endpoint, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer(beta="speak") as server:
        async with open_realtime(
            MODEL,
            endpoint=endpoint,
            dialect="beta",
            session={"modalities": ["text"], "turn_detection": None},
            mirror=True,
            stream_factory=server.endpoint.stream_factory,
        ) as conn:
            current = conn.session.current
            assert current is not None
            assert current.modalities == ["text"]
            for number in (1, 2):
                async with conn.respond("one two three") as reply:
                    said = "".join([piece async for piece in reply.text()])
                    response = await reply.result()
                assert type(response) is beta.Response
                assert said == response.output_text != ""
                assert conn.usage.responses == number
                assert len(conn.conversation.items) == 2 * number
            assert conn.usage.total_tokens > 0
            async with conn.respond("Aside.", conversation="none") as reply:
                assert (await reply.result()).conversation_id is None
            assert len(conn.conversation.items) == 4
        kinds = {event.type for event in server.sessions[0].received if event.type}
        assert "session.update" in kinds


async def test_speech_is_cut_off_where_the_listener_was(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(beta="speak") as server:
        async with open_realtime(
            MODEL,
            endpoint=server.endpoint,
            dialect="beta",
            session={"turn_detection": None, "output_audio_format": "g711_ulaw"},
        ) as conn:
            async with conn.respond("one two three four five six seven eight nine ten") as reply:
                async for _ in reply.audio():
                    reply.heard(100)
                    break
            async with conn.respond("And now?") as reply:
                assert (await reply.result()).status == "completed"
            frames: Any = [dict(each) for each in server.sessions[0].received]
            cuts = [each for each in frames if each["type"] == "conversation.item.truncate"]
            assert [cut["audio_end_ms"] for cut in cuts] == [100]


async def test_the_servers_own_responses_come_in(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer(beta="speak") as server:
        session = {"modalities": ["text"], "turn_detection": {"type": "server_vad"}}
        config = beta.SessionConfig.model_validate(session)
        async with open_realtime(
            MODEL, endpoint=server.endpoint, dialect="beta", session=config
        ) as conn:
            async with conn.incoming() as replies:
                server.sessions[0].hears("Ahoy!", ms=600)
                reply = await replies.receive()
                assert (await reply.result()).status == "completed"


async def test_a_transcription_session_of_the_beta_dialect(  # pain 36
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(beta="speak") as server:
        config = beta.TranscriptionSessionConfig(
            input_audio_transcription=beta.InputTranscription(model="gpt-4o-transcribe"),
            turn_detection=None,
        )
        async with open_realtime(
            endpoint=server.endpoint, dialect="beta", intent="transcription", session=config
        ) as conn:
            current = conn.transcription_session.current
            assert current is not None
            assert current.turn_detection is None
            await conn.input_audio_buffer.append(tone(300, 500))
            item_id = await conn.input_audio_buffer.commit()
            async for event in conn:
                if event.type == "conversation.item.input_audio_transcription.completed":
                    assert event.item_id == item_id
                    break


async def test_only_the_beta_dialect_has_an_intent_here() -> None:
    opener: Any = open_realtime
    with pytest.raises(ValueError, match=r"intent is for dialect=\"beta\": open_transcription\(\)"):
        async with opener(endpoint=ADDRESSES[0], intent="transcription"):
            pass
    with pytest.raises(ValueError, match="exactly one of model, call_id and intent"):
        async with opener("m", endpoint=ADDRESSES[0], dialect="beta", intent="transcription"):
            pass

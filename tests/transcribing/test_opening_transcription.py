"""`open_transcription`: what it connects to and asks for, and what it refuses to ask."""

from __future__ import annotations

import pytest
import trio
from pydantic import JsonValue

from tests.transcribing.helpers import MODEL, STREAMING, dictating
from trio_realtime import (
    AzureEndpoint,
    OpenAIEndpoint,
    Options,
    SessionRefusedError,
    Target,
    open_transcription,
)
from trio_realtime.events import SessionCreated, SessionUpdated
from trio_realtime.testing import SimulatedServer
from trio_realtime.types import (
    AudioInputConfig,
    InputTranscription,
    PcmuFormat,
    RealtimeSessionConfig,
    ServerVad,
    TranscriptionAudioConfig,
    TranscriptionSessionConfig,
)


async def asked_for(**arguments: object) -> JsonValue:
    """The configuration that is sent."""
    with trio.fail_after(10):
        async with SimulatedServer() as server:
            async with open_transcription(endpoint=server.endpoint, **arguments):  # type: ignore[arg-type]
                (session,) = server.sessions
                (frame,) = session.received
                assert frame.type == "session.update"
                return frame["session"]


# pain 36
async def test_a_transcription_session_is_told_by_its_url_and_names_no_model_there() -> None:
    async with dictating() as talk:
        handshake = talk.server.handshake
        assert handshake.path == "/v1/realtime"
        assert handshake.query == {"intent": "transcription"}
        assert handshake.header("OpenAI-Beta") is None
        # Confirmed before the block is entered.
        session = talk.conn.session.current
        assert session is not None
        assert session.type == "transcription"
        assert session.audio is not None
        assert session.audio.input is not None
        assert session.audio.input.transcription is not None
        assert session.audio.input.transcription.model == MODEL
        assert session.audio.input.turn_detection is None
        assert isinstance(talk.conn.receive_nowait(), SessionCreated)
        assert isinstance(talk.conn.receive_nowait(), SessionUpdated)
        assert repr(talk.conn).startswith("<TranscriptionConnection open ws://localhost/")


async def test_only_what_is_given_is_asked_for() -> None:
    assert await asked_for(model=MODEL) == {
        "type": "transcription",
        "audio": {"input": {"transcription": {"model": MODEL}}},
    }
    assert await asked_for(
        model=MODEL, language="en", prompt="Names: Nansen", turn_detection=None
    ) == {
        "type": "transcription",
        "audio": {
            "input": {
                "transcription": {"model": MODEL, "language": "en", "prompt": "Names: Nansen"},
                "turn_detection": None,
            }
        },
    }
    assert await asked_for(session={}) == {"type": "transcription"}
    detection: JsonValue = {"type": "semantic_vad", "eagerness": "high"}
    assert await asked_for(session={}, turn_detection=detection) == {
        "type": "transcription",
        "audio": {"input": {"turn_detection": detection}},
    }


async def test_arguments_are_put_into_the_configuration_which_stays_as_it_is() -> None:
    given: dict[str, JsonValue] = {
        "audio": {"input": {"noise_reduction": {"type": "near_field"}, "transcription": None}},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    wanted: JsonValue = {
        "type": "transcription",
        "audio": {
            "input": {
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": MODEL, "language": "no"},
            }
        },
        "include": ["item.input_audio_transcription.logprobs"],
    }
    assert await asked_for(session=given, model=MODEL, language="no") == wanted
    assert given["audio"] == {
        "input": {"noise_reduction": {"type": "near_field"}, "transcription": None}
    }
    # What says the same is no contradiction.
    said: dict[str, JsonValue] = {"audio": {"input": {"transcription": {"model": MODEL}}}}
    assert await asked_for(session=said, model=MODEL) == {"type": "transcription", **said}


async def test_a_configuration_may_be_a_model() -> None:
    session = TranscriptionSessionConfig(
        audio=TranscriptionAudioConfig(
            input=AudioInputConfig(
                format=PcmuFormat(),
                transcription=InputTranscription(model=STREAMING, delay="low"),
                turn_detection=None,
            )
        )
    )
    assert await asked_for(session=session, language="en") == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": STREAMING, "delay": "low", "language": "en"},
                "turn_detection": None,
            }
        },
    }
    vad = ServerVad(silence_duration_ms=300)
    assert await asked_for(model=MODEL, turn_detection=vad) == {
        "type": "transcription",
        "audio": {
            "input": {
                "transcription": {"model": MODEL},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
            }
        },
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, r"no model: give model=, such as .* or session=\{\} if an ephemeral key"),
        ({"language": "en"}, "no model: give model="),
        (
            {"model": MODEL, "session": {"audio": {"input": {"transcription": {"model": "x"}}}}},
            "model is given twice: as an argument, and as session.audio.input.transcription.model",
        ),
        (
            {"session": {"audio": {"input": {"turn_detection": {}}}}, "turn_detection": None},
            "turn_detection is given twice: as an argument, and as session.audio.input.turn_detec",
        ),
        (
            {"session": {"type": "realtime"}},
            "session is of type 'realtime', not .* opened with open_realtime",
        ),
        ({"session": RealtimeSessionConfig()}, "of type 'realtime', not .transcription."),
        ({"model": MODEL, "errors": "ignore"}, "errors must be"),
    ],
)
async def test_what_makes_no_sense_is_told_before_a_socket_is_opened(
    arguments: dict[str, object], said: str
) -> None:
    async with SimulatedServer() as server:
        with pytest.raises(ValueError, match=said):
            async with open_transcription(endpoint=server.endpoint, **arguments):  # type: ignore[arg-type]
                pass
        assert not server.sessions


@pytest.mark.parametrize(
    ("session", "said"),
    [
        ("whisper", "session must be a model or a mapping, not str"),
        ({"audio": ["input"]}, "session.audio must be a model or a mapping, not list"),
    ],
)
async def test_a_configuration_of_a_wrong_kind_is_told_as_such(session: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        async with open_transcription(
            model=MODEL,
            session=session,  # type: ignore[arg-type]
            endpoint=OpenAIEndpoint("any"),
        ):
            pass


async def test_a_refused_configuration_is_an_error_of_opening() -> None:
    async with SimulatedServer() as server:
        with pytest.raises(SessionRefusedError, match="prompt") as caught:
            async with open_transcription(
                model=STREAMING, prompt="Be brief.", endpoint=server.endpoint
            ):
                pass
    assert caught.value.param == "session.audio.input.transcription.prompt"


async def test_a_server_without_session_created_is_not_waited_for() -> None:  # pain 43
    with trio.fail_after(10):
        async with SimulatedServer(omit_session_created=True) as server:
            async with open_transcription(
                model=MODEL, endpoint=server.endpoint, options=Options(wait_for_session=False)
            ) as conn:
                assert isinstance(await conn.receive(), SessionUpdated)


async def test_the_endpoint_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        async with open_transcription(model=MODEL):
            pass
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    async with SimulatedServer(api_key="sk-canary") as server:

        async def stream(host: str, port: int) -> trio.abc.Stream:
            handshake = await server.endpoint.handshake(Target(intent="transcription"))
            assert handshake.stream_factory is not None
            return await handshake.stream_factory(host, port)

        monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost/v1")
        async with open_transcription(model=MODEL, stream_factory=stream) as conn:
            assert conn.session.current is not None
            assert "canary" not in f"{conn!r} {conn.url}"


async def test_azure_takes_the_intent_on_its_ga_path() -> None:  # pain 21
    endpoint = AzureEndpoint("https://my-resource.openai.azure.com", api_key="key")
    handshake = await endpoint.handshake(Target(intent="transcription"))
    assert handshake.url == (
        "wss://my-resource.openai.azure.com/openai/v1/realtime?intent=transcription"
    )


async def test_a_session_can_be_changed_and_stays_a_transcription_session() -> None:
    async with dictating() as talk:
        session = await talk.conn.session.update(audio={"input": {"turn_detection": None}})
        assert session.type == "transcription"
        frame = talk.server.received[-1]
        assert frame["session"] == {
            "type": "transcription",
            "audio": {"input": {"turn_detection": None}},
        }

"""The beta dialect, brought about."""

from __future__ import annotations

from pydantic import JsonValue

from tests.core.scenarios.shared import Outcome, outcome_of, proves
from tests.core.simulated import BetaClient, at, error_of, voice_live
from trio_realtime._core.simulator import ClientHandshake, Manner, Say, Simulation


def transcribing() -> BetaClient:
    return BetaClient(query="intent=transcription")


@proves("beta-connect")
def _() -> Outcome:
    (created,) = opening = BetaClient().opening
    assert at(created, "session", "input_audio_format") == "pcm16"
    assert at(created, "session", "modalities") == ["audio", "text"]
    assert at(created, "session", "temperature") == 0.8
    assert at(created, "session", "client_secret") is None
    offered = ("realtime", "openai-beta.realtime-v1")
    asked = ClientHandshake("/v1/realtime", "model=gpt-4o-realtime-preview", subprotocols=offered)
    manner = Manner(beta="speak")
    simulation = Simulation(asked, manner, lambda count: "x" * count, now=0.0, unix_time=0.0)
    simulation.open()
    assert '"input_audio_format":"pcm16"' in str(simulation.outbox[0])
    return outcome_of(opening)


@proves("beta-connect-preview")
def _() -> Outcome:
    query = "api-version=2025-04-01-preview&deployment=my-deployment"
    client = BetaClient(query=query, path="/openai/realtime", manner=Manner())
    assert at(client.opening[0], "session", "model") == "my-deployment"
    return outcome_of(client.opening)


@proves("beta-connect-voice-live")
def _() -> Outcome:
    (created,) = opening = voice_live().opening
    assert at(created, "session", "voice") == {"name": "alloy", "type": "openai"}
    assert at(created, "session", "turn_detection", "auto_truncate") is False
    assert at(created, "session", "modalities") == ["audio"]
    return outcome_of(opening)


@proves("beta-connect-transcription")
def _() -> Outcome:
    return outcome_of(transcribing().opening)


@proves("beta-session-update")
def _() -> Outcome:
    frames = BetaClient().update(voice="echo", temperature=0.7, input_audio_format="g711_ulaw")
    session = frames[0]["session"]
    assert at(session, "voice") == "echo"
    assert at(session, "temperature") == 0.7
    assert at(session, "input_audio_format") == "g711_ulaw"
    return outcome_of(frames)


@proves("beta-session-type")
def _() -> Outcome:
    nested = BetaClient().update(audio={"input": {"turn_detection": None}})
    assert error_of(nested)["param"] == "session.audio"
    frames = BetaClient().update(type="realtime")
    assert error_of(frames)["param"] == "session.type"
    return outcome_of(frames)


@proves("beta-unknown-value")
def _() -> Outcome:
    frames = BetaClient().update(voice="nobody")
    assert error_of(frames)["param"] == "session.voice"
    return outcome_of(frames)


@proves("beta-modalities")
def _() -> Outcome:
    return outcome_of(BetaClient().update(modalities=["audio"]))


@proves("beta-transcription-update")
def _() -> Outcome:
    whisper: JsonValue = {"model": "whisper-1"}
    frames = transcribing().send(
        "transcription_session.update", session={"input_audio_transcription": whisper}
    )
    assert at(frames[0], "session", "input_audio_transcription", "model") == "whisper-1"
    assert at(frames[0], "session", "client_secret") is None
    return outcome_of(frames)


@proves("beta-wrong-session")
def _() -> Outcome:
    frames = transcribing().update(instructions="Sing.")
    assert error_of(frames)["code"] == "invalid_parameter"
    return outcome_of(BetaClient().send("transcription_session.update", session={}))


@proves("beta-item")
def _() -> Outcome:
    frames = BetaClient().say("Hello")
    assert at(frames[0], "item", "object") == "realtime.item"
    return outcome_of(frames)


@proves("beta-item-output-text")
def _() -> Outcome:
    fields: dict[str, JsonValue] = {
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello"}],
    }
    shown = voice_live().say("", **fields)
    assert at(shown[0], "item", "content", 0, "type") == "text"
    frames = BetaClient().say("", **fields)
    assert error_of(frames)["param"] == "item.content[0].type"
    return outcome_of(frames)


@proves("beta-text")
def _() -> Outcome:
    client = BetaClient()
    client.update(modalities=["text"])
    client.say("Hello")
    return outcome_of(client.respond())


@proves("beta-rate-limits")
def _() -> Outcome:
    client = BetaClient(manner=Manner(beta="speak", rate_limits=True))
    frames = client.respond()
    assert [at(frames[1], "rate_limits", n, "name") for n in (0, 1)] == ["requests", "tokens"]
    assert sum(frame["type"] == "rate_limits.updated" for frame in frames) == 1
    return outcome_of(frames[:2])


@proves("beta-speech")
def _() -> Outcome:
    client = BetaClient(
        reply=lambda _: [Say("Good morning to you all")],
    )
    client.listen_with(transcription={"model": "gpt-4o-transcribe"})
    frames = client.speak() + client.run()
    (heard,) = (frame for frame in frames if str(frame["type"]).endswith("transcription.completed"))
    assert "usage" not in heard
    return outcome_of(frames)


@proves("beta-speech-voice-live")
def _() -> Outcome:
    client = voice_live(reply=lambda _: None)
    frames = client.speak()
    assert outcome_of(client.say("Hello")) == ("nothing",)  # a response is under way
    return outcome_of([frame for frame in frames if frame["type"] != "response.created"])

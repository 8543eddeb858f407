"""Any message, the session and the input buffer, brought about."""

from __future__ import annotations

from pydantic import JsonValue

from tests.core.scenarios.shared import (
    Outcome,
    Scenario,
    alike,
    asked_for,
    called,
    function,
    hearing_with,
    outcome_of,
    proves,
    pushing_to_talk,
    request,
    spoken_item,
    texting,
)
from tests.core.simulated import Client, at
from trio_realtime.audio import silence, tone


@proves("no-json")
def _() -> Outcome:
    messages: tuple[str | bytes, ...] = (
        "[1]",
        "Hello",
        '{"type": NaN}',
        '{"type": 1e999}',
        '{"type": "\\ud800"}',
        b"\xff",
        '{"a": ' + "[" * 200 + "]" * 200 + "}",
    )
    (outcome,) = {outcome_of(Client().raw(message)) for message in messages}
    return outcome


proves("no-type")(lambda: outcome_of(Client().raw('{"audio": ""}')))
proves("unknown-type")(lambda: outcome_of(Client().send("scooby.dooby.doo")))
proves("event-id-too-long")(
    lambda: outcome_of(Client().send("response.cancel", event_id="x" * 513))
)
proves("unknown-parameter")(request("input_audio_buffer.clear", colour="red"))
proves("missing-parameter")(request("conversation.item.delete"))
proves("parameter-type")(request("conversation.item.delete", item_id=7))


def hearing(**settings: JsonValue) -> dict[str, JsonValue]:
    return {"audio": {"input": settings}}


def detecting(**settings: JsonValue) -> dict[str, JsonValue]:
    return hearing(turn_detection=settings)


@proves("update")
def _() -> Outcome:
    frames = Client().update(instructions="Be brief.")
    assert at(frames[0], "session", "instructions") == "Be brief."
    assert at(frames[0], "session", "audio", "output", "speed") == 1.0
    return outcome_of(frames)


@proves("update-empty-instructions")
def _() -> Outcome:
    client = Client()
    client.update(instructions="Be brief.")
    frames = client.update(instructions="")
    assert frames[0]["session"] == client.opening[0]["session"]
    return outcome_of(frames)


@proves("update-functions")
def _() -> Outcome:
    frames = Client().update(tools=[{"type": "function", "name": "f"}])
    assert at(frames[0], "session", "tools", 0, "description") is None
    return outcome_of(frames)


@proves("update-responding")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    frames = client.update(instructions="Be brief.")
    assert client.run()[-1]["type"] == "response.done"
    return outcome_of(frames)


@proves("update-speaking")
def _() -> Outcome:
    client = Client()
    client.append(tone(300, 500))
    return outcome_of(client.listen_with(turn_detection=None) + client.append(silence(1000)))


def update(*several: dict[str, JsonValue], kind: str = "realtime") -> Scenario:
    """A scenario of updates of the session that are all answered alike."""
    sessions: list[JsonValue] = [{"type": kind, **each} for each in several]
    return alike("session.update", *({"session": each} for each in sessions))


proves("update-without-type")(request("session.update", session={"instructions": "Be brief."}))
proves("update-other-type")(update({}, kind="transcription"))
proves("update-unknown-setting")(
    update(
        {"colour": "red"},
        {"audio": {"output": {"colour": "red"}}},
        detecting(type="semantic_vad", threshold=0.5),
    )
)
proves("update-setting-type")(
    update(
        {"audio": 7},
        {"instructions": 7},
        {"tools": 7},
        {"prompt": {"id": "prompt_1", "variables": 7}},
        {"parallel_tool_calls": "yes"},
        {"max_output_tokens": True},
        {"audio": {"output": {"speed": "fast"}}},
        detecting(create_response=1),
    )
)
proves("update-unknown-choice")(
    update(
        detecting(type="ear"),
        {"tool_choice": "perhaps"},
        hearing(transcription={"model": "gpt-realtime-whisper", "delay": "bogus"}),
    )
)
proves("update-too-little")(update({"max_output_tokens": 0}, detecting(idle_timeout_ms=4999)))
proves("update-too-much")(update({"max_output_tokens": 4097}, detecting(idle_timeout_ms=30_001)))
proves("update-speed")(update({"audio": {"output": {"speed": 1.6}}}))
proves("update-empty-list")(
    update(hearing(transcription={"model": "gpt-transcribe", "languages": []}))
)


@proves("update-unsupported")
def _() -> Outcome:
    asked: list[JsonValue] = [
        {"model": "gpt-realtime-whisper", "prompt": "A restaurant."},
        {"model": "whisper-1", "delay": "low"},
        {"model": "whisper-1", "keywords": ["herring"]},
    ]
    outcomes = {update(hearing(transcription=each))() for each in asked}
    client = Client(query="intent=transcription")
    whisper = hearing(
        transcription={"model": "gpt-realtime-whisper"}, turn_detection={"type": "server_vad"}
    )
    session: JsonValue = {"type": "transcription", **whisper}
    outcomes.add(asked_for(client, "session.update", session=session))
    (outcome,) = outcomes
    assert isinstance(outcome, tuple)
    return outcome


proves("update-modalities")(update({"output_modalities": ["text", "audio"]}))
proves("update-format")(
    update(
        hearing(format={"type": "audio/mp3"}), hearing(format={"type": "audio/pcm", "rate": 8000})
    )
)
proves("update-tool-incomplete")(
    update(
        function(),
        {"tools": [{}]},
        {"tools": [{"type": "mcp", "server_url": "https://mcp.example"}]},
        {"tools": [{"type": "mcp", "server_label": "maps"}]},
    )
)
proves("update-tool-schema")(update(function(name="look_up", parameters={"type": "string"})))
proves("update-model")(update({"model": "gpt-realtime"}))
proves("update-voice")(update({"audio": {"output": {"voice": "cedar"}}}))


@proves("update-voice-locked")
def _() -> Outcome:
    client = Client()
    spoken_item(client)
    return outcome_of(client.update(audio={"output": {"voice": "cedar"}}))


@proves("update-speed-locked")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    return outcome_of(client.update(audio={"output": {"speed": 1.5}}))


@proves("update-tracing-locked")
def _() -> Outcome:
    client = Client()
    client.update(tracing="auto")
    return outcome_of(client.update(tracing={"workflow_name": "mine"}))


proves("append")(lambda: outcome_of(Client().append(silence(5000))))
proves("append-not-base64")(request("input_audio_buffer.append", audio="%%%"))
proves("append-too-long")(
    lambda: asked_for(Client(), "input_audio_buffer.append", audio="AAAA" * (5 * 2**20 + 1))
)


@proves("commit")
def _() -> Outcome:
    client = pushing_to_talk()
    outcomes: set[Outcome] = set()
    for audio in (silence(100), tone(300, 1000)):
        client.append(audio)
        outcomes.add(outcome_of(client.send("input_audio_buffer.commit") + client.run()))
    (outcome,) = outcomes
    return outcome


@proves("commit-while-speaking")
def _() -> Outcome:
    client = hearing_with(create_response=False)
    client.append(tone(300, 500))
    frames = client.send("input_audio_buffer.commit") + client.append(silence(1000))
    first, second = (frame for frame in frames if frame["type"] == "input_audio_buffer.committed")
    assert first["item_id"] != second["item_id"]
    return outcome_of(frames)


@proves("commit-too-short")
def _() -> Outcome:
    client = pushing_to_talk()
    client.append(silence(99))
    return asked_for(client, "input_audio_buffer.commit")


@proves("clear")
def _() -> Outcome:
    client = Client()
    client.append(tone(300, 500))
    return outcome_of(client.send("input_audio_buffer.clear") + client.append(silence(1000)))


@proves("clear-output-call")
def _() -> Outcome:
    client = called()
    client.run_until("response.done")
    return outcome_of(client.send("output_audio_buffer.clear"))


proves("clear-output")(request("output_audio_buffer.clear"))

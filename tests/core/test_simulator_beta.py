"""The beta dialect of the simulated server, driven by hand: every frame is checked as it comes."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import JsonValue

from tests.core.simulated import BETA, BetaClient, Client, at, error_of, voice_live
from tests.testing.faithful import Frame, check_frame, types_of
from tests.testing.watch import Watch
from trio_realtime._core.simulator import (
    ClientHandshake,
    Manner,
    RefusedError,
    Say,
    _beta,
)


def of(kind: str, frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] == kind]


def one(kind: str, frames: list[Frame]) -> Frame:
    (frame,) = of(kind, frames)
    return frame


def session_of(frames: list[Frame]) -> JsonValue:
    return one("session.updated", frames)["session"]


def transcribing() -> BetaClient:
    return BetaClient(query="intent=transcription")


# settings


def test_what_was_never_set_is_as_the_beta_began() -> None:
    session = BetaClient().opening[0]["session"]
    assert at(session, "object") == "realtime.session"
    assert at(session, "voice") == "alloy"
    assert at(session, "output_audio_format") == "pcm16"
    assert at(session, "max_response_output_tokens") == "inf"
    assert at(session, "turn_detection", "silence_duration_ms") == 200
    assert at(session, "speed") == 1.0


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("temperature", 1.1, 0.8),
        ("modalities", ["text"], ["audio", "text"]),
        ("voice", "echo", "alloy"),
        ("input_audio_format", "g711_alaw", "pcm16"),
        ("output_audio_format", "g711_ulaw", "pcm16"),
        ("max_response_output_tokens", 7, "inf"),
        ("input_audio_noise_reduction", {"type": "near_field"}, None),
        ("turn_detection", {"type": "semantic_vad", "eagerness": "low"}, None),
        ("tool_choice", "none", "auto"),
        ("speed", 1.5, 1.0),
    ],
)
def test_a_setting_is_kept_and_null_undoes_it(
    name: str, value: JsonValue, default: JsonValue
) -> None:
    client = BetaClient()
    set_to = at(session_of(client.update(**{name: value})), name)
    assert set_to == value or (isinstance(value, dict) and value.items() <= dict(set_to).items())  # type: ignore[arg-type]
    other = session_of(client.update(instructions="Sing."))
    assert at(other, name) == set_to
    assert at(session_of(client.update(**{name: None})), name) == default


def test_modalities_are_a_set() -> None:
    session = session_of(BetaClient().update(modalities=["text", "audio"]))
    assert at(session, "modalities") == ["audio", "text"]


def test_the_life_of_a_key_is_no_setting_of_a_connection() -> None:
    session = session_of(BetaClient().update(client_secret={"expires_after": {"seconds": 60}}))
    assert at(session, "client_secret") is None


def test_an_update_that_is_refused_changes_nothing() -> None:
    client = BetaClient()
    error_of(client.update(temperature=0.6, voice="nobody"))
    session = session_of(client.update(instructions="Sing."))
    assert at(session, "temperature") == 0.8


@pytest.mark.parametrize(
    ("update", "param"),
    [
        ({"type": "realtime"}, "session.type"),
        ({"output_modalities": ["text"]}, "session.output_modalities"),
        ({"max_output_tokens": 7}, "session.max_output_tokens"),
        ({"temperature": 0.5}, "session.temperature"),
        ({"modalities": []}, "session.modalities"),
        ({"modalities": "text"}, "session.modalities"),
        ({"modalities": ["smell"]}, "session.modalities[0]"),
        ({"input_audio_format": {"type": "audio/pcm"}}, "session.input_audio_format"),
        ({"turn_detection": {"threshold": 2}}, "session.turn_detection.threshold"),
        ({"input_audio_transcription": {"model": 7}}, "session.input_audio_transcription.model"),
        ({"max_response_output_tokens": 0}, "session.max_response_output_tokens"),
        ({"voice": "nobody"}, "session.voice"),
        ({"model": "another"}, "session.model"),
    ],
)
def test_refusals_name_the_settings_as_the_client_did(
    update: dict[str, JsonValue], param: str
) -> None:
    error = error_of(BetaClient().update(**update))
    assert error["param"] == param
    assert "audio.input" not in str(error["message"])


def test_the_session_that_a_test_looks_at_is_the_one_that_the_client_was_told() -> None:
    for client in (BetaClient(), voice_live(), transcribing()):
        assert client.simulation.session == client.opening[0]["session"]


# responses


def test_a_response_may_have_its_own_settings_and_the_next_has_the_sessions() -> None:
    client = BetaClient()
    client.update(temperature=0.7)
    asked: dict[str, JsonValue] = {
        "modalities": ["text"],
        "temperature": 1.2,
        "voice": "echo",
        "output_audio_format": "g711_ulaw",
        "max_output_tokens": 50,
        "metadata": {"topic": "greeting"},
    }
    own = one("response.done", client.respond(**asked))["response"]
    for name, value in asked.items():
        assert at(own, name) == value
    usual = one("response.done", client.respond(temperature=None))["response"]
    assert at(usual, "temperature") == 0.7
    assert at(usual, "modalities") == ["audio", "text"]


def test_the_older_name_of_the_token_limit_is_known_too() -> None:
    frames = BetaClient().respond(max_response_output_tokens=1)
    assert at(one("response.done", frames), "response", "max_output_tokens") == 1


def test_responses_out_of_band_do_not_mix_their_settings() -> None:
    client = BetaClient()
    for temperature in (0.6, 0.9, 1.2):
        client.send(
            "response.create", response={"conversation": "none", "temperature": temperature}
        )
    client.run()
    shown = [at(each, "response", "temperature") for each in of("response.done", client.frames)]
    assert sorted(map(str, shown)) == ["0.6", "0.9", "1.2"]


def test_what_responses_were_asked_for_is_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_beta, "_ASKED_MAX", 1)
    client = BetaClient(reply=lambda _: None)
    for temperature in (0.6, 0.7):
        client.send(
            "response.create", response={"conversation": "none", "temperature": temperature}
        )
    for question in client.unanswered:
        client.simulation.answer(question, [Say("Yes.")], 0.0)
    done = of("response.done", client.run())
    assert [at(each, "response", "temperature") for each in done] == [0.8, 0.7]


def test_the_input_of_a_response_may_hold_what_the_assistant_wrote_and_references() -> None:
    client = BetaClient()
    (created,) = client.say("My name is Alice.")
    given: JsonValue = [
        {"type": "item_reference", "id": at(created, "item", "id")},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "Hello, Alice!"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "And now?"}],
        },
    ]
    frames = client.respond(input=given, modalities=["text"])
    assert one("response.text.done", frames)["text"] == "You said: And now?"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("a text", "response.input"),
        (["a text"], "response.input[0]"),
        (
            [{"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}],
            "response.input[0].content[0].type",
        ),
        (
            [{"type": "message", "role": "assistant", "content": "a text"}],
            "response.input[0].content",
        ),
    ],
)
def test_an_input_that_is_none_is_refused(given: JsonValue, param: str) -> None:
    frames = BetaClient().send("response.create", response={"input": given})
    assert error_of(frames)["param"] == param


def test_a_call_is_told_by_name() -> None:
    client = BetaClient()
    client.update(tools=[{"type": "function", "name": "get_weather"}], modalities=["text"])
    client.say('call get_weather {"city": "Paris"}')
    frames = client.respond()
    call = one("response.function_call_arguments.done", frames)
    assert call["name"] == "get_weather"
    output: JsonValue = {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "sunny",
    }
    (created,) = client.send("conversation.item.create", item=output)
    assert at(created, "item", "status") == "completed"


def test_mcp_is_told_as_the_specification_has_it_for_this_dialect() -> None:
    client = BetaClient()
    server: JsonValue = {"type": "mcp", "server_label": "maps", "server_url": "https://maps.test"}
    frames = client.update(tools=[server]) + client.run()
    created = one("conversation.item.created", frames)
    assert at(created, "item", "type") == "mcp_list_tools"
    assert "status" not in str(created)
    assert types_of(frames)[-1] == "mcp_list_tools.completed"


def test_a_cancelled_response_ends_as_in_ga_and_a_phase_is_not_told() -> None:
    client = BetaClient(query="model=gpt-realtime-2.1", reply=lambda _: [Say("one two " * 20)])
    client.update(modalities=["text"])
    client.send("response.create")
    client.run(0.1)
    frames = client.send("response.cancel")
    assert types_of(frames)[0] == "response.text.done"
    done = one("response.done", frames)
    assert at(done, "response", "status_details", "reason") == "client_cancelled"
    assert at(done, "response", "output", 0, "status") == "incomplete"
    assert "phase" not in str(client.frames)


def test_a_spoken_item_is_retrieved_with_its_audio() -> None:
    client = BetaClient(reply=lambda _: [Say("Yes.")])
    item_id = at(one("response.done", client.respond()), "response", "output", 0, "id")
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    part = at(retrieved, "item", "content", 0)
    assert isinstance(part, dict)
    assert part["type"] == "audio"
    assert "format" not in part
    assert len(base64.b64decode(str(part["audio"]))) > 0
    frames = client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
    )
    assert types_of(frames) == ["conversation.item.truncated"]
    assert types_of(client.send("conversation.item.delete", item_id=item_id)) == [
        "conversation.item.deleted"
    ]


def test_an_item_waits_for_the_end_of_a_response_in_this_dialect_too() -> None:
    client = BetaClient(reply=lambda _: [Say("Yes.")])
    client.send("response.create")
    assert client.say("And you?") == []
    frames = client.run()
    kinds = [frame["type"] for frame in frames]
    assert kinds[-1] == "conversation.item.created"
    assert kinds[-2] == "response.done"


def test_limits_that_a_test_sets_are_told_at_the_beginning_of_the_next_response() -> None:
    client = BetaClient(reply=lambda _: [Say("Yes.")])
    client.simulation.rate_limits(limit=100, remaining=50)
    frames = client.respond()
    limits = at(frames[1], "rate_limits")
    assert at(limits, 1, "remaining") == 50
    assert of("rate_limits.updated", client.respond()) == []


# transcription sessions


def test_a_transcription_session_is_flat_too() -> None:
    client = transcribing()
    assert client.opening[0]["type"] == "transcription_session.created"
    (updated,) = client.send(
        "transcription_session.update",
        session={
            "input_audio_format": "pcm16",
            "input_audio_transcription": {"model": "gpt-4o-transcribe"},
            "turn_detection": {"type": "server_vad", "create_response": True},
            "modalities": ["text"],
            "client_secret": {"expires_at": {"anchor": "created_at", "seconds": 60}},
            "include": ["item.input_audio_transcription.logprobs"],
        },
    )
    assert at(updated, "session", "object") == "realtime.transcription_session"
    assert "create_response" not in str(updated)
    frames = client.speak() + client.run()
    completed = one("conversation.item.input_audio_transcription.completed", frames)
    assert "usage" not in completed
    assert of("response.created", frames) == []


@pytest.mark.parametrize("name", ["instructions", "voice", "temperature", "tools"])
def test_a_transcription_session_has_no_settings_of_answers(name: str) -> None:
    frames = transcribing().send("transcription_session.update", session={name: None})
    assert error_of(frames)["param"] == f"session.{name}"


def test_an_unknown_event_is_refused_with_all_that_there_are() -> None:
    error = error_of(BetaClient().send("session.close"))
    assert "'transcription_session.update'" in str(error["message"])
    error = error_of(Client().send("transcription_session.update", session={}))
    assert "'transcription_session.update', " not in str(error["message"])


def test_any_client_event_of_the_dialect_can_be_refused() -> None:
    client = transcribing()
    client.simulation.refuse_next("transcription_session.update", RefusedError("busy", "Not now."))
    frames = client.send("transcription_session.update", session={})
    assert error_of(frames)["code"] == "busy"
    with pytest.raises(ValueError, match="no client event"):
        Client().simulation.refuse_next("transcription_session.update", RefusedError("no", "No."))


# Voice Live


def test_voice_live_has_voices_of_its_own() -> None:
    client = voice_live()
    session = session_of(client.update(voice="echo"))
    assert at(session, "voice") == {"name": "echo", "type": "openai"}
    ava: JsonValue = {"name": "en-US-AvaNeural", "type": "azure-standard"}
    assert at(session_of(client.update(voice=ava)), "voice") == ava
    done = one("response.done", client.respond(voice="alloy"))
    assert at(done, "response", "voice", "name") == "alloy"
    assert at(one("response.done", client.respond()), "response", "voice") == ava
    assert at(session_of(client.update(voice=None)), "voice", "name") == "alloy"
    assert error_of(client.update(voice=7))["param"] == "session.voice"


def test_voice_live_shows_what_only_it_has() -> None:
    client = voice_live()
    begun = client.opening[0]["session"]
    assert at(begun, "input_audio_sampling_rate") == 24000
    assert "speed" not in str(begun)
    session = session_of(client.update(input_audio_sampling_rate=16000, modalities=["audio"]))
    assert at(session, "input_audio_sampling_rate") == 16000
    assert at(session, "modalities") == ["audio"]
    assert at(session_of(client.update(turn_detection=None)), "turn_detection") is None


def test_voice_lives_usage_tells_of_reasoning_and_its_parts_end_without_their_text() -> None:
    client = voice_live()
    client.update(modalities=["text"])
    client.say("Hello")
    frames = client.respond()
    details = at(one("response.done", frames), "response", "usage", "output_token_details")
    assert at(details, "reasoning_tokens") == 0
    assert at(one("response.content_part.done", frames), "part") == {"type": "text", "text": ""}
    spoken = client.respond(modalities=["text", "audio"])
    part = at(one("response.content_part.done", spoken), "part")
    assert at(part, "transcript") == "You said: Hello"


def test_voice_live_tells_no_limits_of_requests() -> None:
    client = voice_live()
    client.simulation.rate_limits(remaining=7)
    limits = at(one("rate_limits.updated", client.respond()), "rate_limits")
    assert len(limits) == 1  # type: ignore[arg-type]


# whom it is spoken to


@pytest.mark.parametrize(
    ("path", "headers", "spoken"),
    [
        ("/v1/realtime", (), None),
        ("/v1/realtime", BETA, "openai"),
        ("/v1/realtime", (("openai-beta", "assistants=v2, realtime=v1"),), "openai"),
        ("/v1/realtime", (("OpenAI-Beta", "realtime=v2"),), None),
        ("/openai/v1/realtime", BETA, None),
        ("/openai/realtime", (), "openai"),
        ("/some/proxy/openai/realtime/", BETA, "openai"),
        ("/voice-live/realtime", (), "voice-live"),
        ("/v1/realtime/translations", (), None),
    ],
)
def test_the_dialect_follows_from_the_path_and_the_header(
    path: str, headers: tuple[tuple[str, str], ...], spoken: str | None
) -> None:
    assert ClientHandshake(path, "", headers).beta == spoken


def test_a_handshake_tells_organization_and_project_however_they_were_shown() -> None:
    by_header = ClientHandshake(
        "/v1/realtime", "", (("OpenAI-Organization", "org-1"), ("OpenAI-Project", "proj_1"))
    )
    offered = ("realtime", "openai-organization.org-1", "openai-project.proj_1")
    by_subprotocol = ClientHandshake("/v1/realtime", subprotocols=offered)
    for handshake in (by_header, by_subprotocol):
        assert (handshake.organization, handshake.project) == ("org-1", "proj_1")
    assert ClientHandshake("/v1/realtime").organization is None
    assert ClientHandshake("/v1/realtime").project is None


def test_how_a_server_takes_the_beta_has_two_answers() -> None:
    with pytest.raises(ValueError, match="'refuse' or 'speak', not 'maybe'"):
        Manner(beta="maybe")  # type: ignore[arg-type]


# the checks themselves


def test_a_watch_sees_what_a_session_of_the_beta_may_not_send() -> None:
    watch = Watch()
    with watch.installed():
        client = BetaClient()
        delta: Frame = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        client.simulation._stage.emit("response.output_text.delta", {**delta, "delta": "x"})
        client.simulation._stage.emit("response.output_text.delta", {**delta, "delta": "x"})
    (error,) = watch.errors
    assert "not in progress" in error


@pytest.mark.parametrize(
    ("kind", "member"),
    [("response.text.delta", "delta"), ("conversation.item.created", "item")],
)
def test_a_frame_of_the_beta_that_lacks_a_member_is_seen(kind: str, member: str) -> None:
    client = BetaClient()
    client.update(modalities=["text"])
    client.say("Hello")
    client.respond()
    frame = dict(of(kind, client.frames)[0])
    del frame[member]
    with pytest.raises(AssertionError):
        check_frame(json.dumps(frame), "beta")

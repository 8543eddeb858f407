"""The simulated server's ear, driven: what was said, its transcription, silence, late answers."""

from __future__ import annotations

import base64

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import Frame, types_of
from trio_realtime._core.simulator import Manner, RefusedError
from trio_realtime.audio import silence, tone

PREFIX = "conversation.item.input_audio_transcription"
QUIET: JsonValue = {"type": "server_vad", "create_response": False}


def listening(model: str = "gpt-realtime-whisper", **more: JsonValue) -> Client:
    """A client whose turns are transcribed and not answered."""
    client = Client(manner=Manner(transcription_seconds=0.5))
    client.update(
        audio={"input": {"transcription": {"model": model, **more}, "turn_detection": QUIET}}
    )
    return client


def heard(client: Client, text: str, ms: float | None = None, seconds: float | None = None) -> None:
    client.simulation.turns.hears(text, ms, seconds)
    client.answer()


def deltas(frames: list[Frame]) -> list[JsonValue]:
    return [frame["delta"] for frame in frames if frame["type"] == f"{PREFIX}.delta"]


def test_a_turn_can_be_said() -> None:
    client = Client()
    heard(client, "What time is it?")
    frames = client.collect() + client.run()
    assert types_of(frames)[:6] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert (frames[0]["audio_start_ms"], frames[1]["audio_end_ms"]) == (0, 1200)
    spoken = at(frames[-1], "response", "output", 0, "content", 0, "transcript")
    assert spoken == "You said: What time is it?"
    (entry, _) = client.simulation.conversation
    assert (len(entry.audio), entry.speech_ms) == (1200 * 48, 1200)
    client.check()


def test_a_turn_takes_as_long_as_it_is_told() -> None:
    client = Client()
    client.listen_with(format={"type": "audio/pcmu"})
    heard(client, "Yes", ms=2500)
    assert client.collect()[1]["audio_end_ms"] == 2500
    (entry, *_) = client.simulation.conversation
    assert len(entry.audio) == 2500 * 8


def test_nobody_speaks_while_somebody_speaks() -> None:
    client = Client()
    client.simulation.speech_started()
    with pytest.raises(RuntimeError, match="speech_stopped"):
        heard(client, "Hello")


def test_without_detection_what_is_said_waits_for_the_commit() -> None:
    client = Client()
    client.listen_with(turn_detection=None, transcription={"model": "whisper-1"})
    heard(client, "Hello")
    heard(client, "there")
    assert client.collect() == []
    assert len(client.send("input_audio_buffer.commit")) == 3
    frames = client.run()
    assert deltas(frames) == ["Hello there"]
    assert frames[-1]["transcript"] == "Hello there"


def test_a_streaming_model_writes_before_the_commit() -> None:
    client = listening()
    heard(client, "one two three four")
    frames = client.collect()
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        f"{PREFIX}.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert deltas(frames) == [" one", " two"]
    assert all(frame["item_id"] == frames[0]["item_id"] for frame in frames[:4])
    rest = client.run()
    assert deltas(rest) == [" three", " four"]
    assert rest[-1]["transcript"] == "one two three four"
    client.check()


def test_a_streaming_model_writes_while_somebody_speaks() -> None:
    client = listening()
    client.append(tone(300, 400))
    assert deltas(client.run(0.03)) == [" Speech"]
    assert deltas(client.run(1)) == [" of"]
    client.append(silence(600))
    rest = client.run()
    assert deltas(rest) == [" 0.4", " seconds."]
    assert rest[-1]["transcript"] == "Speech of 0.4 seconds."
    client.append(tone(300, 400) + silence(600))
    assert deltas(client.run()) == [" Speech", " of", " 0.4", " seconds."]
    client.check()


def test_a_streaming_model_writes_before_a_commit_by_hand_too() -> None:
    client = listening()
    client.listen_with(turn_detection=None)
    assert client.append(silence(400)) == []
    assert client.run(1) == []
    client.append(tone(300, 400))
    frames = client.run(1)
    assert deltas(frames) == [" Speech", " of"]
    (committed, *_) = client.send("input_audio_buffer.commit")
    assert committed["item_id"] == frames[0]["item_id"]
    assert client.run()[-1]["transcript"] == "Speech of 0.4 seconds."
    client.check()


def test_what_is_cleared_is_not_transcribed_any_further() -> None:
    client = listening()
    client.append(tone(300, 400))
    client.run(0.03)
    assert types_of(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert client.run() == []


def test_switching_detection_off_ends_a_turn_that_it_began() -> None:
    client = listening()
    client.append(tone(300, 400))
    client.run(1)
    client.listen_with(turn_detection=None)
    assert client.append(silence(1000)) == []
    client.listen_with(turn_detection=QUIET)
    client.simulation.speech_started()
    client.listen_with(turn_detection=None)
    client.collect()
    client.simulation.speech_stopped()
    assert client.collect()[0]["type"] == "input_audio_buffer.speech_stopped"


def test_what_was_written_too_early_is_not_taken_back() -> None:
    client = listening()
    client.listen_with(turn_detection=None)
    client.append(tone(300, 400))
    assert deltas(client.run(1)) == [" Speech", " of"]
    heard(client, "honour")
    client.send("input_audio_buffer.commit")
    assert client.run()[-1]["transcript"] == "Speech of honour"
    client.check()


def test_silence_after_a_commit_in_the_midst_of_a_turn_has_no_words() -> None:
    client = listening()
    client.append(tone(300, 400))
    client.send("input_audio_buffer.commit")
    client.append(silence(100))
    client.run()
    client.append(silence(600))
    frames = client.run()
    assert deltas(frames) == []
    assert frames[-1]["transcript"] == ""
    client.check()


def test_transcription_that_is_switched_off_in_the_midst_of_a_turn_stops() -> None:
    client = listening()
    client.append(tone(300, 400))
    client.listen_with(transcription=None)
    client.append(silence(600))
    assert client.run() == []
    client.check()


def test_another_format_in_the_midst_of_a_turn_begins_anew() -> None:
    client = listening()
    (started,) = client.append(tone(300, 400))
    client.listen_with(format={"type": "audio/pcmu"})
    assert client.run() == []
    client.simulation.speech_started()
    assert client.collect()[0]["item_id"] != started["item_id"]


def test_a_transcription_ends_after_a_while_and_a_later_one_may_end_before() -> None:
    client = listening("gpt-4o-transcribe")
    heard(client, "first turn", seconds=3.0)
    heard(client, "second")
    completed = [frame for frame in client.run() if frame["type"] == f"{PREFIX}.completed"]
    assert [frame["transcript"] for frame in completed] == ["second", "first turn"]
    assert completed[1]["usage"] == {
        "type": "tokens",
        "total_tokens": 8,
        "input_tokens": 6,
        "output_tokens": 2,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 6},
    }


def test_a_transcription_may_end_after_the_response() -> None:
    client = Client()
    client.listen_with(transcription={"model": "gpt-4o-transcribe"})
    heard(client, "Hello", seconds=30.0)
    types = types_of(client.collect() + client.run())
    assert types.index("response.done") < types.index(f"{PREFIX}.completed")


@pytest.mark.parametrize("code", [None, "model_not_found"])
def test_a_transcription_can_fail_and_the_turn_goes_on(code: str | None) -> None:
    client = listening("gpt-4o-transcribe")
    client.simulation.turns.transcription_fails(RefusedError(code, "", type="server_error"))
    heard(client, "mumble")
    (failed,) = client.collect()[-1:] and client.run()
    item_id = failed["item_id"]
    assert failed["type"] == f"{PREFIX}.failed"
    assert failed["error"] == {
        "type": "server_error",
        "code": code,
        "message": f"Input transcription failed for item '{item_id}'.",
        "param": None,
    }
    heard(client, "clear")
    assert client.run()[-1]["transcript"] == "clear"


def test_a_failure_may_say_more() -> None:
    client = listening("gpt-4o-transcribe")
    error = RefusedError("audio_unintelligible", "Nothing to hear.", type="transcription_error")
    client.simulation.turns.transcription_fails(error)
    heard(client, "mumble")
    client.collect()
    assert at(client.run()[0], "error", "message") == "Nothing to hear."


def test_silence_is_paid_and_has_no_words() -> None:
    client = listening("whisper-1")
    client.listen_with(turn_detection=None)
    client.append(silence(1200))
    client.send("input_audio_buffer.commit")
    (completed,) = client.run()
    assert completed["transcript"] == ""
    assert completed["usage"] == {"type": "duration", "seconds": 2}


def test_log_probabilities_come_when_they_are_included() -> None:
    client = listening("gpt-4o-mini-transcribe")
    client.update(include=["item.input_audio_transcription.logprobs"])
    heard(client, "é a")
    client.collect()
    first, second, completed = client.run()
    assert first["logprobs"] == [{"token": " é", "logprob": -0.01, "bytes": [32, 195, 169]}]
    assert completed["logprobs"] == [*at_list(first["logprobs"]), *at_list(second["logprobs"])]


def at_list(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


def test_speakers_are_told_apart_by_the_model_that_does_so() -> None:
    client = listening("gpt-4o-transcribe-diarize")
    heard(client, "Good morning")
    client.collect()
    *_, segment, completed = client.run()
    assert segment["type"] == f"{PREFIX}.segment"
    assert (segment["text"], segment["start"], segment["end"]) == ("Good morning", 0.0, 0.6)
    assert completed["transcript"] == "Good morning"


@pytest.mark.parametrize(
    ("settings", "languages"),
    [({"languages": ["de", "en"]}, ["de", "en"]), ({"language": "fr"}, ["fr"]), ({}, [])],
)
def test_languages_are_told_by_the_model_that_detects_them(
    settings: dict[str, JsonValue], languages: list[str]
) -> None:
    client = listening("gpt-transcribe", **settings)
    heard(client, "Hallo")
    assert client.run()[-1]["languages"] == [{"code": code} for code in languages]


def test_a_refusal_of_an_empty_commit_may_come_late() -> None:  # race: commit-empty-late
    client = Client(manner=Manner(late_errors=0.9))
    client.listen_with(turn_detection=None)
    assert client.send("input_audio_buffer.commit", event_id="event_empty") == []
    client.append(tone(300, 200))
    assert client.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
    assert client.run(0.8) == []
    error = error_of(client.run(0.2))
    assert (error["code"], error["event_id"]) == (
        "input_audio_buffer_commit_empty",
        "event_empty",
    )


def test_a_commit_may_take_its_time_and_all_else_waits_behind_it() -> None:
    client = Client(manner=Manner(commit_seconds=0.15))
    client.listen_with(turn_detection=None)
    client.append(tone(300, 200))
    assert client.send("input_audio_buffer.commit") == []
    assert client.append(tone(300, 400)) == []
    assert client.send("input_audio_buffer.commit") == []
    assert client.send("response.create") == []
    assert types_of(client.run(0.2)) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert "response.created" in types_of(client.run(0.2))
    assert [entry.input_ms for entry in client.simulation.conversation][:2] == [200, 400]
    client.check()


def test_an_append_of_more_than_15_mib_is_refused() -> None:
    client = Client()
    client.listen_with(turn_detection=None)
    big = base64.b64encode(bytes(15 * 2**20 + 1)).decode()
    error = error_of(client.send("input_audio_buffer.append", audio=big))
    assert (error["code"], error["param"]) == ("string_above_max_length", "audio")


@pytest.mark.parametrize("detection", [None, QUIET])
def test_samples_may_be_split_over_appends(detection: JsonValue) -> None:
    client = Client(query="model=gpt-realtime")
    client.listen_with(turn_detection=detection)
    audio = tone(300, 600) + silence(400)
    for start in range(0, len(audio), 4801):
        client.append(audio[start : start + 4801])
    if detection is None:
        client.send("input_audio_buffer.commit")
    (entry,) = client.simulation.conversation
    assert entry.speech_ms == 600
    assert entry.audio == audio[: len(entry.audio)]


def test_half_a_sample_at_the_end_is_dropped() -> None:
    client = Client()
    client.listen_with(turn_detection=None)
    client.append(silence(100) + b"\x7f")
    client.send("input_audio_buffer.commit")
    client.append(silence(100))
    client.send("input_audio_buffer.commit")
    first, second = client.simulation.conversation
    assert first.audio == second.audio == silence(100)


def idling(timeout_ms: int = 5000) -> Client:
    """A client that the model speaks to again if it says nothing."""
    client = Client()
    client.listen_with(turn_detection={"type": "server_vad", "idle_timeout_ms": timeout_ms})
    client.say("Hello")
    client.send("response.create")
    client.run_until("response.done")
    return client


def test_who_says_nothing_is_spoken_to_again() -> None:
    client = idling()
    spoken_ms = [*client.simulation.conversation][-1].audio_ms
    assert spoken_ms is not None
    client.append(silence(1000))
    assert client.run(spoken_ms / 1000) == []
    client.append(silence(5000))
    assert client.run(4.9) == []
    frames = client.run(0.2)
    assert types_of(frames)[:5] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert (frames[0]["audio_start_ms"], frames[0]["audio_end_ms"]) == (1000, 6000)
    assert frames[0]["item_id"] == frames[1]["item_id"]
    client.run_until("response.done")
    # And again, for the user still says nothing.
    assert "input_audio_buffer.timeout_triggered" in types_of(client.run(15))
    client.check()


def test_who_speaks_is_not_spoken_to() -> None:
    client = idling()
    client.listen_with(turn_detection={"create_response": False})
    client.speak(300, pause_ms=600)
    assert client.run(120) == []


def test_a_timeout_that_is_switched_off_or_overtaken_does_nothing() -> None:
    client = idling()
    client.listen_with(turn_detection={"idle_timeout_ms": None})
    assert client.run(120) == []
    client = idling()
    client.reply = lambda _: None
    client.send("response.create")
    assert client.run(120) == []


def test_an_idle_timeout_can_be_driven() -> None:
    client = Client()
    client.simulation.turns.idle_timeout()
    client.answer()
    assert client.collect()[0]["type"] == "input_audio_buffer.timeout_triggered"
    with pytest.raises(RuntimeError, match="a response is active"):
        client.simulation.turns.idle_timeout()
    client.run()
    client.simulation.speech_started()
    with pytest.raises(RuntimeError, match="somebody is speaking"):
        client.simulation.turns.idle_timeout()
    client.simulation.speech_stopped()
    client.listen_with(turn_detection=None)
    with pytest.raises(RuntimeError, match="server_vad"):
        client.simulation.turns.idle_timeout()


def test_clearing_a_buffer_somebody_speaks_into_ends_the_turn() -> None:
    client = Client()
    client.simulation.speech_started()
    client.collect()
    client.send("input_audio_buffer.clear")
    with pytest.raises(RuntimeError, match="nobody is speaking"):
        client.simulation.speech_stopped()


@pytest.mark.parametrize(
    ("query", "models", "code"),
    [
        ("model=gpt-realtime", ("gpt-realtime",), None),
        ("model=gpt-live-9", ("gpt-realtime",), "invalid_model"),
        ("intent=transcription", ("gpt-realtime",), None),
    ],
)
def test_a_server_may_know_only_some_models(
    query: str, models: tuple[str, ...], code: str | None
) -> None:
    client = Client(query=query, manner=Manner(models=models))
    if code is None:
        assert types_of(client.opening) == ["session.created"]
    else:
        assert error_of(client.opening)["code"] == code
        assert client.simulation.closing == (4000, f"invalid_request_error.{code}")


def test_a_session_can_be_ended_with_any_error() -> None:
    client = Client()
    client.simulation.fail(RefusedError("credit_balance_exhausted", "Nothing left."), 4000)
    assert error_of(client.collect())["code"] == "credit_balance_exhausted"
    assert client.simulation.closing == (4000, "invalid_request_error.credit_balance_exhausted")


def test_keys_of_a_telephone_are_told_with_the_time_and_no_id() -> None:
    client = Client(query="call_id=rtc_1")
    client.simulation.read_clock(12.5)
    client.simulation.press("#")
    assert client.simulation.outbox.popleft() == (
        '{"type":"input_audio_buffer.dtmf_event_received","event":"#","received_at":1800000012}'
    )

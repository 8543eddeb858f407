"""The simulated server's ear: the input buffer, voice detection, barge-in, transcription."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import types_of
from trio_realtime._core.simulator import Manner, Pace, Say
from trio_realtime.audio import alaw_from_pcm, mulaw_from_pcm, resample, silence, tone


def hearing() -> Client:
    """A client of the model whose pauses of 200 ms most recordings have."""
    return Client(query="model=gpt-realtime")


def pushing_to_talk() -> Client:
    client = hearing()
    client.listen_with(turn_detection=None)
    return client


def transcript_of(frames: list[dict[str, JsonValue]]) -> JsonValue:
    return at(frames[-1], "response", "output", 0, "content", 0, "transcript")


def test_a_commit_makes_an_item_and_no_response() -> None:
    client = pushing_to_talk()
    assert client.append(tone(300, 1200)) == []
    frames = client.send("input_audio_buffer.commit")
    assert types_of(frames) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert frames[0]["item_id"] == at(frames[1], "item", "id")
    assert client.run() == []
    assert transcript_of(client.respond()) == "You spoke for 1.2 seconds."
    client.append(silence(500))
    (committed, *_) = client.send("input_audio_buffer.commit")
    assert committed["previous_item_id"] == client.simulation.conversation.items[1]["id"]
    client.check()


def test_less_than_100_ms_cannot_be_committed() -> None:
    client = pushing_to_talk()
    error = error_of(client.send("input_audio_buffer.commit", event_id="event_1"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["event_id"] == "event_1"
    client.append(silence(50))
    assert "50.00ms" in str(error_of(client.send("input_audio_buffer.commit"))["message"])
    client.append(silence(50))
    assert len(client.send("input_audio_buffer.commit")) == 3
    assert "0.00ms" in str(error_of(client.send("input_audio_buffer.commit"))["message"])


def test_what_is_cleared_is_not_committed() -> None:
    client = pushing_to_talk()
    client.append(tone(300, 500))
    assert types_of(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert error_of(client.send("input_audio_buffer.commit"))["code"] == (
        "input_audio_buffer_commit_empty"
    )


def test_voice_detection_hears_when_somebody_speaks() -> None:
    client = hearing()
    assert client.append(silence(1000)) == []
    frames = client.append(tone(300, 1200) + silence(500))
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped, committed = frames[:3]
    # Padding of 300 ms before, silence of 200 ms behind.
    assert started["audio_start_ms"] == 700
    assert stopped["audio_end_ms"] == 2400
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert transcript_of(client.run()) == "You spoke for 1.2 seconds."
    (entry, _) = client.simulation.conversation
    assert len(entry.audio) == 1700 * 48
    client.check()


@pytest.mark.parametrize("piece_ms", [7, 20, 100, 2000])
def test_it_does_not_matter_in_which_pieces_audio_comes(piece_ms: int) -> None:
    client = hearing()
    audio = silence(400) + tone(300, 600) + silence(800)
    step = piece_ms * 48
    frames = [
        frame
        for start in range(0, len(audio), step)
        for frame in client.append(audio[start : start + step])
    ]
    turns = [frame for frame in frames if "speech" in str(frame["type"])]
    assert [each.get("audio_start_ms", each.get("audio_end_ms")) for each in turns] == [100, 1200]


def test_padding_never_reaches_into_the_turn_before() -> None:
    client = hearing()
    client.append(tone(300, 400) + silence(200))
    client.run()
    frames = client.append(tone(300, 400))
    assert at(frames[0], "audio_start_ms") == 600
    client.check()


def test_clicks_and_noise_are_no_speech() -> None:
    client = hearing()
    noise = tone(50, 1000, volume=0.005)
    assert client.append(noise + tone(300, 20) + noise) == []
    client.listen_with(turn_detection={"type": "server_vad", "threshold": 0.1})
    assert types_of(client.append(noise)) == ["input_audio_buffer.speech_started"]


@pytest.mark.parametrize(
    ("kind", "encode"), [("audio/pcmu", mulaw_from_pcm), ("audio/pcma", alaw_from_pcm)]
)
def test_the_telephone_is_heard_too(kind: str, encode: Callable[[bytes], bytes]) -> None:
    client = hearing()
    client.append(silence(600))
    client.listen_with(format={"type": kind})
    frames = client.append(encode(resample(tone(300, 1200) + silence(500), 24_000, 8_000)))
    # Time goes on where it was when the format changed.
    assert frames[0]["audio_start_ms"] == 600
    assert transcript_of(client.run()) == "You spoke for 1.2 seconds."


def test_a_turn_that_speaks_can_be_committed_by_hand() -> None:
    client = hearing()
    (started,) = client.append(tone(300, 500))
    committed, *_ = client.send("input_audio_buffer.commit")
    assert committed["item_id"] == started["item_id"]
    # The turn goes on under another id, as the specification hints.
    stopped, rest, *_ = client.append(tone(300, 200) + silence(500))
    assert stopped["type"] == "input_audio_buffer.speech_stopped"
    assert stopped["item_id"] == rest["item_id"] != started["item_id"]
    assert rest["previous_item_id"] == started["item_id"]
    assert transcript_of(client.run()) == "You spoke for 0.2 seconds."
    first, second, _ = client.simulation.conversation
    assert (first.input_ms, first.speech_ms) == (500, 500)
    assert (second.input_ms, second.speech_ms) == (400, 200)
    client.check()


def test_without_create_response_a_turn_is_only_committed() -> None:
    client = hearing()
    client.listen_with(turn_detection={"type": "server_vad", "create_response": False})
    assert types_of(client.speak())[-1] == "conversation.item.done"
    assert client.run() == []


@pytest.mark.parametrize(
    ("eagerness", "pause_ms"), [("high", 2000), ("auto", 4000), ("medium", 4000), ("low", 8000)]
)
def test_semantic_detection_waits_as_long_as_it_may(eagerness: str, pause_ms: int) -> None:
    client = hearing()
    client.listen_with(turn_detection={"type": "semantic_vad", "eagerness": eagerness})
    frames = client.speak(500, pause_ms=9000)
    assert frames[1]["audio_end_ms"] == 500 + pause_ms


def test_settings_of_detection_that_are_null_are_the_usual_ones() -> None:
    client = hearing()
    client.listen_with(turn_detection={"type": "server_vad", "threshold": None})
    client.listen_with(turn_detection={"type": "server_vad", "silence_duration_ms": None})
    assert client.speak(500)[1]["audio_end_ms"] == 700


def test_speech_interrupts_the_response() -> None:  # pain 31
    client = Client(reply=lambda _: [Say("one two three four five six")])
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    frames = client.append(tone(300, 200))
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert at(frames[-1], "response", "status_details") == {
        "type": "cancelled",
        "reason": "turn_detected",
    }
    item_id = at(frames[-1], "response", "output", 0, "id")
    assert types_of(
        client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100
        )
    ) == ["conversation.item.truncated"]
    assert client.append(silence(500))[-1]["type"] == "response.created"
    client.run()
    client.check()


def test_speech_before_any_output_leaves_a_response_without_items() -> None:
    client = Client(manner=Manner(pace=Pace(latency=1.0)))
    client.send("response.create")
    client.simulation.speech_started()
    frames = client.collect()
    assert types_of(frames) == ["input_audio_buffer.speech_started", "response.done"]
    assert at(frames[-1], "response", "output") == []


def test_speech_that_does_not_interrupt_is_answered_after_the_response() -> None:
    client = hearing()
    client.listen_with(turn_detection={"type": "server_vad", "interrupt_response": False})
    client.say("Hello")
    client.send("response.create")
    client.speak()
    frames = client.run()
    assert types_of(frames).count("response.done") == 2
    assert transcript_of(frames) == "You spoke for 1.2 seconds."
    client.check()


def test_turns_can_be_driven_by_hand() -> None:
    client = hearing()
    client.append(silence(400))
    client.simulation.speech_started()
    assert client.collect()[0]["audio_start_ms"] == 400
    assert client.append(tone(300, 300) + silence(700)) == []
    with pytest.raises(RuntimeError, match="speech_stopped"):
        client.simulation.speech_started()
    client.simulation.speech_stopped()
    client.answer()
    frames = client.collect()
    assert frames[0]["audio_end_ms"] == 1400
    assert transcript_of(client.run()) == "You spoke for 1.0 seconds."
    with pytest.raises(RuntimeError, match="speech_started"):
        client.simulation.speech_stopped()
    client.check()


def test_a_turn_that_energy_began_can_be_ended_by_hand() -> None:
    client = hearing()
    client.append(tone(300, 490))
    client.simulation.speech_stopped()
    client.answer()
    client.collect()
    assert transcript_of(client.run()) == "You spoke for 0.5 seconds."


def test_clearing_ends_a_turn() -> None:
    client = hearing()
    client.append(tone(300, 500))
    client.send("input_audio_buffer.clear")
    assert client.append(silence(500)) == []
    assert types_of(client.append(tone(300, 100))) == ["input_audio_buffer.speech_started"]


def test_what_was_heard_is_transcribed_when_that_is_asked_for() -> None:
    client = hearing()
    client.listen_with(
        transcription={"model": "gpt-realtime-whisper"},
        turn_detection={"type": "server_vad", "create_response": False},
    )
    client.speak()
    frames = client.run()
    prefix = "conversation.item.input_audio_transcription"
    assert types_of(frames) == [f"{prefix}.delta", f"{prefix}.completed"]
    assert frames[0]["delta"] == " Speech"
    assert frames[-1]["transcript"] == "Speech of 1.2 seconds."
    assert frames[-1]["usage"] == {"type": "duration", "seconds": 2}
    (item,) = client.simulation.conversation.items
    assert at(item, "content", 0, "transcript") == "Speech of 1.2 seconds."
    assert at(client.respond(output_modalities=["text"])[-1], "response", "output", 0) is not None
    client.check()


def test_nothing_said_is_transcribed_as_nothing() -> None:
    client = hearing()
    client.listen_with(transcription={"model": "whisper-1"})
    client.simulation.speech_started()
    client.simulation.speech_stopped()
    client.answer()
    frames = client.run()
    (completed,) = (frame for frame in frames if "transcription.completed" in str(frame["type"]))
    assert completed["transcript"] == ""
    assert completed["usage"] == {"type": "duration", "seconds": 0}


def test_silence_is_not_kept_for_ever() -> None:  # promise 7
    client = hearing()
    for _ in range(4):
        client.append(silence(20_000))
    client.append(tone(300, 500) + silence(500))
    (entry, *_) = client.simulation.conversation
    assert len(entry.audio) == 1000 * 48
    client.listen_with(turn_detection=None)
    for _ in range(7):
        client.append(silence(60_000))
    client.send("input_audio_buffer.commit")
    *_, entry = client.simulation.conversation
    assert len(entry.audio) == 16 * 2**20
    assert (entry.input_ms, entry.speech_ms) == (420_300, 0)

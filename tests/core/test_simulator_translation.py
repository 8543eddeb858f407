"""The simulated translation: what is said comes out in another language, 1.8 s behind."""

from __future__ import annotations

import base64
from typing import Final

import pytest
from pydantic import JsonValue

from tests.core.simulated import at, error_of
from tests.core.translated import PATH, Listener
from tests.testing.faithful import Frame, recorded_sessions
from tests.wire import needs_recordings
from trio_realtime._core.simulator import ClientHandshake, Manner, Pace, RefusedError
from trio_realtime._core.simulator._secrets import Secret
from trio_realtime.audio import duration_ms, rms, silence, tone

HEARD: Final = "session.input_transcript.delta"
SAID: Final = "session.output_transcript.delta"
SOUND: Final = "session.output_audio.delta"


def pcm(frames: list[Frame]) -> bytes:
    """The sound of some frames."""
    sound = [str(frame["delta"]) for frame in frames if frame["type"] == SOUND]
    return b"".join(map(base64.b64decode, sound))


def test_what_is_said_is_written_down_translated_and_spoken() -> None:
    listener = Listener()
    listener.into("nb")
    listener.hears("the sea is calm")
    listener.send("session.close")
    frames = listener.run()
    assert listener.joined(HEARD) == " the sea is calm"
    assert listener.joined(SAID) == "the-nb sea-nb is-nb calm-nb"
    sound = pcm(frames)
    # Four words of 300 ms, behind the lag; whole frames.
    assert duration_ms(sound) == sum(frame["type"] == SOUND for frame in frames) * 200
    assert rms(sound[: 1800 * 48]) == 0.0
    assert rms(sound[2200 * 48 :]) > 0.05
    assert [frame["type"] for frame in frames][-1] == "session.closed"


def test_time_is_counted_in_frames_of_the_audio_that_was_sent() -> None:
    listener = Listener()
    listener.into("nb")
    listener.append(silence(300))
    first = listener.run(1000)
    listener.append(silence(100))
    second = listener.run(1000)
    # The time between them is none.
    assert [frame["elapsed_ms"] for frame in first] == [200]
    assert [frame["elapsed_ms"] for frame in second if frame["type"] == SOUND] == [400]


def test_a_frame_takes_as_long_as_the_pace_says() -> None:
    listener = Listener(manner=Manner(pace=Pace(audio_speed=2.0)))
    listener.append(silence(1000))
    assert len(listener.run(0.25)) == 2
    listener.append(silence(200))
    assert len(listener.run(0.25)) == 3
    assert len(listener.run(0.25)) == 1


def test_the_translation_is_as_far_behind_as_recorded() -> None:
    listener = Listener()
    listener.into("nb")
    listener.append(silence(400))
    listener.hears("sea", 200)
    listener.send("session.close")
    listener.run()
    (heard,) = (frame for frame in listener.frames if frame["type"] == HEARD)
    (said,) = (frame for frame in listener.frames if frame["type"] == SAID)
    assert (heard["elapsed_ms"], said["elapsed_ms"]) == (600, 2400)


def test_who_is_loud_has_said_something() -> None:
    listener = Listener()
    listener.into("nb")
    listener.append(tone(300, 1000) + silence(400) + tone(300, 200) + silence(400))
    listener.run()
    assert listener.joined(HEARD) == " word1 word2 word3 word4"
    listener.send("session.close")
    listener.run()
    assert listener.joined(SAID) == "word1-nb word2-nb word3-nb word4-nb"


def test_a_translation_may_have_more_words_or_fewer() -> None:
    said = {"good morning": "bom dia a todos", "see you later": "vi ses", "hm": ""}
    listener = Listener(manner=Manner(translate=lambda text, language: f"{said[text]}"))
    listener.into("pt")
    for text in said:
        listener.hears(text)
    listener.send("session.close")
    listener.run()
    assert listener.joined(HEARD) == " good morning see you later hm"
    assert listener.joined(SAID) == "bom dia a todos vi ses"


def test_a_translation_that_is_no_text_is_a_mistake_of_the_tests() -> None:
    broken = Manner(translate=lambda text, language: None)  # type: ignore[arg-type, return-value]
    listener = Listener(manner=broken)
    listener.into("nb")
    listener.hears("sea")
    with pytest.raises(TypeError, match="translate= returns"):
        listener.run()


def test_into_no_language_it_stays_as_it_was_said() -> None:
    listener = Listener()
    listener.hears("sea")
    listener.send("session.close")
    listener.run()
    assert listener.joined(SAID) == "sea"
    assert listener.joined(HEARD) == ""


def test_the_language_may_change_in_the_middle() -> None:
    listener = Listener()
    listener.into("nb")
    listener.hears("sea", 200)
    listener.run(1)
    listener.into("es")
    listener.hears("wind", 200)
    listener.send("session.close")
    listener.run()
    assert listener.joined(SAID) == "sea-nb wind-es"


def test_null_switches_off_and_what_is_left_out_stays() -> None:
    listener = Listener()
    listener.into("nb")
    (updated,) = listener.update(input={"noise_reduction": {"type": "far_field"}})
    assert at(updated, "session", "audio", "input", "transcription", "model")
    (updated,) = listener.update(input=None)
    assert at(updated, "session", "audio", "input") == {
        "noise_reduction": None,
        "transcription": None,
    }
    assert at(updated, "session", "audio", "output", "language") == "nb"
    assert at(listener.send("session.update", session={})[0], "session", "audio") == at(
        updated, "session", "audio"
    )


@pytest.mark.parametrize(
    ("audio", "param"),
    [
        ({"input": {"transcription": {}}}, "session.audio.input.transcription.model"),
        ({"output": {"language": 7}}, "session.audio.output.language"),
        ({"output": {"voice": "marin"}}, "session.audio.output.voice"),
        ({"input": {"turn_detection": None}}, "session.audio.input.turn_detection"),
    ],
)
def test_what_a_translation_has_no_setting_for_is_refused(
    audio: dict[str, JsonValue], param: str
) -> None:
    (frame,) = Listener().send("session.update", session={"audio": audio})
    assert at(frame, "error", "param") == param


def test_what_is_no_event_is_refused_and_the_session_goes_on() -> None:
    listener = Listener()
    assert listener.translation.receive("no json", 0.0) is None
    assert error_of(listener.collect())["code"] == "invalid_event"
    assert listener.into("nb")[0]["type"] == "session.updated"


def test_a_test_may_have_an_event_refused() -> None:
    listener = Listener()
    translation = listener.translation
    translation.refuse_next("session.update", RefusedError("no_such_language", "What is that?"))
    assert error_of(listener.into("tlh"))["code"] == "no_such_language"
    assert listener.into("nb")[0]["type"] == "session.updated"
    with pytest.raises(ValueError, match=r"no client event .response\.create"):
        translation.refuse_next("response.create", RefusedError("x", "y"))


def test_once_it_is_over_nothing_is_answered() -> None:
    listener = Listener()
    listener.send("session.close")
    listener.hears("too late")
    assert [frame["type"] for frame in listener.run()] == ["session.closed"]
    assert listener.translation.closing == (1000, "")
    assert listener.append(silence(200)) == []


def test_a_key_brings_its_session_along() -> None:
    audio = {"output": {"language": "fi"}}
    secret = Secret("ek_1", 60.0, "translation", "gpt-of-the-backend", {"audio": audio})  # type: ignore[dict-item]
    bearer = (("Authorization", "Bearer ek_1"),)
    (created,) = Listener(query="", secret=secret, headers=bearer).opening
    assert at(created, "session", "model") == "gpt-of-the-backend"
    assert at(created, "session", "audio", "output", "language") == "fi"


def test_a_wrong_key_is_refused_as_in_a_conversation() -> None:
    listener = Listener(manner=Manner(api_key="sk-right"))
    assert error_of(listener.opening)["code"] == "invalid_api_key"
    assert listener.translation.closing == (3000, "invalid_request_error.invalid_api_key")


def test_the_path_says_that_it_is_a_translation() -> None:
    handshake = ClientHandshake(f"{PATH}/", "model=m")
    assert (handshake.is_realtime, handshake.is_translation) == (True, True)
    assert handshake.kind == "translation"
    assert not ClientHandshake("/v1/realtime").is_translation
    assert Listener().translation.conversation.items == []


@needs_recordings
def test_it_sends_what_the_recorded_session_holds_in_that_order() -> None:
    (recorded,) = recorded_sessions("translation").values()
    listener = Listener(manner=Manner(translate=lambda text, language: "La rápida zorra"))
    listener.into("es")
    listener.hears("The quick fox")
    listener.send("session.close")
    listener.run()
    firsts = list(dict.fromkeys(str(frame["type"]) for frame in listener.frames))
    genuine = list(dict.fromkeys(str(frame["type"]) for _, frame in recorded))
    assert sorted(firsts) == sorted(genuine)
    assert firsts[:2] + firsts[-1:] == genuine[:2] + genuine[-1:]
    for _, frame in recorded:
        ours = next(each for each in listener.frames if each["type"] == frame["type"])
        assert ours.keys() == frame.keys()
        assert shape(ours) == shape(frame)


def shape(value: JsonValue) -> JsonValue:
    """The members of an object, whatever their values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return None

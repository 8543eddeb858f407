"""The rows of translations, brought about."""

from __future__ import annotations

from tests.core.scenarios.shared import Outcome, outcome_of, proves
from tests.core.simulated import error_of
from tests.core.translated import Listener
from trio_realtime.audio import silence


def ended(listener: Listener) -> Outcome:
    return outcome_of(listener.run(), listener.translation.closing)


def refused(listener: Listener, param: str, kind: str, **fields: object) -> Outcome:
    frames = listener.send(kind, event_id="event_of_mine", **fields)  # type: ignore[arg-type]
    error = error_of(frames)
    assert error["param"] == param
    assert error["event_id"] == "event_of_mine"
    return outcome_of(frames)


@proves("translation-connect")
def _() -> Outcome:
    listener = Listener()
    return outcome_of(listener.opening, listener.translation.closing)


@proves("translation-without-model")
def _() -> Outcome:
    listener = Listener(query="")
    return outcome_of(listener.opening, listener.translation.closing)


@proves("translation-update")
def _() -> Outcome:
    listener = Listener()
    return outcome_of(
        listener.update(
            input={
                "transcription": {"model": "gpt-realtime-whisper"},
                "noise_reduction": {"type": "near_field"},
            },
            output={"language": "nb"},
        )
    )


@proves("translation-update-model")
def _() -> Outcome:
    listener = Listener()
    outcome = refused(listener, "session.model", "session.update", session={"model": "another"})
    assert outcome == refused(
        listener, "session.type", "session.update", session={"type": "translation"}
    )
    return outcome


@proves("translation-update-value")
def _() -> Outcome:
    listener = Listener()
    wrong = {"audio": {"input": {"noise_reduction": {"type": "no_field"}}}}
    before = listener.translation.session
    outcome = refused(
        listener, "session.audio.input.noise_reduction.type", "session.update", session=wrong
    )
    assert listener.translation.session == before
    return outcome


@proves("translation-append")
def _() -> Outcome:
    listener = Listener()
    listener.into("nb")
    listener.append(silence(200))
    listener.hears("sea", 200)
    listener.append(silence(2000))
    return outcome_of(listener.run())


@proves("translation-append-untranscribed")
def _() -> Outcome:
    listener = Listener()
    listener.into("nb", transcribed=False)
    listener.append(silence(200))
    listener.hears("sea", 200)
    listener.append(silence(2000))
    return outcome_of(listener.run())


@proves("translation-append-short")
def _() -> Outcome:
    listener = Listener()
    listener.append(silence(199))
    return outcome_of(listener.run())


@proves("translation-append-no-base64")
def _() -> Outcome:
    return refused(Listener(), "audio", "session.input_audio_buffer.append", audio="!")


@proves("translation-append-too-long")
def _() -> Outcome:
    audio = "A" * (16 * 2**20 // 3 * 4)
    return refused(Listener(), "audio", "session.input_audio_buffer.append", audio=audio)


@proves("translation-close")
def _() -> Outcome:
    listener = Listener()
    listener.into("nb")
    listener.append(silence(200))
    listener.hears("sea", 200)
    assert listener.send("session.close") == []
    return ended(listener)


@proves("translation-close-at-once")
def _() -> Outcome:
    listener = Listener()
    assert listener.send("session.close") == []
    return ended(listener)


@proves("translation-after-close")
def _() -> Outcome:
    listener = Listener()
    listener.append(silence(100))
    listener.send("session.close")
    late = listener.append(silence(100))
    assert error_of(late)["code"] == "session_closing"
    return outcome_of(late + listener.run(), listener.translation.closing)


@proves("translation-other-event")
def _() -> Outcome:
    return refused(Listener(), "type", "response.create")


@proves("translation-expiry")
def _() -> Outcome:
    listener = Listener()
    listener.run(3599)
    listener.frames.clear()
    return ended(listener)

"""Speech and its transcription, brought about."""

from __future__ import annotations

from pydantic import JsonValue

from tests.core.scenarios.shared import (
    Outcome,
    called,
    hearing_with,
    outcome_of,
    proves,
    since,
    slow,
    transcribing,
)
from tests.core.simulated import Client
from trio_realtime._core.simulator import (
    RefusedError,
    Say,
)
from trio_realtime.audio import silence, tone

proves("speech")(lambda: heard(Client()))


def heard(client: Client, pause_ms: int = 1500) -> Outcome:
    return outcome_of(client.speak(pause_ms=pause_ms) + client.run())


proves("speech-semantic")(
    lambda: heard(hearing_with(type="semantic_vad", eagerness="high"), pause_ms=9000)
)


@proves("speech-driven")
def _() -> Outcome:
    outcomes: set[Outcome] = set()
    for driven in ("hears", "speech_started"):
        client = Client()
        if driven == "hears":
            client.simulation.turns.hears("Hello there", None, None)
        else:
            client.simulation.speech_started()
            client.simulation.speech_stopped()
        client.answer()
        outcomes.add(outcome_of(client.collect() + client.run()))
    (outcome,) = outcomes
    return outcome


proves("speech-without-response")(lambda: heard(hearing_with(create_response=False)))


@proves("speech-transcribing")
def _() -> Outcome:
    client = Client(query="intent=transcription")
    asked: JsonValue = {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
    client.send("session.update", session={"type": "transcription", "audio": asked})
    return heard(client)


@proves("speech-interrupts")
def _() -> Outcome:
    client = Client(reply=lambda _: [Say("one two three four five six")])
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-interrupts-before-output")
def _() -> Outcome:
    client = slow(latency=1.0)
    client.send("response.create")
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-interrupts-playback")
def _() -> Outcome:
    client = called()
    client.run_until("response.done")
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-interrupts-call")
def _() -> Outcome:
    client = called()
    client.run_until("response.output_audio_transcript.delta")
    client.run(0.05)
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-not-interrupting")
def _() -> Outcome:
    client = hearing_with(interrupt_response=False)
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    turn = client.speak()
    client.run()
    return outcome_of([*turn, *since("response.done", client)])


@proves("transcription")
def _() -> Outcome:
    client = transcribing()
    client.append(tone(300, 1000))
    client.send("input_audio_buffer.commit")
    return outcome_of(client.run())


def transcribed(client: Client, audio: bytes) -> Outcome:
    client.append(audio)
    client.send("input_audio_buffer.commit")
    return outcome_of(client.run())


proves("transcription-of-nothing")(lambda: transcribed(transcribing(), silence(200)))


@proves("transcription-of-speakers")
def _() -> Outcome:
    client = transcribing()
    client.listen_with(transcription={"model": "gpt-4o-transcribe-diarize"})
    return transcribed(client, tone(300, 1000))


@proves("transcription-streamed")
def _() -> Outcome:
    client = hearing_with(create_response=False)
    client.listen_with(transcription={"model": "gpt-realtime-whisper"})
    frames = client.append(tone(300, 1000)) + client.run(1.0)
    return outcome_of([*frames, *client.append(silence(1000)), *client.run()])


@proves("transcription-failed")
def _() -> Outcome:
    client = transcribing()
    failure = RefusedError("DeploymentNotFound", "")
    client.simulation.turns.transcription_fails(failure)
    return transcribed(client, tone(300, 1000))

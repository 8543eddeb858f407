"""What scenarios are made of: their register, how an outcome is written, and common situations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from pydantic import JsonValue

from tests.core.simulated import Client, at, by_default
from tests.testing.faithful import Frame
from trio_realtime._core.simulator import (
    Action,
    Manner,
    Pace,
    Question,
    Say,
)

Outcome: TypeAlias = tuple[str, ...]
Scenario: TypeAlias = Callable[[], "Outcome | Awaitable[Outcome]"]

SCENARIOS: Final[dict[str, Scenario]] = {}
"""By the id of the row, how it is brought about."""


def proves(row_id: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        assert row_id not in SCENARIOS, f"two scenarios for {row_id}"
        SCENARIOS[row_id] = scenario
        return scenario

    return register


def outcome_of(frames: Sequence[Frame], closing: tuple[int, str] | None = None) -> Outcome:
    """Write what was sent as the table does."""
    steps: list[str] = []
    deltas = 0  # where the run of deltas began
    for frame in frames:
        step = _step(frame)
        if not step.endswith(".delta"):
            if step not in steps[-1:]:
                steps.append(step)
            deltas = len(steps)
        elif step not in steps[deltas:]:
            steps.append(step)
    if closing is not None:
        steps.append(f"close({closing[0]})")
    return tuple(steps) or ("nothing",)


def _step(frame: Frame) -> str:
    kind = str(frame["type"])
    if kind in ("error", "conversation.item.input_audio_transcription.failed"):
        return f"{kind}({at(frame, 'error', 'code')})"
    if kind == "response.done":
        status, details = at(frame, "response", "status"), at(frame, "response", "status_details")
        if details is None:
            return f"{kind}({status})"
        why = at(details, "error", "code") if status == "failed" else at(details, "reason")
        return f"{kind}({status}: {why})"
    return kind


def since(kind: str, client: Client) -> list[Frame]:
    """What was sent from the first event of this type on."""
    number = next(n for n, frame in enumerate(client.frames) if frame["type"] == kind)
    return client.frames[number:]


def texting(reply: Callable[[Question], Sequence[Action] | None] = by_default) -> Client:
    client = Client(reply=reply)
    client.update(output_modalities=["text"])
    return client


def slow(**options: float) -> Client:
    """A client of a server that takes its time."""
    return Client(reply=lambda _: [Say("one two three four")], manner=Manner(pace=Pace(**options)))


def hello(client: Client, **fields: JsonValue) -> list[Frame]:
    return client.say("Hello", **fields)


def spoken_item(client: Client) -> str:
    """Let the model speak; returns the id of what it said."""
    hello(client)
    return str(at(client.respond()[-1], "response", "output", 0, "id"))


def asked_for(client: Client, kind: str, **fields: JsonValue) -> Outcome:
    """Send one event; an error names its `event_id`."""
    frames = client.send(kind, event_id="event_of_mine", **fields)
    for frame in frames:
        if frame["type"] == "error":
            assert at(frame, "error", "event_id") == "event_of_mine"
    return outcome_of(frames)


def request(kind: str, **fields: JsonValue) -> Scenario:
    return lambda: asked_for(Client(), kind, **fields)


def alike(kind: str, *several: Mapping[str, JsonValue]) -> Scenario:
    """A scenario of events that are all answered alike, each in a session of its own."""

    def scenario() -> Outcome:
        outcomes = {str(fields): asked_for(Client(), kind, **fields) for fields in several}
        assert len(set(outcomes.values())) == 1, outcomes
        return next(iter(outcomes.values()))

    return scenario


def function(**members: JsonValue) -> dict[str, JsonValue]:
    return {"tools": [{"type": "function", **members}]}


def pushing_to_talk() -> Client:
    client = Client()
    client.listen_with(turn_detection=None)
    return client


def hearing_with(**settings: JsonValue) -> Client:
    client = Client()
    client.listen_with(turn_detection={"type": "server_vad", **settings})
    return client


def called() -> Client:
    """A client beside a call, to whose other end the server plays what the model says."""
    client = Client(query="call_id=rtc_1", reply=lambda _: [Say("one two three four five six")])
    client.update()
    client.send("response.create")
    return client


def transcribing() -> Client:
    client = pushing_to_talk()
    client.listen_with(transcription={"model": "gpt-4o-transcribe"})
    return client

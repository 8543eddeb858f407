"""A simulated session that a test drives by hand: no loop, no time but what the test says."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from tests.testing.faithful import Frame, check_frame, check_order
from tests.testing.presence import Served
from tests.testing.watch import served_by
from trio_realtime._core.simulator import (
    Action,
    ClientHandshake,
    Manner,
    Question,
    Simulation,
    default_reply,
)
from trio_realtime.audio import silence, tone


def by_default(question: Question) -> Sequence[Action]:
    return default_reply(question.tools, question.tool_choice, question.context)


class Client:
    """Both ends of one simulated session. Everything the server sends is checked."""

    def __init__(
        self,
        *,
        query: str = "model=gpt-realtime-2.1",
        reply: Callable[[Question], Sequence[Action] | None] = by_default,
        manner: Manner | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        path: str = "/v1/realtime",
    ) -> None:
        chance = random.Random(0)
        alphabet = string.ascii_letters + string.digits
        self.now: float = 0.0
        self.reply: Callable[[Question], Sequence[Action] | None] = reply
        self.frames: list[Frame] = []
        self.unanswered: list[Question] = []
        self.simulation: Simulation = Simulation(
            ClientHandshake(path, query, headers),
            manner or Manner(),
            lambda count: "".join(chance.choices(alphabet, k=count)),
            now=0.0,
            unix_time=1_800_000_000.0,
        )
        self.served: Served = served_by(self.simulation._stage)
        self.simulation.open()
        self.opening: list[Frame] = self.collect()

    def collect(self) -> list[Frame]:
        """What the server has sent since it was last asked."""
        new: list[Frame] = []
        while self.simulation.outbox:
            new.append(check_frame(self.simulation.outbox.popleft(), self.served))
        self.frames += new
        return new

    def answer(self) -> None:
        while self.simulation.questions:
            question = self.simulation.questions.popleft()
            plan = self.reply(question)
            if plan is None:
                self.simulation.begin(question)
                self.unanswered.append(question)
            else:
                self.simulation.answer(question, plan, self.now)

    def raw(self, data: str | bytes) -> list[Frame]:
        self.simulation.receive(data, self.now)
        self.answer()
        return self.collect()

    def send(self, kind: str, **fields: JsonValue) -> list[Frame]:
        """Send an event; returns what the server answers at once."""
        return self.raw(json.dumps({"type": kind, **fields}))

    def update(self, **session: JsonValue) -> list[Frame]:
        return self.send("session.update", session={"type": "realtime", **session})

    def listen_with(self, **settings: JsonValue) -> list[Frame]:
        return self.update(audio={"input": settings})

    def say(self, text: str, **fields: JsonValue) -> list[Frame]:
        content: JsonValue = [{"type": "input_text", "text": text}]
        item: JsonValue = {"type": "message", "role": "user", "content": content, **fields}
        return self.send("conversation.item.create", item=item)

    def append(self, audio: bytes) -> list[Frame]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def speak(self, ms: int = 1200, *, pause_ms: int = 500) -> list[Frame]:
        return self.append(tone(300, ms) + silence(pause_ms))

    def run(self, seconds: float = 60.0) -> list[Frame]:
        """Let time pass."""
        end = self.now + seconds
        while (due := self.simulation.due) is not None and due <= end:
            self.now = max(self.now, due)
            self.simulation.tick(self.now)
            self.answer()
        self.now = end
        return self.collect()

    def run_until(self, kind: str) -> list[Frame]:
        """Let time pass until the server has sent an event of this type."""
        new: list[Frame] = []
        while not any(frame["type"] == kind for frame in new):
            assert self.simulation.due is not None
            self.now = max(self.now, self.simulation.due)
            self.simulation.tick(self.now)
            self.answer()
            new += self.collect()
        return new

    def respond(self, **response: JsonValue) -> list[Frame]:
        """Ask for a response, and wait for all of it."""
        return self.send("response.create", response=response) + self.run()

    def check(self) -> None:
        """Check the order of all that was sent."""
        check_order(self.frames)


BETA = (("OpenAI-Beta", "realtime=v1"),)


class BetaClient(Client):
    """A client that speaks the beta dialect, to a server that does."""

    def __init__(
        self,
        *,
        query: str = "model=gpt-4o-realtime-preview",
        reply: Callable[[Question], Sequence[Action] | None] = by_default,
        manner: Manner | None = None,
        path: str = "/v1/realtime",
    ) -> None:
        manner = manner or Manner(beta="speak")
        super().__init__(query=query, reply=reply, manner=manner, headers=BETA, path=path)

    def update(self, **session: JsonValue) -> list[Frame]:
        return self.send("session.update", session=session)

    def listen_with(self, **settings: JsonValue) -> list[Frame]:
        names = {"format": "input_audio_format", "transcription": "input_audio_transcription"}
        return self.update(**{names.get(name, name): each for name, each in settings.items()})


def voice_live(reply: Callable[[Question], Sequence[Action] | None] = by_default) -> BetaClient:
    """A client of Azure Voice Live."""
    return BetaClient(
        query="api-version=2025-10-01&model=gpt-realtime",
        path="/voice-live/realtime",
        reply=reply,
        manner=Manner(),
    )


def error_of(frames: Sequence[Frame]) -> dict[str, JsonValue]:
    """The one error that was sent."""
    assert [frame["type"] for frame in frames] == ["error"]
    error = frames[0]["error"]
    assert isinstance(error, dict)
    return error


def at(value: JsonValue, *path: str | int) -> JsonValue:
    """What lies at a path that must be there."""
    for step in path:
        if isinstance(step, int):
            assert isinstance(value, list)
            value = value[step]
        else:
            assert isinstance(value, dict)
            value = value[step]
    return value

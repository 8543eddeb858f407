"""A simulated translation that a test drives by hand: no loop, no time but what the test says."""

from __future__ import annotations

import base64
import json

from pydantic import JsonValue

from tests.testing.faithful import Frame, check_frame
from trio_realtime._core.simulator import ClientHandshake, Manner, Translation
from trio_realtime._core.simulator._secrets import Secret

PATH = "/v1/realtime/translations"


class Listener:
    """Both ends of one translation. Everything the server sends is checked."""

    def __init__(
        self,
        *,
        query: str = "model=gpt-realtime-translate",
        manner: Manner | None = None,
        secret: Secret | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.now: float = 0.0
        self.frames: list[Frame] = []
        self.translation: Translation = Translation(
            ClientHandshake(PATH, query, headers),
            manner or Manner(),
            lambda count: "x" * count,
            now=0.0,
            unix_time=1_800_000_000.0,
            secret=secret,
        )
        self.translation.open()
        self.opening: list[Frame] = self.collect()

    def collect(self) -> list[Frame]:
        """What the server has sent since it was last asked."""
        new: list[Frame] = []
        while self.translation.outbox:
            new.append(check_frame(self.translation.outbox.popleft(), "translation"))
        self.frames += new
        return new

    def send(self, kind: str, **fields: JsonValue) -> list[Frame]:
        """Send an event; returns what the server answers at once."""
        self.translation.receive(json.dumps({"type": kind, **fields}), self.now)
        return self.collect()

    def update(self, **audio: JsonValue) -> list[Frame]:
        return self.send("session.update", session={"audio": audio})

    def into(self, language: str, *, transcribed: bool = True) -> list[Frame]:
        model: JsonValue = {"model": "gpt-realtime-whisper"} if transcribed else None
        return self.update(output={"language": language}, input={"transcription": model})

    def append(self, audio: bytes) -> list[Frame]:
        return self.send(
            "session.input_audio_buffer.append", audio=base64.b64encode(audio).decode()
        )

    def hears(self, text: str, ms: float | None = None) -> None:
        self.translation.read_clock(self.now)
        self.translation.hears(text, ms)

    def run(self, seconds: float = 60.0) -> list[Frame]:
        """Let time pass."""
        end = self.now + seconds
        while (due := self.translation.due) is not None and due <= end:
            self.now = max(self.now, due)
            self.translation.tick(self.now)
        self.now = end
        return self.collect()

    def joined(self, kind: str) -> str:
        """The deltas of a kind, as one text."""
        return "".join(str(frame["delta"]) for frame in self.frames if frame["type"] == kind)

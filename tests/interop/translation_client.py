# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""A translation with openai-python, run by its own interpreter.

`python translation_client.py` says something to OPENAI_BASE_URL, lets it finish, and prints as JSON
every event it saw, those that openai-python's own models refuse, and how it is told of a mistake.
"""

import asyncio
import base64
import json
import math
import struct
import sys

from openai import AsyncOpenAI
from openai.lib.realtime_translation import AsyncTranslationSession

RATE = 24_000
MODEL = "gpt-realtime-translate"


def tone(ms, amplitude=8000):
    samples = range(RATE * ms // 1000)
    values = (int(amplitude * math.sin(2 * math.pi * 220 * n / RATE)) for n in samples)
    return b"".join(struct.pack("<h", value) for value in values)


class Seen:
    def __init__(self):
        self.events = []
        self.refused = []

    def note(self, event):
        seen = json.loads(event.to_json())
        self.events.append(seen)
        try:
            type(event).model_validate(seen)
        except ValueError as error:
            self.refused.append(f"{event.type}: {error}")
        return event.type


async def finished(client):
    """The helper that waits for the end."""
    seen = Seen()
    async with AsyncTranslationSession(client.realtime.translations, model=MODEL) as connection:
        audio = {
            "input": {"transcription": {"model": "gpt-realtime-whisper"}},
            "output": {"language": "es"},
        }
        await connection.send({"type": "session.update", "session": {"audio": audio}})
        pcm = tone(900)
        for start in range(0, len(pcm), 9600):
            chunk = base64.b64encode(pcm[start : start + 9600]).decode()
            await connection.send({"type": "session.input_audio_buffer.append", "audio": chunk})
        await connection.send({"type": "session.close"})
        while seen.note(await connection.recv()) != "session.closed":
            pass
    return seen


async def mistaken(client):
    """The connection itself, with its resources."""
    seen = Seen()
    async with client.realtime.translations.connect(model=MODEL) as connection:
        await connection.session.update(session={"audio": {"output": {"voice": "marin"}}})
        await connection.session.input_audio_buffer.append(audio="AAAA")
        await connection.session.close()
        async for event in connection:
            seen.note(event)
    return seen


async def main():
    client = AsyncOpenAI()
    flows = {
        flow.__name__: vars(await asyncio.wait_for(flow(client), 20))
        for flow in (finished, mistaken)
    }
    sys.stdout.write(json.dumps(flows))


asyncio.run(main())

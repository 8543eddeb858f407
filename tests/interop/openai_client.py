# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""A client written with openai-python, run by its own interpreter: it shares nothing with us.

`python openai_client.py FLOW` runs one flow against OPENAI_BASE_URL and prints as JSON every event
it saw, as openai-python understood it, and those that openai-python's own models refuse.
"""

import asyncio
import base64
import json
import math
import struct
import sys

from openai import AsyncOpenAI

RATE = 24_000
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def tone(ms, amplitude=8000):
    samples = range(RATE * ms // 1000)
    values = (int(amplitude * math.sin(2 * math.pi * 220 * n / RATE)) for n in samples)
    return b"".join(struct.pack("<h", value) for value in values)


def silence(ms):
    return bytes(2 * (RATE * ms // 1000))


class Client:
    """A connection, and all that was seen on it."""

    def __init__(self, connection):
        self.connection = connection
        self.events = []
        self.refused = []

    async def update(self, **fields):
        await self.connection.session.update(session={"type": "realtime", **fields})
        await self.until("session.updated")

    async def say(self, text):
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )

    async def append(self, pcm):
        for start in range(0, len(pcm), 4800):
            chunk = base64.b64encode(pcm[start : start + 4800]).decode()
            await self.connection.input_audio_buffer.append(audio=chunk)

    async def until(self, kind, count=1):
        """Read until so many events of a type have come; returns the last."""
        while True:
            event = await self.connection.recv()
            seen = event.to_dict()
            self.events.append(seen)
            try:
                type(event).model_validate(seen)
            except ValueError as error:
                self.refused.append(f"{event.type}: {error}")
            if event.type == kind:
                count -= 1
                if not count:
                    return event


async def text(client):
    await client.update(output_modalities=["text"])
    await client.say("Hello from openai-python")
    await client.connection.response.create()
    await client.until("response.done")


async def commit(client):
    await client.update(audio={"input": {"turn_detection": None}})
    await client.append(tone(1200))
    await client.connection.input_audio_buffer.commit()
    await client.connection.response.create()
    await client.until("response.done")


async def vad(client):
    detection = {"type": "server_vad", "silence_duration_ms": 300}
    whisper = {"model": "gpt-realtime-whisper"}
    await client.update(audio={"input": {"turn_detection": detection, "transcription": whisper}})
    await client.append(silence(200) + tone(1200) + silence(1000))
    await client.until("response.done")
    heard = "conversation.item.input_audio_transcription.completed"
    if not any(event["type"] == heard for event in client.events):  # it comes when it comes
        await client.until(heard)


async def tool(client):
    await client.update(output_modalities=["text"], tools=[TOOL])
    await client.say('call get_weather {"city": "Paris"}')
    await client.connection.response.create()
    call = await client.until("response.function_call_arguments.done")
    await client.until("response.done")
    output = json.dumps({"city": json.loads(call.arguments)["city"], "celsius": 21})
    await client.connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": output}
    )
    await client.connection.response.create()
    await client.until("response.done")


async def cancel(client):
    await client.update(output_modalities=["text"])
    await client.connection.response.create()
    await client.until("response.output_text.delta", 3)
    await client.connection.response.cancel()
    await client.until("response.done")
    await client.connection.response.create()
    await client.until("response.done")


async def barge_in(client):
    await client.append(tone(500) + silence(500))
    delta = await client.until("response.output_audio.delta", 3)
    await client.append(tone(500))
    await client.until("response.done")
    await client.connection.conversation.item.truncate(
        item_id=delta.item_id, content_index=delta.content_index, audio_end_ms=450
    )
    await client.until("conversation.item.truncated")
    await client.append(silence(500))
    await client.until("response.done")
    await client.connection.conversation.item.retrieve(item_id=delta.item_id)
    await client.until("conversation.item.retrieved")


async def recover(client):
    await client.update(output_modalities=["text"])
    connection = client.connection
    await connection.conversation.item.delete(item_id="item_nowhere", event_id="evt_delete")
    await client.until("error")
    await connection.session.update(
        session={"type": "realtime", "model": "another"}, event_id="evt_model"
    )
    await client.until("error")
    await connection.send({"type": "no.such.event", "event_id": "evt_unknown"})
    await client.until("error")
    await connection.response.cancel(event_id="evt_cancel")
    await client.until("error")
    await connection.input_audio_buffer.commit(event_id="evt_commit")
    await client.until("error")
    await connection.response.create(event_id="evt_first")
    await client.until("response.created")
    await connection.response.create(event_id="evt_second")
    await client.until("error")
    await client.until("response.done")
    await client.say("Still there?")
    await connection.response.create()
    await client.until("response.done")


async def beside(client):
    """Two responses out of band beside a default one, all at once."""
    await client.update(output_modalities=["text"])
    await client.say("A long story, please.")
    await client.connection.response.create()
    for topic in ("mood", "topic"):
        content = [{"type": "input_text", "text": f"Classify the {topic}."}]
        await client.connection.response.create(
            response={
                "conversation": "none",
                "metadata": {"topic": topic},
                "output_modalities": ["text"],
                "input": [{"type": "message", "role": "user", "content": content}],
            }
        )
    await client.until("response.done", 3)


FLOWS = {
    flow.__name__: flow for flow in (text, commit, vad, tool, cancel, barge_in, recover, beside)
}


async def main():
    async with AsyncOpenAI().realtime.connect(model="gpt-realtime-2.1") as connection:
        client = Client(connection)
        await asyncio.wait_for(FLOWS[sys.argv[1]](client), 20)
    sys.stdout.write(json.dumps({"events": client.events, "refused": client.refused}))


asyncio.run(main())

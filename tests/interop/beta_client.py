# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""A client of the beta, and one of Azure, with openai-python, run by its own interpreter.

`python beta_client.py FLOW` runs one flow against OPENAI_BASE_URL, which is `https:`, for neither
speaks plain text. It prints as JSON every event it saw, as openai-python understood it, and those
that openai-python's own models refuse.
"""

import asyncio
import base64
import json
import math
import os
import struct
import sys

from openai import AsyncAzureOpenAI, AsyncOpenAI
from pydantic import ValidationError

MODEL = "gpt-4o-realtime-preview"
VERSION = "2025-04-01-preview"
RESOURCE = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")


def tone(ms):
    samples = range(24 * ms)
    values = (int(8000 * math.sin(2 * math.pi * 220 * n / 24_000)) for n in samples)
    return base64.b64encode(b"".join(struct.pack("<h", value) for value in values)).decode()


class Client:
    """A connection, and all that was seen on it."""

    def __init__(self, connection):
        self.connection = connection
        self.events = []
        self.refused = []

    async def until(self, kind):
        while True:
            event = await self.connection.recv()
            seen = event.to_dict()
            self.events.append(seen)
            try:
                type(event).model_validate(seen)
            except ValidationError as error:
                for each in error.errors():
                    place = ".".join(map(str, each["loc"]))
                    self.refused.append(f"{event.type}: {place}")
            if event.type == kind:
                return event

    async def say(self, text):
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await self.connection.response.create()
        await self.until("response.done")

    async def text(self):
        await self.connection.session.update(session={"modalities": ["text"]})
        await self.until("session.updated")
        await self.say("Hello from the beta")

    async def voice(self):
        session = {"turn_detection": None, "input_audio_transcription": {"model": "whisper-1"}}
        await self.connection.session.update(session=session)
        await self.until("session.updated")
        await self.connection.input_audio_buffer.append(audio=tone(1200))
        await self.connection.input_audio_buffer.commit()
        await self.until("conversation.item.input_audio_transcription.completed")
        await self.connection.response.create()
        delta = await self.until("response.audio.delta")
        await self.until("response.done")
        await self.connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=100
        )
        await self.until("conversation.item.truncated")
        await self.connection.conversation.item.delete(item_id="item_nowhere")
        await self.until("error")

    async def write(self):
        whisper = {"model": "whisper-1"}
        await self.connection.transcription_session.update(
            session={"input_audio_transcription": whisper, "input_audio_format": "pcm16"}
        )
        await self.until("transcription_session.updated")
        await self.connection.input_audio_buffer.append(audio=tone(1200))
        await self.connection.input_audio_buffer.commit()
        await self.until("conversation.item.input_audio_transcription.completed")

    async def ga(self):
        await self.connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"]}
        )
        await self.until("session.updated")
        await self.say("Hello from GA")


async def played(manager, flow):
    async with manager as connection:
        client = Client(connection)
        await getattr(Client, flow)(client)
    return client


async def beta(flow):
    return await played(AsyncOpenAI().beta.realtime.connect(model=MODEL), flow)


async def keyed():
    made = await AsyncOpenAI().beta.realtime.sessions.create(
        model=MODEL, voice="alloy", modalities=["text"]
    )
    browser = AsyncOpenAI(api_key=made.client_secret.value)
    return await played(browser.beta.realtime.connect(model=MODEL), "text")


async def writing():
    made = await AsyncOpenAI().beta.realtime.transcription_sessions.create(
        input_audio_transcription={"model": "whisper-1"}
    )
    browser = AsyncOpenAI(api_key=made.client_secret.value)
    return await played(browser.beta.realtime.connect(model=MODEL), "write")


async def azure_key():
    client = AsyncAzureOpenAI(azure_endpoint=RESOURCE, api_key="test", api_version=VERSION)
    return await played(client.beta.realtime.connect(model="my-deployment"), "text")


async def azure_token():
    async def token():
        await asyncio.sleep(0)
        return "test"

    client = AsyncAzureOpenAI(
        azure_endpoint=RESOURCE,
        azure_deployment="my-deployment",
        azure_ad_token_provider=token,
        api_version=VERSION,
    )
    return await played(client.beta.realtime.connect(model="my-deployment"), "voice")


async def azure_ga():
    # The way round that Microsoft shows: openai-python has no GA for Azure.
    client = AsyncOpenAI(
        api_key="test", websocket_base_url=RESOURCE.replace("https", "wss") + "/openai/v1"
    )
    return await played(client.realtime.connect(model="my-deployment"), "ga")


FLOWS = {
    "text": lambda: beta("text"),
    "voice": lambda: beta("voice"),
    "keyed": keyed,
    "writing": writing,
    "azure_key": azure_key,
    "azure_token": azure_token,
    "azure_ga": azure_ga,
}


async def main():
    client = await asyncio.wait_for(FLOWS[sys.argv[1]](), 20)
    sys.stdout.write(json.dumps({"events": client.events, "refused": client.refused}))


asyncio.run(main())

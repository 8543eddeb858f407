# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""A client written with openai-python, run by its own interpreter: it shares nothing with us.

`python openai_client.py FLOW` runs one flow against OPENAI_BASE_URL and prints what it saw as JSON.
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


def session(**fields):
    return {"type": "realtime", **fields}


async def append(connection, pcm):
    for start in range(0, len(pcm), 960):
        chunk = base64.b64encode(pcm[start : start + 960]).decode()
        await connection.input_audio_buffer.append(audio=chunk)


async def until_done(connection, seen):
    """Read one response to its end; put what it said into `seen`."""
    text, transcript, audio, calls = "", "", 0, []
    async for event in connection:
        seen["events"].append(event.type)
        if event.type == "error":
            seen["errors"].append(event.error.message)
            break
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.output_audio_transcript.delta":
            transcript += event.delta
        elif event.type == "response.output_audio.delta":
            audio += len(base64.b64decode(event.delta))
        elif event.type == "response.function_call_arguments.done":
            calls.append([event.call_id, event.name, event.arguments])
        elif event.type == "response.done":
            seen["status"] = event.response.status
            seen["usage"] = event.response.usage is not None
            break
    seen.update(text=text, transcript=transcript, audio=audio, calls=calls)


async def text_turn(connection, seen):
    await connection.session.update(session=session(output_modalities=["text"]))
    message = {"type": "input_text", "text": "Hello from openai-python"}
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [message]}
    )
    await connection.response.create()
    await until_done(connection, seen)


async def commit_turn(connection, seen):
    quiet = {"input": {"turn_detection": None}}
    await connection.session.update(session=session(output_modalities=["audio"], audio=quiet))
    await append(connection, tone(1200))
    await connection.input_audio_buffer.commit()
    await connection.response.create()
    await until_done(connection, seen)


async def vad_turn(connection, seen):
    vad = {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}}
    await connection.session.update(session=session(output_modalities=["audio"], audio=vad))
    await append(connection, silence(200) + tone(1200) + silence(1000))
    await until_done(connection, seen)


async def tool_turn(connection, seen):
    await connection.session.update(session=session(output_modalities=["text"], tools=[TOOL]))
    message = {"type": "input_text", "text": 'call get_weather {"city": "Paris"}'}
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [message]}
    )
    await connection.response.create()
    await until_done(connection, seen)
    seen["asked"] = seen["calls"]
    for call_id, _name, arguments in seen["calls"]:
        output = json.dumps({"city": json.loads(arguments)["city"], "celsius": 21})
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call_id, "output": output}
        )
    await connection.response.create()
    await until_done(connection, seen)


FLOWS = {"text": text_turn, "commit": commit_turn, "vad": vad_turn, "tool": tool_turn}


async def main():
    seen = {"events": [], "errors": []}
    async with AsyncOpenAI().realtime.connect(model="gpt-realtime-2.1") as connection:
        await asyncio.wait_for(FLOWS[sys.argv[1]](connection, seen), 20)
    sys.stdout.write(json.dumps(seen))


asyncio.run(main())

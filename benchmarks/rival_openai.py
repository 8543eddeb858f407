"""openai-python under load: `python rival_openai.py LOAD COUNT` prints the seconds it took.

Needs OPENAI_API_KEY and OPENAI_BASE_URL, and an interpreter that has `openai[realtime]`.
"""

import asyncio
import base64
import sys
import time

from openai import AsyncOpenAI

PCM_20_MS = bytes(n * 7 % 256 for n in range(960))
TYPES = {
    "text": "response.output_text.delta",
    "audio": "response.output_audio.delta",
    "done": "response.done",
}


async def receive(connection, load, count):
    wanted = TYPES[load]
    size = 0
    started = time.perf_counter()
    await connection.response.create()
    left = count
    async for event in connection:
        if event.type == wanted:
            if load == "audio":
                size += len(base64.b64decode(event.delta))
            elif load == "text":
                size += len(event.delta)
            left -= 1
            if not left:
                break
    return time.perf_counter() - started


async def append(connection, count):
    await connection.response.create()  # starts the load
    started = time.perf_counter()
    for _ in range(count):
        audio = base64.b64encode(PCM_20_MS).decode()
        await connection.input_audio_buffer.append(audio=audio)
    await connection.input_audio_buffer.commit()
    async for event in connection:
        if event.type == "input_audio_buffer.committed":
            break
    return time.perf_counter() - started


async def main(load, count):
    async with AsyncOpenAI().realtime.connect(model=f"{load}-{count}") as connection:
        run = append(connection, count) if load == "append" else receive(connection, load, count)
        print(await run)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

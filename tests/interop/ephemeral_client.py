# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""A backend and a browser's part with openai-python, run by its own interpreter.

`python ephemeral_client.py` asks OPENAI_BASE_URL for an ephemeral key, holds a turn with it, tries
what is to be refused, and prints what it saw as JSON.
"""

import asyncio
import json
import sys

from openai import AsyncOpenAI, AuthenticationError, BadRequestError

SESSION = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
}


async def turn(client):
    seen = []
    async with client.realtime.connect(model="gpt-realtime") as connection:
        async for event in connection:
            seen.append(json.loads(event.to_json()))
            # Not before: who is refused may be gone already, and sending would fail.
            if event.type == "session.created":
                await connection.response.create()
            if event.type in {"response.done", "error"}:
                break
    return seen


async def main():
    backend = AsyncOpenAI()
    after = {"anchor": "created_at", "seconds": 60}
    secret = await backend.realtime.client_secrets.create(session=SESSION, expires_after=after)
    browser = AsyncOpenAI(api_key=secret.value)
    seen = {
        "secret": json.loads(secret.to_json()),
        "turns": [await turn(browser), await turn(browser)],
        "stranger": await turn(AsyncOpenAI(api_key="ek_" + "0" * 32)),
    }
    refused = {}
    try:
        await browser.realtime.client_secrets.create(session=SESSION)
    except AuthenticationError as exc:
        refused["key"] = exc.code
    try:
        await backend.realtime.client_secrets.create(expires_after={"seconds": 1})
    except BadRequestError as exc:
        refused["seconds"] = [exc.code, exc.param]
    sys.stdout.write(json.dumps({**seen, "refused": refused}))


asyncio.run(asyncio.wait_for(main(), 20))

"""Print a text answer in the beta dialect. The new idea: a dialect brings events of its own.

The text example of OpenAI's Node client, event by event. OpenAI has switched its beta off; Azure's
preview versions, Voice Live and older compatible servers speak it.
"""

import trio

from trio_realtime import Endpoint, beta, open_realtime
from trio_realtime.testing import serve_simulated

MODEL = "gpt-4o-realtime-preview-2024-12-17"


async def say_a_couple_paragraphs(endpoint: Endpoint) -> None:
    async with open_realtime(MODEL, endpoint=endpoint, dialect="beta") as conn:
        print("Connection opened!")
        await conn.send({"type": "session.update", "session": {"modalities": ["text"]}})
        await conn.conversation.item.create(role="user", text="Say a couple paragraphs!")
        await conn.send({"type": "response.create"})
        # What goes wrong is raised here, or where it was caused.
        async for event in conn:
            match event:
                case beta.SessionCreated(session=session):
                    print("session created!", session.model)
                case beta.ResponseTextDelta(delta=delta):
                    print(delta, end="", flush=True)
                case beta.ResponseTextDone():
                    print()
                case beta.ResponseDone():
                    await conn.aclose()  # `break` would do; this also ends the iteration
                case _:
                    pass
    print("Connection closed!")


async def main() -> None:
    # A server of our own, which still speaks it.
    async with serve_simulated(beta="speak") as server:
        await say_a_couple_paragraphs(server.endpoint)


if __name__ == "__main__":
    trio.run(main)

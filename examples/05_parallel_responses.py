"""Moderate and summarise beside a live conversation. The new idea: out-of-band responses.

Any number of them run at a time. They wait for nobody, and leave nothing in the conversation.
"""

import trio
from pydantic import JsonValue

from trio_realtime import RealtimeConnection, open_realtime

SESSION: dict[str, JsonValue] = {
    "instructions": "You hire out boats. Be brief.",
    "output_modalities": ["text"],
}
SAID = ("I would like to hire a boat.", "A red one, for two.", "And may we bring a dog?")


async def moderate(conn: RealtimeConnection, text: str) -> None:
    # With `input` (here a text; items will do too) the model sees that, and nothing else.
    async with conn.respond(
        f"Is there anything unkind in this? {text}",
        conversation="none",
        instructions="You are a moderator. Answer yes or no, and why.",
        output_modalities=["text"],
    ) as reply:
        print("moderator:", "".join([piece async for piece in reply.text()]))


async def summarise(conn: RealtimeConnection) -> None:
    # Without `input` it sees the conversation as it is now; the task is in the instructions.
    async with conn.respond(
        conversation="none",
        instructions="Sum up in one sentence what the guest wants.",
        output_modalities=["text"],
    ) as reply:
        print("summary:", "".join([piece async for piece in reply.text()]))


async def main() -> None:
    async with (
        open_realtime("gpt-realtime-2.1", session=SESSION) as conn,
        trio.open_nursery() as nursery,
    ):
        for text in SAID:
            nursery.start_soon(moderate, conn, text)
            async with conn.respond(text) as reply:
                print("model:", "".join([piece async for piece in reply.text()]))
        nursery.start_soon(summarise, conn)


if __name__ == "__main__":
    trio.run(main)

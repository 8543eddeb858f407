"""Print a text answer as it comes. The new idea: a connection is a block of typed events."""

import trio

from trio_realtime import open_realtime
from trio_realtime.events import ResponseDone, ResponseOutputTextDelta


async def main() -> None:
    async with open_realtime("gpt-realtime-2.1", session={"output_modalities": ["text"]}) as conn:
        await conn.conversation.item.create(role="user", text="Say a couple of paragraphs!")
        await conn.response.create()
        async for event in conn:
            match event:
                case ResponseOutputTextDelta(delta=delta):
                    print(delta, end="", flush=True)
                case ResponseDone():
                    break
                case _:
                    pass
    print()


if __name__ == "__main__":
    trio.run(main)

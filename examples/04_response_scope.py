"""Leave an answer early, and let tasks take turns. The new idea: a response is a block."""

import trio

from trio_realtime import RealtimeConnection, open_realtime

STORY = "Tell me about the sea, the wind, the rain, the ships, the harbours and the lighthouses!"


async def ask(conn: RealtimeConnection, question: str) -> None:
    # One response runs at a time in a conversation: who comes later waits here for the turn.
    async with conn.respond(question) as reply:
        print("".join([piece async for piece in reply.text()]))


async def main() -> None:
    async with open_realtime("gpt-realtime-2.1", session={"output_modalities": ["text"]}) as conn:
        async with conn.respond("Say hello to Trio!") as reply:
            async for piece in reply.text():
                print(piece, end="", flush=True)
        print(f" [{reply.status}]")

        # Out of the block before it is done, by `break` here: the server stops generating.
        async with conn.respond(STORY) as story:
            async for piece in story.text():
                print(piece, end="", flush=True)
                if "sea" in piece:
                    break
        print("...")

        # A deadline is a scope around the block. (OpenAI needs more than this for a first word.)
        with trio.move_on_after(0.1):
            async with conn.respond(STORY) as reply:
                async for piece in reply.text():
                    print(piece, end="", flush=True)
        print("...")

        async with trio.open_nursery() as nursery:
            for colour in ("red", "green", "blue"):
                nursery.start_soon(ask, conn, f"What is {colour}?")

        print(f"The story was {story.status}; {conn.usage.responses} responses have ended.")


if __name__ == "__main__":
    trio.run(main)

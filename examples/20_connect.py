"""Connect and print every event. The new idea: where to, and as whom, goes without saying.

The WebSocket guide does this with `ws` in Node.js, and with websocket-client in Python, where URL
and header are spelt out. Here they come from OPENAI_API_KEY and its like, or from `endpoint=`.
"""

import trio

from trio_realtime import open_realtime
from trio_realtime.events import encode


async def main() -> None:
    async with open_realtime("gpt-realtime-2.1") as conn:
        print("Connected to server.")
        # Without a question there is nothing more to come, and to stop is to leave.
        with trio.move_on_after(0.5):
            async for event in conn:
                print("Received event:", encode(event))


if __name__ == "__main__":
    trio.run(main)

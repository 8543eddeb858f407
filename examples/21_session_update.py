"""Change the session in two ways, as a frame and as a request. The new idea: a request is answered.

The WebSocket guide sends the frame once the socket is open, and prints what comes.
"""

import trio

from trio_realtime import open_realtime
from trio_realtime.events import SessionUpdated


async def main() -> None:
    async with open_realtime("gpt-realtime-2.1") as conn:
        # A frame of yours, sent as it is. The answer comes with the other events.
        await conn.send(
            {
                "type": "session.update",
                "session": {"type": "realtime", "instructions": "Be extra nice today!"},
            }
        )
        async for event in conn:
            print(event.type)
            if isinstance(event, SessionUpdated):
                break

        # A request returns what the server has confirmed, or raises its refusal.
        session = await conn.session.update(instructions="Be extra nice tomorrow, too!")
        print(session.instructions)


if __name__ == "__main__":
    trio.run(main)

"""See where errors surface. The new idea: what leaves the block is a group, for `except*`.

A request raises the server's answer itself. With `errors="yield"` all other errors are events.
"""

import trio

from trio_realtime import ConnectError, ConnectionClosedError, ServerError, open_realtime
from trio_realtime.events import Error


async def talk() -> None:
    async with open_realtime("gpt-realtime-2.1", errors="yield") as conn:
        try:
            await conn.conversation.item.delete("item_never_made")
        except ServerError as error:
            print("raised at the request:", error.message)

        # A plain send waits for no answer, so its error comes with the other events. Without
        # errors="yield" the loop below would raise it as ServerError.
        await conn.send({"type": "conversation.item.delete", "item_id": "item_never_made"})
        async for event in conn:
            if isinstance(event, Error):
                print("delivered as an event:", event.error.message)
                break


async def main() -> None:
    # One handler serves both: a failure to open, raised bare, and a loss in the block, in a group.
    try:
        await talk()
    except* ConnectError as group:
        print("not connected:", *group.exceptions)
    except* ConnectionClosedError as group:
        print("connection lost:", *group.exceptions)


if __name__ == "__main__":
    trio.run(main)

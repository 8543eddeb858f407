"""Handle every error in one place, or where it was caused. The new idea: no listener to forget.

OpenAI's Node client throws in a listener for `error`, and the process ends if there is none.
"""

import trio

from trio_realtime import ConnectError, Endpoint, RealtimeError, ServerError, beta, open_realtime
from trio_realtime.testing import serve_simulated

MODEL = "gpt-4o-realtime-preview-2024-12-17"
NO_SUCH_ITEM = {"type": "conversation.item.delete", "item_id": "item_never_made"}


async def logged(endpoint: Endpoint) -> None:
    # As a listener would get them: errors are events, and the connection goes on.
    async with open_realtime(MODEL, endpoint=endpoint, dialect="beta", errors="yield") as conn:
        await conn.send(NO_SUCH_ITEM)
        async for event in conn:
            if isinstance(event, beta.Error):
                print("logged:", event.error.message)
                break
        async with conn.respond("Still there?", modalities=["text"]) as reply:
            print("".join([piece async for piece in reply.text()]))


async def thrown(endpoint: Endpoint) -> None:
    # By default they are raised: from the stream, or from the request that the server refuses.
    async with open_realtime(MODEL, endpoint=endpoint, dialect="beta") as conn:
        try:
            await conn.conversation.item.delete("item_never_made")
        except ServerError as error:
            print("raised at the request:", error.message)
        await conn.send(NO_SUCH_ITEM)
        async for event in conn:
            print(event.type)


async def main() -> None:
    async with serve_simulated(beta="speak") as server:
        await logged(server.endpoint)
        try:
            await thrown(server.endpoint)
        except* ConnectError as group:
            print("not connected:", *group.exceptions)
        except* RealtimeError as group:  # what the server says, and the loss of the connection
            print("raised from the stream:", *group.exceptions)


if __name__ == "__main__":
    trio.run(main)

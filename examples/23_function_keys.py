"""Let a function say the key. The new idea: an endpoint is asked again for every connection.

OpenAI's Node client has `create()` for this. Here there is no other way to connect.
"""

import trio

from trio_realtime import Endpoint, OpenAIEndpoint, open_realtime
from trio_realtime.testing import serve_simulated


class Vault:
    """Where keys are kept, and changed every now and then."""

    number = 0

    async def key(self) -> str:
        await trio.lowlevel.checkpoint()  # it could ask a server
        self.number += 1
        print("asked for key", self.number)
        return f"test-key-{self.number}"


async def say_hello(endpoint: Endpoint) -> None:
    async with open_realtime("gpt-realtime-2.1", endpoint=endpoint) as conn:
        async with conn.respond("Hello!", output_modalities=["text"]) as reply:
            print("".join([piece async for piece in reply.text()]))


async def main() -> None:
    # A server of our own: no key, no cost. Without base_url it is OpenAI's.
    async with serve_simulated() as server:
        endpoint = OpenAIEndpoint(Vault().key, base_url=server.base_url)
        print(endpoint)  # shows no key
        for _ in range(2):
            await say_hello(endpoint)


if __name__ == "__main__":
    trio.run(main)

"""Show the key as a subprotocol, as browsers must. The new idea: keys for those who get no key.

The WebSocket guide does this in browsers. Proxies and servers write subprotocols to their logs, so
that only ephemeral keys may travel there. Needs `trio-realtime[rest]`.
"""

import dataclasses

import trio

from trio_realtime import OpenAIEndpoint, open_realtime
from trio_realtime.rest import RestClient
from trio_realtime.testing import serve_simulated


async def visit(backend: OpenAIEndpoint) -> None:
    # On your backend, which has the key:
    async with RestClient(backend) as rest:
        secret = await rest.client_secrets.create({"model": "gpt-realtime-2.1"}, expires_after=60)

    # Where there is none:
    browser = dataclasses.replace(backend, api_key=secret.value, auth="subprotocol")
    async with open_realtime("gpt-realtime-2.1", endpoint=browser) as conn:
        print("Connected to server, which speaks:", conn.subprotocol)
        event = await conn.receive()
        print("Received event:", event.type)


async def main() -> None:
    # A server of our own: no key, no cost. OpenAIEndpoint(key) alone is OpenAI's.
    async with serve_simulated() as server:
        backend = OpenAIEndpoint(
            "test", organization="org_1", project="proj_1", base_url=server.base_url
        )
        await visit(backend)
        for offered in server.sessions[0].handshake.subprotocols:
            print("offered:", offered.partition("ek_")[0])  # a key is not for the screen


if __name__ == "__main__":
    trio.run(main)

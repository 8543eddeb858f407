"""Talk to a deployment of Azure OpenAI, by GA and by a preview. The new idea: AzureEndpoint.

OpenAI's Node client has `azure()` for this; that of its beta knows the previews only.
"""

import trio

from trio_realtime import AzureEndpoint, BetaConnection, RealtimeConnection, open_realtime
from trio_realtime.testing import serve_simulated


async def entra_token() -> str:
    # With a provider of azure-identity: return await trio.to_thread.run_sync(provider)
    await trio.lowlevel.checkpoint()
    return "test-token"


async def say_hello(conn: RealtimeConnection | BetaConnection) -> None:
    async with conn.respond("Hello!") as reply:
        print("".join([piece async for piece in reply.text()]))
    print(conn.url.rpartition("/openai/")[2])  # it never holds the key


async def main() -> None:
    # A server of our own, in the place of https://my-resource.openai.azure.com.
    async with serve_simulated() as server:
        resource = server.base_url.removesuffix("/v1")

        # GA, with a token of Entra ID, and the deployment named by the endpoint.
        endpoint = AzureEndpoint(resource, token=entra_token, deployment="my-realtime-deployment")
        async with open_realtime(endpoint=endpoint) as conn:
            await say_hello(conn)

        # A preview, which speaks the beta dialect, with a key, and the deployment as the model.
        preview = AzureEndpoint(resource, api_key="test", api_version="2025-04-01-preview")
        async with open_realtime(
            "my-realtime-deployment", endpoint=preview, dialect="beta"
        ) as conn_of_the_beta:
            await say_hello(conn_of_the_beta)


if __name__ == "__main__":
    trio.run(main)

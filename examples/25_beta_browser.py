"""Make a session over HTTP, and hold it with its own key. The new idea: one typed dialect for both.

OpenAI's Node client does the first with `client.beta.realtime.sessions`, and the second in a
browser, where the key travels as a subprotocol. Needs `trio-realtime[rest]`.
"""

import dataclasses

import trio

from trio_realtime import OpenAIEndpoint, beta, open_realtime
from trio_realtime.rest import RestClient
from trio_realtime.testing import serve_simulated

SESSION = beta.SessionConfig(model="gpt-4o-realtime-preview", voice="alloy", modalities=["text"])


async def visit(backend: OpenAIEndpoint) -> None:
    async with RestClient(backend) as rest:
        session = await rest.beta.sessions.create(SESSION)
    assert session.client_secret is not None
    key = session.client_secret.value
    assert key is not None
    print("made for", session.voice)

    # An ek_ key may travel so. For others say dangerously_allow_api_key_in_subprotocol=True.
    browser = dataclasses.replace(backend, api_key=key, auth="subprotocol")
    async with open_realtime(
        "gpt-4o-realtime-preview", endpoint=browser, dialect="beta", errors="yield"
    ) as conn:
        await conn.send(
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Hello!"}],
                },
            }
        )
        await conn.response.create()
        async for event in conn:
            match event:
                case beta.SessionCreated(session=started):
                    print("Session started:", started.voice)
                case beta.Error(error=error):
                    print("Realtime error:", error.message)
                case beta.ResponseTextDone(text=text):
                    print(text)
                case beta.ResponseDone():
                    break
                case _:
                    pass


async def main() -> None:
    async with serve_simulated(beta="speak") as server:
        await visit(OpenAIEndpoint("test", base_url=server.base_url))


if __name__ == "__main__":
    trio.run(main)

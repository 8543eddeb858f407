"""Test with a bad network, and with what a real server said. The new idea: seeds and cassettes.

python examples/09_faults_and_cassettes.py [CASSETTE]
"""

import sys

import trio
from trio.testing import MockClock

from trio_realtime import ConnectionClosedError, Endpoint, open_realtime
from trio_realtime.events import ResponseDone, ResponseOutputTextDelta
from trio_realtime.testing import FaultPlan, Faults, SimulatedServer, StreamFaults, use_cassette


async def ask(question: str, endpoint: Endpoint | None = None, attempts: int = 3) -> str:
    """The application: it asks, and asks again where the network fails."""
    for _ in range(attempts):
        words: list[str] = []
        whole = False
        try:
            async with open_realtime(
                "gpt-realtime-2.1", endpoint=endpoint, session={"output_modalities": ["text"]}
            ) as conn:
                await conn.conversation.item.create(role="user", text=question)
                await conn.response.create()
                async for event in conn:
                    if isinstance(event, ResponseOutputTextDelta):
                        words.append(event.delta)
                    elif isinstance(event, ResponseDone):
                        whole = True
                        break
        except* ConnectionClosedError:
            pass  # `except*` cannot hold `continue`
        if whole:
            return "".join(words)
    return "Sorry, the line is dead."


async def faults() -> None:
    # The first connection breaks in the midst of a frame; all bytes come 5 at a time, and late.
    plan = FaultPlan(
        7,
        from_server=Faults(delay=0.2, jitter=0.1),
        stream=StreamFaults(piece=5, cut_after=4000, ending="reset"),
        connections=1,
    )
    async with SimulatedServer("Here I am.", faults=plan) as server:
        answer = await ask("Hello?", server.endpoint)
        print("answered:", answer, "on connection", len(server.sessions))
    for fault in plan.happened:
        print("fault:", fault.kind, "on connection", fault.connection)


async def cassettes(path: str) -> None:
    # By default the real server is OpenAI. This one needs no key.
    async with SimulatedServer("I was recorded.") as real:
        async with use_cassette(path, "once", real.endpoint) as server:
            print("recorded:", await ask("Hello?", server.endpoint))
    async with use_cassette(path, "none") as server:
        print("played:", await ask("Hello?", server.endpoint))
    try:
        async with use_cassette(path, "none") as server:
            await ask("Something else?", server.endpoint)
    except* AssertionError as group:
        print("told:", str(group.exceptions[0]).splitlines()[0])


async def main(path: str) -> None:
    await faults()
    await cassettes(path)


if __name__ == "__main__":
    cassette = sys.argv[1] if len(sys.argv) > 1 else "hello.jsonl"
    trio.run(main, cassette, clock=MockClock(autojump_threshold=0))

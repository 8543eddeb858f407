"""openai-python keeps to a script on a real port, and a script tells where it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import pytest
import trio

from tests.core.simulated import at
from tests.testing.faithful import Frame
from trio_realtime.testing import ScriptedConnection, ScriptedServer, assert_events, many

CLIENT = Path(__file__).with_name("openai_client.py")


async def run_text_flow(openai_python: str, server: ScriptedServer) -> list[Frame]:
    await server.listen()
    env = {**os.environ, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "test"}
    done = await trio.run_process(
        [openai_python, str(CLIENT), "text"], env=env, capture_stdout=True, capture_stderr=True
    )
    seen: dict[str, object] = json.loads(done.stdout)
    assert seen["refused"] == []
    return cast("list[Frame]", seen["events"])


# pain 38
async def test_openai_python_completes_a_scripted_turn(openai_python: str) -> None:
    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update", session__type="realtime") as request:
            await request.acknowledge()
        async with line.expect("conversation.item.create", item__role="user") as request:
            await request.acknowledge()
        async with line.expect("response.create") as request:
            await request.say("scripted")
        await line.expect_close(1000)

    with trio.fail_after(60):
        async with ScriptedServer(script) as server:
            events = await run_text_flow(openai_python, server)
    assert_events(
        events,
        "session.created",
        "session.updated",
        ...,
        "response.created",
        ...,
        many("response.output_text.delta"),
        ...,
        "response.done",
    )
    assert at(events[-1], "response", "output", 0, "content", 0, "text") == "scripted"


async def test_openai_python_is_told_from_the_script(openai_python: str) -> None:
    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update") as request:
            await request.acknowledge()
        await line.expect("response.create")

    with trio.fail_after(60), pytest.raises(AssertionError, match="sent another event than"):
        async with ScriptedServer(script) as server:
            await run_text_flow(openai_python, server)


async def test_a_script_that_says_nothing_more_to_openai_python_does_not_hang(
    openai_python: str,
) -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("session.update")

    with trio.fail_after(60), pytest.raises(AssertionError, match="for 3 s nothing has happened"):
        async with ScriptedServer(script, patience=3) as server:
            await run_text_flow(openai_python, server)

"""openai-python completes its flows against the simulated server, on a real port.

It runs by an interpreter of its own, which `nox -s tests` prepares: its extra wants a `websockets`
that ours must not be held to.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import trio
from pydantic import JsonValue

from trio_realtime.testing import serve_simulated

CLIENT = Path(__file__).with_name("openai_client.py")


@pytest.fixture(scope="session")
def openai_python() -> str:
    python = os.environ.get("TRIO_REALTIME_OPENAI_PYTHON")
    if python is None:
        pytest.skip("needs an environment with openai-python, which `nox -s tests` prepares")
    code = "import openai, websockets"
    tried = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"openai-python could not be installed: {tried.stderr.strip()[-200:]}")
    return python


async def seen_by_openai(python: str, flow: str) -> dict[str, JsonValue]:
    with trio.fail_after(30):
        async with serve_simulated() as server:
            environment = os.environ | {
                "OPENAI_API_KEY": "test",
                "OPENAI_BASE_URL": server.base_url,
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [python, str(CLIENT), flow],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
    assert done.returncode == 0, done.stderr.decode()
    seen: dict[str, JsonValue] = json.loads(done.stdout)
    assert seen["errors"] == []
    assert seen["status"] == "completed"
    assert seen["usage"] is True
    return seen


async def test_openai_python_completes_a_text_turn(openai_python: str) -> None:
    seen = await seen_by_openai(openai_python, "text")
    assert seen["text"] == "You said: Hello from openai-python"


@pytest.mark.parametrize("flow", ["commit", "vad"])
async def test_openai_python_completes_a_spoken_turn(openai_python: str, flow: str) -> None:
    seen = await seen_by_openai(openai_python, flow)
    assert seen["transcript"] == "You spoke for 1.2 seconds."
    assert isinstance(seen["audio"], int)
    assert seen["audio"] > 24_000  # half a second of PCM16 at 24 kHz, for five words
    events = seen["events"]
    assert isinstance(events, list)
    assert ("input_audio_buffer.speech_stopped" in events) is (flow == "vad")
    assert "input_audio_buffer.committed" in events


async def test_openai_python_completes_a_tool_call(openai_python: str) -> None:
    seen = await seen_by_openai(openai_python, "tool")
    asked = seen["asked"]
    assert isinstance(asked, list)
    ((_call_id, name, arguments),) = (call for call in asked if isinstance(call, list))
    assert name == "get_weather"
    assert json.loads(str(arguments)) == {"city": "Paris"}
    assert seen["text"] == 'get_weather returned {"city": "Paris", "celsius": 21}'

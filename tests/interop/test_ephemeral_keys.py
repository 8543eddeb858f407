"""openai-python asks for an ephemeral key over HTTP, and connects with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import trio
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime.testing import serve_simulated

CLIENT = Path(__file__).with_name("ephemeral_client.py")
KEY = "sk-of-the-backend-0123456789"


async def test_openai_python_connects_with_an_ephemeral_key(openai_python: str) -> None:
    with trio.fail_after(30):
        async with serve_simulated(reply="Yes.", api_key=KEY) as server:
            environment = os.environ | {
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": server.base_url,
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [openai_python, str(CLIENT)],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
    assert done.returncode == 0, done.stderr.decode()
    seen: JsonValue = json.loads(done.stdout)
    assert str(at(seen, "secret", "value")).startswith("ek_")
    assert at(seen, "secret", "session", "instructions") == "Be brief."
    for number in (0, 1):
        assert at(seen, "turns", number, 0, "session", "instructions") == "Be brief."
        assert at(seen, "turns", number, -1, "response", "status") == "completed"
        text = at(seen, "turns", number, -1, "response", "output", 0, "content", 0, "text")
        assert text == "Yes."
    assert at(seen, "stranger", -1, "error", "code") == "invalid_api_key"
    assert at(seen, "refused", "key") == "invalid_api_key"
    assert at(seen, "refused", "seconds") == ["integer_below_min_value", "expires_after.seconds"]

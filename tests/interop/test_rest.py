"""openai-python's requests over HTTP, all of them, to the simulated server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import trio
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime.testing import serve_simulated

CLIENT = Path(__file__).with_name("rest_client.py")
KEY = "sk-of-the-backend-0123456789"


async def test_openai_python_makes_calls_takes_calls_and_gets_keys(openai_python: str) -> None:
    with trio.fail_after(30):
        async with serve_simulated(api_key=KEY) as server:
            ringing = [server.ring() for _ in range(3)]
            environment = os.environ | {
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": server.base_url,
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [openai_python, "-W", "ignore", str(CLIENT), *(call.id for call in ringing)],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
            made = server.calls[3:]
    assert done.returncode == 0, done.stderr.decode()
    seen: JsonValue = json.loads(done.stdout)
    assert isinstance(seen, dict)
    call, alone = made
    assert isinstance(seen["call"], list)
    assert seen["call"][:2] == [201, f"/v1/realtime/calls/{call.id}"]
    assert "a=rtpmap:111 opus/48000/2" in str(seen["call"][2])
    assert "a=mid:0" in str(seen["alone"])
    assert call.config["instructions"] == "Be brief."
    assert alone.config == {"type": "realtime"}
    assert [each.state for each in ringing] == ["ended", "rejected", "referred"]
    assert ringing[0].config["instructions"] == "Be brief."
    assert ringing[1].status_code == 486
    assert ringing[2].target_uri == "tel:+14155550123"
    assert seen["unknown"] == "call_id_not_found"
    assert at(seen, "translation", "session", "audio", "output", "language") == "es"
    assert str(at(seen, "translation", "value")).startswith("ek_")
    assert at(seen, "session", "voice") == "sage"
    assert str(at(seen, "session", "client_secret", "value")).startswith("ek_")
    assert at(seen, "written", "input_audio_transcription", "model") == "whisper-1"
    assert str(at(seen, "written", "client_secret", "value")).startswith("ek_")

"""openai-python translates against the simulated server, on a real port, and finishes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trio
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime.testing import serve_simulated

CLIENT = Path(__file__).with_name("translation_client.py")


def types_in(events: JsonValue) -> list[str]:
    assert isinstance(events, list)
    return list(dict.fromkeys(str(at(event, "type")) for event in events))


def joined(events: JsonValue, kind: str) -> str:
    assert isinstance(events, list)
    return "".join(str(at(each, "delta")) for each in events if at(each, "type") == kind)


@pytest.mark.parametrize("tls", [False, True])
async def test_openai_python_translates_and_finishes(openai_python: str, tls: bool) -> None:
    with trio.fail_after(60):
        async with serve_simulated(audio_speed=100.0, tls=tls) as server:
            environment = os.environ | {
                "OPENAI_API_KEY": "sk-test",
                "OPENAI_BASE_URL": server.base_url,
                "NO_PROXY": "127.0.0.1",
            }
            if server.ca_file is not None:
                environment["SSL_CERT_FILE"] = str(server.ca_file)
            done = await trio.run_process(
                [openai_python, str(CLIENT)],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
            paths = {session.handshake.path for session in server.sessions}
    assert done.returncode == 0, done.stderr.decode()
    assert paths == {"/v1/realtime/translations"}
    seen: JsonValue = json.loads(done.stdout)
    assert at(seen, "finished", "refused") == []
    events = at(seen, "finished", "events")
    types = types_in(events)
    assert types[:2] + types[-1:] == ["session.created", "session.updated", "session.closed"]
    assert at(events, 1, "session", "audio", "output", "language") == "es"
    assert joined(events, "session.input_transcript.delta") == " word1 word2 word3"
    assert joined(events, "session.output_transcript.delta") == "word1-es word2-es word3-es"
    assert len(joined(events, "session.output_audio.delta")) > 12_000
    assert at(seen, "mistaken", "refused") == []
    assert types_in(at(seen, "mistaken", "events")) == [
        "session.created",
        "error",
        "session.output_audio.delta",
        "session.closed",
    ]
    assert at(seen, "mistaken", "events", 1, "error", "param") == "session.audio.output.voice"

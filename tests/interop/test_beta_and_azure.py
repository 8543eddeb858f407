"""openai-python's beta resource and its Azure client complete flows against the simulated server.

Both speak TLS only. What they saw is what openai-python's own models made of our frames, and where
these are stricter than the servers of the beta are, that is listed.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Final

import pytest
import trio
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime.audio import duration_ms
from trio_realtime.testing import SimulatedSession, serve_simulated

CLIENT: Final = Path(__file__).with_name("beta_client.py")
VERSION: Final = "2025-04-01-preview"

NO_USAGE: Final = "conversation.item.input_audio_transcription.completed: usage"
"""Whoever recorded the beta got none, and openai-python wants it."""

DEPLOYMENT: Final = ["session.created: session.model", "session.updated: session.model"]
"""A deployment may be called anything, but openai-python knows some names of models."""

WRITING: Final = [
    # It knows no such event, and takes it for the first one that it knows.
    "transcription_session.created: conversation",
    "transcription_session.created: type",
    # There is none over WebSocket.
    "transcription_session.updated: session.client_secret",
    NO_USAGE,
]


async def played(python: str, flow: str, refused: list[str]) -> tuple[JsonValue, SimulatedSession]:
    """Let openai-python play a flow: what it saw, and the session of the server's."""
    with trio.fail_after(60):
        async with serve_simulated(
            tls=True, beta="speak", api_key="test", audio_speed=50
        ) as server:
            environment = os.environ | {
                "OPENAI_API_KEY": "test",
                "OPENAI_BASE_URL": server.base_url,
                "SSL_CERT_FILE": str(server.ca_file),
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [python, str(CLIENT), flow],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
            (session,) = server.sessions
            await session.wait_closed()
    assert done.returncode == 0, done.stderr.decode()
    seen: JsonValue = json.loads(done.stdout)
    assert at(seen, "refused") == refused
    return at(seen, "events"), session


def of_type(events: JsonValue, kind: str) -> list[JsonValue]:
    assert isinstance(events, list)
    return [event for event in events if at(event, "type") == kind]


def joined(events: JsonValue, kind: str) -> str:
    return "".join(str(at(event, "delta")) for event in of_type(events, kind))


def listened(events: JsonValue) -> None:
    """A spoken turn was held, an answer cut off, and a mistake told."""
    (heard,) = of_type(events, "conversation.item.input_audio_transcription.completed")
    assert at(heard, "transcript") == "Speech of 1.2 seconds."
    said = joined(events, "response.audio_transcript.delta")
    assert said == "You spoke for 1.2 seconds."
    deltas = of_type(events, "response.audio.delta")
    audio = b"".join(base64.b64decode(str(at(event, "delta"))) for event in deltas)
    assert duration_ms(len(audio), "audio/pcm") == 5 * 300
    (cut,) = of_type(events, "conversation.item.truncated")
    assert at(cut, "audio_end_ms") == 100
    (error,) = of_type(events, "error")
    assert "item_nowhere" in str(at(error, "error", "message"))


@pytest.mark.parametrize("flow", ["text", "keyed"])
async def test_the_beta_resource_holds_a_turn_also_with_the_key_of_a_session(
    openai_python: str, flow: str
) -> None:
    events, session = await played(openai_python, flow, [])
    assert joined(events, "response.text.delta") == "You said: Hello from the beta"
    (done,) = of_type(events, "response.done")
    assert at(done, "response", "status") == "completed"
    assert session.handshake.header("openai-beta") == "realtime=v1"
    assert (session.handshake.api_key or "").startswith("ek_" if flow == "keyed" else "test")


async def test_the_beta_resource_holds_a_spoken_turn(openai_python: str) -> None:
    events, _ = await played(openai_python, "voice", [NO_USAGE])
    listened(events)


async def test_the_beta_resource_holds_a_session_that_only_writes(openai_python: str) -> None:
    events, session = await played(openai_python, "writing", WRITING)
    (heard,) = of_type(events, "conversation.item.input_audio_transcription.completed")
    assert at(heard, "transcript") == "Speech of 1.2 seconds."
    assert session.received[0].type == "transcription_session.update"


async def test_the_azure_client_holds_a_turn_with_a_key(openai_python: str) -> None:
    events, session = await played(openai_python, "azure_key", DEPLOYMENT)
    assert joined(events, "response.text.delta") == "You said: Hello from the beta"
    shake = session.handshake
    assert shake.path == "/openai/realtime"
    assert shake.query == {"api-version": VERSION, "deployment": "my-deployment"}
    assert shake.header("api-key") == "test"


async def test_the_azure_client_holds_a_spoken_turn_with_a_token(openai_python: str) -> None:
    events, session = await played(openai_python, "azure_token", [*DEPLOYMENT, NO_USAGE])
    listened(events)
    assert session.handshake.header("authorization") == "Bearer test"


async def test_openai_python_reaches_azures_ga_path(openai_python: str) -> None:
    events, session = await played(openai_python, "azure_ga", [])
    assert joined(events, "response.output_text.delta") == "You said: Hello from GA"
    assert session.handshake.path == "/openai/v1/realtime"
    assert session.handshake.header("openai-beta") is None

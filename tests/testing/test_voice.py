"""The simulated model speaks with a program's voice, or a function's, where it is asked to."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from tests.testing.raw import RawClient, raw_client
from trio_realtime._core.simulator import EventOrder
from trio_realtime.audio import rms, tone
from trio_realtime.testing import (
    CallTool,
    McpServer,
    Responder,
    Say,
    SimulatedServer,
    SimulatedServerOptions,
    Together,
    Voice,
)

pytestmark = pytest.mark.one_library

SOUND = tone(440, 200)

# It says a tone of 100 ms for each word that it reads.
PROGRAM = """#!{python}
import sys
from trio_realtime.audio import tone, wav_from_pcm
assert sys.argv[1:] == ["--stdin", "--stdout"]
words = len(sys.stdin.read().split())
sys.stdout.buffer.write(wav_from_pcm(tone(440, 100 * words, sample_rate_hz=22050), 22050))
"""


def stand_in(directory: Path) -> str:
    """Make a program of that name that speaks."""
    path = directory / "espeak-ng"
    path.write_text(PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    return str(directory)


async def heard(client: RawClient) -> bytes:
    """The sound of the next response."""
    await client.send("response.create")
    await client.until("response.done")
    sound = b"".join(
        base64.b64decode(str(frame["delta"]))
        for frame in client.frames
        if frame["type"] == "response.output_audio.delta"
    )
    client.frames.clear()
    return sound


def voice_that_notes(texts: list[str]) -> Voice:
    async def voice(text: str) -> bytes:
        await trio.sleep(1)
        texts.append(text)
        return SOUND

    return voice


async def test_a_function_of_yours_speaks_what_has_no_sound(
    autojump_clock: trio.testing.MockClock,
) -> None:
    texts: list[str] = []
    own = Say("own", audio=SOUND + SOUND)
    reply: Responder = [["one", CallTool("f"), own], Together("two", CallTool("f")), Say(" ")]
    async with SimulatedServer(reply, voice=voice_that_notes(texts)) as server:
        async with raw_client(server) as client:
            assert await heard(client) == SOUND + SOUND + SOUND
            assert await heard(client) == SOUND
            assert await heard(client) == b""
    assert texts == ["one", "two"]


async def test_what_is_written_or_comes_later_is_not_spoken_too_early(
    autojump_clock: trio.testing.MockClock,
) -> None:
    texts: list[str] = []

    async def reply(*_: object) -> str:
        await trio.sleep(1)
        return "late"

    async with SimulatedServer(reply, voice=voice_that_notes(texts)) as server:
        async with raw_client(server) as client:
            await client.send("response.create", response={"output_modalities": ["text"]})
            await client.until("response.done")
            assert texts == []
            assert await heard(client) == SOUND
    assert texts == ["late"]


@pytest.mark.parametrize(
    "first_in_path",
    [
        stand_in,
        pytest.param(
            str,  # an empty directory: the program is found where it is installed
            marks=pytest.mark.skipif(
                shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
            ),
        ),
    ],
)
async def test_a_program_speaks_on_request(
    first_in_path: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{first_in_path(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    with trio.fail_after(60):
        async with SimulatedServer("two words", voice="espeak-ng") as server:
            async with raw_client(server) as client:
                sound = await heard(client)
    assert len(sound) >= 200 * 48
    assert rms(sound) > 0.01


async def test_a_program_that_fails_ends_the_servers_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "espeak-ng"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with (
        trio.fail_after(60),
        pytest.RaisesGroup(pytest.RaisesExc(Exception), flatten_subgroups=True),
    ):
        async with SimulatedServer("words", voice="espeak-ng") as server:
            async with raw_client(server) as client:
                await heard(client)


def test_a_voice_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="espeak-ng is not installed"):
        SimulatedServer(voice="espeak-ng")
    with pytest.raises(ValueError, match="an async function, not 'alloy'"):
        SimulatedServer(voice=cast("Voice", "alloy"))


def test_servers_and_variants_that_cannot_be_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="'openai' or 'xai', not 'azure'"):
        SimulatedServer(event_order=cast("EventOrder", "azure"))
    with pytest.raises(TypeError, match="server 'shop' is described by an McpServer"):
        SimulatedServer(mcp_servers={"shop": cast("McpServer", ["buy"])})
    for name in ("tokens_per_second", "audio_speed"):
        options = cast("SimulatedServerOptions", {name: 0})
        with pytest.raises(ValueError, match=f"{name} must be above 0, not 0"):
            SimulatedServer(**options)
    with pytest.raises(ValueError, match="latency cannot be negative"):
        SimulatedServer(latency=-1)

"""How what the model says sounds: spoken by a program, or by a function of yours.

By default the model's voice is one tone per word: that is quick, and the same on every machine.
A program's voice is neither, so it is used only where it is asked for. This module does not know
who speaks, nor in which pieces the sound is sent.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, Literal, TypeAlias

import trio

from trio_realtime._core.simulator import Action, Say, Together
from trio_realtime.audio import pcm_from_wav

Voice: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Speaks a text: an async function that returns PCM of 16 bits at 24 kHz, mono."""

_PROGRAM: Final = "espeak-ng"


def voice_from_name(voice: Voice | Literal["espeak-ng"]) -> Voice:
    """The function that speaks, where it was named.

    Raises:
        ValueError: if there is no voice of that name.
        RuntimeError: if its program is not installed.
    """
    if callable(voice):
        return voice
    if voice != _PROGRAM:
        raise ValueError(f"a voice is {_PROGRAM!r} or an async function, not {voice!r}")
    program = shutil.which(_PROGRAM)
    if program is None:
        raise RuntimeError(
            f"{_PROGRAM} is not installed. It is a package of that name for apt, dnf and brew; "
            "without `voice` the model speaks in tones"
        )
    return partial(_spoken_by, program)


async def _spoken_by(program: str, text: str) -> bytes:
    """Let a program speak. It takes real time, also where the clock is a mock.

    Cancelled, the program is ended, and nothing else has changed.
    """
    # The text is no argument: it may begin with a hyphen, and others can see arguments.
    done = await trio.run_process(
        [program, "--stdin", "--stdout"], stdin=text.encode(), capture_stdout=True
    )
    # Another rate takes a while to make.
    return await trio.to_thread.run_sync(pcm_from_wav, done.stdout)


async def sounding(action: Action, voice: Voice) -> Action:
    """Give what is said the sound of a voice, unless it has one or says nothing."""
    if isinstance(action, Say):
        return await _sounding_text(action, voice)
    if not isinstance(action, Together):
        return action
    items = [
        await _sounding_text(each, voice) if isinstance(each, Say) else each
        for each in action.actions
    ]
    return Together(*items)


async def _sounding_text(said: Say, voice: Voice) -> Say:
    if said.audio is not None or not said.text.strip():
        return said
    return replace(said, audio=await voice(said.text))

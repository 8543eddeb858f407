"""`trio-realtime demo`: three turns and what they took, and a response that is left early.

This module knows what is said. It does not know how it is laid out, and not whether the server is
the simulated one or OpenAI: the words suit both.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Final

import trio
from pydantic import JsonValue

from trio_realtime import OpenAIEndpoint, RealtimeConnection, Reply, open_realtime
from trio_realtime._version import __version__
from trio_realtime.audio import chunks_of, duration_ms, wav_from_pcm
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._question import Question, question_from_file
from trio_realtime.cli._turn import Turn, rows_from_turns
from trio_realtime.testing import serve_simulated

MODEL: Final = "gpt-realtime-2.1"

_DEADLINE: Final = 12.0  # the command promises 15 s, and Python has to start and stop
_LIVE_DEADLINE: Final = 60.0
_CHUNK_BYTES: Final = 4800  # 100 ms: what a microphone would hand over

_WORDS: Final = "Say hello to Trio, please!"
_TOOL_WORDS: Final = 'call get_weather {"city": "Paris"}'
_STORY: Final = "Tell me about a ship, the sea, the wind, the rain, a harbour and a lighthouse!"
_ENOUGH: Final = 6  # pieces of it
_NEXT: Final = "Thank you. And now say goodbye!"
_SESSION: Final[dict[str, JsonValue]] = {
    "instructions": "This is a short demonstration. Answer in one sentence.",
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},  # the file says where the turn ends
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "Get the weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        }
    ],
}


async def demo(
    display: Display, *, wav: Path | None, out: Path | None, live: bool, model: str
) -> None:
    """Run the four parts and print what they took. Ends by itself, also when the server does not.

    Raises:
        ProblemError: if something is wrong that the user can put right.
    """
    seconds = _LIVE_DEADLINE if live else _DEADLINE
    with trio.move_on_after(seconds) as deadline:
        question = question_from_file(wav)
        _check_writable(out)
        if live:
            await _converse(display, None, model, question, out)
        else:
            async with serve_simulated() as server:
                endpoint = OpenAIEndpoint("simulated", base_url=server.base_url)
                await _converse(display, endpoint, model, question, out)
    if deadline.cancelled_caught:
        raise ProblemError(f"not done after {seconds:g} s: the server does not answer")


def _check_writable(out: Path | None) -> None:
    # Found out now, not after the conversation; nothing is written before there is a reply.
    if out is not None and (
        out.is_dir() or not os.access(out if out.exists() else out.parent, os.W_OK)
    ):
        raise ProblemError(f"{out}: cannot be written")


async def _converse(
    display: Display,
    endpoint: OpenAIEndpoint | None,
    model: str,
    question: Question,
    out: Path | None,
) -> None:
    try:
        turns, took = await _turns(display, endpoint, model, question, out)
    except ValueError as exc:
        # Bare, so from opening: a missing key, an unusable URL. What leaves the block is a group.
        raise ProblemError(str(exc)) from exc
    display.heading("What was measured")
    display.table(["", *(turn.name for turn in turns)], rows_from_turns(turns))
    display.line()
    display.line(f"Connecting took {took * 1000:.1f} ms. Times count from the end of your turn.")


async def _turns(
    display: Display,
    endpoint: OpenAIEndpoint | None,
    model: str,
    question: Question,
    out: Path | None,
) -> tuple[list[Turn], float]:
    display.line(f"trio-realtime {__version__}, model {model}", "bold")
    started = trio.current_time()
    async with open_realtime(model, endpoint=endpoint, session=_SESSION) as conn:
        took = trio.current_time() - started
        display.line(f"Connected to {conn.url}")
        turns = [
            await _text_turn(display, conn),
            await _spoken_turn(display, conn, question, out),
            await _tool_turn(display, conn),
        ]
        await _left_early(display, conn)
    return turns, took


async def _text_turn(display: Display, conn: RealtimeConnection) -> Turn:
    display.heading("1. A text turn")
    turn = Turn("text turn", conn, display)
    display.said("you", _WORDS)
    await conn.conversation.item.create(role="user", text=_WORDS)
    turn.asked()
    await conn.response.create()
    await _reply(turn)
    return turn


async def _spoken_turn(
    display: Display, conn: RealtimeConnection, question: Question, out: Path | None
) -> Turn:
    display.heading("2. A spoken turn")
    turn = Turn("spoken turn", conn, display)
    display.said("you", question.description)
    for chunk in chunks_of(question.pcm, _CHUNK_BYTES):
        await conn.input_audio_buffer.append(chunk)
    turn.asked()
    await conn.input_audio_buffer.commit()
    await conn.response.create(output_modalities=["audio"])
    await _reply(turn)
    reply = out or Path(tempfile.mkdtemp(prefix="trio-realtime-")) / "reply.wav"
    try:
        reply.write_bytes(wav_from_pcm(turn.audio[: len(turn.audio) // 2 * 2]))
    except OSError as exc:
        raise ProblemError(f"{reply}: {exc.strerror}") from exc
    display.said("audio", f"{duration_ms(turn.audio) / 1000:.2f} s, written to {reply}")
    return turn


async def _tool_turn(display: Display, conn: RealtimeConnection) -> Turn:
    display.heading("3. A tool call")
    turn = Turn("tool call", conn, display)
    display.said("you", _TOOL_WORDS)
    await conn.conversation.item.create(role="user", text=_TOOL_WORDS)
    turn.asked()
    await conn.response.create(tool_choice="required")
    await turn.hear()
    for call in turn.calls:
        output = weather(call.arguments)
        display.said("server", f"calls {call.name or 'get_weather'}({call.arguments})")
        display.said("tool", output)
        await conn.conversation.item.create(call_id=call.call_id, output=output)
    await conn.response.create(tool_choice="none")
    await _reply(turn)
    return turn


async def _left_early(display: Display, conn: RealtimeConnection) -> None:
    display.heading("4. A response left early")
    display.said("you", _STORY)
    async with conn.respond(_STORY, tool_choice="none") as story:
        await _show(display, story, _ENOUGH)
    left = trio.current_time()
    display.said("you", _NEXT)
    async with conn.respond(_NEXT, tool_choice="none") as reply:
        waited = trio.current_time() - left
        await _show(display, reply, math.inf)
    display.said(
        "status", f"the first was {story.status}, the second began {waited * 1000:.1f} ms later"
    )


async def _show(display: Display, reply: Reply, pieces: float) -> None:
    display.said("server")
    try:
        async for piece in reply.text():
            display.piece(piece)
            pieces -= 1
            if pieces == 0:
                break
    finally:
        display.line()


async def _reply(turn: Turn) -> None:
    turn.display.said("server")
    try:
        await turn.hear()
    finally:
        turn.display.line()
    turn.finish()


def weather(arguments: str) -> str:
    """Answer a call of the tool; its arguments are the model's, so anything may be in them."""
    try:
        wanted: JsonValue = json.loads(arguments)
    except ValueError:
        return json.dumps({"error": "the arguments are not JSON"})
    city = wanted.get("city") if isinstance(wanted, dict) else None
    return json.dumps({"city": city, "celsius": 21, "sky": "clear"})

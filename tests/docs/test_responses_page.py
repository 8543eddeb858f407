"""docs/responses.md is run from top to bottom: every block, against what it says it prints."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
import trio
from trio.testing import MockClock

from tests.docs.blocks import BLOCK, code_of
from trio_realtime import RealtimeConnection, Reply, ReplyView, open_realtime
from trio_realtime.events import ServerEvent
from trio_realtime.testing import (
    CallTool,
    Fail,
    Incomplete,
    Responder,
    Say,
    SimulatedServer,
    SimulatedSession,
    seeded,
)

ROOT: Final = Path(__file__).resolve().parents[2]
TEXT: Final = (ROOT / "docs" / "responses.md").read_text("utf-8")
BLOCKS: Final = BLOCK.findall(TEXT)

STORY: Final = "one two three four five six seven eight nine ten"


async def run_block(block: str, names: dict[str, object]) -> None:
    """Run one block, on a connection of its own to a server that repeats what it is told."""
    async with SimulatedServer() as server:
        async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn:
            names.update(conn=conn, server=server)
            with trio.fail_after(600):
                running: object = eval(code_of(block, "responses.md"), names)
                if inspect.isawaitable(running):
                    await running


@cache
def run_page() -> tuple[dict[str, object], list[str]]:
    """Run every block but the first, which is a program; return the names and what is printed."""
    names: dict[str, object] = {}
    printed: list[str] = []
    for block, _ in BLOCKS[1:]:
        output = io.StringIO()
        with seeded(0), contextlib.redirect_stdout(output):
            trio.run(run_block, block, names, clock=MockClock(autojump_threshold=0))
        text = output.getvalue()
        printed.append(text if not text or text.endswith("\n") else text + "\n")
    return names, printed


def test_every_block_prints_what_is_below_it() -> None:
    _, printed = run_page()
    assert printed == [below for _, below in BLOCKS[1:]]
    assert len([text for text in printed if text]) > 10
    assert TEXT.count("```python") == len(BLOCKS)


def test_the_first_program_is_the_readmes_which_is_run() -> None:
    program, _ = BLOCKS[0]
    assert f"```python\n{program}```" in (ROOT / "README.md").read_text("utf-8")


class Loudspeaker:
    """Plays from a buffer of half a second."""

    def __init__(self) -> None:
        self.given_ms = 0.0
        self.ends = 0.0

    async def write(self, pcm: bytes) -> None:
        self.given_ms += len(pcm) / 48
        self.ends = max(self.ends, trio.current_time()) + len(pcm) / 48_000
        await trio.sleep_until(self.ends - 0.5)

    async def drain(self) -> None:
        await trio.sleep_until(self.ends)
        self.given_ms = 0.0

    def stop(self) -> float:
        heard_ms = self.given_ms - 1000 * (self.ends - trio.current_time())
        self.given_ms, self.ends = 0.0, 0.0
        return heard_ms


async def rehearse(
    names: dict[str, object], replies: Responder, *, speaks_at: float
) -> SimulatedSession:
    """A guest who asks, hears what is said, has heard enough of it, and speaks for a second."""
    converse = cast(
        "Callable[[RealtimeConnection, Loudspeaker], Awaitable[None]]", names["converse"]
    )
    async with (
        SimulatedServer(replies) as server,
        open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(converse, conn, Loudspeaker())
        (user,) = server.sessions
        user.hears("How is the weather?")
        await trio.sleep(speaks_at)
        user.speech_started()
        await trio.sleep(1)
        user.speech_stopped()
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    return user


WEATHER: Final = CallTool("weather", {"city": "Oslo"})


@pytest.mark.parametrize(
    ("replies", "speaks_at", "heard_ms", "creates"),
    [
        ([WEATHER, STORY, "Goodbye."], 2, range(1800, 2001), 1),
        # Here, the guest's turn is answered with what the tool said, and nothing else is asked for.
        ([[STORY, WEATHER], "Goodbye."], 1, range(800, 1001), 0),
    ],
    ids=["in the answer to a call", "before the answer to a call"],
)
def test_the_loop_with_tools_is_interrupted(
    replies: Responder, speaks_at: float, heard_ms: range, creates: int
) -> None:
    names, _ = run_page()
    run = partial(rehearse, names, replies, speaks_at=speaks_at)
    user = trio.run(run, clock=MockClock(autojump_threshold=0))
    outputs = [item["output"] for item in user.conversation.items if "output" in item]
    assert outputs == ["It is sunny in Oslo."]
    (cut_at_ms,) = [event["audio_end_ms"] for event in user.received if "audio_end_ms" in event]
    assert cut_at_ms in heard_ms
    assert [event["type"] for event in user.received].count("response.create") == creates
    assert user.conversation.items[-1]["role"] == "assistant"


# How a response ends: the table, row by row.


Ending: TypeAlias = Callable[[RealtimeConnection, SimulatedSession, Reply], Awaitable[None]]


async def nothing(conn: RealtimeConnection, session: SimulatedSession, reply: Reply) -> None:
    """It ends of itself."""
    await trio.lowlevel.checkpoint()


async def cancel(conn: RealtimeConnection, session: SimulatedSession, reply: Reply) -> None:
    await conn.response.cancel(response_id=reply.id)


async def speak(conn: RealtimeConnection, session: SimulatedSession, reply: Reply) -> None:
    session.speech_started()
    await trio.lowlevel.checkpoint()


async def lose(conn: RealtimeConnection, session: SimulatedSession, reply: Reply) -> None:
    session.drop()
    await trio.lowlevel.checkpoint()


async def close(conn: RealtimeConnection, session: SimulatedSession, reply: Reply) -> None:
    await conn.aclose()


ENDINGS: Final[dict[str, tuple[Responder, Ending | None]]] = {
    "completed": (STORY, nothing),
    "incomplete: a limit, or a filter": ([[Say(STORY), Incomplete()]], nothing),
    "failed": ([Fail("server_error")], nothing),
    "cancelled by us: `conn.response.cancel()`": (STORY, cancel),
    "cancelled by us: its block was left": (STORY, None),
    "cancelled by the server: the user spoke": (STORY, speak),
    "connection lost": (STORY, lose),
    "connection closed by us": (STORY, close),
}

ROWS: Final = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)


def named(error: Exception) -> str:
    kind = type(error)
    return f"`trio.{kind.__name__}`" if kind.__module__ == "trio" else f"`{kind.__name__}`"


View: TypeAlias = ReplyView[ServerEvent] | ReplyView[str] | ReplyView[bytes]


async def end_of(view: View) -> str:
    try:
        async for _ in view:
            pass
    except Exception as error:  # noqa: BLE001 - its type is what the table tells
        return f"raise {named(error)}"
    return "end"


async def end_of_result(reply: Reply) -> str:
    try:
        response = await reply.result()
    except Exception as error:  # noqa: BLE001 - its type is what the table tells
        return f"raises {named(error)}"
    assert response is reply.response
    return "returns the response"


@pytest.mark.parametrize("how", ENDINGS)
async def test_a_response_ends_as_the_table_says(how: str, autojump_clock: MockClock) -> None:
    responder, ending = ENDINGS[how]
    async with (
        SimulatedServer(responder) as server,
        open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn,
        contextlib.AsyncExitStack() as block,
    ):
        reply = await block.enter_async_context(conn.respond("Tell me a story!"))
        views: list[View] = [aiter(reply), reply.text(), reply.audio()]
        await trio.sleep(0.03)
        if ending is None:
            await block.aclose()
        else:
            await ending(conn, server.sessions[0], reply)
        (ends,) = {await end_of(view) for view in views}
        result = await end_of_result(reply)
        statuses = [reply.status]
        await trio.sleep(10)
        if reply.status != statuses[0]:
            statuses.append(reply.status)
    assert (how, ends, result, ", then ".join(f"`{each}`" for each in statuses)) in ROWS


def test_the_table_has_no_other_rows() -> None:
    rows = [row[0] for row in ROWS if row[0] not in ("it ends", "---")]
    assert rows == list(ENDINGS)


def test_the_table_of_contents_is_complete() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == headings
    for name, anchor in listed:
        assert re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-") == anchor

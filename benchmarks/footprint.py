"""Where the memory of an idle connection and the time of the import go.

The memory is what Python's allocator gave out, by the file that asked for it: the process occupies
somewhat more (`python -m nox -s bench -- --only idle` measures that).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Mapping

import trio

from trio_realtime import open_realtime
from trio_realtime.events import SessionCreated

MEMORY_PARTS: Mapping[str, str] = {
    "Trio: tasks, nurseries, scopes, the socket": r"/trio/|<attrs generated methods trio",
    "the session, as models": r"/trio_realtime/(events|types)/",
    "the connection: what waits, what is held, the calls": r"/trio_realtime/_connection/",
    "the laws: who gets what, whose turn it is": r"/trio_realtime/_core/",
    "the transport": r"/trio_realtime/_transport/|/(wsproto|trio_websocket|h11|websockets)/",
    "the rest of ours": r"/trio_realtime/",
    "the standard library": r"",
}
"""By the path of the file: the first that matches."""

IMPORT_PARTS: Mapping[str, str] = {
    "`types`, its models": r"^trio_realtime\.types\b",
    "`events`, its models": r"^trio_realtime\.events\b",
    "the rest of ours": r"^trio_realtime\b",
    "Trio": r"^trio\b",
    "pydantic": r"^pydantic\b",
}
"""By the name of the module; other modules belong to the part that imports them first."""

IMPORT = "from trio_realtime import open_realtime, events; events.ResponseDone"

FIRST = {
    "the first connection: the transport, with `trio-websocket`": (
        "import trio_realtime._transport._trio_websocket, trio_realtime._transport._client"
    ),
    "the first connection: the session's models": (
        "events.prepare(events.SessionCreated, events.SessionUpdated)"
    ),
    "the first `wss:` connection: the certificates": ("import ssl; ssl.create_default_context()"),
    "the first response: its models": (
        "events.prepare(events.ResponseCreated, events.ResponseDone, "
        "events.ResponseOutputItemAdded, events.ResponseOutputItemDone, "
        "events.ConversationItemAdded, events.ConversationItemDone, "
        "events.ResponseOutputAudioDelta, events.ResponseOutputAudioTranscriptDelta)"
    ),
}
"""What is loaded when it is needed, in this order, and how to have it loaded before."""


def part_of(name: str, parts: Mapping[str, str]) -> str | None:
    return next((part for part, pattern in parts.items() if re.search(pattern, name)), None)


async def connection_memory(count: int) -> dict[str, float]:
    """Return the bytes of one of `count` idle connections, by part. `OPENAI_BASE_URL` serves."""

    async def one(task_status: trio.TaskStatus[None]) -> None:
        async with open_realtime("idle") as conn:
            async for event in conn:
                if isinstance(event, SessionCreated):
                    task_status.started()

    async with trio.open_nursery() as nursery:
        await nursery.start(one)  # what is loaded once is not a connection's memory
        tracemalloc.start()
        before = tracemalloc.take_snapshot()
        for _ in range(count):
            await nursery.start(one)
        after = tracemalloc.take_snapshot()
        tracemalloc.stop()
        nursery.cancel_scope.cancel()
    found = dict.fromkeys(MEMORY_PARTS, 0.0)
    for each in after.compare_to(before, "filename"):
        name = each.traceback[0].filename.replace("\\", "/")
        part = part_of(name, MEMORY_PARTS)
        if part is not None and "/benchmarks/" not in name and "tracemalloc" not in name:
            found[part] += each.size_diff / count
    return found


def import_times(rounds: int) -> dict[str, float]:
    """Return the seconds of our import by part: of the round that took least."""
    command = [sys.executable, "-X", "importtime", "-c", IMPORT]
    found = [
        by_part(
            subprocess.run(command, capture_output=True, text=True, check=True).stderr.split("\n")
        )
        for _ in range(rounds + 1)  # the first writes byte code
    ]
    return min(found[1:], key=lambda times: sum(times.values()))


def first_times(rounds: int) -> dict[str, float]:
    """Return the seconds of what is loaded later: the least of some processes."""
    code = ["import time", "from trio_realtime import open_realtime, events", "import trio"]
    for statement in FIRST.values():
        code += ["start = time.process_time()", statement, "print(time.process_time() - start)"]
    command = [sys.executable, "-c", "\n".join(code)]
    found = [
        [float(line) for line in subprocess.check_output(command, text=True).split()]
        for _ in range(rounds + 1)
    ]
    return dict(zip(FIRST, map(min, zip(*found, strict=True)), strict=True))


def by_part(lines: Iterable[str]) -> dict[str, float]:
    """Add up what `-X importtime` says. It names a module after those that it imports."""
    found = dict.fromkeys(IMPORT_PARTS, 0.0)
    above: list[tuple[int, str | None]] = []
    # From the end, every module comes before what it imports.
    for line in reversed([*lines]):
        said = re.fullmatch(r"import time:\s*(\d+) \|\s*\d+ \| ( *)([\w.]+)", line)
        if said is None:
            continue
        depth = len(said[2])
        while above and above[-1][0] >= depth:
            above.pop()
        part = part_of(said[3], IMPORT_PARTS)
        if part is None and above:
            part = above[-1][1]
        above.append((depth, part))
        if part is not None:
            found[part] += int(said[1]) / 1e6
    return found

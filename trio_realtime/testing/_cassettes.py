"""Cassettes: record what the real server said once, and play it again for ever.

This module puts the parts together, and does nothing by itself.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from trio_realtime._core.cassette import Header, Match, Policy, Shelf, line_from_header
from trio_realtime._endpoint import Endpoint
from trio_realtime._open import endpoint_from_environment
from trio_realtime._version import __version__
from trio_realtime.testing._cassette_file import CassetteFile, read_cassette
from trio_realtime.testing._cassette_server import CassetteServer
from trio_realtime.testing._recorder import Recording

if TYPE_CHECKING:
    import ssl

    from trio_realtime.testing._faults import FaultPlan

RecordMode: TypeAlias = Literal["none", "once", "new_episodes", "all"]
"""When `use_cassette` records, in the words of pytest-recording."""

RECORD_MODES: Final[tuple[RecordMode, ...]] = ("none", "once", "new_episodes", "all")


def record(
    path: str | os.PathLike[str],
    endpoint: Endpoint | None = None,
    *,
    audio: Policy = "cut",
    text: Policy = "keep",
    session_ids: Policy = "keep",
    secrets: Collection[str] = (),
    ssl_context: ssl.SSLContext | None = None,
) -> CassetteServer:
    """Make a server that passes everything on to a real one, and records it.

    ::

        async with record("tests/cassettes/greeting.jsonl") as server:
            async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn:
                ...

    For programs that are not ours, `await server.listen()` opens a port, and `server.base_url`
    is where to point them. Every connection that is made while the block lasts is recorded, also
    those that are refused; messages, closes and losses are passed on as what they are.

    **What is kept.** Never keys and tokens, known ones by value and others by their shape; nor the
    fields that hold credentials (`authorization` and `headers` of MCP tools, `client_secret`), nor
    SDP, nor headers that tell who asked. What the model and your user say is kept, with the
    policies below; read a cassette before you commit it.

    The file is written for its owner alone (0600). It grows at `NAME.partial`, line by line, and
    gets its name when the block is left without an error. Otherwise it stays there, as far as it
    is, and what was at `path` remains.

    Args:
        path: The cassette. Missing directories are made.
        endpoint: The real server, or a `SimulatedServer`'s endpoint. By default what
            `open_realtime` takes, from the environment.
        audio: `"cut"` keeps the length of audio alone, and silence is played in its place.
        text: `"cut"` turns each letter of what is said (texts, transcripts) into an `x`. What your
            tools are called with stays.
        session_ids: `"cut"` takes out the ids of sessions.
        secrets: More values that must not be written.
        ssl_context: For the connection to the real server.

    Raises:
        CassetteSecretError: in a group, if a message holds a key that cannot be taken out. Nothing
            is left on the disk.
        CassetteError: if the file cannot be written, in a group where that is found out while the
            block runs; or if another recording to the same path was begun meanwhile.
        ValueError: if no endpoint is given and the environment names none.
    """
    header = _header(audio, text, session_ids)
    chosen = _chosen(endpoint)
    file = CassetteFile(Path(path), line_from_header(header).encode() + b"\n")
    return CassetteServer(
        Path(path),
        file=file,
        recording=Recording(file, header, secrets=secrets),
        endpoint=lambda: chosen,
        ssl_context=ssl_context,
    )


def replay(
    path: str | os.PathLike[str],
    *,
    match: Match = "exact",
    speed: float = 1.0,
    allow_unplayed: bool = False,
    faults: FaultPlan | None = None,
) -> CassetteServer:
    """Make a server that plays a cassette, and holds what its clients send against it.

    ::

        async def test_greeting(autojump_clock: trio.testing.MockClock) -> None:
            async with replay("tests/cassettes/greeting.jsonl") as server:
                await my_application(endpoint=server.endpoint)

    Each connection that a client makes gets the first recorded one that asked for the same model.
    What the real server sent is sent again, each message when the client has sent everything that
    came before it then, and as much later; so answers come after their questions. What the client
    sends must be what it sent then. It may be ahead of its time, and what it does to the input
    audio buffer is independent of the rest. Ids that clients choose at random may be others: they
    are written into what the server sends.

    A client that sends something else ends the block with an `AssertionError`, in a group, that
    says what and where; so does, without a group, a block that is left before all was sent. A
    client that never sends what comes next waits in vain for what came after it: put a deadline
    around the block, and the error says so too.

    Args:
        path: The cassette.
        match: How the client's messages are compared: `"exact"`; `"type"` looks at their types
            alone; or a function of the recorded and the sent message that says whether they are
            the same. Where audio was cut, both hold a mark with its length and its digest.
        speed: How many times faster than it was; `math.inf` does not wait. It is Trio's time:
            under a mock clock nothing is waited for, whatever the speed.
        allow_unplayed: Whether the client may leave before it has sent everything.
        faults: What else goes wrong.

    Raises:
        FileNotFoundError: if there is no such cassette; it says how to record one.
        CassetteError: if the file is none.
        ValueError: if `match` or `speed` is none.
    """
    cassette = read_cassette(Path(path))
    shelf = Shelf(cassette, str(path), match=match, speed=speed)
    return CassetteServer(Path(path), shelf=shelf, allow_unplayed=allow_unplayed, faults=faults)


def use_cassette(
    path: str | os.PathLike[str],
    mode: RecordMode = "none",
    endpoint: Endpoint | None = None,
    *,
    audio: Policy = "cut",
    text: Policy = "keep",
    session_ids: Policy = "keep",
    secrets: Collection[str] = (),
    match: Match = "exact",
    speed: float = 1.0,
    allow_unplayed: bool = False,
) -> CassetteServer:
    """Play a cassette or record it, as `mode` says. One test can then run with and without a net.

    ::

        async with use_cassette("tests/cassettes/greeting.jsonl", mode) as server:
            await my_application(endpoint=server.endpoint)

    The modes are those of pytest-recording:

    * `"none"`: play, never record. A missing cassette is an error.
    * `"once"`: play if there is a cassette, else record it.
    * `"new_episodes"`: play the connections there are; those beyond them, or for another model,
      are made to the real server and added to the cassette, by its own policies.
    * `"all"`: record anew. The old cassette is replaced when the block is left without an error.

    Args:
        path: The cassette.
        mode: One of the above.
        endpoint: As for `record`. It is only asked for when something is recorded.
        audio: As for `record`.
        text: As for `record`.
        session_ids: As for `record`.
        secrets: As for `record`.
        match: As for `replay`.
        speed: As for `replay`.
        allow_unplayed: As for `replay`.

    Raises:
        FileNotFoundError: in mode `"none"`, if there is no such cassette.
        CassetteError: if the file is none.
        ValueError: if something has to be recorded, no endpoint is given, and the environment
            names none; in a group when that is found out while the block runs.
    """
    if mode not in RECORD_MODES:
        raise ValueError(f"mode must be one of {', '.join(RECORD_MODES)}; it is {mode!r}")
    exists = Path(path).exists()
    if mode == "all" or (mode in ("once", "new_episodes") and not exists):
        return record(
            path, endpoint, audio=audio, text=text, session_ids=session_ids, secrets=secrets
        )
    if mode != "new_episodes":
        return replay(path, match=match, speed=speed, allow_unplayed=allow_unplayed)
    cassette = read_cassette(Path(path))
    file = CassetteFile(Path(path), Path(path).read_bytes().rstrip() + b"\n")
    last = max((entry.connection for entry in cassette.entries), default=0)
    return CassetteServer(
        Path(path),
        shelf=Shelf(cassette, str(path), match=match, speed=speed),
        file=file,
        recording=Recording(file, cassette.header, connections=last, secrets=secrets),
        endpoint=partial(_chosen, endpoint),
        allow_unplayed=allow_unplayed,
    )


def _chosen(endpoint: Endpoint | None) -> Endpoint:
    return endpoint_from_environment(os.environ) if endpoint is None else endpoint


def _header(audio: Policy, text: Policy, session_ids: Policy) -> Header:
    for name, policy in (("audio", audio), ("text", text), ("session_ids", session_ids)):
        if policy not in ("cut", "keep"):
            raise ValueError(f'{name} must be "cut" or "keep", not {policy!r}')
    return Header(
        recorded_with=f"trio-realtime {__version__}",
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        audio=audio,
        text=text,
        session_ids=session_ids,
    )

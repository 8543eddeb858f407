"""Genuine sessions as cassettes: a client that sends what was sent then gets what came then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.testing.faithful import Frame, recorded_sessions
from tests.testing.taped import raw_to
from trio_realtime import open_realtime
from trio_realtime.testing import replay

SESSIONS = recorded_sessions()

pytestmark = pytest.mark.skipif(not SESSIONS, reason="the recordings are not here")


def cassette_of(frames: Sequence[tuple[str, Frame]], path: Path) -> Path:
    """Write a session as a cassette, as if a tenth of a second lay between its frames."""
    lines: list[object] = [{"cassette": 1, "audio": "keep"}]
    for number, (side, frame) in enumerate(frames):
        lines.append({"at": number / 10, "connection": 1, "from": side, "frame": frame})
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


@pytest.mark.parametrize("name", SESSIONS)
async def test_a_client_that_sends_its_frames_gets_every_recorded_one(
    name: str, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    frames = SESSIONS[name]
    began = trio.current_time()
    async with replay(cassette_of(frames, tmp_path / "genuine.jsonl")) as server:
        async with raw_to(server) as raw:
            for side, frame in frames:
                if side == "client":
                    await raw.send(json.dumps(frame))
                else:
                    assert json.loads(await raw.receive()) == frame
    # The server takes its time as it did; the client answers at once.
    pauses = sum(side == "server" for side, _ in frames[1:])
    assert trio.current_time() - began == pytest.approx(pauses / 10)


@pytest.mark.parametrize("name", SESSIONS)
async def test_our_own_client_gets_every_recorded_event(
    name: str, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    frames = SESSIONS[name]
    model, call_id = (None, "rtc_1") if "sideband" in name else ("m", None)
    async with replay(cassette_of(frames, tmp_path / "genuine.jsonl")) as server:
        async with open_realtime(model, call_id=call_id, endpoint=server.endpoint) as conn:
            for side, frame in frames:
                if side == "client":
                    await conn.send(frame)
                else:
                    event = await conn.receive()
                    assert (event.type, event.event_id) == (frame["type"], frame["event_id"])


@pytest.mark.parametrize("name", SESSIONS)
async def test_a_client_that_sends_something_else_is_told_what_and_where(
    name: str, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """In each session once: the last thing that the client says is said otherwise."""
    frames = SESSIONS[name]
    last = max(number for number, (side, _) in enumerate(frames) if side == "client")
    path = cassette_of(frames, tmp_path / "genuine.jsonl")
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError)) as caught:
        async with replay(path) as server, raw_to(server) as raw:
            for number, (side, frame) in enumerate(frames):
                if side == "client":
                    changed = {**frame, "whim": "mine"} if number == last else frame
                    await raw.send(json.dumps(changed))
                else:
                    await raw.receive()
    told = str(caught.value.exceptions[0])
    # The header is the first line, and the first frame the second.
    assert f"genuine.jsonl, line {last + 2}, connection 1, {frames[last][1]['type']}\n" in told
    assert "at        whim\n" in told
    assert 'expected  "(absent)"\n' in told
    assert 'actual    "mine"\n' in told

"""The checks of faithfulness bite: genuine sessions pass them, and spoilt ones do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TypeAlias

import pytest
import trio.testing
from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, check_order, check_text, recorded_sessions
from tests.testing.test_conversation import MODEL
from tests.testing.watch import Watch
from trio_realtime import open_realtime
from trio_realtime.audio import silence, tone
from trio_realtime.events import UnknownEvent
from trio_realtime.testing import SimulatedServer

pytestmark = pytest.mark.one_library

SESSIONS = recorded_sessions()
needs_recordings = pytest.mark.skipif(not SESSIONS, reason="the recordings are not here")

Spoil: TypeAlias = Callable[[list[Frame]], object]


@needs_recordings
@pytest.mark.parametrize("name", SESSIONS)
def test_genuine_sessions_pass(name: str) -> None:
    frames = [frame for direction, frame in SESSIONS[name] if direction == "server"]
    for frame in frames:
        check_text(json.dumps(frame))
    check_order(frames, greeting="sideband" not in name)


def spoken_turn() -> list[Frame]:
    """A session with a spoken turn that is answered, as the server sends it."""
    client = Client()
    client.listen_with(transcription={"model": "gpt-realtime-whisper"})
    client.append(silence(500) + tone(300, 1000) + silence(800))
    client.run()
    return client.frames


def place_of(frames: list[Frame], kind: str) -> int:
    return next(n for n, frame in enumerate(frames) if frame["type"] == kind)


def without(kind: str) -> Spoil:
    return lambda frames: frames.pop(place_of(frames, kind))


def twice(kind: str) -> Spoil:
    return lambda frames: frames.insert(
        place_of(frames, kind), copy.deepcopy(frames[place_of(frames, kind)])
    )


def late(kind: str) -> Spoil:
    def spoil(frames: list[Frame]) -> None:
        number = place_of(frames, kind)
        frames[number], frames[number + 1] = frames[number + 1], frames[number]

    return spoil


def with_(kind: str, **fields: JsonValue) -> Spoil:
    return lambda frames: frames[place_of(frames, kind)].update(fields)


PREFIX = "conversation.item.input_audio_transcription"

DISORDER: dict[str, Spoil] = {
    "no greeting": without("session.created"),
    "two greetings": twice("session.created"),
    "stopped, and not committed": without("input_audio_buffer.committed"),
    "stopped and committed are of two items": with_("input_audio_buffer.committed", item_id="i"),
    "committed, and not added": lambda frames: frames.pop(
        place_of(frames, "input_audio_buffer.committed") + 1
    ),
    "done, and not added": twice("conversation.item.done"),
    "done elsewhere": with_("conversation.item.done", previous_item_id="item_elsewhere"),
    "a response that was not created": without("response.created"),
    "a response that was created twice": twice("response.created"),
    "a response that was done twice": twice("response.done"),
    "an event of a response that was done": lambda frames: frames.append(
        frames[place_of(frames, "response.output_audio.delta")]
    ),
    "an output item that was not added": without("response.output_item.added"),
    "an output item with the wrong index": with_("response.output_item.added", output_index=1),
    "an output item that joined late": late("response.output_item.added"),
    "an output item done before the conversation's": without("response.output_item.done"),
    "an output item that was done late": lambda frames: frames.insert(
        place_of(frames, "response.output_item.done"), frames[0] | {"type": "session.updated"}
    ),
    "the done items of response and conversation differ": with_(
        "response.output_item.done", item={"id": "item_elsewhere"}
    ),
    "no part": without("response.content_part.added"),
    "two parts": twice("response.content_part.added"),
    "a part that was not done": without("response.content_part.done"),
    "a delta that is lost": without("response.output_audio_transcript.delta"),
    "a delta of another item": with_("response.output_audio.delta", item_id="item_elsewhere"),
    "a delta of another index": with_("response.output_audio.delta", output_index=1),
    "a transcript that was done before the audio": late("response.output_audio.done"),
    "a transcript without the end of the audio": without("response.output_audio.done"),
    "a part that was done late": late("response.output_audio_transcript.done"),
    "a response that was done before its item": late("response.output_item.done"),
    "a transcription that lost a delta": without(f"{PREFIX}.delta"),
    "rate limits before all": lambda frames: frames.insert(1, {"type": "rate_limits.updated"}),
}


def test_our_own_sessions_pass() -> None:
    check_order(spoken_turn(), greeting=True)


@pytest.mark.parametrize("spoil", DISORDER.values(), ids=DISORDER)
def test_disorder_is_seen(spoil: Spoil) -> None:
    frames = copy.deepcopy(spoken_turn())
    spoil(frames)
    with pytest.raises((AssertionError, KeyError)):
        check_order(frames, greeting=True)


def test_a_response_that_holds_other_items_is_seen() -> None:
    frames = copy.deepcopy(spoken_turn())
    output = at(frames[-1], "response", "output")
    assert isinstance(output, list)
    output.clear()
    with pytest.raises(AssertionError):
        check_order(frames, greeting=True)


def spoilt(kind: str, place: str, change: str) -> str:
    """A frame of ours with one member changed or added (`name=JSON`), or dropped (`-name`)."""
    frame = copy.deepcopy(next(frame for frame in spoken_turn() if frame["type"] == kind))
    holder = at(frame, *(int(step) if step.isdigit() else step for step in place.split()))
    assert isinstance(holder, dict)
    name, changed, value = change.partition("=")
    if changed:
        holder[name] = json.loads(value)
    else:
        del holder[name.removeprefix("-")]
    return json.dumps(frame)


INPUT = "session audio input"


@needs_recordings
@pytest.mark.parametrize(
    ("kind", "place", "change", "said"),
    [
        ("response.done", "", "-event_id", "event_id. is a required"),
        ("response.done", "response", "-conversation_id", "without conversation_id"),
        ("response.done", "response output 0", "-status", "without status"),
        ("response.done", "response output 0 content 0", "-transcript", "without transcript"),
        ("response.done", "response", "usage=null", "null usage"),
        ("response.done", "response", "voice=1", "with voice"),
        ("response.done", "response", 'status="over"', "over"),
        ("conversation.item.added", "item", 'object="realtime.item"', "with object"),
        ("session.created", "session audio", "-output", "without output"),
        ("session.updated", f"{INPUT} turn_detection", "-threshold", "without threshold"),
        ("session.updated", f"{INPUT} turn_detection", "idle_timeout_ms=1", "idle_timeout_ms"),
        ("response.output_audio.delta", "", 'delta="@"', "base64"),
        ("response.output_audio.delta", "", 'type="response.began"', "response.began"),
    ],
)
def test_frames_that_are_not_whole_are_seen(kind: str, place: str, change: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        check_text(spoilt(kind, place, change))


def test_a_watch_sees_what_a_session_may_not_send() -> None:
    watch = Watch()
    with watch.installed():
        client = Client()
        delta: Frame = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        client.simulation.emit("response.output_text.delta", {**delta, "delta": "x"})
        client.simulation.outbox.clear()
        assert watch.frames == 2
    (error,) = watch.errors
    assert "obfuscation" in error or "not in progress" in error


def test_a_watch_sees_what_a_session_still_owes() -> None:
    watch = Watch()
    with watch.installed():
        client = Client()
        committed: Frame = {"previous_item_id": None, "item_id": "item_1"}
        client.simulation.emit("input_audio_buffer.committed", committed)
    (error,) = watch.errors
    assert "was not followed by" in error


async def test_a_watch_leaves_frames_alone_that_a_test_pushes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    watch = Watch()
    with watch.installed():
        async with SimulatedServer() as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                await conn.receive()
                server.sessions[0].push({"type": "never.heard.of", "x": 1})
                server.sessions[0].send_raw("not even JSON")
                assert isinstance(await conn.receive(), UnknownEvent)
    assert watch.errors == []
    assert watch.frames == 1

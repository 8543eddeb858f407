"""What a server must keep to be believed: every frame valid, complete, and in a legal order.

The recordings are not part of the project. Where they are absent, what rests on them is not
checked, and everything else still is.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

from pydantic import JsonValue

from trio_realtime.events import InvalidEvent, UnknownEvent, decode_server

Frame: TypeAlias = dict[str, JsonValue]

_WIRE: Final = Path(__file__).resolve().parents[2] / ".." / "shared" / "wire"


def _loaded(name: str) -> dict[str, JsonValue]:
    path = _WIRE / name
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


@functools.cache
def _schema() -> dict[str, JsonValue]:
    return _loaded("schema.json")


def recorded_sessions() -> dict[str, list[tuple[str, Frame]]]:
    """The recorded GA sessions: by name, each frame with its direction."""
    path = _WIRE / "recorded_events.jsonl"
    sessions: dict[str, list[tuple[str, Frame]]] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        record = json.loads(line)
        if record["dialect"] == "ga" and "voice-live" not in record["provider"]:
            session = sessions.setdefault(record["group"], [])
            session.append((record["direction"], record["event"]))
    return sessions


class _Validator(Protocol):
    def validate(self, instance: object) -> None: ...


@functools.cache
def _validator(kind: str) -> _Validator | None:
    schema = _schema()
    index = schema.get("x-event-index")
    names = index["ga_server"] if isinstance(index, dict) else None
    if not isinstance(names, dict) or kind not in names:
        return None
    # By name: it has no type stubs of its own.
    jsonschema = importlib.import_module("jsonschema")
    rules = {"$ref": f"#/$defs/{names[kind]}", "$defs": schema["$defs"]}
    return cast("_Validator", jsonschema.Draft202012Validator(rules))


@functools.cache
def _always_present(kind: str) -> tuple[tuple[str, ...], ...]:
    """The paths that every provider sent in each of its samples."""
    by_provider = _loaded("field_presence.json")
    per_provider: list[set[str]] = []
    for provider in ("openai_ga", "azure_ga"):
        events = by_provider.get(provider)
        event = events.get(kind) if isinstance(events, dict) else None
        if isinstance(event, dict) and isinstance(fields := event["fields"], dict):
            per_provider.append(
                {
                    path
                    for path, facts in fields.items()
                    if isinstance(facts, dict) and facts["present"] == event["n"]
                }
            )
    common = per_provider[0].intersection(*per_provider) if per_provider else set[str]()
    return tuple(tuple(path.split(".")) for path in sorted(common) if "[]" not in path)


# Formats without a rate, and detection with other settings: no sample had them.
_NOT_SAMPLED: Final = ("audio/pcmu", "audio/pcma", "semantic_vad")


def _missing(frame: Frame) -> Iterator[str]:
    for path in _always_present(str(frame["type"])):
        value: JsonValue = frame
        for name in path:
            if not isinstance(value, dict):
                break  # null where every sample had an object: a session's voice detection, off
            if name not in value:
                if value.get("type") not in _NOT_SAMPLED:
                    yield ".".join(path)
                break
            value = value[name]


def check_frame(text: str | bytes) -> Frame:
    """Check one server frame by itself, and return it."""
    event = decode_server(text)
    assert not isinstance(event, (InvalidEvent, UnknownEvent)), event
    frame: Frame = json.loads(text)
    validator = _validator(str(frame["type"]))
    if validator is not None:
        validator.validate(frame)
    session = frame.get("session")
    if not isinstance(session, dict) or session["type"] == "realtime":
        assert list(_missing(frame)) == [], frame
    return frame


def check_order(frames: Sequence[Frame]) -> None:
    """Check that everything a server sent in one session came in a legal order."""
    for number, frame in enumerate(frames):
        before = frames[number - 1] if number else {}
        after = frames[number + 1] if number + 1 < len(frames) else None
        _check_neighbours(before, frame, after)
    for response_id in dict.fromkeys(_response_id(frame) for frame in frames):
        if response_id:
            _check_response([frame for frame in frames if _response_id(frame) == response_id])
    _check_items(frames)
    _check_transcriptions(frames)


def _response_id(frame: Frame) -> str:
    response = frame.get("response")
    if isinstance(response, dict):
        return str(response["id"])
    # Of an output buffer that never played anything.
    return (
        "" if frame["type"] == "output_audio_buffer.cleared" else str(frame.get("response_id", ""))
    )


def _item_id(frame: Mapping[str, JsonValue]) -> JsonValue:
    item = frame.get("item")
    return item["id"] if isinstance(item, dict) else frame.get("item_id")


def _check_neighbours(before: Frame, frame: Frame, after: Frame | None) -> None:
    match frame["type"]:
        case "conversation.item.done" if after and after["type"] == "response.output_item.done":
            assert _item_id(after) == _item_id(frame)
        case "input_audio_buffer.committed":
            assert after is not None
            assert (after["type"], _item_id(after)) == ("conversation.item.added", frame["item_id"])
        case "input_audio_buffer.speech_stopped":
            assert after is not None
            assert after["type"] == "input_audio_buffer.committed"
            assert after["item_id"] == frame["item_id"]
        case "response.output_audio_transcript.done":
            assert before["type"] == "response.output_audio.done"
            assert after is not None
            assert after["type"] == "response.content_part.done"
        case "rate_limits.updated":
            assert before["type"] == "response.done"
        case "response.output_item.added" if after and after["type"] == "conversation.item.added":
            assert _item_id(after) == _item_id(frame)
        case _:
            pass


def _check_response(frames: Sequence[Frame]) -> None:
    """One response: created first, done last, items one after the other, deltas that add up."""
    assert frames[0]["type"] == "response.created"
    assert all(frame["type"] != "response.created" for frame in frames[1:])
    done = [frame for frame in frames if frame["type"] == "response.done"]
    assert done in ([], [frames[-1]])
    open_items: list[JsonValue] = []
    finished: list[JsonValue] = []
    sums: dict[str, str] = {}
    for frame in frames:
        kind = str(frame["type"])
        if kind == "response.output_item.added":
            assert open_items == []
            assert frame["output_index"] == len(finished)
            open_items.append(_item_id(frame))
            sums.clear()
        elif kind == "response.output_item.done":
            assert open_items == [_item_id(frame)]
            open_items.clear()
            finished.append(frame["item"])
        elif kind.endswith(".delta"):
            assert open_items == [frame["item_id"]]
            name = kind.removesuffix(".delta")
            sums[name] = sums.get(name, "") + str(frame["delta"])
        elif kind.endswith(".done") and kind not in _WITHOUT_WHOLE:
            whole = frame.get("text", frame.get("transcript", frame.get("arguments")))
            assert sums.get(kind.removesuffix(".done"), "") == whole
    if done:
        response = done[0]["response"]
        assert isinstance(response, dict)
        assert response["output"] == finished
        assert open_items == []


_WITHOUT_WHOLE: Final = {
    "response.done",
    "response.content_part.done",
    "response.output_audio.done",
}


def _check_items(frames: Sequence[Frame]) -> None:
    added: dict[JsonValue, JsonValue] = {}
    for frame in frames:
        if frame["type"] == "conversation.item.added":
            added[_item_id(frame)] = frame["previous_item_id"]
        elif frame["type"] == "conversation.item.done":
            assert added[_item_id(frame)] == frame["previous_item_id"]


def _check_transcriptions(frames: Sequence[Frame]) -> None:
    prefix = "conversation.item.input_audio_transcription"
    heard: dict[JsonValue, str] = {}
    for frame in frames:
        if frame["type"] == f"{prefix}.delta":
            heard[frame["item_id"]] = heard.get(frame["item_id"], "") + str(frame["delta"])
        elif frame["type"] == f"{prefix}.completed":
            assert heard.get(frame["item_id"], "").strip() == frame["transcript"]


def types_of(frames: Sequence[Frame]) -> list[str]:
    """The types of some frames, each run of one type once."""
    types: list[str] = []
    for frame in frames:
        if not types or types[-1] != frame["type"]:
            types.append(str(frame["type"]))
    return types

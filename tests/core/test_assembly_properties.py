"""However a response's events are interleaved, left out or repeated, it comes to the same whole."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, strategies as st
from pydantic import JsonValue

from tests.core.responding import (
    Frame,
    arguments,
    arguments_done,
    audio,
    call,
    event,
    item_added,
    item_done,
    message,
    part_added,
    part_done,
    said,
    spoken,
    spoken_done,
    text,
    text_done,
    words_of,
    written,
)
from tests.wire import SERVER_CLASSES, golden
from trio_realtime._core._assembly import Assembly
from trio_realtime.events import ServerEvent, decode_server
from trio_realtime.types import FunctionCall, Item

# Each text has letters of its own, so that a view of all of them can be taken apart again.
ALPHABETS = ["ab", "cd", "ef", "gh"]


@dataclass
class Made:
    """An item that is to be assembled, and the events that tell it."""

    item: Frame
    words: list[str]
    streams: list[list[ServerEvent]]
    """What keeps its order; streams come in any order, and interleaved."""


def some(draw: st.DrawFn, events: Sequence[ServerEvent], *, least: int = 0) -> list[ServerEvent]:
    """Some of the events, in any order, perhaps some of them twice."""
    chosen = st.lists(st.sampled_from(events), min_size=least, max_size=len(events) + 1)
    return [copy.copy(each) for each in draw(chosen)]


def pieces(draw: st.DrawFn, letters: str, *, is_told: bool) -> tuple[list[str], str]:
    """The deltas of a text, perhaps not all of them if it is also told, and the text."""
    deltas = draw(st.lists(st.text(letters, min_size=1, max_size=3), min_size=1, max_size=4))
    kept = draw(st.integers(0, len(deltas))) if is_told else len(deltas)
    return deltas[:kept], "".join(deltas)


def made_call(draw: st.DrawFn, item_id: str, index: int) -> Made:
    deltas, whole = pieces(draw, '{"1}', is_told=True)
    item = call(whole, item_id)
    ends = [arguments_done(whole, item_id, index, name="add"), item_done(item, index)]
    begins = [item_added(call("", item_id, "in_progress"), index)]
    told = some(draw, ends, least=1) + some(draw, begins)
    stream = [arguments(delta, item_id, index) for delta in deltas]
    return Made(item, [whole], [stream, *([each] for each in told)])


def made_message(draw: st.DrawFn, item_id: str, index: int, kind: str) -> Made:
    delta_of, done_of, part_of = (
        (spoken, spoken_done, said) if kind == "audio" else (text, text_done, written)
    )
    count = draw(st.integers(1, 2))
    drafts: list[tuple[list[str], str]] = []
    is_told = draw(st.booleans())
    for content in range(count):
        drafts.append(pieces(draw, ALPHABETS[2 * index + content], is_told=is_told))
    words = [whole for _, whole in drafts]
    item = message(*map(part_of, words), item_id=item_id)
    begins = [item_added(message(item_id=item_id, status="in_progress"), index)]
    told = some(draw, begins) + some(draw, [item_done(item, index)], least=is_told)
    streams: list[list[ServerEvent]] = []
    for content, (deltas, whole) in enumerate(drafts):
        place = (item_id, content, index)
        streams.append([delta_of(delta, *place) for delta in deltas])
        part: Frame = {**part_of(whole), "type": kind}
        others = [done_of(whole, *place), part_done(part, *place), part_added(kind, *place)]
        told += some(draw, [*others, audio(*place)] if kind == "audio" else others)
    return Made(item, words, streams + [[each] for each in told])


@st.composite
def responses(draw: st.DrawFn) -> tuple[list[Made], list[ServerEvent]]:
    """Up to three items, and their events in an order that some server might choose."""
    made = [
        made_message(draw, f"item_{index}", index, draw(st.sampled_from(["audio", "text"])))
        for index in range(draw(st.integers(0, 2)))
    ]
    for index in range(len(made), len(made) + draw(st.integers(0, 1))):
        made.append(made_call(draw, f"item_{index}", index))
    streams = [stream for each in made for stream in each.streams]
    order = draw(st.permutations([n for n, stream in enumerate(streams) for _ in stream]))
    rest = [iter(stream) for stream in streams]
    return made, [next(rest[n]) for n in order]


def told_by(item: Item) -> list[str | None]:
    return [item.arguments] if isinstance(item, FunctionCall) else words_of(item)


OUTPUTS = st.sampled_from(["whole", "hollow", "empty", "null", "absent", "invalid"])


def ended(kind: str, made: Sequence[Made]) -> ServerEvent:
    """A `response.done`, as whole as some server makes it."""
    response: dict[str, JsonValue] = {"status": "completed"}
    if kind == "whole":
        response["output"] = [each.item for each in made]
    elif kind == "hollow":
        hollow = ("content", "arguments")
        response["output"] = [
            {name: each.item[name] for name in each.item if name not in hollow} for each in made
        ]
    elif kind != "absent":
        response["output"] = {"empty": [], "null": None, "invalid": "none"}[kind]
    return event("response.done", response=response)


@given(responses(), OUTPUTS, st.integers(0, 99))
def test_however_its_events_come_a_response_is_assembled_to_the_same_whole(
    response: tuple[list[Made], list[ServerEvent]], output: str, late: int
) -> None:
    made, events = response
    end = ended(output, made)
    # Some servers send the last events of the items after the end.
    events.insert(max(len(events) - late, 0) if late < 3 else len(events), end)
    assembly = Assembly()
    for each in events:
        assembly.receive(each)
    expected = [each.words for each in made]
    assert [told_by(item) for item in assembly.items] == expected
    assert [told_by(item) for item in assembly.response.output or ()] == expected
    assert [item.id for item in assembly.items if isinstance(item, FunctionCall)] == [
        each.item["id"] for each in made if "call_id" in each.item
    ]
    view = "".join(assembly.text_of(each) or "" for each in events)
    for letters in ALPHABETS:
        told = [word for each in made for word in each.words if word[0] in letters]
        assert ["".join(letter for letter in view if letter in letters)] == (told or [""])


NAMES = sorted(name for name in SERVER_CLASSES if name.startswith("response."))
ODD: list[JsonValue] = [None, "", "x", "item_1", 0, -1, 7, [], {}, {"id": "item_1"}]


@st.composite
def odd_events(draw: st.DrawFn) -> ServerEvent:
    """A response event, perhaps with something in it that no server should send."""
    frame = golden(draw(st.sampled_from(NAMES)))
    for place in draw(st.sets(st.sampled_from(sorted(frame)), max_size=2)):
        inner = frame[place]
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            inner[draw(st.sampled_from(sorted(inner)))] = draw(st.sampled_from(ODD))
        else:
            frame[place] = draw(st.sampled_from(ODD))
    return decode_server(json.dumps(frame))


# promise 6
@given(st.lists(odd_events(), max_size=12))
def test_nothing_that_a_server_sends_makes_an_assembly_raise(events: list[ServerEvent]) -> None:
    assembly = Assembly()
    for each in events:
        assembly.receive(each)
        assembly.text_of(each)
        assembly.audio_of(each)
        if assembly.is_done:
            assert assembly.response.output == list(assembly.items)
            assert assembly.response.status == assembly.status != "in_progress"

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import JsonValue

from tests.effort import effort
from tests.wire import CLASSES, CLIENT_CLASSES, SERVER_CLASSES, canonical, golden
from trio_realtime.events import InvalidEvent, UnknownEvent, decode_client, decode_server, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "role", "id", "content", "audio", "item", "data"])
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
ODD = st.recursive(
    # No text that could pass for a number, a boolean or base64, which reading would normalise.
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("äж☼!", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("äж☼!"), inner, max_size=3),
    max_leaves=6,
)
DECODERS = st.sampled_from([decode_server, decode_client])
NAMES = st.sampled_from(sorted(CLASSES))


def _places(value: JsonValue, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value, but for the whole."""
    pairs: list[tuple[str | int, JsonValue]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [
        place
        for key, inner in pairs
        for place in [(*path, key), *_places(inner, (*path, key))]
        if place != ("type",)
    ]


def _mutated(value: JsonValue, place: tuple[str | int, ...], new: JsonValue, how: str) -> None:
    for key in place[:-1]:
        value = cast("dict[str | int, JsonValue]", value)[key]
    holder = cast("dict[str | int, JsonValue]", value)
    if how == "remove":
        del holder[place[-1]]
    elif how == "add" and isinstance(value, dict):
        value["lamp"] = new
    else:
        holder[place[-1]] = new


@given(data=st.binary() | st.text(), decode=DECODERS)
def test_no_frame_whatever_makes_decoding_raise(
    data: bytes | str, decode: Callable[[bytes | str], object]
) -> None:
    assert isinstance(decode(data), UnknownEvent | InvalidEvent)


@given(value=JSON, decode=DECODERS)
def test_json_that_is_no_known_event_is_preserved(
    value: JsonValue, decode: Callable[[str], UnknownEvent | InvalidEvent]
) -> None:
    event = decode(json.dumps(value))
    assert isinstance(event, UnknownEvent | InvalidEvent)
    assert event.data == value
    assert canonical(json.loads(encode(event))) == canonical(value)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_event_that_lacks_any_one_member_is_delivered_as_it_came(name: str) -> None:
    for place in _places(golden(name)):
        frame = golden(name)
        _mutated(frame, place, None, "remove")
        event = (decode_server if name in SERVER_CLASSES else decode_client)(json.dumps(frame))
        assert json.loads(encode(event)) == frame, place


@pytest.mark.sweep
@settings(max_examples=effort(400, deep=4000))
@given(
    name=NAMES,
    new=ODD,
    how=st.sampled_from(["replace", "remove", "add"]),
    data=st.data(),
)
def test_a_mutated_event_is_delivered_and_nothing_of_it_is_lost(
    name: str, new: JsonValue, how: str, data: st.DataObject
) -> None:
    frame = golden(name)
    place = data.draw(st.sampled_from(_places(frame)))
    _mutated(frame, place, new, how)
    event = (decode_server if name in SERVER_CLASSES else decode_client)(json.dumps(frame))
    assert isinstance(event, CLASSES[name] | InvalidEvent)
    assert isinstance(repr(event), str)
    assert pickle.loads(pickle.dumps(event)) == event
    back = cast("JsonValue", json.loads(encode(event)))
    # Compared by value: where the wire has an int, reading takes true for 1, and 1.0 too.
    assert back == frame


@given(name=NAMES, junk=st.text(max_size=8), at=st.integers(0, 400))
def test_a_frame_with_junk_in_it_is_delivered(name: str, junk: str, at: int) -> None:
    text = json.dumps(golden(name))
    for decode in (decode_server, decode_client):
        torn = text[:at] + junk + text[at:]
        assert isinstance(decode(torn), UnknownEvent | InvalidEvent | CLASSES[name])
        assert isinstance(decode(text[:at]), UnknownEvent | InvalidEvent | CLASSES[name])


def test_the_names_are_there_for_both_directions() -> None:
    assert CLIENT_CLASSES
    assert SERVER_CLASSES

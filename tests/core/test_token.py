"""The token by which responses are known: put into what is asked, taken out of what is shown."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from tests.core.routing import kind_of, response, told
from trio_realtime._connection._frames import cancel_of, frame_from_event, with_token
from trio_realtime._core._outgoing import Outgoing, value_at
from trio_realtime._core._replies import NAMELESS
from trio_realtime._core._token import METADATA_PAIRS, TOKEN_KEY, token_in, without_token
from trio_realtime.events import InvalidEvent, ResponseCreate, ServerEvent, encode
from trio_realtime.types import ResponseConfig

BEARERS = ["response.created", "response.done"]


def marked(frame: dict[str, JsonValue]) -> tuple[dict[str, JsonValue], object]:
    """What a frame becomes, and the metadata that the answer is looked for by."""
    outgoing = with_token(frame_from_event({"event_id": "e1", **frame}))
    assert isinstance(outgoing.subject, Outgoing)
    sent: dict[str, JsonValue] = json.loads(outgoing.text)
    return sent, outgoing.subject.metadata


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"response": None},
        {"response": {}},
        {"response": {"metadata": None}},
        {"response": {"metadata": {}}},
    ],
)
def test_a_request_for_a_response_carries_its_id_as_token(asked: dict[str, JsonValue]) -> None:
    sent, known = marked({"type": "response.create", **asked})
    assert sent == {
        "type": "response.create",
        "event_id": "e1",
        "response": {"metadata": {TOKEN_KEY: "e1"}},
    }
    assert known == {TOKEN_KEY: "e1"}


def test_the_token_is_added_to_what_is_asked() -> None:
    event = ResponseCreate(
        event_id="e1",
        response=ResponseConfig(instructions="Say „hi“", metadata={"mine": "1"}),
    )
    frame = with_token(frame_from_event(event))
    assert json.loads(frame.text) == {
        **json.loads(encode(event)),
        "response": {"instructions": "Say „hi“", "metadata": {"mine": "1", TOKEN_KEY: "e1"}},
    }
    assert isinstance(frame.subject, Outgoing)
    assert frame.subject.metadata == {"mine": "1", TOKEN_KEY: "e1"}


def test_fifteen_pairs_leave_room_for_the_token_and_sixteen_do_not() -> None:
    fifteen: dict[str, JsonValue] = {str(n): "x" for n in range(METADATA_PAIRS)}
    sent, _ = marked({"type": "response.create", "response": {"metadata": fifteen}})
    assert value_at(sent, "response", "metadata") == {**fifteen, TOKEN_KEY: "e1"}
    sixteen: dict[str, JsonValue] = {**fifteen, "more": "x"}
    sent, known = marked({"type": "response.create", "response": {"metadata": sixteen}})
    assert value_at(sent, "response", "metadata") == sixteen
    assert known == sixteen


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "session.update", "session": {}},
        {"type": "response.create", "response": "a mistake"},
        {"type": "response.create", "response": {"metadata": "a mistake"}},
        {"type": "response.create", "response": {"metadata": ["a mistake"]}},
        {"type": "response.create", "response": {"metadata": {TOKEN_KEY: "a copy"}}},
    ],
)
def test_what_has_no_place_for_a_token_goes_as_it_is(frame: dict[str, JsonValue]) -> None:
    asked = frame_from_event({"event_id": "e1", **frame})
    assert with_token(asked) is asked


def test_a_frame_that_is_never_acknowledged_goes_as_it_is() -> None:
    raw = frame_from_event({"type": "response.create", "event_id": "e1"})._replace(subject=None)
    assert with_token(raw) is raw


@pytest.mark.parametrize(
    ("metadata", "token"),
    [
        ({TOKEN_KEY: "e1", "mine": "1"}, "e1"),
        ({"mine": "1"}, None),
        ({TOKEN_KEY: 7}, None),
        ({}, None),
        (None, None),
        ("e1", None),
        ([TOKEN_KEY], None),
    ],
)
def test_a_token_is_found_where_there_is_one(metadata: JsonValue, token: str | None) -> None:
    assert token_in(metadata) == token


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize("response_id", ["r1", 7])
@pytest.mark.parametrize(
    ("metadata", "left"),
    [({TOKEN_KEY: "e1"}, None), ({TOKEN_KEY: "e1", "mine": "1"}, {"mine": "1"})],
)
def test_nobody_is_shown_the_token(
    kind: str, response_id: JsonValue, metadata: JsonValue, left: JsonValue
) -> None:
    event = told(kind, response={"id": response_id, "output": [], "metadata": metadata})
    assert isinstance(event, InvalidEvent) is (response_id == 7)
    shown = without_token(event)
    assert value_at(shown, "response", "metadata") == left
    assert value_at(shown, "response", "id") == response_id
    assert value_at(event, "response", "metadata") == metadata
    assert kind_of(shown) == kind
    assert type(shown) is type(event)


@pytest.mark.parametrize(
    "event",
    [
        told("response.created", response=response("r1")),
        told("response.done", response=response("r1", metadata={"mine": "1"})),
        told("response.created", response="?"),
        told("response.done", response={"id": 7, "metadata": "?"}),
        told("response.done", response={"id": 7, "metadata": None}),
        told("response.done", response={"id": 7, "metadata": {"mine": 1}}),
        told("response.created"),
        told("session.updated", session={"metadata": {TOKEN_KEY: 1}}),
        told("error", error={"metadata": {TOKEN_KEY: 1}}),
        told("conversation.item.deleted", item_id=7, response={"metadata": {TOKEN_KEY: "e1"}}),
    ],
)
def test_what_shows_no_token_is_shown_as_it_is(event: ServerEvent) -> None:
    assert without_token(event) is event


def test_an_invalid_event_that_is_no_object_is_shown_as_it_is() -> None:
    event = InvalidEvent("response.done", None, ["?"], ())
    assert without_token(event) is event


def test_a_response_is_cancelled_by_its_id_and_one_without_an_id_as_the_active_one() -> None:
    assert encode(cancel_of("r1")) == '{"type":"response.cancel","response_id":"r1"}'
    assert encode(cancel_of(NAMELESS)) == '{"type":"response.cancel"}'

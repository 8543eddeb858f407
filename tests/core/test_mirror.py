"""The mirror: the server's order and the server's words, by each event that tells of them."""

from __future__ import annotations

import base64
import json

import pytest
from pydantic import JsonValue

from trio_realtime._core._mirror import MIRRORED, Mirror
from trio_realtime.events import ConversationItemAdded, InvalidEvent, ServerEvent, decode_server
from trio_realtime.types import AssistantMessage, Item, UnknownItem, UserMessage

COMPLETED = "conversation.item.input_audio_transcription.completed"
SOUND = base64.b64encode(bytes(range(64))).decode()

Json = dict[str, JsonValue]


def event(wire_type: str, **fields: JsonValue) -> ServerEvent:
    return decode_server(json.dumps({"type": wire_type, **fields}))


def typed(item_id: str | None = "u1", text: str = "Hello.", **fields: JsonValue) -> Json:
    content: list[JsonValue] = [{"type": "input_text", "text": text}]
    ends: Json = {"role": "user", "status": "completed", "content": content}
    return {"id": item_id, "type": "message", **ends, **fields}


def spoken(item_id: str = "u1", transcript: str | None = None, **fields: JsonValue) -> Json:
    part: Json = {"type": "input_audio", "transcript": transcript, **fields}
    return typed(item_id, content=[part])


def said(
    item_id: str = "a1",
    transcript: str | None = None,
    kind: str = "output_audio",
    status: str = "completed",
) -> Json:
    part: Json = {"type": kind, "transcript": transcript}
    return typed(item_id, role="assistant", status=status, content=[part])


def streaming(item_id: str = "a1") -> Json:
    return typed(item_id, role="assistant", status="in_progress", content=[])


def added(item: JsonValue, previous: JsonValue = None) -> ServerEvent:
    return event("conversation.item.added", previous_item_id=previous, item=item)


def unplaced(item: Json, wire_type: str = "conversation.item.added") -> ServerEvent:
    return event(wire_type, item=item)


def done(item: Json, previous: JsonValue = None) -> ServerEvent:
    return event("conversation.item.done", previous_item_id=previous, item=item)


def retrieved(item: Json) -> ServerEvent:
    return event("conversation.item.retrieved", item=item)


def deleted(item_id: str) -> ServerEvent:
    return event("conversation.item.deleted", item_id=item_id)


def truncated(item_id: str = "a1", index: int = 0) -> ServerEvent:
    here: Json = {"item_id": item_id, "content_index": index}
    return event("conversation.item.truncated", **here, audio_end_ms=100)


def heard(text: str, item_id: str = "u1", index: int = 0) -> ServerEvent:
    return event(COMPLETED, item_id=item_id, content_index=index, transcript=text)


def output_done(item: Json) -> ServerEvent:
    place: Json = {"response_id": "r1", "output_index": 0}
    return event("response.output_item.done", **place, item=item)


def response_done(*items: Json) -> ServerEvent:
    return event("response.done", response={"id": "r1", "output": list(items)})


def mirror_of(*events: ServerEvent) -> Mirror:
    mirror = Mirror()
    for each in events:
        assert each.type in MIRRORED
        mirror.receive(each)
    return mirror


def ids(*events: ServerEvent) -> list[str | None]:
    return [None if item.type == "<unknown>" else item.id for item in mirror_of(*events).items]


def shown(item: Item) -> Json:
    """An item as it would go over the wire."""
    assert not isinstance(item, UnknownItem)
    wire: Json = json.loads(item.model_dump_json(exclude_unset=True))
    return wire


def one(*events: ServerEvent) -> Json:
    """The only item there is."""
    (item,) = mirror_of(*events).items
    return shown(item)


def unknown(*events: ServerEvent) -> UnknownItem:
    (item,) = mirror_of(*events).items
    assert isinstance(item, UnknownItem)
    return item


def test_there_is_nothing_before_anything_is_told() -> None:
    assert Mirror().items == ()


def test_items_lie_where_the_server_put_them() -> None:
    events = [
        added(typed("a")),
        added(typed("b"), "a"),
        added(typed("c"), "b"),
        added(typed("between"), "a"),
        added(typed("first"), None),
    ]
    assert ids(*events) == ["first", "a", "between", "b", "c"]


def test_what_was_told_is_a_snapshot() -> None:
    mirror = mirror_of(added(typed("a")))
    before = mirror.items
    mirror.receive(added(typed("b"), "a"))
    mirror.receive(deleted("a"))
    assert [item.id for item in before if item.type == "message"] == ["a"]


def test_done_does_not_move_an_item_though_it_names_no_previous_one() -> None:
    events = [added(typed("a")), added(streaming("b"), "a"), done(said("b", "Hi."), None)]
    assert ids(*events) == ["a", "b"]


def test_an_item_behind_one_that_was_here_before_us_goes_to_the_end() -> None:
    # As on a sideband, where a call is joined that has begun.
    assert ids(added(typed("b"), "unseen"), added(typed("c"), "b")) == ["b", "c"]
    assert ids(added(typed("b"), "unseen"), added(typed("c"), "unseen either")) == ["b", "c"]


def test_root_is_the_beginning_for_servers_that_echo_it() -> None:
    assert ids(added(typed("a")), added(typed("b"), "a"), added(typed("c"), "root")) == [
        "c",
        "a",
        "b",
    ]


def test_items_put_at_the_beginning_are_there_at_once() -> None:
    assert ids(added(typed("a")), added(typed("b")), added(typed("c"))) == ["c", "b", "a"]
    events = [added(typed("a")), added(typed("b")), added(typed("c")), added(typed("d"), "a")]
    assert ids(*events, added(typed("e"))) == ["e", "c", "b", "a", "d"]


def test_a_server_that_never_names_a_previous_item_appends() -> None:
    begin = [added(typed("a")), added(typed("b")), added(typed("c"))]
    # A response does not speak at the beginning: null must mean nothing here.
    events = [*begin, added(streaming("d")), done(said("d")), added(typed("e")), added(typed("f"))]
    assert ids(*events) == ["a", "b", "c", "d", "e", "f"]


def test_a_server_that_has_no_such_field_appends() -> None:
    assert ids(*(unplaced(typed(name)) for name in "abc")) == ["a", "b", "c"]
    assert ids(added(typed("a")), added(typed("b")), unplaced(typed("c"))) == ["a", "b", "c"]


def test_a_server_that_has_named_an_item_is_believed_when_it_names_none() -> None:
    named = [added(typed("a")), added(typed("b"), "a")]
    assert ids(*named, added(typed("c"), None)) == ["c", "a", "b"]
    # But not where that cannot be, and then it is believed again.
    assert ids(*named, added(streaming("c"), None)) == ["a", "b", "c"]
    assert ids(*named, unplaced(typed("c")), added(typed("d"), None)) == ["d", "a", "b", "c"]
    unnamed = [unplaced(typed("a")), unplaced(typed("b")), added(typed("c"), "a")]
    assert ids(*unnamed, added(typed("d"), None)) == ["d", "a", "c", "b"]


def test_a_response_that_begins_a_conversation_says_nothing_about_places() -> None:
    assert ids(added(streaming("a")), added(typed("b"), None)) == ["b", "a"]


def test_an_odd_previous_item_is_none_that_is_known() -> None:
    odd = added(typed("b"), 7)
    assert isinstance(odd, InvalidEvent)
    mirror = mirror_of(added(typed("a")), odd, done(typed("b", "Read.")))
    assert [item.type for item in mirror.items] == ["message", "message"]
    assert [shown(item)["id"] for item in mirror.items] == ["a", "b"]


def test_the_older_form_of_the_event_is_as_good_and_both_are_one_item() -> None:
    created = "conversation.item.created"
    events = [unplaced(typed("a"), created), added(typed("a")), unplaced(typed("b"), created)]
    assert ids(*events, added(typed("b"), None)) == ["a", "b"]


def test_an_item_that_was_only_done_goes_to_the_end_or_where_that_is_told() -> None:
    assert ids(done(typed("a")), done(typed("b")), done(typed("c"), "a")) == ["a", "c", "b"]
    # One that is done behind nothing names nothing, where the ones before it were told in order.
    assert ids(added(typed("a")), added(typed("b")), done(typed("c"))) == ["a", "b", "c"]


def test_items_without_an_id_are_left_out() -> None:
    assert ids(added(typed(None)), done(typed("")), added("no item"), retrieved(typed(None))) == []


def test_a_deleted_item_is_gone_and_may_be_created_anew() -> None:
    begin = [added(typed("a")), added(typed("b"), "a"), deleted("a")]
    assert ids(*begin) == ["b"]
    assert ids(*begin, added(typed("a"), "b"), done(typed("a"))) == ["b", "a"]


def test_deleting_what_is_not_here_changes_nothing() -> None:
    assert ids(added(typed("a")), deleted("b"), event("conversation.item.deleted")) == ["a"]


def test_what_streams_on_does_not_bring_a_deleted_item_back() -> None:
    events = [
        added(streaming("a")),
        deleted("a"),
        done(said("a", "Hi.")),
        output_done(said("a", "Hi.")),
        response_done(said("a", "Hi.")),
        retrieved(said("a", "Hi.")),
        truncated("a"),
        heard("Hi.", "a"),
    ]
    assert ids(*events) == []
    # Nor is its transcript kept for another item of that id.
    assert one(*events, added(spoken("a"))) == spoken("a")


def test_an_output_item_is_empty_while_it_streams_and_whole_when_it_is_done() -> None:
    assert one(added(streaming())) == streaming()
    assert one(added(streaming()), done(said(transcript="Hi."))) == said(transcript="Hi.")


def test_a_server_that_sends_no_done_of_items_tells_it_otherwise() -> None:
    for last in (output_done(said(transcript="Hi.")), response_done(said(transcript="Hi."))):
        assert one(added(streaming()), last) == said(transcript="Hi.")


def test_what_a_response_says_beside_the_conversation_is_not_in_it() -> None:
    assert ids(added(typed("a")), output_done(said("b")), response_done(said("b"))) == ["a"]


def test_the_last_word_on_an_item_is_the_first_that_says_done() -> None:
    assert one(added(typed()), done(typed(text="Bye."))) == typed(text="Bye.")
    later = [done(typed(text="Bye.")), output_done(typed()), response_done(typed())]
    assert one(added(typed()), *later) == typed(text="Bye.")


def test_an_item_that_was_announced_twice_is_not_done() -> None:
    twice = [unplaced(streaming(), "conversation.item.created"), added(streaming())]
    assert one(*twice, done(said(transcript="Hi."))) == said(transcript="Hi.")


def test_a_call_is_known_by_its_last_word() -> None:
    call: Json = {"id": "c1", "type": "function_call", "name": "f", "call_id": "call_1"}
    begun: Json = {**call, "status": "in_progress", "arguments": ""}
    ended: Json = {**call, "status": "completed", "arguments": "{}"}
    assert one(added(begun), done(ended), output_done(ended), response_done(ended)) == ended
    assert one(added(begun), done(ended), retrieved(begun), added(begun)) == ended


def test_items_without_a_status_are_final_when_they_are_done() -> None:
    listing: Json = {"id": "l1", "type": "mcp_list_tools", "server_label": "shop", "tools": []}
    tool: Json = {"name": "buy", "input_schema": {"type": "object"}}
    assert one(added(listing), done({**listing, "tools": [tool]})) == {**listing, "tools": [tool]}
    assert one(added(listing), retrieved({**listing, "tools": [tool]}))["tools"] == [tool]
    full: Json = {**listing, "tools": [tool]}
    for final in (done(full), output_done(full), response_done(full)):
        assert one(added(listing), final, retrieved(listing), done(listing)) == full
    assert one(done(full), retrieved(listing), added(listing)) == full


def test_retrieving_never_takes_away_from_a_finished_item() -> None:  # pain 48
    finished = said(transcript="Hi.")
    for old in (streaming(), said(), said(kind="audio"), said(transcript="Hello?")):
        assert one(added(streaming()), done(finished), retrieved(old)) == finished
    incomplete = said(transcript="Hi", status="incomplete")
    assert one(added(incomplete), retrieved(streaming())) == incomplete


def test_retrieving_tells_what_was_not_known() -> None:
    assert one(added(spoken()), done(spoken()), retrieved(spoken(transcript="Hi."))) == spoken(
        transcript="Hi."
    )
    # Retrieved items call their parts `audio`.
    assert one(added(said()), retrieved(said(transcript="Hi.", kind="audio"))) == said(
        transcript="Hi."
    )
    assert one(added(streaming()), retrieved(said(transcript="Hi."))) == said(transcript="Hi.")


def test_what_is_retrieved_of_an_unfinished_item_may_be_told_anew() -> None:
    partial = said(transcript="H", status="in_progress")
    assert one(added(streaming()), retrieved(partial)) == partial
    assert one(added(streaming()), retrieved(partial), done(said(transcript="Hi."))) == said(
        transcript="Hi."
    )


def test_an_item_that_was_here_before_us_is_not_placed_by_being_retrieved() -> None:
    assert ids(added(typed("b"), "a"), retrieved(typed("a"))) == ["b"]


def test_a_transcript_is_filled_in_when_it_comes() -> None:
    assert one(added(spoken()), done(spoken()), heard("Hi.")) == spoken(transcript="Hi.")
    assert one(added(spoken()), heard("")) == spoken(transcript="")


def test_a_transcript_may_be_here_before_its_item() -> None:
    early = [heard("Hi."), added(spoken()), done(spoken())]
    assert one(*early) == spoken(transcript="Hi.")
    assert one(heard("Hi."), done(spoken())) == spoken(transcript="Hi.")


def test_each_part_has_its_own_transcript() -> None:
    def parts(*transcripts: str | None) -> Json:
        audio: list[JsonValue] = [{"type": "input_audio", "transcript": t} for t in transcripts]
        return typed(content=[audio[0], {"type": "input_text", "text": "and"}, audio[1]])

    events = [heard("one", index=0), added(parts(None, None)), heard("two", index=2)]
    assert one(*events) == parts("one", "two")
    # There is no sound where these would go.
    assert one(*events, heard("no", index=1), heard("no", index=3)) == parts("one", "two")


def test_a_transcript_survives_what_does_not_know_it_yet() -> None:  # pain 48
    for late in (done(spoken()), added(spoken()), retrieved(spoken()), output_done(spoken())):
        assert one(added(spoken()), heard("Hi."), late) == spoken(transcript="Hi.")


def test_a_part_that_comes_later_gets_its_transcript() -> None:
    empty = typed(status="in_progress", content=[])
    assert one(added(empty), heard("Hi."), done(spoken())) == spoken(transcript="Hi.")


def test_what_has_no_transcript_stays_as_it_is() -> None:
    assert one(added(typed()), heard("Hi."), truncated("u1")) == typed()
    call: Json = {"id": "u1", "type": "function_call", "name": "f", "arguments": "{}"}
    assert one(added(call), heard("Hi."), truncated("u1")) == call


def test_early_transcripts_without_an_item_are_forgotten_in_time() -> None:  # promise 7
    mirror = mirror_of(*(heard("Hi.", f"u{n}") for n in range(65)))
    for n, transcript in ((0, None), (1, "Hi."), (64, "Hi.")):
        mirror.receive(added(spoken(f"u{n}")))
        assert shown(mirror.items[0]) == spoken(f"u{n}", transcript)


def test_deleted_ids_are_forgotten_in_time() -> None:  # promise 7
    mirror = mirror_of(*(deleted(f"u{n}") for n in range(1025)))
    mirror.receive(done(typed("u1")))
    assert mirror.items == ()
    mirror.receive(done(typed("u0")))
    assert len(mirror.items) == 1


def test_a_truncated_part_has_lost_its_transcript_for_good() -> None:
    whole = said(transcript="Hi.")
    for late in (done(whole), output_done(whole), response_done(whole), retrieved(whole)):
        assert one(added(streaming()), done(whole), truncated(), late) == said()
        assert one(added(streaming()), truncated(), late) == said()


def test_only_the_part_that_was_cut_loses_its_transcript() -> None:
    def parts(*transcripts: str | None) -> Json:
        content: list[JsonValue] = [{"type": "output_audio", "transcript": t} for t in transcripts]
        return {**said(), "content": content}

    assert one(added(parts("a", "b")), truncated(index=1)) == parts("a", None)


def test_truncating_what_is_not_here_changes_nothing() -> None:
    assert ids(truncated("b"), added(typed("a")), event("conversation.item.truncated")) == ["a"]


def test_a_truncation_without_an_index_is_of_the_first_part() -> None:
    odd = event("conversation.item.truncated", item_id="a1", audio_end_ms=100)
    assert isinstance(odd, InvalidEvent)
    assert one(added(said(transcript="Hi.")), odd) == said()


@pytest.mark.parametrize("kind", ["input_audio", "output_audio", "audio"])
def test_no_audio_is_kept(kind: str) -> None:
    role = "user" if kind == "input_audio" else "assistant"
    part: Json = {"type": kind, "transcript": "Hi.", "more": 1}
    quiet = typed(role=role, content=[part, {"type": kind}])
    loud = typed(role=role, content=[{**part, "audio": SOUND}, {"type": kind}])
    for events in (
        [added(loud)],
        [added(streaming("u1")), done(loud)],
        [added(quiet), added(loud)],
    ):
        assert one(*events) == quiet
    assert one(added(streaming("u1")), retrieved(loud)) == quiet
    (item,) = mirror_of(added(loud)).items
    assert isinstance(item, UserMessage | AssistantMessage)
    assert [getattr(each, "audio", "none") for each in item.content] == [None, None]


def test_what_has_no_audio_is_not_copied() -> None:
    for wire in (spoken(), said(transcript="Hi."), typed()):
        told = added(wire)
        assert isinstance(told, ConversationItemAdded)
        assert mirror_of(told).items[0] is told.item


def test_the_event_that_brought_audio_still_has_it() -> None:
    loud = added(spoken(audio=SOUND))
    text = repr(loud)
    assert "64 bytes" in text
    mirror_of(loud)
    assert repr(loud) == text


def test_what_is_unknown_is_kept_without_audio() -> None:
    odd: Json = {"type": "hologram", "audio": SOUND, "frames": [{"audio": SOUND, "n": 1}]}
    quiet: Json = {"type": "hologram", "frames": [{"n": 1}]}
    assert unknown(added({**odd, "id": "h1"})).data == {**quiet, "id": "h1"}
    assert one(added(typed(content=[odd]))) == typed(content=[quiet])
    # Settings are no samples.
    setting: Json = {"id": "h1", "type": "hologram", "audio": {"voice": "marin"}}
    assert unknown(added(setting)).data == setting


def test_unknown_items_lie_where_they_lie() -> None:
    odd: Json = {"id": "h1", "type": "hologram"}
    mirror = mirror_of(added(typed("a")), added(odd, "a"), added(typed("b"), "h1"))
    assert [item.type for item in mirror.items] == ["message", "<unknown>", "message"]
    assert mirror.items[1] == UnknownItem("hologram", odd)


def test_an_item_of_an_event_that_cannot_be_read_is_shown_as_it_came() -> None:
    odd = added(typed(), 7)
    assert isinstance(odd, InvalidEvent)
    assert unknown(odd) == UnknownItem("message", typed())


def test_what_can_be_read_takes_the_place_of_what_could_not() -> None:
    odd = added(typed(text="Hello."), 7)
    for readable in (done(typed()), output_done(typed()), retrieved(typed()), added(typed())):
        assert one(odd, readable) == typed()
    broken: Json = {**said(), "content": "nothing"}
    assert one(added(streaming()), done(broken), output_done(said(transcript="Hi."))) == said(
        transcript="Hi."
    )


def test_what_cannot_be_read_takes_the_place_only_of_what_was_not_final() -> None:
    broken: Json = {**said(), "content": "nothing"}
    assert unknown(added(streaming()), done(broken)).data == broken
    assert one(added(streaming()), done(said(transcript="Hi.")), done(broken)) == said(
        transcript="Hi."
    )
    first, second = {**broken, "n": 1}, {**broken, "n": 2}
    assert unknown(added(first), done(first), retrieved(second)).data == first


def test_events_that_cannot_be_read_count_by_what_can() -> None:
    invalid = [
        event("response.done", response={"output": [said(transcript="Hi.")], "usage": "odd"}),
        event("response.output_item.done", item=said(transcript="Hi.")),
    ]
    for each in invalid:
        assert isinstance(each, InvalidEvent)
        assert unknown(added(streaming()), each).data == said(transcript="Hi.")
    text = event(COMPLETED, item_id="u1", transcript="Hi.")
    assert isinstance(text, InvalidEvent)
    assert one(added(spoken()), text) == spoken(transcript="Hi.")


def test_events_that_say_nothing_of_items_change_nothing() -> None:
    nothing = [
        event("response.done", response={"output": None}),
        event("response.done", response={"output": {}}),
        event("response.done"),
        event(COMPLETED, content_index=0, transcript="Hi."),
        event(COMPLETED, item_id="u1", content_index=0, transcript=None),
        event(COMPLETED, item_id="u1", content_index=0, transcript=7),
        event("session.updated"),
        decode_server("{"),
    ]
    assert one(added(spoken()), *nothing) == spoken()
    assert one(added(spoken()), heard("Hi."), *nothing) == spoken(transcript="Hi.")
    mirror = mirror_of(added(spoken()))
    mirror.receive(event("session.created", session={}))
    assert len(mirror.items) == 1

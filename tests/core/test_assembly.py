from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from tests.core.responding import (
    Frame,
    arguments,
    arguments_done,
    assembled,
    audio,
    call,
    created,
    done,
    event,
    in_item,
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
from tests.testing.faithful import recorded_sessions
from trio_realtime._core._assembly import Assembly
from trio_realtime._core._outgoing import text_at
from trio_realtime.events import (
    InvalidEvent,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
    decode_server,
)
from trio_realtime.types import (
    AssistantMessage,
    FunctionCall,
    Item,
    McpCall,
    OutputAudio,
    OutputText,
    Response,
    UnknownContentPart,
    UnknownItem,
)

SESSIONS = recorded_sessions()
needs_recordings = pytest.mark.skipif(not SESSIONS, reason="the recordings are not here")


def view_of(*events: ServerEvent) -> list[str]:
    """What a view of the text gets of some events."""
    assembly = Assembly()
    pieces: list[str | None] = []
    for each in events:
        assembly.receive(each)
        pieces.append(assembly.text_of(each))
    # A view that is opened late gets the same.
    assert [assembly.text_of(each) for each in events] == pieces
    return [piece for piece in pieces if piece is not None]


def function_call(assembly: Assembly, index: int = 0) -> FunctionCall:
    item = assembly.items[index]
    assert isinstance(item, FunctionCall), item
    return item


@needs_recordings
@pytest.mark.parametrize("name", SESSIONS)
def test_every_recorded_response_is_assembled_to_what_the_server_says_at_its_end(name: str) -> None:
    assemblies: dict[str, Assembly] = {}
    views: dict[str, str] = {}
    for direction, frame in SESSIONS[name]:
        each = decode_server(json.dumps(frame))
        id_ = text_at(each, "response", "id") or text_at(each, "response_id")
        if direction == "client" or id_ is None:
            continue
        assembly = assemblies.setdefault(id_, Assembly())
        if isinstance(each, ResponseDone):
            assert list(assembly.items) == each.response.output
        assembly.receive(each)
        views[id_] = views.get(id_, "") + (assembly.text_of(each) or "")
    for id_, assembly in assemblies.items():
        assert assembly.is_done
        messages = [item for item in assembly.items if isinstance(item, AssistantMessage)]
        assert [view for view in [views[id_]] if view] == [
            word for item in messages for word in words_of(item)
        ]


@needs_recordings
@pytest.mark.parametrize("name", SESSIONS)
def test_every_recorded_response_is_assembled_from_its_deltas_alone(name: str) -> None:
    assemblies: dict[str, Assembly] = {}
    for direction, frame in SESSIONS[name]:
        each = decode_server(json.dumps(frame))
        id_ = text_at(each, "response", "id") or text_at(each, "response_id")
        if direction == "client" or id_ is None:
            continue
        assembly = assemblies.setdefault(id_, Assembly())
        if isinstance(each, ResponseDone):
            assert list(map(essence, assembly.items)) == list(
                map(essence, each.response.output or ())
            )
        elif (
            each.type in ("response.output_item.added", "response.created") or "delta" in each.type
        ):
            assembly.receive(each)


def essence(item: Item) -> object:
    """What deltas can tell of an item."""
    if isinstance(item, AssistantMessage):
        return item.id, words_of(item)
    assert isinstance(item, FunctionCall)
    return item.id, item.name, item.call_id, item.arguments


def test_a_response_that_has_not_begun_is_in_progress_and_empty() -> None:
    assembly = Assembly()
    assert assembly.status == "in_progress"
    assert not assembly.is_done
    assert assembly.items == ()
    assert assembly.response == Response(status="in_progress")


def test_a_spoken_answer_is_known_as_far_as_it_has_come() -> None:
    begin = created(conversation_id="conv_1")
    assembly = assembled(
        begin,
        item_added(message(status="in_progress", phase="final_answer")),
        part_added("audio"),
        spoken("Good "),
        audio(),
        spoken("morn"),
    )
    assert isinstance(begin, ResponseCreated)
    assert assembly.response is begin.response
    (item,) = assembly.items
    assert isinstance(item, AssistantMessage)
    assert (item.id, item.status, item.phase) == ("item_1", "in_progress", "final_answer")
    assert list(item.content) == [OutputAudio(transcript="Good morn")]
    assembly.receive(spoken("ing"))
    assert words_of(*assembly.items) == ["Good morning"]


def test_a_response_that_is_over_is_the_servers_own() -> None:
    end = done(message(said("Good morning")), usage={"total_tokens": 9})
    assembly = assembled(
        created(),
        item_added(message(status="in_progress")),
        part_added("audio"),
        spoken("Good morning"),
        audio(),
        spoken_done("Good morning"),
        part_done({"type": "audio", "transcript": "Good morning"}),
        item_done(message(said("Good morning"))),
        end,
    )
    assert isinstance(end, ResponseDone)
    assert assembly.is_done
    assert assembly.status == "completed"
    assert assembly.response is end.response
    assert assembly.items == tuple(end.response.output or ())
    assert list(map(id, assembly.items)) == list(map(id, end.response.output or ()))


def test_the_view_of_the_text_gets_each_delta_written_or_spoken_and_audio_its_bytes() -> None:
    assert view_of(created(), text("Good "), audio(), spoken("morning"), text("")) == [
        "Good ",
        "morning",
    ]
    assembly = Assembly()
    assert assembly.audio_of(audio()) == bytes(3)
    assert assembly.audio_of(text("Good")) is None


# pain 31
def test_items_that_overlap_are_kept_apart() -> None:
    assembly = assembled(
        created(),
        item_added(message(status="in_progress", phase="commentary")),
        text("Let me "),
        item_added(call(item_id="item_2", status="in_progress"), index=1),
        arguments('{ "a"', "item_2", 1),
        text("add."),
        arguments(": 1 }\n", "item_2", 1),
        text_done("Let me add."),
    )
    assert words_of(assembly.items[0]) == ["Let me add."]
    assert function_call(assembly, 1).arguments == '{ "a": 1 }\n'


def test_a_transcript_may_end_after_a_later_item_has_begun() -> None:
    events = (
        created(),
        item_added(message()),
        spoken("Good "),
        item_done(message({"type": "output_audio", "transcript": None})),
        item_added(message(item_id="item_2"), index=1),
        spoken("By", "item_2", index=1),
        spoken("morning"),
        spoken("e", "item_2", index=1),
        spoken_done("Good morning"),
    )
    assembly = assembled(*events)
    assert [words_of(item) for item in assembly.items] == [["Good morning"], ["Bye"]]
    assert "".join(view_of(*events)) == "Good Bymorninge"


def test_the_parts_of_a_message_are_kept_apart_and_in_order() -> None:
    assembly = assembled(
        item_added(message()), text("b", content=1), text("a"), text("B", content=1), text("A")
    )
    assert words_of(*assembly.items) == ["aA", "bB"]


def test_the_arguments_of_a_call_stay_the_text_that_the_server_sent() -> None:
    raw = '{  \n  "city": "London" \n} \n'
    end = done(call(raw))
    assembly = assembled(
        item_added(call(status="in_progress")),
        arguments(raw[:9]),
        arguments(raw[9:]),
        arguments_done(raw, name="add"),
        item_done(call(raw)),
        end,
    )
    assert function_call(assembly).arguments == raw
    assert isinstance(end, ResponseDone)
    assert assembly.response is end.response


def test_a_part_of_a_kind_we_do_not_know_such_as_a_refusal_is_kept_as_it_is() -> None:
    refusal: Frame = {"type": "refusal", "refusal": "No."}
    unfinished = assembled(item_added(message()), part_added("refusal"))
    finished = assembled(item_added(message()), part_added("refusal"), part_done(refusal))
    told = assembled(item_done(message(refusal)), item_done(message()))
    bare: Frame = {"type": "refusal"}
    for assembly, data in ((unfinished, bare), (finished, refusal), (told, refusal)):
        (item,) = assembly.items
        assert isinstance(item, AssistantMessage)
        assert list(item.content) == [UnknownContentPart("refusal", data)]
    end = done(message(refusal, written("Sorry.")))
    assert view_of(end) == ["Sorry."]
    assert isinstance(end, ResponseDone)
    assert assembled(text("x", content=0), end).response is end.response


def test_an_mcp_call_is_assembled_and_what_tells_its_course_changes_nothing() -> None:
    item: Frame = {
        "id": "mcp_1",
        "type": "mcp_call",
        "server_label": "docs",
        "name": "find",
        "arguments": "",
    }
    assembly = assembled(
        item_added(item),
        in_item("mcp_call_arguments.delta", "mcp_1", delta='{"q"'),
        in_item("mcp_call_arguments.delta", "mcp_1", delta=":1}"),
    )
    (found,) = assembly.items
    assert isinstance(found, McpCall)
    assert found.arguments == '{"q":1}'
    assembly.receive(in_item("mcp_call_arguments.done", "mcp_1", arguments='{"q":2}'))
    assembly.receive(in_item("mcp_call.in_progress", "mcp_1"))
    assembly.receive(done(item))
    assembly.receive(in_item("mcp_call.completed", "mcp_1"))
    (found,) = assembly.items
    assert isinstance(found, McpCall)
    assert found.arguments == '{"q":2}'
    assert found.status is None


def test_an_item_into_which_nothing_streams_is_as_the_server_showed_it() -> None:
    item: Frame = {
        "id": "mcpr_1",
        "type": "mcp_approval_request",
        "server_label": "docs",
        "name": "find",
        "arguments": "{}",
    }
    added, ended = item_added(item), item_done(item)
    assert isinstance(ended, ResponseOutputItemDone)
    assembly = assembled(added)
    assert assembly.items == (ended.item,)
    assembly.receive(ended)
    assert assembly.items[0] is ended.item
    assert assembly.text_of(ended) is None


def test_events_that_are_not_known_change_nothing() -> None:
    assembly = assembled(created(), text("Good"))
    before = (assembly.items, assembly.response)
    for each in (
        event("response.refusal.delta", delta="No"),
        event("response.output_text.delta", delta="half of an event"),
        event("rate_limits.updated", rate_limits=[]),
    ):
        assembly.receive(each)
        assert assembly.text_of(each) is None
    assert (assembly.items, assembly.response) == before


def test_items_that_were_never_added_are_made_up_as_far_as_they_are_known() -> None:
    assembly = assembled(
        audio("item_0"),
        text("Good", "item_1", index=1),
        arguments('{"a"', "item_2", 2),
        in_item("mcp_call_arguments.delta", "item_3", 3, delta="{}"),
    )
    silent, spoke = assembly.items
    assert silent == AssistantMessage(id="item_0", status="in_progress", content=[OutputAudio()])
    assert words_of(spoke) == ["Good"]
    assembly.receive(arguments_done('{"a":1}', "item_2", 2, name="add"))
    assembly.receive(arguments_done('{"a":1}', "item_2", 2))
    assert function_call(assembly, 2) == FunctionCall(
        id="item_2",
        status="in_progress",
        call_id="call_item_2",
        name="add",
        arguments='{"a":1}',
    )


def test_items_are_in_the_order_of_their_index_not_of_their_coming() -> None:
    assembly = assembled(text("b", "item_2", index=1), text("a", "item_1", index=0))
    assert [words_of(item) for item in assembly.items] == [["a"], ["b"]]


def test_items_and_parts_at_odd_indexes_do_no_harm() -> None:
    assembly = assembled(
        item_added(message(written("a"))), text("x", content=-1), text("y", content=10**9)
    )
    assert words_of(*assembly.items) == ["a", "x", "y"]


@pytest.mark.parametrize("kind", ["message", "function_call", "mcp_call"])
def test_an_item_that_lacks_only_what_streams_into_it_is_read_all_the_same(kind: str) -> None:
    item: Frame = {"id": "item_1", "type": kind, "name": "add", "server_label": "docs"}
    assembly = assembled(item_added(item), text("Good"), arguments("{}"))
    (found,) = assembly.items
    assert found.type == kind
    assert "Good" in str(found) or "{}" in str(found)


@pytest.mark.parametrize(
    "item",
    [
        {"id": "item_1", "type": "function_call", "arguments": "{}"},
        {"id": "item_1", "type": "message", "role": "narrator"},
        {"id": "item_1", "type": "dance"},
        [],
    ],
)
def test_an_item_that_cannot_be_read_is_shown_as_it_came(item: JsonValue) -> None:
    assembly = assembled(
        event("response.output_item.added", response_id="resp_1", output_index=0, item=item)
    )
    assembly.receive(done(status="cancelled"))
    (found,) = assembly.items
    assert isinstance(found, UnknownItem)
    assert found.data == item


def test_a_streamed_item_without_an_id_is_the_one_at_its_index() -> None:
    nameless = message(status="in_progress")
    del nameless["id"]
    assembly = assembled(
        item_added(nameless), text("Good"), item_added(message(item_id="item_2"), index=1)
    )
    assembly.receive(text(" morning"))
    nameless["content"] = [written("Good morning")]
    assembly.receive(item_done(nameless))
    assert [words_of(item) for item in assembly.items] == [["Good morning"], []]
    assembly.receive(done(nameless, message(item_id="item_2")))
    assert [words_of(item) for item in assembly.items] == [["Good morning"], []]


def test_items_without_ids_are_told_apart_by_their_index() -> None:
    first, second = message(status="in_progress"), call(status="in_progress")
    del first["id"], second["id"]
    assembly = assembled(item_added(first), item_added(second, 1), item_added(message(), 2))
    assert [item.type for item in assembly.items] == ["message", "function_call", "message"]
    # The first id that comes is the item's; another one is another's.
    assembly = assembled(item_added(first), text("Good"), text("Bye", "item_2"))
    assert [words_of(item) for item in assembly.items] == [["Good"], ["Bye"]]


def test_an_item_that_is_done_is_not_begun_again() -> None:
    ended = item_done(message(written("Good")))
    assert isinstance(ended, ResponseOutputItemDone)
    assembly = assembled(ended, item_added(message(status="in_progress")))
    assert assembly.items == (ended.item,)


def test_a_part_that_was_never_added_is_of_the_kind_that_streamed() -> None:
    assembly = assembled(text("Good"), spoken("morning", content=1), audio(content=2))
    (item,) = assembly.items
    assert isinstance(item, AssistantMessage)
    assert list(item.content) == [
        OutputText(text="Good"),
        OutputAudio(transcript="morning"),
        OutputAudio(),
    ]
    end = done(message({"type": "output_audio"}))
    assert isinstance(end, ResponseDone)
    assert assembled(audio(), end).response is end.response


def test_the_first_end_of_a_response_stands() -> None:
    assembly = assembled(created(), done(message(written("Good"))))
    response = assembly.response
    for late in (
        done(status="cancelled"),
        created(),
        event("response.created", response=7),
        event("response.done", response=7),
    ):
        assembly.receive(late)
        assert assembly.status == "completed"
        assert assembly.response is response
        assert words_of(*assembly.items) == ["Good"]


def test_events_after_the_end_still_complete_what_the_end_left_out() -> None:
    assembly = assembled(created(), spoken("Good "), done(message(said(""))))
    assert words_of(*(assembly.response.output or ())) == ["Good "]
    assembly.receive(spoken_done("Good morning"))
    assembly.receive(item_added(call(item_id="item_2"), index=1))
    assert [item.type for item in assembly.response.output or ()] == ["message", "function_call"]
    assert words_of(assembly.items[0]) == ["Good morning"]
    assert assembly.response.output == list(assembly.items)


@pytest.mark.parametrize("output", [None, []])
def test_an_end_without_items_gets_those_that_streamed(output: JsonValue) -> None:
    assembly = assembled(
        created(),
        item_done(message(written("Good"))),
        item_added(message(item_id="item_2", status="in_progress"), index=1),
        text("morn", "item_2", index=1),
        event("response.done", response={"status": "cancelled", "output": output}),
    )
    assert assembly.response.output == list(assembly.items)
    whole, cut = assembly.items
    assert isinstance(whole, AssistantMessage)
    assert isinstance(cut, AssistantMessage)
    assert (words_of(whole), whole.status) == (["Good"], "completed")
    assert (words_of(cut), cut.status) == (["morn"], "incomplete")


def test_an_item_without_an_end_of_its_own_ends_as_its_response_does() -> None:
    untold: Frame = {"type": "mcp_call", "server_label": "docs", "name": "find", "arguments": ""}
    assembly = assembled(item_added({**untold, "id": "mcp_1"}), done(status="failed"))
    (item,) = assembly.items
    assert isinstance(item, McpCall)
    assert item.status is None
    for status, expected in (("completed", "completed"), ("failed", "incomplete")):
        assembly = assembled(text("Good"), done(status=status))
        (item,) = assembly.items
        assert isinstance(item, AssistantMessage)
        assert item.status == expected


def test_what_the_end_says_of_an_item_stands_however_odd() -> None:
    assembly = assembled(text("Good"), done(message(written("Bad"), status="in_progress")))
    (item,) = assembly.items
    assert isinstance(item, AssistantMessage)
    assert (words_of(item), item.status) == (["Bad"], "in_progress")


def test_an_end_without_items_at_all_has_an_empty_list_of_them() -> None:
    end = event("response.done", response={"status": "completed"})
    assert assembled(end).response.output == []


def test_an_end_that_shows_items_without_their_content_gets_what_streamed() -> None:
    assembly = assembled(
        text("Good"),
        spoken("morning", "item_2", index=1),
        arguments("{}", "item_3", 2),
        done(
            message(),
            message({"type": "audio"}, item_id="item_2"),
            {"id": "item_3", "type": "function_call", "name": "add"},
        ),
    )
    assert [words_of(item) for item in assembly.items[:2]] == [["Good"], ["morning"]]
    assert function_call(assembly, 2).arguments == "{}"
    assert assembly.response.output == list(assembly.items)


def test_an_end_that_gives_an_item_another_id_means_the_one_at_its_place() -> None:
    assembly = Assembly()
    for each in (
        text("Good", "item_a"),
        text("morning", "item_b", index=1),
        end := done(message(written("Good"), item_id="item_x"), message(item_id="item_b")),
    ):
        assembly.receive(each)
    assert assembly.text_of(end) is None
    assert [words_of(item) for item in assembly.items] == [["Good"], ["morning"]]
    assembly.receive(item_done(message(written("Good!"), item_id="item_x")))
    assert [words_of(item) for item in assembly.items] == [["Good!"], ["morning"]]


def test_an_item_that_the_end_does_not_name_is_not_part_of_the_response() -> None:
    assembly = assembled(
        text("never mind", "item_a"),
        text("Good", "item_b", index=1),
        done(message(item_id="item_b")),
    )
    assert [words_of(item) for item in assembly.items] == [["Good"]]
    assembly.receive(item_done(message(written("late"), item_id="item_c"), index=0))
    assert [words_of(item) for item in assembly.items] == [["Good"], ["late"]]


def test_an_end_that_cannot_be_read_is_built_from_what_streamed() -> None:
    assembly = assembled(
        created(conversation_id="conv_1", metadata={"topic": "weather"}),
        text("Good"),
        event("response.done", response="gone"),
    )
    assert assembly.is_done
    assert assembly.response == Response(
        id="resp_1",
        status="completed",
        output=list(assembly.items),
        conversation_id="conv_1",
        metadata={"topic": "weather"},
    )
    assert words_of(*assembly.items) == ["Good"]


def test_of_an_end_that_does_not_validate_every_field_counts_that_does() -> None:
    end = event(
        "response.done",
        response={
            "id": ["resp_1"],
            "status": "failed",
            "status_details": {"error": {"message": "out of luck"}},
            "usage": {"total_tokens": 9},
            "output": [message(written("Good"))],
            "metadata": 7,
            "sparkle": True,
        },
    )
    assert isinstance(end, InvalidEvent)
    assembly = assembled(created(metadata={"topic": "weather"}), text("Go"), end)
    assert assembly.text_of(end) == "od"
    assert assembly.status == "failed"
    response = assembly.response
    assert response.id == "resp_1"
    assert response.metadata == {"topic": "weather"}
    assert response.usage is not None
    assert response.usage.total_tokens == 9
    assert response.status_details is not None
    assert response.status_details.error is not None
    assert words_of(*(response.output or ())) == ["Good"]


def test_a_beginning_that_does_not_validate_counts_as_far_as_it_can_be_read() -> None:
    begin = event("response.created", response={"id": "resp_1", "output": 7})
    assert isinstance(begin, InvalidEvent)
    assembly = assembled(begin)
    assert assembly.response == Response(id="resp_1")
    assert assembly.status == "in_progress"
    assembly.receive(done(id="resp_1"))
    assert assembly.response.id == "resp_1"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ({"status": "incomplete"}, "incomplete"),
        ({"status": "vanished"}, "vanished"),
        ({"status": "in_progress", "status_details": {"type": "cancelled"}}, "cancelled"),
        ({"status_details": {"type": "in_progress"}}, "completed"),
        ({"status_details": {"error": {"code": "server_error"}}}, "failed"),
        ({"status_details": {"reason": "turn_detected"}}, "completed"),
        ({"status": None}, "completed"),
        ({}, "completed"),
    ],
)
@pytest.mark.parametrize("spoilt", [False, True])
def test_the_status_is_read_where_it_is_told_and_never_in_progress(
    response: Frame, status: str, spoilt: bool
) -> None:
    end = event("response.done", response={**response, "id": 7 if spoilt else "resp_1"})
    assert isinstance(end, InvalidEvent if spoilt else ResponseDone)
    assembly = assembled(created(), end)
    assert assembly.status == status
    assert assembly.response.status == status


def test_what_no_delta_brought_comes_at_the_first_event_that_tells_it_and_only_once() -> None:
    tells: list[ServerEvent] = [
        text_done("Good morning"),
        part_done({"type": "text", "text": "Good morning"}),
        item_done(message(written("Good morning"))),
        done(message(written("Good morning"))),
    ]
    for first in range(len(tells)):
        assert view_of(text("Good "), *tells[first:]) == ["Good ", "morning"]
        assert view_of(*tells[first:]) == ["Good morning"]
        assert view_of(text("Good "), text("morning"), *tells[first:]) == ["Good ", "morning"]


def test_what_was_told_before_its_deltas_is_not_delivered_twice() -> None:
    early = part_done({"type": "audio", "transcript": "Good morning"})
    assert view_of(early, spoken("Good "), spoken("morning"), spoken(".")) == ["Good morning", "."]
    assert view_of(early, spoken("Good morning.")) == ["Good morning", "."]
    assert view_of(early, spoken("Good morning."), spoken("Good ")) == [
        "Good morning",
        ".",
        "Good ",
    ]
    assert view_of(early, spoken("Bye"), spoken("Good ")) == ["Good morning", "Bye", "Good "]
    assert words_of(*assembled(early, spoken("Good "), spoken("morning.")).items) == [
        "Good morning."
    ]


def test_deltas_after_the_end_of_their_text_are_duplicates() -> None:
    events = (text("Good"), text_done("Good"), text("Good"))
    assert view_of(*events) == ["Good"]
    assert words_of(*assembled(*events).items) == ["Good"]


def test_where_the_server_corrects_a_text_the_item_has_the_correction() -> None:
    events = (text("Good mroning"), text_done("Good morning"))
    assert view_of(*events) == ["Good mroning"]
    assert words_of(*assembled(*events).items) == ["Good morning"]


def test_a_part_that_was_told_too_short_is_whole_again_with_the_next_delta() -> None:
    short = item_done(message(said("Good")))
    events = (spoken("Good m"), short, spoken("orning"))
    assert view_of(*events, done(message(said("Good morning")))) == ["Good m", "orning"]
    assert words_of(*assembled(*events[:2]).items) == ["Good"]
    assert words_of(*assembled(*events[:2], item_done(message(said("Good m.")))).items) == [
        "Good m."
    ]
    assert words_of(*assembled(*events).items) == ["Good morning"]


def test_an_end_without_words_takes_none_away() -> None:
    events = (text("Good"), text_done(""), item_done(message(written(""))))
    assert view_of(*events) == ["Good"]
    assert words_of(*assembled(*events).items) == ["Good"]


def test_the_rest_of_several_parts_comes_in_one_piece() -> None:
    end = done(message(written("a"), written("b")), message(written("c"), item_id="item_2"))
    assert view_of(end) == ["abc"]


def test_the_servers_own_item_is_changed_in_nothing_but_the_words_it_lacks() -> None:
    item = message({"type": "text"}, phase="commentary", sparkle=1)
    (found,) = assembled(text("Good"), done(item)).items
    item["content"] = [{"type": "text", "text": "Good"}]
    assert isinstance(found, AssistantMessage)
    assert json.loads(found.model_dump_json(exclude_unset=True)) == item

"""The pending table, told frame by frame what the writer takes and what the server says."""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import Mapping
from types import FunctionType, ModuleType

import outcome
import pytest
from pydantic import JsonValue

from trio_realtime._core._event import Event
from trio_realtime._core._outgoing import states, text_at
from trio_realtime._core._pending import Outgoing, Pending, Place, Verdict, outgoing_from_event
from trio_realtime._core._responses import NAMELESS
from trio_realtime._core._token import TOKEN_KEY
from trio_realtime.errors import ServerError
from trio_realtime.events import InvalidEvent, ServerEvent, decode_server

_numbers = itertools.count(1)


def told(wire_type: str, **fields: JsonValue) -> ServerEvent:
    return decode_server(
        json.dumps({"type": wire_type, "event_id": f"s{next(_numbers)}", **fields})
    )


def refusal(
    event_id: str | None,
    code: str | None = "invalid_value",
    *,
    kind: str = "invalid_request_error",
    message: str = "no",
) -> ServerEvent:
    error: dict[str, JsonValue] = {
        "type": kind,
        "code": code,
        "message": message,
        "param": None,
        "event_id": event_id,
    }
    return told("error", error=error)


def message(item_id: str | None, role: str = "user", **fields: JsonValue) -> JsonValue:
    content: list[JsonValue] = [{"type": "input_text", "text": "hi"}]
    item: dict[str, JsonValue] = {"type": "message", "role": role, "content": content, **fields}
    return item if item_id is None else {"id": item_id, **item}


def output(item_id: str | None, call_id: str) -> JsonValue:
    item: dict[str, JsonValue] = {"type": "function_call_output", "call_id": call_id, "output": "1"}
    return item if item_id is None else {"id": item_id, **item}


def response(response_id: str, **fields: JsonValue) -> JsonValue:
    return {"id": response_id, "object": "realtime.response", "output": [], **fields}


class Table:
    """A table and the frames told to it."""

    def __init__(self) -> None:
        self.pending = Pending()
        self.woken: list[str] = []

    def ask(self, wire_type: str, event_id: str, **fields: JsonValue) -> Place:
        frame: Mapping[str, JsonValue] = {"type": wire_type, **fields}
        return self.pending.ask(
            outgoing_from_event(frame, event_id), lambda: self.woken.append(event_id)
        )

    def request(self, wire_type: str, event_id: str, **fields: JsonValue) -> Place:
        place = self.ask(wire_type, event_id, **fields)
        assert place.may_go
        self.pending.sending(place)
        return place

    def plain(self, wire_type: str, event_id: str, **fields: JsonValue) -> None:
        self.pending.sending(outgoing_from_event({"type": wire_type, **fields}, event_id))

    def tell(self, wire_type: str, **fields: JsonValue) -> ServerEvent:
        event = told(wire_type, **fields)
        assert self.pending.receive(event) is Verdict.DELIVER
        return event

    def is_outstanding(self) -> bool:
        return self.pending.outstanding

    def refuse(self, event_id: str | None, code: str = "invalid_value") -> Verdict:
        return self.pending.receive(refusal(event_id, code))


def goes(place: Place) -> bool:
    return place.may_go


def answered(place: Place) -> bool:
    return place.result is not None


def answer(place: Place) -> Event:
    assert isinstance(place.result, outcome.Value)
    return place.result.value


def error(place: Place) -> BaseException:
    assert isinstance(place.result, outcome.Error)
    return place.result.error


@pytest.fixture
def table() -> Table:
    return Table()


COMMIT = "input_audio_buffer.commit"
COMMITTED = "input_audio_buffer.committed"
CREATE = "conversation.item.create"

ONE_AT_A_TIME: list[tuple[str, dict[str, JsonValue], str, dict[str, JsonValue]]] = [
    ("session.update", {"session": {"type": "realtime"}}, "session.updated", {"session": {}}),
    (COMMIT, {}, COMMITTED, {"item_id": "item_1"}),
    ("input_audio_buffer.clear", {}, "input_audio_buffer.cleared", {}),
    ("output_audio_buffer.clear", {}, "output_audio_buffer.cleared", {"response_id": "resp_1"}),
]

BY_ITEM: list[tuple[str, str, dict[str, JsonValue]]] = [
    ("conversation.item.delete", "conversation.item.deleted", {"item_id": "ID"}),
    ("conversation.item.retrieve", "conversation.item.retrieved", {"item": message("ID")}),
    (
        "conversation.item.truncate",
        "conversation.item.truncated",
        {"item_id": "ID", "content_index": 0, "audio_end_ms": 5},
    ),
]


def naming(fields: dict[str, JsonValue], item_id: str) -> dict[str, JsonValue]:
    changed: dict[str, JsonValue] = json.loads(json.dumps(fields).replace('"ID"', f'"{item_id}"'))
    return changed


# promise 3
@pytest.mark.parametrize(("asked", "fields", "answered", "said"), ONE_AT_A_TIME)
def test_a_request_is_answered_by_its_acknowledgement(
    table: Table,
    asked: str,
    fields: dict[str, JsonValue],
    answered: str,
    said: dict[str, JsonValue],
) -> None:
    place = table.request(asked, "e1", **fields)
    assert table.is_outstanding()
    assert list(table.pending.uncertain) == [("e1", asked)]
    event = table.tell(answered, **said)
    assert answer(place) is event
    assert table.woken == ["e1"]
    assert not table.is_outstanding()
    assert list(table.pending.uncertain) == []


@pytest.mark.parametrize(("asked", "fields", "answered", "said"), ONE_AT_A_TIME)
def test_a_second_request_of_the_kind_waits_for_its_turn(
    table: Table,
    asked: str,
    fields: dict[str, JsonValue],
    answered: str,
    said: dict[str, JsonValue],
) -> None:
    first = table.ask(asked, "e1", **fields)
    second = table.ask(asked, "e2", **fields)
    third = table.ask(asked, "e3", **fields)
    assert (goes(first), goes(second), goes(third)) == (True, False, False)
    table.pending.sending(first)
    table.tell(answered, **said)
    assert first.result is not None
    assert (goes(second), goes(third)) == (True, False)
    table.pending.sending(second)
    table.refuse("e2")
    assert goes(third)
    assert table.woken == ["e2", "e1", "e3", "e2"]


def test_requests_of_other_kinds_do_not_wait_for_each_other(table: Table) -> None:
    table.request("session.update", "e1")
    table.request(COMMIT, "e2")
    table.request("input_audio_buffer.clear", "e3")
    table.request("conversation.item.delete", "e4", item_id="a")
    table.request("conversation.item.delete", "e5", item_id="b")
    assert [event_id for event_id, _ in table.pending.uncertain] == ["e1", "e2", "e3", "e4", "e5"]


def test_a_request_for_a_type_without_acknowledgement_is_a_mistake(table: Table) -> None:
    with pytest.raises(ValueError, match=r"input_audio_buffer\.append"):
        table.ask("input_audio_buffer.append", "e1", audio="AAAA")
    with pytest.raises(ValueError, match="use send"):
        table.ask("ping", "e1")


def test_an_append_takes_no_place(table: Table) -> None:
    table.plain("input_audio_buffer.append", "e1", audio="AAAA")
    assert not table.is_outstanding()


@pytest.mark.parametrize(("asked", "told_by", "said"), BY_ITEM)
def test_answers_about_items_find_their_request_by_item_and_then_by_order(
    table: Table, asked: str, told_by: str, said: dict[str, JsonValue]
) -> None:
    first = table.request(asked, "e1", item_id="a")
    other = table.request(asked, "e2", item_id="b")
    again = table.request(asked, "e3", item_id="a")
    table.tell(told_by, **naming(said, "someone-elses"))
    for_other = table.tell(told_by, **naming(said, "b"))
    for_first = table.tell(told_by, **naming(said, "a"))
    assert answer(other) is for_other
    assert answer(first) is for_first
    assert not answered(again)
    for_again = table.tell(told_by, **naming(said, "a"))
    assert answer(again) is for_again


# promise 6
def test_an_acknowledgement_that_does_not_validate_still_acknowledges(table: Table) -> None:
    update = table.request("session.update", "e1")
    event = table.tell("session.updated", session="what is this")
    assert isinstance(event, InvalidEvent)
    assert answer(update) is event
    create = table.request(CREATE, "e2", item=message("item_1"))
    event = table.tell("conversation.item.added", item={"id": "item_1"}, previous_item_id=[3])
    assert isinstance(event, InvalidEvent)
    assert answer(create) is event
    retrieve = table.request("conversation.item.retrieve", "e3", item_id="item_1")
    event = table.tell("conversation.item.retrieved")
    assert isinstance(event, InvalidEvent)
    assert answer(retrieve) is event


def test_frames_that_are_no_events_tell_the_table_nothing(table: Table) -> None:
    place = table.request("session.update", "e1")
    for text in ("", "[]", "null", '{"type": 3}', '{"type": "ping"}', "\x00"):
        assert table.pending.receive(decode_server(text)) is Verdict.DELIVER
    assert not answered(place)


# pain 3
def test_an_error_that_names_a_waiting_request_is_raised_there(table: Table) -> None:
    place = table.request("conversation.item.delete", "e1", item_id="a")
    event = refusal("e1", "item_delete_invalid_item_id")
    assert table.pending.receive(event) is Verdict.RAISED
    refused = error(place)
    assert isinstance(refused, ServerError)
    assert (refused.code, refused.event_id) == ("item_delete_invalid_item_id", "e1")
    assert refused.event is event
    assert not table.is_outstanding()


def test_an_error_event_that_does_not_validate_is_raised_too(table: Table) -> None:
    place = table.request("session.update", "e1")
    event = told("error", error={"event_id": "e1", "code": "odd", "message": ["no"]})
    assert isinstance(event, InvalidEvent)
    assert table.pending.receive(event) is Verdict.RAISED
    refused = error(place)
    assert isinstance(refused, ServerError)
    assert (refused.code, refused.message, refused.event) == ("odd", "", None)


def test_an_invalid_error_about_a_plain_frame_is_delivered(table: Table) -> None:
    table.plain(COMMIT, "e1")
    event = told("error", error={"event_id": "e1", "type": "invalid_request_error", "message": 3})
    assert isinstance(event, InvalidEvent)
    assert table.pending.receive(event) is Verdict.DELIVER


def test_secrets_known_to_the_table_do_not_leave_in_its_errors() -> None:
    pending = Pending(secrets=("hunter2",))
    place = pending.ask(Outgoing("session.update", "e1"), lambda: None)
    pending.sending(place)
    pending.receive(refusal("e1", message="your key is hunter2"))
    assert "hunter2" not in str(error(place))


def test_an_error_that_names_nothing_is_delivered_and_settles_nobody(table: Table) -> None:
    place = table.request(COMMIT, "e1")
    assert table.refuse(None) is Verdict.DELIVER
    assert not answered(place)


# promise 5
def test_an_error_at_a_plain_frame_is_yours_unless_it_is_a_race(table: Table) -> None:
    table.plain("input_audio_buffer.append", "e1", audio="AAAA")
    assert table.refuse("e1", "invalid_value") is Verdict.YOURS
    table.plain("session.update", "e2", session={})
    assert table.refuse("e2", "unknown_parameter") is Verdict.YOURS
    for code in (
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "session_expired",
    ):
        table.plain("response.cancel", code)
        assert table.refuse(code, code) is Verdict.DELIVER
    table.plain("conversation.item.truncate", "e3", item_id="a")
    late = "Audio content of 3700ms is already shorter than 3760ms"
    assert table.pending.receive(refusal("e3", message=late)) is Verdict.DELIVER
    table.plain("conversation.item.truncate", "e4", item_id="a")
    assert table.refuse("e4", "item_truncate_invalid_item_id") is Verdict.YOURS
    table.plain("response.create", "e5")
    assert table.pending.receive(refusal("e5", None, kind="server_error")) is Verdict.DELIVER
    assert not table.is_outstanding()


def test_a_late_error_about_a_settled_request_is_delivered_and_never_yours(table: Table) -> None:
    place = table.request("response.cancel", "e1", response_id="r")
    done = table.tell("response.done", response=response("r"))
    assert answer(place) is done
    assert table.refuse("e1", "response_cancel_not_active") is Verdict.DELIVER
    assert table.refuse("e1", "invalid_value") is Verdict.DELIVER
    assert answer(place) is done


def test_a_request_cancelled_before_it_is_sent_is_forgotten_and_the_next_goes(
    table: Table,
) -> None:
    first = table.ask(COMMIT, "e1")
    second = table.ask(COMMIT, "e2")
    third = table.ask(COMMIT, "e3")
    table.pending.abandon(second)
    assert not goes(third)
    table.pending.abandon(first)
    assert goes(third)
    assert table.woken == ["e3"]
    table.pending.sending(third)
    assert answer_of_commit(table, third) == "item_1"


def answer_of_commit(table: Table, place: Place) -> str | None:
    event = table.tell(COMMITTED, item_id="item_1", previous_item_id=None)
    assert answer(place) is event
    return text_at(event, "item_id")


def test_a_request_cancelled_after_it_was_sent_keeps_its_place_and_swallows_its_answer(
    table: Table,
) -> None:
    first = table.request(COMMIT, "e1")
    second = table.ask(COMMIT, "e2")
    table.pending.abandon(first)
    assert not goes(second)
    # Not sent yet, and a caller waits for it all the same.
    assert table.is_outstanding()
    assert table.pending.waiting == (("e2", COMMIT),)
    table.tell(COMMITTED, item_id="item_0")
    assert not answered(first)
    assert goes(second)
    table.pending.sending(second)
    assert answer_of_commit(table, second) == "item_1"
    assert table.woken == ["e2", "e2"]


def test_the_error_of_a_cancelled_request_is_swallowed(table: Table) -> None:
    place = table.request("session.update", "e1")
    table.pending.abandon(place)
    assert table.refuse("e1", "unknown_parameter") is Verdict.SWALLOWED
    assert not answered(place)
    assert table.refuse("e1", "unknown_parameter") is Verdict.DELIVER


def test_abandoning_what_is_settled_changes_nothing(table: Table) -> None:
    place = table.request("input_audio_buffer.clear", "e1")
    event = table.tell("input_audio_buffer.cleared")
    table.pending.abandon(place)
    assert answer(place) is event


def test_a_frame_the_writer_takes_after_its_caller_has_gone_keeps_its_place(table: Table) -> None:
    place = table.ask(COMMIT, "e1")
    table.pending.abandon(place)
    table.pending.sending(place)
    second = table.ask(COMMIT, "e2")
    assert not goes(second)
    assert table.refuse("e1") is Verdict.SWALLOWED
    assert goes(second)


# promise 3, and the measured order: the error of the first commit comes after the second answer
def test_of_two_commits_each_gets_its_own_answer(table: Table) -> None:
    empty = table.ask(COMMIT, "e1")
    good = table.ask(COMMIT, "e2")
    table.pending.sending(empty)
    assert not goes(good)
    assert table.refuse("e1", "input_audio_buffer_commit_empty") is Verdict.RAISED
    assert goes(good)
    table.pending.sending(good)
    event = table.tell(COMMITTED, item_id="item_1")
    assert isinstance(error(empty), ServerError)
    assert answer(good) is event


def test_a_request_behind_a_plain_commit_that_fails_late_gets_its_own_answer(table: Table) -> None:
    good = table.ask(COMMIT, "e2")
    table.plain(COMMIT, "e1")
    table.pending.sending(good)
    event = table.tell(COMMITTED, item_id="item_1")
    assert not answered(good)
    assert table.refuse("e1", "input_audio_buffer_commit_empty") is Verdict.DELIVER
    assert answer(good) is event


def test_presumed_acknowledgements_move_up_when_the_first_turns_out_refused(table: Table) -> None:
    good = table.ask(COMMIT, "e3")
    table.plain(COMMIT, "e1")
    table.plain(COMMIT, "e2")
    table.pending.sending(good)
    table.tell(COMMITTED, item_id="item_2")
    event = table.tell(COMMITTED, item_id="item_3")
    assert table.refuse("e1", "input_audio_buffer_commit_empty") is Verdict.DELIVER
    assert answer(good) is event


def test_an_acknowledgement_presumed_for_a_later_frame_moves_up_too(table: Table) -> None:
    good = table.ask(COMMIT, "e3")
    table.plain(COMMIT, "e1")
    table.plain(COMMIT, "e2")
    table.pending.sending(good)
    table.tell(COMMITTED, item_id="item_1")
    event = table.tell(COMMITTED, item_id="item_3")
    assert table.refuse("e2", "input_audio_buffer_commit_empty") is Verdict.DELIVER
    assert answer(good) is event


def test_an_acknowledgement_never_moves_to_a_frame_sent_after_it(table: Table) -> None:
    table.plain(COMMIT, "e1")
    table.tell(COMMITTED, item_id="item_1")
    good = table.request(COMMIT, "e2")
    table.refuse("e1", "input_audio_buffer_commit_empty")
    assert not answered(good)
    table.tell(COMMITTED, item_id="item_2")
    table.plain(COMMIT, "e3")
    table.tell(COMMITTED, item_id="item_3")
    table.plain(COMMIT, "e4")
    table.tell(COMMITTED, item_id="item_4")
    last = table.request(COMMIT, "e5")
    table.refuse("e3", "input_audio_buffer_commit_empty")
    assert not answered(last)


def test_a_plain_frame_takes_a_place_that_requests_wait_for(table: Table) -> None:
    table.plain(COMMIT, "e1")
    place = table.ask(COMMIT, "e2")
    assert not goes(place)
    table.plain(COMMIT, "e3")
    table.tell(COMMITTED, item_id="item_1")
    assert not goes(place)
    assert table.refuse("e3", "input_audio_buffer_commit_empty") is Verdict.DELIVER
    assert goes(place)


@pytest.mark.parametrize("announcement", ["speech_stopped", "timeout_triggered"])
def test_a_commit_by_voice_detection_settles_nobody(table: Table, announcement: str) -> None:
    place = table.request(COMMIT, "e1")
    times: dict[str, JsonValue] = {"audio_start_ms": 0, "audio_end_ms": 9}
    table.tell(f"input_audio_buffer.{announcement}", item_id="item_vad", **times)
    table.tell(COMMITTED, item_id="item_vad")
    assert not answered(place)
    assert answer_of_commit(table, place) == "item_1"


# promise 3
def test_a_commit_in_the_midst_of_speech_is_answered_under_the_id_that_was_announced(
    table: Table,
) -> None:
    table.tell("input_audio_buffer.speech_started", item_id="item_vad", audio_start_ms=0)
    place = table.request(COMMIT, "e1")
    table.tell(COMMITTED, item_id="item_vad")
    assert answered(place)
    # What was spoken since is a turn of its own, which voice detection ends.
    second = table.request(COMMIT, "e2")
    table.tell("input_audio_buffer.speech_stopped", item_id="item_rest", audio_end_ms=9)
    table.tell(COMMITTED, item_id="item_rest")
    assert answer_of_commit(table, second) == "item_1"


# promise 3
def test_a_commit_that_is_told_twice_does_not_answer_the_next_one(table: Table) -> None:
    first = table.request(COMMIT, "e1")
    committed = table.tell(COMMITTED, item_id="item_1")
    second = table.request(COMMIT, "e2")
    table.tell(COMMITTED, item_id="item_1")
    assert answer(first) is committed
    assert not answered(second)
    committed = table.tell(COMMITTED, item_id="item_2")
    assert answer(second) is committed


@pytest.mark.parametrize("nameless", [{"item_id": ""}, {"item_id": None}, {}])
def test_commits_of_a_server_that_names_no_items_are_answered_in_turn(
    table: Table, nameless: dict[str, JsonValue]
) -> None:
    for event_id in ("e1", "e2", "e3"):
        place = table.request(COMMIT, event_id)
        assert not answered(place)
        table.tell(COMMITTED, **nameless)
        assert answered(place)


def test_a_turn_that_nobody_committed_is_voice_detections_though_its_end_was_not_told(
    table: Table,
) -> None:
    table.tell("input_audio_buffer.speech_started", item_id="item_vad", audio_start_ms=0)
    table.tell(COMMITTED, item_id="item_vad")
    place = table.request("response.create", "e1")
    table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert not answered(place)


def test_an_acknowledgement_without_a_request_is_somebody_elses(table: Table) -> None:
    table.tell(COMMITTED, item_id="item_1")
    table.tell("session.updated", session={})
    table.tell("conversation.item.deleted", item_id="a")
    table.tell("response.done", response=response("r"))
    assert not table.is_outstanding()


def test_an_item_is_acknowledged_by_added_or_created_whichever_comes_first(table: Table) -> None:
    first = table.request(CREATE, "e1", item=message("a"))
    second = table.request(CREATE, "e2", item=message("b"))
    added = table.tell("conversation.item.added", item=message("b"))
    created = table.tell("conversation.item.created", item=message("a"))
    assert answer(first) is created
    assert answer(second) is added


def test_a_server_that_sends_both_added_and_created_settles_one_create(table: Table) -> None:
    first = table.request(CREATE, "e1", item=message(None))
    second = table.request(CREATE, "e2", item=message(None))
    added = table.tell("conversation.item.added", item=message("a"))
    table.tell("conversation.item.created", item=message("a"))
    table.tell("conversation.item.done", item=message("x"))
    assert answer(first) is added
    assert not answered(second)
    created = table.tell("conversation.item.created", item=message("b"))
    assert answer(second) is created


def test_a_server_that_rewrites_item_ids_still_acknowledges(table: Table) -> None:
    first = table.request(CREATE, "e1", item=message("mine_1"))
    second = table.request(CREATE, "e2", item=message("mine_2"))
    one = table.tell("conversation.item.added", item=message("theirs_1"))
    two = table.tell("conversation.item.added", item=message("theirs_2"))
    assert answer(first) is one
    assert answer(second) is two


def test_a_server_that_keeps_ids_is_held_to_it(table: Table) -> None:
    table.request(CREATE, "e1", item=message("mine_1"))
    table.tell("conversation.item.added", item=message("mine_1"))
    second = table.request(CREATE, "e2", item=message("mine_2"))
    third = table.request(CREATE, "e3", item=message(None))
    event = table.tell("conversation.item.added", item=message("not_mine"))
    assert not answered(second)
    assert answer(third) is event


def test_a_function_output_is_matched_by_its_call(table: Table) -> None:
    first = table.request(CREATE, "e1", item=output("mine_1", "call_1"))
    second = table.request(CREATE, "e2", item=output("mine_2", "call_2"))
    two = table.tell("conversation.item.added", item=output("theirs_2", "call_2"))
    one = table.tell("conversation.item.added", item=output("theirs_1", "call_1"))
    assert answer(first) is one
    assert answer(second) is two


def test_items_are_matched_among_their_own_type_and_role(table: Table) -> None:
    system = table.request(CREATE, "e1", item=message(None, "system"))
    user = table.request(CREATE, "e2", item=message(None, "user"))
    result = table.request(CREATE, "e3", item=output(None, "call_1"))
    call: JsonValue = {
        "id": "f",
        "type": "function_call",
        "call_id": "call_1",
        "name": "n",
        "arguments": "{}",
    }
    table.tell("conversation.item.added", item=call)
    for_result = table.tell("conversation.item.added", item=output("o", "call_1"))
    for_user = table.tell("conversation.item.added", item=message("u"))
    for_system = table.tell("conversation.item.added", item=message("s", "system"))
    assert answer(result) is for_result
    assert answer(user) is for_user
    assert answer(system) is for_system


def test_items_the_server_announced_answer_no_create(table: Table) -> None:
    place = table.request(CREATE, "e1", item=message(None))
    table.tell(
        "response.output_item.added", response_id="r", output_index=0, item=message("m1", "user")
    )
    table.tell("conversation.item.added", item=message("m1"))
    table.tell(COMMITTED, item_id="m2")
    table.tell("conversation.item.added", item=message("m2"))
    table.tell("input_audio_buffer.speech_started", item_id="m3", audio_start_ms=0)
    table.tell("conversation.item.added", item=message("m3"))
    assert not answered(place)
    event = table.tell("conversation.item.added", item=message("m4"))
    assert answer(place) is event


def test_an_item_without_an_id_answers_by_order(table: Table) -> None:
    place = table.request(CREATE, "e1", item=message("mine"))
    event = table.tell("conversation.item.added", item={"type": "message", "role": "user"})
    assert answer(place) is event


def test_a_response_answers_the_oldest_create(table: Table) -> None:
    first = table.request("response.create", "e1")
    second = table.request("response.create", "e2")
    event = table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert answer(first) is event
    assert not answered(second)
    assert table.is_outstanding()
    assert table.refuse("e2", "conversation_already_has_active_response") is Verdict.RAISED
    assert table.is_outstanding()
    table.tell("response.done", response=response("r1"))
    assert not table.is_outstanding()


def test_a_plain_create_is_outstanding_until_it_is_answered(table: Table) -> None:
    table.plain("response.create", "e1")
    assert table.is_outstanding()
    assert table.pending.uncertain == ()
    table.tell("response.created", response=response("r1"))
    assert table.is_outstanding()
    table.tell("response.done", response=response("r1"))
    assert not table.is_outstanding()


def vad_turn(table: Table, item_id: str = "item_vad") -> None:
    table.tell("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
    table.tell("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=9)
    table.tell(COMMITTED, item_id=item_id)


def test_the_response_to_a_voice_turn_is_the_servers(table: Table) -> None:
    vad_turn(table)
    place = table.request("response.create", "e1")
    table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert not answered(place)
    verdict = table.refuse("e1", "conversation_already_has_active_response")
    assert verdict is Verdict.RAISED
    table.tell("response.done", response=response("r1"))
    assert isinstance(error(place), ServerError)


def test_the_next_response_after_the_servers_own_is_ours(table: Table) -> None:
    vad_turn(table)
    table.tell("response.created", response=response("r1", conversation_id="conv"))
    table.tell("response.done", response=response("r1"))
    place = table.request("response.create", "e1")
    event = table.tell("response.created", response=response("r2", conversation_id="conv"))
    assert answer(place) is event


def test_a_create_that_won_against_a_voice_turn_is_answered_when_its_response_is_done(
    table: Table,
) -> None:
    place = table.request("response.create", "e1")
    vad_turn(table)
    created = table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert not answered(place)
    table.tell("response.done", response=response("r1"))
    assert answer(place) is created
    assert not table.is_outstanding()


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_response_that_was_cut_short_does_not_answer_a_doubtful_create(
    table: Table, status: str
) -> None:
    place = table.request("response.create", "e1")
    vad_turn(table)
    table.tell("response.created", response=response("r1", conversation_id="conv"))
    table.tell("response.done", response=response("r1", status=status))
    assert not answered(place)
    event = table.tell("response.created", response=response("r2", conversation_id="conv"))
    assert answer(place) is event


def test_a_cancel_proves_nothing_for_the_one_before_it_may_have_done_it(table: Table) -> None:
    vad_turn(table)
    table.plain("response.cancel", "c1")
    place = table.request("response.create", "e1")
    created = table.tell("response.created", response=response("r1", conversation_id="conv"))
    table.plain("response.cancel", "c2")
    table.tell("response.done", response=response("r1", status="cancelled"))
    assert not answered(place)
    assert table.pending.unproven == (place, created)
    event = table.tell("response.created", response=response("r2", conversation_id="conv"))
    assert answer(place) is event
    assert table.pending.unproven is None


def test_what_has_an_answer_is_not_given_another_that_was_in_doubt(table: Table) -> None:
    place = table.request("response.create", "e1")
    vad_turn(table)
    created = table.tell("response.created", response=response("r1", conversation_id="conv"))
    table.tell("response.done", response=response("r1", status="failed"))
    assert table.pending.presume(place, created)
    assert answer(place) is created
    assert not table.pending.presume(place, created)


def test_a_create_answered_in_the_meantime_is_not_answered_again(table: Table) -> None:
    place = table.request("response.create", "e1")
    vad_turn(table)
    table.tell("response.created", response=response("r1", conversation_id="conv"))
    event = table.tell("response.created", response=response("r2", conversation_id="conv"))
    table.tell("response.done", response=response("r1"))
    assert answer(place) is event


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_without_create_response_a_voice_turn_owes_no_response(table: Table, kind: str) -> None:
    detection: JsonValue = {"type": "server_vad", "create_response": False}
    session: JsonValue = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    table.tell(kind, session=session)
    vad_turn(table)
    place = table.request("response.create", "e1")
    event = table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert answer(place) is event


# pain 38
def test_a_response_outside_the_conversation_answers_an_out_of_band_create(table: Table) -> None:
    default = table.request("response.create", "e1")
    outside = table.request("response.create", "e2", response={"conversation": "none"})
    vad_turn(table)
    two = table.tell("response.created", response=response("r2", conversation_id=None))
    assert answer(outside) is two
    assert not answered(default)
    table.tell("response.created", response=response("rv", conversation_id="conv"))
    table.refuse("e1", "conversation_already_has_active_response")
    table.tell("response.done", response=response("rv"))
    assert isinstance(error(default), ServerError)


def test_a_server_that_always_says_null_still_answers_in_the_end(table: Table) -> None:
    place = table.request("response.create", "e1")
    created = table.tell("response.created", response=response("r1", conversation_id=None))
    assert not answered(place)
    table.tell("response.done", response=response("r1"))
    assert answer(place) is created


def test_an_out_of_band_response_may_name_the_conversation(table: Table) -> None:
    outside = table.request("response.create", "e1", response={"conversation": "none"})
    event = table.tell("response.created", response=response("r1", conversation_id="conv"))
    assert answer(outside) is event
    cancel = table.request("response.cancel", "e2")
    table.tell("response.done", response=response("r1"))
    assert not answered(cancel)


def test_metadata_that_comes_back_decides(table: Table) -> None:
    plain = table.request("response.create", "e1")
    one = table.request("response.create", "e2", response={"metadata": {"n": "1"}})
    two = table.request("response.create", "e3", response={"metadata": {"n": "2"}})
    for_two = table.tell("response.created", response=response("r2", metadata={"n": "2"}))
    assert answer(two) is for_two
    table.tell("response.created", response=response("rx", metadata={"n": "x"}))
    for_plain = table.tell("response.created", response=response("r0", metadata=None))
    assert answer(plain) is for_plain
    table.tell("response.created", response=response("ry", metadata=None))
    table.tell("response.done", response=response("ry"))
    table.tell("response.done", response=response("rx"))
    assert not answered(one)
    for_one = table.tell("response.created", response=response("r1", metadata={"n": "1"}))
    assert answer(one) is for_one


def test_foreign_metadata_speaks_against_a_create_but_does_not_strand_it(table: Table) -> None:
    place = table.request("response.create", "e1")
    created = table.tell("response.created", response=response("r1", metadata={"by": "server"}))
    assert not answered(place)
    table.tell("response.done", response=response("r1"))
    assert answer(place) is created


def test_a_server_that_echoes_no_metadata_answers_by_order(table: Table) -> None:
    one = table.request("response.create", "e1", response={"metadata": {"n": "1"}})
    event = table.tell("response.created", response=response("r1", metadata=None))
    assert answer(one) is event


def test_a_malformed_response_created_still_answers(table: Table) -> None:
    place = table.request("response.create", "e1")
    event = table.tell("response.created", response="?")
    assert isinstance(event, InvalidEvent)
    assert answer(place) is event
    assert table.is_outstanding()
    table.tell("response.done", response="?")
    assert not table.is_outstanding()


def token(event_id: str) -> dict[str, JsonValue]:
    return {"metadata": {TOKEN_KEY: event_id, "mine": "1"}}


def test_a_token_that_comes_back_decides_whatever_else_does(table: Table) -> None:
    plain = table.request("response.create", "e0")
    one = table.request("response.create", "e1", response=token("e1"))
    event = table.tell(
        "response.created",
        response=response("r1", conversation_id=None, metadata={TOKEN_KEY: "e1"}),
    )
    assert answer(one) is event
    assert not answered(plain)
    assert table.pending.answered is one
    assert table.pending.responses.is_in_conversation("r1")


def test_once_tokens_come_back_a_response_without_one_is_not_for_a_create_with_one(
    table: Table,
) -> None:
    table.request("response.create", "e0", response=token("e0"))
    table.tell("response.created", response=response("r0", **token("e0")))
    one = table.request("response.create", "e1", response=token("e1"))
    table.tell("response.created", response=response("rx", metadata=None))
    table.tell("response.created", response=response("ry", metadata={TOKEN_KEY: "another's"}))
    table.tell("response.done", response=response("rx"))
    table.tell("response.done", response=response("ry"))
    assert not answered(one)


def test_a_create_is_not_answered_before_the_items_of_its_group(table: Table) -> None:
    items = [table.request(CREATE, f"i{n}", item=message(f"m{n}")) for n in range(2)]
    frame = outgoing_from_event({"type": "response.create"}, "e1")
    place = table.pending.ask(frame, lambda: None, after=tuple(items))
    table.pending.sending(place)
    table.tell("response.created", response=response("rx"))
    table.tell("conversation.item.added", item=message("m0"))
    table.tell("response.created", response=response("ry"))
    assert not answered(place)
    assert table.pending.responses.doubtful("ry") is place
    table.refuse("i1")
    event = table.tell("response.created", response=response("r1"))
    assert answer(place) is event
    assert table.pending.responses.doubtful("r1") is None


def test_a_response_that_is_created_twice_answers_once(table: Table) -> None:
    one, two = (table.request("response.create", f"e{n}") for n in (1, 2))
    event = table.tell("response.created", response=response("r1"))
    assert (table.pending.begun, table.pending.answered) == ("r1", one)
    table.tell("response.created", response=response("r1"))
    assert (table.pending.begun, table.pending.answered) == (None, None)
    assert answer(one) is event
    assert not answered(two)


def test_an_end_that_comes_twice_answers_no_cancel_of_the_active_response(table: Table) -> None:
    table.tell("response.created", response=response("r1"))
    table.tell("response.done", response=response("r1"))
    table.tell("response.created", response=response("r2"))
    cancel = table.request("response.cancel", "c1")
    cancel.target = None
    table.tell("response.done", response=response("r1"))
    assert table.pending.finished is not None
    assert not table.pending.finished.in_conversation
    assert not answered(cancel)
    table.tell("response.done", response=response("unseen"))
    assert answered(cancel)


def test_a_response_without_an_id_ends_with_an_id_that_nobody_knows(table: Table) -> None:
    place = table.request("response.create", "e1")
    table.tell("response.created", response={"output": []})
    assert answered(place)
    table.tell("response.created", response=response("r2"))
    table.tell("response.done", response=response("r2"))
    table.tell("response.done", response=response("r2"))
    assert table.is_outstanding()
    assert table.pending.responses.is_in_conversation(NAMELESS)
    table.tell("response.done", response=response("r1"))
    assert table.pending.finished is not None
    assert table.pending.finished.response_id == NAMELESS
    assert not table.is_outstanding()
    table.tell("response.created", response={"output": []})
    assert table.is_outstanding()


def test_what_the_last_event_did_is_told_until_the_next_tells_something(table: Table) -> None:
    place = table.request("response.create", "e1")
    table.tell("response.created", response=response("r1"))
    table.tell("response.output_text.delta", response_id="r1", delta="a")
    assert (table.pending.begun, table.pending.answered) == ("r1", place)
    table.tell("response.done", response=response("r1"))
    assert (table.pending.begun, table.pending.answered) == (None, None)
    assert table.pending.finished is not None
    assert table.pending.finished.response_id == "r1"
    table.tell("input_audio_buffer.cleared")
    assert table.pending.finished is None


def test_a_server_that_never_ends_responses_costs_no_memory(table: Table) -> None:
    for n in range(257):
        table.tell("response.created", response=response(f"r{n}"))
    responses = table.pending.responses
    assert not responses.is_known("r0")
    assert responses.is_known("r1")


def test_a_cancel_is_answered_by_the_end_of_its_response(table: Table) -> None:
    table.tell("response.created", response=response("r1"))
    table.tell("response.created", response=response("r2", conversation_id=None))
    by_id = table.request("response.cancel", "e1", response_id="r2")
    active = table.request("response.cancel", "e2")
    again = table.request("response.cancel", "e3", response_id="r1")
    one = table.tell("response.done", response=response("r1"))
    assert (answer(active), answer(again)) == (one, one)
    assert not answered(by_id)
    two = table.tell("response.done", response=response("r2"))
    assert answer(by_id) is two


def test_a_cancel_with_nothing_active_is_answered_by_the_next_end_in_the_conversation(
    table: Table,
) -> None:
    table.tell("response.created", response=response("out", conversation_id=None))
    place = table.request("response.cancel", "e1")
    table.tell("response.done", response=response("out"))
    assert not answered(place)
    table.tell("response.created", response=response("r1"))
    done = table.tell("response.done", response=response("r1"))
    assert answer(place) is done


def test_a_cancel_with_nothing_to_cancel_gets_the_servers_error(table: Table) -> None:
    place = table.request("response.cancel", "e1")
    assert table.refuse("e1", "response_cancel_not_active") is Verdict.RAISED
    refused = error(place)
    assert isinstance(refused, ServerError)
    assert refused.code == "response_cancel_not_active"


def test_a_malformed_end_of_the_only_response_ends_it(table: Table) -> None:
    table.tell("response.created", response=response("r1"))
    place = table.request("response.cancel", "e1")
    done = table.tell("response.done", response="?")
    assert answer(place) is done
    assert not table.is_outstanding()


def test_a_malformed_end_among_several_responses_ends_none(table: Table) -> None:
    table.tell("response.created", response=response("r1"))
    table.tell("response.created", response=response("r2"))
    place = table.request("response.cancel", "e1", response_id="r1")
    table.tell("response.done", response="?")
    assert not answered(place)
    assert table.is_outstanding()


# promise 3
def test_failing_gives_every_waiter_an_error_of_its_own(table: Table) -> None:
    sent = table.request("session.update", "e1")
    unsent = table.ask("session.update", "e2")
    gone = table.request(COMMIT, "e3")
    table.pending.abandon(gone)
    table.plain("input_audio_buffer.clear", "e4")
    made: list[tuple[tuple[str, str], ...]] = []

    def make_error() -> Exception:
        made.append(table.pending.uncertain)
        return RuntimeError(f"lost {len(made)}")

    table.pending.fail(make_error)
    assert sorted(str(error(place)) for place in (sent, unsent)) == ["lost 1", "lost 2"]
    assert made == [(("e1", "session.update"),)] * 2
    assert not answered(gone)
    assert sorted(table.woken) == ["e1", "e2"]
    assert not table.is_outstanding()
    table.pending.sending(unsent)
    assert table.pending.uncertain == ()
    later = table.ask(COMMIT, "e5")
    assert goes(later)


# promise 7
def test_a_long_session_costs_no_memory(table: Table) -> None:
    weights: list[int] = []
    for n in range(6_000):
        vad_turn(table, f"item_{n}")
        table.tell("conversation.item.added", item=message(f"item_{n}"))
        table.tell("response.created", response=response(f"r{n}"))
        table.plain("session.update", f"u{n}", session={})
        table.plain(COMMIT, f"c{n}")
        table.tell(COMMITTED, item_id=f"mine_{n}")
        place = table.request("conversation.item.delete", f"d{n}", item_id=f"item_{n}")
        table.tell("conversation.item.deleted", item_id=f"item_{n}")
        assert place.result is not None
        if n in (2_999, 5_999):
            weights.append(weight(table.pending))
    assert weights[0] == weights[1]


def weight(root: object) -> int:
    """Count the objects that are kept alive, however deep."""
    seen: set[int] = set()
    todo: list[object] = [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | FunctionType):
            continue
        seen.add(id(thing))
        if not isinstance(thing, str | int):
            todo += gc.get_referents(thing)
    return len(seen)


def test_waiting_requests_are_never_forgotten_for_the_sake_of_memory(table: Table) -> None:
    places = [table.request(CREATE, f"e{n}", item=message(f"i{n}")) for n in range(1100)]
    for n in (1099, 0):
        event = table.tell("conversation.item.added", item=message(f"i{n}"))
        assert answer(places[n]) is event


def test_facts_are_read_from_models_mappings_and_raw_data() -> None:
    frame: Mapping[str, JsonValue] = {
        "type": "response.cancel",
        "event_id": "e",
        "response_id": "r",
    }
    assert outgoing_from_event(frame) == Outgoing("response.cancel", "e", response_id="r")
    assert outgoing_from_event({}) == Outgoing("", "")
    assert states({"a": None}, "a")
    assert not states({"a": None}, "b")
    assert not states(None, "a")


@pytest.mark.parametrize(
    ("code", "words", "verdict"),
    [
        ("response_cancel_not_active", "no active response found", Verdict.ABSORBED),
        ("invalid_value", "Audio content of 1ms is already shorter than 2ms", Verdict.ABSORBED),
        ("item_truncate_invalid_item_id", "it does not exist", Verdict.ABSORBED),
        ("invalid_value", "beyond the audio", Verdict.DELIVER),
    ],
)
@pytest.mark.parametrize("is_settled", [False, True])
def test_what_the_library_sent_too_late_is_nobody_s_affair_and_its_mistakes_are_everybody_s(
    table: Table, code: str, words: str, verdict: Verdict, is_settled: bool
) -> None:
    event: Mapping[str, JsonValue] = {"type": "response.cancel", "event_id": "e"}
    table.pending.sending(Place(outgoing_from_event(event), own=True))
    if is_settled:
        table.tell("response.created", response=response("r"))
        table.tell("response.done", response=response("r"))
    assert table.pending.receive(refusal("e", code, message=words)) is verdict
    # Once more, as a network that repeats itself would have it.
    assert table.pending.receive(refusal("e", code, message=words)) is verdict

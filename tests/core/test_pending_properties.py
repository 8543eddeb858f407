"""Every legal interleaving of requests, answers, errors and cancellations, against a model server.

The model takes the frames in order and answers each in one of the ways the real server may. What
it answers is remembered by the id of the answer, so the test knows whose it was.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field

import outcome
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import JsonValue

from tests.effort import effort
from trio_realtime._core._event import Event
from trio_realtime._core._pending import Pending, Place, Verdict, outgoing_from_event
from trio_realtime.errors import ServerError
from trio_realtime.events import ResponseDone, decode_server

ONE_AT_A_TIME = {
    "session.update": "session.updated",
    "input_audio_buffer.commit": "input_audio_buffer.committed",
    "input_audio_buffer.clear": "input_audio_buffer.cleared",
    "output_audio_buffer.clear": "output_audio_buffer.cleared",
}
BY_ITEM = {
    "conversation.item.delete": "conversation.item.deleted",
    "conversation.item.retrieve": "conversation.item.retrieved",
    "conversation.item.truncate": "conversation.item.truncated",
}
KINDS = [
    *ONE_AT_A_TIME,
    *BY_ITEM,
    "conversation.item.create",
    "response.create",
    "response.cancel",
]


@dataclass
class Running:
    """A response of the model server."""

    response_id: str
    in_conversation: bool
    seen: bool = False
    before: set[str] = field(default_factory=set[str])
    """What was on its way to the server when the client heard of the response."""


class Line(RuleBasedStateMachine):
    """A client's table on one side, the model server on the other, a line of frames between."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = Pending()
        self.count = 0
        self.places: dict[str, Place] = {}
        self.wakes: dict[str, int] = {}
        self.outbox: deque[Place | dict[str, JsonValue]] = deque()
        self.upstream: deque[dict[str, JsonValue]] = deque()
        self.downstream: deque[dict[str, JsonValue]] = deque()
        self.late: list[dict[str, JsonValue]] = []
        self.frames: dict[str, dict[str, JsonValue]] = {}
        self.answers: dict[str, set[str]] = {}
        self.running: dict[str, Running] = {}
        self.known: list[str] = []
        self.unanswered: dict[str, set[str]] = {kind: set() for kind in KINDS}

    @initialize(
        drains=st.booleans(),
        keeps_ids=st.booleans(),
        both=st.booleans(),
        echoes=st.booleans(),
        null_outside=st.booleans(),
        plain_commits=st.booleans(),
    )
    def choose_a_server(
        self,
        drains: bool,
        keeps_ids: bool,
        both: bool,
        echoes: bool,
        null_outside: bool,
        plain_commits: bool,
    ) -> None:
        self.drains = drains
        self.keeps_ids = keeps_ids
        self.both = both
        self.echoes = echoes
        self.null_outside = null_outside
        # An empty commit's error comes late; behind plain commits that cannot be told apart.
        self.plain_commits = plain_commits

    def new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    # The client.

    def frame(self, kind: str, variant: int) -> dict[str, JsonValue]:
        event_id = self.new_id("e")
        frame: dict[str, JsonValue] = {"type": kind, "event_id": event_id}
        if kind in BY_ITEM:
            frame["item_id"] = f"shared_{variant % 2}"
        elif kind == "conversation.item.create":
            item: dict[str, JsonValue] = {"type": "message", "role": "user", "content": []}
            if variant == 3:
                item = {"type": "function_call_output", "call_id": event_id, "output": "1"}
            if variant != 0:
                item["id"] = self.new_id("mine_")
            frame["item"] = item
        elif kind == "response.create":
            response: dict[str, JsonValue] = {"conversation": "none" if variant % 2 else "auto"}
            if variant > 1:
                response["metadata"] = {"token": event_id}
            frame["response"] = response
        elif kind == "response.cancel" and self.known and variant:
            frame["response_id"] = self.known[-variant % len(self.known)]
        self.frames[event_id] = frame
        return frame

    @rule(kind=st.sampled_from(KINDS), variant=st.integers(0, 3))
    def request(self, kind: str, variant: int) -> None:
        frame = self.frame(kind, variant)
        event_id = str(frame["event_id"])
        self.wakes[event_id] = 0

        def wake() -> None:
            place = self.places[event_id]
            self.wakes[event_id] += place.result is not None
            if place.result is None:
                self.outbox.append(place)

        place = self.places[event_id] = self.pending.ask(outgoing_from_event(frame), wake)
        if place.may_go:
            self.outbox.append(place)

    @rule(kind=st.sampled_from(KINDS), variant=st.integers(0, 3))
    def send_plain(self, kind: str, variant: int) -> None:
        if kind == "input_audio_buffer.commit" and not self.plain_commits:
            return
        frame = self.frame(kind, variant)
        self.outbox.append(frame)

    @rule()
    @precondition(lambda self: self.outbox)
    def write(self) -> None:
        entry = self.outbox.popleft()
        if isinstance(entry, Place):
            self.pending.sending(entry)
            frame = self.frames[entry.outgoing.event_id]
            kind = str(frame["type"])
            if kind in ONE_AT_A_TIME:
                self.unanswered[kind].add(entry.outgoing.event_id)
        else:
            self.pending.sending(outgoing_from_event(entry))
            frame = entry
        self.upstream.append(frame)

    @rule(data=st.data())
    @precondition(lambda self: self.waiting())
    def cancel_a_caller(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.waiting()))
        if place in self.outbox:
            self.outbox.remove(place)
        self.pending.abandon(place)

    def waiting(self) -> list[Place]:
        return [place for place in self.places.values() if place.awaited and place.result is None]

    @rule()
    @precondition(lambda self: self.downstream)
    def read(self) -> None:
        self.take(self.downstream.popleft())

    @rule(data=st.data())
    @precondition(lambda self: self.late)
    def read_a_late_error(self, data: st.DataObject) -> None:
        self.take(self.late.pop(data.draw(st.integers(0, len(self.late) - 1))))

    def take(self, said: dict[str, JsonValue]) -> None:
        event = decode_server(json.dumps(said))
        named = self.answers[str(said["event_id"])]
        for kind in ONE_AT_A_TIME:
            self.unanswered[kind] -= named
        waited = [self.places[name] for name in named if name in self.places]
        due = [place for place in waited if place.awaited and place.result is None]
        verdict = self.pending.receive(event)
        if said["type"] == "response.created":
            self.note_created(str(said["response_id"]))
        if said["type"] != "error":
            assert verdict is Verdict.DELIVER
        elif waited and self.frames[waited[0].outgoing.event_id]["type"] == "response.cancel":
            # The end of the response may have been the answer, and the error is late.
            assert verdict is not Verdict.YOURS
            assert not due or verdict is Verdict.RAISED
        elif due:
            assert verdict is Verdict.RAISED
            assert due[0].result is not None
        elif waited:
            assert verdict is Verdict.SWALLOWED
        else:
            assert verdict is Verdict.YOURS

    def note_created(self, response_id: str) -> None:
        self.known.append(response_id)
        if response_id in self.running:
            self.running[response_id].seen = True
            self.running[response_id].before = {str(frame["event_id"]) for frame in self.upstream}

    # The server.

    def say(self, wire_type: str, answers: str | None = None, **fields: JsonValue) -> None:
        event_id = self.new_id("s")
        self.answers[event_id] = set() if answers is None else {answers}
        self.downstream.append({"type": wire_type, "event_id": event_id, **fields})

    def refuse(self, frame: dict[str, JsonValue], late: bool = False) -> None:
        event_id = str(frame["event_id"])
        details: JsonValue = {
            "type": "invalid_request_error",
            "code": "c",
            "message": "m",
            "param": None,
            "event_id": event_id,
        }
        self.say("error", event_id, error=details)
        if late:
            self.late.append(self.downstream.pop())

    @rule(refuses=st.booleans())
    @precondition(lambda self: self.upstream)
    def act(self, refuses: bool) -> None:
        frame = self.upstream.popleft()
        kind, event_id = str(frame["type"]), str(frame["event_id"])
        if refuses:
            late = kind == "input_audio_buffer.commit" and not self.plain_commits
            self.refuse(frame, late)
        elif kind in BY_ITEM:
            item_id = frame["item_id"]
            item: JsonValue = {"id": item_id, "type": "message", "role": "user", "content": []}
            self.say(
                BY_ITEM[kind], event_id, item_id=item_id, item=item, content_index=0, audio_end_ms=0
            )
        elif kind == "conversation.item.create":
            self.add_item(frame)
        elif kind == "response.create":
            self.create_response(frame)
        elif kind == "response.cancel":
            self.cancel_response(frame)
        else:
            item_id = self.new_id("item_")
            self.say(ONE_AT_A_TIME[kind], event_id, session={}, item_id=item_id, response_id="r")
            if kind == "input_audio_buffer.commit":
                self.say_item({"id": item_id, "type": "message", "role": "user", "content": []})

    def add_item(self, frame: dict[str, JsonValue]) -> None:
        item = frame["item"]
        assert isinstance(item, dict)
        item_id = item.get("id") if self.keeps_ids else None
        self.say_item({**item, "id": item_id or self.new_id("item_")}, str(frame["event_id"]))

    def say_item(self, item: JsonValue, answers: str | None = None) -> None:
        self.say("conversation.item.added", answers, item=item)
        if self.both:
            self.say("conversation.item.created", item=item)
        self.say("conversation.item.done", item=item)

    def create_response(self, frame: dict[str, JsonValue]) -> None:
        asked = frame["response"]
        assert isinstance(asked, dict)
        in_conversation = asked["conversation"] == "auto"
        if in_conversation and self.conversation_is_busy():
            self.refuse(frame)
            return
        metadata = asked.get("metadata") if self.echoes else None
        self.respond(in_conversation, metadata, str(frame["event_id"]))

    def cancel_response(self, frame: dict[str, JsonValue]) -> None:
        active = [key for key, running in self.running.items() if running.in_conversation]
        wanted = [str(frame["response_id"])] if "response_id" in frame else active
        if not wanted or wanted[0] not in self.running:
            self.refuse(frame)
            return
        del self.running[wanted[0]]
        self.say("response.done", response={"id": wanted[0], "status": "cancelled"})

    def conversation_is_busy(self) -> bool:
        return any(running.in_conversation for running in self.running.values())

    def respond(self, in_conversation: bool, metadata: JsonValue, answers: str | None) -> None:
        response_id = self.new_id("resp_")
        conversation_id = "conv" if in_conversation or not self.null_outside else None
        self.running[response_id] = Running(response_id, in_conversation)
        response: JsonValue = {
            "id": response_id,
            "conversation_id": conversation_id,
            "metadata": metadata,
        }
        self.say("response.created", answers, response=response, response_id=response_id)
        item: JsonValue = {
            "id": self.new_id("out_"),
            "type": "message",
            "role": "user",
            "content": [],
        }
        self.say("response.output_item.added", response_id=response_id, output_index=0, item=item)
        if in_conversation:
            self.say_item(item)

    def finishable(self) -> list[Running]:
        """The responses that may end: the server answers a create within a response's time."""
        on_the_way = {str(frame["event_id"]) for frame in self.upstream}
        return [
            running
            for running in self.running.values()
            if running.seen and not running.before & on_the_way
        ]

    @rule()
    @precondition(lambda self: self.finishable())
    def finish(self) -> None:
        running = self.finishable()[0]
        del self.running[running.response_id]
        self.say("response.done", response={"id": running.response_id, "status": "completed"})

    @rule()
    @precondition(lambda self: not self.conversation_is_busy())
    def hear_a_turn(self) -> None:
        item_id = self.new_id("heard_")
        self.say("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self.say("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=0)
        self.say("input_audio_buffer.committed", item_id=item_id)
        self.say_item({"id": item_id, "type": "message", "role": "user", "content": []})
        self.respond(True, None, None)

    # What must hold.

    @invariant()
    def one_at_a_time_is_kept(self) -> None:
        for kind in ONE_AT_A_TIME:
            assert len(self.unanswered[kind]) <= 1

    @invariant()
    def nobody_gets_anothers_answer(self) -> None:
        for event_id, place in self.places.items():
            if isinstance(place.result, outcome.Value):
                event: Event = place.result.value
                if self.frames[event_id]["type"] == "response.cancel":
                    assert isinstance(event, ResponseDone)
                    wanted = self.frames[event_id].get("response_id")
                    assert wanted in (None, event.response.id)
                else:
                    assert self.answers[str(event.event_id)] == {event_id}
            elif isinstance(place.result, outcome.Error):
                error = place.result.error
                assert isinstance(error, ServerError)
                assert error.event_id == event_id
            assert self.wakes.get(event_id, 0) == (place.result is not None)

    def teardown(self) -> None:
        if not hasattr(self, "drains"):
            return
        if self.drains:
            self.drain()
            self.nobody_gets_anothers_answer()
        lost = RuntimeError("lost")
        waiting = self.waiting()
        assert not (self.drains and waiting)
        self.pending.fail(lambda: lost)
        for place in waiting:
            assert isinstance(place.result, outcome.Error)
        assert all(wakes <= 1 for wakes in self.wakes.values())
        assert self.pending.uncertain == ()

    def drain(self) -> None:
        """Let everything come to its end, late errors last."""
        while self.outbox or self.upstream or self.downstream or self.late or self.finishable():
            if self.outbox:
                self.write()
            elif self.upstream:
                self.act(refuses=False)
            elif self.downstream:
                self.read()
            elif self.finishable():
                self.finish()
            else:
                self.take(self.late.pop())
        assert not self.pending.outstanding


# promise 3, promise 5, pain 3
TestLine = pytest.mark.sweep(Line.TestCase)
TestLine.settings = settings(
    max_examples=effort(150, deep=5000), stateful_step_count=60, deadline=None
)

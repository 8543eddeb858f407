"""Handles of responses against a model of the server, in every order of what the two do.

On a server that echoes the token the model knows where each event has to go. On one that does not,
whose response it is can be a guess: then no handle may get events of two responses, and everybody
still comes to an end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import JsonValue

from tests.core.routing import (
    SPOKEN,
    Asked,
    Ear,
    Line,
    Visitors,
    kept_by,
    kind_of,
    response,
    response_of,
    told,
)
from tests.effort import effort
from trio_realtime._core._gate import Ticket
from trio_realtime._core._pending import Outgoing, Place, outgoing_from_event
from trio_realtime._core._token import TOKEN_KEY
from trio_realtime.events import ServerEvent


@dataclass
class Request:
    """One `respond()`."""

    ear: Ear
    outside: bool
    items: tuple[str, ...]
    ticket: Ticket | None
    retries: int = 1
    asked: Asked | None = None
    entry: Entry | None = None
    placed: tuple[Place, ...] = ()
    state: Literal["waiting", "asking", "open", "over"] = "waiting"
    doomed: str | None = None
    """The create that was on its way when the caller went."""


@dataclass
class Entry:
    """What was handed over in one piece."""

    frames: list[Place | Outgoing]
    is_taken: bool = False


@dataclass
class Running:
    """A response of the model server."""

    in_conversation: bool
    asked_by: str | None
    is_seen: bool = False
    before: set[str] = field(default_factory=set[str])
    """What was on its way to the server when the client heard of the response."""


class Conversation(RuleBasedStateMachine):
    """Requests on one side, the model server on the other, a line of frames between."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.count = 0
        self.requests: list[Request] = []
        self.by_create: dict[str, Request] = {}
        self.outbox: deque[Entry] = deque()
        self.upstream: deque[Outgoing] = deque()
        self.downstream: deque[ServerEvent] = deque()
        self.running: dict[str, Running] = {}
        self.whose: dict[str, str | None] = {}
        self.visitors: Visitors | None = None
        self.all_visitors: list[Visitors] = []
        self.homes: dict[str, Ear | Literal["stream", "nowhere"]] = {}
        self.left: set[str] = set()
        self.done: set[str] = set()
        self.flushed = 0
        self.sent_plain = False

    @initialize(
        echoes=st.booleans(),
        null_outside=st.booleans(),
        keeps_ids=st.booleans(),
        creates=st.booleans(),
        interrupts=st.booleans(),
        names_active=st.booleans(),
    )
    def choose_a_server(
        self,
        echoes: bool,
        null_outside: bool,
        keeps_ids: bool,
        creates: bool,
        interrupts: bool,
        names_active: bool,
    ) -> None:
        self.echoes = echoes
        self.null_outside = null_outside
        self.keeps_ids = keeps_ids
        self.creates = creates
        self.interrupts = interrupts
        self.names_active = names_active
        detection: JsonValue = {"create_response": creates, "interrupt_response": interrupts}
        session: JsonValue = {"audio": {"input": {"turn_detection": detection}}}
        self.say("session.created", session=session)
        self.read(twice=False)
        if echoes:
            # Until it has done so once, it is not known to.
            first = self.ask(outside=True, items=0)
            self.write()
            self.act(refuses=False)
            self.read(twice=False)
            self.leave(first)

    def new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    # The client.

    @rule(outside=st.booleans(), items=st.integers(0, 2))
    def asks(self, outside: bool, items: int) -> None:
        self.ask(outside=outside, items=items)

    def ask(self, *, outside: bool, items: int) -> Request:
        ticket = None if outside else self.line.gate.queue(lambda: None)
        names = () if outside else tuple(self.new_id("item_") for _ in range(items))
        request = Request(Ear(self.new_id("ear_")), outside, names, ticket)
        self.requests.append(request)
        if outside:
            self.hand_over(request)
        return request

    def called(self) -> list[Request]:
        waiting = [request for request in self.requests if request.state == "waiting"]
        return [each for each in waiting if each.ticket and each.ticket.state != "waiting"]

    @rule()
    @precondition(lambda self: self.called())
    def wakes(self) -> None:
        """One that waits for its turn sees what has become of it."""
        request = self.called()[0]
        assert request.ticket is not None
        if request.ticket.state == "granted":
            self.hand_over(request)
        else:
            request.state = "over"

    def hand_over(self, request: Request) -> None:
        asked = request.asked = self.line.asks(
            self.new_id("e"),
            outside=request.outside,
            items=request.items,
            ticket=request.ticket,
            retries=request.retries,
            sends=False,
            ear=request.ear,
            after=request.placed,
        )
        request.items = ()
        request.placed += asked.items
        self.by_create[asked.event_id] = request
        request.entry = Entry([*asked.items, asked.place])
        request.state = "asking"
        self.outbox.append(request.entry)

    def asking(self) -> list[Request]:
        """Those who may be cancelled while they enter."""
        return [request for request in self.requests if request.state in ("waiting", "asking")]

    @rule(data=st.data())
    @precondition(lambda self: self.asking())
    def goes(self, data: st.DataObject) -> None:
        self.go(data.draw(st.sampled_from(self.asking())))

    def go(self, request: Request) -> None:
        if request.state == "waiting":
            assert request.ticket is not None
            self.line.gate.leave(request.ticket)
        else:
            assert request.asked is not None
            assert request.entry is not None
            if request.entry.is_taken:
                request.doomed = request.asked.event_id
                self.line.goes(request.asked)
            else:
                self.outbox.remove(request.entry)
                self.line.takes_back(request.asked)
        request.state = "over"

    def open_requests(self) -> list[Request]:
        return [request for request in self.requests if request.state == "open"]

    @rule(data=st.data())
    @precondition(lambda self: self.open_requests())
    def leaves(self, data: st.DataObject) -> None:
        self.leave(data.draw(st.sampled_from(self.open_requests())))

    def leave(self, request: Request) -> None:
        assert request.asked is not None
        assert request.asked.answer is not None
        request.state = "over"
        self.leave_response(request.asked.answer, request.ear)

    def leave_response(self, response_id: str, ear: Ear) -> None:
        if self.line.leave(response_id, ear):
            assert response_id not in self.done
            self.cancel(response_id)
        if self.homes[response_id] is ear:
            self.left.add(response_id)
            self.settle(response_id)

    def cancel(self, response_id: str) -> None:
        frame: JsonValue = {"type": "response.cancel", "response_id": response_id}
        assert isinstance(frame, dict)
        place = Place(outgoing_from_event(frame, self.new_id("c")), own=True)
        self.outbox.append(Entry([place]))

    @rule()
    @precondition(lambda self: self.line.gate.is_open is False)
    def cancels_the_active(self) -> None:
        self.line.replies.cancel_active(now=self.line.now)

    @rule(kind=st.sampled_from(["response.create", "response.cancel"]))
    def sends_plain(self, kind: str) -> None:
        frame = outgoing_from_event({"type": kind}, self.new_id("p"))
        self.sent_plain |= kind == "response.create"
        self.outbox.append(Entry([frame]))

    @rule()
    def turns_incoming_on_or_off(self) -> None:
        if self.visitors is None:
            self.visitors = self.line.visitors()
            self.all_visitors.append(self.visitors)
            return
        visitors, self.visitors = self.visitors, None
        self.line.replies.incoming = None
        for response_id, ear in visitors.ears.items():
            self.leave_response(response_id, ear)

    @rule(seconds=st.sampled_from([0.3, 1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.line.passes(seconds)
        self.look_around()

    @rule()
    @precondition(lambda self: self.outbox)
    def write(self) -> None:
        """The writer takes the next frame."""
        entry = self.outbox[0]
        entry.is_taken = True
        frame = entry.frames.pop(0)
        if not entry.frames:
            self.outbox.popleft()
        self.line.sends(frame)
        self.upstream.append(frame.outgoing if isinstance(frame, Place) else frame)

    @rule(twice=st.booleans())
    @precondition(lambda self: self.downstream)
    def read(self, twice: bool) -> None:
        event = self.downstream.popleft()
        for _ in range(1 + twice):
            self.take(event)

    def take(self, event: ServerEvent) -> None:
        kind, response_id = kind_of(event), response_of(event)
        if kind == "response.created" and response_id not in self.homes:
            asked_by = self.whose[response_id]
            self.note_created(response_id)
            self.hear(event)
            self.settle_home(response_id, asked_by)
        else:
            self.hear(event)
        if self.echoes and kind.startswith("response."):
            home = self.homes[response_id]
            assert self.heard == ([] if home == "nowhere" else [home]), (event, home, self.heard)
        if kind == "response.done":
            self.done.add(response_id)
            self.settle(response_id)
        self.look_around()

    def hear(self, event: ServerEvent) -> None:
        """Read an event, and look who gets it."""
        before = {id(ear): len(ear.heard) for ear in self.ears()}
        streamed = len(self.line.stream)
        self.line.hears(event)
        self.heard: list[Ear | str] = [
            ear for ear in self.ears() if len(ear.heard) > before.get(id(ear), 0)
        ]
        self.heard += ["stream"] * (len(self.line.stream) - streamed)

    def ears(self) -> list[Ear]:
        visitors = [ear for each in self.all_visitors for ear in each.ears.values()]
        return [*(request.ear for request in self.requests), *visitors]

    def note_created(self, response_id: str) -> None:
        running = self.running.get(response_id)
        if running is not None:
            running.is_seen = True
            running.before = {frame.event_id for frame in self.upstream}

    def settle_home(self, response_id: str, asked_by: str | None) -> None:
        """Where the events of a response that has just begun are to go."""
        if not self.echoes:
            ears = [each for each in self.heard if isinstance(each, Ear)]
            assert len(self.heard) <= 1
            self.homes[response_id] = ears[0] if ears else "stream"
        elif asked_by in self.by_create:
            request = self.by_create[asked_by]
            self.homes[response_id] = "nowhere" if request.doomed == asked_by else request.ear
        elif self.visitors is not None and response_id in self.visitors.ears:
            self.homes[response_id] = self.visitors.ears[response_id]
            assert asked_by is None or self.sent_plain
        else:
            # A plain create has no token: whether its answer or another's came first is a guess.
            self.homes[response_id] = "stream"
            assert self.visitors is None or asked_by is not None or self.sent_plain

    def settle(self, response_id: str) -> None:
        if response_id in self.left and response_id in self.done:
            self.homes[response_id] = "nowhere"

    def look_around(self) -> None:
        """The library hands its own cancels over, and whoever was woken looks at the answer."""
        self.flush()
        for request in self.requests:
            self.see_answer(request)

    def see_answer(self, request: Request) -> None:
        """What the task of a request does when it is woken."""
        if request.state != "asking":
            return
        assert request.asked is not None
        if request.asked.is_answered():
            request.state = "open"
        elif request.asked.is_refused():
            request.retries -= 1
            if request.ticket is None or request.ticket.state == "over":
                request.state = "over"
            else:
                request.state = "waiting"

    def flush(self) -> None:
        """The library's own cancels are handed over."""
        while self.flushed < len(self.line.cancels):
            self.cancel(self.line.cancels[self.flushed])
            self.flushed += 1

    # The server.

    def say(self, wire_type: str, **fields: JsonValue) -> None:
        self.downstream.append(told(wire_type, **fields))

    @rule(refuses=st.booleans())
    @precondition(lambda self: self.upstream)
    def act(self, refuses: bool) -> None:
        frame = self.upstream.popleft()
        if frame.type == "response.cancel":
            self.obey(frame)
        elif frame.type == "response.create":
            if frame.conversation != "none" and (active := self.active()) is not None:
                named = f": {active}." if self.names_active else "."
                self.refuse(frame, "conversation_already_has_active_response", named)
            elif refuses:
                self.refuse(frame, "invalid_value")
            else:
                self.respond(frame.conversation != "none", frame)
        else:
            item_id = frame.item_id if self.keeps_ids else self.new_id("item_")
            item: JsonValue = {"id": item_id, **SPOKEN}
            self.say("conversation.item.added", item=item)

    def obey(self, frame: Outgoing) -> None:
        wanted = frame.response_id or self.active()
        if wanted in self.running:
            self.end(wanted, "cancelled", "client_cancelled")
        else:
            self.refuse(frame, "response_cancel_not_active")

    def refuse(self, frame: Outgoing, code: str, named: str = "") -> None:
        error: JsonValue = {
            "type": "invalid_request_error",
            "code": code,
            "message": f"Conversation already has an active response in progress{named}",
            "param": None,
            "event_id": frame.event_id,
        }
        self.say("error", error=error)

    def active(self) -> str | None:
        return next((name for name, it in self.running.items() if it.in_conversation), None)

    def respond(self, in_conversation: bool, frame: Outgoing | None) -> None:
        response_id = self.new_id("resp_")
        asked_by = None if frame is None else frame.event_id
        self.running[response_id] = Running(in_conversation, asked_by)
        self.whose[response_id] = asked_by
        token = None if frame is None else (frame.metadata or {}).get(TOKEN_KEY)
        metadata: JsonValue = {TOKEN_KEY: str(token)} if self.echoes and token else None
        inside = in_conversation or not self.null_outside
        self.say(
            "response.created",
            response=response(
                response_id, metadata=metadata, conversation_id="conv" if inside else None
            ),
        )

    def end(self, response_id: str, status: str, reason: str | None = None) -> None:
        del self.running[response_id]
        details: JsonValue = None if reason is None else {"type": status, "reason": reason}
        self.say(
            "response.done", response=response(response_id, status=status, status_details=details)
        )

    @rule(data=st.data())
    @precondition(lambda self: self.running)
    def writes(self, data: st.DataObject) -> None:
        response_id = data.draw(st.sampled_from(list(self.running)))
        self.say(
            "response.output_text.delta",
            response_id=response_id,
            item_id="item",
            output_index=0,
            content_index=0,
            delta="a",
        )

    def finishable(self) -> list[str]:
        """The responses that may end: the server answers a create within a response's time."""
        on_the_way = {frame.event_id for frame in self.upstream}
        return [
            name
            for name, running in self.running.items()
            if running.is_seen and not running.before & on_the_way
        ]

    @rule(data=st.data(), status=st.sampled_from(["completed", "incomplete", "failed"]))
    @precondition(lambda self: self.finishable())
    def finishes(self, data: st.DataObject, status: str) -> None:
        self.end(data.draw(st.sampled_from(self.finishable())), status)

    @rule()
    def hears_a_turn(self) -> None:
        item_id = self.new_id("heard_")
        self.say("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        active = self.active()
        if self.interrupts and active is not None:
            self.end(active, "cancelled", "turn_detected")
        self.say("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=0)
        self.say("input_audio_buffer.committed", item_id=item_id)
        self.say("conversation.item.added", item={"id": item_id, **SPOKEN})
        self.say("conversation.item.done", item={"id": item_id, **SPOKEN})
        if self.creates and self.active() is None:
            self.respond(True, None)

    @rule(in_conversation=st.booleans())
    @precondition(lambda self: self.echoes)
    def others_ask(self, in_conversation: bool) -> None:
        """Another client of the session; without an echo it cannot be told from us."""
        if not (in_conversation and self.active() is not None):
            self.respond(in_conversation, None)

    # What must hold.

    @invariant()
    def one_turn_at_a_time(self) -> None:
        granted = [each for each in self.requests if each.ticket and each.ticket.state == "granted"]
        assert len(granted) <= 1

    @invariant()
    def a_handle_hears_of_one_response(self) -> None:
        for ear in self.ears():
            assert len({response_of(event) for event in ear.heard}) <= 1
            kinds = [event.event_id for event in ear.heard if kind_of(event) == "response.done"]
            assert len(set(kinds)) <= 1
            assert not ear.heard or kind_of(ear.heard[0]) == "response.created"

    @invariant()
    def who_has_an_answer_hears_of_it(self) -> None:
        for request in self.open_requests():
            assert request.asked is not None
            assert request.asked.answer == response_of(request.ear.heard[0])

    def teardown(self) -> None:
        if not hasattr(self, "echoes"):
            return
        self.drain()
        for request in self.requests:
            assert request.state in ("open", "over"), request
            self.check_end(request)
        self.check_doomed()
        for request in self.open_requests():
            self.leave(request)
        if self.visitors is not None:
            self.turns_incoming_on_or_off()
        self.drain()
        assert self.line.gate.is_open
        cancelled = len(self.line.cancels)
        self.respond(True, None)
        self.drain()
        assert (self.heard, len(self.line.cancels)) == (["stream"], cancelled)
        assert self.line.gate.is_open
        assert self.line.replies.deadline == float("inf")
        assert not self.line.pending.outstanding
        # The table tells of the last event until the next.
        self.line.says("output_audio_buffer.cleared", response_id="none")
        assert kept_by(self.line) == []
        self.line.replies.end()
        assert all(ear.endings == 0 for ear in self.ears())

    def check_end(self, request: Request) -> None:
        """A handle that began has ended."""
        kinds = [kind_of(event) for event in request.ear.heard]
        assert not kinds or kinds[-1] == "response.done"

    def check_doomed(self) -> None:
        if not self.echoes:
            return
        created = {asked_by: name for name, asked_by in self.whose.items()}
        for request in self.requests:
            if request.doomed is not None and request.doomed in created:
                assert created[request.doomed] in self.line.cancels
                assert request.ear.heard == []

    def drain(self) -> None:
        """Let everything come to its end."""
        for _ in range(1000):
            if self.outbox:
                self.write()
            elif self.upstream:
                self.act(refuses=False)
            elif self.downstream:
                self.read(twice=False)
            elif self.called():
                self.wakes()
            elif self.finishable():
                self.end(self.finishable()[0], "completed")
            elif self.line.replies.deadline < float("inf"):
                self.time_passes(self.line.replies.deadline - self.line.now)
            elif self.line.pending.outstanding and (self.sent_plain or not self.echoes):
                # What was cut short proved nothing: the next response decides.
                self.respond(True, None)
            else:
                return
        raise AssertionError("it comes to no end")


# promise 1, promise 3, pain 3
TestConversation = pytest.mark.sweep(Conversation.TestCase)
TestConversation.settings = settings(
    max_examples=effort(120, deep=3000), stateful_step_count=60, deadline=None
)

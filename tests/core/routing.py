"""The gate, the pending table and the handles of one connection, told what a connection tells them.

Frames are written and events are read when a test says so, and nothing waits.
"""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType

import outcome
from pydantic import BaseModel, JsonValue

from trio_realtime._core._event import Event
from trio_realtime._core._gate import Gate, Ticket
from trio_realtime._core._outgoing import text_at
from trio_realtime._core._pending import Outgoing, Pending, Place, Verdict, outgoing_from_event
from trio_realtime._core._replies import NAMELESS, NOTED, Replies
from trio_realtime._core._token import TOKEN_KEY, without_token
from trio_realtime.events import ServerEvent, decode_server

CANCEL_TIMEOUT = 5.0
BACKLOG = 1000

SPOKEN: Mapping[str, JsonValue] = {"type": "message", "role": "user", "content": []}

_numbers = itertools.count(1)


class Ear:
    """A listener: what it was given, and how often it was told of the end."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.heard: list[Event] = []
        self.endings = 0
        self.holds_unread = False

    def take(self, event: Event, weight: int) -> None:
        assert weight > 0
        self.heard.append(event)

    def end(self) -> None:
        self.endings += 1

    def __repr__(self) -> str:
        return f"<Ear {self.name}>"

    @property
    def kinds(self) -> list[str]:
        return [kind_of(event) for event in self.heard]


class Visitors:
    """Takes the responses that others start; beyond a limit it leaves the oldest."""

    def __init__(self, line: Line, most: int = 1000) -> None:
        self._line = line
        self._most = most
        self.ears: dict[str, Ear] = {}
        self.outside: list[str] = []
        self.endings = 0

    def open(self, response_id: str, *, in_conversation: bool) -> Ear:
        ear = self.ears[response_id] = Ear(response_id)
        if not in_conversation:
            self.outside.append(response_id)
        if len(self.ears) > self._most:
            oldest = next(iter(self.ears))
            self._line.leave(oldest, self.ears.pop(oldest))
        return ear

    def end(self) -> None:
        self.endings += 1


@dataclass
class Asked:
    """One request for a response."""

    event_id: str
    ear: Ear
    place: Place
    ticket: Ticket | None = None
    items: tuple[Place, ...] = ()

    @property
    def answer(self) -> str | None:
        """The id of the response that answers it."""
        assert isinstance(self.place.result, outcome.Value), self.place.result
        return text_at(self.place.result.value, "response", "id")

    def is_answered(self) -> bool:
        return isinstance(self.place.result, outcome.Value)

    def is_refused(self) -> bool:
        return isinstance(self.place.result, outcome.Error)


class Line:
    """One connection."""

    def __init__(self, backlog_bytes: int = BACKLOG) -> None:
        self.now = 0.0
        self.pending = Pending()
        self.gate = Gate(cancel_timeout=CANCEL_TIMEOUT)
        self.cancels: list[str] = []
        self.replies = Replies(
            self.pending,
            self.gate,
            cancel=self.cancels.append,
            backlog_bytes=backlog_bytes,
            doubt_seconds=CANCEL_TIMEOUT,
        )
        self.stream: list[Event] = []

    # The client.

    def asks(
        self,
        name: str,
        *,
        outside: bool = False,
        items: tuple[str, ...] = (),
        ticket: Ticket | None = None,
        retries: int = 0,
        sends: bool = True,
        ear: Ear | None = None,
        after: tuple[Place, ...] = (),
    ) -> Asked:
        """Ask for a response as `respond()` does; `after` are items that were sent before."""
        if ticket is None and not outside:
            ticket = self.gate.queue(ignore)
            assert state_of(ticket) == "granted"
        places = tuple(
            self.pending.ask(
                outgoing_from_event(
                    {"type": "conversation.item.create", "item": {"id": item, **SPOKEN}},
                    f"{name}_{item}",
                ),
                ignore,
            )
            for item in items
        )
        response: dict[str, JsonValue] = {"metadata": {TOKEN_KEY: name}}
        if outside:
            response["conversation"] = "none"
        frame = outgoing_from_event({"type": "response.create", "response": response}, name)
        place = self.pending.ask(frame, ignore, after=after + places)
        asked = Asked(name, ear or Ear(name), place, ticket, places)
        self.replies.expect(name, asked.ear, ticket, retries=retries)
        if sends:
            self.sends(*places, place)
        return asked

    def sends(self, *frames: Place | Outgoing) -> None:
        """The writer takes frames."""
        for frame in frames:
            self.pending.sending(frame)
            outgoing = frame.outgoing if isinstance(frame, Place) else frame
            self.replies.sending(outgoing, now=self.now)

    def sends_plain(self, kind: str, event_id: str, **fields: JsonValue) -> None:
        self.sends(outgoing_from_event({"type": kind, **fields}, event_id))

    def goes(self, asked: Asked) -> None:
        """The caller is cancelled after its frames were handed over."""
        self.replies.doom(asked.event_id)
        for place in (*asked.items, asked.place):
            self.pending.abandon(place)

    def takes_back(self, asked: Asked) -> None:
        """The caller is cancelled before the writer took its frames."""
        self.replies.forget(asked.event_id)
        if asked.ticket is not None:
            self.gate.leave(asked.ticket)
        for place in (*asked.items, asked.place):
            self.pending.abandon(place)

    def leave(self, response_id: str, ear: Ear) -> bool:
        return self.replies.leave(response_id, ear, now=self.now)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.replies.advance(self.now)

    def visitors(self, most: int = 1000) -> Visitors:
        visitors = Visitors(self, most)
        self.replies.incoming = visitors
        return visitors

    # The server.

    def hears(self, event: Event, weight: int = 1) -> Verdict:
        """The reader reads an event."""
        verdict = self.pending.receive(event)
        if event.type in NOTED or event.type == "<invalid>":
            event = without_token(event)
            self.replies.note(event, weight, now=self.now)
        if self.replies.route(event, weight):
            self.stream.append(event)
        return verdict

    def says(self, kind: str, weight: int = 1, **fields: JsonValue) -> Verdict:
        return self.hears(told(kind, **fields), weight)

    def creates(
        self, response_id: str | None, *, answers: str | None = None, **fields: JsonValue
    ) -> None:
        """The server creates a response; with `answers` it echoes the token of that create."""
        if answers is not None:
            fields["metadata"] = {TOKEN_KEY: answers}
        self.says("response.created", response=response(response_id, **fields))

    def writes(self, response_id: str | None, *deltas: str, weight: int = 1) -> None:
        for delta in deltas:
            self.says(
                "response.output_text.delta",
                weight,
                response_id=response_id,
                item_id=f"item_{response_id}",
                output_index=0,
                content_index=0,
                delta=delta,
            )

    def ends(self, response_id: str | None, status: str = "completed", **fields: JsonValue) -> None:
        self.says("response.done", response=response(response_id, status=status, **fields))

    def interrupts(self, response_id: str) -> None:
        """The server ends a response because the user speaks."""
        details: JsonValue = {"type": "cancelled", "reason": "turn_detected"}
        self.ends(response_id, "cancelled", status_details=details)

    def adds(self, item_id: str) -> None:
        item: JsonValue = {"id": item_id, **SPOKEN}
        self.says("conversation.item.added", item=item)
        self.says("conversation.item.done", item=item)

    def hears_a_turn(self, item_id: str = "turn") -> None:
        """Voice detection hears the user, and commits what it heard."""
        self.says("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)
        self.says("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=9)
        self.says("input_audio_buffer.committed", item_id=item_id)
        self.adds(item_id)

    def refuses(self, event_id: str, *, busy: bool = False, message: str = "no") -> Verdict:
        code = "conversation_already_has_active_response" if busy else "invalid_value"
        details: JsonValue = {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": None,
            "event_id": event_id,
        }
        return self.says("error", error=details)

    # What can be seen.

    def is_open(self) -> bool:
        return self.gate.is_open

    def holds_unread(self) -> bool:
        return self.replies.holds_unread

    @property
    def streamed(self) -> list[str]:
        """What of responses came in the stream."""
        kinds = [kind_of(event) for event in self.stream]
        return [kind for kind in kinds if kind.startswith("response.")]


def doubted(line: Line) -> Asked:
    """A create, and a response of which nobody knows whether it is the answer."""
    asked = line.asks("e1")
    line.hears_a_turn()
    line.creates("rx", conversation_id="conv")
    assert not asked.is_answered()
    return asked


def state_of(ticket: Ticket | None) -> str:
    """What has become of a ticket."""
    assert ticket is not None
    return ticket.state


def ignore() -> None:
    """Nobody sleeps here."""


def told(kind: str, **fields: JsonValue) -> ServerEvent:
    return decode_server(json.dumps({"type": kind, "event_id": f"s{next(_numbers)}", **fields}))


def response(response_id: str | None, **fields: JsonValue) -> JsonValue:
    named: dict[str, JsonValue] = {} if response_id is None else {"id": response_id}
    return {**named, "object": "realtime.response", "output": [], "metadata": None, **fields}


def kind_of(event: Event) -> str:
    if event.type in ("<invalid>", "<unknown>"):
        return text_at(event, "type") or ""
    return event.type


def response_of(event: Event) -> str:
    return text_at(event, "response", "id") or text_at(event, "response_id") or NAMELESS


def kept_by(line: Line) -> list[object]:
    """The listeners, tickets and events that are still in somebody's books."""
    seen: set[int] = set()
    todo: list[object] = [line.replies]
    kept: list[object] = []
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, type | ModuleType | FunctionType):
            continue
        seen.add(id(thing))
        if isinstance(thing, Ear | Ticket | BaseModel):
            kept.append(thing)
        todo += gc.get_referents(thing)
    return kept

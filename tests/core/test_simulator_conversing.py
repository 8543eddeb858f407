"""Whatever clients send and whenever: responses end once, one is active, items are where told.

Every frame is checked as in all tests, and the order of them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.effort import effort
from tests.testing.faithful import Frame
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    Fail,
    Incomplete,
    Manner,
    McpServer,
    Question,
    Refuse,
    Say,
    Silence,
    Together,
)
from trio_realtime.audio import silence, tone

SHOP: Final[JsonValue] = {
    "type": "mcp",
    "server_label": "shop",
    "server_url": "https://shop.example",
    "require_approval": {"always": {"tool_names": ["buy"]}},
}
CALL: Final = CallTool("f", {"a": 1})

PLANS: Final[tuple[tuple[Action, ...] | None, ...]] = (
    (Say("one two three four five six"),),
    (Say(""), Silence(2), Say("seven")),
    (Together("eight nine", CALL, CallMcp("look", seconds=1)),),
    (CALL, CALL),
    (CallMcp("buy"), CallMcp("look", error="broken", seconds=3), Say("ten")),
    (Say("eleven"), Fail("server_error")),
    (Together("twelve", CALL), Incomplete()),
    (Refuse("odd"),),
    (Say("own", audio=tone(440, 300)),),
    (),
    None,  # who is asked takes a while
)

# Short, so that what overlaps in time is likely.
SECONDS: Final = st.sampled_from([0.0, 0.01, 0.1, 0.7, 5.0])

CREATES: Final[tuple[dict[str, JsonValue], ...]] = (
    {},
    {"conversation": "none", "metadata": {"name": "x"}},
    {"conversation": "none", "input": [], "output_modalities": ["text"]},
    {"output_modalities": ["text"], "instructions": "be brief"},
    {"max_output_tokens": 3},
    {"tools": [SHOP], "reasoning": {"effort": "low"}},
    {"audio": {"output": {"voice": "ash"}}},
    {"input": [{"type": "item_reference", "id": "item_none"}]},
    {"metadata": {"x": 7}},
)

UPDATES: Final[tuple[dict[str, JsonValue], ...]] = (
    {"tools": [SHOP]},
    {"tools": [], "max_output_tokens": 20},
    {"output_modalities": ["text"]},
    {"output_modalities": ["audio"], "audio": {"output": {"format": {"type": "audio/pcmu"}}}},
    {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}},
    {"nonsense": 1},
)


class Conversing(RuleBasedStateMachine):
    """One session, over WebSocket or beside a call."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: Iterator[tuple[Action, ...] | None] = iter(())
        self.seen = 0
        self.open: dict[JsonValue, bool] = {}
        self.over: set[JsonValue] = set()
        self.items: list[JsonValue] = []
        self.playing: JsonValue = None

    @initialize(
        query=st.sampled_from(["model=gpt-realtime", "model=gpt-realtime-2.1", "call_id=rtc_1"]),
        plans=st.lists(st.sampled_from(PLANS), min_size=1),
    )
    def connect(self, query: str, plans: list[tuple[Action, ...] | None]) -> None:
        self.plans = cycle(plans)
        servers = {"shop": McpServer(["buy", "look"], seconds=0.5)}
        self.client = Client(
            query=query,
            reply=self.reply,
            manner=Manner(rate_limits=True, mcp_servers=servers, transcription_seconds=0.2),
        )

    def reply(self, _: Question) -> tuple[Action, ...] | None:
        return next(self.plans)

    def item_id(self, number: int) -> str:
        known = [entry.id for entry in self.client.simulation.conversation]
        return known[number % len(known)] if known else "item_none"

    @rule(response=st.sampled_from(CREATES))
    def creates_a_response(self, response: dict[str, JsonValue]) -> None:
        self.client.send("response.create", response=response)

    @rule(number=st.integers(0, 3))
    def cancels(self, number: int) -> None:
        known = [*self.open, None, "resp_none"]
        response_id = known[number % len(known)]
        self.client.send("response.cancel", response_id=response_id)

    @rule(session=st.sampled_from(UPDATES))
    def updates(self, session: dict[str, JsonValue]) -> None:
        self.client.update(**session)

    @rule(number=st.integers(0, 9), ends=st.booleans())
    def says(self, number: int, ends: bool) -> None:
        content: JsonValue = [{"type": "input_text", "text": "call f"}]
        item: JsonValue = {"type": "message", "role": "user", "content": content}
        previous = None if ends else ("root", self.item_id(number))[number % 2]
        self.client.send("conversation.item.create", item=item, previous_item_id=previous)

    @rule(approve=st.booleans())
    def answers_calls(self, approve: bool) -> None:
        for entry in list(self.client.simulation.conversation)[-3:]:
            item: JsonValue = None
            if entry.type == "function_call":
                item = {"type": "function_call_output", "output": "42"}
                item["call_id"] = entry.item["call_id"]
            elif entry.type == "mcp_approval_request":
                item = {"type": "mcp_approval_response", "approve": approve}
                item["approval_request_id"] = entry.id
            if item is not None:
                self.client.send("conversation.item.create", item=item)

    @rule(number=st.integers(0, 20), ms=st.integers(0, 2000))
    def truncates(self, number: int, ms: int) -> None:
        self.client.send(
            "conversation.item.truncate",
            item_id=self.item_id(number),
            content_index=0,
            audio_end_ms=ms,
        )

    @rule(number=st.integers(0, 20), kind=st.sampled_from(["delete", "retrieve"]))
    def deletes_or_retrieves(self, number: int, kind: str) -> None:
        self.client.send(f"conversation.item.{kind}", item_id=self.item_id(number))

    @rule(
        kind=st.sampled_from(
            ["input_audio_buffer.commit", "input_audio_buffer.clear", "output_audio_buffer.clear"]
        )
    )
    def commits_or_clears(self, kind: str) -> None:
        self.client.send(kind)

    @rule(loud_ms=st.sampled_from([0, 60, 400]), quiet_ms=st.sampled_from([0, 100, 1500]))
    def appends(self, loud_ms: int, quiet_ms: int) -> None:
        self.client.append(tone(300, loud_ms) + silence(quiet_ms))

    @rule(seconds=SECONDS)
    def waits(self, seconds: float) -> None:
        self.client.run(seconds)

    @rule()
    def answers_late(self) -> None:
        for question in self.client.unanswered[:1]:
            self.client.unanswered.remove(question)
            self.client.simulation.answer(question, [Say("at last")], self.client.now)

    @rule(seconds=SECONDS, remaining=st.integers(0, 50_000))
    def drives(self, seconds: float, remaining: int) -> None:
        self.client.simulation.read_clock(self.client.now)
        self.client.simulation.late_done(seconds)
        self.client.simulation.rate_limits(remaining=remaining)

    @invariant()
    def all_is_as_told(self) -> None:
        if not hasattr(self, "client"):
            return
        self.client.collect()
        for frame in self.client.frames[self.seen :]:
            self.see(frame)
        self.seen = len(self.client.frames)
        assert self.items == [entry.id for entry in self.client.simulation.conversation]

    def see(self, frame: Frame) -> None:
        match frame["type"]:
            case "response.created":
                response_id = at(frame, "response", "id")
                assert response_id not in self.open.keys() | self.over
                default = at(frame, "response", "conversation_id") is not None
                self.open[response_id] = default
                assert sum(self.open.values()) <= 1
            case "response.done":
                response_id = at(frame, "response", "id")
                self.over.add(response_id)
                del self.open[response_id]
            case "conversation.item.added":
                previous = frame["previous_item_id"]
                place = 0 if previous is None else self.items.index(previous) + 1
                self.items.insert(place, at(frame, "item", "id"))
            case "conversation.item.deleted":
                self.items.remove(frame["item_id"])
            case "output_audio_buffer.started":
                assert self.playing is None
                self.playing = frame["response_id"]
            case "output_audio_buffer.stopped":
                assert self.playing == frame["response_id"]
                self.playing = None
            case "output_audio_buffer.cleared":
                assert self.playing in (None, frame["response_id"])
                self.playing = None
            case _:
                pass

    def teardown(self) -> None:
        if not hasattr(self, "client"):
            return
        self.client.listen_with(turn_detection=None)  # or the idle timeout goes on and on
        while self.client.unanswered or self.open:
            self.answers_late()
            self.client.run(60)
            self.all_is_as_told()
        self.client.run(60)
        self.all_is_as_told()
        self.client.check()
        assert self.playing is None
        assert self.client.simulation.closing is None


TestConversing = pytest.mark.sweep(Conversing.TestCase)
TestConversing.settings = settings(
    max_examples=effort(60, deep=600), stateful_step_count=40, deadline=None
)

"""Whatever happens in a conversation, the mirror holds what the server holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import JsonValue

from tests.core.simulated import Client
from tests.testing.faithful import Frame
from tests.wire import needs_recordings, shared_lines
from trio_realtime._core._mirror import MIRRORED, Mirror
from trio_realtime._core._outgoing import text_at
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    Manner,
    McpServer,
    Question,
    Say,
    Together,
)
from trio_realtime.events import decode_server
from trio_realtime.types import (
    AssistantMessage,
    AudioPart,
    InputAudio,
    Item,
    OutputAudio,
    UnknownItem,
    UserMessage,
)

Json = dict[str, JsonValue]

REPLIES: list[list[Action]] = [
    [Say("one two three four five six")],
    [CallTool("look")],
    [Say("Just a moment."), CallTool("look")],
    [Together(Say("both at a time"), CallTool("look"))],
    [CallMcp("buy", server_label="shop"), Say("bought")],
    [],
]

SHOP: Json = {"type": "mcp", "server_label": "shop", "server_url": "https://shop.example/mcp"}


def shown(item: Item) -> Json:
    assert not isinstance(item, UnknownItem)
    wire: Json = json.loads(item.model_dump_json(exclude_unset=True))
    return wire


class Kept:
    """A mirror of a simulated session, fed with every frame the session sends."""

    def __init__(self, client: Client) -> None:
        self.client: Client = client
        self.mirror: Mirror = Mirror()
        self.fed: int = 0

    @property
    def held(self) -> list[Json]:
        """What the mirror holds, once it knows all that was sent."""
        for frame in self.client.frames[self.fed :]:
            event = decode_server(json.dumps(frame))
            if event.type in MIRRORED:
                self.mirror.receive(event)
        self.fed = len(self.client.frames)
        return [shown(item) for item in self.mirror.items]


class Conversing(RuleBasedStateMachine):
    """A client that does anything with a conversation, in any order and at any time."""

    @initialize(
        xai=st.booleans(),
        rewrites=st.booleans(),
        shop=st.booleans(),
        interrupts=st.booleans(),
        transcribed=st.sampled_from([0.0, 0.5, 5.0]),
    )
    def open(
        self, xai: bool, rewrites: bool, shop: bool, interrupts: bool, transcribed: float
    ) -> None:
        manner = Manner(
            event_order="xai" if xai else "openai",
            rewrite_item_ids=rewrites,
            transcription_seconds=transcribed,
            mcp_servers={"shop": McpServer(["buy"], seconds=0.5)},
        )
        self.plan: list[Action] = REPLIES[0]
        self.count = 0
        self.client = Client(manner=manner, reply=self.reply)
        self.kept = Kept(self.client)
        tools: list[JsonValue] = [{**SHOP, "require_approval": "never"}] if shop else []
        self.client.update(
            tools=tools,
            audio={
                "input": {
                    "transcription": {"model": "gpt-realtime-whisper"},
                    "turn_detection": {"type": "server_vad", "interrupt_response": interrupts},
                }
            },
        )

    def reply(self, question: Question) -> list[Action]:
        return self.plan

    @rule(text=st.sampled_from(["Hello.", "And?"]), place=st.integers(-2, 5))
    def create(self, text: str, place: int) -> None:
        self.count += 1
        content: JsonValue = [{"type": "input_text", "text": text}]
        item: Json = {"id": f"mine_{self.count}", "type": "message", "role": "user"}
        where: Json = {}
        if place == -1:
            where = {"previous_item_id": "root"}
        elif place >= 0:
            where = {"previous_item_id": self.any_id(place)}
        self.client.send("conversation.item.create", **where, item={**item, "content": content})

    @rule(audio=st.booleans())
    def create_spoken(self, audio: bool) -> None:
        part: Json = {"type": "input_audio", "audio": "AAAA" * 400}
        content: JsonValue = [part if audio else {"type": "input_text", "text": "Hi."}, part]
        item: JsonValue = {"type": "message", "role": "user", "content": content}
        self.client.send("conversation.item.create", item=item)

    @rule(place=st.integers(0, 5))
    def delete(self, place: int) -> None:
        self.client.send("conversation.item.delete", item_id=self.any_id(place))

    @rule(place=st.integers(0, 5))
    def delete_and_create_again(self, place: int) -> None:
        ids = [str(item["id"]) for item in self.client.simulation.conversation.items]
        # Of the others more may be on its way, which would be of the new one then.
        mine = ["mine_0", *(item_id for item_id in ids if item_id.startswith("mine_"))]
        item_id = mine[-1 - place % len(mine)]
        self.client.send("conversation.item.delete", item_id=item_id)
        content: JsonValue = [{"type": "input_text", "text": "again"}]
        item: Json = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.client.send("conversation.item.create", item=item)

    @rule(place=st.integers(0, 5))
    def retrieve(self, place: int) -> None:
        self.client.send("conversation.item.retrieve", item_id=self.any_id(place))

    @rule(place=st.integers(0, 5), ms=st.sampled_from([0, 100, 300]))
    def truncate(self, place: int, ms: int) -> None:
        entries = [e for e in self.client.simulation.conversation if e.audio_ms is not None]
        ids = [entry.id for entry in entries] or ["nobody"]
        here: Json = {"item_id": ids[-1 - place % len(ids)], "content_index": 0}
        self.client.send("conversation.item.truncate", **here, audio_end_ms=ms)

    @rule(
        plan=st.sampled_from(REPLIES),
        modality=st.sampled_from(["text", "audio"]),
        beside=st.booleans(),
        seconds=st.sampled_from([0.0, 0.05, 0.5, 20.0]),
    )
    def respond(self, plan: list[Action], modality: str, beside: bool, seconds: float) -> None:
        self.plan = plan
        where: Json = {"conversation": "none"} if beside else {}
        response: Json = {"output_modalities": [modality], **where}
        self.client.send("response.create", response=response)
        self.client.run(seconds)

    @rule(ms=st.sampled_from([0, 100, 300]), seconds=st.sampled_from([0.3, 0.8, 20.0]))
    def interrupt(self, ms: int, seconds: float) -> None:
        """As a user does: the rest of what is being said was not heard."""
        self.respond(REPLIES[0], "audio", beside=False, seconds=seconds)
        self.truncate(0, ms)
        self.cancel()

    @rule()
    def cancel(self) -> None:
        self.client.send("response.cancel")

    @rule(ms=st.sampled_from([200, 1200]))
    def speak(self, ms: int) -> None:
        self.client.speak(ms)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.client.run(seconds)

    def any_id(self, number: int) -> str:
        """The id of some item from the newest on, or at times of none."""
        ids = [str(item["id"]) for item in self.client.simulation.conversation.items]
        return ["nobody", *ids][-1 - number % (len(ids) + 1)]

    @invariant()
    def the_order_is_the_servers(self) -> None:
        items = self.client.simulation.conversation.items
        assert [item["id"] for item in self.kept.held] == [item["id"] for item in items]

    def teardown(self) -> None:
        self.client.run(60)
        assert self.kept.held == self.client.simulation.conversation.items
        assert len(self.kept.mirror._entries) == len(self.kept.held)


Conversing.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestTheMirrorIsTheServersConversation = pytest.mark.sweep(Conversing.TestCase)


def test_every_moment_of_a_long_talk_is_mirrored() -> None:
    plans = iter(range(10**6))
    client = Client(reply=lambda _: REPLIES[next(plans) % len(REPLIES)])
    kept = Kept(client)
    for turn in range(20):
        client.say("Hello.")
        client.send("response.create")
        while (due := client.simulation.due) is not None and due < client.now + 30:
            client.run(max(0.001, due - client.now))
            ids = [item["id"] for item in kept.held]
            assert ids == [item["id"] for item in client.simulation.conversation.items]
        if turn % 5 == 4:
            client.speak()
    client.run()
    assert kept.held == client.simulation.conversation.items
    assert len(kept.held) > 50


KEYS = st.sampled_from(["id", "item", "content", "type", "audio", "transcript", "output"])
WORDS = st.sampled_from(["a", "b", "message", "in_progress", "root"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
TYPES = st.sampled_from(
    [
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "conversation.item.retrieved",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.done",
        "response.done",
    ]
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_audio", "output_audio", "audio", "input_text"])},
    optional={"transcript": st.none() | WORDS | JSON, "audio": st.just("AAAA") | JSON},
)
ITEMS = st.fixed_dictionaries(
    {
        "id": st.sampled_from("ab") | JSON,
        "type": st.just("message") | WORDS,
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": st.lists(PARTS, max_size=2) | JSON,
    },
    optional={"status": st.sampled_from(["in_progress", "completed", "incomplete"]) | JSON},
)
FRAMES = st.fixed_dictionaries(
    {"type": TYPES},
    optional={
        "item": ITEMS | JSON,
        "item_id": st.sampled_from("ab") | JSON,
        "previous_item_id": st.sampled_from("ab") | WORDS | JSON,
        "content_index": st.integers(-1, 2) | JSON,
        "transcript": JSON,
        "response": JSON | st.fixed_dictionaries({"output": st.lists(ITEMS, max_size=2) | JSON}),
    },
)


@pytest.mark.sweep
@given(frames=st.lists(FRAMES, max_size=12))
def test_no_content_makes_it_fail(frames: list[Json]) -> None:
    mirror = Mirror()
    for frame in frames:
        mirror.receive(decode_server(json.dumps(frame)))
    ids = [text_at(item, "id") for item in mirror.items]
    assert len({*ids, None}) == len(ids) + 1
    for item in mirror.items:
        if isinstance(item, UserMessage | AssistantMessage):
            sounds = [
                p for p in item.content if isinstance(p, InputAudio | OutputAudio | AudioPart)
            ]
            assert all(part.audio is None for part in sounds)


@needs_recordings
def test_every_recorded_session_is_mirrored_in_the_order_of_its_events() -> None:  # pain 48
    """By another way: behind the item that `added` names, and as `done` shows it."""
    mirrors: dict[str, Mirror] = {}
    orders: dict[str, list[str]] = {}
    wholes: dict[str, dict[str, Frame]] = {}
    for row in shared_lines("recorded_events.jsonl"):
        if row["direction"] != "server" or row["dialect"] == "translation":
            continue
        group, frame = str(row["group"]), row["event"]
        assert isinstance(frame, dict)
        order, whole = orders.setdefault(group, []), wholes.setdefault(group, {})
        mirrors.setdefault(group, Mirror()).receive(decode_server(json.dumps(frame)))
        item = frame.get("item")
        if frame["type"] in ("conversation.item.added", "conversation.item.created"):
            assert isinstance(item, dict)
            previous = frame["previous_item_id"]
            order.insert(order.index(str(previous)) + 1 if previous else 0, str(item["id"]))
            whole[str(item["id"])] = item
        elif str(frame["type"]).endswith("item.done"):
            assert isinstance(item, dict)
            if item["id"] in whole:
                whole[str(item["id"])] = item
        elif str(frame["type"]).endswith("transcription.completed"):
            content = whole[str(frame["item_id"])]["content"]
            assert isinstance(content, list)
            assert isinstance(content[0], dict)
            content[0]["transcript"] = frame["transcript"]
    assert sum(map(len, orders.values())) > 60
    for group, mirror in mirrors.items():
        held = {str(item["id"]): item for item in map(shown, mirror.items)}
        assert list(held) == orders[group]
        assert held == wholes[group]

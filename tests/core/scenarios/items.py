"""What clients ask of the items of a conversation, brought about."""

from __future__ import annotations

import base64
from typing import Final

from pydantic import JsonValue

from tests.core.scenarios.shared import (
    Outcome,
    Scenario,
    alike,
    hello,
    outcome_of,
    proves,
    request,
    since,
    spoken_item,
    texting,
)
from tests.core.simulated import Client, at
from tests.testing.faithful import Frame
from trio_realtime.audio import tone

OUTPUT: Final[dict[str, JsonValue]] = {
    "type": "function_call_output",
    "call_id": "call_1",
    "output": "21",
}
CALL: Final[dict[str, JsonValue]] = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "look_up",
    "arguments": "{}",
}


@proves("create-item")
def _() -> Outcome:
    client = Client()
    frames = hello(client)
    client.send("conversation.item.create", item=CALL)
    more = client.send("conversation.item.create", item=OUTPUT)
    assert outcome_of(more) == outcome_of(frames)
    assert "status" not in str(more[0]["item"])
    return outcome_of(frames)


def message(*content: JsonValue, role: str = "user", **more: JsonValue) -> dict[str, JsonValue]:
    return {"type": "message", "role": role, "content": [*content], **more}


@proves("create-item-spoken")
def _() -> Outcome:
    client = Client()
    audio = base64.b64encode(tone(300, 200)).decode()
    item = message({"type": "input_audio", "audio": audio}, id="item_1")
    frames = client.send("conversation.item.create", item=item)
    assert at(frames[0], "item", "content", 0) == {"type": "input_audio", "transcript": None}
    (retrieved,) = client.send("conversation.item.retrieve", item_id="item_1")
    assert at(retrieved, "item", "content", 0, "audio") == audio
    return outcome_of(frames)


@proves("create-items-pipelined")
def _() -> Outcome:
    client = Client()
    return outcome_of([frame for _ in range(3) for frame in hello(client)])


@proves("create-item-responding")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    assert hello(client) == []
    client.run()
    return outcome_of(since("response.done", client))


@proves("create-item-own-id")
def _() -> Outcome:
    frames = hello(Client(), id="item_of_mine")
    assert [at(frame, "item", "id") for frame in frames] == ["item_of_mine", "item_of_mine"]
    return outcome_of(frames)


def placed(previous_item_id: str) -> tuple[Client, list[Frame]]:
    client = Client()
    hello(client, id="item_1")
    hello(client, id="item_2")
    frames = client.send("conversation.item.create", previous_item_id=previous_item_id, item=CALL)
    return client, frames


@proves("create-item-root")
def _() -> Outcome:
    client, frames = placed("root")
    assert [frame["previous_item_id"] for frame in frames] == [None, None]
    assert client.simulation.conversation.items[0]["call_id"] == "call_1"
    return outcome_of(frames)


@proves("create-item-after")
def _() -> Outcome:
    client, frames = placed("item_1")
    assert [frame["previous_item_id"] for frame in frames] == ["item_1", "item_1"]
    assert client.simulation.conversation.items[1]["call_id"] == "call_1"
    return outcome_of(frames)


proves("create-item-after-unknown")(lambda: outcome_of(placed("item_x")[1]))


@proves("create-item-twice")
def _() -> Outcome:
    client = Client()
    hello(client, id="item_1")
    return outcome_of(hello(client, id="item_1"))


def create(*items: dict[str, JsonValue]) -> Scenario:
    """A scenario of items that are all answered alike."""
    return alike("conversation.item.create", *({"item": item} for item in items))


proves("create-item-long-id")(create({**CALL, "id": "x" * 33}, {**CALL, "call_id": "x" * 33}))
proves("create-item-without-type")(create({"role": "user"}))
proves("create-item-unknown-choice")(
    create({"type": "poem"}, message(role="poet"), message(status="late"))
)
proves("create-item-incomplete")(
    create({"type": "function_call_output", "output": "21"}, message({"type": "input_text"}))
)
proves("create-item-member-type")(
    create(
        {"type": "message", "role": "user", "content": "Hello"},
        message({"type": "input_audio", "audio": 7}),
        {**CALL, "id": 7},
        {**CALL, "type": 7, "name": 7} | {"type": "function_call"},
    )
)
proves("create-item-unknown-member")(create({**CALL, "colour": "red"}))
proves("create-item-part")(create(message({"type": "output_text", "text": "Hello"})))
proves("create-item-call-id")(create({**CALL, "call_id": "my call"}))
proves("create-item-image")(
    create(
        message({"type": "input_image", "image_url": "https://example.com/cat.png"}),
        message({"type": "input_image", "image_url": "data:image/png;base64,%%%"}),
    )
)
proves("create-item-audio")(create(message({"type": "input_audio", "audio": "%%%"})))


@proves("create-output-unknown-call")
def _() -> Outcome:
    frames = Client().send("conversation.item.create", event_id="event_1", item=OUTPUT)
    assert at(frames[0], "error", "event_id") is None
    return outcome_of(frames)


@proves("create-items-waiting")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    while not (frames := hello(client)):
        pass
    return outcome_of(frames)


@proves("retrieve")
def _() -> Outcome:
    client = Client()
    frames = client.send("conversation.item.retrieve", item_id=spoken_item(client))
    assert at(frames[0], "item", "content", 0, "audio")
    return outcome_of(frames)


@proves("delete")
def _() -> Outcome:
    client = Client()
    frames = client.send("conversation.item.delete", item_id=spoken_item(client))
    assert len(client.simulation.conversation) == 1
    return outcome_of(frames)


def truncation(client: Client, item_id: str, audio_end_ms: int) -> Outcome:
    where: dict[str, JsonValue] = {"item_id": item_id, "content_index": 0}
    return outcome_of(client.send("conversation.item.truncate", **where, audio_end_ms=audio_end_ms))


@proves("truncate")
def _() -> Outcome:
    client = Client()
    item_id = spoken_item(client)
    outcome = truncation(client, item_id, 300)
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content", 0, "transcript") is None
    assert len(str(at(retrieved, "item", "content", 0, "audio"))) == 300 * 48 * 4 // 3
    return outcome


@proves("truncate-beyond-end")
def _() -> Outcome:
    client = Client()
    return truncation(client, spoken_item(client), 3_600_000)


@proves("truncate-not-spoken")
def _() -> Outcome:
    client = Client()
    hello(client, id="item_1")
    return truncation(client, "item_1", 0)


@proves("truncate-negative")
def _() -> Outcome:
    client = Client()
    return truncation(client, spoken_item(client), -1)


proves("retrieve-unknown")(request("conversation.item.retrieve", item_id="item_x"))
proves("delete-unknown")(request("conversation.item.delete", item_id="item_x"))
proves("truncate-unknown")(lambda: truncation(Client(), "item_x", 0))

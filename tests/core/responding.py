"""The events of one response, as short as a test wants to write them."""

from __future__ import annotations

import json

from pydantic import JsonValue

from trio_realtime._core._assembly import Assembly
from trio_realtime._core._draft import text_in
from trio_realtime.events import ServerEvent, decode_server
from trio_realtime.types import AssistantMessage, Item

Frame = dict[str, JsonValue]


def event(kind: str, **fields: JsonValue) -> ServerEvent:
    """A server event, read from JSON as the connection reads it."""
    return decode_server(json.dumps({"type": kind, "event_id": "event_1", **fields}))


def in_item(kind: str, item_id: str = "item_1", index: int = 0, **fields: JsonValue) -> ServerEvent:
    """An event of one item of the response."""
    return event(
        f"response.{kind}", response_id="resp_1", item_id=item_id, output_index=index, **fields
    )


def in_part(
    kind: str, item_id: str = "item_1", content: int = 0, index: int = 0, **fields: JsonValue
) -> ServerEvent:
    """An event of one part of a message."""
    return in_item(kind, item_id, index, content_index=content, **fields)


def text(delta: str, item_id: str = "item_1", content: int = 0, index: int = 0) -> ServerEvent:
    return in_part("output_text.delta", item_id, content, index, delta=delta)


def text_done(whole: str, item_id: str = "item_1", content: int = 0, index: int = 0) -> ServerEvent:
    return in_part("output_text.done", item_id, content, index, text=whole)


def spoken(delta: str, item_id: str = "item_1", content: int = 0, index: int = 0) -> ServerEvent:
    return in_part("output_audio_transcript.delta", item_id, content, index, delta=delta)


def spoken_done(
    whole: str, item_id: str = "item_1", content: int = 0, index: int = 0
) -> ServerEvent:
    return in_part("output_audio_transcript.done", item_id, content, index, transcript=whole)


def audio(item_id: str = "item_1", content: int = 0, index: int = 0) -> ServerEvent:
    return in_part("output_audio.delta", item_id, content, index, delta="AAAA")


def arguments(delta: str, item_id: str = "item_1", index: int = 0) -> ServerEvent:
    return in_item(
        "function_call_arguments.delta", item_id, index, call_id=f"call_{item_id}", delta=delta
    )


def arguments_done(
    whole: str, item_id: str = "item_1", index: int = 0, **fields: JsonValue
) -> ServerEvent:
    return in_item(
        "function_call_arguments.done",
        item_id,
        index,
        call_id=f"call_{item_id}",
        arguments=whole,
        **fields,
    )


def message(
    *content: Frame, item_id: str = "item_1", status: str = "completed", **fields: JsonValue
) -> Frame:
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": list(content),
        **fields,
    }


def call(given: str = "", item_id: str = "item_1", status: str = "completed") -> Frame:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "name": "add",
        "call_id": f"call_{item_id}",
        "arguments": given,
    }


def written(whole: str) -> Frame:
    return {"type": "output_text", "text": whole}


def said(whole: str) -> Frame:
    return {"type": "output_audio", "transcript": whole}


def item_added(item: Frame, index: int = 0) -> ServerEvent:
    return event("response.output_item.added", response_id="resp_1", output_index=index, item=item)


def item_done(item: Frame, index: int = 0) -> ServerEvent:
    return event("response.output_item.done", response_id="resp_1", output_index=index, item=item)


def part_added(
    kind: str = "text", item_id: str = "item_1", content: int = 0, index: int = 0
) -> ServerEvent:
    return in_part("content_part.added", item_id, content, index, part={"type": kind})


def part_done(
    part: Frame, item_id: str = "item_1", content: int = 0, index: int = 0
) -> ServerEvent:
    return in_part("content_part.done", item_id, content, index, part=part)


def created(**fields: JsonValue) -> ServerEvent:
    response: Frame = {"id": "resp_1", "status": "in_progress", "output": [], **fields}
    return event("response.created", response=response)


def done(*output: Frame, **fields: JsonValue) -> ServerEvent:
    response: Frame = {"id": "resp_1", "status": "completed", "output": list(output), **fields}
    return event("response.done", response=response)


def assembled(*events: ServerEvent) -> Assembly:
    assembly = Assembly()
    for each in events:
        assembly.receive(each)
    return assembly


def words_of(item: Item) -> list[str | None]:
    """The texts and transcripts in a message."""
    assert isinstance(item, AssistantMessage), item
    return [text_in(part) for part in item.content]

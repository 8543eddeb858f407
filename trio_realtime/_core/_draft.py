"""One output item while it is made: what the server showed of it, and what streamed into it.

This module does not know events, nor the response around the item.

| | the item is | its texts are |
|---|---|---|
| only pieces came | made up: a message, or a call whose name is known | the pieces |
| added | as it was added | the pieces |
| done | as the server told it last | the server's word, and pieces where it says nothing |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

from pydantic_core import to_json

from trio_realtime._core._pieces import Pieces
from trio_realtime.types import (
    AssistantMessage,
    AudioPart,
    FunctionCall,
    McpCall,
    OutputAudio,
    OutputText,
    TextPart,
    UnknownContentPart,
    UnknownItem,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime._core._shapes import Shapes
    from trio_realtime.types import AssistantContent, Item, ResponsePart

_Streamed: TypeAlias = AssistantMessage | FunctionCall | McpCall

# What streams into an item need not be in it yet; some servers leave it out instead of empty.
_EMPTY: Final[Mapping[str | None, tuple[type[_Streamed], Mapping[str, JsonValue]]]] = {
    "message": (AssistantMessage, {"role": "assistant", "content": []}),
    "function_call": (FunctionCall, {"arguments": ""}),
    "mcp_call": (McpCall, {"arguments": ""}),
}


@final
class Part:
    """One part of a message. Its audio is not kept."""

    __slots__ = ("is_audio", "shapes", "text", "unknown")

    def __init__(self, shapes: Shapes, *, is_audio: bool) -> None:
        self.shapes = shapes
        self.text = Pieces()
        self.is_audio = is_audio
        self.unknown: UnknownContentPart | None = None
        """A kind that this release does not know, such as a refusal: as the server told it last."""

    def show(self, part: ResponsePart | AssistantContent) -> None:
        """Note what kind of part the server calls it."""
        self.unknown = part if isinstance(part, UnknownContentPart) else None
        self.is_audio = isinstance(part, AudioPart | OutputAudio)

    def finish(self, part: ResponsePart | AssistantContent) -> str:
        """The part is done; what its text adds to the pieces is returned."""
        self.show(part)
        return self.text.tell(text_in(part))

    def made(self) -> AssistantContent:
        """The part, as an item holds it."""
        if self.unknown is not None:
            return self.unknown
        text = self.text.text
        if self.is_audio:
            return self.shapes.audio(transcript=text) if text else self.shapes.audio()
        return self.shapes.text(text=text)

    def filled(self, content: AssistantContent) -> AssistantContent:
        """A part of the server's own item, with the text that it may lack."""
        text = self.text.text
        if not text or isinstance(content, UnknownContentPart) or text == text_in(content):
            return content
        name = "text" if isinstance(content, OutputText | TextPart) else "transcript"
        return content.model_copy(update={name: text})


def text_in(part: ResponsePart | AssistantContent) -> str | None:
    """The text of a part, or the transcript of its audio."""
    if isinstance(part, UnknownContentPart):
        return None
    return part.text if isinstance(part, OutputText | TextPart) else part.transcript


@final
class Draft:
    """One output item, as far as it is known."""

    __slots__ = (
        "arguments", "call_id", "index", "is_done", "item_id", "name", "parts", "shapes", "shown"
    )  # fmt: skip

    def __init__(self, item_id: str | None, index: int, shapes: Shapes) -> None:
        self.shapes = shapes
        self.item_id = item_id
        self.index = index
        """Its place among the items of the response."""

        self.shown: Item | None = None
        """The item as the server told it last."""

        self.is_done = False
        self.parts: dict[int, Part] = {}
        self.arguments = Pieces()
        self.call_id: str | None = None
        self.name: str | None = None

    def may_be(self, item_id: str | None, index: int) -> bool:
        """Whether this is the item at an index, as far as ids that were left out allow."""
        return self.index == index and (self.item_id is None or item_id is None)

    def part(self, content_index: int, *, is_audio: bool = False) -> Part:
        """The part at an index, made when it is first asked for."""
        part = self.parts.get(content_index)
        if part is None:
            part = self.parts[content_index] = Part(self.shapes, is_audio=is_audio)
        return part

    def begin(self, item: Item) -> None:
        """The item was added. Once it is done that is a duplicate."""
        if not self.is_done:
            self.shown = _mended(item)

    def finish(self, item: Item) -> str:
        """The item is done; what its texts add to the pieces is returned."""
        self.is_done = True
        self.shown = item = _mended(item)
        if isinstance(item, AssistantMessage):
            return "".join(
                self.part(index).finish(content) for index, content in enumerate(item.content)
            )
        if isinstance(item, FunctionCall | McpCall):
            self.arguments.tell(item.arguments)
        return ""

    def item(self, response_status: str) -> Item | None:
        """The item as it is now; None where not even its kind is known.

        Args:
            response_status: How far the response is: an item of one that is over is over too.
        """
        item = self.shown or self._made_up()
        if isinstance(item, AssistantMessage):
            item = self._with_content(item)
        elif isinstance(item, FunctionCall | McpCall):
            text = self.arguments.text
            if text not in ("", item.arguments):
                item = item.model_copy(update={"arguments": text})
        if item is None or isinstance(item, UnknownItem) or item.status != "in_progress":
            return item
        if self.is_done or response_status == "in_progress":
            return item
        status = "completed" if response_status == "completed" else "incomplete"
        return item.model_copy(update={"status": status})

    def _made_up(self) -> Item | None:
        if self.parts:
            return AssistantMessage(id=self.item_id, status="in_progress", content=[])
        if self.name is not None:
            return FunctionCall(
                id=self.item_id,
                status="in_progress",
                call_id=self.call_id,
                name=self.name,
                arguments="",
            )
        return None

    def _with_content(self, item: AssistantMessage) -> AssistantMessage:
        content = list(item.content)
        for index, part in sorted(self.parts.items()):
            if 0 <= index < len(item.content):
                content[index] = part.filled(content[index])
            else:
                content.append(part.made())
        if len(content) == len(item.content) and all(map(_is_same, content, item.content)):
            return item
        return item.model_copy(update={"content": content})


def _is_same(one: object, other: object) -> bool:
    return one is other


def _mended(item: Item) -> Item:
    """The item, readable where it lacked only what streams into it."""
    if not isinstance(item, UnknownItem) or item.wire_type not in _EMPTY:
        return item
    model, empty = _EMPTY[item.wire_type]
    data = cast("dict[str, JsonValue]", item.data)  # it has a `type`, so it is an object
    try:
        return model.model_validate_json(to_json({**empty, **data}))
    except ValueError:
        return item

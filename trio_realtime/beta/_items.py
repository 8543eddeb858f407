"""Items of the beta dialect: those of GA, but for what the server takes back."""

from typing import cast

from trio_realtime import types
from trio_realtime.types import AssistantMessage, OutputText, TextPart
from trio_realtime.types._items import ItemT


def as_input(item: ItemT) -> ItemT:
    """Make of a received item one that the server takes.

    As `trio_realtime.types.as_input`, but what the assistant said is called `text` here.
    """
    given = types.as_input(item)
    if not isinstance(given, AssistantMessage):
        return given
    content = [
        TextPart(text=part.text) if isinstance(part, OutputText) else part for part in given.content
    ]
    return cast("ItemT", given.model_copy(update={"content": content}))

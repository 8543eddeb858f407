"""What a served model says: rules, replies one after another, and a default.

This module chooses. It does not know where the replies were read from, nor how they are streamed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard, cast, final
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from trio_realtime.testing import Answer, Conversation, Echo, ReplyFunction, SimulatedSession

Item = dict[str, JsonValue]

ECHO: Final = Echo()


@final
@dataclass(frozen=True, slots=True)
class Heard:
    """What was last said to the model: a text, or what functions returned."""

    text: str = ""
    """The text of the newest message of the user, its transcript included; empty after outputs."""

    functions: tuple[str, ...] = ()
    """The functions whose outputs are the newest items."""


def heard_from_items(items: Sequence[Item]) -> Heard:
    """Find out what was last said, in items from the oldest to the newest."""
    names = {item.get("call_id"): item.get("name") for item in items if _is(item, "function_call")}
    functions: list[str] = []
    for item in reversed(items):
        if _is(item, "function_call_output"):
            functions.append(str(names.get(item.get("call_id"), "")))
        elif functions:
            return Heard(functions=tuple(functions))
        elif item.get("role") == "user":
            return Heard(text=_text(item))
    return Heard(functions=tuple(functions))


def _is(item: Item, type: str) -> bool:  # noqa: A002 - the wire's name
    return item.get("type") == type


def _text(item: Item) -> str:
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    said = (
        part.get(name)
        for part in parts
        if isinstance(part, dict)
        for name in ("text", "transcript")
    )
    return " ".join(each for each in said if isinstance(each, str))


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """A reply, and when it is given: one of the two is set."""

    reply: Answer
    text: re.Pattern[str] | None = None
    """What the user's text holds somewhere."""
    output_of: str | None = None
    """The function that has just returned."""

    def fits(self, heard: Heard) -> bool:
        """Whether the reply is to be given now."""
        if self.text is None:
            return self.output_of in heard.functions
        return not heard.functions and self.text.search(heard.text) is not None


@final
class Replies:
    """Answers for the responses of any number of sessions. A `ReplyFunction`.

    The first rule that fits answers. Where none does, the replies follow one another, for each
    session from the first; used up, they give way to the default, or begin again if there is none.
    """

    def __init__(
        self,
        replies: Sequence[Answer | ReplyFunction] = (),
        *,
        rules: Sequence[Rule] = (),
        default: Answer | None = None,
    ) -> None:
        self.replies: Sequence[Answer | ReplyFunction] = replies
        self.rules: Sequence[Rule] = rules
        self.default: Answer | None = default
        self._given: WeakKeyDictionary[SimulatedSession, int] = WeakKeyDictionary()

    def __call__(
        self, session: SimulatedSession, conversation: Conversation, create: Item
    ) -> Answer | Awaitable[Answer]:
        """Answer one response."""
        reply = self._next(session, conversation, create)
        if is_function(reply):
            return reply(session, conversation, create)
        return cast("Answer", reply)

    def _next(
        self, session: SimulatedSession, conversation: Conversation, create: Item
    ) -> Answer | ReplyFunction:
        heard = heard_from_items(_items(conversation, create))
        for rule in self.rules:
            if rule.fits(heard):
                return rule.reply
        given = self._given.get(session, 0)
        if not self.replies or (given >= len(self.replies) and self.default is not None):
            return ECHO if self.default is None else self.default
        self._given[session] = given + 1
        return self.replies[given % len(self.replies)]


def is_function(said: object) -> TypeGuard[ReplyFunction]:
    """Whether this is no answer but what is asked for one."""
    return callable(said)


def _items(conversation: Conversation, create: Item) -> list[Item]:
    """What the model is shown: the conversation, or in its place what the request brings."""
    known = {entry.id: entry.item for entry in conversation}
    brought = create.get("input")
    if not isinstance(brought, list):
        return list(known.values())
    items = [item for item in brought if isinstance(item, dict)]
    return [known.get(str(item.get("id")), item) if _refers(item) else item for item in items]


def _refers(item: Item) -> bool:
    return _is(item, "item_reference")

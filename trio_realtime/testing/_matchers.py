"""Matchers for lists of events: exact types, gaps, repetitions, and what must not be there.

They work on the events of any client: typed, decoded, or the texts of frames. This module does not
know how a list is matched; `_core.matching` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import TypeAlias

from trio_realtime._core.matching import (
    ANY,
    MISSING,
    Element,
    EventKind,
    EventLike,
    EventPattern,
    Gap,
    Group,
    Repeat,
    explanation,
    mismatch,
    view_of_event,
)
from trio_realtime._core.matching._sequence import MEMBERS_MAX

__all__ = [
    "ANY",
    "MISSING",
    "EventPattern",
    "Pattern",
    "absent",
    "any_order",
    "assert_events",
    "like",
    "many",
    "maybe",
]

Wanted: TypeAlias = EventKind | EventPattern
"""One event: the name of its type, in which `*` stands for any characters; its class; `like(...)`
with fields; or `ANY`."""

Pattern: TypeAlias = Wanted | EllipsisType | Element | Repeat
"""What `assert_events` takes: one event, `...` for any number of them, or what `many`, `maybe`,
`absent` and `any_order` return."""


def like(
    type: EventKind | EventPattern,  # noqa: A002 - the wire's name
    /,
    **fields: object,
) -> EventPattern:
    """Describe one event by its type and its fields. What is not named may be anything.

    ::

        like("response.done", response__status="completed")
        like("error", error__code=re.compile("^item_"), error__event_id=ANY)
        like("conversation.item.added", item__content__0__text=lambda text: "rain" in text)
        like(ResponseCreated, response__metadata={"topic": str}, response__usage=None)

    Two underscores lead into an object, or to an element of an array. A field is wanted as

    * a value: exactly that one. An object has exactly the keys that are given, an array exactly
      the elements; what is inside may be any of these again. `bytes` are what base64 stands for;
    * `ANY`: anything, null too, but there; `MISSING`: not there (None is null, which is there);
    * a compiled pattern that is found somewhere in the text;
    * a type, such as `str`; or a function that is given the value and says whether it is right.

    Args:
        type: The type's name, in which `*` stands for any characters; an event class; `ANY`; or
            what `like` returned, to which fields are added.
        fields: What the fields must be.
    """
    return EventPattern(type, fields)


def many(wanted: Wanted, *, at_least: int = 1) -> Repeat:
    """Want events like this one in a row: one or more, or another least number."""
    if at_least < 0:
        raise ValueError(f"at_least is 0 or more, not {at_least}")
    return Repeat(_pattern(wanted), at_least, None)


def maybe(wanted: Wanted) -> Repeat:
    """Want an event that may also be left out."""
    return Repeat(_pattern(wanted), 0, 1)


def absent(*excluded: Wanted) -> Gap:
    """Allow any number of events here, as `...` does, but none of these.

    ::

        assert_events(events, ..., "response.created", absent("error"), "response.done", ...)

    Several gaps in a row are one gap, in which nothing that any of them excludes may be.
    """
    if not excluded:
        raise ValueError("absent() needs to be told what must not be there; `...` allows anything")
    return Gap(tuple(map(_pattern, excluded)))


def any_order(*members: Wanted | Repeat) -> Group:
    """Want events in whatever order, also one between the others.

    ::

        any_order(
            many("response.output_audio.delta"), many("response.output_audio_transcript.delta")
        )
    """
    if not 1 <= len(members) <= MEMBERS_MAX:
        raise ValueError(f"any_order() takes 1 to {MEMBERS_MAX} events, not {len(members)}")
    return Group(tuple(map(_repeat, members)))


def assert_events(events: Iterable[EventLike], *patterns: Pattern) -> None:
    """Assert that these are the events, all of them, from the first to the last.

    ::

        assert_events(
            events,
            "response.created",
            ...,
            many("response.output_text.delta"),
            absent("error"),
            like("response.done", response__status="completed"),
            maybe("rate_limits.updated"),
        )

    `...` stands for any number of events, none included; put it at the beginning or at the end
    where the list may go on. However gaps and repetitions can be divided, one way that fits is
    enough. Time grows with the number of events, not with the ways.

    Args:
        events: Typed events, mappings (such as `session.received`) or the texts of frames.
        patterns: What they must be: names of types, classes, `like`, `...`, `many`, `maybe`,
            `absent`, `any_order`.

    Raises:
        AssertionError: if they are not. It shows the list, with a cursor where it stopped.
        TypeError: if they are no events: one event, for example, in place of a list.
    """
    __tracebackhide__ = True
    if isinstance(events, str | bytes | Mapping):
        raise TypeError("assert_events takes a list of events, and this is one: put it in a list")
    views = [view_of_event(event) for event in events]
    elements = _elements(patterns)
    found = mismatch(views, elements)
    if found is not None:
        raise AssertionError(explanation(views, elements, found))


def _pattern(wanted: Wanted) -> EventPattern:
    return EventPattern(wanted, {})


def _repeat(wanted: Wanted | Repeat) -> Repeat:
    return wanted if isinstance(wanted, Repeat) else Repeat(_pattern(wanted))


def _elements(patterns: Iterable[Pattern]) -> list[Element]:
    """One element for each pattern, but one gap for several in a row."""
    elements: list[Element] = []
    for pattern in patterns:
        if pattern is ... or isinstance(pattern, Gap):
            excluded = pattern.excluded if isinstance(pattern, Gap) else ()
            before = elements[-1] if elements else None
            if isinstance(before, Gap):
                elements[-1] = Gap(before.excluded + excluded)
            else:
                elements.append(Gap(excluded))
        else:
            elements.append(pattern if isinstance(pattern, Group) else Group((_repeat(pattern),)))
    return elements

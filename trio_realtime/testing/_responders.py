"""Who is asked what the model says: one answer for all, a list of them, or a function.

This module does not know when a response begins, nor how its answer is streamed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast, final

from trio_realtime._core.simulator import (
    ACTIONS,
    Action,
    Conversation,
    Object,
    Question,
    Say,
    default_reply,
)
from trio_realtime.testing._voice import Voice, sounding

if TYPE_CHECKING:
    from trio_realtime.testing._session import SimulatedSession


@final
@dataclass(frozen=True, slots=True)
class Echo:
    """The default: repeat what was said, call the tools it names, tell what functions returned."""


Answer: TypeAlias = Action | Echo | str | Sequence[Action | Echo | str]
"""What a response says: one action, several, or a text to say."""

ReplyFunction: TypeAlias = (
    "Callable[[SimulatedSession, Conversation, Object], Answer | Awaitable[Answer]]"
)
"""Decides for each response. It is called with the session, its conversation and the parameters
of the `response.create` (none for a response that voice detection began)."""

Responder: TypeAlias = (
    "Action | Echo | str | ReplyFunction | Sequence[Answer | ReplyFunction] | None"
)
"""Who decides what the model says; None for the default, which repeats what it is told.

A sequence gives one answer per response, in order, over all sessions of the server; asked for
more, it fails the server's block.
"""


def parts_of_answer(answer: object) -> tuple[Action | Echo, ...]:
    """List what an `Answer` holds.

    Raises:
        TypeError: if it is none.
    """
    if isinstance(answer, str):
        return (Say(answer),)
    if isinstance(answer, (Echo, *ACTIONS)):
        return (answer,)
    if not isinstance(answer, Sequence):
        raise TypeError(f"a responder answers with an action or a text, not {answer!r}")
    several = cast("Sequence[object]", answer)
    return tuple(part for each in several for part in parts_of_answer(each))


def plan_from_answer(answer: object, question: Question) -> tuple[Action, ...]:
    """Write an `Answer` as the actions it stands for.

    Raises:
        TypeError: if it is none.
    """
    plan: list[Action] = []
    for part in parts_of_answer(answer):
        if isinstance(part, Echo):
            plan += default_reply(question.tools, question.tool_choice, question.context)
        else:
            plan.append(part)
    return tuple(plan)


class Asked:
    """A responder, and how often it was asked."""

    def __init__(self, responder: Responder, voice: Voice | None = None) -> None:
        self._responder = responder
        self._voice = voice
        self._times = 0

    def answer(
        self, question: Question, session: SimulatedSession
    ) -> tuple[Action, ...] | Awaitable[Answer]:
        """Ask what a response says. An asynchronous responder's answer is yet to be awaited.

        Raises:
            AssertionError: if a sequence of answers has run out.
        """
        said = self._asked(question, session)
        if self._voice is not None and question.reply.speaks:
            return _sounding(said, question, self._voice)
        return said

    def _asked(
        self, question: Question, session: SimulatedSession
    ) -> tuple[Action, ...] | Awaitable[Answer]:
        self._times += 1
        responder = self._responder
        if responder is None:
            return plan_from_answer(Echo(), question)
        if _is_list(responder):
            if self._times > len(responder):
                raise AssertionError(
                    f"the simulated server was given {len(responder)} replies, "
                    f"and asked for response {self._times}"
                )
            responder = responder[self._times - 1]
        if _is_function(responder):
            said = responder(session, session.conversation, question.reply.create)
            return said if _is_awaitable(said) else plan_from_answer(said, question)
        return plan_from_answer(responder, question)


async def _sounding(
    said: tuple[Action, ...] | Awaitable[Answer], question: Question, voice: Voice
) -> tuple[Action, ...]:
    answer = await said if _is_awaitable(said) else said
    return tuple([await sounding(each, voice) for each in plan_from_answer(answer, question)])


def _is_list(responder: Responder) -> TypeGuard[Sequence[Answer | ReplyFunction]]:
    return isinstance(responder, Sequence) and not isinstance(responder, str)


def _is_function(responder: Responder) -> TypeGuard[ReplyFunction]:
    return callable(responder)


def _is_awaitable(said: object) -> TypeGuard[Awaitable[Answer]]:
    return isinstance(said, Awaitable)

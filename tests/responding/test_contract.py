"""What the documentation says of handles and nothing else would miss: misuse, bounds, and the end.

Each test here fails without the line of code that keeps its sentence.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import random
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Literal

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.leaving.helpers import settled
from tests.responding.helpers import (
    LONG,
    MODEL,
    QUIET,
    WRITING,
    Talk,
    errors_of,
    held_by,
    scripted,
    talking,
    text_of,
)
from tests.responding.test_asking import created, done
from trio_realtime import (
    ConnectionClosedError,
    Options,
    ResponseFailedError,
    ServerError,
    open_realtime,
)
from trio_realtime.testing import Answer, Fail, Refuse, SimulatedServer

QUESTION: Mapping[str, JsonValue] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "as it was"}],
}


ENDS = (ServerError, ResponseFailedError, trio.EndOfChannel)


# What is asked.


@pytest.mark.parametrize("name", ["type", "event_id"])
async def test_extra_fields_cannot_make_another_frame_of_a_request(
    name: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking() as talk:
        with pytest.raises(ValueError, match=f"extra_fields cannot set '{name}'"):
            async with talk.conn.respond(extra_fields={name: "session.update"}):
                pytest.fail("it was sent")
        # Nothing holds the next one up.
        async with talk.conn.respond("Hello") as reply:
            assert await text_of(reply) == "You said: Hello"


async def test_extra_fields_that_take_the_metadata_away_leave_the_mark(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        metadata: list[JsonValue] = [None, {"topic": "weather"}]
        for each in metadata:
            extra: dict[str, JsonValue] = {"response": {"metadata": each}}
            async with talk.conn.respond("Hello", extra_fields=extra) as reply:
                assert (await reply.result()).metadata == each
        for frame in talk.frames("response.create"):
            response = frame["response"]
            assert isinstance(response, dict)
            assert isinstance(response["metadata"], dict)
            assert response["metadata"]["trio_realtime"] == frame["event_id"]


# What was asked is what was asked when it was.
async def test_what_is_asked_may_be_changed_while_it_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    item = copy.deepcopy(dict(QUESTION))
    extra: dict[str, JsonValue] = {"response": {"instructions": "as they were"}}
    async with talking([LONG, "an answer"]) as talk:
        async with talk.conn.respond("first"), trio.open_nursery() as nursery:

            async def second() -> None:
                async with talk.conn.respond([item], extra_fields=extra) as reply:
                    await reply.result()

            nursery.start_soon(second)
            await trio.testing.wait_all_tasks_blocked()
            # Also into what nobody could encode.
            item["content"] = [float("nan")]
            extra["response"] = {"instructions": float("nan")}
            await trio.sleep(5)
        content = talk.server.conversation.items[2]["content"]
        assert "as it was" in str(content)
        (_, create) = talk.frames("response.create")
        assert "as they were" in str(create["response"])


async def test_what_a_request_that_gives_way_brings_is_what_it_was_asked_with(
    autojump_clock: trio.testing.MockClock,
) -> None:
    item = copy.deepcopy(dict(QUESTION))
    async with talking([LONG, "to the user"], session=WRITING) as talk:
        async with trio.open_nursery() as nursery:

            async def ask(question: str | Sequence[Mapping[str, JsonValue]]) -> None:
                async with talk.conn.respond(question) as reply:
                    assert (await reply.result()).status == "cancelled"

            nursery.start_soon(ask, "active")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, [item])
            await trio.testing.wait_all_tasks_blocked()
            item["content"] = [float("nan")]
            talk.server.hears("wait")
        await trio.sleep(1)
        assert "as it was" in str(talk.server.conversation.items)


HEARD: Sequence[Mapping[str, JsonValue]] = [
    {"type": "input_audio_buffer.speech_started", "item_id": "item_u", "audio_start_ms": 0},
    {"type": "input_audio_buffer.speech_stopped", "item_id": "item_u", "audio_end_ms": 100},
    {"type": "input_audio_buffer.committed", "item_id": "item_u", "previous_item_id": None},
]


# Correlation without an echo: a turn that the server never answered is no reason to doubt for ever.
@pytest.mark.parametrize("conversation", ["auto", "none"])
async def test_a_turn_that_was_never_answered_casts_no_doubt_on_a_plain_request_either(
    conversation: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted() as (conn, line):
        for frame in HEARD:
            await line.send(frame)
        await trio.sleep(Options().cancel_timeout)
        async with trio.open_nursery() as nursery:
            answered = trio.Event()

            async def ask() -> None:
                response: JsonValue = {"conversation": conversation}
                await conn.request({"type": "response.create", "response": response})
                answered.set()

            nursery.start_soon(ask)
            async with line.expect("response.create") as create:
                await create.send(created("resp_1"))
            with trio.fail_after(1):
                await answered.wait()


# How its block may lie in a program.


async def test_a_block_in_the_block_that_it_waits_for_is_the_callers_deadlock_and_can_be_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "unasked"]) as talk:
        async with talk.conn.respond("first") as first:
            with trio.move_on_after(0.5) as patience:
                async with talk.conn.respond("second"):
                    pytest.fail("two responses at a time")
            assert patience.cancelled_caught
            # Beside the conversation nobody waits for anybody.
            async with talk.conn.respond("aside", conversation="none") as aside:
                assert (await aside.result()).status == "completed"
            assert (await first.result()).status == "completed"
        assert talk.sent("response.create") == ["response.create"] * 2
        assert settled(talk.conn)


async def test_a_sibling_that_fails_ends_every_block_of_its_nursery(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG] * 10) as talk:

        async def ask(number: int) -> None:
            beside = number % 2 == 0
            async with talk.conn.respond("?", conversation="none" if beside else "auto") as reply:
                await reply.result()

        async def fail() -> None:
            await trio.sleep(0.5)
            raise LookupError

        with pytest.RaisesGroup(LookupError):
            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(ask, number)
                nursery.start_soon(fail)
        await trio.sleep(1)
        # Three ran beside the conversation and one in it; two had not been asked for.
        assert talk.sent("response.cancel") == ["response.cancel"] * 4
        assert settled(talk.conn)
        async with talk.conn.respond("and now?") as reply:
            assert (await reply.result()).status == "completed"


async def test_a_program_that_is_cancelled_may_ask_once_more_behind_a_shield(
    autojump_clock: trio.testing.MockClock,
) -> None:
    said: list[str] = []
    async with talking([LONG, "Good bye."]) as talk:
        with trio.move_on_after(0.5):
            try:
                async with talk.conn.respond("Tell me a story") as reply:
                    await reply.result()
            finally:
                with trio.move_on_after(5, shield=True):
                    async with talk.conn.respond("Say good bye") as last:
                        said.append(await text_of(last))
        assert said == ["Good bye."]


async def test_a_generator_ends_its_response_when_it_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "next"]) as talk:

        async def pieces() -> AsyncGenerator[str]:
            async with talk.conn.respond("Tell me a story") as reply:
                async for piece in reply.text():
                    yield piece  # noqa: ASYNC119 - it is closed

        async with aclosing(pieces()) as story:
            await anext(story)
        assert await _asked_again(talk) == "next"


# Promise 5: with errors="yield" too, what names a request is raised there and nowhere else.
async def test_errors_at_a_request_are_its_own_though_others_are_yielded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([Refuse(code="no_such_thing"), "next"], yields_errors=True) as talk:
        with pytest.raises(ServerError) as refused:
            async with talk.conn.respond("Hello"):
                pytest.fail("it was refused")
        assert refused.value.code == "no_such_thing"
        assert await _asked_again(talk) == "next"
        assert errors_of(held_by(talk.conn)) == []


async def test_what_handles_raise_can_be_sent_to_another_process(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raised: list[Exception] = []
    async with talking(
        [Refuse(code="no"), Fail(code="overloaded", message="Too much"), LONG]
    ) as talk:
        for _ in range(2):
            with pytest.raises((ServerError, ResponseFailedError)) as caught:
                async with talk.conn.respond("Hello") as reply:
                    await reply.result()
            raised.append(caught.value)
        async with talk.conn.respond("Hello") as reply:
            talk.server.close(1011)
            with pytest.raises(ConnectionClosedError) as lost:
                await text_of(reply)
        raised.append(lost.value)
    for error in raised:
        again: Exception = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))


# Promise 9.
async def test_a_refusal_that_repeats_the_key_is_raised_without_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    key = "a-key-of-no-known-shape"
    refusals: list[str] = []
    async with SimulatedServer(
        [Refuse(code="no", message=f"{key} may not do that")], api_key=key
    ) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=QUIET) as conn:
            with pytest.raises(ServerError) as refused:
                async with conn.respond("Hello"):
                    pytest.fail("it was refused")
            refusals += [str(refused.value), repr(refused.value)]
    assert "may not do that" in refusals[0]
    assert not any(key in said for said in refusals)


async def _asked_again(talk: Talk) -> str:
    async with talk.conn.respond("?", conversation="none") as reply:
        return await text_of(reply)


# What remains.


def client_objects() -> Counter[str]:
    """Live objects of which only the client makes any, by type."""
    gc.collect()
    parts = ("_response", "_connection", "_core._", "_resources", "events")
    ours = tuple(f"trio_realtime.{part}" for part in parts)
    objects: list[object] = gc.get_objects()
    kinds = [type(each) for each in objects]
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(ours))


# Promise 7.
@pytest.mark.sweep
async def test_however_responses_end_nothing_of_them_is_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    answers: list[Answer] = [LONG, "short", Fail(), Refuse(code="no"), LONG, "short"]

    def answer(*_: object) -> Answer:
        return rnd.choice(answers)

    async with talking(answer, session=WRITING) as talk:

        async def ask(patience: float, conversation: Literal["auto", "none"]) -> None:
            with trio.move_on_after(patience):
                with contextlib.suppress(*ENDS):
                    async with talk.conn.respond("?", conversation=conversation) as reply:
                        await reply.text().receive()
                        await reply.result()

        async def meanwhile() -> Counter[str]:
            async with trio.open_nursery() as nursery:
                for patience in (0.001, 0.3, 1, 100):
                    nursery.start_soon(ask, patience, "auto")
                    nursery.start_soon(ask, patience, "none")
                await trio.sleep(0.2)
                talk.server.hears("wait")
            await trio.sleep(20)
            held_by(talk.conn)
            assert settled(talk.conn)
            return client_objects()

        rnd = random.Random(1)
        first = await meanwhile()
        for _ in range(5):
            assert await meanwhile() - first == Counter()


async def test_a_connection_in_which_nothing_is_due_does_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Steps(trio.abc.Instrument):
        def __init__(self) -> None:
            self.tasks: Counter[str] = Counter()

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self.tasks[task.name] += 1

    steps = Steps()
    async with scripted(ignore=("response.cancel",)) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                async with conn.respond():
                    pass

            nursery.start_soon(ask)
            async with line.expect("response.create") as create:
                await create.send(created("resp_1", create))
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(steps)
        # It wakes when the response that never ends has held the next one up long enough.
        await trio.sleep(Options().cancel_timeout + 60)
        trio.lowlevel.remove_instrument(steps)
        assert conn._link.gate.is_open
    assert steps.tasks["trio_realtime._connection._plumbing.run"] == 1


# promise 3: without an echo, a response that is cut short is the answer when nothing better comes.
async def test_who_asks_as_the_user_stops_speaking_is_answered_also_by_a_response_cut_short(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted() as (conn, line), trio.open_nursery() as nursery:
        answered: list[tuple[str | None, str]] = []

        async def ask() -> None:
            async with conn.respond() as reply:
                answered.append((reply.id, reply.status))

        nursery.start_soon(ask)
        async with line.expect("response.create") as request:
            for frame in HEARD:
                await line.send(frame)
            await request.send(created("resp_1"))
            await request.send(done("resp_1", "failed"))
        await trio.sleep(4.9)
        assert answered == []
        await trio.sleep(0.2)
        assert answered == [("resp_1", "failed")]
        settled(conn)

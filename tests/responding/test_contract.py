"""What the documentation says of handles and nothing else would miss: misuse, bounds, and the end.

Each test here fails without the line of code that keeps its sentence.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import LONG, WRITING, talking, text_of

QUESTION: Mapping[str, JsonValue] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "as it was"}],
}


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


# Promise 1, and design, section 8: what was asked is what was asked when it was.
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

            async def ask(input: str | list[Mapping[str, JsonValue]]) -> None:  # noqa: A002
                async with talk.conn.respond(input) as reply:
                    assert (await reply.result()).status == "cancelled"

            nursery.start_soon(ask, "active")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask, [item])
            await trio.testing.wait_all_tasks_blocked()
            item["content"] = [float("nan")]
            talk.server.hears("wait")
        await trio.sleep(1)
        assert "as it was" in str(talk.server.conversation.items)

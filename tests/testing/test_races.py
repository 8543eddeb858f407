"""The races that peers of ours lost, one by one: responses that are asked for, refused, cancelled.

Each is swept over seeded schedules where the interleaving of tasks can matter. Everything the
server sends is checked on the way, as in every test. That each of them can be rehearsed like this
is what an application author gets. `test_races_turns` and `test_races_ends` have the rest.
"""

from __future__ import annotations

import math
from functools import partial

import pytest
import trio
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.faithful import Frame
from tests.testing.racing import (
    SPEECH,
    WORDS,
    Seen,
    ask_beside,
    by_topic,
    reason_of,
    said_by,
    swept,
    topics_of,
)
from tests.testing.test_conversation import MODEL, TEXT
from trio_realtime import (
    open_realtime,
)
from trio_realtime.events import (
    InvalidEvent,
    ResponseCreated,
    ResponseDone,
)
from trio_realtime.testing import (
    SimulatedServer,
)


def test_a_create_that_voice_detection_forestalls_is_refused_and_may_be_asked_again() -> None:
    # race: refused create after VAD
    async def race() -> None:
        async with SimulatedServer("One answer.", audio_speed=1) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
                seen = Seen(conn)
                asked: list[str] = []

                async def ask() -> None:
                    asked.append(await conn.response.create())

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(conn.input_audio_buffer.append, SPEECH)
                    nursery.start_soon(ask)
                # Whichever came first: both are over, or one was refused by name.
                await seen.until("response.done")
                await trio.sleep(10)
                while len(seen.done) + len(seen.errors) < 2:
                    seen.events.append(await conn.receive())
                for error in seen.errors:
                    assert error.error.event_id == asked[0]
                    assert error.error.code == "conversation_already_has_active_response"
                assert seen.created == [each.response.id for each in seen.done]
                await conn.response.create()
                await seen.until("response.done")
                assert seen.statuses[-1] == "completed"

    swept(race)


def test_of_two_creates_at_once_the_second_is_refused_by_its_name() -> None:
    # race: create between send and created
    async def race() -> None:
        async with SimulatedServer("Yes.") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
                seen, ids = Seen(conn), list[str]()

                async def ask() -> None:
                    ids.append(await conn.response.create())

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(ask)
                    nursery.start_soon(ask)
                await seen.until("response.done")
                (error,) = seen.errors
                sent = [frame.event_id for frame in server.sessions[0].received]
                assert error.error.event_id == sent[1]
                assert seen.statuses == ["completed"]

    swept(race)


def test_a_cancel_right_behind_its_create_ends_the_response_before_its_output() -> None:
    # race: cancel before created, pain 8
    async def race() -> None:
        async with SimulatedServer(WORDS, latency=1) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                conn.send_nowait({"type": "response.create"})
                conn.send_nowait({"type": "response.cancel"})
                done = await seen.until("response.done")
                assert isinstance(done, ResponseDone)
                assert reason_of(done) == "client_cancelled"
                assert done.response.output == []
                assert seen.types[-2:] == ["response.created", "response.done"]
                # It is gone, and does not speak after all.
                with trio.move_on_after(30):
                    await seen.until("nothing")
                assert seen.types[-1] == "response.done"

    swept(race)


def test_a_cancel_behind_a_refused_create_has_nothing_to_cancel() -> None:
    # race: cancel before created, pain 8
    async def race() -> None:
        async with SimulatedServer() as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
                server.sessions[0].refuse_next("response.create", "rate_limit_exceeded")
                seen = Seen(conn)
                conn.send_nowait({"type": "response.create"})
                conn.send_nowait({"type": "response.cancel"})
                await seen.until_error("response_cancel_not_active")
                assert seen.errors[0].error.code == "rate_limit_exceeded"
                assert seen.created == []

    swept(race)


def test_a_cancel_after_the_end_is_harmless() -> None:
    # race: cancel after done, pain 8
    async def race() -> None:
        async with SimulatedServer("Yes.", tokens_per_second=math.inf) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.done")
                assert await conn.response.cancel() is None
                await conn.response.create()
                await seen.until("response.done")
                assert seen.statuses == ["completed", "completed"]

    swept(race)


def test_a_cancel_that_meets_the_end_on_the_way_never_hits_the_next_response() -> None:
    # race: cancel after done, pain 8
    async def race() -> None:
        async with SimulatedServer(["a b c", WORDS], tokens_per_second=100) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=TEXT, errors="yield"
            ) as conn:
                seen = Seen(conn)
                await conn.response.create()
                first = await seen.until("response.created")
                assert isinstance(first, ResponseCreated)
                await seen.until("response.output_text.delta", 3)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(partial(conn.response.cancel, response_id=first.response.id))
                    await conn.response.create()
                    await seen.until("response.done", 1)
                while len(seen.done) < 2 and not seen.errors:
                    seen.events.append(await conn.receive())
                # Whatever became of the first, the second was either refused or goes through.
                assert seen.statuses[1:] in ([], ["completed"])

    swept(race)


def test_a_done_that_comes_after_the_next_created_ends_its_own_response() -> None:
    # race: late `response.done` after next `created`
    async def race() -> None:
        async with SimulatedServer("Yes.") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                server.sessions[0].late_done(5.0, stays_active=False)
                await conn.response.create()
                await seen.until("response.output_item.done")
                await trio.sleep(1)
                await conn.response.create()
                await seen.until("response.done", 2)
                first, second = seen.created
                assert [each.response.id for each in seen.done] == [second, first]

    swept(race)


def test_a_second_done_of_a_response_ends_no_other() -> None:
    # race: duplicate `done`
    async def race() -> None:
        async with SimulatedServer("Yes.") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                server.sessions[0].late_done(0.5, duplicates=2)
                await conn.response.create()
                await seen.until("response.done", 3)
                assert len({each.response.id for each in seen.done}) == 1
                await conn.response.create()
                await seen.until("response.done")
                assert len({each.response.id for each in seen.done}) == 2

    swept(race)


def test_the_end_of_a_response_that_never_began_is_only_an_event() -> None:
    # race: `done` without `created`
    async def race() -> None:
        async with SimulatedServer(["a b c d", "next"]) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.created")
                ghost: Frame = {"id": "resp_ghost", "object": "realtime.response", "output": []}
                server.sessions[0].push({"type": "response.done", "response": ghost})
                await seen.until("response.done", 2)
                assert seen.done[0].response.id == "resp_ghost"
                assert seen.done[1].response.id == seen.created[0]

    swept(race)


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": "many"}, 7])
def test_usage_that_is_missing_or_nonsense_ends_nothing(usage: JsonValue) -> None:
    # race: usage missing/malformed
    async def race() -> None:
        async with SimulatedServer() as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                response: Frame = {"id": "resp_1", "status": "completed", "output": []}
                server.sessions[0].push(
                    {"type": "response.done", "response": {**response, "usage": usage}}
                )
                while not isinstance(event := await conn.receive(), ResponseDone | InvalidEvent):
                    pass
                assert isinstance(event, ResponseDone) is (usage in (None, {}))
                await conn.response.create()
                await seen.until("response.done")
                assert seen.statuses == ["completed"]

    swept(race, seeds=2)


def test_three_responses_beside_a_turn_are_told_apart_by_what_they_were_asked_with() -> None:
    # race: wait returns on someone else's response, pain 38
    async def race() -> None:
        async with SimulatedServer(by_topic) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=TEXT, errors="yield"
            ) as conn:
                seen = Seen(conn)
                server.sessions[0].hears("Hello.")
                await seen.until("response.created")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(conn.response.create)  # refused: the turn is answered
                    for topic in "abc":
                        nursery.start_soon(ask_beside, conn, topic)
                await seen.until("response.done", 4)
                (error,) = seen.errors
                assert error.error.code == "conversation_already_has_active_response"
                topics = topics_of(seen)
                assert sorted(str(topic) for topic in topics.values()) == ["None", "a", "b", "c"]
                for done in seen.done:
                    assert said_by(done) == (topics[done.response.id] or "default")

    swept(race)


def test_without_an_echo_responses_are_created_in_the_order_they_were_asked_for() -> None:
    # pain 38
    async def race() -> None:
        async with SimulatedServer(by_topic, echo_metadata=False) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                async with trio.open_nursery() as nursery:
                    for topic in "abc":
                        nursery.start_soon(ask_beside, conn, topic)
                await seen.until("response.done", 3)
                assert set(topics_of(seen).values()) == {None}
                frames = server.sessions[0].received
                asked = [at(f, "response", "metadata", "topic") for f in frames[1:]]
                said = {done.response.id: said_by(done) for done in seen.done}
                assert [said[response_id] for response_id in seen.created] == asked

    swept(race)


def test_a_cancel_by_id_waits_for_its_own_response() -> None:
    # race: wait returns on someone else's response, pain 8, pain 38
    async def race() -> None:
        async with SimulatedServer(by_topic) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                await conn.response.create()
                for topic in "ab":
                    await ask_beside(conn, topic)
                await seen.until("response.created", 3)
                wanted = next(each for each, topic in topics_of(seen).items() if topic == "b")
                done = await conn.response.cancel(response_id=wanted)
                assert done is not None
                assert done.response.id == wanted
                assert reason_of(done) == "client_cancelled"
                await seen.until("response.done", 3)
                assert sorted(map(str, seen.statuses)) == ["cancelled", "completed", "completed"]

    swept(race)


def test_a_cancel_without_an_id_ends_the_turn_and_nothing_beside_it() -> None:
    # pain 8
    async def race() -> None:
        async with SimulatedServer(by_topic) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
                seen = Seen(conn)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(conn.response.create)
                    nursery.start_soon(ask_beside, conn, "a")
                await seen.until("response.created", 2)
                done = await conn.response.cancel()
                assert done is not None
                assert topics_of(seen)[done.response.id] is None
                await seen.until("response.done", 2)
                assert sorted(map(str, seen.statuses)) == ["cancelled", "completed"]

    swept(race)

"""What other clients get wrong: five probes, each run here against ours.

They were made with clients of other libraries, on a loopback server. What each of them did is said
above the test.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    LONG,
    PATIENT,
    SPEAKING,
    WRITING,
    held_by,
    of_response,
    talking,
    text_of,
    types_of,
)
from trio_realtime import ConnectionClosedError, Reply
from trio_realtime.events import InputAudioBufferSpeechStarted, ResponseCreated
from trio_realtime.testing._server import SimulatedServerOptions

VARIANTS: list[SimulatedServerOptions] = [
    {},
    {"echo_metadata": False},
    {"rewrite_item_ids": True},
    {"echo_metadata": False, "rewrite_item_ids": True},
    {"omit_event_ids": True},
]


def name_of(options: object) -> str:
    return str(options)


# P1. A turn of the user is answered before our request arrives, which is therefore refused. Others
# make one create, get one error, and never ask again.
@pytest.mark.parametrize("options", VARIANTS, ids=name_of)
async def test_a_request_that_the_users_turn_overtakes_is_made_again(
    options: SimulatedServerOptions, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking(session=WRITING, **options) as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                async with conn.respond("the question") as reply:
                    assert await text_of(reply) == "You said: the question"
                    assert reply.status == "completed"
                    assert reply.response.metadata is None

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            server.hears("a turn of mine")
            server.resume()
        events = held_by(conn)
        assert talk.sent("response.create", "response.cancel") == ["response.create"] * 2
        assert talk.sent("conversation.item.create") == ["conversation.item.create"]
        assert types_of(events).count("response.created") == 1
        assert "error" not in types_of(events)
        assert [item["role"] for item in server.conversation.items] == [
            "user",
            "assistant",
            "user",
            "assistant",
        ]


# P1, at every moment at which the turn can end.
@pytest.mark.sweep
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("before", range(24))
async def test_whichever_comes_first_both_are_answered(
    before: int, echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking(session=PATIENT, echo_metadata=echoes) as talk:
        conn = talk.conn
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                async with conn.respond("the question") as reply:
                    assert (await reply.result()).status == "completed"

            nursery.start_soon(ask)
            for _ in range(before):
                await trio.lowlevel.checkpoint()
            talk.server.hears("a turn of mine")
        await trio.sleep(3)
        assert "error" not in types_of(held_by(conn))
        roles = [item["role"] for item in talk.server.conversation.items]
        assert sorted(map(str, roles)) == ["assistant", "assistant", "user", "user"]
        # Once it has been overtaken, it is made again; never more often.
        assert len(talk.frames("response.create")) <= 2


# P2. A response beside the conversation is asked for while one in it is active. Others hold it back
# until that is over.
async def test_a_response_out_of_band_is_not_held_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(["Hello " * 100, "a summary"]) as talk:
        async with talk.conn.respond("Say hello") as main:
            begun = trio.current_time()
            async with talk.conn.respond(conversation="none", instructions="Sum up.") as beside:
                assert trio.current_time() == begun
                assert await text_of(beside) == "a summary"
            assert main.status == "in_progress"
            assert (await main.result()).status == "completed"


# P3. A response out of band begins and ends while one of the conversation is active. Others take
# its end for the end of that, and ask while it goes on.
@pytest.mark.parametrize("echoes", [True, False])
async def test_the_end_of_a_response_out_of_band_frees_no_turn(
    echoes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    replies = [LONG, "beside", "beside, plainly", "the second"]
    async with talking(replies, echo_metadata=echoes) as talk:
        conn, server = talk.conn, talk.server
        async with conn.respond("the first question") as main:
            async with conn.respond(conversation="none", instructions="Beside!") as beside:
                await beside.result()
            await conn.response.create(conversation="none", instructions="Beside, plainly!")
            # And one that another client of this session asked for.
            theirs: JsonValue = {"id": "resp_theirs", "output": [], "conversation_id": None}
            server.push({"type": "response.created", "response": theirs})
            server.push({"type": "response.done", "response": theirs})
            await trio.sleep(0.5)
            assert main.status == "in_progress"
            async with conn.respond("the second question") as second:
                assert main.status == "completed"
                assert await text_of(second) == "the second"
        assert len(talk.frames("response.create")) == 4
        assert "error" not in types_of(held_by(conn))


# P4. A whole response has arrived when the connection is lost. Others raise at once, and deliver
# none of its audio.
@pytest.mark.parametrize("is_whole", [True, False])
async def test_all_that_arrived_is_delivered_before_the_loss_is_told(
    is_whole: bool, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.RaisesGroup(ConnectionClosedError):
        async with talking("word " * 20, session=SPEAKING, audio_speed=1) as talk:
            conn, server = talk.conn, talk.server
            async with conn.respond("Speak") as reply:
                await trio.sleep(20 if is_whole else 3.05)
                server.drop()
                await trio.testing.wait_all_tasks_blocked()
                audio = b""
                if is_whole:
                    async for chunk in reply.audio():
                        audio += chunk
                    assert len(audio) == 20 * 300 * 48
                else:
                    with pytest.raises(ConnectionClosedError):
                        async for chunk in reply.audio():
                            audio += chunk
                    assert len(audio) >= 10 * 300 * 48
                assert reply.status == ("completed" if is_whole else "in_progress")
            while True:
                await conn.receive()


# P5. The user interrupts a response of several spoken items. Others cut off the wrong one.
async def test_barge_in_cuts_off_what_was_not_heard_of_each_item(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heard_ms = 0

    async def play(reply: Reply) -> None:
        nonlocal heard_ms
        async for chunk in reply.audio():
            await trio.sleep(len(chunk) / 48_000)
            heard_ms += len(chunk) // 48

    items = ["one two", "three four five", "six seven"]
    async with talking([items, "and more"], session=None) as talk:
        conn, server = talk.conn, talk.server
        async with conn.respond("Count") as reply:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(play, reply)
                await trio.sleep(1.3)
                server.speech_started()
                async for event in conn:
                    if isinstance(event, InputAudioBufferSpeechStarted):
                        nursery.cancel_scope.cancel()
        server.speech_stopped()
        await trio.sleep(1)
        spoken = [
            str(item["id"]) for item in server.conversation.items if item["role"] == "assistant"
        ]
        first, second, third, _ = spoken
        frames = talk.frames("conversation.item.truncate")
        cuts = {str(frame["item_id"]): frame["audio_end_ms"] for frame in frames}
        assert heard_ms == 1200
        assert cuts == {second: 600, third: 0}
        assert first not in cuts
        # All of it had arrived, and the response was over: there was nothing to cancel.
        assert talk.sent("response.cancel") == []


# T4. Two responses out of band, and the block of one is left at a deadline.
async def test_a_deadline_around_one_of_two_responses_leaves_the_other_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    whole = " ".join(["word"] * 50)
    async with talking(whole, tokens_per_second=10) as talk:
        conn = talk.conn
        ids: list[str | None] = []

        async def one() -> None:
            async with conn.respond(conversation="none", instructions="One") as reply:
                assert await text_of(reply) == whole
                assert reply.status == "completed"

        async def other() -> None:
            with trio.move_on_after(1.05) as scope:
                async with conn.respond(conversation="none", instructions="Other") as reply:
                    ids.append(reply.id)
                    await text_of(reply)
            assert scope.cancelled_caught

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(other)
        (cancel,) = talk.frames("response.cancel")
        assert [cancel["response_id"]] == ids
        assert not any(of_response(event) in ids for event in held_by(conn))
        assert not any(isinstance(event, ResponseCreated) for event in held_by(conn))

"""Leaving while the user interrupts: voice detection ends the response, and a cancel could hit
the next one; so none is sent, unless the response does not end.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.leaving.helpers import BARGING, LONG, Met, drained, errors_in, met, settled
from trio_realtime import Reply
from trio_realtime.events import InputAudioBufferSpeechStarted

QUIETLY: Mapping[str, JsonValue] = {
    "audio": {
        "input": {
            "turn_detection": {
                "type": "server_vad",
                "create_response": False,
                "interrupt_response": True,
            }
        }
    }
}
"""The user interrupts, and is not answered."""

UNPERTURBED: Mapping[str, JsonValue] = {
    "audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}
}
"""The user is heard, and does not interrupt."""

STARTED: Mapping[str, JsonValue] = {
    "type": "input_audio_buffer.speech_started",
    "audio_start_ms": 0,
    "item_id": "item_of_the_user",
}


async def until_speech(talk: Met) -> None:
    while not isinstance(await talk.conn.receive(), InputAudioBufferSpeechStarted):
        pass


async def speak(reply: Reply, talk: Met, late: float) -> None:
    """Listen to a chunk, and interrupt; what that ends comes to its end `late`."""
    await reply.audio().receive()
    talk.session.late_done(late, stays_active=False)
    talk.session.speech_started()
    await until_speech(talk)


# pain 2; pain 8
@pytest.mark.parametrize("late", [0.1, 0.9])
async def test_a_response_that_the_user_interrupts_is_cut_off_and_not_cancelled(
    late: float, autojump_clock: trio.testing.MockClock
) -> None:
    async with met([LONG, "Next."], session=QUIETLY) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await speak(reply, talk, late)
            left = trio.current_time()
        async with talk.conn.respond("And?") as following:
            # It begins when the one before is done.
            assert trio.current_time() == pytest.approx(left + late)
            assert reply.status == "cancelled"
            assert (await following.result()).status == "completed"
        await trio.sleep(10)
        assert talk.cuts() == [(talk.session.conversation.items[1]["id"], 0)]
        assert talk.cancelled() == []
        talk.session.speech_stopped()
        await trio.sleep(10)
        assert errors_in(drained(talk.conn)) == []
        assert settled(talk.conn)


# pain 8
async def test_a_response_that_the_user_interrupts_is_cancelled_if_it_is_not_over_in_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "Next."], session=QUIETLY) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.audio().receive()
            # The server says so, and goes on talking all the same.
            talk.session.push(STARTED)
            await until_speech(talk)
            left = trio.current_time()
        await trio.sleep(0.999)
        assert talk.cancelled() == []
        async with talk.conn.respond("And?") as following:
            assert trio.current_time() == pytest.approx(left + 1)
            assert talk.cancelled() == [reply.id]
            assert (await following.result()).status == "completed"
        assert len(talk.cuts()) == 1
        assert settled(talk.conn)


# pain 8
async def test_that_cancel_holds_the_next_response_up_no_longer_than_others_do(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "Next."], session=QUIETLY) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await speak(reply, talk, 100)
            left = trio.current_time()
        async with talk.conn.respond("And?"):
            assert trio.current_time() == pytest.approx(left + 1 + 5)
        await trio.sleep(100)
        # The server said that nothing was active: nobody is told.
        assert errors_in(drained(talk.conn)) == []
        assert talk.cancelled()[0] == reply.id


# pain 8
async def test_a_block_that_goes_on_through_an_interruption_and_is_left_after_it_cancels_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=BARGING) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.audio().receive()
            talk.session.speech_started()
            await reply.result()
            reply.heard(70)
        assert reply.response.status_details is not None
        assert reply.response.status_details.reason == "turn_detected"
        await trio.sleep(1)
        # It is over, and what was heard of it is told all the same.
        assert talk.cuts() == [(talk.session.conversation.items[1]["id"], 70)]
        assert talk.cancelled() == []


# pain 2
async def test_the_user_s_turn_is_answered_though_the_block_was_left_as_it_began(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "To you.", "Next."], session=BARGING) as talk:
        conn = talk.conn
        async with conn.incoming() as replies:
            async with conn.respond("Hello?") as reply:
                await speak(reply, talk, 0.5)
            await trio.sleep(1.2)
            talk.session.speech_stopped()
            answer = await replies.receive()
            assert "".join([piece async for piece in answer.text()]) == "To you."
        async with conn.respond("And?") as following:
            assert (await following.result()).status == "completed"
        assert talk.cancelled() == []
        assert [status for status, _ in talk.answers()] == ["incomplete", "completed", "completed"]
        assert settled(conn)


# pain 8
async def test_where_the_user_does_not_interrupt_leaving_cancels_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=UNPERTURBED) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await reply.audio().receive()
            talk.session.speech_started()
            await until_speech(talk)
        await trio.testing.wait_all_tasks_blocked()
        assert talk.cancelled() == [reply.id]
        talk.session.speech_stopped()


# pain 8
async def test_what_is_out_of_band_is_cancelled_at_once_whoever_speaks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=BARGING) as talk:
        async with talk.conn.respond("Sum up.", conversation="none") as beside:
            await beside.audio().receive()
            talk.session.speech_started()
            await until_speech(talk)
        await trio.testing.wait_all_tasks_blocked()
        assert talk.cancelled() == [beside.id]
        assert talk.cuts() == []
        talk.session.speech_stopped()


async def test_a_response_that_was_left_before_the_user_spoke_was_cancelled_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=BARGING) as talk:
        talk.session.late_done(3, stays_active=False)
        async with talk.conn.respond("Hello?") as reply:
            await reply.audio().receive()
        await trio.sleep(0.1)
        talk.session.speech_started()
        await trio.sleep(10)
        assert talk.cancelled() == [reply.id]
        talk.session.speech_stopped()


# promise 1
async def test_a_connection_that_is_closed_meanwhile_sends_no_cancel_after_all(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met(LONG, session=BARGING) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await speak(reply, talk, 100)
        await talk.conn.aclose()
        await trio.sleep(5)
        assert talk.cancelled() == []
    async with met(LONG, session=BARGING) as talk:
        async with talk.conn.respond("Hello?") as reply:
            await speak(reply, talk, 100)
        talk.session.drop()
        await trio.sleep(5)
        assert talk.cancelled() == []
        assert talk.conn.close_info is not None


# pain 2; pain 8
@pytest.mark.parametrize("way", ["going on", "leaving"])
async def test_handles_of_others_responses_are_ended_alike(
    way: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with met([LONG, "To you."], session=BARGING) as talk:
        talk.session.hears("Hello?")
        async with talk.conn.incoming() as replies:
            reply = await replies.receive()
            drained(talk.conn)
            await speak(reply, talk, 0.5)
            if way == "going on":
                with trio.move_on_after(0.2):
                    await replies.receive()
        await trio.sleep(3)
        assert reply.status == "cancelled"
        assert talk.cuts() == [(talk.session.conversation.items[1]["id"], 0)]
        assert talk.cancelled() == []
        talk.session.speech_stopped()
        await trio.sleep(3)
        assert settled(talk.conn)

"""Driving a session as a test of an application does: over the wire, in virtual time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Final, cast

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.raw import raw_client
from tests.testing.test_conversation import MODEL
from trio_realtime import ConnectionClosedError, RealtimeConnection, open_realtime
from trio_realtime.audio import tone
from trio_realtime.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    Error,
    InputAudioBufferCommitted,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferTimeoutTriggered,
    RateLimitsUpdated,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
)
from trio_realtime.testing import SimulatedServer, SimulatedSession

TRANSCRIBED: dict[str, JsonValue] = {
    "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
}


async def until(conn: RealtimeConnection, kind: type[ServerEvent]) -> ServerEvent:
    """The next event of a kind, past all others."""
    while True:
        event = await conn.receive()
        if isinstance(event, kind):
            return event


async def test_an_application_hears_what_the_user_says(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TRANSCRIBED) as conn:
            server.sessions[0].hears("What time is it?", ms=900)
            with trio.fail_after(60):
                completed = await until(conn, ConversationItemInputAudioTranscriptionCompleted)
                assert isinstance(completed, ConversationItemInputAudioTranscriptionCompleted)
                assert completed.transcript == "What time is it?"
                done = await until(conn, ResponseDone)
                assert isinstance(done, ResponseDone)
                assert "You said: What time is it?" in str(done.response.output)


async def test_a_user_interrupts_the_model(
    autojump_clock: trio.testing.MockClock,
) -> None:  # pain 31
    async with SimulatedServer("one two three four five six seven eight nine ten") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            await conn.response.create()
            with trio.fail_after(60):
                await until(conn, ResponseCreated)
                await trio.sleep(0.05)
                server.sessions[0].hears("Stop!")
                done = await until(conn, ResponseDone)
                assert isinstance(done, ResponseDone)
                assert done.response.status == "cancelled"
                await until(conn, ResponseDone)


async def test_a_transcription_fails_when_it_is_told_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TRANSCRIBED) as conn:
            session = server.sessions[0]
            session.transcription_fails("audio_unintelligible", "Nothing to hear.")
            session.transcription_fails()
            with trio.fail_after(60):
                for code in ("audio_unintelligible", None):
                    session.hears("mumble", transcribed_after=0.0)
                    failed = await until(conn, ConversationItemInputAudioTranscriptionFailed)
                    assert isinstance(failed, ConversationItemInputAudioTranscriptionFailed)
                    assert failed.error.code == code


async def test_a_silent_user_is_spoken_to(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer("Are you there?") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            server.sessions[0].idle_timeout()
            with trio.fail_after(60):
                await until(conn, InputAudioBufferTimeoutTriggered)
                await until(conn, InputAudioBufferCommitted)
                await until(conn, ResponseDone)


async def test_an_idle_timeout_comes_by_itself(autojump_clock: trio.testing.MockClock) -> None:
    vad: JsonValue = {"type": "server_vad", "idle_timeout_ms": 5000}
    update: dict[str, JsonValue] = {"audio": {"input": {"turn_detection": vad}}}
    async with SimulatedServer("Hello") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=update) as conn:
            await conn.response.create()
            with trio.fail_after(60):
                await until(conn, ResponseDone)
                done = trio.current_time()
                await until(conn, InputAudioBufferTimeoutTriggered)
                # One word is 0.3 s of audio, which is played before the silence counts.
                assert trio.current_time() - done == pytest.approx(5.3)


async def test_keys_and_limits_and_late_ends_are_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer("Hello") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            session = server.sessions[0]
            session.dtmf("5")
            session.rate_limits(limit=100, remaining=7)
            session.late_done(5.0)
            with trio.fail_after(60):
                pressed = await until(conn, InputAudioBufferDtmfEventReceived)
                assert isinstance(pressed, InputAudioBufferDtmfEventReceived)
                assert pressed.event == "5"
                begun = trio.current_time()
                await conn.response.create()
                await until(conn, ResponseDone)
                assert trio.current_time() - begun >= 5
                limits = await until(conn, RateLimitsUpdated)
                assert isinstance(limits, RateLimitsUpdated)
                assert (limits.rate_limits[0].limit, limits.rate_limits[0].remaining) == (100, 0)


async def test_an_event_is_refused_by_order_with_any_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
            server.sessions[0].refuse_next(
                "response.create", None, "Sorry about that!", error_type="server_error"
            )
            await conn.response.create()
            with trio.fail_after(60):
                error = await until(conn, Error)
            assert isinstance(error, Error)
            assert (error.error.type, error.error.code) == ("server_error", None)


async def test_a_session_ends_with_the_error_it_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        with pytest.RaisesGroup(ConnectionClosedError) as caught:
            async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
                server.sessions[0].fail("credit_balance_exhausted", "You have no credits.")
                with trio.fail_after(60):
                    await until(conn, ResponseDone)
        (lost,) = caught.value.exceptions
        assert isinstance(lost, ConnectionClosedError)
        assert lost.info.reason == "invalid_request_error.credit_balance_exhausted"


async def test_events_may_lack_ids_and_models_be_unknown(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(omit_event_ids=True, models=["another"]) as server:
        async with raw_client(server) as client:
            # Not by `receive`, which checks that they are there.
            error: JsonValue = json.loads(await client.ws.get_message())
            assert isinstance(error, dict)
            assert "event_id" not in error
            assert at(error, "error", "code") == "invalid_model"


# promise 3
async def test_a_commit_in_the_midst_of_speech_is_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            server.sessions[0].speech_started()
            await conn.input_audio_buffer.append(tone(440, 300))
            item_id = await conn.input_audio_buffer.commit()
            server.sessions[0].speech_stopped()
            ids: list[str] = []
            while len(ids) < 2:
                committed = await until(conn, InputAudioBufferCommitted)
                assert isinstance(committed, InputAudioBufferCommitted)
                ids.append(committed.item_id)
            assert ids[0] == item_id
            assert ids[1] != item_id


WRONG: Final[list[tuple[Callable[[SimulatedSession], None], str]]] = [
    (lambda session: session.push({}), "an event has a type"),
    (lambda session: session.push({"type": 7}), "send_raw takes others"),
    (lambda session: session.push({"type": ""}), "has a type: push"),
    (lambda session: session.push({"type": "x", "n": math.nan}), "an event is JSON: Out of range"),
    (lambda session: session.push({"type": "x", "a": "\ud800"}), "an event is JSON: 'utf-8' codec"),
    (lambda session: session.send_raw("\ud800"), "surrogates not allowed"),
    (lambda session: session.close(999), "no CLOSE can have the code 999"),
    (lambda session: session.close(5000), "no CLOSE can have the code 5000"),
    (lambda session: session.close(1006), "drop\\(\\) sends none"),
    (lambda session: session.close(1000, "é" * 62), "at most 123 bytes"),
    (lambda session: session.fail("x", close_code=1005), "no CLOSE can have the code 1005"),
    (lambda session: session.fail("x" * 102), "reason of a CLOSE"),
    (lambda session: session.hears(" "), "nothing is said"),
    (lambda session: session.hears("Hello", ms=0), "ms must be between 1 and 600000"),
    (lambda session: session.hears("Hello", ms=math.nan), "ms must be between"),
    (lambda session: session.hears("Hello", transcribed_after=-1), "transcribed_after"),
    (lambda session: session.dtmf("E"), "a telephone has the keys"),
    (lambda session: session.dtmf("12"), "it has no '12'"),
    (lambda session: session.rate_limits(remaining=-1), "remaining cannot be negative"),
    (lambda session: session.late_done(math.inf), "seconds must be a number"),
    (lambda session: session.late_done(1, duplicates=-1), "duplicates cannot be negative"),
    (lambda session: session.refuse_next("response.creat", "x"), "no client event"),
]


@pytest.mark.parametrize(("drive", "message"), WRONG)
async def test_a_driver_says_what_is_wrong_with_its_arguments(
    drive: Callable[[SimulatedSession], None],
    message: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            await client.until("session.created")
            with pytest.raises(ValueError, match=message):
                drive(server.sessions[0])


async def test_a_raw_message_is_text_or_bytes() -> None:
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        (session,) = server.sessions
        with pytest.raises(TypeError):
            session.send_raw(cast("str", 7))
        session.send_raw(b"\0\1")
        assert await client.ws.get_message() == b"\0\1"
        session.close(4999, "é" * 61)
        assert (await client.to_the_end()).code == 4999


async def test_drivers_do_nothing_once_the_session_is_over() -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            (session,) = server.sessions
            session.close()
            drive_all(session)
            assert (await client.to_the_end()).code == 1000
            assert [frame["type"] for frame in client.frames] == ["session.created"]
        await session.wait_closed()
        drive_all(session)
        async with raw_client(server) as client:
            await client.receive()
        session = server.sessions[1]
        await session.wait_closed()
        drive_all(session)
    drive_all(session)
    assert session.conversation.items == []


def drive_all(session: SimulatedSession) -> None:
    """Use every driver, also where it would be refused while the session goes on."""
    session.push({"type": "x"})
    session.send_raw("x")
    session.speech_stopped()
    session.speech_started()
    session.speech_started()
    session.hears("Hello?")
    session.transcription_fails()
    session.idle_timeout()
    session.dtmf("5")
    session.rate_limits(remaining=0)
    session.late_done()
    session.refuse_next("response.create", "x")
    session.fail("x")
    session.expire()
    session.close()
    session.pause()
    session.resume()

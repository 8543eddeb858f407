"""The races that peers of ours lost: tools, speech and interruptions. See `test_races`."""

from __future__ import annotations

import json
from functools import partial

import pytest
import trio
from pydantic import JsonValue

from tests.testing.faithful import Frame
from tests.testing.racing import HEARD, SPEECH, WORDS, Seen, calls_of, reason_of, swept
from tests.testing.test_conversation import MODEL, TEXT
from trio_realtime import (
    ServerError,
    open_realtime,
)
from trio_realtime.audio import AudioFormat, duration_ms
from trio_realtime.events import (
    ResponseDone,
    ResponseOutputAudioDelta,
)
from trio_realtime.testing import (
    Answer,
    CallTool,
    Conversation,
    Say,
    SimulatedServer,
    SimulatedSession,
)


def test_tools_may_return_in_any_order_and_one_create_answers_them_all() -> None:
    # race: parallel tools with one slow/failed/cancelled
    def reply(session: SimulatedSession, conversation: Conversation, create: Frame) -> Answer:
        outputs = {
            item["call_id"]: item["output"] for item in conversation.items if "output" in item
        }
        calls = [item for item in conversation.items if item["type"] == "function_call"]
        if not calls:
            return [CallTool("slow"), CallTool("fails"), CallTool("cancelled")]
        return " ".join(f"{call['name']}={outputs.get(str(call['call_id']))}" for call in calls)

    async def race() -> None:
        async with SimulatedServer(reply) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=TEXT, errors="yield"
            ) as conn:
                seen = Seen(conn)

                async def run(name: str, call_id: str) -> None:
                    if name == "slow":
                        await trio.sleep(5)
                    if name != "cancelled":
                        output = "done" if name == "slow" else "error"
                        await conn.conversation.item.create(call_id=call_id, output=output)

                await conn.response.create()
                async with trio.open_nursery() as nursery:
                    for name, call_id in calls_of(await seen.until("response.done")):
                        nursery.start_soon(run, name, call_id)
                await conn.response.create()
                done = await seen.until("response.done")
                assert "slow=done fails=error cancelled=None" in str(done)
                assert seen.errors == []

    swept(race)


def test_a_tool_that_returns_during_another_response_is_heard_after_it() -> None:
    # race: tool finishing during another response
    async def race() -> None:
        async with SimulatedServer([CallTool("f"), WORDS, "It rains."]) as server:
            async with open_realtime(
                MODEL, endpoint=server.endpoint, session=TEXT, errors="yield"
            ) as conn:
                seen = Seen(conn)
                await conn.response.create()
                ((_, call_id),) = calls_of(await seen.until("response.done"))
                server.sessions[0].hears("And?")
                await seen.until("response.output_text.delta")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(
                        partial(conn.conversation.item.create, call_id=call_id, output="rain")
                    )
                    nursery.start_soon(conn.response.create)
                await seen.until("response.done")
                output = [e for e in seen.events if "function_call_output" in str(e)]
                assert output == []  # not before the response that was active
                await seen.until("conversation.item.done")
                (error,) = seen.errors
                assert error.error.code == "conversation_already_has_active_response"
                await conn.response.create()
                assert "It rains." in str(await seen.until("response.done"))

    swept(race)


def test_a_user_who_speaks_while_a_tool_runs_is_answered_and_the_tool_may_still_return() -> None:
    # race: barge-in during tool
    async def race() -> None:
        async with SimulatedServer([CallTool("f"), "Wait.", "It rains."]) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                await conn.response.create()
                ((_, call_id),) = calls_of(await seen.until("response.done"))
                async with trio.open_nursery() as nursery:

                    async def tool() -> None:
                        await trio.sleep(0.3)
                        await conn.conversation.item.create(call_id=call_id, output="rain")

                    nursery.start_soon(tool)
                    nursery.start_soon(conn.input_audio_buffer.append, SPEECH)
                    await seen.until("response.done")
                assert seen.statuses == ["completed", "completed"]
                await conn.response.create()
                assert "It rains." in str(await seen.until("response.done"))

    swept(race)


def test_a_barge_in_before_the_first_audio_leaves_nothing_to_truncate() -> None:
    # race: barge-in before first audio, pain 7
    async def race() -> None:
        async with SimulatedServer(WORDS, latency=2) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.created")
                server.sessions[0].speech_started()
                done = await seen.until("response.done")
                assert isinstance(done, ResponseDone)
                assert reason_of(done) == "turn_detected"
                assert done.response.output == []
                with pytest.raises(ServerError, match="item_none"):
                    await conn.conversation.item.truncate("item_none", audio_end_ms=0)
                server.sessions[0].speech_stopped()
                await seen.until("response.created")

    swept(race)


def test_a_barge_in_on_the_second_item_leaves_the_first_whole() -> None:
    # race: multi-item barge-in, pain 7
    async def race() -> None:
        answers: list[Answer] = [[Say("one two"), Say(WORDS)], "Yes?"]
        async with SimulatedServer(answers, audio_speed=1) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.output_item.added", 2)
                await seen.until("response.output_audio.delta", 2)
                server.sessions[0].speech_started()
                done = await seen.until("response.done")
                assert isinstance(done, ResponseDone)
                whole, cut = json.loads(done.model_dump_json())["response"]["output"]
                assert (whole["status"], cut["status"]) == ("completed", "incomplete")
                assert whole["content"][0]["transcript"] == "one two"
                await conn.conversation.item.truncate(cut["id"], audio_end_ms=450)
                # No longer than it is now, nor than it ever was.
                with pytest.raises(ServerError, match="already shorter"):
                    await conn.conversation.item.truncate(cut["id"], audio_end_ms=600)
                with pytest.raises(ServerError, match="already shorter"):
                    await conn.conversation.item.truncate(whole["id"], audio_end_ms=601)
                await conn.conversation.item.truncate(whole["id"], audio_end_ms=600)

    swept(race)


FORMATS: dict[AudioFormat, JsonValue] = {
    "audio/pcm": {"type": "audio/pcm", "rate": 24000},
    "audio/pcmu": {"type": "audio/pcmu"},
    "audio/pcma": {"type": "audio/pcma"},
}


@pytest.mark.parametrize("kind", FORMATS)
def test_audio_lengths_are_those_of_the_format(kind: AudioFormat) -> None:
    # race: G.711 lengths, pain 7
    async def race() -> None:
        way: Frame = {"format": FORMATS[kind]}
        audio: Frame = {"input": way, "output": way}
        session: Frame = {"audio": audio}
        async with SimulatedServer("one two three") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=session) as conn:
                seen = Seen(conn)
                await conn.response.create()
                done = await seen.until("response.done")
                assert isinstance(done, ResponseDone)
                item_id = json.loads(done.model_dump_json())["response"]["output"][0]["id"]
                spoken = b"".join(
                    each.delta for each in seen.events if isinstance(each, ResponseOutputAudioDelta)
                )
                assert duration_ms(spoken, kind) == 900
                with pytest.raises(ServerError, match="already shorter"):
                    await conn.conversation.item.truncate(item_id, audio_end_ms=901)
                await conn.conversation.item.truncate(item_id, audio_end_ms=900)

    swept(race, seeds=2)


def test_a_transcript_may_begin_before_its_item_is_there() -> None:
    # race: transcript before item
    async def race() -> None:
        async with SimulatedServer("Yes.") as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=HEARD) as conn:
                seen = Seen(conn)
                prefix = "conversation.item.input_audio_transcription"
                server.sessions[0].hears("one two three four five six")
                await seen.until(f"{prefix}.completed")
                types = seen.types
                assert types.index(f"{prefix}.delta") < types.index("conversation.item.added")
                ids = [getattr(e, "item_id", "") for e in seen.events if e.type.startswith(prefix)]
                assert set(ids) == {str(server.sessions[0].conversation.items[0]["id"])}

    swept(race)


def test_a_turn_whose_transcript_never_comes_is_answered_all_the_same() -> None:
    # race: transcript never
    async def race() -> None:
        async with SimulatedServer(["Yes.", "Still."]) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, session=HEARD) as conn:
                seen = Seen(conn)
                server.sessions[0].transcription_fails("audio_unintelligible")
                server.sessions[0].hears("mumble")
                await seen.until("response.done")
                await conn.session.update(audio={"input": {"transcription": None}})
                server.sessions[0].hears("never written down")
                await seen.until("response.done")
                assert seen.statuses == ["completed", "completed"]
                assert not any(kind.endswith("transcription.completed") for kind in seen.types)

    swept(race)


def test_nothing_of_an_interrupted_response_comes_after_its_end() -> None:
    # pain 31
    async def race() -> None:
        async with SimulatedServer([WORDS, "Yes?"], audio_speed=1) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.output_audio.delta", 2)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(conn.input_audio_buffer.append, SPEECH)
                    await seen.until("response.done", 2)
                interrupted, answered = seen.done
                assert reason_of(interrupted) == "turn_detected"
                # What had been sent already comes late, but never after the end of its response.
                end = seen.events.index(interrupted)
                late = [
                    each
                    for each in seen.events[end + 1 :]
                    if getattr(each, "response_id", None) == interrupted.response.id
                ]
                assert late == []
                assert answered.response.status == "completed"

    swept(race)


def test_a_cancel_that_meets_the_users_own_interruption_spares_the_next_response() -> None:
    # pain 8
    async def race() -> None:
        async with SimulatedServer([WORDS, "Yes?"], audio_speed=1) as server:
            async with open_realtime(MODEL, endpoint=server.endpoint, errors="yield") as conn:
                seen = Seen(conn)
                await conn.response.create()
                await seen.until("response.output_audio.delta", 2)
                first = seen.created[0]
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(conn.input_audio_buffer.append, SPEECH)
                    nursery.start_soon(partial(conn.response.cancel, response_id=first))
                    await seen.until("response.done", 2)
                assert seen.statuses == ["cancelled", "completed"]
                assert seen.done[0].response.id == first
                assert reason_of(seen.done[0]) in {"turn_detected", "client_cancelled"}

    swept(race)

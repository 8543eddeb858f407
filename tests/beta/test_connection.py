"""A connection in the beta dialect: what a `RealtimeConnection` does, in other words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest
import trio
import trio.testing

import trio_realtime
from tests.beta.peer import CHUNK, SESSION, Talk, beta_talk, metadata_of, user_item
from tests.shell.lines import Json, Peer, line_to
from trio_realtime import (
    BetaConnection,
    Handshake,
    ResponseFailedError,
    ServerError,
    Target,
    beta,
    open_realtime,
)
from trio_realtime.types import AssistantMessage, AudioPart, InputAudio, TextPart, UserMessage


async def until(talk: Talk, kind: str) -> beta.ServerEvent:
    async for event in talk.conn:
        if event.type == kind:
            return event
    raise AssertionError(f"no {kind}")


# --- Opening, and the session


async def test_a_connection_of_the_beta_dialect_is_opened_by_its_session() -> None:
    async with beta_talk() as talk:
        assert isinstance(talk.conn, BetaConnection)
        assert isinstance(await talk.conn.receive(), beta.SessionCreated)
        current = talk.conn.session.current
        assert current is not None
        assert (current.id, current.voice, current.turn_detection) == ("sess_b", "sage", None)
        assert talk.conn.transcription_session.current is None


async def test_the_configuration_of_opening_gets_no_type() -> None:
    async with beta_talk(config={"modalities": ["text"]}) as talk:
        assert talk.sent("session.update") == [
            {"type": "session.update", "session": {"modalities": ["text"]}}
        ]
        current = talk.conn.session.current
        assert current is not None
        assert current.modalities == ["text"]


async def test_an_update_is_flat_in_every_form() -> None:
    async with beta_talk() as talk:
        update = talk.conn.session.update
        answer = await update(instructions="Be brief.", turn_detection=None)
        assert isinstance(answer, beta.Session)
        assert answer.instructions == "Be brief."
        await update(beta.SessionConfig(voice="alloy"))
        await update({"odd": 1}, event_id="mine", extra_fields={"session": {"more": 2}})
        assert talk.sent("session.update") == [
            {"type": "session.update", "session": session}
            for session in (
                {"instructions": "Be brief.", "turn_detection": None},
                {"voice": "alloy"},
                {"odd": 1, "more": 2},
            )
        ]
        with pytest.raises(TypeError, match="give session= or its fields"):
            await update({"voice": "sage"}, voice="sage")
        answer = await update(speed=1.5)
        assert talk.conn.session.current == answer


async def test_every_field_that_is_on_the_wire_of_openai_is_a_keyword() -> None:
    async with beta_talk() as talk:
        await talk.conn.session.update(
            include=["item.input_audio_transcription.logprobs"],
            input_audio_format="g711_ulaw",
            input_audio_noise_reduction={"type": "near_field"},
            input_audio_transcription={"model": "whisper-1"},
            instructions="",
            max_response_output_tokens="inf",
            modalities=["text"],
            model="m",
            output_audio_format="g711_alaw",
            prompt=None,
            speed=1.0,
            temperature=0.7,
            tool_choice="auto",
            tools=[{"type": "function", "name": "f"}],
            tracing="auto",
            truncation="auto",
            turn_detection={"type": "server_vad"},
            voice="sage",
        )
        (frame,) = talk.sent("session.update")
        azure = {name for name in beta.SessionConfig.model_fields if name in AZURE}
        assert set(cast("dict[str, object]", frame["session"])) == (
            set(beta.SessionConfig.model_fields) - azure - {"client_secret"}
        )


AZURE = {
    "input_audio_sampling_rate", "input_audio_echo_cancellation", "output_audio_timestamp_types",
    "animation", "avatar", "truncation_strategy", "greeting", "handoff",
}  # fmt: skip


async def test_a_transcription_session_has_an_update_of_its_own() -> None:
    async with beta_talk() as talk:
        session = talk.conn.transcription_session
        answer = await session.update(
            include=[],
            input_audio_format="pcm16",
            input_audio_noise_reduction=None,
            input_audio_transcription={"model": "gpt-4o-transcribe"},
            modalities=["text"],
            turn_detection=None,
        )
        assert isinstance(answer, beta.TranscriptionSession)
        assert answer == session.current
        assert talk.conn.session.current is None
        await session.update(beta.TranscriptionSessionConfig(turn_detection=None))
        await session.update({"odd": 1}, event_id="mine", extra_fields={"session": {"more": 2}})
        frames = talk.sent("transcription_session.update")
        assert [frame["session"] for frame in frames[1:]] == [
            {"turn_detection": None},
            {"odd": 1, "more": 2},
        ]
        with pytest.raises(TypeError, match="give session= or its fields"):
            await session.update({}, turn_detection=None)
        event = beta.TranscriptionSessionUpdate(session=beta.TranscriptionSessionConfig())
        answer_event = await talk.conn.request(event)
        assert isinstance(answer_event, beta.TranscriptionSessionUpdated)


async def test_answers_that_do_not_validate_answer_all_the_same() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("transcription_session.created", session="odd")
        while True:
            match (await peer.receive())["type"]:
                case "session.update":
                    await peer.send("session.updated", session={"voice": "sage", "tools": 3})
                case "transcription_session.update":
                    await peer.send("transcription_session.updated", session={"include": 3})
                case _:
                    await peer.send("response.done", response={"id": "resp_1", "output": 3})

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, dialect="beta") as conn:
                assert (await conn.session.update(voice="sage")).voice == "sage"
                answer = await conn.transcription_session.update(include=[])
                assert answer == beta.TranscriptionSession()
                done = await conn.response.cancel("resp_1")
                assert isinstance(done, beta.ResponseDone)
                assert type(done.response) is beta.Response
                assert done.response.id == "resp_1"


# --- Responses


@pytest.mark.parametrize("echoes", [True, False])
async def test_a_response_is_a_scope(echoes: bool) -> None:
    async with beta_talk(echoes=echoes, session={"modalities": ["text"]}) as talk:
        async with talk.conn.respond("Hello!", metadata={"crew": "7"}) as reply:
            assert [piece async for piece in reply.text()] == ["Hi", " there"]
            response = await reply.result()
            assert type(response) is beta.Response
            assert (response.voice, response.status) == ("sage", "completed")
            assert response.metadata == ({"crew": "7"} if echoes else None)
            assert response.output_text == "Hi there"
            assert [type(event) for event in await kept(reply)] == []
        (item,) = reply.items
        assert item.type == "message"
        assert list(item.content) == [TextPart(text="Hi there")]
        (frame,) = talk.sent("response.create")
        assert cast("dict[str, object]", metadata_of(frame))["crew"] == "7"
        (created,) = talk.sent("conversation.item.create")
        assert cast("dict[str, object]", created["item"])["content"] == [
            {"type": "input_text", "text": "Hello!"}
        ]
        assert talk.conn.usage.responses == 1
        assert talk.conn.usage.cached_tokens == 4
        assert talk.conn.usage.input_audio_tokens == 5


async def kept(reply: trio_realtime.Reply[beta.ServerEvent, beta.Response]) -> list[object]:
    """What is left of the events once a view was read: nothing is kept for the others."""
    return [event async for event in reply]


async def test_the_events_of_a_response_are_those_of_the_dialect() -> None:
    async with beta_talk() as talk:
        async with talk.conn.respond() as reply:
            events = [event async for event in reply]
        assert [event.type for event in events] == [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio_transcript.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        assert isinstance(events[0], beta.ResponseCreated)
        assert events[0].response.metadata is None
        assert isinstance(events[-1], beta.ResponseDone)
        assert events[-1].response.metadata is None


async def test_speech_has_a_transcript_and_audio() -> None:
    async with beta_talk() as talk:
        async with talk.conn.respond() as reply:
            text, audio = reply.text(), reply.audio()
            assert [piece async for piece in text] == ["Hi", " there"]
            assert [chunk async for chunk in audio] == [CHUNK]
        (item,) = reply.items
        assert item.type == "message"
        assert list(item.content) == [AudioPart(transcript="Hi there")]


@pytest.mark.parametrize(
    ("audio_format", "heard_ms"), [("pcm16", 100), ("g711_ulaw", 600), ("g711_alaw", 600)]
)
async def test_what_was_heard_is_counted_in_the_format_of_the_session(
    audio_format: str, heard_ms: int
) -> None:
    async with beta_talk(session={"output_audio_format": audio_format}) as talk:
        talk.server.holds = True
        async with talk.conn.respond() as reply:
            async for chunk in reply.audio():
                assert chunk == CHUNK
                reply.heard(10_000)
                break
        # Behind what was sent in leaving.
        await talk.conn.conversation.item.delete("item_1")
        (cut,) = talk.sent("conversation.item.truncate")
        assert cut == {
            "type": "conversation.item.truncate",
            "item_id": "item_r1",
            "content_index": 0,
            "audio_end_ms": heard_ms,
        }
        (cancel,) = talk.sent("response.cancel")
        assert cancel["response_id"] == "resp_1"


async def test_the_format_of_a_session_counts_where_the_response_tells_none() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("session.created", session={**SESSION, "output_audio_format": "g711_ulaw"})
        await peer.receive_type("response.create")
        await peer.send("response.created", response={"id": "resp_1", "status": "in_progress"})
        place: Json = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
        await peer.send("response.audio.delta", **place, content_index=0, delta="A" * 64)
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, dialect="beta") as conn:
                async with conn.respond() as reply:
                    async for chunk in reply.audio():
                        assert len(chunk) == 48
                        reply.heard(100)
                        break
            (cut,) = [
                each
                for each in endpoint.peer.received
                if each["type"] == "conversation.item.truncate"
            ]
            assert cut["audio_end_ms"] == 6


async def test_what_only_streamed_is_called_as_the_dialect_calls_it() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("session.created", session={**SESSION})
        await peer.receive_type("response.create")
        await peer.send("response.created", response={"id": "resp_1", "status": "in_progress"})
        for index, name, delta in (
            (0, "response.text.delta", "written"),
            (1, "response.audio_transcript.delta", "spoken"),
            (2, "response.audio.delta", "AAAA"),
        ):
            place: Json = {
                "response_id": "resp_1",
                "item_id": f"item_{index}",
                "output_index": index,
            }
            await peer.send(name, **place, content_index=0, delta=delta)
        await peer.send("response.text.done", **PLACE, text="written, all of it")
        await peer.send("response.done", response={"id": "resp_1", "status": "odd", "output": 3})
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, dialect="beta") as conn:
                async with conn.respond() as reply:
                    response = await reply.result()
                    assert type(response) is beta.Response
                    contents = [item.content for item in reply.items if item.type == "message"]
                    assert [list(each) for each in contents] == [
                        [TextPart(text="written, all of it")],
                        [AudioPart(transcript="spoken")],
                        [AudioPart()],
                    ]


PLACE: dict[str, Any] = {
    "response_id": "resp_1",
    "item_id": "item_0",
    "output_index": 0,
    "content_index": 0,
}


async def test_every_setting_of_a_response_is_a_keyword() -> None:
    settings: dict[str, Any] = {
        "instructions": "Be brief.",
        "max_output_tokens": 100,
        "max_response_output_tokens": 100,
        "metadata": {"a": "b"},
        "modalities": ["text"],
        "output_audio_format": "pcm16",
        "prompt": None,
        "temperature": 0.7,
        "tool_choice": "auto",
        "tools": [],
        "voice": "sage",
    }
    async with beta_talk() as talk:
        create = talk.conn.response.create
        event_id = await create(conversation="none", input=[], **settings)
        assert talk.server.peer.received[-1]["event_id"] == event_id
        async with talk.conn.respond([], conversation="none", **settings):
            pass
        one, two = talk.sent("response.create")
        metadata = metadata_of(two)
        assert isinstance(metadata, dict)
        assert metadata.pop("trio_realtime")
        assert one == two
        assert set(cast("dict[str, object]", one["response"])) == set(
            beta.ResponseConfig.model_fields
        )
        await create()
        await create(beta.ResponseConfig(voice="alloy"))
        await create({"odd": 1}, extra_fields={"response": {"more": 2}}, event_id="mine")
        await talk.conn.conversation.item.delete("item_1")
        assert talk.sent("response.create")[2:] == [
            {"type": "response.create"},
            {"type": "response.create", "response": {"voice": "alloy"}},
            {"type": "response.create", "response": {"odd": 1, "more": 2}},
        ]
        with pytest.raises(TypeError, match="give response= or its fields"):
            await create({}, voice="sage")


async def test_out_of_band_and_default_responses_run_beside_each_other() -> None:
    async with beta_talk(session={"modalities": ["text"]}) as talk:
        talk.server.holds = True
        async with talk.conn.respond("Hello!") as slow:
            talk.server.holds = False
            async with talk.conn.respond("And?", conversation="none") as reply:
                assert await anext(reply.text()) == "Hi"
                assert (await reply.result()).conversation_id is None
            assert slow.status == "in_progress"
        assert talk.conn.close_info is None


async def test_a_refusal_without_a_code_says_busy_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with beta_talk(session={"modalities": ["text"]}) as talk:
        # Another client's, for all we know.
        await talk.server.respond("text", holds=True)
        talk.server.responses = 6
        with pytest.raises(trio.WouldBlock):
            async with talk.conn.respond("Hello!", when_busy="raise"):
                pass
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def answer() -> None:
                async with talk.conn.respond("Hello!") as reply:
                    assert (await reply.result()).id == "resp_7"

            await trio.sleep(1)
            await talk.server.end("client_cancelled")


async def test_cancelling_waits_for_the_end() -> None:
    async with beta_talk(session={"modalities": ["text"]}) as talk:
        talk.server.holds = True
        await talk.conn.response.create()
        await until(talk, "response.text.delta")
        done = await talk.conn.response.cancel()
        assert isinstance(done, beta.ResponseDone)
        assert done.response.status == "cancelled"
        assert await talk.conn.response.cancel("resp_1") is None


async def test_a_failed_response_is_an_error_with_what_the_server_told() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("session.created", session={**SESSION})
        await peer.receive_type("response.create")
        response: Json = {"id": "resp_1", "status": "failed", "temperature": 0.8}
        await peer.send("response.created", response={"id": "resp_1"})
        await peer.send("response.done", response=response)
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, dialect="beta") as conn:
                async with conn.respond() as reply:
                    with pytest.raises(ResponseFailedError) as caught:
                        await reply.result()
        assert isinstance(caught.value.response, beta.Response)
        assert isinstance(caught.value.event, beta.ResponseDone)


# --- Turns of the user

VAD: Json = {"type": "server_vad", "create_response": True, "interrupt_response": True}


async def test_responses_to_the_user_come_in() -> None:
    async with beta_talk(session={"turn_detection": VAD}) as talk:
        async with talk.conn.incoming() as replies:
            send = talk.server.peer.send
            await send("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
            await send("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
            await send("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
            await talk.server.add(user_item("item_u"))
            await talk.server.respond("audio")
            reply = await replies.receive()
            assert isinstance(reply, trio_realtime.Reply)
            assert (await reply.result()).output_text == "Hi there"


@pytest.mark.parametrize(
    ("detection", "waits"),
    [(VAD, True), ({**VAD, "create_response": False}, False), (None, False)],
)
async def test_a_turn_of_the_user_goes_first_where_the_server_answers_it(
    detection: Json | None,
    waits: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with beta_talk(session={"turn_detection": detection}) as talk:
        send = talk.server.peer.send
        await send("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
        await until(talk, "input_audio_buffer.speech_stopped")
        began = trio.current_time()
        async with talk.conn.respond("And?"):
            assert (trio.current_time() - began > 1) is waits


@pytest.mark.parametrize("creates", [True, False])
async def test_who_waits_gives_way_when_the_user_interrupts(
    creates: bool, autojump_clock: trio.testing.MockClock
) -> None:
    detection: Json = {**VAD, "create_response": creates}
    async with beta_talk(session={"turn_detection": detection}) as talk:
        talk.server.holds = True
        async with talk.conn.respond("First.") as first:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def ask() -> None:
                    async with talk.conn.respond("Second.") as reply:
                        assert (reply.status == "cancelled") is creates
                        assert isinstance(reply.response, beta.Response)

                await trio.testing.wait_all_tasks_blocked()
                talk.server.holds = False
                send = talk.server.peer.send
                await send("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
                await talk.server.end("turn_detected")
            assert first.status == "cancelled"


# --- The conversation


async def test_an_item_of_the_assistant_is_text() -> None:
    async with beta_talk() as talk:
        item = talk.conn.conversation.item
        await item.create(role="assistant", text="Aye.")
        await item.create(role="user", text="Ahoy.")
        await talk.conn.conversation.item.delete("item_1")
        frames = talk.sent("conversation.item.create")
        assert [cast("Any", frame["item"])["content"] for frame in frames] == [
            [{"type": "text", "text": "Aye."}],
            [{"type": "input_text", "text": "Ahoy."}],
        ]


async def test_a_new_item_is_confirmed_by_its_created() -> None:
    async with beta_talk() as talk:
        event = beta.ConversationItemCreate(
            item=UserMessage(id="item_1", content=[beta.InputText(text="Ahoy.")])
        )
        answer = await talk.conn.request(event)
        assert isinstance(answer, beta.ConversationItemCreated)
        assert await talk.conn.input_audio_buffer.commit() == "item_heard"


async def test_the_conversation_is_mirrored() -> None:
    async with beta_talk(mirror=True) as talk:
        conversation = talk.conn.conversation
        async with talk.conn.respond("Hello!") as reply:
            await reply.result()
        await talk.conn.input_audio_buffer.commit()
        await talk.server.peer.send(
            "conversation.item.input_audio_transcription.completed",
            item_id="item_heard",
            content_index=0,
            transcript="Ahoy.",
        )
        await until(talk, "conversation.item.input_audio_transcription.completed")
        asked, said, heard = conversation.items
        assert isinstance(asked, UserMessage)
        assert isinstance(heard, UserMessage)
        assert isinstance(said, AssistantMessage)
        assert (said.id, heard.id) == ("item_r1", "item_heard")
        assert list(said.content) == [AudioPart(transcript="Hi there")]
        assert list(heard.content) == [InputAudio(transcript="Ahoy.")]
        assert talk.conn.usage.transcriptions_without_usage == 1
        await conversation.item.truncate("item_r1", audio_end_ms=10)
        said = conversation.items[1]
        assert isinstance(said, AssistantMessage)
        assert list(said.content) == [AudioPart(transcript=None)]
        await conversation.item.delete("item_heard")
        assert len(conversation.items) == 2


# --- What is wrong


async def test_an_error_is_raised_where_it_was_caused() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("session.created", session={**SESSION})
        for kind in ("session.update", "transcription_session.update"):
            await peer.refuse(await peer.receive_type(kind), "unknown_parameter")
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint, dialect="beta") as conn:
                for update in (conn.session.update, conn.transcription_session.update):
                    with pytest.raises(ServerError, match="unknown_parameter"):
                        await update({})


async def test_arguments_that_make_no_sense_are_refused_at_once() -> None:
    async with beta_talk() as talk:
        with pytest.raises(ValueError, match='conversation must be "auto" or "none"'):
            async with talk.conn.respond(conversation=cast("Any", "both")):
                pass
        with pytest.raises(ValueError, match="modalities"):
            async with talk.conn.respond(modalities=cast("Any", 3)):
                pass
        with pytest.raises(TypeError, match="output_modalities"):
            async with talk.conn.respond(**cast("Any", {"output_modalities": []})):
                pass


class NoEndpoint:
    async def handshake(self, target: Target) -> Handshake:
        raise AssertionError(f"nobody is to connect to {target}")


@pytest.mark.parametrize("dialect", ["translation", "alpha", None])
async def test_another_dialect_is_refused_before_anything_is_asked(dialect: Any) -> None:
    with pytest.raises(ValueError, match=r"dialect must be \"ga\" or \"beta\".*open_translation"):
        async with open_realtime("m", endpoint=NoEndpoint(), dialect=dialect):
            pass


async def test_a_configuration_of_the_other_dialect_is_refused() -> None:
    config: Any = beta.SessionConfig(voice="sage")
    async with line_to(_greet) as endpoint:
        with pytest.raises(ValueError, match="SessionUpdate"):
            async with open_realtime("m", endpoint=endpoint, session=config):
                pass


async def _greet(peer: Peer) -> None:
    await peer.open_session()
    await peer.drain()


def test_the_beta_dialect_is_loaded_when_it_is_asked_for() -> None:
    program = (
        "import sys, trio_realtime; assert 'trio_realtime.beta' not in sys.modules;"
        "trio_realtime.BetaConnection; assert 'trio_realtime.beta' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'AlphaConnection'"):
        _ = cast("Any", trio_realtime).AlphaConnection

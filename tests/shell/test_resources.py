"""The resources over a real connection: what goes out, what comes back, what is refused here."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
from pydantic import JsonValue, ValidationError

from tests.shell.lines import Json, Peer, line_to
from trio_realtime import RealtimeConnection, ServerError, open_realtime
from trio_realtime._resources import UNSET, Unset
from trio_realtime.audio import silence
from trio_realtime.events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ResponseCreated,
    ResponseDone,
    ResponseOutputTextDelta,
    SessionUpdated,
)
from trio_realtime.testing import SimulatedServer, SimulatedSession
from trio_realtime.types import (
    AssistantMessage,
    AudioConfig,
    AudioInputConfig,
    FunctionCall,
    FunctionTool,
    InputText,
    OutputText,
    RealtimeSessionConfig,
    ResponseConfig,
    TranscriptionSessionConfig,
    UnknownItem,
    UserMessage,
)

TEXT: dict[str, JsonValue] = {
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},
}


@asynccontextmanager
async def simulated() -> AsyncGenerator[tuple[RealtimeConnection, SimulatedSession]]:
    """A text conversation with the simulated server."""
    with trio.fail_after(30):
        async with SimulatedServer() as server:
            async with open_realtime("m", endpoint=server.endpoint, session=TEXT) as conn:
                yield conn, server.sessions[0]


async def sent(session: SimulatedSession, wire_type: str) -> dict[str, JsonValue]:
    """The next frame of a type that the server received, without its id."""
    frame = dict(await session.wait_for(wire_type))
    assert frame.pop("event_id")
    return frame


async def until(conn: RealtimeConnection, wire_type: str) -> None:
    async for event in conn:
        if event.type == wire_type:
            return


@asynccontextmanager
async def answering(answers: Mapping[str, tuple[str, Json]]) -> AsyncGenerator[RealtimeConnection]:
    """A server that answers each type of frame in one way, however odd."""

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        while True:
            kind, fields = answers[str((await peer.receive())["type"])]
            await peer.send(kind, **fields)

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint) as conn:
                yield conn


async def test_update_returns_the_session_that_the_server_confirmed() -> None:
    async with simulated() as (conn, session):
        await session.wait_for("session.update")
        confirmed = await conn.session.update(instructions="Be brief.", max_output_tokens=100)
        assert confirmed.instructions == "Be brief."
        assert confirmed.output_modalities == ["text"]
        assert conn.session.current == confirmed
        assert await sent(session, "session.update") == {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "instructions": "Be brief.",
                "max_output_tokens": 100,
            },
        }


# pain 16
async def test_what_is_unset_stays_out_of_an_update_and_none_is_sent_as_null() -> None:
    async with simulated() as (conn, session):
        await session.wait_for("session.update")
        await conn.session.update(
            audio=AudioConfig(input=AudioInputConfig(turn_detection=None)), tracing=None
        )
        frame = await sent(session, "session.update")
        assert frame["session"] == {
            "type": "realtime",
            "audio": {"input": {"turn_detection": None}},
            "tracing": None,
        }


async def test_every_field_of_the_configuration_is_a_keyword() -> None:
    async with simulated() as (conn, session):
        await session.wait_for("session.update")
        await conn.session.update(
            audio={"output": {"voice": "marin"}},
            include=["item.input_audio_transcription.logprobs"],
            instructions="",
            max_output_tokens="inf",
            output_modalities=["audio"],
            parallel_tool_calls=True,
            prompt=None,
            reasoning={"effort": "low"},
            tool_choice="auto",
            tools=[FunctionTool(name="f"), {"type": "function", "name": "g"}],
            tracing="auto",
            truncation={"type": "retention_ratio", "retention_ratio": 0.5},
        )
        config = (await sent(session, "session.update"))["session"]
        assert isinstance(config, dict)
        assert set(config) | {"model"} == set(RealtimeSessionConfig.model_fields)
        assert config["tools"] == [
            {"type": "function", "name": "f"},
            {"type": "function", "name": "g"},
        ]


async def test_a_mapping_goes_out_as_it_is_but_for_the_type_it_lacks() -> None:
    async with simulated() as (conn, session):
        await session.wait_for("session.update")
        await conn.session.update({"instructions": "x"})
        await conn.session.update(session={"type": "realtime"}, event_id="mine")
        frames = [await session.wait_for("session.update") for _ in range(2)]
        assert frames[0]["session"] == {"type": "realtime", "instructions": "x"}
        assert (frames[1]["session"], frames[1]["event_id"]) == ({"type": "realtime"}, "mine")


async def test_a_model_goes_out_with_its_own_type() -> None:
    async with simulated() as (conn, session):
        await session.wait_for("session.update")
        await conn.session.update(RealtimeSessionConfig(instructions="x"))
        frame = await sent(session, "session.update")
        assert frame["session"] == {"type": "realtime", "instructions": "x"}


async def test_the_type_of_a_transcription_session_is_added_there() -> None:
    effective: Json = {"session": {"type": "transcription", "id": "sess"}}
    received: list[JsonValue] = []

    async def behave(peer: Peer) -> None:
        await peer.send("session.created", **effective)
        while True:
            received.append((await peer.receive())["session"])
            await peer.send("session.updated", **effective)

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint) as conn:
                await conn.session.update({"include": []})
                await conn.session.update(include=[])
                await conn.session.update(TranscriptionSessionConfig(include=[]))
                with pytest.raises(ValidationError, match="instructions"):
                    await conn.session.update(instructions="Talk!")
    assert received == [{"type": "transcription", "include": []}] * 3


async def test_extra_fields_are_merged_into_the_frame_last() -> None:
    answer: Json = {"session": {"type": "realtime"}}
    async with answering({"session.update": ("session.updated", answer)}) as conn:
        with conn.tap() as events:
            await conn.session.update(instructions="x", extra_fields={"session": {"new": 1}})
            assert isinstance(await events.receive(), SessionUpdated)
    async with simulated() as (conn, session):
        await conn.response.create(
            metadata={"a": "b"}, extra_fields={"response": {"metadata": {"c": "d"}}}
        )
        frame = await sent(session, "response.create")
        assert frame["response"] == {"metadata": {"a": "b", "c": "d"}}


async def test_a_typo_fails_where_it_is_made_and_nothing_is_sent() -> None:
    async with simulated() as (conn, session):
        with pytest.raises(ValidationError, match="turn_detektion"):
            await conn.session.update(audio={"input": {"turn_detektion": None}})
        with pytest.raises(TypeError, match=r"session= or its fields \(instructions\), not both"):
            await conn.session.update({"type": "realtime"}, instructions="x")
        await conn.session.update()
        kinds = [frame["session"] for frame in session.received]
        assert kinds == [{"type": "realtime", **TEXT}, {"type": "realtime"}]


# pain 3, promise 5
async def test_a_refused_update_raises_where_it_was_made_and_names_the_field() -> None:
    async with simulated() as (conn, _):
        with pytest.raises(ServerError) as caught:
            await conn.session.update({"no_such_field": 1})
        assert caught.value.code == "unknown_parameter"
        assert caught.value.param == "session.no_such_field"
        confirmed = await conn.session.update(instructions="still here")
        assert confirmed.instructions == "still here"


# promise 6
async def test_an_answer_that_does_not_validate_is_read_as_far_as_it_can_be() -> None:
    odd: Json = {"session": {"type": "realtime", "id": "sess", "expires_at": "soon", "new": 1}}
    async with answering({"session.update": ("session.updated", odd)}) as conn:
        session = await conn.session.update(instructions="x")
        assert (session.id, session.expires_at) == ("sess", None)
    async with answering({"session.update": ("session.updated", {"session": "no"})}) as conn:
        assert (await conn.session.update(instructions="x")).id is None
    async with answering({"session.update": ("session.updated", {})}) as conn:
        assert (await conn.session.update(instructions="x")).id is None


async def test_odd_answers_to_other_requests_are_read_as_far_as_they_can_be() -> None:
    response: Json = {"id": "resp_1", "status": 7, "usage": None}
    answers: dict[str, tuple[str, Json]] = {
        "input_audio_buffer.commit": ("input_audio_buffer.committed", {}),
        "conversation.item.retrieve": ("conversation.item.retrieved", {}),
        "response.cancel": ("response.done", {"response": response}),
    }
    async with answering(answers) as conn:
        assert await conn.input_audio_buffer.commit() == ""
        assert await conn.conversation.item.retrieve("a") == UnknownItem(None, {})
        done = await conn.response.cancel("resp_1")
        assert done is not None
        assert (done.response.id, done.response.status) == ("resp_1", None)


async def test_create_returns_the_id_it_chose_and_the_server_keeps_it() -> None:
    async with simulated() as (conn, session):
        item_id = await conn.conversation.item.create(role="user", text="Hi!")
        assert item_id.startswith("item_")
        assert len(item_id) == 26
        await until(conn, "conversation.item.done")
        item = await conn.conversation.item.retrieve(item_id)
        assert isinstance(item, UserMessage)
        assert (item.id, item.content) == (item_id, [InputText(text="Hi!")])
        frame = await sent(session, "conversation.item.create")
        assert frame == {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hi!"}],
                "id": item_id,
            },
        }


FORMS: list[tuple[dict[str, JsonValue], dict[str, JsonValue]]] = [
    (
        {"role": "system", "text": "s"},
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
    ),
    (
        {"role": "assistant", "text": "a"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
    ),
    (
        {"role": "user", "content": [{"type": "input_text", "text": "c"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "c"}]},
    ),
    (
        {"call_id": "call_1", "output": "42"},
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    ),
    (
        {"call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ),
    (
        {"approval_request_id": "r", "approve": True},
        {"type": "mcp_approval_response", "approval_request_id": "r", "approve": True},
    ),
    (
        {"approval_request_id": "r", "approve": False, "reason": "no"},
        {
            "type": "mcp_approval_response",
            "approval_request_id": "r",
            "approve": False,
            "reason": "no",
        },
    ),
]


@pytest.mark.parametrize(("fields", "item"), FORMS)
async def test_items_come_as_keywords(
    fields: dict[str, JsonValue], item: dict[str, JsonValue]
) -> None:
    async with simulated() as (conn, session):
        create = cast("Callable[..., Awaitable[str]]", conn.conversation.item.create)
        chosen = await create(**fields)
        frame = await sent(session, "conversation.item.create")
        assert frame["item"] == {**item, "id": chosen}
        assert await create(**fields, id="mine") == "mine"
        frame = await sent(session, "conversation.item.create")
        assert frame["item"] == {**item, "id": "mine"}


async def test_items_come_as_models_and_mappings() -> None:
    async with simulated() as (conn, session):
        create = conn.conversation.item.create
        model = UserMessage(content=[InputText(text="m")])
        message: Json = {"type": "message", "role": "user", "content": []}
        first = await create(model)
        second = await create(item=model.model_copy(update={"id": "mine"}), event_id="e")
        third = await create({"type": "of.tomorrow"})
        fourth = await create({"id": "also_mine", **message}, previous_item_id="root")
        fifth = await create(UnknownItem("of.tomorrow", {"type": "of.tomorrow", "x": 1}))
        frames = [dict(await session.wait_for("conversation.item.create")) for _ in range(5)]
        items = [frame["item"] for frame in frames]
        assert (second, fourth) == ("mine", "also_mine")
        content: JsonValue = [{"type": "input_text", "text": "m"}]
        assert items == [
            {"type": "message", "role": "user", "content": content, "id": first},
            {"type": "message", "role": "user", "content": content, "id": "mine"},
            {"type": "of.tomorrow", "id": third},
            {"id": "also_mine", **message},
            {"type": "of.tomorrow", "x": 1, "id": fifth},
        ]
        assert frames[1]["event_id"] == "e"
        assert [frame.get("previous_item_id", "unset") for frame in frames] == [
            "unset",
            "unset",
            "unset",
            "root",
            "unset",
        ]


async def test_items_that_cannot_be_are_refused_before_they_are_sent() -> None:
    async with simulated() as (conn, session):
        create = cast("Callable[..., Awaitable[str]]", conn.conversation.item.create)
        with pytest.raises(TypeError, match="give item="):
            await create()
        with pytest.raises(TypeError, match="give item="):
            await create(text="whose?")
        with pytest.raises(TypeError, match="not both"):
            await create({"type": "message"}, role="user")
        with pytest.raises(ValidationError):
            await create(role="nobody", text="x")
        with pytest.raises(ValidationError):
            await create(call_id="c", output=42)
        with pytest.raises(ValidationError):
            await create(UnknownItem(None, "not an object"))
        assert len(session.received) == 1


async def test_ids_longer_than_the_server_takes_are_refused_here() -> None:
    async with simulated() as (conn, session):
        create = conn.conversation.item.create
        long = "x" * 33
        with pytest.raises(ValueError, match="id has at most 32 characters"):
            await create(role="user", text="x", id=long)
        with pytest.raises(ValueError, match="id has at most 32 characters"):
            await create({"id": long})
        with pytest.raises(ValueError, match="call_id has at most 32 characters"):
            await create(call_id=long, output="x")
        with pytest.raises(ValueError, match="call_id has at most 32 characters"):
            await create(FunctionCall(call_id=long, name="f", arguments="{}"))
        assert len(session.received) == 1
        assert await create(role="user", text="x", id="x" * 32) == "x" * 32


async def test_a_conversation_can_be_restored_item_by_item() -> None:
    async with simulated() as (conn, session):
        create = conn.conversation.item.create
        first = await create(role="user", text="one")
        second = await create(role="assistant", text="two")
        before = await create(role="system", text="zero", previous_item_id="root")
        await conn.conversation.item.retrieve(before)
        assert [item["id"] for item in session.conversation.items] == [before, first, second]
        item = await conn.conversation.item.retrieve(second)
        assert isinstance(item, AssistantMessage)
        assert item.content == [OutputText(text="two")]


async def test_delete_waits_until_the_item_is_gone() -> None:
    async with simulated() as (conn, session):
        item_id = await conn.conversation.item.create(role="user", text="x")
        await conn.conversation.item.delete(item_id)
        assert session.conversation.items == []
        with pytest.raises(ServerError) as caught:
            await conn.conversation.item.delete(item_id)
        assert caught.value.code == "item_delete_invalid_item_id"
        with pytest.raises(ServerError) as caught:
            await conn.conversation.item.retrieve(item_id)
        assert caught.value.code == "item_retrieve_invalid_item_id"


async def test_truncate_waits_until_the_rest_is_forgotten() -> None:
    async with simulated() as (conn, session):
        await conn.session.update(output_modalities=["audio"])
        await conn.conversation.item.create(role="user", text="Hi!")
        await conn.response.create()
        await until(conn, "response.done")
        item_id = session.conversation.items[-1]["id"]
        assert isinstance(item_id, str)
        await conn.conversation.item.truncate(item_id, audio_end_ms=10)
        frame = await sent(session, "conversation.item.truncate")
        assert (frame["content_index"], frame["audio_end_ms"]) == (0, 10)
        with pytest.raises(ServerError, match="already shorter"):
            await conn.conversation.item.truncate(item_id, audio_end_ms=10_000_000)


async def test_a_request_for_an_item_waits_for_its_acknowledgement() -> None:
    async with simulated() as (conn, _):
        item: dict[str, JsonValue] = {"type": "message", "role": "user", "content": []}
        answer = await conn.request({"type": "conversation.item.create", "item": item})
        assert isinstance(answer, ConversationItemAdded)


async def test_a_server_that_rewrites_item_ids_still_acknowledges() -> None:
    item: Json = {"id": "theirs", "type": "message", "role": "user", "content": []}
    answer: tuple[str, Json] = ("conversation.item.created", {"item": item})
    async with answering({"conversation.item.create": answer}) as conn:
        ours: Json = {"type": "message", "role": "user", "content": [], "id": "ours"}
        event = await conn.request({"type": "conversation.item.create", "item": ours})
        assert isinstance(event, ConversationItemCreated)
        assert (event.item.type, event.item) == ("message", UserMessage(id="theirs", content=[]))


async def test_append_sends_base64_and_returns_the_id_of_its_frame() -> None:
    async with simulated() as (conn, session):
        audio = bytes(range(250)) * 3
        for given in (audio, bytearray(audio), memoryview(audio)):
            (event_id,) = await conn.input_audio_buffer.append(given)
            frame = await session.wait_for("input_audio_buffer.append")
            assert frame["event_id"] == event_id
            assert base64.b64decode(str(frame["audio"]), validate=True) == audio


# pain 50
async def test_audio_above_32_kib_is_split_between_samples_and_leaves_as_one_group() -> None:
    async with simulated() as (conn, session):
        audio = bytes(range(256)) * 400 + b"odd"
        ids = await conn.input_audio_buffer.append(audio)
        frames = [await session.wait_for("input_audio_buffer.append") for _ in ids]
        pieces = [base64.b64decode(str(frame["audio"])) for frame in frames]
        assert [frame["event_id"] for frame in frames] == list(ids)
        assert [len(piece) for piece in pieces] == [32768, 32768, 32768, 4099]
        assert b"".join(pieces) == audio


async def test_no_audio_sends_nothing() -> None:
    async with simulated() as (conn, session):
        assert await conn.input_audio_buffer.append(b"") == ()
        await conn.input_audio_buffer.clear()
        assert [frame.type for frame in session.received[1:]] == ["input_audio_buffer.clear"]


async def test_appending_text_is_a_mistake_that_names_the_way_out() -> None:
    async with simulated() as (conn, session):
        append = cast("Callable[..., Awaitable[object]]", conn.input_audio_buffer.append)
        with pytest.raises(TypeError, match=r"base64\.b64decode"):
            await append("AAAA")
        with pytest.raises(TypeError):
            await append(3)
        assert len(session.received) == 1


async def test_commit_returns_the_id_of_the_item_that_it_made() -> None:
    async with simulated() as (conn, session):
        await conn.input_audio_buffer.append(silence(200))
        item_id = await conn.input_audio_buffer.commit()
        await until(conn, "conversation.item.done")
        assert [item["id"] for item in session.conversation.items] == [item_id]


# pain 25
async def test_a_commit_of_too_little_audio_is_refused_where_it_was_made() -> None:
    async with simulated() as (conn, _):
        await conn.input_audio_buffer.append(silence(200))
        await conn.input_audio_buffer.clear()
        with pytest.raises(ServerError) as caught:
            await conn.input_audio_buffer.commit()
        assert caught.value.code == "input_audio_buffer_commit_empty"


# promise 3
async def test_of_two_commits_with_the_error_late_each_caller_gets_its_own_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcomes: dict[str, str] = {}

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        first = await peer.receive()
        assert first["event_id"] == "empty"
        await trio.sleep(1)
        await peer.refuse(first, "input_audio_buffer_commit_empty")
        assert (await peer.receive())["event_id"] == "good"
        await peer.send("input_audio_buffer.committed", item_id="item_1")
        await peer.drain()

    async def commit(conn: RealtimeConnection, event_id: str) -> None:
        try:
            outcomes[event_id] = await conn.input_audio_buffer.commit(event_id=event_id)
        except ServerError as error:
            outcomes[event_id] = str(error.code)

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint) as conn:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(commit, conn, "empty")
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.start_soon(commit, conn, "good")
    assert outcomes == {"empty": "input_audio_buffer_commit_empty", "good": "item_1"}


async def test_a_commit_by_voice_detection_is_not_the_answer_to_ours() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("input_audio_buffer.commit")
        await peer.send("input_audio_buffer.speech_started", item_id="heard", audio_start_ms=0)
        await peer.send("input_audio_buffer.speech_stopped", item_id="heard", audio_end_ms=9)
        await peer.send("input_audio_buffer.committed", item_id="heard")
        await peer.send("input_audio_buffer.committed", item_id="ours")
        await peer.drain()

    with trio.fail_after(30):
        async with line_to(behave) as endpoint:
            async with open_realtime("m", endpoint=endpoint) as conn:
                assert await conn.input_audio_buffer.commit() == "ours"


async def test_the_output_buffer_is_cleared_by_request() -> None:
    answer: tuple[str, Json] = ("output_audio_buffer.cleared", {"response_id": "r"})
    async with answering({"output_audio_buffer.clear": answer}) as conn:
        await conn.output_audio_buffer.clear()
        # Its acknowledgement was here before it returned.
        assert conn.receive_nowait().type == "session.created"
        assert conn.receive_nowait().type == "output_audio_buffer.cleared"


async def test_a_response_is_created_without_waiting_for_it() -> None:
    async with simulated() as (conn, session):
        await conn.conversation.item.create(role="user", text="Hi!")
        event_id = await conn.response.create()
        frame = await session.wait_for("response.create")
        assert frame == {"type": "response.create", "event_id": event_id}
        text = ""
        async for event in conn:
            if isinstance(event, ResponseOutputTextDelta):
                text += event.delta
            if isinstance(event, ResponseDone):
                break
        assert text == "You said: Hi!"


async def test_every_field_of_a_response_is_a_keyword() -> None:
    async with simulated() as (conn, session):
        await conn.response.create(
            audio={"output": {"voice": "marin"}},
            conversation="none",
            input=[UserMessage(content=[]), {"type": "item_reference", "id": "x"}],
            instructions="i",
            max_output_tokens=3,
            metadata={"k": "v"},
            output_modalities=["text"],
            parallel_tool_calls=None,
            prompt=None,
            reasoning=None,
            tool_choice="none",
            tools=[],
        )
        config = (await sent(session, "response.create"))["response"]
        assert isinstance(config, dict)
        assert set(config) == set(ResponseConfig.model_fields)
        assert config["parallel_tool_calls"] is None


async def test_a_response_comes_as_a_model_or_a_mapping() -> None:
    async with simulated() as (conn, session):
        await conn.response.create(ResponseConfig(instructions="x"))
        await conn.response.create({"instructions": "y", "new": 1}, event_id="mine")
        frames = [await session.wait_for("response.create") for _ in range(2)]
        assert frames[0]["response"] == {"instructions": "x"}
        assert frames[1]["response"] == {"instructions": "y", "new": 1}
        assert frames[1]["event_id"] == "mine"
        with pytest.raises(TypeError, match="not both"):
            await conn.response.create({}, instructions="z")


async def test_cancel_returns_the_end_of_the_response() -> None:
    async with simulated() as (conn, session):
        await conn.conversation.item.create(role="user", text="Tell me a story, word by word.")
        await conn.response.create()
        created = None
        async for event in conn:
            if isinstance(event, ResponseCreated):
                created = event.response
                break
        assert created is not None
        done = await conn.response.cancel(created.id)
        assert done is not None
        assert (done.response.id, done.response.status) == (created.id, "cancelled")
        frame = await sent(session, "response.cancel")
        assert frame["response_id"] == created.id


async def test_cancel_with_nothing_to_cancel_returns_none() -> None:
    async with simulated() as (conn, session):
        assert await conn.response.cancel() is None
        assert await sent(session, "response.cancel") == {"type": "response.cancel"}


async def test_a_refused_cancel_raises() -> None:
    async with simulated() as (conn, session):
        session.refuse_next("response.cancel", "invalid_value")
        with pytest.raises(ServerError, match="invalid_value"):
            await conn.response.cancel()


def test_unset_shows_as_what_it_is() -> None:
    assert repr(UNSET) == "UNSET"
    assert UNSET is Unset.UNSET

"""Entering `respond()`: what is sent, what is refused, and what a caller may get wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.responding.helpers import (
    BUSY,
    LONG,
    QUIET,
    WRITING,
    Talk,
    errors_of,
    held_by,
    scripted,
    statuses_of,
    talking,
    text_of,
    types_of,
)
from trio_realtime import (
    ConnectionClosedError,
    RealtimeConnection,
    ResponseFailedError,
    ServerError,
)
from trio_realtime.events import ServerEvent, decode_server
from trio_realtime.testing import Fail, Refuse, ScriptedConnection, ScriptedRequest
from trio_realtime.types import (
    FunctionCallOutput,
    FunctionTool,
    InputItem,
    InputText,
    ItemReference,
    ResponseAudio,
    ResponseAudioOutput,
    UserMessage,
)

QUESTION: JsonValue = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "a question"}],
}


def created(response_id: str | None, create: ScriptedRequest | None = None) -> dict[str, JsonValue]:
    """The beginning of a response; for certain the answer to a create that is given."""
    response: dict[str, JsonValue] = {"status": "in_progress", "output": []}
    if response_id is not None:
        response["id"] = response_id
    if create is not None:
        response["metadata"] = {"trio_realtime": create.event["event_id"]}
    return {"type": "response.created", "response": response}


def done(response_id: str | None, status: str = "completed") -> dict[str, JsonValue]:
    response: dict[str, JsonValue] = {"status": status, "output": []}
    if response_id is not None:
        response["id"] = response_id
    return {"type": "response.done", "response": response}


def refusal(request: ScriptedRequest, code: str = "no_such_thing") -> dict[str, JsonValue]:
    return {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": code,
            "message": "No.",
            "event_id": request.event["event_id"],
        },
    }


def arrive(conn: RealtimeConnection, *frames: Mapping[str, JsonValue]) -> None:
    """Have events arrive now, before any task runs: as they do when one read brings them all."""
    for frame in frames:
        event: ServerEvent = decode_server(json.dumps({"event_id": "event_now", **frame}))
        conn._link.dispatch(event, 100)


def may_ask(conn: RealtimeConnection) -> bool:
    """Whether nothing holds the turn in the default conversation."""
    return conn._link.gate.is_open


_WHERE: tuple[Literal["auto", "none"], ...] = ("auto", "none")


# What is sent.


async def test_the_input_and_the_request_are_one_group(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_talk_a_lot, talk)
            items: list[InputItem | Mapping[str, JsonValue]] = [
                UserMessage(content=[InputText(text="typed")]),
                _with_type(QUESTION),
                UserMessage(id="item_of_mine", content=[InputText(text="named")]),
            ]
            await trio.lowlevel.checkpoint()
            async with talk.conn.respond(items) as reply:
                assert await text_of(reply) == "You said: named"
        sent = talk.sent("conversation.item.create", "input_audio_buffer.append", "response.create")
        assert "/".join(sent).count("create/conversation.item.create/response.create") == 1
        texts = [item["content"] for item in talk.server.conversation.items][:3]
        assert [str(text).split("'text': ")[1] for text in texts] == [
            "'typed'}]",
            "'a question'}]",
            "'named'}]",
        ]
        ids = [item["id"] for item in talk.server.conversation.items]
        assert ids[2] == "item_of_mine"
        assert len(str(ids[0])) == len("item_") + 21


async def _talk_a_lot(talk: Talk) -> None:
    for _ in range(30):
        await talk.conn.input_audio_buffer.append(b"\0" * 480)


async def test_what_is_not_given_is_not_sent(autojump_clock: trio.testing.MockClock) -> None:
    async with talking() as talk:
        async with talk.conn.respond() as reply:
            await reply.result()
        (create,) = talk.frames("response.create")
        assert create["response"] == {"metadata": {"trio_realtime": create["event_id"]}}


async def test_every_setting_is_for_this_response(autojump_clock: trio.testing.MockClock) -> None:
    tool = FunctionTool(name="look", parameters={"type": "object", "properties": {}})
    async with talking() as talk:
        async with talk.conn.respond(
            "a question",
            conversation="none",
            audio=ResponseAudio(output=ResponseAudioOutput(voice="marin")),
            instructions="Be brief.",
            max_output_tokens=100,
            metadata={"topic": "weather"},
            output_modalities=["text"],
            parallel_tool_calls=False,
            prompt=None,
            reasoning={"effort": "low"},
            tool_choice="none",
            tools=[tool],
            extra_fields={"response": {"metadata": {"more": "yes"}}},
        ) as reply:
            response = await reply.result()
            assert response.metadata == {"topic": "weather", "more": "yes"}
        (create,) = talk.frames("response.create")
        assert create["response"] == {
            "conversation": "none",
            "input": [QUESTION],
            "audio": {"output": {"voice": "marin"}},
            "instructions": "Be brief.",
            "max_output_tokens": 100,
            "metadata": {
                "topic": "weather",
                "trio_realtime": create["event_id"],
                "more": "yes",
            },
            "output_modalities": ["text"],
            "parallel_tool_calls": False,
            "prompt": None,
            "reasoning": {"effort": "low"},
            "tool_choice": "none",
            "tools": [
                {"type": "function", "name": "look", "parameters": tool.parameters},
            ],
        }


async def test_the_token_is_nowhere_to_be_seen(autojump_clock: trio.testing.MockClock) -> None:
    async with talking() as talk:
        with talk.conn.tap() as tap:
            async with talk.conn.respond(metadata={"mine": "1"}) as reply:
                assert reply.response.metadata == {"mine": "1"}
                assert (await reply.result()).metadata == {"mine": "1"}
            async with talk.conn.respond(metadata=None) as reply:
                assert (await reply.result()).metadata is None
            async with talk.conn.respond(extra_fields={"response": {"metadata": None}}) as reply:
                assert (await reply.result()).metadata is None
            with pytest.raises(trio.WouldBlock):
                while True:
                    assert "trio_realtime" not in repr(tap.receive_nowait())


async def test_fifteen_pairs_of_metadata_are_the_callers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fifteen = {f"key_{number}": "value" for number in range(15)}
    async with talking() as talk:
        async with talk.conn.respond(metadata=fifteen) as reply:
            assert reply.response.metadata == fifteen
        with pytest.raises(ValueError, match=r"at most 15 pairs.* there are 16"):
            async with talk.conn.respond(metadata={**fifteen, "one": "more"}):
                pass
        with pytest.raises(ValueError, match="'trio_realtime' is reserved"):
            async with talk.conn.respond(metadata={"trio_realtime": "mine"}):
                pass
        assert len(talk.frames("response.create")) == 1


# Misuse: told before anything is sent, and before it waits.


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (7, TypeError, "a text, or a list of items"),
        (b"abc", TypeError, "a text, or a list of items"),
        (QUESTION, TypeError, r"\[item\] for a single one"),
        (UserMessage(content=[]), TypeError, r"\[item\] for a single one"),
        (["a text"], TypeError, "an item is a model or a mapping, not str"),
        ([None], TypeError, "an item is a model or a mapping, not NoneType"),
        ([ItemReference(id="item_1")], ValueError, 'only with conversation="none"'),
        ([{"type": "item_reference", "id": "item_1"}], ValueError, 'only with conversation="none"'),
        ([{"type": "message", "id": "i" * 33}], ValueError, "at most 32 characters"),
        ([FunctionCallOutput(call_id="c" * 33, output="")], ValueError, "at most 32 characters"),
    ],
)
async def test_wrong_input_is_told_at_once(
    given: object,
    error: type[Exception],
    says: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG) as talk:
        async with talk.conn.respond():
            begun = trio.current_time()
            with pytest.raises(error, match=says):
                async with talk.conn.respond(given):  # type: ignore[arg-type]
                    pass
            assert trio.current_time() == begun
        assert talk.sent("conversation.item.create") == []


async def test_wrong_arguments_are_told_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with talking() as talk:
        conn = talk.conn
        with pytest.raises(ValueError, match='"auto" or "none", not \'default\''):
            async with conn.respond(conversation="default"):  # type: ignore[arg-type]
                pass
        with pytest.raises(ValueError, match='"wait", "cancel" or "raise", not \'queue\''):
            async with conn.respond(when_busy="queue"):  # type: ignore[arg-type]
                pass
        with pytest.raises(TypeError, match="metadata is a mapping, not list"):
            async with conn.respond(metadata=["a"]):  # type: ignore[arg-type]
                pass
        with pytest.raises(ValueError, match="metadata"):
            async with conn.respond(metadata={"a": 1}):  # type: ignore[dict-item]
                pass
        with pytest.raises(ValueError, match="max_output_tokens"):
            async with conn.respond(max_output_tokens=[]):  # type: ignore[arg-type]
                pass
        with pytest.raises(ValueError, match=r"Unicode|surrogates"):
            async with conn.respond("half a pair: \ud800"):
                pass
        assert talk.sent() == ["session.update"]
        async with conn.respond("still open") as reply:
            await reply.result()


# Refusals.


async def test_a_refused_request_raises_and_the_next_is_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([Refuse("rate_limit_exceeded"), "fine"]) as talk:
        with pytest.raises(ServerError) as caught:
            async with talk.conn.respond("one"):
                pass
        assert caught.value.code == "rate_limit_exceeded"
        async with talk.conn.respond("two") as reply:
            assert await text_of(reply) == "fine"
        assert errors_of(held_by(talk.conn)) == []
        assert len(talk.frames("response.create")) == 2


async def test_a_response_that_fails_is_no_refusal(autojump_clock: trio.testing.MockClock) -> None:
    async with talking([Fail("server_error"), "fine"]) as talk:
        async with talk.conn.respond("one") as reply:
            with pytest.raises(ResponseFailedError):
                await reply.result()
        async with talk.conn.respond("two") as reply:
            assert await text_of(reply) == "fine"


@pytest.mark.parametrize("times", range(5))
async def test_a_server_that_says_it_is_busy_is_asked_four_times(
    times: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking("fine") as talk:
        conn = talk.conn
        for _ in range(times):
            talk.server.refuse_next("response.create", BUSY)
        if times < 4:
            async with conn.respond("a question") as reply:
                # Nobody knows what keeps it busy: a second each.
                assert trio.current_time() == times
                assert await text_of(reply) == "fine"
        else:
            with pytest.raises(ServerError) as caught:
                async with conn.respond("a question"):
                    pass
            assert caught.value.code == BUSY
            assert trio.current_time() == 3
        assert len(talk.frames("response.create")) == min(times, 3) + 1
        assert len(talk.frames("conversation.item.create")) == 1
        assert errors_of(held_by(conn)) == []
        async with conn.respond("another") as reply:
            await reply.result()


# Items that are refused.


@pytest.mark.parametrize("number", range(3))
async def test_a_refused_item_raises_and_its_response_is_cancelled(
    number: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with talking([LONG, "fine"]) as talk:
        conn = talk.conn
        items = [QUESTION, QUESTION, QUESTION]
        items[number] = {"type": "message", "role": "user", "content": [{"type": "smell"}]}
        with pytest.raises(ServerError):
            async with conn.respond([_with_type(item) for item in items]):
                pass
        async with conn.respond("two") as reply:
            assert await text_of(reply) == "fine"
        events = held_by(conn)
        assert "response.created" not in types_of(events)
        assert len(talk.frames("response.cancel")) == 1


def _with_type(item: JsonValue) -> Mapping[str, JsonValue]:
    assert isinstance(item, dict)
    return item


async def test_a_refused_item_is_told_before_its_response_begins(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:
            told = trio.Event()

            async def program() -> None:
                with pytest.raises(ServerError, match="No"):
                    async with conn.respond("a question"):
                        pass
                told.set()

            nursery.start_soon(program)
            item = await line.expect("conversation.item.create")
            create = await line.expect("response.create")
            await line.send(refusal(item))
            with trio.fail_after(1):
                await told.wait()
        # Its turn is not over: the server will answer the request all the same.
        assert not may_ask(conn)
        await line.send(created("resp_1", create))
        await line.expect("response.cancel", response_id="resp_1")
        await line.send(done("resp_1", "cancelled"))
        await trio.testing.wait_all_tasks_blocked()
        assert may_ask(conn)
        assert types_of(held_by(conn)) == ["session.created", "session.updated"]


# So the real server is reported to refuse what a function returned: nobody knows whose it was.
async def test_a_refusal_that_names_no_event_is_in_the_stream(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking("fine", yields_errors=True) as talk:
        async with talk.conn.respond([FunctionCallOutput(call_id="of_nobody", output="")]) as reply:
            assert await text_of(reply) == "fine"
        assert len(errors_of(held_by(talk.conn))) == 1


async def test_an_item_may_be_refused_after_its_response_has_begun(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond("a question") as reply:
                    pieces: list[str] = []
                    with pytest.raises(ServerError, match="No"):
                        async for piece in reply.text():
                            pieces.append(piece)
                    assert pieces == ["begun"]
                    with pytest.raises(ServerError, match="No") as caught:
                        await reply.result()
                    assert caught.value.code == "no_such_thing"
                    assert caught.value.event is not None
                    with pytest.raises(ServerError, match="No"):
                        async for _ in reply:
                            pass
                assert reply.status == "in_progress"

            nursery.start_soon(program)
            item = await line.expect("conversation.item.create")
            create = await line.expect("response.create")
            await line.send(created("resp_1", create))
            await trio.testing.wait_all_tasks_blocked()
            await line.send(
                {
                    "type": "response.output_text.delta",
                    "response_id": "resp_1",
                    "item_id": "item_1",
                    "output_index": 0,
                    "content_index": 0,
                    "delta": "begun",
                }
            )
            await line.send(refusal(item))
            await line.expect("response.cancel", response_id="resp_1")
            await line.expect_nothing(10)
        await line.send(done("resp_1", "cancelled"))
        await trio.testing.wait_all_tasks_blocked()
        assert errors_of(held_by(conn)) == []


async def test_a_second_item_that_is_refused_changes_nothing_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                async with conn.respond([_with_type(QUESTION), _with_type(QUESTION)]) as reply:
                    await trio.sleep(2)
                    with pytest.raises(ServerError) as caught:
                        await reply.result()
                    assert caught.value.code == "first"

            nursery.start_soon(program)
            first = await line.expect("conversation.item.create")
            second = await line.expect("conversation.item.create")
            create = await line.expect("response.create")
            await line.send(created("resp_1", create))
            await trio.testing.wait_all_tasks_blocked()
            await line.send(refusal(first, "first"))
            await line.send(refusal(second, "second"))
            await line.expect("response.cancel", response_id="resp_1")
            await line.expect_nothing(10)


@pytest.mark.parametrize("item_first", [True, False])
async def test_a_response_may_begin_in_the_moment_in_which_its_item_is_refused(
    item_first: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                with pytest.raises(ServerError, match="No"):
                    async with conn.respond("a question"):
                        pass

            nursery.start_soon(program)
            item = await line.expect("conversation.item.create")
            create = await line.expect("response.create")
            await trio.testing.wait_all_tasks_blocked()
            frames = [refusal(item), created("resp_1", create)]
            arrive(conn, *(frames if item_first else reversed(frames)))
            await line.expect("response.cancel", response_id="resp_1")
            await line.expect_nothing(1)
        arrive(conn, done("resp_1", "cancelled"))
        assert may_ask(conn)
        assert types_of(held_by(conn)) == ["session.created", "session.updated"]


async def test_an_item_that_is_refused_while_its_request_waits_again_is_told_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                begun = trio.current_time()
                with pytest.raises(ServerError, match="No") as caught:
                    async with conn.respond("a question"):
                        pass
                assert caught.value.code == "no_such_thing"
                assert trio.current_time() < begun + 1

            nursery.start_soon(program)
            item = await line.expect("conversation.item.create")
            create = await line.expect("response.create")
            await line.send(refusal(create, BUSY))
            await line.send(refusal(item))
            await line.expect_nothing(10)
        assert may_ask(conn)


# Cancelled in the very moment in which the answer comes.


@pytest.mark.parametrize("is_beside", [False, True])
async def test_a_caller_may_go_in_the_moment_in_which_its_response_begins(
    is_beside: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def program() -> None:
                with scope:
                    async with conn.respond(conversation="none" if is_beside else "auto"):
                        pytest.fail("it has gone")

            nursery.start_soon(program)
            await line.expect("response.create")
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            arrive(conn, created("resp_1"))
            await line.expect("response.cancel", response_id="resp_1")
            arrive(conn, done("resp_1", "cancelled"))
            assert may_ask(conn)
            assert types_of(held_by(conn)) == ["session.created", "session.updated"]


@pytest.mark.parametrize("code", [BUSY, "rate_limit_exceeded"])
@pytest.mark.parametrize("is_beside", [False, True])
async def test_a_caller_may_go_in_the_moment_in_which_it_is_refused(
    is_beside: bool, code: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def program() -> None:
                with scope:
                    async with conn.respond(conversation="none" if is_beside else "auto"):
                        pytest.fail("it has gone")

            nursery.start_soon(program)
            create = await line.expect("response.create")
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            arrive(conn, refusal(create, code))
            await line.expect_nothing(10)
            assert may_ask(conn)
        assert types_of(held_by(conn)) == ["session.created", "session.updated"]


# when_busy.


async def test_raise_means_that_nothing_is_sent_while_another_runs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "fine"]) as talk:
        conn = talk.conn
        async with conn.respond("one", when_busy="raise") as first:
            with pytest.raises(trio.WouldBlock, match="another response is under way"):
                async with conn.respond("two", when_busy="raise"):
                    pass
            await first.result()
            async with conn.respond("three", when_busy="raise") as third:
                assert await text_of(third) == "fine"
        assert len(talk.frames("response.create")) == 2


async def test_raise_also_raises_when_it_is_the_server_who_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking("fine") as talk:
        talk.server.refuse_next("response.create", BUSY)
        with pytest.raises(trio.WouldBlock, match="another response is under way") as caught:
            async with talk.conn.respond("one", when_busy="raise"):
                pass
        assert isinstance(caught.value.__cause__, ServerError)
        assert caught.value.__cause__.code == BUSY
        assert len(talk.frames("response.create")) == 1
        # What keeps it busy is not known: a second, then somebody may ask again.
        await trio.sleep(1.1)
        talk.server.refuse_next("response.create", "rate_limit_exceeded")
        with pytest.raises(ServerError):
            async with talk.conn.respond("two", when_busy="raise"):
                pass


async def test_raise_is_nothing_out_of_band(autojump_clock: trio.testing.MockClock) -> None:
    async with talking([LONG, "beside"]) as talk:
        async with talk.conn.respond("one"):
            async with talk.conn.respond(conversation="none", when_busy="raise") as reply:
                assert await text_of(reply) == "beside"


async def test_cancel_ends_the_active_response_and_takes_its_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "instead"]) as talk:
        async with talk.conn.respond("one") as first:
            await trio.sleep(0.1)
            begun = trio.current_time()
            async with talk.conn.respond("two", when_busy="cancel") as second:
                assert trio.current_time() == begun
                assert (await first.result()).status == "cancelled"
                assert await text_of(second) == "instead"
        assert talk.sent("response.cancel") == ["response.cancel"]


async def test_cancel_cancels_nothing_where_nothing_runs(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(["one", "two"]) as talk:
        for text in ("one", "two"):
            async with talk.conn.respond(text, when_busy="cancel") as reply:
                assert await text_of(reply) == text
        assert talk.sent("response.cancel") == []


async def _second_cancels_first(talk: Talk) -> None:
    """Ask while the server is paused; ask again, instead; let the server go on."""
    async with trio.open_nursery() as nursery:

        async def first() -> None:
            async with talk.conn.respond("one") as reply:
                assert (await reply.result()).status == "cancelled"

        async def second() -> None:
            async with talk.conn.respond("two", when_busy="cancel") as reply:
                assert await text_of(reply) == "instead"

        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(second)
        await trio.testing.wait_all_tasks_blocked()
        talk.server.resume()
    assert talk.sent("response.create", "response.cancel") == [
        "response.create",
        "response.cancel",
        "response.create",
    ]


async def test_cancel_also_means_what_is_only_being_asked_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "instead"]) as talk:
        talk.server.pause()
        await _second_cancels_first(talk)


async def test_cancel_also_means_what_has_its_turn_and_was_not_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "instead"]) as talk:
        conn, server = talk.conn, talk.server
        server.pause()
        await trio.testing.wait_all_tasks_blocked()
        # More than fits on the way: the writer is busy with it.
        conn.send_nowait({"type": "session.update", "session": {"instructions": "x" * 10**6}})
        await _second_cancels_first(talk)


async def test_cancel_also_means_the_answer_to_a_turn_that_is_due(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking([LONG, "instead"], session=WRITING) as talk:
        talk.server.hears("a turn")
        await trio.testing.wait_all_tasks_blocked()
        begun = trio.current_time()
        async with talk.conn.respond("instead", when_busy="cancel") as reply:
            assert trio.current_time() == begun
            assert await text_of(reply) == "instead"
        assert statuses_of(held_by(talk.conn)) == ["cancelled"]


async def test_those_who_cancel_wait_their_turn_behind_those_who_came_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    order: list[str] = []
    async with talking([LONG, "two", "three"]) as talk:
        conn = talk.conn
        async with trio.open_nursery() as nursery:

            async def one(text: str, *, cancels: bool = False) -> None:
                async with conn.respond(text, when_busy="cancel" if cancels else "wait") as reply:
                    order.append(text)
                    await reply.result()

            nursery.start_soon(one, "one")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(one, "two")
            await trio.testing.wait_all_tasks_blocked()
            async with conn.respond("three", when_busy="cancel"):
                order.append("three")
        assert order == ["one", "two", "three"]


# The connection ends.


async def test_those_who_wait_are_told_of_the_loss(autojump_clock: trio.testing.MockClock) -> None:
    told: list[str] = []
    with pytest.RaisesGroup(ConnectionClosedError):
        async with talking(LONG) as talk:
            conn = talk.conn

            async def one(text: str, *, is_beside: bool = False) -> None:
                with pytest.raises(ConnectionClosedError) as caught:
                    async with conn.respond(
                        text, conversation="none" if is_beside else "auto"
                    ) as reply:
                        await reply.result()
                assert caught.value.info.closed_by == "network"
                told.append(text)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(one, "active")
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(one, "in line")
                await trio.testing.wait_all_tasks_blocked()
                talk.server.pause()
                async with trio.open_nursery() as inner:

                    async def beside() -> None:
                        with pytest.raises(ConnectionClosedError) as caught:
                            async with conn.respond(conversation="none"):
                                pass
                        (unanswered,) = caught.value.uncertain
                        assert unanswered[1] == "response.create"

                    inner.start_soon(beside)
                    await trio.testing.wait_all_tasks_blocked()
                    talk.server.drop()
            assert sorted(told) == ["active", "in line"]
            with pytest.raises(ConnectionClosedError):
                async with conn.respond():
                    pass
            await conn.wait_closed()


async def test_those_who_wait_are_told_when_we_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG) as talk:
        conn = talk.conn

        async def one() -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                async with conn.respond("a question") as reply:
                    await reply.result()
            assert caught.value.info.closed_by == "us"

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(one)
            await trio.testing.wait_all_tasks_blocked()
            await conn.aclose()
        for conversation in _WHERE:
            with pytest.raises(ConnectionClosedError):
                async with conn.respond(conversation=conversation):
                    pass


# They are told themselves: closing has nothing to add.
async def test_what_was_not_sent_when_we_close_is_told_to_who_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as talk:
        conn = talk.conn
        talk.server.pause()
        await trio.testing.wait_all_tasks_blocked()

        async def fill() -> None:
            # More than fits on the way: the writer is busy with it.
            with pytest.raises(ConnectionClosedError):
                await conn.send({"type": "session.update", "session": {"tools": ["x" * 10**6]}})

        async def ask() -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                async with conn.respond("a question"):
                    pass
            assert [kind for _, kind in caught.value.uncertain] == [
                "conversation.item.create",
                "response.create",
            ]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fill)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            await conn.aclose()


async def test_a_block_that_is_left_after_the_connection_sends_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG) as talk:
        async with talk.conn.respond("one") as reply:
            await talk.conn.aclose()
            assert reply.status == "in_progress"
        assert talk.sent("response.cancel") == []


# Servers with habits of their own.


async def _answers_without_ids(line: ScriptedConnection) -> None:
    create = await line.expect("response.create")
    del create
    await line.send(created(None))


async def test_responses_without_an_id_are_answered_one_after_the_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted(session=QUIET) as (conn, line):
        async with trio.open_nursery() as nursery:

            async def program() -> None:
                for _ in range(2):
                    async with conn.respond() as reply:
                        assert reply.id is None
                        assert (await reply.result()).status == "completed"
                async with conn.respond() as reply:
                    assert reply.status == "in_progress"

            nursery.start_soon(program)
            for _ in range(2):
                await _answers_without_ids(line)
                await line.send(done(None))
            await _answers_without_ids(line)
            cancel = await line.expect("response.cancel")
            # There is no id that could be named: whatever is active is meant.
            assert "response_id" not in cancel.event


async def test_what_the_library_asked_for_is_not_yours_to_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for yields in (True, False):
        async with talking([Refuse("rate_limit_exceeded"), "fine"], yields_errors=yields) as talk:
            conn = talk.conn
            with pytest.raises(ServerError):
                async with conn.respond("one"):
                    pass
            async with conn.respond("two") as reply:
                assert await text_of(reply) == "fine"
            events = held_by(conn)
            assert errors_of(events) == []
            await conn.response.create(conversation="none", max_output_tokens=-1)
            await trio.sleep(1)
            if yields:
                assert len(errors_of(held_by(conn))) == 1
            else:
                with pytest.raises(ServerError):
                    held_by(conn)


async def test_a_late_error_of_another_request_disturbs_no_response(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking(LONG, late_errors=0.9) as talk:
        conn = talk.conn
        async with conn.respond("one") as reply:
            async with trio.open_nursery() as nursery:

                async def commit() -> None:
                    with pytest.raises(ServerError) as caught:
                        await conn.input_audio_buffer.commit()
                    assert caught.value.code == "input_audio_buffer_commit_empty"

                nursery.start_soon(commit)
                assert await text_of(reply) == LONG
            assert reply.status == "completed"
        assert errors_of(held_by(conn)) == []

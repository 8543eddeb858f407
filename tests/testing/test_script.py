"""Scripts: what is expected and what is answered, and what a test is told when they fail."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
import trio.testing
import trio_websocket
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.faithful import Frame, types_of
from tests.testing.raw import RawClient, raw_client
from trio_realtime import (
    AuthenticationError,
    ConnectionClosedError,
    RealtimeConnection,
    ServerError,
    open_realtime,
)
from trio_realtime.events import InputAudioBufferCleared, ResponseCreate, ResponseDone
from trio_realtime.testing import (
    ANY,
    CallTool,
    ScriptedConnection,
    ScriptedServer,
    Silence,
    assert_events,
    like,
    many,
    seeded,
)

MODEL = "gpt-realtime-2.1"
TEXT: dict[str, JsonValue] = {"type": "realtime", "output_modalities": ["text"]}


async def text_turn(line: ScriptedConnection) -> None:
    async with line.expect("session.update", session__output_modalities=["text"]) as request:
        await request.acknowledge()
    async with line.expect("response.create", response__conversation="none") as request:
        await request.say("hi there")


@asynccontextmanager
async def connected(server: ScriptedServer) -> AsyncGenerator[RealtimeConnection]:
    async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
        yield conn


async def events_until_done(conn: RealtimeConnection) -> list[object]:
    events: list[object] = []
    async for event in conn:
        events.append(event)
        if isinstance(event, ResponseDone):
            break
    return events


# pain 38, pain 49
async def test_a_script_runs_beside_the_client() -> None:
    async with ScriptedServer(text_turn) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            await conn.response.create(conversation="none", metadata={"topic": "rain"})
            events = await events_until_done(conn)
    assert_events(
        events,  # type: ignore[arg-type]
        "session.created",
        "session.updated",
        "response.created",
        ...,
        many("response.output_text.delta"),
        ...,
        like(
            "response.done",
            response__metadata={"topic": "rain"},
            response__conversation_id=None,
            response__output__0__content__0__text="hi there",
        ),
    )
    (connection,) = server.connections
    assert connection.closed
    assert connection.number == 1
    assert connection.handshake.query == {"model": MODEL}
    assert types_of(connection.received) == ["session.update", "response.create"]


async def test_the_test_itself_may_expect() -> None:
    async with ScriptedServer() as server:
        async with connected(server) as conn:
            await conn.conversation.item.create(role="user", text="Hello?")
            wanted = like("conversation.item.create", item__type="message")
            request = await server.expect(wanted, item__role="user")
            await request.acknowledge()
            assert repr(request) == "ScriptedRequest('conversation.item.create')"
            await conn.response.create()
            async with server.expect("response.create") as request:
                assert request.event.event_id is not None
                await request.say("hi")
            await server.send({"type": "weather.changed"})
            events = await events_until_done(conn)
    assert_events(
        events,  # type: ignore[arg-type]
        "session.created",
        "conversation.item.added",
        "conversation.item.done",
        like("response.created", response__conversation_id=str),
        ...,
        many("response.output_audio.delta"),
        ...,
    )


async def test_whoever_expects_waits_for_the_client() -> None:
    async with ScriptedServer() as server:
        async with trio.open_nursery() as nursery:

            async def script() -> None:
                async with server.expect("response.create") as request:
                    await request.refuse("odd", "It is odd.", param="response")
                line = await server.accept()
                assert line.number == 2
                await server.expect("input_audio_buffer.clear")

            nursery.start_soon(script)
            await trio.testing.wait_all_tasks_blocked()
            async with connected(server) as conn:
                event_id = await conn.send({"type": "response.create"})
                await conn.receive()
                with pytest.raises(ServerError, match="odd: It is odd") as caught:
                    await conn.receive()
                assert caught.value.event_id == event_id
            async with connected(server) as conn:
                await conn.send({"type": "input_audio_buffer.clear"})


async def fails(
    client: Callable[[ScriptedServer], Awaitable[None]],
    *scripts: Callable[[ScriptedConnection], Awaitable[None]],
) -> AssertionError:
    """The failure of a script that such a client meets, as a test sees it: bare."""
    with pytest.raises(AssertionError) as caught:
        async with ScriptedServer(*scripts) as server:
            await client(server)
    assert caught.value.__context__ is None
    return caught.value


async def ask_and_listen(server: ScriptedServer) -> None:
    async with connected(server) as conn:
        await conn.response.create(conversation="auto", instructions="Be brief.")
        async for _ in conn:
            pass


async def ask_and_leave(server: ScriptedServer) -> None:
    async with connected(server) as conn:
        await conn.response.create()


async def test_another_event_is_shown_beside_the_expected_one() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.send({"type": "response.output_text.delta", "delta": "x"})
        await line.send({"type": "response.output_text.delta", "delta": "y"})
        await line.expect(
            "response.create", response__conversation="none", event_id=str, response__voice="x"
        )

    another = "the client sent another event than the script expects"
    shown = re.sub(r"event_\w{21}", "ID", str(await fails(ask_and_listen, script)))
    assert shown.splitlines() == [
        f"{another} (connection 1, event 1 of the client's)",
        "",
        "                         expected         actual",
        "  type                   response.create  response.create",
        "  event_id               of type str      'ID'",
        "! response.conversation  'none'           'auto'",
        "  response.instructions                   'Be brief.'",
        "! response.voice         'x'              -",
        "",
        "what went over it:",
        "  server < session.created",
        "  server < response.output_text.delta  (2 times)",
        "  client > response.create",
    ]


async def test_a_client_that_leaves_too_early_fails_the_script() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect(ANY)
        await line.expect("response.cancel", response_id="resp_1")

    shown = str(await fails(ask_and_leave, script))
    assert shown.startswith(
        "the client closed the connection (code 1000), while the script expects an event"
    )
    assert "! type         response.cancel  nothing" in shown
    assert "! response_id  'resp_1'         -" in shown


async def test_a_client_that_stays_too_long_fails_the_script() -> None:
    async def stay(server: ScriptedServer) -> None:
        await server.connect()
        async with raw_client(server) as client:
            await client.receive()
            await trio.testing.wait_all_tasks_blocked()

    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    with pytest.raises(AssertionError, match="the client closed the connection"):
        async with ScriptedServer(script) as server:
            await stay(server)

    stream: trio.abc.Stream | None = None
    with pytest.raises(AssertionError, match="block was left, while the script expects an event"):
        async with ScriptedServer(script) as server, trio.open_nursery() as nursery:
            stream = await server.connect()
            await trio_websocket.wrap_client_stream(
                nursery,
                stream,  # type: ignore[arg-type]
                "localhost",
                "/v1/realtime?model=m",
            )
            nursery.cancel_scope.cancel()
    assert stream is not None


async def test_what_nobody_looked_at_fails() -> None:
    async def nothing(line: ScriptedConnection) -> None:
        await trio.lowlevel.checkpoint()

    shown = str(await fails(ask_and_listen, nothing))
    assert "the client sent an event that the script never looked at" in shown
    assert "! type                   nothing   response.create" in shown

    async def too_late(line: ScriptedConnection) -> None:
        await line.wait_closed()

    shown = str(await fails(ask_and_leave, too_late))
    assert "never looked at" in shown

    async def twice(server: ScriptedServer) -> None:
        async with connected(server) as conn:
            await conn.response.create()
            await conn.response.create()

    assert "2 events that the script never looked at" in str(await fails(twice))


async def test_the_table_is_no_wider_than_a_terminal() -> None:
    async def script(line: ScriptedConnection) -> None:
        long = {"same": "the same words again and again", "number": 7}
        await line.expect("response.create", a__long=long, b="expected " * 20)

    async def send(server: ScriptedServer) -> None:
        async with connected(server) as conn:
            long: dict[str, JsonValue] = {"same": "the same words again and again", "number": 8}
            fields: dict[str, JsonValue] = {"a": {"long": long}, "b": "actual " * 20}
            deep: JsonValue = {"d" * 30: {"e" * 30: {"f" * 30: "value " * 20}}}
            await conn.send({"type": "response.create", **fields, "c": deep})

    lines = str(await fails(send, script)).splitlines()
    assert max(map(len, lines[2:])) == 116
    assert lines[2].split() == ["expected", "actual"]
    start = lines[2].index("actual")
    rows = lines[3 : lines.index("", 3)]
    assert all(not line or line[start - 2 : start] == "  " for line in rows)
    assert any(line.startswith(f"  c.{'d' * 30}.{'e' * 30}…  ") for line in rows)
    assert any(line[start:].startswith("'actual actual") for line in rows)

    async def short(line: ScriptedConnection) -> None:
        await line.expect("response.create", **{"n" * 30: "expected " * 20})

    shown = str(await fails(ask_and_leave, short))
    assert f"! {'n' * 30}  '{('expected ' * 6)[:46]}…  -" in shown  # whole, for the rest is narrow


async def test_keys_are_kept_out_of_failures() -> None:
    key = "sk-proj-abcdefghijklmnop1234"

    async def leave(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            await client.receive()
            await client.send("session.update", session={"authorization": "hush", key: key})
            await client.ws.aclose(4001, f"no {key}")

    async def script(line: ScriptedConnection) -> None:
        await line.expect("session.update")
        await line.expect("session.update", session__authorization="hush", session__x=key)

    async def another(line: ScriptedConnection) -> None:
        await line.expect("session.update", session__authorization="hush hush", session__x=key)

    for each in (script, another):
        shown = str(await fails(leave, each))
        assert key not in shown
        assert "hush" not in shown

    async def refused(line: ScriptedConnection) -> None:
        await (await line.expect("response.create")).say("hi")

    async def ask(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            await client.send("response.create", response={key: 1})
            await trio.sleep_forever()

    with pytest.raises(AssertionError, match="would refuse") as caught:
        async with ScriptedServer(refused) as server:
            await ask(server)
    assert key not in str(caught.value)


async def test_a_client_that_was_refused_is_not_said_to_be_closed_by_the_script() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    with pytest.raises(AssertionError, match=r"^the server refused the client \(code 3000, 'inv"):
        async with ScriptedServer(script, api_key="sk-mine") as server:
            stream = await server.connect()
            async with trio.open_nursery() as nursery:
                ws = await trio_websocket.wrap_client_stream(
                    nursery,
                    stream,  # type: ignore[arg-type]
                    "localhost",
                    "/v1/realtime?model=m",
                )
                with pytest.raises(trio_websocket.ConnectionClosed):
                    while True:
                        await ws.get_message()


async def test_another_client_than_the_accepted_one_is_pointed_at() -> None:
    async def twice(server: ScriptedServer) -> None:
        for _ in range(2):
            await ask_and_leave(server)
        for _ in range(2):
            await server.expect("response.create")

    shown = await fails(twice)
    assert "`await server.accept()` takes it" in str(shown)

    async def once(server: ScriptedServer) -> None:
        await ask_and_leave(server)
        for _ in range(2):
            await server.expect("response.create")

    assert "accept" not in str(await fails(once))

    async def by_the_connection(server: ScriptedServer) -> None:
        await ask_and_leave(server)
        for _ in range(2):
            await server.connections[0].expect("response.create")

    assert "accept" not in str(await fails(by_the_connection))


async def test_a_client_that_takes_no_notice_of_being_cancelled_changes_nothing() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.cancel")

    async def deaf(server: ScriptedServer) -> None:
        async with connected(server) as conn:
            await conn.response.create()
            await conn.response.create()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()

    failure = await fails(deaf, script)
    assert "another event" in str(failure)
    assert not hasattr(failure, "__notes__")


async def test_what_is_ignored_need_not_be_expected() -> None:
    ignore = ("input_audio_buffer.*", like("response.create", response__metadata=ANY))
    async with ScriptedServer(ignore=ignore) as server:
        async with connected(server) as conn:
            await conn.send({"type": "input_audio_buffer.append", "audio": ""})
            await conn.response.create(metadata={"a": "b"})
            await conn.send({"type": "response.cancel"})
            await server.expect("response.cancel")
    assert len(server.connections[0].received) == 3
    for one in ("response.*", like("response.create"), ResponseCreate, ANY):
        async with ScriptedServer(ignore=one) as server:
            await ask_and_leave(server)


async def test_each_client_has_its_script() -> None:
    async def first(line: ScriptedConnection) -> None:
        await line.expect("input_audio_buffer.clear")
        await line.expect_close(1000)

    async def second(line: ScriptedConnection) -> None:
        async for request in line:
            assert line.number == 2
            await request.acknowledge()

    async with ScriptedServer(first, second) as server:
        async with connected(server) as conn:
            await conn.send({"type": "input_audio_buffer.clear"})
        async with connected(server) as conn:
            await conn.send({"type": "input_audio_buffer.clear"})
            await conn.receive()
            assert isinstance(await conn.receive(), InputAudioBufferCleared)


async def test_more_clients_than_scripts_fail() -> None:
    async def twice(server: ScriptedServer) -> None:
        for _ in range(2):
            async with connected(server) as conn:
                await conn.receive()
                await trio.testing.wait_all_tasks_blocked()

    async def nothing(line: ScriptedConnection) -> None:
        await line.wait_closed()

    shown = str(await fails(twice, nothing))
    assert "a client connected, and there are scripts for 1 only (connection 2" in shown
    shown = str(await fails(twice, nothing, nothing, nothing))
    assert shown == "3 clients were expected, one for each script, and 2 connected"


async def test_a_server_with_scripts_leaves_expecting_to_them() -> None:
    async with ScriptedServer(text_turn) as server:
        with pytest.raises(RuntimeError, match="was given scripts"):
            await server.expect("response.create")
        with pytest.raises(RuntimeError, match="was given scripts"):
            await server.accept()
        with pytest.raises(RuntimeError, match="was given scripts"):
            await server.send({"type": "a"})
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            await conn.response.create(conversation="none")
            await events_until_done(conn)


# Whose failure it is.


async def test_what_the_client_makes_of_being_cancelled_is_the_context() -> None:
    async def stubborn(server: ScriptedServer) -> None:
        async with connected(server) as conn:
            await conn.response.create()
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError("left in disorder")

    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.cancel")

    with pytest.raises(AssertionError, match="another event") as caught:
        async with ScriptedServer(script) as server:
            await stubborn(server)
    assert isinstance(caught.value.__context__, ExceptionGroup)


async def test_the_failure_of_the_test_is_not_hidden_by_a_script_that_waits() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="mine")) as caught:
        async with ScriptedServer(text_turn) as server:
            async with connected(server):
                raise LookupError("mine")
    (error,) = caught.value.exceptions
    assert "meanwhile, in the script: the client closed" in error.__notes__[0]

    with pytest.raises(LookupError, match="mine") as alone:
        async with ScriptedServer() as server:
            raise LookupError("mine")
    assert not hasattr(alone.value, "__notes__")


async def test_expectations_in_a_task_of_the_test_fail_without_its_groups() -> None:
    async def expect(server: ScriptedServer) -> None:
        await server.expect("response.cancel")

    async def beside(server: ScriptedServer) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, server)
            await ask_and_listen(server)

    assert "another event" in str(await fails(beside))

    async def in_the_body(server: ScriptedServer) -> None:
        await ask_and_leave(server)
        await server.expect("response.cancel")

    with pytest.raises(AssertionError, match="another event"):
        async with ScriptedServer() as server:
            await in_the_body(server)


async def test_of_two_failures_beside_each_other_the_first_cause_is_told() -> None:
    async def expect(server: ScriptedServer) -> None:
        await server.expect("response.cancel")

    async def both(server: ScriptedServer) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, server)
            try:
                await ask_and_listen(server)
            finally:
                raise LookupError("left in disorder")

    with pytest.raises(AssertionError, match="another event") as caught:
        async with ScriptedServer() as server:
            await both(server)
    context = caught.value.__context__
    assert isinstance(context, ExceptionGroup)
    assert caught.value not in cast("ExceptionGroup[Exception]", context).exceptions

    async def leave(server: ScriptedServer) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, server)
            try:
                async with connected(server):
                    pass
                await trio.sleep_forever()
            finally:
                raise LookupError("left in disorder")

    with pytest.RaisesGroup(LookupError, pytest.RaisesExc(AssertionError, match="closed")):
        async with ScriptedServer() as server:
            await leave(server)


async def test_groups_of_a_scripts_own_are_taken_off_where_one_failure_is_inside() -> None:
    async def in_a_nursery(line: ScriptedConnection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await line.expect("response.cancel")

    assert "another event" in str(await fails(ask_and_listen, in_a_nursery))

    async def two_failures(line: ScriptedConnection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(in_a_nursery, line)
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError("mine")

    with pytest.RaisesGroup(
        pytest.RaisesGroup(AssertionError), pytest.RaisesExc(LookupError, match="mine")
    ):
        async with ScriptedServer(two_failures) as server:
            await ask_and_listen(server)


async def test_whatever_a_script_raises_ends_the_block() -> None:
    async def script(line: ScriptedConnection) -> None:
        await trio.lowlevel.checkpoint()
        try:
            raise KeyError(7)
        except KeyError:
            raise LookupError("no idea") from None

    with pytest.raises(LookupError, match="no idea") as caught:
        async with ScriptedServer(script) as server:
            await ask_and_listen(server)
    assert isinstance(caught.value.__context__, KeyError)


async def test_later_failures_are_noted() -> None:
    sent = trio.Event()

    async def one(line: ScriptedConnection) -> None:
        await sent.wait()
        await line.expect("response.cancel")

    async def both(server: ScriptedServer) -> None:
        async with connected(server) as first, connected(server) as second:
            await first.response.create()
            await second.response.create()
            await trio.testing.wait_all_tasks_blocked()
            sent.set()
            await trio.sleep_forever()

    async def waiting(line: ScriptedConnection) -> None:
        await line.expect("response.create")
        await line.expect("response.cancel")

    # That its client is gone is a consequence, and no news.
    assert not hasattr(await fails(both, one, waiting), "__notes__")
    sent = trio.Event()
    failure = await fails(both, one, one)
    assert len(failure.__notes__) == 1
    assert failure.__notes__[0].startswith("and after it: AssertionError: the client sent another")


async def test_an_interrupt_is_nobodys_failure() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    with pytest.RaisesGroup(KeyboardInterrupt):
        async with ScriptedServer(script) as server:
            async with connected(server):
                raise KeyboardInterrupt


async def test_a_block_that_is_cancelled_says_nothing_of_its_scripts() -> None:
    with trio.CancelScope() as scope:
        async with ScriptedServer(text_turn) as server:
            async with connected(server):
                scope.cancel()
                await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_leaving_a_block_can_be_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(line: ScriptedConnection) -> None:
        await trio.sleep(3)

    with trio.move_on_after(2) as scope:
        async with ScriptedServer(slow) as server:
            async with connected(server):
                pass
    assert scope.cancelled_caught


async def test_a_script_may_go_on_for_a_while_but_not_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    done: list[str] = []

    async def slow(line: ScriptedConnection) -> None:
        await line.wait_closed()
        await trio.sleep(3)
        await line.send({"type": "a"})
        done.append("slow")

    async with ScriptedServer(slow) as server:
        async with connected(server):
            pass
    assert done == ["slow"]

    async def stuck(line: ScriptedConnection) -> None:
        await trio.sleep_forever()

    async def leave(server: ScriptedServer) -> None:
        async with connected(server):
            pass

    assert "waits for something else than its client" in str(await fails(leave, stuck))


# race: a script fails while its client reads; whoever runs first, the test is told of the script


@pytest.mark.parametrize("seed", range(20))
def test_on_every_schedule_the_failure_is_the_scripts(seed: int) -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create", response__conversation="none")

    async def main() -> None:
        assert "another event" in str(await fails(ask_and_listen, script))

    with seeded(seed):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


# Answers.


@asynccontextmanager
async def raw(*, session: JsonValue = None) -> AsyncGenerator[tuple[RawClient, ScriptedServer]]:
    """A server without scripts and a client that checks every frame it is sent."""
    async with ScriptedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            if session is not None:
                await client.send("session.update", session=session)
                await (await server.expect("session.update")).acknowledge()
                await client.receive()
            yield client, server


async def acknowledge(
    client: RawClient, server: ScriptedServer, kind: str, **fields: JsonValue
) -> list[Frame]:
    await client.send(kind, event_id="event_mine", **fields)
    await (await server.expect(kind)).acknowledge()
    await server.send({"type": "input_audio_buffer.cleared", "event_id": "event_last"})
    frames = [await client.receive()]
    while frames[-1]["event_id"] != "event_last":
        frames.append(await client.receive())
    return frames[:-1]


async def test_everything_can_be_acknowledged() -> None:
    item: dict[str, JsonValue] = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi"}],
    }
    async with raw() as (client, server):
        (updated,) = await acknowledge(client, server, "session.update", session=TEXT)
        assert at(updated, "session", "output_modalities") == ["text"]
        added, done = await acknowledge(
            client, server, "conversation.item.create", item={**item, "id": "item_1"}
        )
        assert at(added, "item") == at(done, "item")
        added, _ = await acknowledge(client, server, "conversation.item.create", item=item)
        assert added["previous_item_id"] == "item_1"
        (retrieved,) = await acknowledge(
            client, server, "conversation.item.retrieve", item_id="item_1"
        )
        assert at(retrieved, "item", "content", 0, "text") == "Hi"
        (deleted,) = await acknowledge(client, server, "conversation.item.delete", item_id="item_1")
        assert deleted["item_id"] == "item_1"
        audio = base64.b64encode(bytes(4800)).decode()
        assert await acknowledge(client, server, "input_audio_buffer.append", audio=audio) == []
        assert types_of(await acknowledge(client, server, "input_audio_buffer.clear")) == [
            "input_audio_buffer.cleared"
        ]


@pytest.mark.parametrize("audio_format", ["audio/pcm", "audio/pcmu", "audio/pcma"])
async def test_a_commit_makes_an_item_whatever_was_sent(
    audio_format: str, autojump_clock: trio.testing.MockClock
) -> None:
    audio: JsonValue = {"format": {"type": audio_format}, "transcription": {"model": "whisper-1"}}
    session: JsonValue = {"type": "realtime", "audio": {"input": audio}}
    async with raw(session=session) as (client, server):
        frames = await acknowledge(client, server, "input_audio_buffer.commit")
        assert types_of(frames) == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        # Its transcription comes when the script sends it.
        await client.send("response.create")
        await (await server.expect("response.create")).answer([Silence(60), "Yes."])
        assert not any("transcription" in str(frame["type"]) for frame in client.frames)
        await client.until("response.done")


async def test_items_that_the_script_sent_itself_can_be_acknowledged() -> None:
    async with raw() as (client, server):
        (deleted,) = await acknowledge(client, server, "conversation.item.delete", item_id="item_x")
        assert deleted["item_id"] == "item_x"
        (truncated,) = await acknowledge(
            client,
            server,
            "conversation.item.truncate",
            item_id="item_x",
            content_index=0,
            audio_end_ms=1500,
        )
        assert truncated["audio_end_ms"] == 1500


async def test_what_the_server_would_refuse_is_not_answered_by_mistake() -> None:
    async with raw() as (client, server):
        await client.send("session.update", session={"voice": "x"})
        request = await server.expect("session.update")
        with pytest.raises(AssertionError, match=r"would refuse this session\.update: Missing"):
            await request.acknowledge()
        await request.refuse("missing_required_parameter")
        await client.until("error")
        await client.send("response.create", response={"nonsense": 1})
        request = await server.expect("response.create")
        with pytest.raises(AssertionError, match=r"'response\.nonsense'\. \(code unknown_param"):
            await request.say("hi")
        await request.send({"type": "error", "error": error_of_a_script})
        assert at(await client.until("error"), "error", "code") == "odd"


error_of_a_script: dict[str, JsonValue] = {
    "type": "invalid_request_error",
    "code": "odd",
    "message": "It is odd.",
    "param": None,
    "event_id": None,
}


async def test_an_answer_that_does_not_fit_the_event_is_refused() -> None:
    async with raw() as (client, server):
        await client.send("response.create")
        request = await server.expect("response.create")
        with pytest.raises(ValueError, match="answer with say"):
            await request.acknowledge()
        await client.send("response.cancel")
        request = await server.expect("response.cancel")
        with pytest.raises(ValueError, match="the events that end the response"):
            await request.acknowledge()
        with pytest.raises(ValueError, match="use acknowledge"):
            await request.say("hi")
        with pytest.raises(ValueError, match="send_raw"):
            await server.send({"event_id": "event_1"})


async def test_a_response_says_what_the_script_wants() -> None:
    async with raw(session=TEXT) as (client, server):
        await client.send("response.create")
        request = await server.expect("response.create")
        await request.answer(["Let me see.", CallTool("weather", {"city": "Oslo"})])
        done = await client.until("response.done")
        assert [at(done, "response", "output", n, "type") for n in (0, 1)] == [
            "message",
            "function_call",
        ]


async def test_a_response_takes_the_time_it_is_told_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with raw(session=TEXT) as (client, server):
        await client.send("response.create")
        request = await server.expect("response.create")
        start = trio.current_time()
        await request.answer([Silence(30), "At last."])
        assert trio.current_time() - start == pytest.approx(30)
        await client.until("response.done")


# Greetings, and everything else a connection can do.


# pain 15
async def test_a_client_is_greeted_as_the_script_wants() -> None:
    async def silent(line: ScriptedConnection) -> None:
        await line.send({"type": "weather.changed"})

    async with ScriptedServer(silent, greeting=False) as server:
        async with raw_client(server) as client:
            await client.ws.get_message()
    greeting: dict[str, JsonValue] = {"type": "session.created", "session": {"mine": True}}
    async with ScriptedServer(greeting=greeting) as server:
        async with raw_client(server) as client:
            assert '"mine":true' in str(await client.ws.get_message())
    async with ScriptedServer(api_key="sk-mine", greeting=False) as server:
        async with raw_client(server) as client:
            assert (await client.to_the_end()).code == 3000
        with pytest.raises(AuthenticationError):
            wrong = ScriptedServer(api_key="sk-theirs").endpoint
            endpoint = type(wrong)(server.base_url, "sk-theirs", server.connect)
            async with open_realtime(MODEL, endpoint=endpoint):
                raise AssertionError


async def test_events_may_be_typed_and_messages_may_be_anything() -> None:
    async with ScriptedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            await server.send(InputAudioBufferCleared(event_id="event_7"))
            assert (await client.receive())["event_id"] == "event_7"
            (line,) = server.connections
            for data in ("not json", b"\xff"):
                await line.send_raw(data)
                assert await client.ws.get_message() == data


async def test_silence_can_be_expected(autojump_clock: trio.testing.MockClock) -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect_nothing(60)
        await line.wait_closed()
        await line.expect_nothing(60)

    with pytest.raises(AssertionError, match="waits for something else"):
        async with ScriptedServer(script) as server:
            async with connected(server):
                await trio.sleep(100)

    assert "where the script expects none" in str(await fails(ask_and_listen, script))


async def test_the_end_can_be_expected() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect_close(4000)

    shown = str(await fails(ask_and_leave, script))
    assert "an event where the script expects it to close the connection" in shown

    async def leave(server: ScriptedServer) -> None:
        async with connected(server):
            pass

    shown = str(await fails(leave, script))
    assert "(code 1000); the script expects the client to close it with code 4000" in shown

    async def closing(line: ScriptedConnection) -> None:
        await line.close(1001, "enough")
        await line.expect_close()

    async def listen(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            reason = await client.to_the_end()
            assert (reason.code, reason.reason) == (1001, "enough")

    assert "the script closed the connection;" in str(await fails(listen, closing))

    async def dropping(line: ScriptedConnection) -> None:
        line.drop()
        with pytest.raises(AssertionError, match="the script dropped the connection;"):
            await line.expect_close()

    with pytest.RaisesGroup(ConnectionClosedError):
        async with ScriptedServer(dropping) as server:
            async with connected(server) as conn:
                await conn.receive()
                await conn.receive()


async def test_a_client_that_vanishes_is_told_apart() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect_close()

    async def vanish(server: ScriptedServer) -> None:
        stream = await server.connect()
        async with trio.open_nursery() as nursery:
            await trio_websocket.wrap_client_stream(
                nursery,
                stream,  # type: ignore[arg-type]
                "localhost",
                "/v1/realtime?model=m",
            )
            nursery.cancel_scope.cancel()
        await trio.aclose_forcefully(stream)

    shown = str(await fails(vanish, script))
    assert "the client is gone, without closing the connection;" in shown


async def test_a_reason_for_closing_is_shown() -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    async def close(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            await client.receive()
            await client.ws.aclose(4001, "bored")

    assert "(code 4001, 'bored'), while" in str(await fails(close, script))


async def test_what_is_no_json_object_fails() -> None:
    async def send(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            await client.receive()
            await client.ws.send_message("[1]")
            await trio.sleep_forever()

    shown = str(await fails(send))
    assert "the client sent what is no JSON object" in shown
    assert "client > <invalid>" in shown


async def test_one_task_may_expect_at_a_time() -> None:
    async with raw() as (client, server):
        (line,) = server.connections
        async with trio.open_nursery() as nursery:

            async def expect() -> None:
                await line.expect("response.cancel")

            nursery.start_soon(expect)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError, match="another task"):
                await line.expect("response.cancel")
            await client.send("response.cancel")


async def test_cancelled_nothing_is_lost() -> None:
    async with raw() as (client, server):
        with trio.CancelScope() as scope:
            scope.cancel()
            await server.expect("response.cancel")
        await client.send("response.cancel")
        with pytest.raises(LookupError):
            async with server.expect("response.cancel"):
                raise LookupError


async def test_a_long_exchange_is_cut() -> None:
    async def script(line: ScriptedConnection) -> None:
        for number in range(40):
            await line.send({"type": f"weather.{number}"})
        await line.expect("response.cancel")

    async def send_much(server: ScriptedServer) -> None:
        async with connected(server) as conn:
            fields: dict[str, JsonValue] = {f"field_{number}": number for number in range(60)}
            await conn.send({"type": "response.cancel", **fields})
            await conn.send({"type": "response.create"})

    async def cancelled_first(line: ScriptedConnection) -> None:
        await script(line)
        await line.expect("response.cancel")

    shown = str(await fails(send_much, cancelled_first))
    assert "    ... 27 events" in shown

    async def wrong(line: ScriptedConnection) -> None:
        await line.expect("response.cancel", field_1=1, field_58=0, x=[1], y="z")

    shown = str(await fails(send_much, wrong))
    assert "! field_58  0" in shown
    assert "field_57" not in shown
    assert "(65 lines)" in shown


async def test_it_works_on_a_port_too() -> None:
    async with ScriptedServer(text_turn) as server:
        await server.listen()
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            await conn.response.create(conversation="none")
            with trio.fail_after(5):
                assert len(await events_until_done(conn)) > 8


async def test_a_refusal_reaches_the_request_that_was_refused() -> None:
    async def script(line: ScriptedConnection) -> None:
        async with line.expect("conversation.item.delete") as request:
            await request.refuse("item_delete_invalid_item_id")

    async with ScriptedServer(script) as server:
        async with connected(server) as conn:
            with pytest.raises(ServerError, match="item_delete_invalid_item_id"):
                await conn.conversation.item.delete("item_1")


async def test_bad_expectations_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match="not 7"):
        await ScriptedServer().expect(7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a greeting is an event"):
        ScriptedServer(greeting={})
    with pytest.raises(ValueError, match="not empty"):
        ScriptedServer(ignore=[""])
    with pytest.raises(TypeError, match="a greeting is an event, True or False, not None"):
        ScriptedServer(greeting=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not None"):
        ScriptedServer(ignore=None)  # type: ignore[arg-type]
    for odd in ([text_turn], "hi"):
        with pytest.raises(TypeError, match=r"a script is an async function .* not "):
            ScriptedServer(odd)  # type: ignore[arg-type]


async def test_a_script_that_is_not_async_is_told() -> None:
    def script(line: ScriptedConnection) -> int:
        return line.number

    with pytest.raises(TypeError, match=r"^script 1 \(.*\.script\) is no async .* returned 1"):
        async with ScriptedServer(script) as server:  # type: ignore[arg-type]
            await ask_and_listen(server)


async def test_a_server_is_for_one_block() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(RuntimeError, match="for one block"):
            async with server:
                raise AssertionError
    with pytest.raises(RuntimeError, match="for one block"):
        async with server:
            raise AssertionError


async def test_messages_and_codes_that_cannot_be_sent_are_refused() -> None:
    async with ScriptedServer() as server:
        async with raw_client(server):
            line = await server.accept()
            with pytest.raises(TypeError, match=r"send\(...\) an event: {'type': 'a'}"):
                await line.send_raw({"type": "a"})  # type: ignore[arg-type]
            for code in (999, 5000):
                with pytest.raises(ValueError, match=f"1000 to 4999, not {code}"):
                    await line.close(code)

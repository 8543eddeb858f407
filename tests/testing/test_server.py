"""The simulated server: who may connect, who decides what it says, how a test drives it."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable

import pytest
import trio
import trio.testing
import trio_websocket
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.faithful import types_of
from tests.testing.raw import raw_client
from tests.testing.test_conversation import MODEL, TEXT, reply_of
from trio_realtime import (
    AuthenticationError,
    ConnectError,
    ConnectionClosedError,
    HandshakeRejectedError,
    OpenAIEndpoint,
    Options,
    SessionExpiredError,
    open_realtime,
)
from trio_realtime.events import InvalidEvent, ResponseDone, UnknownEvent
from trio_realtime.testing import (
    Answer,
    CallTool,
    Conversation,
    Echo,
    Fail,
    Refuse,
    ReplyFunction,
    Responder,
    Say,
    Silence,
    SimulatedServer,
    SimulatedSession,
    _server,
    _session,
)
from trio_realtime.types import FunctionCall

Create = dict[str, JsonValue]


@pytest.mark.parametrize("reply", ["Hello!", Say("Hello!"), [["Hello!"]], [Say("Hello!")]])
async def test_the_model_says_what_it_is_told_to(
    reply: Responder, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer(reply) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            await conn.response.create()
            assert await reply_of(conn) == "Hello!"


async def test_answers_may_come_one_after_the_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    def ask_back(session: SimulatedSession, conversation: Conversation, create: Create) -> Answer:
        assert session.session["output_modalities"] == ["text"]
        return [f"{len(conversation)} items, {create['instructions']}"]

    answers: list[Answer | ReplyFunction] = [
        Fail("odd"),
        Silence(),
        [CallTool("f"), "and words"],
        ask_back,
    ]
    async with SimulatedServer(answers, tokens_per_second=math.inf) as server:
        async with raw_client(server) as client:
            await client.send("session.update", session={"type": "realtime", **TEXT})
            responses: list[JsonValue] = []
            for _ in answers:
                await client.send("response.create", response={"instructions": "Go."})
                responses.append((await client.until("response.done"))["response"])
            assert [at(each, "status") for each in responses] == [
                "failed",
                "completed",
                "completed",
                "completed",
            ]
            assert at(responses, 3, "output", 0, "content", 0, "text") == "2 items, Go."


async def test_asking_for_more_than_was_prepared_fails_the_block() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="given 1 replies")):
        async with SimulatedServer(["only one"]) as server:
            async with raw_client(server) as client:
                for _ in range(2):
                    await client.send("response.create")
                    await client.until("response.done")


async def test_an_exception_of_a_responder_ends_the_block() -> None:
    def fail(session: SimulatedSession, conversation: Conversation, create: Create) -> Answer:
        raise LookupError("no idea")

    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="no idea")):
        async with SimulatedServer(fail) as server:
            async with raw_client(server) as client:
                await client.send("response.create")
                await client.to_the_end()


@pytest.mark.parametrize("later", [False, True])
async def test_a_responder_may_leave_an_answer_to_the_default(*, later: bool) -> None:
    async def think(
        session: SimulatedSession, conversation: Conversation, create: Create
    ) -> Answer:
        return ["Well.", Echo()]

    async with SimulatedServer(think if later else [["Well.", Echo()]]) as server:
        async with raw_client(server) as client:
            await client.say("So?")
            await client.send("response.create", response={"output_modalities": ["text"]})
            output = at(await client.until("response.done"), "response", "output")
    said = [at(output, number, "content", 0, "text") for number in (0, 1)]
    assert said == ["Well.", "You said: So?"]


async def test_an_answer_that_is_none_ends_the_block() -> None:
    async def think(
        session: SimulatedSession, conversation: Conversation, create: Create
    ) -> Answer:
        return 7  # type: ignore[return-value]

    with pytest.RaisesGroup(pytest.RaisesExc(TypeError, match="not 7")):
        async with SimulatedServer(think) as server:
            async with raw_client(server) as client:
                await client.send("response.create")
                await client.to_the_end()


class Thinker:
    """A responder that thinks for ten seconds, and knows whether it came to an end."""

    def __init__(self, answer: Answer = "At last.") -> None:
        self.answer = answer
        self.thoughts: list[str] = []

    def __call__(
        self, session: SimulatedSession, conversation: Conversation, create: Create
    ) -> Awaitable[Answer]:
        return self.think()

    async def think(self) -> Answer:
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            self.thoughts.append("cancelled")
            raise
        self.thoughts.append("done")
        return self.answer


async def test_an_asynchronous_responder_takes_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(Thinker()) as server:
        async with raw_client(server) as client:
            await client.send("response.create")
            await client.until("response.created")
            start = trio.current_time()
            await client.until("response.output_item.added")
            assert trio.current_time() - start == 10
            await client.until("response.done")


async def test_a_late_refusal_fails_the_response(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer(Thinker(Refuse("odd"))) as server:
        async with raw_client(server) as client:
            await client.send("response.create")
            done = await client.until("response.done")
            assert at(done, "response", "status_details", "error", "code") == "odd"


async def test_a_responder_stops_thinking_when_its_response_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    thinker = Thinker()
    async with SimulatedServer(thinker) as server:
        async with raw_client(server) as client:
            await client.send("response.create")
            await client.until("response.created")
            await client.say("This changes nothing.")
            await trio.testing.wait_all_tasks_blocked()
            await client.send("response.cancel")
            await client.until("response.done")
            await trio.testing.wait_all_tasks_blocked()
            assert thinker.thoughts == ["cancelled"]


async def test_a_responder_stops_thinking_when_the_client_is_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    thinker = Thinker()
    async with SimulatedServer(thinker) as server:
        async with raw_client(server) as client:
            await client.send("response.create")
            await client.until("response.created")
        await server.sessions[0].wait_closed()
        await trio.testing.wait_all_tasks_blocked()
        assert thinker.thoughts == ["cancelled"]


async def test_a_session_shows_what_the_client_sent() -> None:
    async with SimulatedServer(api_key="sk-mine") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session=TEXT) as conn:
            (session,) = server.sessions
            assert session.handshake.path == "/v1/realtime"
            assert session.handshake.query == {"model": MODEL}
            assert session.handshake.header("authorization") == "Bearer sk-mine"
            update = await session.wait_for("session.update")
            assert at(update, "session", "type") == "realtime"
            event_id = await conn.send({"type": "response.cancel"})
            assert (await session.wait_for("response.cancel")).event_id == event_id
            assert types_of(session.received) == ["session.update", "response.cancel"]
            with trio.move_on_after(0.01) as scope:
                await session.wait_for("response.cancel")
            assert scope.cancelled_caught
            assert not session.closed
        await session.wait_closed()
        with pytest.raises(trio.EndOfChannel):
            await session.wait_for("response.cancel")
        assert session.closed


async def test_events_and_anything_else_can_be_pushed() -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            await conn.receive()
            (session,) = server.sessions
            session.push({"type": "weather.changed", "event_id": "event_1"})
            unknown = await conn.receive()
            assert isinstance(unknown, UnknownEvent)
            assert (unknown.wire_type, unknown.event_id) == ("weather.changed", "event_1")
            for data in ("not json", b"\xff"):
                session.send_raw(data)
                assert isinstance(await conn.receive(), InvalidEvent)
        await session.wait_closed()
        session.push({"type": "weather.changed"})


async def test_turns_are_driven_without_audio(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            (session,) = server.sessions
            session.speech_started()
            session.speech_stopped()
            assert await reply_of(conn) == "You spoke for 0.0 seconds."


async def test_what_comes_next_can_be_refused() -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            server.sessions[0].refuse_next("session.update", "odd", "No.", param="session")
            await client.send("session.update", session={"type": "realtime"}, event_id="event_1")
            assert (await client.receive())["error"] == {
                "type": "invalid_request_error",
                "code": "odd",
                "message": "No.",
                "param": "session",
                "event_id": "event_1",
            }


async def test_a_session_can_be_expired() -> None:  # pain 12
    async with SimulatedServer() as server:
        with pytest.RaisesGroup(SessionExpiredError):
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                server.sessions[0].expire()
                async for _ in conn:
                    pass


async def test_a_session_can_be_closed_with_any_code() -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            server.sessions[0].close(1011, "boom")
            closed = await client.to_the_end()
            assert (closed.code, closed.reason) == (1011, "boom")


async def test_a_client_that_answers_no_close_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        stream = await server.connect()
        await stream.send_all(_UPGRADE)
        while not server.sessions:
            await trio.testing.wait_all_tasks_blocked()
        (session,) = server.sessions
        session.close()
        await session.wait_closed()
        data = b""
        while piece := await stream.receive_some():
            data += piece
        assert data.endswith(b"\x88\x02\x03\xe8")
        await stream.aclose()


_UPGRADE = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


async def test_the_network_can_be_lost() -> None:
    async with SimulatedServer() as server:
        with pytest.RaisesGroup(ConnectionClosedError):
            async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
                server.sessions[0].drop()
                async for _ in conn:
                    pass


async def test_a_paused_server_neither_reads_nor_sends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        async with raw_client(server) as client:
            await client.receive()
            (session,) = server.sessions
            session.pause()
            await client.send("session.update", session={"type": "realtime"})
            session.push({"type": "input_audio_buffer.cleared"})
            with trio.move_on_after(30) as scope:
                await client.receive()
            assert scope.cancelled_caught
            assert session.received == []
            session.resume()
            assert (await client.receive())["type"] == "input_audio_buffer.cleared"
            assert (await client.receive())["type"] == "session.updated"


async def test_a_client_that_does_not_read_makes_the_server_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:  # promise 7
    words = " ".join(["word"] * 5000)
    async with SimulatedServer(words, tokens_per_second=1e6) as server:
        stream = await server.connect()
        await stream.send_all(_UPGRADE)
        await stream.receive_some()
        await stream.send_all(b"\x81\x9a\0\0\0\0" + b'{"type":"response.create"}')
        await trio.sleep(60)
        (session,) = server.sessions
        assert len(session.received) == 1
        (entry,) = session.conversation
        assert entry.item["status"] == "in_progress"
        await stream.aclose()
        await session.wait_closed()


async def test_a_connection_can_be_refused() -> None:
    async with SimulatedServer() as server:
        server.refuse_connection(429, retry_after=2, body="busy")
        server.refuse_connection(503)
        with pytest.raises(HandshakeRejectedError) as caught:
            async with open_realtime(MODEL, endpoint=server.endpoint):
                pass
        assert (caught.value.status_code, caught.value.retry_after) == (429, 2)
        assert caught.value.body == "busy"
        with pytest.raises(HandshakeRejectedError) as caught:
            async with open_realtime(MODEL, endpoint=server.endpoint):
                pass
        assert (caught.value.status_code, caught.value.retry_after) == (503, None)
        async with open_realtime(MODEL, endpoint=server.endpoint):
            pass
        assert len(server.sessions) == 1


async def test_another_path_is_not_found() -> None:
    async with SimulatedServer() as server:
        rejected = pytest.RaisesExc(trio_websocket.ConnectionRejected, check=_is_not_found)
        with pytest.RaisesGroup(rejected):
            async with raw_client(server, "/v1/responses"):
                pass
        assert server.sessions == []


def _is_not_found(error: trio_websocket.ConnectionRejected) -> bool:
    return error.status_code == 404


async def test_a_bad_key_is_refused_after_the_upgrade() -> None:  # pain 15
    async with SimulatedServer(api_key="sk-right") as server:
        endpoint = OpenAIEndpoint("sk-wrong", base_url=server.base_url)
        with pytest.raises(AuthenticationError):
            async with open_realtime(MODEL, endpoint=endpoint, stream_factory=server.connect):
                pass
        async with raw_client(
            server, subprotocols=("realtime", "openai-insecure-api-key.no")
        ) as it:
            closed = await it.to_the_end()
            assert (closed.code, it.ws.subprotocol) == (3000, "realtime")


async def test_a_missing_model_is_refused_after_the_upgrade() -> None:
    async with SimulatedServer() as server:
        async with raw_client(server, "/v1/realtime") as client:
            closed = await client.to_the_end()
            assert (closed.code, closed.reason) == (4000, "invalid_request_error.missing_model")


async def test_a_server_may_omit_session_created(autojump_clock: trio.testing.MockClock) -> None:
    options = Options(wait_for_session=False)
    async with SimulatedServer(omit_session_created=True, rewrite_item_ids=True) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, options=options) as conn:
            item_id = await conn.conversation.item.create(role="user", text="Hello")
            added = await conn.receive()
            assert item_id not in str(added)


async def test_a_server_may_answer_no_close(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer(answer_close=False) as server:
        start = trio.current_time()
        async with open_realtime(MODEL, endpoint=server.endpoint):
            pass
        assert trio.current_time() - start == pytest.approx(1)


async def test_what_follows_an_unanswered_close_is_read_and_dropped() -> None:
    async with SimulatedServer(answer_close=False) as server:
        stream = await server.connect()
        await stream.send_all(_UPGRADE)
        await stream.receive_some()
        await stream.send_all(b"\x88\x80\0\0\0\0")
        (session,) = server.sessions
        await session.wait_closed()
        with trio.fail_after(5):
            await stream.send_all(bytes(200_000))
        await stream.aclose()
        assert session.received == []


async def test_the_same_seed_gives_the_same_ids() -> None:
    ids: list[JsonValue] = []
    for seed in (1, 1, 2):
        async with SimulatedServer(seed=seed) as server:
            async with raw_client(server) as client:
                ids.append(at(await client.receive(), "session", "id"))
    assert ids[0] == ids[1] != ids[2]


async def test_what_the_body_raises_leaves_as_it_is() -> None:
    # The one group is that of the client's nursery.
    with pytest.RaisesGroup(ZeroDivisionError):
        async with SimulatedServer() as server:
            async with raw_client(server):
                raise ZeroDivisionError
    with pytest.raises(LookupError):
        async with SimulatedServer():
            raise LookupError


async def test_a_deadline_around_the_server_works() -> None:
    with trio.move_on_after(0.01) as scope:
        async with SimulatedServer() as server:
            async with raw_client(server) as client:
                await client.to_the_end()
    assert scope.cancelled_caught


async def test_nobody_listens_outside_the_block() -> None:
    server = SimulatedServer()
    with pytest.raises(ConnectionRefusedError, match=re.escape("not running")):
        await server.connect()
    async with server:
        pass
    with pytest.raises(ConnectError):
        async with open_realtime(MODEL, endpoint=server.endpoint):
            pass


async def test_a_responder_that_fails_after_the_block_is_of_no_interest() -> None:
    server = SimulatedServer([])
    async with server:
        async with raw_client(server) as client:
            await client.receive()
    (session,) = server.sessions
    session.speech_started()
    session.speech_stopped()
    assert session.closed


async def test_clients_that_vanish_are_normal() -> None:
    async with SimulatedServer() as server:
        stream = await server.connect()
        await stream.aclose()
        stream = await server.connect()
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")
        await stream.aclose()
        stream = await server.connect()
        await stream.send_all(_UPGRADE)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        await server.sessions[0].wait_closed()
    assert len(server.sessions) == 1


async def test_what_is_kept_to_be_looked_at_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    # promise 7
    monkeypatch.setattr(_session, "RECEIVED_MAX", 3000)
    monkeypatch.setattr(_server, "SESSIONS_MAX", 1)
    async with SimulatedServer() as server:
        async with raw_client(server) as first:
            await first.receive()
            async with raw_client(server) as second:
                await second.receive()
                (session,) = server.sessions
                await second.ws.send_message("no json")
                for number in range(4):
                    await second.send("response.cancel", event_id=f"event_{number}")
                for _ in range(5):
                    await second.receive()
                assert [frame.event_id for frame in session.received] == ["event_2", "event_3"]
                assert (await session.wait_for("response.cancel")).event_id == "event_2"


async def test_tool_calls_are_typed_for_our_client(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer(CallTool("f", {"a": 1})) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            await conn.response.create()
            async for event in conn:
                if isinstance(event, ResponseDone):
                    assert event.response.output is not None
                    (item,) = event.response.output
                    assert isinstance(item, FunctionCall)
                    assert item.arguments == '{"a": 1}'
                    break


# promise 9
async def test_a_received_event_is_shown_without_keys() -> None:
    tool: JsonValue = {
        "type": "mcp",
        "server_label": "a",
        "server_url": "https://a",
        "authorization": "ca-na-ry",
    }
    async with SimulatedServer() as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, session={"tools": [tool]}):
            (update,) = server.sessions[0].received
            assert at(update, "session", "tools", 0, "authorization") == "ca-na-ry"
            assert "ca-na-ry" not in repr(update)
            assert "'server_label': 'a'" in repr(update)

"""Sending: order, hand-over, withdrawal, and what is known of frames when the line is lost."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.shell.lines import Json, Peer, line_to, polite
from trio_realtime import (
    ConnectionClosedError,
    Options,
    RealtimeConnection,
    ServerError,
    open_realtime,
)
from trio_realtime.events import (
    ConversationItemAdded,
    ConversationItemCreate,
    InputAudioBufferClear,
    InputAudioBufferCleared,
)
from trio_realtime.types import InputText, UserMessage


def clear(number: int) -> Json:
    return {"type": "input_audio_buffer.clear", "event_id": str(number)}


def big(number: int, size: int = 300_000) -> Json:
    return {"type": "input_audio_buffer.append", "event_id": str(number), "audio": "A" * size}


class Gated:
    """A server that begins to read when the test says so."""

    def __init__(self) -> None:
        self.gate: trio.Event = trio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.open_session()
        await self.gate.wait()
        await peer.drain()


def ids(peer: Peer) -> list[object]:
    return [frame["event_id"] for frame in peer.received]


async def test_a_frame_gets_an_id_only_where_it_has_none() -> None:
    async with line_to(polite) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            assert await conn.send(InputAudioBufferClear(event_id="mine")) == "mine"
            assert await conn.send(clear(7)) == "7"
            chosen = await conn.send(InputAudioBufferClear())
            given = await conn.send({"type": "input_audio_buffer.clear"})
            nowait = conn.send_nowait({"type": "of.tomorrow", "with": {"anything": None}})
            await conn.send_raw('{"type": "raw"}')
    frames = endpoint.peer.received
    assert [frame.get("event_id") for frame in frames] == [
        "mine", "7", chosen, given, nowait, None,
    ]  # fmt: skip
    assert frames[4] == {"type": "of.tomorrow", "with": {"anything": None}, "event_id": nowait}
    assert all(len(name) == 27 and name.startswith("event_") for name in (chosen, given, nowait))


async def test_events_leave_in_the_order_of_the_calls_whichever_tasks_made_them() -> None:
    async with line_to(polite) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:

            async def speak(first: int) -> None:
                for number in range(first, first + 50):
                    await conn.send(clear(number))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(speak, 0)
                nursery.start_soon(speak, 100)
    heard = [int(str(name)) for name in ids(endpoint.peer)]
    assert [name for name in heard if name < 100] == list(range(50))
    assert [name for name in heard if name >= 100] == list(range(100, 150))


async def test_a_group_leaves_back_to_back() -> None:
    async with line_to(polite) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:

            async def chatter() -> None:
                for number in range(100, 120):
                    await conn.send(clear(number))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(chatter)
                names = await conn.input_audio_buffer.append(bytes(200_000))
    assert len(names) == 7
    heard = ids(endpoint.peer)
    first = heard.index(names[0])
    assert heard[first : first + 7] == list(names)


@pytest.mark.parametrize("event", [{}, {"type": 7}])
async def test_an_event_without_a_type_is_refused(event: Json) -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with pytest.raises(ValueError, match="type"):
            await conn.send(event)


async def test_every_send_is_a_checkpoint() -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with trio.testing.assert_checkpoints():
            await conn.send(clear(1))
        with trio.testing.assert_checkpoints():
            await conn.send_raw("{}")


# promise 4; pain 9
async def test_a_send_that_is_cancelled_before_the_writer_took_it_is_not_sent() -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(conn.send, big(1))
                await trio.testing.wait_all_tasks_blocked()
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await conn.send(clear(2))
                assert scope.cancelled_caught
                gated.gate.set()
            await conn.send(clear(3))
    assert ids(endpoint.peer) == ["1", "3"]


# promise 4
async def test_a_send_that_is_cancelled_half_way_goes_out_whole_and_so_does_the_next() -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await conn.send(big(1))
                assert scope.cancelled_caught
                gated.gate.set()
            await conn.send(clear(2))
    assert ids(endpoint.peer) == ["1", "2"]
    assert endpoint.peer.received[0]["audio"] == "A" * 300_000
    assert endpoint.peer.close_code == 1000


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_send_nowait_says_when_there_is_no_room() -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime(
            "m", endpoint=endpoint, options=Options(outbox_bytes=500_000)
        ) as conn:
            conn.send_nowait(big(1))
            conn.send_nowait(big(2))
            with pytest.raises(trio.WouldBlock):
                conn.send_nowait(clear(3))
            gated.gate.set()
            await conn.send(clear(4))
            conn.send_nowait(clear(5))
    assert ids(endpoint.peer) == ["1", "2", "4", "5"]


async def test_what_was_withdrawn_takes_no_room() -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime(
            "m", endpoint=endpoint, options=Options(outbox_bytes=500_000)
        ) as conn:
            conn.send_nowait(big(1))
            for _ in range(3):
                with trio.CancelScope() as scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_cancel_when_blocked, scope)
                        await conn.send(big(2))
                assert scope.cancelled_caught
            conn.send_nowait(clear(3))
            gated.gate.set()
    assert ids(endpoint.peer) == ["1", "3"]


# promise 2, promise 3
async def test_a_loss_tells_senders_what_was_not_sent_and_what_is_uncertain(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("input_audio_buffer.commit")
        await trio.sleep(1)
        peer.stream.abort()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        told: list[ConnectionClosedError] = []

        async def expects(what: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(ConnectionClosedError) as caught:
                await what()
            told.append(caught.value)

        async with trio.open_nursery() as nursery:
            commit: Json = {"type": "input_audio_buffer.commit", "event_id": "asked"}
            nursery.start_soon(expects, lambda: conn.request(commit))
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(expects, lambda: conn.send(big(1)))
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(expects, lambda: conn.send(clear(2)))
        assert [(error.unsent, error.uncertain) for error in told] == [
            (
                (("2", "input_audio_buffer.clear"),),
                (("1", "input_audio_buffer.append"), ("asked", "input_audio_buffer.commit")),
            )
        ] * 3
        with pytest.raises(ConnectionClosedError):
            conn.send_nowait(clear(3))


async def answering(peer: Peer) -> None:
    """Open a session and acknowledge clears and commits; refuse deletions."""
    await peer.open_session()
    while True:
        frame = await peer.receive()
        match frame["type"]:
            case "input_audio_buffer.clear":
                await peer.send("input_audio_buffer.cleared")
            case "input_audio_buffer.commit":
                await peer.send("input_audio_buffer.committed", item_id=f"of {frame['event_id']}")
            case "conversation.item.delete":
                await peer.refuse(frame, "item_not_found")
            case _:
                pass


async def test_a_request_returns_its_acknowledgement_and_leaves_it_in_the_stream() -> None:
    async with line_to(answering) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        answer = await conn.request(InputAudioBufferClear())
        assert isinstance(answer, InputAudioBufferCleared)
        assert await conn.receive() is answer


# promise 5; pain 3
async def test_a_refused_request_raises_and_the_error_is_not_in_the_stream() -> None:
    async with line_to(answering) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        with pytest.raises(ServerError) as caught:
            await conn.request({"type": "conversation.item.delete", "item_id": "x"})
        assert caught.value.code == "item_not_found"
        await conn.request(InputAudioBufferClear())
        assert isinstance(await conn.receive(), InputAudioBufferCleared)


async def test_a_request_without_acknowledgement_is_a_programming_mistake() -> None:
    async with line_to(answering) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with pytest.raises(ValueError, match="append"):
            await conn.request({"type": "input_audio_buffer.append", "audio": "AAAA"})


async def test_one_request_of_a_kind_at_a_time_is_on_the_wire() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for number in range(3):
            await peer.receive_type("input_audio_buffer.commit")
            await trio.testing.wait_all_tasks_blocked()
            assert len(peer.received) == number + 1
            await peer.send("input_audio_buffer.committed", item_id=f"item_{number}")
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        answers: list[str] = []

        async def commit() -> None:
            answers.append(await conn.input_audio_buffer.commit())

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(commit)
        assert sorted(answers) == ["item_0", "item_1", "item_2"]


# promise 3: the measured trap
async def test_the_error_of_an_empty_commit_that_comes_last_reaches_its_own_caller() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        empty = await peer.receive_type("input_audio_buffer.commit")
        with trio.move_on_after(0.01):
            await peer.receive_type("input_audio_buffer.commit")
        await peer.refuse(empty, "input_audio_buffer_commit_empty")
        await peer.receive_type("input_audio_buffer.commit")
        await peer.send("input_audio_buffer.committed", item_id="good")
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        told: list[str] = []

        async def empty() -> None:
            with pytest.raises(ServerError) as caught:
                await conn.input_audio_buffer.commit()
            told.append(str(caught.value.code))

        async def good() -> None:
            told.append(await conn.input_audio_buffer.commit())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(empty)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(good)
        assert told == ["input_audio_buffer_commit_empty", "good"]


async def test_a_commit_of_voice_detection_settles_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="vad")
        await peer.receive_type("input_audio_buffer.commit")
        await peer.send("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id="vad")
        await peer.send("input_audio_buffer.committed", item_id="vad")
        await peer.send("input_audio_buffer.committed", item_id="ours")
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        assert await conn.input_audio_buffer.commit() == "ours"


async def test_a_server_that_rewrites_item_ids_still_acknowledges() -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        frame = await peer.receive_type("conversation.item.create")
        item = frame["item"]
        assert isinstance(item, dict)
        await peer.send("conversation.item.added", item={**item, "id": "another"})
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        item = UserMessage(id="mine", content=[InputText(text="Hi")])
        answer = await conn.request(ConversationItemCreate(item=item))
        assert isinstance(answer, ConversationItemAdded)


async def test_a_request_that_is_cancelled_before_it_was_sent_leaves_no_trace() -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(conn.send, big(1))
                await trio.testing.wait_all_tasks_blocked()
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await conn.input_audio_buffer.clear()
                assert scope.cancelled_caught
                gated.gate.set()
    assert ids(endpoint.peer) == ["1"]


@pytest.mark.parametrize("waiting", [0, 1])
async def test_the_turn_of_a_cancelled_request_goes_to_the_next(waiting: int) -> None:
    """Whether it was about to be sent, or was waiting behind one that is unanswered."""
    released = trio.Event()

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await released.wait()
        while True:
            await peer.receive_type("input_audio_buffer.clear")
            await peer.send("input_audio_buffer.cleared")

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                if waiting:
                    nursery.start_soon(conn.input_audio_buffer.clear)
                else:
                    nursery.start_soon(conn.send, big(1))
                await trio.testing.wait_all_tasks_blocked()
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await conn.input_audio_buffer.clear()
                assert scope.cancelled_caught
                released.set()
                await conn.input_audio_buffer.clear()
    sent = [frame for frame in endpoint.peer.received if str(frame["type"]).endswith("clear")]
    assert len(sent) == 1 + waiting


async def test_a_request_that_is_cancelled_after_it_was_sent_swallows_its_answer() -> None:
    released = trio.Event()

    async def behave(peer: Peer) -> None:
        await peer.open_session()
        first = await peer.receive_type("input_audio_buffer.commit")
        await released.wait()
        await peer.refuse(first, "input_audio_buffer_commit_empty")
        await peer.receive_type("input_audio_buffer.commit")
        await peer.send("input_audio_buffer.committed", item_id="second")
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(_cancel_when_blocked, scope)
                await conn.input_audio_buffer.commit()
            assert scope.cancelled_caught
            nursery.start_soon(_set_when_blocked, released)
            assert await conn.input_audio_buffer.commit() == "second"
        assert (await conn.receive()).type == "input_audio_buffer.committed"


async def _set_when_blocked(event: trio.Event) -> None:
    await trio.testing.wait_all_tasks_blocked()
    event.set()


Call = Callable[[RealtimeConnection], Awaitable[object]]

CALLS: dict[str, Call] = {
    "aclose": lambda conn: conn.aclose(),
    "conversation.item.create": lambda conn: conn.conversation.item.create(role="user", text="Hi"),
    "conversation.item.delete": lambda conn: conn.conversation.item.delete("item_1"),
    "conversation.item.retrieve": lambda conn: conn.conversation.item.retrieve("item_1"),
    "conversation.item.truncate": lambda conn: conn.conversation.item.truncate(
        item_id="item_1", content_index=0, audio_end_ms=10
    ),
    "input_audio_buffer.append": lambda conn: conn.input_audio_buffer.append(bytes(200_000)),
    "input_audio_buffer.clear": lambda conn: conn.input_audio_buffer.clear(),
    "input_audio_buffer.commit": lambda conn: conn.input_audio_buffer.commit(),
    "output_audio_buffer.clear": lambda conn: conn.output_audio_buffer.clear(),
    "receive": lambda conn: conn.receive(),
    "request": lambda conn: conn.request({"type": "input_audio_buffer.clear"}),
    "response.cancel": lambda conn: conn.response.cancel(),
    "response.create": lambda conn: conn.response.create(),
    "send": lambda conn: conn.send(big(1)),
    "send_raw": lambda conn: conn.send_raw(json.dumps(big(1))),
    "session.update": lambda conn: conn.session.update(instructions="Hi"),
    "wait_closed": lambda conn: conn.wait_closed(),
}
READS = frozenset({"receive", "wait_closed"})
SENDS_ONLY = frozenset(
    {
        "conversation.item.create",
        "input_audio_buffer.append",
        "response.create",
        "send",
        "send_raw",
    }
)


def public_awaits(thing: object, prefix: str = "") -> set[str]:
    """Every public coroutine method, found by looking."""
    import inspect

    found: set[str] = set()
    for name in dir(thing):
        value = None if name.startswith("_") else getattr(thing, name)
        if inspect.iscoroutinefunction(value):
            found.add(prefix + name)
        elif type(value).__name__.endswith("Resource"):
            found |= public_awaits(value, f"{prefix}{name}.")
    return found


async def test_no_public_await_is_missing_here() -> None:
    async with (
        line_to(polite) as endpoint,
        open_realtime("m", endpoint=endpoint, mirror=True) as conn,
    ):
        assert public_awaits(conn) == CALLS.keys()


# promise 4
@pytest.mark.parametrize("name", [name for name in CALLS if name != "aclose"])
async def test_cancelled_before_it_begins_a_call_has_no_effect(name: str) -> None:
    async with line_to(polite) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            with trio.CancelScope() as scope:
                scope.cancel()
                await CALLS[name](conn)
            assert scope.cancelled_caught
            assert (await conn.receive()).type == "session.created"
            await conn.send(clear(1))
    assert ids(endpoint.peer) == ["1"]
    assert endpoint.peer.close_code == 1000


@pytest.mark.parametrize("name", [name for name in CALLS if name != "aclose"])
async def test_cancelled_while_it_waits_behind_another_frame_nothing_of_it_is_sent(
    name: str,
) -> None:
    gated = Gated()
    async with line_to(gated) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            await conn.receive()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(conn.send, big(1))
                await trio.testing.wait_all_tasks_blocked()
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await CALLS[name](conn)
                assert scope.cancelled_caught
                gated.gate.set()
            await conn.send(clear(2))
    assert ids(endpoint.peer) == ["1", "2"]
    assert endpoint.peer.close_code == 1000


@pytest.mark.sweep
@pytest.mark.parametrize("name", [name for name in CALLS if name not in {"aclose", *READS}])
async def test_cancelled_after_the_writer_took_it_all_of_it_is_sent(name: str) -> None:
    gated = Gated()
    # A pipe of a few bytes: whatever is being written is half written.
    async with line_to(gated, capacity=16) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    nursery.start_soon(_cancel_when_blocked, scope)
                    await CALLS[name](conn)
                assert scope.cancelled_caught
                gated.gate.set()
            await conn.send(clear(2))
    assert len(endpoint.peer.received) >= 2
    assert endpoint.peer.received[-1]["event_id"] == "2"
    assert endpoint.peer.close_code == 1000

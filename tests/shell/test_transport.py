from __future__ import annotations

import contextlib

import pytest
import trio
import trio.testing

import trio_realtime._transport as transport_package
from tests.shell import peers
from tests.shell.peers import (
    HANDSHAKE,
    close,
    ending_of,
    frame,
    ping,
    pipe_to,
    text,
    transport_to,
    upgraded,
    writes,
)
from trio_realtime import DEFAULT_OPTIONS, OpenAIEndpoint, Options, open_realtime
from trio_realtime._transport import Transport, TransportClosed
from trio_realtime._transport._client import open_transport
from trio_realtime._transport._server import ServerWebSocket
from trio_realtime._transport._wire import LINGER
from trio_realtime.testing._pipes import PipeStream, pipe_pair

ENDPOINT = OpenAIEndpoint("key", base_url="http://localhost")
SMALL = Options(max_message_bytes=100)


def facts(closed: TransportClosed) -> tuple[int | None, str, str]:
    return closed.code, closed.reason, closed.closed_by


async def echo_until_closed(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    while True:
        message = await ws.receive()
        if isinstance(message, str):
            await ws.send(message)
        else:
            await ws.send_bytes(message)


async def drain(ws: ServerWebSocket) -> TransportClosed:
    try:
        while True:
            await ws.receive()
    except TransportClosed as closed:
        return closed


async def test_messages_go_both_ways_and_are_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with transport_to(upgraded(echo_until_closed), capacity=100) as transport:
        for message in ("", "hello", "ünï", "x" * 200, "y" * 70_000):
            await transport.send(message)
            assert await transport.receive() == message
        assert (transport.frames_in, transport.frames_out) == (5, 5)
        assert transport.bytes_in > 70_000
        assert transport.bytes_out > 70_000
        assert transport.subprotocol is None
        assert transport.response_headers == ()


async def test_binary_messages_are_received_as_bytes() -> None:
    async with transport_to(writes(frame(2, b"\x00\xff") + close(1000))) as transport:
        assert await transport.receive() == b"\x00\xff"


async def test_bytes_are_sent_as_binary_messages() -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        await transport.send(b"\x00\xff")
        assert await transport.receive() == b"\x00\xff"


async def test_fragments_are_joined_with_a_pong_between_them() -> None:
    data = frame(1, b"one ", fin=False) + frame(10, b"pong") + frame(0, b"two")
    async with transport_to(writes(data)) as transport:
        assert await transport.receive() == "one two"


async def test_frames_may_arrive_a_byte_at_a_time() -> None:
    data = text("first") + frame(9, b"") + text("x" * 300) + close(3000, "ü")
    async with transport_to(writes(data), capacity=(65536, 1)) as transport:
        assert await transport.receive() == "first"
        assert await transport.receive() == "x" * 300
        assert facts(await ending_of(transport)) == (3000, "ü", "server")


async def test_several_tasks_may_send_and_each_frame_stays_whole() -> None:
    received: list[str | bytes] = []

    @upgraded
    async def collect(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        for _ in range(20):
            received.append(await ws.receive())
        await ws.send("done")

    async with transport_to(collect, capacity=7) as transport:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(transport.send, str(number) * 50)
        assert await transport.receive() == "done"
    assert sorted(map(str, received)) == sorted(str(number) * 50 for number in range(20))


async def test_every_call_is_a_checkpoint() -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        with trio.testing.assert_checkpoints():
            await transport.send("x")
        with trio.testing.assert_checkpoints():
            await transport.receive()
        with trio.testing.assert_checkpoints():
            await transport.ping()
        await transport.drained()
        with trio.testing.assert_checkpoints():
            await transport.drained()
        with trio.testing.assert_checkpoints():
            await transport.send_close(1000, "")
        with pytest.raises(TransportClosed), trio.testing.assert_checkpoints():
            await transport.send("x")


async def test_a_send_returns_only_when_the_stream_has_taken_the_frame() -> None:
    async with transport_to(peers.stops_reading, capacity=1000) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, "x" * 5000)
            await trio.testing.wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            assert transport.bytes_out < 5000
            nursery.cancel_scope.cancel()


# promise 4
# pain 9
async def test_a_send_cancelled_half_way_reaches_the_peer_whole_and_so_does_the_next() -> None:
    received: list[str | bytes] = []
    may_read = trio.Event()

    @upgraded
    async def stalled(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await may_read.wait()
        received.append(await ws.receive())
        received.append(await ws.receive())
        await ws.send("read")

    async with transport_to(stalled, capacity=1000) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, "a" * 100_000)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        may_read.set()
        await transport.send("b")
        assert await transport.receive() == "read"
    assert received == ["a" * 100_000, "b"]


# promise 4
async def test_a_send_cancelled_before_it_began_sends_nothing() -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.send("never")
        assert scope.cancelled_caught
        await transport.send("after")
        assert await transport.receive() == "after"


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.receive)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await transport.send("kept")
        assert await transport.receive() == "kept"


async def test_a_peer_that_writes_before_it_reads_does_not_lock_us_up() -> None:
    size = 2_000_000
    received: list[str | bytes] = []

    @upgraded
    async def writes_first(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        # A ping first: a library that holds its send lock stops reading here.
        await ws.ping()
        await ws.send("y" * size)
        received.append(await ws.receive())
        await ws.send("read")

    async with transport_to(writes_first) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.send, "x" * size)
            assert await transport.receive() == "y" * size
        assert await transport.receive() == "read"
    assert received == ["x" * size]


async def test_a_ping_does_not_wait_for_its_answer_and_leaves_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with transport_to(peers.never_closes) as transport:
        for _ in range(5):
            await transport.ping()
        assert transport.last_ping_ms is None
    with pytest.raises(TransportClosed):
        await transport.ping()
    assert trio.current_time() == 0


async def test_the_answer_to_the_newest_ping_tells_how_long_it_took(
    autojump_clock: trio.testing.MockClock,
) -> None:
    @upgraded
    async def slow(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await trio.sleep(0.25)
        await stream.send_all(frame(10, b"unasked"))
        await echo_until_closed(ws, stream)

    async with transport_to(slow) as transport:
        await transport.ping()
        await transport.send("x")
        await transport.receive()
        assert transport.last_ping_ms == pytest.approx(250)
        assert transport.last_received == pytest.approx(0.25)
        assert transport.last_sent == pytest.approx(0)


async def test_the_answer_to_an_older_ping_tells_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    @upgraded
    async def late(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        pings = bytearray()
        while len(pings) < 20:
            pings += await stream.receive_some()
        for number in range(2):
            sent = pings[10 * number :]
            pong = bytes(sent[6 + i] ^ sent[2 + i % 4] for i in range(4))
            await trio.sleep(0.5)
            await stream.send_all(frame(10, pong) + text(str(number)))
        await trio.sleep_forever()

    async with transport_to(late) as transport:
        await trio.sleep(2)
        await transport.ping()
        await trio.sleep(1)
        await transport.ping()
        assert await transport.receive() == "0"
        assert transport.last_ping_ms is None
        assert await transport.receive() == "1"
        assert transport.last_ping_ms == pytest.approx(1000)
        assert transport.last_sent == pytest.approx(3)


async def test_pings_are_answered_before_the_messages_that_came_with_them_are_taken() -> None:
    answers: list[bytes] = []

    @upgraded
    async def busy(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await stream.send_all(b"".join(text(str(number)) for number in range(10)) + ping(b"well?"))
        answers.append(bytes(await stream.receive_some()))
        await drain(ws)

    async with transport_to(busy) as transport:
        assert await transport.receive() == "0"
        await trio.testing.wait_all_tasks_blocked()
        assert len(answers) == 1
        assert [await transport.receive() for _ in range(9)] == [str(n) for n in range(1, 10)]


async def test_what_was_read_at_once_can_be_taken_without_waiting() -> None:
    data = b"".join(text(str(number)) for number in range(3)) + close(1000)
    async with transport_to(writes(data)) as transport:
        with trio.testing.assert_checkpoints():
            assert await transport.receive() == "0"
        with trio.testing.assert_checkpoints():
            assert await transport.receive() == "1"
        assert transport.receive_nowait() == "2"
        with pytest.raises(trio.WouldBlock):
            transport.receive_nowait()
        assert facts(await ending_of(transport)) == (1000, "", "server")
        with pytest.raises(trio.WouldBlock):
            transport.receive_nowait()
        assert transport.frames_in == 3


async def test_a_ping_flood_from_a_peer_that_does_not_read_fails_the_link_at_a_limit() -> None:
    with trio.fail_after(30):
        async with transport_to(peers.floods_and_does_not_read, capacity=65536) as transport:
            closed = await ending_of(transport)
    assert facts(closed) == (None, "", "network")
    assert "pings" in str(closed.cause)
    assert closed.__cause__ is closed.cause
    assert "pings" in str(closed)


async def test_a_ping_flood_from_a_peer_that_reads_is_answered() -> None:
    answers = 0

    @upgraded
    async def flood(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        nonlocal answers
        # More than may wait unread.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, ping(b"p" * 125) * 9_000)
            while answers < 9_000 * (125 + 6):
                answers += len(await stream.receive_some())
        await ws.send("enough")

    with trio.fail_after(60):
        async with transport_to(flood) as transport:
            assert await transport.receive() != ""
    assert answers == 9_000 * (125 + 6)


async def test_a_peer_that_closes_and_holds_the_connection_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with transport_to(peers.closes_and_holds) as transport:
        assert await transport.receive() == peers.SESSION_CREATED
        for _ in range(2):
            with pytest.raises(TransportClosed) as caught:
                await transport.receive()
            assert facts(caught.value) == (1001, "going away", "server")
        with pytest.raises(TransportClosed) as caught:
            await transport.send("x")
        assert facts(caught.value) == (1001, "going away", "server")
        with pytest.raises(TransportClosed):
            await transport.ping()
        with pytest.raises(TransportClosed):
            await transport.send_close(1000, "")
        await transport.drained()
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("data", "answer", "expected"),
    [
        (close(1000), 1000, (1000, "", "server")),
        (close(3000, "bad key"), 3000, (3000, "bad key", "server")),
        (close(4000, "\N{SNOWMAN}"), 4000, (4000, "\N{SNOWMAN}", "server")),
        # A code that no peer may send is still what it sent.
        (close(999, "odd"), 1002, (999, "odd", "server")),
        (frame(8), 1000, (1005, "", "server")),
        (frame(8, b"\x03\xe8\xff"), 1000, (1000, "\N{REPLACEMENT CHARACTER}", "server")),
    ],
)
async def test_a_close_of_the_peer_is_answered_and_told(
    data: bytes, answer: int, expected: tuple[int, str, str]
) -> None:
    answers: list[TransportClosed] = []

    @upgraded
    async def closes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await stream.send_all(text("before") + data + text("after it does not count"))
        answers.append(await drain(ws))

    async with transport_to(closes) as transport:
        assert await transport.receive() == "before"
        assert facts(await ending_of(transport)) == expected
        await transport.drained()
        await trio.testing.wait_all_tasks_blocked()
    assert answers[0].code == answer


# promise 2
async def test_everything_that_arrived_is_received_before_a_close_is_raised() -> None:
    @upgraded
    async def talks_and_closes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await stream.send_all(b"".join(text(str(n)) for n in range(100)) + close(1000))

    async with transport_to(talks_and_closes) as transport:
        assert [await transport.receive() for _ in range(100)] == [str(n) for n in range(100)]
        assert facts(await ending_of(transport)) == (1000, "", "server")


async def test_a_send_that_is_stuck_is_told_when_the_peer_closes() -> None:
    @upgraded
    async def closes_without_reading(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await trio.testing.wait_all_tasks_blocked()
        await ws.close(1001, "enough")
        await trio.sleep_forever()

    with trio.fail_after(5):
        async with transport_to(closes_without_reading, capacity=1000) as transport:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ending_of, transport)
                with pytest.raises(TransportClosed) as caught:
                    await transport.send("x" * 100_000)
                assert facts(caught.value) == (1001, "enough", "server")


async def test_an_end_without_a_close_frame_is_the_networks() -> None:
    @upgraded
    async def vanishes(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.send("last words")

    async with transport_to(vanishes) as transport:
        assert await transport.receive() == "last words"
        closed = await ending_of(transport)
    assert facts(closed) == (None, "", "network")
    assert closed.cause is None


async def test_a_reset_is_the_networks_with_its_cause() -> None:
    async with transport_to(peers.resets) as transport:
        assert await transport.receive() == peers.SESSION_CREATED
        closed = await ending_of(transport)
    assert facts(closed) == (None, "", "network")
    assert isinstance(closed.cause, trio.BrokenResourceError)


async def test_a_close_that_was_waiting_to_be_read_explains_a_failed_write() -> None:
    ours, theirs = pipe_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peers.no_session, theirs)
        transport = await open_transport(nursery, ours, HANDSHAKE, DEFAULT_OPTIONS)
        # The peer's last words are in the line when our write fails.
        theirs.stall()
        await theirs.send_all(close(3000, "bad key"))
        theirs.abort()
        nursery.start_soon(_expect_refusal, transport)
        await trio.testing.wait_all_tasks_blocked()
        theirs.resume()
        assert facts(await ending_of(transport)) == (3000, "bad key", "server")
        await transport.aclose()


async def _expect_refusal(transport: Transport) -> None:
    with pytest.raises(TransportClosed) as caught:
        await transport.send("x")
    assert facts(caught.value) == (3000, "bad key", "server")


async def test_a_failed_write_ends_the_link_though_nothing_more_is_read(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = pipe_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peers.no_session, theirs)
        transport = await open_transport(nursery, ours, HANDSHAKE, DEFAULT_OPTIONS)
        theirs.stall()
        theirs.abort()
        told: list[str] = []

        async def send_too() -> None:
            # The write has failed by then, and why is not known yet.
            await trio.sleep(1)
            with pytest.raises(TransportClosed) as caught:
                await transport.send("x too")
            assert facts(caught.value) == (None, "", "network")
            told.append("x too")

        nursery.start_soon(send_too)
        with pytest.raises(TransportClosed) as caught:
            await transport.send("x")
        await trio.testing.wait_all_tasks_blocked()
        assert facts(caught.value) == (None, "", "network")
        assert isinstance(caught.value.cause, trio.BrokenResourceError)
        assert trio.current_time() == pytest.approx(LINGER)
        assert ours.closed
        assert told == ["x too"]
        with pytest.raises(TransportClosed):
            await transport.drained()
        with pytest.raises(TransportClosed):
            await transport.send("y")
        await transport.aclose()


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (frame(1, b"\xff\xfe"), 1007),
        (frame(3), 1002),
        (frame(0x41, b"reserved bit"), 1002),
        (frame(9, b"fragment", fin=False), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(8, b"\x03"), 1002),
        (frame(0, b"continues nothing"), 1002),
        (b"\x81\x83\x00\x00\x00\x00abc", 1002),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1002),
    ],
)
async def test_a_breach_of_the_protocol_is_answered_and_ends_the_link(
    data: bytes, answer: int
) -> None:
    answers: list[TransportClosed] = []

    @upgraded
    async def breaks(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await stream.send_all(text("before") + data)
        answers.append(await drain(ws))

    async with transport_to(breaks) as transport:
        assert await transport.receive() == "before"
        closed = await ending_of(transport)
        assert facts(closed) == (None, "", "network")
        assert "protocol" in str(closed.cause)
        await transport.drained()
        await trio.testing.wait_all_tasks_blocked()
    assert answers[0].code == answer


@pytest.mark.parametrize(
    "big",
    [
        text("x" * 101),
        text("x" * 70_000),
        frame(1, b"x" * 60, fin=False) + frame(9) + frame(0, b"x" * 41),
        # Characters are not bytes.
        text("ü" * 51),
        # Its header is enough: nothing of it was ever there.
        frame(2, b"", says=2**40),
    ],
    ids=["just", "far", "in parts", "in bytes", "by its header"],
)
# pain 18
async def test_an_oversize_message_is_refused_after_all_that_came_before_it(big: bytes) -> None:
    answers: list[TransportClosed] = []

    @upgraded
    async def too_big(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        # One segment, as a busy network delivers it.
        await stream.send_all(text("one") + text("two") + text("three") + big)
        answers.append(await drain(ws))

    with trio.fail_after(5):
        async with transport_to(too_big, options=SMALL, capacity=(65536, 100_000)) as transport:
            await trio.testing.wait_all_tasks_blocked()
            assert [await transport.receive() for _ in range(3)] == ["one", "two", "three"]
            closed = await ending_of(transport)
            assert closed.too_big
            assert (closed.code, closed.closed_by) == (1009, "us")
            await transport.drained()
            await trio.testing.wait_all_tasks_blocked()
    assert answers[0].code == 1009


async def test_a_message_at_the_limit_is_received_and_the_count_starts_afresh() -> None:
    at_limit = frame(1, b"x" * 50, fin=False) + frame(0, b"y" * 50)
    async with transport_to(writes((at_limit + text("z" * 100)) * 3), options=SMALL) as transport:
        for _ in range(3):
            assert await transport.receive() == "x" * 50 + "y" * 50
            assert await transport.receive() == "z" * 100


async def test_a_ping_after_our_close_is_not_answered_and_harms_nobody() -> None:
    with trio.fail_after(5):
        async with transport_to(peers.pings_after_close) as transport:
            await transport.send_close(1000, "bye")
            assert facts(await ending_of(transport)) == (1000, "bye", "us")


# pain 5
@pytest.mark.parametrize(
    "peer",
    [peers.never_closes, peers.closes_and_holds, peers.stops_reading, peers.stalls_mid_frame,
     peers.floods_with_pings],
)  # fmt: skip
async def test_no_peer_holds_up_a_close_by_force(
    peer: peers.Peer, autojump_clock: trio.testing.MockClock
) -> None:
    async with transport_to(peer) as transport:
        assert await transport.receive() == peers.SESSION_CREATED
        with contextlib.suppress(TransportClosed):
            await transport.send_close(1000, "")
    assert trio.current_time() == 0


async def test_a_close_frame_is_handed_over_also_when_cancelled() -> None:
    answers: list[TransportClosed] = []

    @upgraded
    async def note(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        answers.append(await drain(ws))

    async with transport_to(note) as transport:
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.send_close(1000, "cancelled")
        assert scope.cancelled_caught
        assert facts(await ending_of(transport)) == (1000, "cancelled", "us")
    assert facts(answers[0]) == (1000, "cancelled", "server")


async def test_nothing_follows_a_close_of_ours_neither_a_pong_nor_another_close() -> None:
    @upgraded
    async def asks_on(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        ws.answer_close = False
        await drain(ws)
        await stream.send_all(ping() + text("well?"))
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(close(1000))
        await trio.sleep_forever()

    async with transport_to(asks_on) as transport:
        await transport.send_close(1000, "")
        await transport.drained()
        sent = transport.bytes_out
        assert await transport.receive() == "well?"
        assert facts(await ending_of(transport)) == (1000, "", "us")
        await transport.drained()
        assert transport.bytes_out == sent


async def test_messages_are_received_after_our_close_until_the_peer_answers() -> None:
    @upgraded
    async def talkative(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        ws.answer_close = False
        await drain(ws)
        await stream.send_all(text("one more thing") + close(1000))

    async with transport_to(talkative) as transport:
        await transport.send_close(1000, "")
        assert await transport.receive() == "one more thing"
        assert facts(await ending_of(transport)) == (1000, "", "us")
        with pytest.raises(TransportClosed) as caught:
            await transport.send_close(1000, "")
        assert caught.value.closed_by == "us"


async def test_a_long_reason_is_cut_between_characters() -> None:
    answers: list[TransportClosed] = []

    @upgraded
    async def note(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        answers.append(await drain(ws))

    async with transport_to(note) as transport:
        await transport.send_close(4000, "x" + "ü" * 200)
        await ending_of(transport)
    assert facts(answers[0]) == (4000, "x" + "ü" * 61, "server")


async def test_a_reason_that_is_no_unicode_is_sent_all_the_same() -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        await transport.send_close(1000, "half a pair: \ud800")
        assert (await ending_of(transport)).code == 1000


@pytest.mark.parametrize("code", [0, 999, 5000])
async def test_a_code_that_is_none_is_refused(code: int) -> None:
    async with transport_to(upgraded(echo_until_closed)) as transport:
        with pytest.raises(ValueError, match="1000 to 4999"):
            await transport.send_close(code, "")


async def test_a_close_frame_does_not_wait_for_a_message_that_is_stuck() -> None:
    async with transport_to(peers.stops_reading, capacity=1000) as transport:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect_our_close, transport)
            await trio.testing.wait_all_tasks_blocked()
            await transport.send_close(1000, "")
            await transport.aclose()


async def _expect_our_close(transport: Transport) -> None:
    with pytest.raises(TransportClosed) as caught:
        await transport.send("x" * 5000)
    assert caught.value.closed_by == "us"


async def test_closing_by_force_wakes_everybody_and_works_when_cancelled() -> None:
    async with transport_to(peers.stops_reading, capacity=1000) as transport:
        assert await transport.receive() == peers.SESSION_CREATED
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect_our_close, transport)
            nursery.start_soon(_expect_end, transport)
            await trio.testing.wait_all_tasks_blocked()
            with trio.CancelScope() as scope:
                scope.cancel()
                await transport.aclose()
        assert scope.cancelled_caught
        await transport.aclose()
        with pytest.raises(TransportClosed):
            await transport.drained()


async def _expect_end(transport: Transport) -> None:
    assert facts(await ending_of(transport)) == (None, "", "us")


# promise 1
async def test_cancelling_the_nursery_leaves_no_task() -> None:
    async with trio.open_nursery() as servers:
        connect = pipe_to(servers, peers.stops_reading, capacity=1000)
        async with trio.open_nursery() as nursery:
            transport = await open_transport(
                nursery, await connect("", 0), HANDSHAKE, DEFAULT_OPTIONS
            )
            nursery.start_soon(transport.send, "x" * 5000)
            await trio.testing.wait_all_tasks_blocked()
            assert nursery.child_tasks
            nursery.cancel_scope.cancel()
        assert not nursery.child_tasks
        await transport.aclose()
        servers.cancel_scope.cancel()


class _Watched(trio.abc.Stream):
    """Notes how much is asked for at once."""

    def __init__(self, stream: PipeStream) -> None:
        self._stream = stream
        self.asked: list[int | None] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self.asked.append(max_bytes)
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_a_large_message_is_read_in_large_pieces() -> None:
    async with trio.open_nursery() as nursery:
        watched = _Watched(await pipe_to(nursery, writes(text("x" * 300_000)))("", 0))
        transport = await open_transport(nursery, watched, HANDSHAKE, DEFAULT_OPTIONS)
        assert len(await transport.receive()) == 300_000
        # The first read is for the answer to the upgrade.
        assert set(watched.asked[1:]) == {65536}
        await transport.aclose()
        nursery.cancel_scope.cancel()


# pain 28
async def test_our_tasks_are_protected_from_ctrl_c() -> None:
    protected: list[bool] = []

    class Asked(trio.abc.Stream):
        def __init__(self, stream: PipeStream) -> None:
            self._stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            protected.append(trio.lowlevel.currently_ki_protected())
            await self._stream.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await self._stream.wait_send_all_might_not_block()

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            protected.append(trio.lowlevel.currently_ki_protected())
            return await self._stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self._stream.aclose()

    async with trio.open_nursery() as nursery:
        connect = pipe_to(nursery, peers.polite)

        async def asked(host: str, port: int) -> Asked:
            return Asked(await connect(host, port))

        async with open_realtime("m", endpoint=ENDPOINT, stream_factory=asked) as conn:
            await conn.send({"type": "response.create"})
        # The upgrade and the session's beginning, a frame, the CLOSE.
        assert len(protected) >= 5
        assert all(protected)
        nursery.cancel_scope.cancel()


def test_what_costs_an_import_is_loaded_when_it_is_asked_for() -> None:
    assert transport_package.open_transport is open_transport
    assert not hasattr(transport_package, "open_sesame")

"""The heartbeat: silence is probed, any byte is life, and a dead line is failed."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.shell.lines import Peer, line_to, polite
from trio_realtime import ConnectionClosedError, KeepaliveTimeoutError, Options, open_realtime


async def black_hole(peer: Peer) -> None:
    """Open a session; then what is sent here vanishes and nothing comes back."""
    await peer.open_session()
    await trio.sleep_forever()


# pain 24
async def test_a_black_hole_is_found_after_interval_and_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(black_hole) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        with pytest.raises(KeepaliveTimeoutError) as caught:
            await conn.receive()
        assert trio.current_time() == 40
        assert caught.value.info.closed_by == "network"
        assert "20 s" in str(caught.value)


async def test_that_a_ping_went_out_is_no_sign_of_life() -> None:
    # By the real clock: in virtual time the ping leaves in the instant in which it is handed over.
    async with line_to(black_hole) as endpoint:
        options = Options(ping_interval=0.05, ping_timeout=0.05)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            with trio.fail_after(5), pytest.raises(KeepaliveTimeoutError):
                await conn.receive()


async def test_a_peer_that_answers_pings_stays(autojump_clock: trio.testing.MockClock) -> None:
    async with line_to(polite) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await trio.sleep(3600)
        assert conn.close_info is None
        assert conn.statistics().last_ping_ms is not None


async def test_no_reading_of_the_clock_makes_it_stand_still(
    autojump_clock: trio.testing.MockClock,
) -> None:
    # At 41.199, 20 s after 21.199, the difference of the two is less than 20: what is left to wait
    # for is then too little to change the time.
    async with line_to(polite) as endpoint:
        await trio.sleep(1.199)
        async with open_realtime("m", endpoint=endpoint) as conn:
            await trio.sleep(3600)
            assert conn.close_info is None


async def test_without_an_interval_nobody_pings(autojump_clock: trio.testing.MockClock) -> None:
    async with line_to(black_hole) as endpoint:
        options = Options(ping_interval=None)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await trio.sleep(3600)
            assert conn.close_info is None


async def test_a_slow_big_message_is_life(autojump_clock: trio.testing.MockClock) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        # A frame header that promises 1000 bytes of text, and a byte a second.
        await peer.stream.send_all(b"\x81\x7e\x03\xe8")
        for _ in range(1000):
            await trio.sleep(1)
            await peer.stream.send_all(b" ")
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        await conn.receive()
        await conn.receive()
        assert trio.current_time() == pytest.approx(1000, abs=1)


async def test_a_slow_big_frame_of_ours_is_life(autojump_clock: trio.testing.MockClock) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for _ in range(1000):
            await trio.sleep(1)
            await peer.stream.receive_some(1000)
        peer.stream.abort()

    async with line_to(behave, capacity=1000) as endpoint:
        async with open_realtime("m", endpoint=endpoint) as conn:
            await conn.send({"type": "input_audio_buffer.append", "audio": "A" * 300_000})
            assert 290 < trio.current_time() < 320


# promise 8
@pytest.mark.sweep
async def test_a_busy_consumer_keeps_its_link(autojump_clock: trio.testing.MockClock) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()

        async def speak() -> None:
            # Audio at ten times real time: 4.8 kB is 100 ms of 24 kHz PCM.
            for _ in range(6000):
                await trio.sleep(0.01)
                await peer.send("of.tomorrow", padding="A" * 6400)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            await peer.drain()

    for inbox in (64 * 1024 * 1024, 1024 * 1024):
        async with line_to(behave) as endpoint:
            options = Options(inbox_bytes=inbox)
            async with open_realtime("m", endpoint=endpoint, options=options) as conn:
                await conn.receive()
                await trio.sleep(60)
                assert conn.close_info is None
                assert conn.statistics().inbox_bytes < inbox + 16 * 1024
                for _ in range(6000):
                    await conn.receive()


@pytest.mark.parametrize("events", [15, 100], ids=["all of it read", "some on the wire"])
async def test_the_heartbeat_is_suspended_while_the_reader_is_paused_and_starts_afresh(
    autojump_clock: trio.testing.MockClock, events: int
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        for _ in range(events):
            await peer.send("of.tomorrow", padding="x" * 4096)
        await trio.sleep_forever()

    async with line_to(behave) as endpoint:
        options = Options(inbox_bytes=64 * 1024)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.sleep(600)
            assert conn.statistics().reader_paused
            assert conn.close_info is None
            for _ in range(events):
                await conn.receive()
            with pytest.raises(KeepaliveTimeoutError):
                await conn.receive()
            assert trio.current_time() == pytest.approx(640, abs=0.1)


async def test_a_pause_during_the_wait_for_life_is_no_verdict(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(25)
        for _ in range(100):
            await peer.send("of.tomorrow", padding="x" * 4096)
        await trio.sleep_forever()

    async with line_to(behave) as endpoint:
        options = Options(inbox_bytes=64 * 1024)
        async with open_realtime("m", endpoint=endpoint, options=options) as conn:
            await conn.receive()
            await trio.sleep(100)
            assert conn.close_info is None


async def test_a_line_that_breaks_while_it_is_pinged_is_a_plain_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await trio.sleep(20)
        peer.stream.abort()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        with pytest.raises(ConnectionClosedError) as caught:
            await conn.wait_closed()
        assert (caught.value.info.closed_by, trio.current_time()) == ("network", 20)

"""Patience: no test waits for ever for a client, and each is told what it waited for."""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.testing.raw import raw_client
from trio_realtime import open_realtime
from trio_realtime.testing import ScriptedConnection, ScriptedServer, Silence, like

MODEL = "gpt-realtime-2.1"
TEN_MINUTES = 600

Script = Callable[[ScriptedConnection], Awaitable[None]]


async def greet(line: ScriptedConnection) -> None:
    async with line.expect("response.create") as request:
        await request.say("hi")


async def ask_and_listen(server: ScriptedServer) -> None:
    async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
        await conn.response.create()
        async for _ in conn:
            pass


async def listen(server: ScriptedServer) -> None:
    async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
        async for _ in conn:
            pass


async def do_nothing(server: ScriptedServer) -> None:
    await trio.sleep_forever()


async def impatience(
    server: ScriptedServer, client: Callable[[ScriptedServer], Awaitable[object]]
) -> tuple[list[str], float]:
    """What the test is told, and after how long."""
    start = trio.current_time()
    with pytest.raises(AssertionError) as caught:
        async with server:
            await client(server)
    return str(caught.value).splitlines(), trio.current_time() - start


WAIT_LONGER = (
    "To wait longer, say for how many seconds: ScriptedServer(patience=...); None is for ever."
)


async def test_a_client_that_goes_on_listening_after_the_script_fails_the_test(
    autojump_clock: trio.testing.MockClock,
) -> None:
    shown, seconds = await impatience(ScriptedServer(greet), ask_and_listen)
    assert shown[:7] == [
        "for 600 s nothing has happened, and nobody waits for a client",
        "",
        "  connection 1: the client waits, and nothing is expected of it; script 1 (greet) is over",
        "",
        "what went over connection 1:",
        "  server < session.created",
        "  client > response.create",
    ]
    assert shown[-4:] == [
        "  server < response.done",
        "",
        "A client that waits needs to be sent what it waits for, or an end: `await line.close()`.",
        WAIT_LONGER,
    ]
    assert seconds == pytest.approx(TEN_MINUTES)


async def test_an_expectation_of_a_silent_client_fails_where_it_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def script(line: ScriptedConnection) -> None:
        with pytest.raises(AssertionError, match=r"\(test_an_.*script\) has waited 600 s"):
            await line.expect("response.cancel")
        await line.expect("response.create", response__voice="cedar")

    shown, seconds = await impatience(ScriptedServer(script), listen)
    name = "test_an_expectation_of_a_silent_client_fails_where_it_waits.<locals>.script"
    assert shown == [
        f"script 1 ({name}) has waited 600 s for an event (connection 1, event 0 of the client's)",
        "",
        "                  expected         actual",
        "! type            response.create  nothing",
        "! response.voice  'cedar'          -",
        "",
        "what went over it:",
        "  server < session.created",
        "",
        (
            "The client may wait too: then send what it waits for, or end its connection with "
            "`await line.close()`."
        ),
        WAIT_LONGER,
    ]
    assert seconds == pytest.approx(2 * TEN_MINUTES)


async def test_an_expectation_that_gets_no_client_fails(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def expect(server: ScriptedServer) -> None:
        await server.expect("response.create", response__voice="cedar")

    shown, _ = await impatience(ScriptedServer(), expect)
    assert shown == [
        shown[0],
        "",
        (
            "A client connects with `open_realtime(..., endpoint=server.endpoint)`, in another "
            "task than this one."
        ),
        WAIT_LONGER,
    ]
    assert shown[0].startswith("the task ")
    assert shown[0].endswith(
        " has waited 600 s for a client, and its like('response.create', "
        "response__voice='cedar'); 0 connected so far"
    )

    async def accept(server: ScriptedServer) -> None:
        async with raw_client(server):
            assert (await server.accept()).number == 1
            await server.accept()

    shown, _ = await impatience(ScriptedServer(), accept)
    assert shown[0].endswith(" s for another client; 1 connected so far")
    shown, _ = await impatience(ScriptedServer(), lambda server: server.send({"type": "a"}))
    assert shown[0].endswith(" s for a client to send to; 0 connected so far")


async def close(line: ScriptedConnection) -> None:
    await line.expect_close()


async def closed(line: ScriptedConnection) -> None:
    await line.wait_closed()


async def whatever(line: ScriptedConnection) -> None:
    async for _ in line:
        raise AssertionError("a silent client")


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (close, "the client to close the connection"),
        (closed, "the client to end the connection"),
        (whatever, "any event, or the end"),
    ],
)
async def test_whatever_is_awaited_of_a_client_ends(
    script: Script, what: str, autojump_clock: trio.testing.MockClock
) -> None:
    shown, seconds = await impatience(ScriptedServer(script, patience=7), listen)
    assert shown[0].startswith(f"script 1 ({script.__name__}) has waited 7 s for {what} (conn")
    assert seconds == pytest.approx(7)


async def test_a_test_in_which_nothing_happens_is_told_where_everybody_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def asleep(line: ScriptedConnection) -> None:
        await line.expect("response.create")
        await trio.sleep_forever()

    async def three(server: ScriptedServer) -> None:
        async with raw_client(server):
            await trio.testing.wait_all_tasks_blocked()
        async with raw_client(server) as client:
            await client.send("response.create")
            await client.send("response.cancel")
            await trio.sleep_forever()

    async def over(line: ScriptedConnection) -> None:
        await line.wait_closed()

    shown, _ = await impatience(ScriptedServer(over, asleep, asleep, patience=9), three)
    name = "(test_a_test_in_which_nothing_happens_is_told_where_everybody_is.<locals>."
    assert shown[:5] == [
        "for 9 s nothing has happened, and nobody waits for a client",
        "",
        (
            "  connection 1: the client closed the connection (code 1000); script 1 "
            f"{name}over) is over"
        ),
        (
            "  connection 2: the client waits, and nobody looked at its response.cancel; script 2 "
            f"{name}asleep) goes on, and waits for something else"
        ),
        f"  script 3 {name}asleep): no client has connected for it",
    ]
    assert shown.count("what went over connection 2:") == 1

    shown, _ = await impatience(ScriptedServer(), do_nothing)
    assert shown[2] == "  no client has connected"
    shown, _ = await impatience(ScriptedServer(), listen)
    assert shown[2] == "  connection 1: the client waits, and nothing is expected of it"


async def test_what_happens_in_between_starts_the_count_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def script(line: ScriptedConnection) -> None:
        await trio.sleep(9)  # since the client connected
        await line.send({"type": "a"})
        await trio.sleep(9)  # since something was sent
        async with line.expect("response.create") as request:
            await request.answer([Silence(90), "At last."])
        await line.expect_nothing(90)
        await trio.sleep(9)  # since nothing was expected

    async def three(server: ScriptedServer) -> None:
        await trio.sleep(9)  # since the block was entered
        async with raw_client(server) as client:
            await client.until("session.created")
            await client.ws.get_message()
            await trio.sleep(18)  # and the script waits
            await client.send("response.create")
            await client.until("response.done")
            await trio.sleep(90 + 9 + 9)  # since the script was over
        await trio.sleep(9)  # since the client was gone

    server = ScriptedServer(script, patience=10)
    async with server:
        await three(server)


async def test_an_event_starts_the_count_anew_but_an_ignored_one_does_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def send(server: ScriptedServer) -> None:
        async with raw_client(server) as client:
            for kind in ("response.create", *["input_audio_buffer.append"] * 9):
                await trio.sleep(6)
                await client.send(kind)

    server = ScriptedServer(ignore="input_audio_buffer.*", patience=10)
    shown, seconds = await impatience(server, send)
    assert shown[2].endswith("nobody looked at its response.create")
    assert seconds == pytest.approx(16)

    async def expect(line: ScriptedConnection) -> None:
        await line.expect("response.create")
        await line.expect("response.cancel")

    server = ScriptedServer(expect, ignore="input_audio_buffer.*", patience=10)
    shown, seconds = await impatience(server, send)
    assert shown[0].startswith("script 1 ")
    assert seconds == pytest.approx(16)


async def test_a_client_that_connects_starts_the_count_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with ScriptedServer(greeting=False, patience=10) as server:
        await trio.sleep(9)
        async with raw_client(server):
            await trio.sleep(9)


async def test_patience_may_be_endless(autojump_clock: trio.testing.MockClock) -> None:
    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    async with ScriptedServer(script, patience=None) as server:
        async with raw_client(server) as client:
            await trio.sleep(80_000)
            await client.send("response.create")
            await trio.sleep(80_000)


async def test_a_client_may_sleep_for_minutes_of_virtual_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with ScriptedServer(greet) as server:
        async with open_realtime(MODEL, endpoint=server.endpoint) as conn:
            await trio.sleep(599)
            await conn.response.create()
            await trio.sleep(599)


def waited(clock: trio.testing.MockClock) -> str:
    async def main() -> str:
        async with trio.open_nursery() as nursery:

            async def jump() -> None:
                while True:
                    await trio.testing.wait_all_tasks_blocked()
                    clock.jump(10)

            nursery.start_soon(jump)
            with pytest.raises(AssertionError) as caught:
                async with ScriptedServer() as server:
                    await server.accept()
            nursery.cancel_scope.cancel()
        return str(caught.value)

    return trio.run(main, clock=clock)


def test_where_time_is_not_free_patience_is_a_minute() -> None:
    assert " has waited 60 s for another client" in waited(trio.testing.MockClock())


async def test_threads_are_waited_for_though_the_clock_jumps(
    autojump_clock: trio.testing.MockClock,
) -> None:
    first, second = threading.Event(), threading.Event()

    async def in_a_thread(event: threading.Event) -> None:
        await trio.to_thread.run_sync(event.wait)

    async def script(line: ScriptedConnection) -> None:
        await line.expect("response.create")

    async with ScriptedServer(script, patience=10) as server:
        async with raw_client(server) as client, trio.open_nursery() as nursery:
            nursery.start_soon(in_a_thread, first)
            await trio.sleep(100)  # in a thread, and the script expects
            first.set()
            await client.send("response.create")
            nursery.start_soon(in_a_thread, second)
            await trio.sleep(100)  # in a thread, and nobody waits
            second.set()


async def test_at_a_port_the_virtual_clock_is_named(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def expect(server: ScriptedServer) -> None:
        await server.listen()
        await server.expect("response.create")

    shown, _ = await impatience(ScriptedServer(), expect)
    assert shown[-2:] == [
        "The server listens at a port, and the clock is virtual: it does not wait for sockets.",
        "Leave out autojump_clock.",
    ]


async def test_outside_of_its_block_nobody_waits_for_a_server() -> None:
    server = ScriptedServer()
    for waiting in (server.expect("a"), server.accept(), server.send({"type": "a"})):
        with pytest.raises(RuntimeError, match="the server is not running"):
            await waiting
    with pytest.RaisesGroup(
        pytest.RaisesExc(AssertionError, match=r"block was left, while the task .* 0 connected")
    ):
        async with trio.open_nursery() as nursery:
            async with server:
                nursery.start_soon(server.accept)
                await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(RuntimeError, match="the server is not running"):
        await server.accept()


async def test_leaving_the_block_takes_its_own_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(line: ScriptedConnection) -> None:
        await line.wait_closed()
        await trio.sleep(3)

    async with ScriptedServer(slow, patience=1) as server:
        async with raw_client(server):
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("patience", [0, -1, math.nan, True, "long", like("a")])
def test_patience_is_a_time(patience: float) -> None:
    with pytest.raises(ValueError, match="patience is a number of seconds, more than 0"):
        ScriptedServer(patience=patience)

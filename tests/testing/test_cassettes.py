"""Cassettes, as a test uses them: recorded once, played for ever, and strict."""

from __future__ import annotations

import base64
import json
import math
import stat
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.testing.taped import ask, closed, files_in, lines_of, raw_to, stay
from trio_realtime import ConnectError, OpenAIEndpoint, Target, open_realtime
from trio_realtime._core.cassette import Policy
from trio_realtime._transport import Transport
from trio_realtime.testing import (
    CassetteError,
    CassetteServer,
    FaultPlan,
    Faults,
    RecordMode,
    SimulatedServer,
    record,
    replay,
    seeded,
    use_cassette,
)

MockClock = trio.testing.MockClock


async def taped(path: Path, *texts: str) -> list[list[str]]:
    """Record an application that connects once for each of the texts."""
    async with SimulatedServer() as real, record(path, real.endpoint) as server:
        return [await ask(server.endpoint, text) for text in texts]


def cassette(path: Path, *lines: JsonValue) -> Path:
    """Write one by hand."""
    header: JsonValue = {"cassette": 1}
    path.write_text("\n".join(json.dumps(line) for line in (header, *lines)), "utf-8")
    return path


def frame(side: str, content: JsonValue, *, at: float = 0.0, connection: int = 1) -> JsonValue:
    return {"at": at, "connection": connection, "from": side, "frame": content}


async def test_a_client_gets_from_the_cassette_what_it_got_from_the_server(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """With other random ids of its own, which stand in everything that it gets."""
    path = tmp_path / "new" / "directory" / "a.jsonl"
    (recorded,) = await taped(path, "Hello you")
    async with replay(path) as server:
        assert await ask(server.endpoint) == recorded
    assert server.path == path
    assert not path.with_name("a.jsonl.partial").exists()


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(20))
def test_any_interleaving_is_played_alike(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(60):
            recorded = await taped(tmp_path / "a.jsonl", "One two three", "Four")
            async with replay(tmp_path / "a.jsonl") as server:
                texts = ["One two three", "Four"]
                assert [await ask(server.endpoint, text) for text in texts] == recorded

    with seeded(seed):
        trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_a_spoken_answer_keeps_its_length_in_time_and_in_samples(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def listen(endpoint: CassetteServer | SimulatedServer) -> tuple[int, float]:
        began, heard = trio.current_time(), 0
        session: dict[str, JsonValue] = {"audio": {"input": {"turn_detection": None}}}
        async with open_realtime("m", endpoint=endpoint.endpoint, session=session) as conn:
            await conn.input_audio_buffer.append(bytes(range(240)) * 40)
            await conn.input_audio_buffer.commit()
            await conn.response.create()
            async for event in conn:
                if event.type == "response.output_audio.delta":
                    heard += len(event.delta)
                elif event.type == "response.done":
                    break
        return heard, trio.current_time() - began

    path = tmp_path / "a.jsonl"
    async with SimulatedServer(reply="A few words", audio_speed=2.0) as real:
        async with record(path, real.endpoint) as server:
            heard, took = await listen(server)
    assert heard > 10_000
    async with replay(path) as server:
        assert await listen(server) == pytest.approx((heard, took))
    async with replay(path, speed=math.inf) as server:
        assert await listen(server) == pytest.approx((heard, 0.0))
    assert path.stat().st_size < heard


async def test_the_cassette_is_for_its_owner_alone(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    partial = tmp_path / "a.jsonl.partial"
    partial.write_text("left by somebody who crashed")
    partial.chmod(0o666)
    async with SimulatedServer() as real, record(path, real.endpoint) as server:
        await ask(server.endpoint)
        # Line by line: whatever happens now, this much can be read.
        assert [line["connection"] for line in lines_of(partial)[1:]] == [1] * (
            len(lines_of(partial)) - 1
        )
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines_of(path)[-1]["close"] == {"code": 1000, "reason": ""}


async def test_the_header_says_how_it_was_made(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer() as real:
        async with record(path, real.endpoint, audio="keep", text="cut") as server:
            await ask(server.endpoint)
    header, opened = lines_of(path)[:2]
    assert str(header["recorded_with"]).startswith("trio-realtime ")
    assert str(header["recorded_at"]).endswith("+00:00")
    assert (header["audio"], header["text"]) == ("keep", "cut")
    assert opened["open"] == {
        "url": "ws://localhost/v1/realtime?model=m",
        "query": {"model": "m"},
        "subprotocol": None,
    }
    assert "Hello" not in path.read_text("utf-8")
    async with replay(path) as server:
        await ask(server.endpoint)


def test_a_policy_is_one_of_two_words(tmp_path: Path) -> None:
    some = cast("Policy", "some")
    for name, make in (
        ("audio", partial(record, audio=some)),
        ("text", partial(record, text=some)),
        ("session_ids", partial(use_cassette, mode="all", session_ids=some)),
    ):
        with pytest.raises(ValueError, match=f'{name} must be "cut" or "keep", not \'some\''):
            make(tmp_path / "a.jsonl")


async def test_a_block_without_connections_leaves_no_file(tmp_path: Path) -> None:
    async with record(tmp_path / "a.jsonl", OpenAIEndpoint("unused")):
        pass
    assert files_in(tmp_path) == []


async def test_without_an_endpoint_the_environment_names_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="set the environment variable OPENAI_API_KEY"):
        record(tmp_path / "a.jsonl")
    with trio.fail_after(30):
        async with SimulatedServer(api_key="sk-right-0123456789", tokens_per_second=1e6) as real:
            await real.listen()
            monkeypatch.setenv("OPENAI_API_KEY", "sk-right-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", real.base_url)
            async with record(tmp_path / "a.jsonl") as server:
                await server.listen()
                assert "127.0.0.1" in server.base_url
                await ask(server.endpoint)
    assert "0123456789" not in (tmp_path / "a.jsonl").read_text("utf-8")


async def test_who_says_something_else_ends_the_block_and_is_told_where(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    await taped(path, "Hello you")
    with pytest.RaisesGroup(AssertionError) as caught:
        async with replay(path) as server:
            await ask(server.endpoint, "Hello they")
    assert getattr(caught.value, "__notes__", []) == []
    told = str(caught.value.exceptions[0])
    assert f"cassette  {path}, line 6, connection 1, conversation.item.create\n" in told
    assert "at        item.content[0].text\n" in told
    assert 'expected  "Hello you"\n' in told
    assert 'actual    "Hello they"\n' in told
    # Ids are no difference, and not marked as one.
    assert [line for line in told.split("\n") if " | " in line] == [
        line for line in told.split("\n") if "Hello you" in line and "Hello they" in line
    ]


async def test_a_client_elsewhere_is_dropped_when_it_says_something_else(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(tmp_path / "a.jsonl", frame("client", {"type": "a"}))
    async with trio.open_nursery() as elsewhere:
        clients: list[Transport] = []
        with pytest.RaisesGroup(AssertionError):
            async with replay(path) as server:
                clients.append(await elsewhere.start(stay, server))  # noqa: ASYNC111 - outlives it
                await clients[0].send('{"type": "b"}')
                await trio.sleep_forever()
        assert await closed(clients[0]) == (None, "", "network")
        elsewhere.cancel_scope.cancel()


async def test_what_a_client_did_not_send_is_missed_at_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(
        tmp_path / "a.jsonl", *(frame("client", {"type": kind}) for kind in ("a", "b", "c"))
    )
    with pytest.raises(AssertionError) as caught:
        async with replay(path) as server, raw_to(server) as raw:
            await raw.send('{"type": "a"}')
    assert str(caught.value) == (
        f"the cassette still waits for b ({path}, line 3, connection 1), and 1 more"
    )
    with pytest.raises(AssertionError, match="waits for the connection itself"):
        async with replay(path):
            pass
    async with replay(path, allow_unplayed=True) as server, raw_to(server) as raw:
        await raw.send('{"type": "a"}')


async def test_what_was_sent_just_before_the_end_counts(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(
        tmp_path / "a.jsonl", *(frame("client", {"n": number}) for number in range(100))
    )

    async with trio.open_nursery() as elsewhere:
        async with replay(path) as server:
            raw = await elsewhere.start(stay, server)  # noqa: ASYNC111 - it outlives the server
            for number in range(100):
                await raw.send(json.dumps({"n": number}))
        elsewhere.cancel_scope.cancel()


async def test_a_deadline_that_strikes_meanwhile_does_not_hide_what_was_missing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(
        tmp_path / "a.jsonl", frame("client", {"type": "a"}), frame("server", {"type": "b"})
    )
    with pytest.raises(AssertionError, match="the cassette still waits for a "):
        with trio.fail_after(5):
            async with replay(path) as server, raw_to(server) as raw:
                await raw.receive()
    with pytest.RaisesGroup(trio.TooSlowError) as late:
        async with replay(path) as server, raw_to(server) as raw:
            with trio.fail_after(5):
                await raw.receive()
    assert "the cassette still waits for a " in late.value.__notes__[0]


async def fails_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise LookupError("not the deadline's fault")


async def test_a_deadline_does_not_hide_what_else_went_wrong(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(tmp_path / "a.jsonl", frame("client", {"type": "a"}))
    with pytest.raises(LookupError) as alone:
        with trio.fail_after(5):
            async with replay(path) as server:
                await server.connect()
                await server.connect()
                await fails_when_cancelled()
    assert "the cassette still waits for the connection" in alone.value.__notes__[0]
    with pytest.RaisesGroup(LookupError, flatten_subgroups=True) as grouped:
        with trio.fail_after(5):
            async with replay(path), trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await fails_when_cancelled()
    assert "the cassette still waits for the connection" in grouped.value.__notes__[0]


async def test_who_cancels_while_the_end_waits_waits_for_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What was missing is told all the same, and nobody is left behind."""
    path = cassette(tmp_path / "a.jsonl", frame("client", {"type": "a"}))
    async with trio.open_nursery() as nursery:
        began = trio.current_time()
        with trio.CancelScope() as scope, pytest.raises(AssertionError, match="still waits for a "):
            async with replay(path) as server:
                await nursery.start(stay, server)  # noqa: ASYNC111 - it stays for longer
                scope.deadline = trio.current_time() + 0.5
        assert trio.current_time() == began + 0.5
        nursery.cancel_scope.cancel()


async def test_nothing_goes_on_for_a_client_that_has_left(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"

    async def tasks() -> int:
        await trio.sleep(60)
        return trio.lowlevel.current_statistics().tasks_living

    async with SimulatedServer(answer_close=False) as real, record(path, real.endpoint) as server:
        before = await tasks()
        await ask(server.endpoint)
        # One that waits in vain for its client is the simulated server's.
        assert await tasks() <= before + 1
    path = cassette(tmp_path / "b.jsonl", frame("server", {"type": "a"}, at=1e9))
    async with replay(path) as server:
        before = await tasks()
        async with raw_to(server):
            pass
        assert await tasks() == before


async def test_who_cancels_the_block_is_not_bothered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(tmp_path / "a.jsonl", frame("client", {"type": "a"}))
    with trio.CancelScope() as scope:
        async with replay(path) as server, raw_to(server):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_another_model_or_one_connection_more_is_told(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    await taped(path, "Hello you")
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match="actual    model=other")):
        async with replay(path) as server:
            await ask(server.endpoint, model="other")
    more = pytest.RaisesExc(AssertionError, match="a connection more than the cassette holds")
    with pytest.RaisesGroup(more):
        async with replay(path) as server:
            await ask(server.endpoint)
            await ask(server.endpoint)


async def test_what_a_function_for_match_raises_ends_the_block(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    def broken(recorded: JsonValue, sent: JsonValue) -> bool:
        raise KeyError(str(sent))

    path = cassette(tmp_path / "a.jsonl", frame("client", {"type": "a"}))
    with pytest.RaisesGroup(KeyError):
        async with replay(path, match=broken) as server, raw_to(server) as raw:
            await raw.send('{"type": "b"}')
            await trio.sleep_forever()


def test_a_missing_cassette_says_how_to_record_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Record it: .* --realtime-record=once.*a\.jsonl"):
        replay(tmp_path / "a.jsonl")


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"interactions": []}')
    with pytest.raises(CassetteError, match=r"a\.jsonl is no cassette"):
        replay(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CassetteError, match=r"a\.jsonl is no cassette: it is not UTF-8"):
        replay(path)
    path.write_bytes(b'\xef\xbb\xbf{"cassette": 1}\r\n')  # by an editor on Windows
    replay(path)


async def test_faults_come_on_top(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = cassette(tmp_path / "a.jsonl", *(frame("server", {"n": n}) for n in range(3)))
    plan = FaultPlan(1, from_server=Faults(duplicate=1.0))
    async with replay(path, faults=plan) as server, raw_to(server) as raw:
        numbers = [json.loads(await raw.receive())["n"] for _ in range(6)]
    assert sorted(numbers) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("close", "ending"),
    [
        ({"code": 1001, "reason": "60 minutes"}, (1001, "60 minutes", "server")),
        (None, (None, "", "network")),
    ],
)
async def test_a_recorded_end_is_played(
    close: JsonValue, ending: object, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(
        tmp_path / "a.jsonl",
        frame("server", {"n": 1}),
        {"at": 3600.0, "connection": 1, "from": "server", "close": close},
    )
    began = trio.current_time()
    async with replay(path) as server, raw_to(server) as raw:
        assert await closed(raw) == ending
    assert trio.current_time() - began == pytest.approx(3600.0)


async def test_a_client_that_leaves_early_stops_what_is_played(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(tmp_path / "a.jsonl", *(frame("server", {"n": n}, at=n) for n in range(9)))
    async with replay(path) as server:
        async with raw_to(server) as raw:
            await raw.receive()
            await raw.send_close(1000, "enough")
            assert await closed(raw) == (1000, "enough", "us")


async def test_a_client_that_vanishes_is_no_error(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    big = "x" * 200_000
    path = cassette(tmp_path / "a.jsonl", *(frame("server", {"n": big}) for _ in range(9)))
    async with replay(path, speed=math.inf) as server:
        async with raw_to(server):
            await trio.sleep(1)  # what does not fit the pipe waits
        await trio.sleep(1)


async def test_once_records_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer() as real:
        for _ in range(2):
            async with use_cassette(path, "once", real.endpoint) as server:
                await ask(server.endpoint)
        assert len(real.sessions) == 1
    async with use_cassette(path) as server:
        await ask(server.endpoint)


async def test_all_records_anew_and_replaces_the_old_one_in_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    await taped(path, "Hello you")
    old = path.read_text("utf-8")
    async with SimulatedServer() as real:
        with pytest.raises(ValueError, match="my own") as caught:
            async with use_cassette(path, "all", real.endpoint) as server:
                await ask(server.endpoint, "Hello they")
                raise ValueError("my own")
        partial = path.with_name("a.jsonl.partial")
        assert caught.value.__notes__ == [f"what was recorded until then is in {partial}"]
        assert "Hello they" in partial.read_text("utf-8")
        assert path.read_text("utf-8") == old
        async with use_cassette(path, "all", real.endpoint) as server:
            await ask(server.endpoint, "Hello they")
    assert "Hello you" not in path.read_text("utf-8")
    async with use_cassette(path, "none") as server:
        await ask(server.endpoint, "Hello they")


async def test_new_episodes_are_played_where_they_are_and_added_where_not(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer() as real:
        for models in (["a"], ["a"], ["a", "a"], ["b", "a", "a"]):
            async with use_cassette(path, "new_episodes", real.endpoint) as server:
                for model in models:
                    await ask(server.endpoint, model=model)
        assert len(real.sessions) == 3
    opened = [line for line in lines_of(path) if "open" in line]
    assert [line["connection"] for line in opened] == [1, 2, 3]
    async with replay(path) as server:
        for model in ("b", "a", "a"):
            await ask(server.endpoint, model=model)


async def test_new_episodes_are_kept_only_if_the_old_ones_were_played(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    await taped(path, "Hello")
    before = path.read_text()
    async with SimulatedServer() as real:
        with pytest.raises(AssertionError, match="still waits for the connection") as caught:
            async with use_cassette(path, "new_episodes", real.endpoint) as server:
                await ask(server.endpoint, model="another")
    assert path.read_text() == before
    assert caught.value.__notes__ == [f"what was recorded until then is in {path}.partial"]


async def test_new_episodes_are_added_by_the_policies_of_the_old(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer() as real:
        async with record(path, real.endpoint, text="cut") as server:
            await ask(server.endpoint, "Hello")
        async with use_cassette(path, "new_episodes", real.endpoint) as server:
            await ask(server.endpoint, "Hello")
            await ask(server.endpoint, "Hello")
    assert "Hello" not in path.read_text()


async def test_new_episodes_are_added_to_a_cassette_without_any(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette(tmp_path / "a.jsonl")
    async with SimulatedServer() as real:
        async with use_cassette(path, "new_episodes", real.endpoint) as server:
            await ask(server.endpoint)
    assert [line["connection"] for line in lines_of(path) if "open" in line] == [1]


async def test_new_episodes_need_a_server_only_when_there_are_any(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    await taped(path, "Hello you")
    async with use_cassette(path, "new_episodes") as server:
        await ask(server.endpoint)
    needed = pytest.RaisesExc(ValueError, match="OPENAI_API_KEY")
    with pytest.RaisesGroup(needed):
        async with use_cassette(path, "new_episodes") as server:
            await ask(server.endpoint)
            await ask(server.endpoint)


@pytest.mark.parametrize("mode", ["none", "rewrite"])
def test_a_mode_that_cannot_be_is_refused(mode: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=r"mode must be one of|Record it"):
        use_cassette(tmp_path / "a.jsonl", cast("RecordMode", mode))


async def test_nothing_is_served_after_the_block(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = cassette(tmp_path / "a.jsonl")
    async with replay(path) as server:
        endpoint = server.endpoint
    handshake = await endpoint.handshake(Target(model="m"))
    assert handshake.stream_factory is not None
    with pytest.raises(OSError, match="not running"):
        await handshake.stream_factory("localhost", 80)
    with pytest.raises(ConnectError):
        async with open_realtime("m", endpoint=endpoint):
            pass


async def test_kept_audio_is_played_as_it_was(tmp_path: Path, autojump_clock: MockClock) -> None:
    audio = base64.b64encode(bytes(range(200)) * 10).decode()
    delta: JsonValue = {"type": "response.output_audio.delta", "delta": audio}
    path = cassette(tmp_path / "a.jsonl", frame("server", delta))
    async with replay(path) as server, raw_to(server) as raw:
        assert json.loads(await raw.receive()) == delta

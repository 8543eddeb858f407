"""The man in the middle: what passes through it is what would have passed without it."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import final

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.network.servers import client_context, server_context
from tests.shell.peers import (
    Peer,
    black_hole,
    close,
    frame,
    hang_up,
    text,
    unauthorized,
    upgraded,
)
from tests.testing.taped import PeerEndpoint, ask, closed, files_in, lines_of, raw_to
from trio_realtime import (
    AuthenticationError,
    Handshake,
    HandshakeRejectedError,
    OpenAIEndpoint,
    Target,
    open_realtime,
)
from trio_realtime._core.cassette import Header
from trio_realtime._options import DEFAULT_OPTIONS
from trio_realtime._transport import TransportClosed, open_transport
from trio_realtime._transport._server import ServerWebSocket
from trio_realtime.testing import (
    CassetteError,
    CassetteSecretError,
    Host,
    PipeStream,
    SimulatedServer,
    record,
    replay,
    use_cassette,
)
from trio_realtime.testing._cassette_file import CassetteFile
from trio_realtime.testing._recorder import Recording

MockClock = trio.testing.MockClock

KEY = "sk-proj-canary0key0canary0key0quux"
AUDIO = bytes(range(256)) * 40
CANARIES = (
    KEY,
    "quux",
    "canary-of-the-mcp-server",
    "canary-of-a-header",
    "canary-of-the-customer",
    base64.b64encode(AUDIO).decode()[:24],
    "org-CanaryOfTheOrganization",
    "req_canary0of0a0request",
    "crumbs",
)


def cassette_in_a_file(directory: Path) -> Path:
    """A place where no file can be."""
    (directory / "file").touch()
    return directory / "file" / "a.jsonl"


@contextlib.contextmanager
def disk_of(size: int) -> Generator[None]:
    """A disk on which no file can be larger."""
    resource = pytest.importorskip("resource")
    before: tuple[int, int] = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@upgraded
async def echo(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Sends back what it gets, as it got it."""
    while True:
        data = await ws.receive()
        if isinstance(data, str):
            await ws.send(data)
        else:
            await ws.send_bytes(data)


MESSAGES: tuple[str | bytes, ...] = (
    '{"type": "a", "text": "ünï 日本"}',
    "no JSON {",
    "",
    b'{"type": "b"}',
    b"\x00\xff\xfe",
    "\u2028",
    '"\\ud800"',
    "x " * 100_000,
)


async def test_messages_of_every_kind_pass_and_are_played_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"

    def read(data: str | bytes) -> object:
        with contextlib.suppress(ValueError):
            return type(data), json.loads(data)
        return data

    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, echo), audio="keep") as server:
            async with raw_to(server) as raw:
                for message in MESSAGES:
                    await raw.send(message)
                    assert await raw.receive() == message
    async with replay(path) as server, raw_to(server) as raw:
        for message in MESSAGES:
            await raw.send(message)
            # JSON comes as JSON; its white space was not kept.
            assert read(await raw.receive()) == read(message)


async def test_what_is_asked_for_is_passed_on(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "a.jsonl"
    queries = ("model=m+1", "call_id=rtc_1", "intent=transcription", "deployment=d")
    async with SimulatedServer() as real, record(path, real.endpoint) as server:
        real.create_call(call_id="rtc_1")
        for query in queries:
            async with raw_to(server, query):
                pass
        asked = [session.handshake.query for session in real.sessions]
        assert asked == [
            {"model": "m 1"}, {"call_id": "rtc_1"}, {"intent": "transcription"}, {"model": "d"},
        ]  # fmt: skip
    async with replay(path) as server:
        for query in reversed(queries):
            async with raw_to(server, query):
                pass


@pytest.mark.parametrize("query", ["", "model=m&call_id=rtc_1", "intent=singing"])
async def test_what_cannot_be_asked_for_is_refused(
    query: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer() as real, record(path, real.endpoint) as server:
        with pytest.RaisesGroup(HandshakeRejectedError) as caught:
            async with raw_to(server, query):
                pass
    rejected = caught.value.exceptions[0]
    assert isinstance(rejected, HandshakeRejectedError)
    assert rejected.status_code == 400
    assert "the recorder cannot ask for this" in rejected.body
    assert files_in(tmp_path) == []


async def test_over_a_real_port_and_tls_it_is_the_same(tmp_path: Path) -> None:
    with trio.fail_after(30):
        async with SimulatedServer(tokens_per_second=1e6) as real:
            await real.listen(ssl_context=server_context())
            endpoint = OpenAIEndpoint(KEY, base_url=real.base_url)
            trusted = client_context()
            async with record(tmp_path / "a.jsonl", endpoint, ssl_context=trusted) as server:
                await server.listen()
                recorded = await ask(OpenAIEndpoint("unused", base_url=server.base_url))
        async with replay(tmp_path / "a.jsonl") as server:
            await server.listen()
            assert await ask(OpenAIEndpoint("unused", base_url=server.base_url)) == recorded


@upgraded
async def hears_and_resets(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    await ws.receive()
    assert isinstance(stream, PipeStream)
    stream.abort()


def closes(data: bytes) -> Peer:
    @upgraded
    async def peer(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.receive()
        await stream.send_all(data)
        await trio.sleep_forever()

    return peer


@pytest.mark.parametrize(
    ("peer", "ending", "recorded"),
    [
        (
            closes(close(1001, "60 minutes")),
            (1001, "60 minutes", "server"),
            {"code": 1001, "reason": "60 minutes"},
        ),
        (closes(close(4000, "")), (4000, "", "server"), {"code": 4000, "reason": ""}),
        (closes(frame(0x0B)), (None, "", "network"), None),
        (hears_and_resets, (None, "", "network"), None),
    ],
)
async def test_the_client_loses_its_server_as_it_was_lost(
    peer: Peer, ending: object, recorded: JsonValue, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, peer)) as server:
            async with raw_to(server) as raw:
                await raw.send("{}")
                assert await closed(raw) == ending
        nursery.cancel_scope.cancel()
    last = lines_of(path)[-1]
    assert (last["from"], last["close"]) == ("server", recorded)
    async with replay(path) as server, raw_to(server) as raw:
        await raw.send("{}")
        assert await closed(raw) == ending


@pytest.mark.parametrize("is_polite", [True, False])
async def test_the_server_loses_its_client_as_it_was_lost(
    is_polite: bool, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    endings: list[tuple[int | None, str, str]] = []

    @upgraded
    async def real(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        try:
            await ws.receive()
        except TransportClosed as ended:
            endings.append((ended.code, ended.reason, ended.closed_by))

    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, real)) as server:
            async with raw_to(server) as raw:
                if is_polite:
                    await raw.send_close(3001, "enough")
                    await closed(raw)
    assert endings == [(3001, "enough", "server") if is_polite else (None, "", "network")]
    last = lines_of(path)[-1]
    how = {"code": 3001, "reason": "enough"} if is_polite else None
    assert (last["from"], last["close"]) == ("client", how)


async def test_what_the_server_says_after_the_clients_close_is_not_recorded(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    @upgraded
    async def late(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        ws.answer_close = False
        with contextlib.suppress(TransportClosed):
            await ws.receive()
        await stream.send_all(text('{"type": "late"}') + frame(2, b"late") + close(1000))
        await trio.sleep_forever()

    path = tmp_path / "a.jsonl"
    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, late)) as server:
            async with raw_to(server) as raw:
                await raw.send_close(1000, "")
                await closed(raw)
        nursery.cancel_scope.cancel()
    assert [list(line)[-1] for line in lines_of(path)[1:]] == ["open", "close"]


async def test_a_server_that_answers_no_close_holds_nobody_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with SimulatedServer(answer_close=False) as real:
        async with record(tmp_path / "a.jsonl", real.endpoint) as server:
            await ask(server.endpoint)
            left = trio.current_time()
        assert trio.current_time() - left <= 1.0


async def test_clients_and_blocks_may_be_cancelled_at_any_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    for tenths in range(0, 40, 4):
        with trio.move_on_after(tenths / 100):
            async with SimulatedServer(latency=0.1) as real:
                async with record(tmp_path / "a.jsonl", real.endpoint) as server:
                    await ask(server.endpoint)
        with trio.fail_after(60):
            async with SimulatedServer(latency=0.1) as real:
                async with record(tmp_path / "b.jsonl", real.endpoint) as server:
                    with trio.move_on_after(tenths / 100):
                        await ask(server.endpoint)
                # Left by the client, the recorder has left the real server too.
                with trio.fail_after(5):
                    for session in real.sessions:
                        await session.wait_closed()


async def test_a_client_that_is_gone_before_its_answer_leaves_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    ended = trio.Event()

    @upgraded
    async def real(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        with contextlib.suppress(TransportClosed):
            await ws.receive()
        ended.set()

    async def slow(stream: trio.abc.Stream) -> None:
        await trio.sleep(1)
        await real(stream)

    async with trio.open_nursery() as nursery:
        async with record(tmp_path / "a.jsonl", PeerEndpoint(nursery, slow)) as server:
            with trio.move_on_after(0.5):
                async with raw_to(server):
                    pass
            with trio.fail_after(5):
                await ended.wait()


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_refusal_is_passed_on_and_played_again(
    status: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    body = '{"error": {"message": "No, not you.", "code": "no_go"}}'

    async def refused(server: Host) -> tuple[object, ...]:
        with pytest.raises((HandshakeRejectedError, AuthenticationError)) as caught:
            async with open_realtime("m", endpoint=server.endpoint):
                pass
        wait = getattr(caught.value, "retry_after", None)
        return type(caught.value), str(caught.value), caught.value.code, wait

    async with SimulatedServer() as real:
        real.refuse_connection(status, retry_after=2, body=body)
        direct = await refused(real)
        async with record(path, real.endpoint) as server:
            real.refuse_connection(status, retry_after=2, body=body)
            assert await refused(server) == direct
            server.refuse_connection(503)  # one of its own, which is no part of the recording
            await refused(server)
            await ask(server.endpoint)
    async with replay(path) as server:
        assert await refused(server) == direct
        await ask(server.endpoint)


async def test_what_concerns_one_connection_is_not_passed_on_to_another(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The length of a refusal is said once, and it is right."""
    async with SimulatedServer() as real, record(tmp_path / "a.jsonl", real.endpoint) as server:
        real.refuse_connection(429, retry_after=2, body="No, not you.")
        with pytest.raises(HandshakeRejectedError) as caught:
            async with open_realtime("m", endpoint=server.endpoint):
                pass
    names = [name.lower() for name, _ in caught.value.headers]
    assert names.count("content-length") == 1
    assert "retry-after" in names


async def test_of_a_refusal_nothing_is_kept_that_tells_who_asked(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, unauthorized)) as server:
            with pytest.raises(AuthenticationError):
                async with open_realtime("m", endpoint=server.endpoint):
                    pass
        nursery.cancel_scope.cancel()
    refused = lines_of(path)[1]["refused"]
    assert isinstance(refused, dict)
    assert (refused["status"], refused["headers"]) == (401, {})
    assert "You have no key." in str(refused["body"])


@pytest.mark.parametrize(("peer", "status"), [(hang_up, 502), (black_hole, 504)])
async def test_a_server_that_is_not_there_is_told_and_not_recorded(
    peer: Peer, status: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        async with record(path, PeerEndpoint(nursery, peer)) as server:
            with pytest.RaisesGroup(HandshakeRejectedError) as caught:
                async with raw_to(server):
                    pass
        nursery.cancel_scope.cancel()
    rejected = caught.value.exceptions[0]
    assert isinstance(rejected, HandshakeRejectedError)
    assert rejected.status_code == status
    assert "the recorder" in rejected.body
    assert files_in(tmp_path) == []
    assert trio.current_time() - began <= DEFAULT_OPTIONS.connect_timeout


@final
class BrokenEndpoint:
    async def handshake(self, target: Target) -> Handshake:
        raise LookupError("no key in the vault")


async def test_what_the_endpoint_raises_ends_the_block(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    with pytest.RaisesGroup(LookupError):
        async with record(tmp_path / "a.jsonl", BrokenEndpoint()) as server:
            await ask(server.endpoint)


async def test_no_secret_is_on_the_disk_in_any_line(  # promise 9
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A session with everything in it that must not be there."""
    echoed = f"Incorrect API key provided: sk-proj-{'*' * 20}quux."
    said: list[JsonValue] = [
        {"type": "error", "error": {"message": f"{echoed} In org-CanaryOfTheOrganization"}},
        {"type": "x", "client_secret": {"value": "canary-of-a-header"}},
        {"type": "response.output_audio.delta", "delta": base64.b64encode(AUDIO).decode()},
        {"type": "response.output_text.delta", "delta": f"your key {KEY}, canary-of-the-customer"},
    ]

    @upgraded
    async def real(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
        await ws.receive()
        await ws.receive()
        for message in said:
            await ws.send(json.dumps(message))
        await ws.send(f"no JSON, but {KEY} in request req_canary0of0a0request")
        await ws.send_bytes(AUDIO)
        await ws.close(3000, f"bad key {KEY}")
        await ws.receive()

    tool: JsonValue = {
        "type": "mcp",
        "authorization": "canary-of-the-mcp-server",
        "headers": {"X-Key": "canary-of-a-header"},
    }
    path = tmp_path / "a.jsonl"
    async with trio.open_nursery() as nursery:
        endpoint = PeerEndpoint(nursery, real, key=KEY)
        known = ["canary-of-the-customer"]
        async with record(path, endpoint, secrets=known) as server, raw_to(server) as raw:
            await raw.send(json.dumps({"type": "session.update", "session": {"tools": [tool]}}))
            audio = base64.b64encode(AUDIO).decode()
            await raw.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            assert (await closed(raw))[0] == 3000
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == 11
    assert [(canary, line) for canary in CANARIES for line in lines if canary in line] == []


async def test_keys_without_a_shape_are_known_by_their_value(  # promise 9
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The real server's, and those that clients show us."""
    path = tmp_path / "a.jsonl"
    theirs = "canary-that-the-client-showed"
    async with trio.open_nursery() as nursery:
        endpoint = PeerEndpoint(nursery, echo)
        async with record(path, endpoint) as server:
            shown = OpenAIEndpoint(theirs, base_url="http://localhost/v1")
            asked = await shown.handshake(Target(model="m"))
            async with trio.open_nursery() as inner:
                raw = await open_transport(inner, await server.connect(), asked, DEFAULT_OPTIONS)
                await raw.send(json.dumps({"text": f"{theirs} and {endpoint.key}"}))
                assert endpoint.key in str(await raw.receive())
                await raw.aclose()
        nursery.cancel_scope.cancel()
    written = path.read_text()
    assert written.count("[redacted] and [redacted]") == 2
    assert "canary" not in written


async def test_a_key_that_cannot_be_taken_out_ends_the_block_and_leaves_no_file(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with trio.open_nursery() as nursery:
        with pytest.RaisesGroup(CassetteSecretError) as caught:
            async with record(path, PeerEndpoint(nursery, echo)) as server, raw_to(server) as raw:
                await raw.send('{"type": "a"}')
                await raw.send(json.dumps({"type": "b", "arguments": {KEY: 1}}))
                await trio.sleep_forever()
    told = str(caught.value.exceptions[0])
    assert told == (
        f"{path}, connection 1: a b of the client's has a key as a name, at arguments. "
        "Nothing was recorded"
    )
    assert files_in(tmp_path) == []


async def test_nothing_is_written_after_a_key_was_found(tmp_path: Path) -> None:
    """Other clients go on for a moment, and must not begin the file anew."""
    await trio.lowlevel.checkpoint()
    file = CassetteFile(tmp_path / "a.jsonl", b"the header")
    recording = Recording(file, Header(), secrets=[KEY])
    number = recording.opened(Handshake("ws://localhost/"), {"model": "m"}, None)
    assert files_in(tmp_path) == ["a.jsonl.partial"]
    with pytest.raises(CassetteSecretError, match="Nothing was recorded"):
        recording.message(number, "client", json.dumps({KEY: 1}))
    recording.message(number, "client", json.dumps({KEY: 1}))
    recording.message(number, "server", "{}")
    recording.closed(number, "server", 1000, "")
    file.keep()
    assert files_in(tmp_path) == []


async def test_a_disk_that_cannot_be_written_ends_the_block(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = cassette_in_a_file(tmp_path)
    with pytest.RaisesGroup(pytest.RaisesExc(CassetteError, match="cannot be written: .*")):
        async with SimulatedServer() as real, record(path, real.endpoint) as server:
            await ask(server.endpoint)


async def test_a_disk_that_is_full_ends_the_block_and_what_there_is_is_told(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    with (
        disk_of(900),
        pytest.RaisesGroup(
            pytest.RaisesExc(CassetteError, match="a.jsonl cannot be written: ")
        ) as caught,
    ):
        async with SimulatedServer() as real, record(path, real.endpoint) as server:
            await ask(server.endpoint)
    assert caught.value.__notes__ == [f"what was recorded until then is in {path}.partial"]
    assert files_in(tmp_path) == ["a.jsonl.partial"]
    assert (tmp_path / "a.jsonl.partial").stat().st_size == 900


def test_a_line_that_the_disk_took_half_of_is_told(tmp_path: Path) -> None:
    file = CassetteFile(tmp_path / "a.jsonl", b"the header\n")
    with disk_of(15), pytest.raises(CassetteError, match="cannot be written"):
        file.write("a long line")
    file.leave()


async def test_two_recordings_of_one_cassette_are_told_apart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The later one is kept: it has taken the place of what looked left by a crash."""
    path = tmp_path / "a.jsonl"
    complaint = "another recording of it was begun meanwhile, and nothing of this one was kept"
    async with SimulatedServer() as real:
        with pytest.raises(CassetteError, match=complaint):
            async with record(path, real.endpoint) as one:
                await ask(one.endpoint, "One")
                async with record(path, real.endpoint) as other:
                    await ask(other.endpoint, "Two")
        assert files_in(tmp_path) == ["a.jsonl"]
        with pytest.raises(CassetteError, match=complaint):
            async with record(path, real.endpoint) as one, record(path, real.endpoint) as other:
                await ask(other.endpoint, "Two")
                await ask(one.endpoint, "Three")
    assert files_in(tmp_path) == ["a.jsonl", "a.jsonl.partial"]
    assert "Three" in path.with_name("a.jsonl.partial").read_text()


async def test_a_key_in_one_of_two_recordings_leaves_the_other_alone(tmp_path: Path) -> None:
    await trio.lowlevel.checkpoint()
    one, other = (CassetteFile(tmp_path / "a.jsonl", b"the header\n") for _ in range(2))
    one.write("1")
    other.write("2")
    one.discard()
    other.keep()
    assert (tmp_path / "a.jsonl").read_bytes() == b"the header\n2\n"


async def test_a_server_is_good_for_one_block(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with SimulatedServer() as real:
        server = record(tmp_path / "a.jsonl", real.endpoint)
        async with server:
            await ask(server.endpoint)
        with pytest.raises(RuntimeError, match="one block: make another one"):
            await server.__aenter__()


async def test_what_is_asked_for_is_scrubbed_like_the_rest(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """In paths, models and subprotocols too."""
    await trio.lowlevel.checkpoint()
    file = CassetteFile(tmp_path / "a.jsonl", b"the header\n")
    recording = Recording(file, Header(), secrets=["canary-of-the-customer"])
    asked = Handshake(f"wss://api.test/canary-of-the-customer?model={KEY}&key=crumbs")
    recording.opened(asked, {"model": KEY}, f"openai-insecure-api-key.{KEY}")
    recording.refused(asked, {"model": KEY}, HandshakeRejectedError(status_code=401))
    file.leave()
    written = (tmp_path / "a.jsonl.partial").read_text()
    assert [canary for canary in CANARIES if canary in written] == []
    opened, refused = (json.loads(line) for line in written.splitlines()[1:])
    url = "wss://api.test/[redacted]?model=[redacted]&key=[redacted]"
    query = {"model": "[redacted]"}
    assert opened["open"] == {
        "url": url,
        "query": query,
        "subprotocol": "openai-insecure-api-key.[redacted]",
    }
    assert (refused["refused"]["url"], refused["refused"]["query"]) == (url, query)


def test_a_directory_is_no_cassette(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="a cassette is a file"):
        record(tmp_path, OpenAIEndpoint(KEY))


async def test_recorded_once_it_needs_no_key_any_more(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "a.jsonl"
    async with SimulatedServer(api_key=KEY) as real:
        for _ in range(2):
            async with use_cassette(path, "once", real.endpoint) as server:
                await ask(server.endpoint)
        assert len(real.sessions) == 1
    async with use_cassette(path, "once") as server:
        await ask(server.endpoint)

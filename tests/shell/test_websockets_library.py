"""Frames and the upgrade with `websockets`, held against wsproto at the other end."""

from __future__ import annotations

import importlib
import logging
import sys
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeVar

import pytest
import trio
from hypothesis import example, given, strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from tests.shell.peers import HANDSHAKE, ending_of, frame, pipe_to, says
from trio_realtime import DEFAULT_OPTIONS, ConnectError, Handshake
from trio_realtime._transport import Transport
from trio_realtime._transport._client import open_transport
from trio_realtime._transport._library import LibraryFault, Upgraded, UpgradeFault
from trio_realtime._transport._server import ServerWebSocket, accept_websocket
from trio_realtime._transport._upgrade import request_from_url
from trio_realtime._transport._wsproto import WsprotoFrames
from trio_realtime.testing._pipes import pipe_pair

pytest.importorskip("websockets", reason="websockets is not installed")
from trio_realtime._transport._websockets import WebsocketsFrames, WebsocketsUpgrade

pytestmark = pytest.mark.one_library

KEY = "sk-proj-canary0canary0canary0canary0quux"
LIMIT = 1024 * 1024

DataT = TypeVar("DataT", str, bytes)


@dataclass
class Pair:
    """Our frames, and a server of wsproto's that agreed to speak with them."""

    ours: WebsocketsFrames
    theirs: WSConnection

    def heard(self, data: bytes) -> list[str | bytes | bytearray]:
        """What the server understands."""
        self.theirs.receive_data(data)
        events = list(self.theirs.events())
        assert all(isinstance(event, TextMessage | BytesMessage) for event in events)
        return [e.data for e in events if isinstance(e, TextMessage | BytesMessage)]


def upgrade(
    handshake: Handshake | None = None,
    *,
    compression: Literal["deflate"] | None = None,
    extension: PerMessageDeflate | None = None,
    subprotocol: str | None = None,
    headers: Sequence[tuple[bytes, bytes]] = (),
    max_message_bytes: int = LIMIT,
) -> tuple[Upgraded, WSConnection]:
    asked = WebsocketsUpgrade(
        handshake or Handshake(url="ws://localhost/"),
        max_message_bytes=max_message_bytes,
        compression=compression,
    )
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(asked.request)
    assert isinstance(next(server.events()), Request)
    answer = AcceptConnection(
        subprotocol=subprotocol,
        extensions=[] if extension is None else [extension],
        extra_headers=list(headers),
    )
    return asked.accept(server.send(answer)), server


def pair(
    compression: Literal["deflate"] | None = None,
    *,
    max_message_bytes: int = LIMIT,
    no_context: bool = False,
) -> Pair:
    upgraded, server = upgrade(
        compression=compression,
        extension=PerMessageDeflate(
            client_no_context_takeover=no_context, server_no_context_takeover=no_context
        ),
        max_message_bytes=max_message_bytes,
    )
    assert isinstance(upgraded.library, WebsocketsFrames)
    return Pair(upgraded.library, server)


def plain() -> WebsocketsFrames:
    return WebsocketsFrames([], LIMIT)


def fault_of(library: WebsocketsFrames, data: bytes) -> LibraryFault:
    with pytest.raises(LibraryFault) as caught:
        library.feed(data)
    return caught.value


def deflated(data: bytes, *, first: int = 0xC1) -> bytes:
    """The one frame of a compressed message."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return bytes([first]) + frame(0, body[:-4])[1:]


def split(data: DataT, cuts: Sequence[int]) -> list[DataT]:
    bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def in_frames(opcode: int, parts: Sequence[bytes]) -> list[bytes]:
    last = len(parts) - 1
    return [frame(opcode if i == 0 else 0, p, fin=i == last) for i, p in enumerate(parts)]


messages = st.one_of(st.text(), st.binary(), st.text(max_size=3).map(lambda text: text * 30_000))
some_cuts = st.lists(st.integers(0, 2**20), max_size=5)


@pytest.mark.parametrize(
    "url",
    [
        "wss://api.openai.com/v1/realtime?model=m",
        "wss://api.openai.com:443/",
        "wss://api.openai.com:80",
        "ws://localhost:80/x?",
        "ws://localhost:443/x;y=1?z",
        "ws://[::1]/x",
        "ws://[2001:db8::1]:8080/a%20b?c=%C3%BC",
    ],
)
def test_host_and_target_are_those_of_every_upgrade(url: str) -> None:
    lines = WebsocketsUpgrade(Handshake(url=url), max_message_bytes=LIMIT).request.split(b"\r\n")
    host, target = request_from_url(url)
    assert lines[0].decode() == f"GET {target} HTTP/1.1"
    assert lines[1].decode() == f"Host: {host}"


def test_the_request_holds_what_the_handshake_says_and_no_more() -> None:
    handshake = Handshake(
        url="wss://api.example/v1",
        headers=(("AUTHORIZATION", f"Bearer {KEY}"), ("User-agent", "mine/1"), ("X", "1")),
        subprotocols=("realtime", "other"),
    )
    request = WebsocketsUpgrade(handshake, max_message_bytes=LIMIT).request.decode()
    first, *lines, empty, rest = request.split("\r\n")
    assert (first, empty, rest) == ("GET /v1 HTTP/1.1", "", "")
    (key,) = (line for line in lines if line.startswith("Sec-WebSocket-Key: "))
    lines.remove(key)
    assert lines == [
        "Host: api.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: realtime, other",
        f"AUTHORIZATION: Bearer {KEY}",
        "User-agent: mine/1",
        "X: 1",
    ]


def test_each_request_has_a_key_of_its_own() -> None:
    handshake = Handshake(url="ws://localhost/")
    requests = {WebsocketsUpgrade(handshake, max_message_bytes=1).request for _ in range(3)}
    assert len(requests) == 3


def test_compression_is_asked_for_only_when_it_is_wanted() -> None:
    handshake = Handshake(url="ws://localhost/")
    asking = WebsocketsUpgrade(handshake, max_message_bytes=1, compression="deflate")
    assert b"\r\nSec-WebSocket-Extensions: permessage-deflate" in asking.request
    silent = WebsocketsUpgrade(handshake, max_message_bytes=1)
    assert b"xtensions" not in silent.request


def test_an_upgrade_brings_subprotocol_headers_and_a_library() -> None:
    upgraded, _ = upgrade(
        Handshake(url="ws://localhost/", subprotocols=("realtime",)),
        subprotocol="realtime",
        headers=[(b"X-Request-Id", b"req_1"), (b"Server", b"a"), (b"server", b"b \xe9")],
    )
    assert upgraded.subprotocol == "realtime"
    assert upgraded.headers == (("x-request-id", "req_1"), ("server", "a"), ("server", "b é"))
    assert not upgraded.library.takes_compressed


def test_a_server_may_decline_subprotocol_and_compression() -> None:
    upgraded, _ = upgrade(
        Handshake(url="ws://localhost/", subprotocols=("realtime",)), compression="deflate"
    )
    assert upgraded.subprotocol is None
    assert not upgraded.library.takes_compressed


CONNECTION, UPGRADE = "Connection: Upgrade", "Upgrade: websocket"
WRONG_KEY = "Sec-WebSocket-Accept: bm90IHdoYXQgd2UgYXNrZWQgZm9y"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "Connection"),
        ([CONNECTION], "Upgrade"),
        ([CONNECTION, "Upgrade: h2c"], "Upgrade header: h2c"),
        ([CONNECTION, UPGRADE], "Sec-WebSocket-Accept"),
        ([CONNECTION, UPGRADE, WRONG_KEY], "invalid Sec-WebSocket-Accept"),
        (["no colon here"], "no colon here"),
    ],
)
def test_a_101_that_is_no_answer_is_a_fault(lines: list[str], said: str) -> None:
    asked = WebsocketsUpgrade(Handshake(url="ws://localhost/"), max_message_bytes=LIMIT)
    head = "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""])
    with pytest.raises(UpgradeFault, match=said):
        asked.accept(head.encode())


@pytest.mark.parametrize(
    ("line", "compression", "said"),
    [
        ("Sec-WebSocket-Protocol: other", None, "unsupported subprotocol: other"),
        ("Sec-WebSocket-Protocol: realtime, realtime", None, "multiple values"),
        ("Sec-WebSocket-Extensions: permessage-deflate", None, "no extensions supported"),
        ("Sec-WebSocket-Extensions: x-mux", "deflate", "Unsupported extension: name = x-mux"),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8",
            "deflate",
            "Unsupported extension",
        ),
    ],
)
def test_what_was_not_asked_for_is_a_fault(
    line: str, compression: Literal["deflate"] | None, said: str
) -> None:
    asked = WebsocketsUpgrade(
        Handshake(url="ws://localhost/", subprotocols=("realtime",)),
        max_message_bytes=LIMIT,
        compression=compression,
    )
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(asked.request)
    assert next(server.events()) is not None
    head = server.send(AcceptConnection())
    with pytest.raises(UpgradeFault, match=said):
        asked.accept(head[:-2] + line.encode() + b"\r\n\r\n")


# promise 9
def test_no_log_ever_tells_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    upgraded, _ = upgrade(
        Handshake(url="wss://api.example/", headers=(("Authorization", f"Bearer {KEY}"),)),
        headers=[(b"Set-Cookie", b"crumbs")],
    )
    upgraded.library.message(KEY)
    upgraded.library.feed(frame(2, b"data"))
    assert caplog.text == ""


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "trio_realtime._transport._websockets"
    monkeypatch.setitem(sys.modules, "websockets.client", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'trio-realtime\[websockets\]'"):
        importlib.import_module(name)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("no_context", [False, True])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 2043, 2044, 65535, 65536, 300_000])
def test_a_message_arrives_masked_and_whole(
    size: int, compression: Literal["deflate"] | None, *, no_context: bool
) -> None:
    link = pair(compression, no_context=no_context)
    for message in ("é" * (size // 2), b"\xff" * size, "x" * size):
        made = link.ours.message(message)
        assert made[1] & 0x80
        assert link.heard(made) == [message]


def test_a_repeated_message_gets_smaller() -> None:
    link = pair("deflate")
    message = '{"type": "input_audio_buffer.commit", "event_id": "event_of_ours"}'
    sizes = [len(link.ours.message(message)) for _ in range(2)]
    assert sizes[1] < sizes[0] // 2


@pytest.mark.parametrize("payload", [b"", b"\x00\x00\x00\x01", b"p" * 125])
def test_pings_and_pongs_arrive(payload: bytes) -> None:
    link = pair("deflate")
    link.theirs.receive_data(link.ours.ping(payload) + link.ours.pong(payload))
    assert [*link.theirs.events()] == [Ping(payload=payload), Pong(payload=payload)]


@pytest.mark.parametrize(
    ("code", "reason", "expected_code", "expected_reason"),
    [
        (1000, "", 1000, ""),
        (1000, "bye", 1000, "bye"),
        (4999, "ours", 4999, "ours"),
        (1005, "never on the wire", 1000, "never on the wire"),
        (1006, "never on the wire", 1000, "never on the wire"),
        (1015, "", 1000, ""),
        (3000, "€" * 50, 3000, "€" * 41),
        (1000, "x" * 123, 1000, "x" * 123),
        (1000, "x" * 124, 1000, "x" * 123),
        (1000, "half \ud800", 1000, "half ?"),
    ],
)
def test_close_arrives_with_what_of_its_reason_fits(
    code: int, reason: str, expected_code: int, expected_reason: str
) -> None:
    link = pair()
    link.theirs.receive_data(link.ours.close(code, reason))
    assert [*link.theirs.events()] == [CloseConnection(code=expected_code, reason=expected_reason)]


@pytest.mark.parametrize("code", [1004, 1016, 2999])
def test_a_close_of_any_code_can_be_answered(code: int) -> None:
    made = plain().close(code, "")
    key = made[2:6]
    payload = bytes(byte ^ key[i] for i, byte in enumerate(made[6:]))
    assert (made[0], payload) == (0x88, code.to_bytes(2, "big"))


def test_nothing_that_arrives_makes_a_frame_of_ours_impossible() -> None:
    link = pair("deflate")
    link.ours.feed(frame(1, b"half a mess", fin=False))
    assert fault_of(link.ours, frame(2, b"another")).code == 1002
    assert link.heard(link.ours.message("still here")) == ["still here"]


@given(st.lists(st.tuples(messages, some_cuts), max_size=5))
@example([("é", [1])])
@example([("", [0, 0])])
def test_fragments_make_the_same_messages_as_with_wsproto(
    sent: list[tuple[str | bytes, list[int]]],
) -> None:
    ours, oracle = plain(), WsprotoFrames()
    received: list[str | bytes] = []
    for message, cuts in sent:
        opcode, data = (1, message.encode()) if isinstance(message, str) else (2, message)
        for made in in_frames(opcode, split(data, cuts)):
            got = ours.feed(made)
            assert got == oracle.feed(made)
            if got is not None:
                received.append(got)
    assert received == [message for message, _ in sent]


frames = st.builds(
    frame,
    st.sampled_from([0, 1, 2]),
    st.sampled_from([b"", b"abc", "é".encode(), b"x" * 126, b"x" * 65536]),
    fin=st.booleans(),
)


@given(st.lists(frames, max_size=8))
def test_any_order_of_frames_is_the_same_message_or_fault_as_with_wsproto(
    sent: list[bytes],
) -> None:
    def outcome(feed: Callable[[bytes], str | bytes | None]) -> list[str | bytes | int | None]:
        seen: list[str | bytes | int | None] = []
        for made in sent:
            try:
                seen.append(feed(made))
            except LibraryFault as fault:
                return [*seen, fault.code]
        return seen

    assert outcome(plain().feed) == outcome(WsprotoFrames().feed)


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"abc\xf0\x9f\x98"])
def test_text_that_is_not_utf_8_is_a_fault(broken: bytes) -> None:
    for made in (in_frames(1, [broken]), in_frames(1, [b"abc", broken[:1], broken[1:]])):
        library, oracle = plain(), WsprotoFrames()
        for part in made[:-1]:
            assert library.feed(part) is None
        assert fault_of(library, made[-1]).code == 1007
        with pytest.raises(LibraryFault) as caught:
            for part in made:
                oracle.feed(part)
        assert caught.value.code == 1007


@given(st.lists(st.tuples(messages, some_cuts), max_size=5), st.booleans())
def test_compressed_messages_arrive_as_wsproto_sent_them(
    sent: list[tuple[str | bytes, list[int]]],
    no_context: bool,
) -> None:
    link = pair("deflate", no_context=no_context)
    for message, cuts in sent:
        events: Sequence[TextMessage | BytesMessage]
        if isinstance(message, str):
            events = [
                TextMessage(data=part, message_finished=False) for part in split(message, cuts)
            ]
        else:
            events = [
                BytesMessage(data=part, message_finished=False) for part in split(message, cuts)
            ]
        events = [*events[:-1], replace(events[-1], message_finished=True)]
        received = [link.ours.feed(link.theirs.send(event)) for event in events]
        assert received == [None] * (len(events) - 1) + [message]
        assert link.heard(link.ours.message(message)) == [message]


def test_a_server_may_leave_a_message_uncompressed() -> None:
    link = pair("deflate")
    assert link.ours.takes_compressed
    received = [link.ours.feed(made) for made in in_frames(1, [b"one", b"two"])]
    assert received == [None, "onetwo"]
    assert link.ours.feed(deflated(b"compressed")) == "compressed"
    assert link.ours.feed(frame(2, b"plain")) == b"plain"


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_a_decompressed_message_may_be_as_large_as_the_limit_and_no_larger(size: int) -> None:
    limit = max(size, 10)
    data = b"x" * limit
    assert pair("deflate", max_message_bytes=limit).ours.feed(deflated(data)) == data.decode()
    fault = fault_of(pair("deflate", max_message_bytes=limit).ours, deflated(data + b"x"))
    assert fault.code == 1009
    assert str(limit) in str(fault)


def test_a_zip_bomb_is_never_inflated_beyond_the_limit() -> None:
    bomb = deflated(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100_000
    library = pair("deflate", max_message_bytes=100_000).ours
    tracemalloc.start()
    try:
        assert fault_of(library, bomb).code == 1009
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_in_fragments_is_stopped_where_the_limit_is_reached() -> None:
    """Also where a fragment ends exactly there: to zlib a limit of 0 is none."""
    limit = 100_000
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    filling = deflater.compress(bytes(limit)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    bomb = deflater.compress(bytes(64 * 1024 * 1024)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    library = pair("deflate", max_message_bytes=limit).ours
    assert library.feed(b"\x42" + frame(0, filling)[1:]) is None
    tracemalloc.start()
    try:
        assert fault_of(library, frame(0, bomb)).code == 1009
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_fragments_of_a_full_message_that_add_nothing_are_welcome() -> None:
    limit = 1000
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    filling = deflater.compress(bytes(limit)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    library = pair("deflate", max_message_bytes=limit).ours
    assert library.feed(b"\x42" + frame(0, filling)[1:]) is None
    assert library.feed(frame(0, b"", fin=False)) is None
    assert library.feed(frame(0, b"\x00")) == bytes(limit)


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x07", b"not deflate at all"])
def test_what_cannot_be_decompressed_is_a_fault(body: bytes) -> None:
    assert fault_of(pair("deflate").ours, b"\xc1" + frame(0, body)[1:]).code == 1002


def test_compressed_text_that_is_not_utf_8_is_a_fault() -> None:
    assert fault_of(pair("deflate").ours, deflated(b"\xff\xfe")).code == 1007


def test_a_message_of_many_fragments_takes_no_more_room_than_its_bytes() -> None:
    library = plain()
    library.feed(frame(2, b"x", fin=False))
    nothing = frame(0, b"", fin=False)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            assert library.feed(nothing) is None
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()
    assert library.feed(frame(0, b"y")) == b"xy"


@asynccontextmanager
async def both_ends(
    *, asks: bool, takes: bool
) -> AsyncGenerator[tuple[Transport, ServerWebSocket]]:
    """A client's transport, and the server's WebSocket."""
    ours, theirs = pipe_pair()
    accepted: list[ServerWebSocket] = []

    async def accept() -> None:
        request = await accept_websocket(theirs)
        accepted.append(await request.accept(compression=takes))
        await accepted[0].send("at once")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        transport = await open_transport(
            nursery,
            ours,
            HANDSHAKE,
            DEFAULT_OPTIONS,
            library="websockets",
            compression="deflate" if asks else None,
        )
        try:
            yield transport, accepted[0]
        finally:
            await transport.aclose()
            await accepted[0].aclose()


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("takes", [False, True])
async def test_a_transport_speaks_with_or_without_compression(*, asks: bool, takes: bool) -> None:
    message = "one word and one word and " * 400
    async with both_ends(asks=asks, takes=takes) as (transport, ws):
        assert await transport.receive() == "at once"
        before = transport.bytes_in, transport.bytes_out
        await ws.send(message)
        await ws.ping(b"there?")
        await ws.send_bytes(message.encode())
        assert await transport.receive() == message
        assert await transport.receive() == message.encode()
        await transport.send(message)
        assert await ws.receive() == message
        received, sent = transport.bytes_in - before[0], transport.bytes_out - before[1]
        assert (received < 2 * len(message)) is (asks and takes)
        assert (sent < len(message)) is (asks and takes)
        await ws.close(1001, "going")
        closed = await ending_of(transport)
        assert (closed.code, closed.reason, closed.closed_by) == (1001, "going", "server")


async def test_a_101_that_is_no_answer_is_a_connect_error() -> None:
    async with trio.open_nursery() as servers:
        stream = await pipe_to(servers, says(b"HTTP/1.1 101 Yes\r\n\r\n", ends=False))("", 0)
        async with trio.open_nursery() as nursery:
            with pytest.raises(ConnectError, match=r"not a WebSocket upgrade: .*Connection"):
                await open_transport(
                    nursery, stream, HANDSHAKE, DEFAULT_OPTIONS, library="websockets"
                )
        assert stream.closed
        servers.cancel_scope.cancel()

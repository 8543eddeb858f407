"""The table of peers that misbehave: what the program does, what it is told, and after how long.

One table for two clocks: `test_peers` runs it over pipes in virtual time, with the documented
deadlines; `tests/network/test_real_time` over loopback in real time, with short ones.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import trio
from pydantic import JsonValue

from tests.network.servers import client_context, over_tls, server_context
from tests.shell import peers
from tests.shell.lines import anatomy
from tests.shell.peers import Peer
from trio_realtime import (
    DEFAULT_OPTIONS,
    CloseInfo,
    OpenAIEndpoint,
    Options,
    RealtimeConnection,
    RealtimeError,
    open_realtime,
)
from trio_realtime._endpoint import StreamFactory
from trio_realtime._transport import TransportClosed
from trio_realtime._transport._answer import BODY_PATIENCE
from trio_realtime._transport._server import ServerWebSocket

Body: TypeAlias = Callable[[RealtimeConnection], Awaitable[None]]


async def leaves(conn: RealtimeConnection) -> None:
    """Fall out of the block at once."""


async def reads(conn: RealtimeConnection) -> None:
    async for _ in conn:
        pass


async def sends_much(conn: RealtimeConnection) -> None:
    """Send more than any socket buffers."""
    await conn.send({"type": "input_audio_buffer.append", "audio": "A" * 16_000_000})


async def queues_much(conn: RealtimeConnection) -> None:
    conn.send_nowait({"type": "input_audio_buffer.append", "audio": "A" * 16_000_000})


async def stalls_in_tls(stream: trio.abc.Stream) -> None:
    """Sends half of its TLS handshake, and then reads on without another word."""
    received, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    half_open = server_context().wrap_bio(received, ours, server_side=True)
    received.write(await stream.receive_some())
    with contextlib.suppress(ssl.SSLWantReadError):
        half_open.do_handshake()
    flight = ours.read()
    await stream.send_all(flight[: len(flight) // 2])
    await peers.swallower(stream)


@peers.upgraded
async def pings_steadily(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Pings a thousand times a second, also after a CLOSE; reads, and answers nothing.

    A flood without a pause would leave virtual time no moment to go on.
    """
    await ws.send(peers.SESSION_CREATED)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peers.swallower, stream)
        while True:
            await stream.send_all(peers.ping())
            await trio.sleep(0.001)


@peers.upgraded
async def pings_before_close(ws: ServerWebSocket, stream: trio.abc.Stream) -> None:
    """Answers a CLOSE with a ping, and only then with a CLOSE."""
    ws.answer_close = False
    await ws.send(peers.SESSION_CREATED)
    with contextlib.suppress(TransportClosed):
        await ws.receive()
    await stream.send_all(peers.ping() + peers.close(1000))
    await peers.swallower(stream)


unauthorized_without_end: Final = peers.says(
    b"HTTP/1.1 401 Unauthorized\r\nX-Request-Id: req_401\r\n\r\nYou have no key.", ends=False
)
"""A 401 whose body ends with the connection, which never ends."""

breaks_the_protocol: Final = peers.writes(
    peers.text(peers.SESSION_CREATED) + peers.frame(0x0B, b"what opcode is this?")
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row."""

    name: str
    peer: Peer
    body: Body = leaves
    leaves: str = "nothing"
    """The anatomy of what leaves `async with`."""
    takes: float
    """Virtual seconds from the beginning to the end, with the default options."""
    says: Mapping[str, object] = field(default_factory=dict[str, object])
    """What the error carries."""
    way: Literal["tcp", "tls", "proxy", "nowhere"] = "tcp"
    session: dict[str, JsonValue] | None = None
    clock: Literal["any", "virtual", "real"] = "any"

    async def meet(
        self,
        port: int = 1,
        *,
        options: Options = DEFAULT_OPTIONS,
        stream_factory: StreamFactory | None = None,
    ) -> None:
        """Open a connection, do what the program does, and check what it is told."""
        error: Exception | None = None
        base_url = f"{'https' if self.way == 'tls' else 'http'}://localhost:{port}/v1"
        try:
            async with open_realtime(
                "m",
                endpoint=OpenAIEndpoint("key", base_url=base_url),
                session=self.session,
                options=options,
                ssl_context=client_context() if self.way == "tls" else None,
                proxy=f"http://127.0.0.1:{port}" if self.way == "proxy" else None,
                stream_factory=stream_factory,
            ) as conn:
                await self.body(conn)
        except (RealtimeError, ExceptionGroup) as raised:
            error = raised
        left = "nothing" if error is None else anatomy(error)
        assert left == self.leaves, f"{left} left the block"
        if isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        for name, value in self.says.items():
            assert getattr(error, name) == value


LOST: Final = "ExceptionGroup[ConnectionClosedError]"
DEAD: Final = "ExceptionGroup[KeepaliveTimeoutError]"
LATE: Final = "ConnectTimeoutError"


def _late(stage: str) -> Mapping[str, object]:
    return {"stage": stage}


CASES: Final = (
    # Opening: pain 23.
    Case(name="black hole: tcp", way="nowhere", peer=peers.black_hole,
         leaves=LATE, takes=10, says=_late("tcp")),
    Case(name="black hole: proxy", way="proxy", peer=peers.black_hole,
         leaves=LATE, takes=10, says=_late("proxy")),
    Case(name="black hole: tls", way="tls", peer=peers.black_hole,
         leaves=LATE, takes=10, says=_late("tls")),
    Case(name="half a TLS handshake", way="tls", peer=stalls_in_tls,
         leaves=LATE, takes=10, says=_late("tls")),
    Case(name="black hole: upgrade", peer=peers.swallower,
         leaves=LATE, takes=10, says=_late("upgrade")),
    Case(name="black hole: upgrade, over TLS", way="tls",
         peer=over_tls(peers.swallower, server_context()),
         leaves=LATE, takes=10, says=_late("upgrade")),
    Case(name="black hole: session.created", peer=peers.no_session,
         leaves=LATE, takes=10, says=_late("session.created")),
    Case(name="black hole: session.updated", peer=peers.polite, session={"instructions": "Hi."},
         leaves=LATE, takes=10, says=_late("session.updated")),
    Case(name="401, the body ends with the connection", peer=peers.unauthorized,
         leaves="AuthenticationError", takes=0, says={"status_code": 401, "code": "no_key"}),
    Case(name="401, the body never ends", peer=unauthorized_without_end,
         leaves="AuthenticationError", takes=BODY_PATIENCE, says={"status_code": 401}),
    Case(name="429 with Retry-After", peer=peers.too_many_requests,
         leaves="HandshakeRejectedError", takes=0, says={"status_code": 429, "retry_after": 7}),
    Case(name="garbage", peer=peers.garbage, leaves="ConnectError", takes=0),
    Case(name="the end in place of an answer", peer=peers.hang_up,
         leaves="ConnectError", takes=0),
    Case(name="a bad key after 101", peer=peers.bad_key, leaves="AuthenticationError", takes=0,
         says={"code": "invalid_api_key", "close_code": 3000}),
    # In the block.
    Case(name="CLOSE but holds TCP", peer=peers.closes_and_holds, body=reads,
         leaves=LOST, takes=0, says={"info": CloseInfo(1001, "going away", "server")}),
    Case(name="breaks the protocol", peer=breaks_the_protocol, body=reads, leaves=LOST, takes=0),
    Case(name="mid-frame stall", peer=peers.stalls_mid_frame, body=reads, leaves=DEAD, takes=40),
    Case(name="stops reading, while we send", peer=peers.stops_reading, body=sends_much,
         leaves=DEAD, takes=40),
    Case(name="ping flood that reads no answer", peer=peers.floods_and_does_not_read, body=reads,
         leaves=LOST, takes=0),
    # Closing: pain 5.
    Case(name="never CLOSE", peer=peers.never_closes, takes=1),
    Case(name="never CLOSE, half-open TLS", way="tls",
         peer=over_tls(peers.never_closes, server_context()), takes=1),
    Case(name="CLOSE but holds TCP, while we leave", peer=peers.closes_and_holds, takes=0),
    Case(name="stops reading, while we leave", peer=peers.stops_reading, takes=1),
    Case(name="stops reading, with frames queued", peer=peers.stops_reading, body=queues_much,
         leaves=LOST, takes=1),
    Case(name="stops reading, with frames queued, over TLS", way="tls",
         peer=over_tls(peers.stops_reading, server_context()), body=queues_much,
         leaves=LOST, takes=1),
    Case(name="ping before the answer to CLOSE", peer=pings_before_close, takes=0),
    Case(name="pings while closing", peer=pings_steadily, takes=1),
    Case(name="ping flood while closing", peer=peers.floods_with_pings, takes=1, clock="real"),
    Case(name="ping flood that reads no answer, while we leave", clock="real",
         peer=peers.floods_and_does_not_read, takes=1),
    Case(name="mid-frame stall, while we leave", peer=peers.stalls_mid_frame, takes=1),
)  # fmt: skip

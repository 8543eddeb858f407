"""The upgrade with trio-websocket: it asks, and checks the server's key and subprotocol.

The library's own reader and queue would cost as much per message as all the rest, and they lose
messages and wait for ever in a score of ways; so the library gets a stream of which nothing but the
answer to the upgrade ever comes, and is let go. This module does not know what a frame is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast, final

import outcome
import trio
import trio_websocket
from wsproto.utilities import RemoteProtocolError

from trio_realtime._transport._library import Upgraded, UpgradeFault
from trio_realtime._transport._upgrade import AnswerReader, request_from_url
from trio_realtime._transport._wire import Wire
from trio_realtime._transport._wsproto import WsprotoFrames

if TYPE_CHECKING:
    from trio_realtime._endpoint import Handshake


async def upgrade(wire: Wire, handshake: Handshake, answer: AnswerReader) -> tuple[Upgraded, bytes]:
    """Upgrade `wire`; return what that brought, and what came after the answer.

    Raises:
        UpgradeFault: if the server accepts something else.
        ConnectError: what `answer` raises.
    """
    host, target = request_from_url(handshake.url)
    stream = _UpgradeStream(wire, answer)
    upgraded: Upgraded | None = None
    async with trio.open_nursery() as nursery:
        # The library waits for an answer and notices no end of the stream. Can go when its
        # `wrap_client_stream` also waits for its reader.
        waiting = trio.CancelScope()
        reader = _ReaderNursery(nursery, on_end=waiting.cancel)
        with waiting:
            ws = await trio_websocket.wrap_client_stream(
                cast("trio.Nursery", reader),
                cast("trio.SocketStream", stream),
                host,
                target,
                subprotocols=handshake.subprotocols,
                extra_headers=[(n.encode(), v.encode()) for n, v in handshake.headers],
            )
            headers = tuple(
                (n.decode("latin-1"), v.decode("latin-1")) for n, v in ws.handshake_headers
            )
            upgraded = Upgraded(WsprotoFrames(), ws.subprotocol, headers)
        nursery.cancel_scope.cancel()
    if upgraded is None:
        raise stream.error or _fault_from(reader.result)
    return upgraded, stream.rest


def _fault_from(result: outcome.Outcome[object] | None) -> UpgradeFault:
    # The library sends wsproto's hint, a refusal, which a client cannot: h11's complaint
    # hides wsproto's. trio-websocket 0.12 `_reader_task`; can go when it raises the first.
    cause = result.error if isinstance(result, outcome.Error) else None
    said = cause
    while said is not None and not isinstance(said, RemoteProtocolError):
        said = said.__context__
    fault = UpgradeFault(str(said or cause))
    fault.__cause__ = cause
    return fault


@final
class _UpgradeStream:
    """What the library takes for a stream: its request goes out, the answer comes in, no more.

    The library has no reason to close it: no frame ever comes.
    """

    def __init__(self, wire: Wire, answer: AnswerReader) -> None:
        self._wire = wire
        self._answer = answer
        self._is_answered = False
        self.rest = b""
        """What came after the answer."""
        self.error: Exception | None = None
        """Why there was no answer to give to the library."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._wire.append(bytes(data))
        self._wire.nudge()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._is_answered:
            await trio.sleep_forever()
        self._is_answered = True
        try:
            head, self.rest = await self._answer.read()
        except Exception as error:  # noqa: BLE001 - raised in the task that asked
            self.error = error
            return b""
        return head


@final
class _ReaderNursery:
    """What `wrap_client_stream` is given in place of a nursery.

    The library offers no other way to its reader, which raises whatever goes wrong into
    the nursery it was started in. Here that is a fact like another. Can go when
    `wrap_client_stream` returns its errors: https://github.com/python-trio/trio-websocket/issues/132
    """

    def __init__(self, nursery: trio.Nursery, *, on_end: Callable[[], None]) -> None:
        self._nursery = nursery
        self._on_end = on_end
        self.result: outcome.Outcome[object] | None = None

    def start_soon(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        """Start the library's reader."""
        self._nursery.start_soon(self._run, async_fn, name="trio_realtime upgrade")

    @trio.lowlevel.enable_ki_protection
    async def _run(self, async_fn: Callable[[], Awaitable[object]]) -> None:
        try:
            self.result = outcome.Value(await async_fn())
        except Exception as error:  # noqa: BLE001 - h11's come out too
            self.result = outcome.Error(error)
        finally:
            self._on_end()

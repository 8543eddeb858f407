"""The server that plays a cassette, records one, or both.

This module decides which client gets what, and what becomes of the file. How a connection is
played is known to `_player`, and how one is recorded to `_recorder`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, cast, final

import trio

from trio_realtime._core.cassette import Playback, Refused, Shelf
from trio_realtime._endpoint import Endpoint
from trio_realtime._transport._http import HttpResponse
from trio_realtime.testing._cassette_file import CassetteFile
from trio_realtime.testing._host import Host
from trio_realtime.testing._player import play
from trio_realtime.testing._recorder import Recording, Relay, dial, query_of

if TYPE_CHECKING:
    import ssl

    from trio_realtime._core.simulator import ClientHandshake
    from trio_realtime._transport._server import ServerRequest
    from trio_realtime.testing._faults import FaultPlan
    from trio_realtime.testing._faulty import FaultyLink
    from trio_realtime.testing._host import ServerSocket

SETTLE_SECONDS: Final = 1.0
"""How long the end of a block waits for what clients have sent and for how they leave."""


@final
class CassetteServer(Host):
    """A server that plays a cassette, or records one: from `record`, `replay`, `use_cassette`."""

    path: Path
    """The file of the cassette."""

    def __init__(
        self,
        path: Path,
        *,
        shelf: Shelf | None = None,
        file: CassetteFile | None = None,
        recording: Recording | None = None,
        endpoint: Callable[[], Endpoint] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        allow_unplayed: bool = False,
        faults: FaultPlan | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.path = path
        self._shelf = shelf
        self._file = file
        self._recording = recording
        self._endpoint_of = endpoint
        self._ssl_context = ssl_context
        self._allow_unplayed = allow_unplayed
        self._admitted: dict[int, Playback | Relay] = {}
        self._broken: bool = False
        self._is_used = False
        self._changed = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> Self:
        if self._is_used:
            raise RuntimeError("a cassette's server is good for one block: make another one")
        self._is_used = True
        return await super().__aenter__()

    async def admit(self, handshake: ClientHandshake) -> HttpResponse | None:
        """Take the client's connection from the cassette, or make it to the real server."""
        await trio.lowlevel.checkpoint()
        query = query_of(handshake)
        found = None
        if self._shelf is not None:
            found = self._shelf.take(query, trio.current_time())
            if found is None and self._recording is None:
                await self._fail(AssertionError(self._shelf.missing(query)))
        if isinstance(found, Refused):
            return HttpResponse(found.status, tuple(found.headers.items()), found.body.encode())
        made = found or await self._dial(handshake)
        if isinstance(made, HttpResponse):
            return made
        self._admitted[id(handshake)] = made
        return None

    async def _dial(self, handshake: ClientHandshake) -> Relay | HttpResponse:
        assert self._endpoint_of is not None
        assert self._recording is not None
        assert self._nursery is not None
        self._recording.add_secrets(*filter(None, [handshake.api_key]))
        try:
            return await dial(
                self._nursery,
                self._endpoint_of(),
                handshake,
                self._recording,
                self._fail,
                self._ssl_context,
            )
        except Exception as error:  # noqa: BLE001 - the endpoint is the program's own
            await self._fail(error)

    async def meet(
        self, request: ServerRequest, handshake: ClientHandshake, link: FaultyLink | None
    ) -> bool:
        """Let a client in, and let nothing of it remain."""
        try:
            return await super().meet(request, handshake, link)
        finally:
            admitted = self._admitted.pop(id(handshake), None)
            if isinstance(admitted, Relay):
                await admitted.transport.aclose()  # noqa: ASYNC102 - it never waits
            self._wake()

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        """Play the client's connection, or pass on what it says."""
        admitted = self._admitted[id(handshake)]
        if isinstance(admitted, Relay):
            return await admitted.run(ws)
        return await play(ws, admitted, self._fail, self._wake)

    async def _fail(self, error: Exception) -> NoReturn:
        """End the block with an error, which drops this client with all others."""

        async def tell() -> None:  # noqa: ASYNC124 - a task is what the nursery listens to
            raise error

        self._broken = True
        self._wake()
        self.start(tell)
        await trio.sleep_forever()

    def _wake(self) -> None:
        self._changed.unpark_all()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            # Bounded; and shielded, so that what follows is reached in any case.
            with trio.move_on_after(SETTLE_SECONDS, shield=True):
                while self._is_expecting():
                    await self._changed.park()
        try:
            await super().__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102 - it never waits
        except BaseException as error:
            self._finish(error)
            raise
        self._finish(exc)

    def _is_expecting(self) -> bool:
        """Whether clients that are still here may do something that counts."""
        if self._broken or not self._admitted:
            return False
        return self._recording is not None or self._unplayed() != ""

    def _unplayed(self) -> str:
        """What clients have not done."""
        waiting = [] if self._shelf is None or self._allow_unplayed else self._shelf.unplayed()
        if not waiting:
            return ""
        more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return f"the cassette still waits for {waiting[0]}{more}"

    def _finish(self, failure: BaseException | None) -> None:
        """Keep what was recorded if all is well, and tell what clients have not done."""
        unplayed = self._unplayed()
        if self._file is not None:
            if failure is None and not unplayed:
                self._file.keep()
            else:
                self._file.leave()
        if unplayed and (failure is None or _is_deadline(failure)):
            missing = AssertionError(unplayed)
            self._note_partial(missing)
            raise missing
        if failure is None:
            return
        if unplayed and not self._broken:
            failure.add_note(unplayed)
        self._note_partial(failure)

    def _note_partial(self, failure: BaseException) -> None:
        if self._file is not None and self._file.is_begun:
            failure.add_note(f"what was recorded until then is in {self._file.partial}")


def _is_deadline(failure: BaseException) -> bool:
    """Whether a deadline struck while the block waited, and nothing else happened."""
    if isinstance(failure, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", failure)
        return all(_is_deadline(each) for each in group.exceptions)
    return isinstance(failure, trio.Cancelled) and failure.source == "deadline"

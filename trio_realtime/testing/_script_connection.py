"""What a script does with one client: what it expects of it, and what it answers.

This module does not know how the events of an answer look (`_core` does), nor what becomes of a
script that fails (the server does).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TypeAlias, final

import trio
from pydantic import JsonValue

from trio_realtime._core.matching import EventKind, EventPattern, comparison, view_of_event
from trio_realtime._core.simulator import ClientFrame, ClientHandshake, RefusedError
from trio_realtime.events import ServerEvent
from trio_realtime.testing._responders import Answer, plan_from_answer
from trio_realtime.testing._script_line import Line

SentEvent: TypeAlias = ServerEvent | Mapping[str, JsonValue]
"""What a script sends: a typed event, or a mapping in the shape of the wire."""


@final
class ScriptedRequest:
    """A client event that was expected, and came. Answer it, in any of the ways there are."""

    event: ClientFrame
    """The event, as it was received."""

    def __init__(self, line: Line, event: ClientFrame) -> None:
        self.event = event
        self._line = line

    def __repr__(self) -> str:
        return f"ScriptedRequest({self.type!r})"

    @property
    def type(self) -> str:
        """The event's type."""
        return self.event.type

    async def say(self, text: str) -> None:
        """Answer a `response.create` with a whole response that says this text.

        Written or spoken as the client asked for it; all at once, with every event of a response.

        Raises:
            AssertionError: if it is an event that the server would refuse.
            ValueError: if it is no `response.create`.
        """
        await self.answer(text)

    async def answer(self, answer: Answer) -> None:
        """Answer a `response.create` with a whole response, as a responder would.

        ::

            await request.answer(["Let me see.", CallTool("weather", {"city": "Oslo"})])

        Cancelled, a part of the response may have been sent; half way through an event, the
        connection is broken.

        Raises:
            AssertionError: if it is an event that the server would refuse.
            ValueError: if it is no `response.create`.
        """
        if self.type != "response.create":
            raise ValueError(f"{self.type} is not answered with a response; use acknowledge()")
        with self._as_the_server_would():
            events = self._line.model.response(self.event, partial(plan_from_answer, answer))
        with self._line.patience.busy():
            for seconds, text in events:
                await trio.sleep(seconds)
                await self._line.send(text)

    async def acknowledge(self) -> None:
        """Acknowledge the event as the server does, with the right ids.

        `session.update` is answered with the whole new session, an item with its `added` and
        `done`, a commit with the item it makes, and `input_audio_buffer.append` with nothing.

        Raises:
            AssertionError: if it is an event that the server would refuse.
            ValueError: if it has no acknowledgement: a response is answered with `say`.
        """
        with self._as_the_server_would():
            texts = self._line.model.acknowledgement(self.event)
        await trio.lowlevel.checkpoint()
        await self._line.send_all(texts)

    async def refuse(
        self,
        code: str,
        message: str = "The request was refused.",
        *,
        param: str | None = None,
        type: str = "invalid_request_error",  # noqa: A002 - the wire's name
    ) -> None:
        """Refuse the event with an `error` that names it."""
        error = RefusedError(code, message, param=param, type=type)
        await self._line.send_all(self._line.model.refusal(self.event, error))

    async def send(self, event: SentEvent) -> None:
        """Answer with any event. It gets an `event_id` if it has none.

        Raises:
            ValueError: if it has no type.
        """
        await _send(self._line, event)

    @contextmanager
    def _as_the_server_would(self) -> Generator[None]:
        try:
            yield
        except RefusedError as refused:
            raise self._line.failure(
                f"the server would refuse this {self.type}: {refused} (code {refused.code}); a "
                "script that knows better answers with send(...), or with refuse(...)",
                comparison(None, view_of_event(self.event)),
            ) from None


def _check_message(data: object) -> None:
    if not isinstance(data, str | bytes):
        raise TypeError(f"send_raw(...) takes text or bytes, and send(...) an event: {data!r}")


async def _send(line: Line, event: SentEvent) -> None:
    await line.send_all(line.model.event(view_of_event(event).data))


@final
class Expectation:
    """An event that a script waits for. Enter it with `async with`, or await it: once."""

    def __init__(self, line: Callable[[str], Awaitable[Line]], pattern: EventPattern) -> None:
        self._line = line
        self._pattern = pattern

    def __await__(self) -> Generator[object, None, ScriptedRequest]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> ScriptedRequest:
        line = await self._line(f"a client, and its {self._pattern!r}")
        frame = await line.take("an event", self._pattern)
        if frame is None:
            raise line.failure(
                f"{line.over}, while the script expects an event",
                comparison(self._pattern, None),
                consequence=True,
            )
        if not self._pattern.fits(view_of_event(frame)):
            raise line.failure(
                "the client sent another event than the script expects",
                comparison(self._pattern, view_of_event(frame)),
            )
        return ScriptedRequest(line, frame)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            await trio.lowlevel.checkpoint()  # noqa: ASYNC102 - nothing is to be cleaned up


@final
class ScriptedConnection:
    """One client of a `ScriptedServer`. One task may expect; any number may send.

    What is sent to a client that is gone goes nowhere; what is expected of it fails.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    @property
    def number(self) -> int:
        """Which connection to the server it is, from 1."""
        return self._line.number

    @property
    def handshake(self) -> ClientHandshake:
        """What the client asked for: `path`, `query` and `headers`."""
        return self._line.handshake

    @property
    def received(self) -> list[ClientFrame]:
        """All that the client has sent so far, oldest first."""
        return list(self._line.received)

    @property
    def closed(self) -> bool:
        """Whether the connection is over."""
        return self._line.over is not None

    def expect(
        self,
        type: EventKind | EventPattern,  # noqa: A002 - the wire's name
        /,
        **fields: object,
    ) -> Expectation:
        """Expect the client's next event to be this one.

        ::

            async with line.expect("response.create", response__conversation="none") as request:
                await request.say("hi")

        Entering the block takes the oldest event that was not looked at, or waits for the next;
        `await line.expect(...)` returns the request too. Cancelled, no event is lost.

        Args:
            type: The type's name, in which `*` stands for any characters; an event class; `ANY`;
                or `like(...)`.
            fields: What its fields must be, as for `like`: two underscores lead into objects.

        Raises:
            AssertionError: if another event came, or none will. It shows both side by side.
            trio.BusyResourceError: if another task is waiting for this client.
        """
        return Expectation(self._itself, EventPattern(type, fields))

    async def _itself(self, what: str) -> Line:
        del what
        await trio.lowlevel.checkpoint()
        return self._line

    async def __aiter__(self) -> AsyncIterator[ScriptedRequest]:
        """Take whatever the client sends, until it is gone.

        ::

            async for request in line:
                if request.type == "response.create":
                    await request.say("hi")
                else:
                    await request.acknowledge()
        """
        while (frame := await self._line.take("any event, or the end")) is not None:
            yield ScriptedRequest(self._line, frame)

    async def expect_nothing(self, seconds: float) -> None:
        """Expect that the client sends nothing for so long, by the Trio clock.

        Raises:
            AssertionError: if it sends something.
        """
        frame = await self._line.take_within(seconds)
        if frame is not None:
            raise self._line.failure(
                "the client sent an event where the script expects none",
                comparison(None, view_of_event(frame)),
            )

    async def expect_close(self, code: int | None = None) -> None:
        """Expect that the client closes the connection, and sends nothing before.

        Args:
            code: The close code that is expected; None for any.

        Raises:
            AssertionError: if it does something else.
        """
        line = self._line
        frame = await line.take("the client to close the connection")
        if frame is not None:
            raise line.failure(
                "the client sent an event where the script expects it to close the connection",
                comparison(None, view_of_event(frame)),
            )
        closed = line.closed
        if closed is None or closed.closed_by != "server" or code not in (None, closed.code):
            wanted = "" if code is None else f" with code {code!r}"
            raise line.failure(f"{line.over}; the script expects the client to close it{wanted}")

    async def wait_closed(self) -> None:
        """Wait until the connection is over. What was not looked at stays to be looked at."""
        await self._line.wait_over()

    async def send(self, event: SentEvent) -> None:
        """Send any event. It gets an `event_id` if it has none.

        Cancelled half way, the connection is broken: what is sent later goes nowhere.

        Raises:
            ValueError: if it has no type.
        """
        await _send(self._line, event)

    async def send_raw(self, data: str | bytes) -> None:
        """Send any message: text, or bytes as a binary message. It goes out as it is."""
        _check_message(data)
        await self._line.send(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket, and wait for nothing.

        Raises:
            ValueError: if there is no such code.
        """
        if not 1000 <= code <= 4999:
            raise ValueError(f"the code of a CLOSE is 1000 to 4999, not {code!r}")
        await self._line.close(code, reason)

    def drop(self) -> None:
        """Lose the network: the connection ends without a word."""
        self._line.drop()

"""The handle of a response: what a program sees of it.

This module does not know where events come from, nor who starts and cancels responses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, cast, final

import trio

from trio_realtime._connection._dialects import EventT, ResponseT
from trio_realtime._response._sink import ReplySink
from trio_realtime._response._views import ReplyView

if TYPE_CHECKING:
    from trio_realtime.types import Item, ResponseStatus, ResponseUsage, Unrecognised


@final
class Reply(Generic[EventT, ResponseT]):
    """One response of the model, while its block lasts.

    ::

        async with conn.respond("Tell me a story") as reply:
            async for piece in reply.text():
                print(piece, end="")
        print(reply.status)

    A response has three views: iterating over it gives its events, `text()` its text as it comes,
    `audio()` its audio. They are independent of one another, and each is for one task at a time.
    Open the views you want before you read the first of them: those that are open when something is
    first read see the response from its start, those that you open afterwards see it from then on.
    So give a task the view, not the reply: `nursery.start_soon(subtitles, reply.text())`. None is
    needed to wait for the `result()`.

    Until a view is read, the newest `Options.backlog_bytes` of the response are kept; `dropped`
    counts what was given up.
    """

    def __init__(self, sink: ReplySink) -> None:
        self._sink: ReplySink = sink

    # What is known of it.

    @property
    def id(self) -> str | None:
        """The response's id; None if it never began, or if the server gave it none."""
        return self._sink.assembly.response.id

    @property
    def status(self) -> ResponseStatus | Unrecognised:
        """How it ended: `completed`, `cancelled`, `failed` or `incomplete`; else `in_progress`.

        It changes when the server says that the response is done, also after it was left.
        """
        return self._sink.assembly.status

    @property
    def usage(self) -> ResponseUsage | None:
        """The tokens it used; None until it is done, and when the server does not tell."""
        return self._sink.assembly.response.usage

    @property
    def items(self) -> tuple[Item, ...]:
        """What it has made so far: its items in order, filled as far as they have come.

        Audio is not in them, only its transcript.
        """
        return self._sink.assembly.items

    @property
    def response(self) -> ResponseT:
        """What the server reported last: at the beginning, or when it was done."""
        return cast("ResponseT", self._sink.assembly.response)

    @property
    def dropped(self) -> int:
        """Events that were given up because no view, or not this one, was read in time.

        Each is counted wherever it was given up. More than zero only when `Options.backlog_bytes`
        were not enough for what came before something was read.
        """
        return self._sink.dropped

    # Reading it.

    @trio.lowlevel.enable_ki_protection
    def __aiter__(self) -> ReplyView[EventT]:
        return cast("ReplyView[EventT]", self._sink.events())

    async def __anext__(self) -> EventT:
        return cast("EventT", await self._sink.events().__anext__())

    @trio.lowlevel.enable_ki_protection
    def text(self) -> ReplyView[str]:
        """The text of the response, or the transcript of its audio, in pieces as they come.

        ::

            async for piece in reply.text():
                print(piece, end="")

        Called again, this is the same view.

        Returns:
            The view; see `ReplyView` for how it ends.
        """
        return self._sink.text()

    @trio.lowlevel.enable_ki_protection
    def audio(self) -> ReplyView[bytes]:
        """The audio of the response, in chunks as they come, in the session's output format.

        ::

            async for chunk in reply.audio():
                await speaker.write(chunk)

        Chunks may have any length, also an odd one. A chunk counts as heard when you ask for the
        next one: if you leave the response early, the conversation is cut off there, so that the
        model knows what the listener heard. If you play from a buffer of your own, report the
        position with `heard()`.

        Called again, this is the same view. A response without audio has an empty one.

        Returns:
            The view; see `ReplyView` for how it ends.
        """
        return self._sink.audio()

    @trio.lowlevel.enable_ki_protection
    async def result(self) -> ResponseT:
        """Wait until the response is done, whether or not you read it.

        Any number of tasks may wait. If this is cancelled, nothing has changed.

        Returns:
            The response as the server reported it at the end. When that report was not valid, one
            built from what had come before it.

        Raises:
            ResponseFailedError: if it failed.
            ServerError: if the server refused an item that belongs to it.
            ConnectionClosedError: if the connection is lost or closed before it is done; at once,
                also while views still hold something.
            trio.ClosedResourceError: if its block was left before it was done.
        """
        return cast("ResponseT", await self._sink.result())

    @trio.lowlevel.enable_ki_protection
    def heard(self, ms: float) -> None:
        """Report how much of the response's audio the listener has heard.

        From then on this counts, and no longer what was taken from `audio()`. Report as often as
        you like; the last report is what is cut off at when the response is left, also when it is
        done. So report the end, too, or only when you are interrupted: whoever takes every chunk
        and reports nothing has heard it all.

        Args:
            ms: Milliseconds from the start of the response's first audio.
        """
        self._sink.hearing.heard(ms)

    def __repr__(self) -> str:
        return f"<Reply {self.id or 'without an id'} {self.status}>"


def dropped_reply(sink: ReplySink) -> Reply:
    """Make the handle of a response that is over before it began; see `ReplySink.drop`."""
    sink.drop()
    return Reply(sink)

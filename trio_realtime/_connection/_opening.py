"""Opening and leaving: what `async with` does around the program's block.

While opening, the plumbing only stores facts; the error is raised here, after the nursery has
closed. An outcome that is raised again out of a cancelled nursery would become a stray `Cancelled`
and skip the program's code in silence
(https://github.com/python-trio/trio-websocket/issues/184 shows how).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from trio_realtime._connection._link import Link
from trio_realtime._connection._plumbing import Connect, run
from trio_realtime.errors import (
    AuthenticationError,
    ConnectError,
    ConnectTimeoutError,
    ServerError,
    SessionRefusedError,
)
from trio_realtime.events import Dialect

_BETA_IS_OFF: Final = "beta_api_shape_disabled"
"""The code of a server that has no beta dialect any more."""

_WHAT_TO_DO: Final = (
    '. This server speaks GA: use dialect="ga", the default, and send no OpenAI-Beta header. In GA '
    "a session has output_modalities and max_output_tokens, and its formats, transcription, "
    'turn_detection and voice are in audio={"input": ..., "output": ...}; a response comes as '
    "ResponseOutputTextDelta, ResponseOutputAudioDelta and ResponseOutputAudioTranscriptDelta of "
    "trio_realtime.events, an item as ConversationItemAdded and ConversationItemDone"
)
"""What to change in a program that was written for the beta dialect."""

_AUTHENTICATION_CLOSE: Final = 3000
"""The close code of the authentication class: seen with a bad key, after HTTP 101."""


@asynccontextmanager
async def open_link(
    link: Link,
    connect: Connect,
    *,
    dialect: Dialect,
    awaits_session: bool,
    configure: Callable[[], Awaitable[object]] | None,
) -> AsyncGenerator[None]:
    """Connect, be open for the length of the block, close.

    Args:
        link: The state of the connection, new.
        connect: Opens the transport.
        dialect: How frames are read.
        awaits_session: Whether the link counts as open only once `session.created` is here.
        configure: Asks for the first `session.update`, if there is one to make.

    Raises:
        ConnectError: bare, if it could not be opened.
    """
    error: Exception | None = None
    if configure is not None:
        link.opens_at = "session.updated"
    elif awaits_session:
        link.opens_at = "session.created"
    async with trio.open_nursery(strict_exception_groups=True) as nursery:
        nursery.start_soon(run, link, connect, dialect)
        try:
            error = await _wait_open(link, awaits_session=awaits_session, configure=configure)
            if error is None:
                yield
        except BaseException:
            link.leave("failing")
            if link.transport is None:
                link.scope.cancel()
            raise
        # Nothing is awaited between the body's end and the nursery's: closing is the plumbing's.
        if error is None:
            link.leave("normally")
        else:
            link.leave("failing")
            link.scope.cancel()
    if error is not None:
        raise error


async def _wait_open(
    link: Link, *, awaits_session: bool, configure: Callable[[], Awaitable[object]] | None
) -> Exception | None:
    """Wait until the link is open; return the error if it is not to be."""
    with trio.move_on_after(link.options.connect_timeout):
        with link.opening_scope:
            while link.transport is None:
                await link.changed.park()
            if awaits_session:
                link.stage = "session.created"
                while not link.has_session:
                    await link.changed.park()
            if configure is not None:
                link.stage = "session.updated"
                if (refused := await _configure(link, configure)) is not None:
                    return refused
            link.is_open = True
        if link.is_open:
            return None
        if link.connect_error is not None:
            return link.connect_error
        # The close that follows an `error` says more: wait for it a moment.
        with trio.move_on_after(link.options.close_timeout):
            await link.over.wait()
    if link.refusal is not None or link.loss is not None:
        error = _why_refused(link)
        error.__cause__ = link.refusal or (None if link.loss is None else link.loss.cause)
        return error
    return ConnectTimeoutError(
        stage=link.stage,
        seconds=link.options.connect_timeout,
        url=link.url,
        secrets=link.secrets,
    )


async def _configure(link: Link, configure: Callable[[], Awaitable[object]]) -> Exception | None:
    try:
        await configure()
    except ServerError as error:
        refused = SessionRefusedError(
            f"the server refused the session's configuration: {error}",
            code=error.code,
            param=error.param,
            request_id=link.request_id,
            url=link.url,
            secrets=link.secrets,
        )
        refused.__cause__ = error
        return refused
    except Exception as error:  # noqa: BLE001 - a mistake in `session=`, raised bare
        return error
    # A loss is not caught here: it cancels the opening scope, and is told from the facts.
    return None


def _why_refused(link: Link) -> ConnectError:
    """Make the error for a link that was upgraded and then refused or lost."""
    refusal, loss = link.refusal, link.loss
    close_code = None if loss is None else loss.info.code
    if refusal is None and (loss is None or loss.info.closed_by != "server"):
        detail = "" if loss is None else loss.detail or loss.info.reason
        return ConnectError(
            f"the connection was lost before the session was ready{detail and f': {detail}'}",
            url=link.url,
            secrets=link.secrets,
        )
    reason = "" if loss is None else loss.info.reason
    code = refusal.code if refusal is not None else reason.rpartition(".")[2] or None
    said = (refusal.message if refusal is not None else reason) or "no reason given"
    if code == "invalid_api_key" or close_code == _AUTHENTICATION_CLOSE:
        return AuthenticationError(
            f"the server refused the key: {said}",
            code=code,
            close_code=close_code,
            request_id=link.request_id,
            url=link.url,
            secrets=link.secrets,
        )
    closed = "" if close_code is None else f" (close {close_code})"
    advice = _WHAT_TO_DO if code == _BETA_IS_OFF else ""
    return SessionRefusedError(
        f"the server refused the session: {said}{closed}{advice}",
        code=code,
        param=None if refusal is None else refusal.param,
        close_code=close_code,
        request_id=link.request_id,
        url=link.url,
        secrets=link.secrets,
    )

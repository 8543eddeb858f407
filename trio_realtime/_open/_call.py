"""`accepted_call`: a call that comes in over SIP, from accepting it to hanging up.

It reads the environment. How calls are accepted and hung up is in `rest`, which is loaded on first
use; how the connection is opened, in `_realtime`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Final, Unpack

import trio
from pydantic import JsonValue

from trio_realtime._connection import block
from trio_realtime._endpoint import Endpoint
from trio_realtime._open._connecting import Reach, check_reach
from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._open._realtime import RealtimeConnection, open_realtime
from trio_realtime._options import DEFAULT_OPTIONS, Options
from trio_realtime._redaction import redact
from trio_realtime.errors import RestError
from trio_realtime.types import RealtimeSessionConfig

if TYPE_CHECKING:
    from trio_realtime.rest import RestClient

LOGGER: Final = logging.getLogger("trio_realtime")

_OVER: Final = frozenset({404, 410})


@block
async def accepted_call(
    call_id: str,
    session: RealtimeSessionConfig | Mapping[str, JsonValue],
    *,
    endpoint: Endpoint | None = None,
    mirror: bool = False,
    **reach: Unpack[Reach],
) -> AsyncGenerator[RealtimeConnection]:
    """Accept a call, take part in it for the length of the block, and hang up.

    ::

        async with accepted_call(call_id, {"model": "gpt-realtime-2.1"}) as conn:
            await conn.response.create()  # the model speaks first
            async for event in conn:
                ...

    The id comes with the webhook `realtime.call.incoming`. The call is accepted over HTTP, which
    needs the extra `trio-realtime[rest]`, and the connection attaches to its session: the audio
    goes between the caller and the model, and does not come by here. When the caller hangs up, the
    server closes the connection, and the stream of events ends.

    However the block is left, also by cancellation, the call is hung up, within
    `Options.hangup_timeout`; and so it is when attaching fails, or when it is not known whether
    accepting has succeeded. That there is no call any more is no error. That hanging up fails is
    one, in an `ExceptionGroup`; if the block is left by an exception already, that goes on, and
    the log tells of the other.

    Opening, leaving and their errors are otherwise those of `open_realtime`.

    Args:
        call_id: The call.
        session: What its session is. `"type": "realtime"` is added to a mapping that has none.
        endpoint: As for `open_realtime`.
        mirror: As for `open_realtime`.
        reach: How the server is reached, as for `open_realtime`; requests over HTTP go the same
            way.

    Yields:
        The open connection.

    Raises:
        AuthenticationError: if the key is refused.
        ConnectError: if the server cannot be reached.
        RestError: if the call cannot be accepted; 404 if the caller has hung up.
    """
    # Loaded when it is used: most programs take no calls, and it needs an extra.
    from trio_realtime.rest import RestClient

    # Before the call is accepted: it would be hung up for it.
    check_reach(reach)
    if endpoint is None:
        endpoint = endpoint_from_environment(os.environ)
    if getattr(endpoint, "deployment", None) is not None:
        raise ValueError(
            "a call is attached to by its id: give an AzureEndpoint without deployment=, and name "
            "the deployment as the session's model"
        )
    options = reach.get("options", DEFAULT_OPTIONS)
    rest = RestClient(
        endpoint,
        options=options,
        ssl_context=reach.get("ssl_context"),
        proxy=reach.get("proxy"),
        trust_env=reach.get("trust_env", False),
        unix_socket=reach.get("unix_socket"),
        stream_factory=reach.get("stream_factory"),
    )
    async with rest:
        try:
            await rest.calls.accept(call_id, session)
        except BaseException as error:
            if _may_be_accepted(error):
                await _hang_up_quietly(rest, call_id, options)  # noqa: ASYNC102 - shielded there
            raise
        try:
            async with open_realtime(
                call_id=call_id, endpoint=endpoint, mirror=mirror, **reach
            ) as conn:
                yield conn  # noqa: ASYNC119 - `block` is an `asynccontextmanager`
        except BaseException:
            await _hang_up_quietly(rest, call_id, options)  # noqa: ASYNC102 - shielded there
            raise
        try:
            await _hang_up(rest, call_id, options)
        except Exception as error:  # noqa: BLE001 - all that is raised is
            raise ExceptionGroup(f"the call {call_id} was not hung up", [error]) from None


def _may_be_accepted(error: BaseException) -> bool:
    """Whether the server may have accepted a call in spite of this."""
    if isinstance(error, RestError):
        return error.uncertain
    # Cancelled, or interrupted, while it was being asked.
    return not isinstance(error, Exception)


async def _hang_up(rest: RestClient, call_id: str, options: Options) -> None:
    """Hang up, unless that has been done.

    Shielded, and bounded by `hangup_timeout`: a caller must not be left alone with the model.
    """
    with trio.move_on_after(options.hangup_timeout, shield=True):
        try:
            await rest.calls.hangup(call_id)
        except RestError as error:
            if error.status_code not in _OVER:
                raise
        return
    raise RestError(f"no answer within {options.hangup_timeout:g} s", uncertain=True)


async def _hang_up_quietly(rest: RestClient, call_id: str, options: Options) -> None:
    try:
        await _hang_up(rest, call_id, options)
    except Exception as error:  # noqa: BLE001 - what the block is left by goes on
        LOGGER.warning("the call %s was not hung up: %s", call_id, redact(str(error)))

"""Every exception of this package.

Programming mistakes are not in this tree: those are `TypeError`, `ValueError` and
`trio.BusyResourceError`. This module does not know when an error is raised, nor by whom.

Every text an error holds is redacted before it is stored, so `str`, `repr`, pickles and tracebacks
can be logged. Errors pickle, without the event that caused them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from trio_realtime._redaction import redact, redact_headers, redact_url

if TYPE_CHECKING:
    from trio_realtime import beta
    from trio_realtime.events import Error, ResponseDone
    from trio_realtime.types import Response

__all__ = [
    "AuthenticationError",
    "CloseInfo",
    "ClosedBy",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "Frame",
    "HandshakeRejectedError",
    "InboxOverflowError",
    "KeepaliveTimeoutError",
    "MessageTooBigError",
    "RealtimeError",
    "ResponseFailedError",
    "RestError",
    "ServerError",
    "SessionExpiredError",
    "SessionRefusedError",
    "server_error_from_event",
]

ClosedBy: TypeAlias = Literal["us", "server", "network"]
"""Who ended a connection. `"network"` means that no close frame was seen."""

Frame: TypeAlias = tuple[str, str]
"""The `event_id` and the `type` of a frame of ours."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class CloseInfo:
    """How a connection ended."""

    code: int | None
    """The WebSocket close code, or None when no close frame was received."""

    reason: str
    """The text of the close frame, redacted; often empty."""

    closed_by: ClosedBy
    """Who ended it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", redact(self.reason))


def _redacted(text: str | None, secrets: Collection[str]) -> str | None:
    return None if text is None else redact(text, secrets)


def _rebuilt(cls: type[RealtimeError], state: Mapping[str, object]) -> RealtimeError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    return error


class RealtimeError(Exception):
    """Base class of every exception this package raises for what happened outside the program."""

    _left_behind: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[object, tuple[type[RealtimeError], Mapping[str, object]]]:
        state = {
            name: None if name in self._left_behind else value
            for name, value in self.__dict__.items()
            if not name.startswith("__")
        }
        return _rebuilt, (type(self), state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class ConnectError(RealtimeError):
    """The connection could not be opened. Nothing reached the model.

    Raised bare by `open_realtime`, before its block is entered, and by requests over HTTP;
    `__cause__` holds what the operating system or the TLS library said.
    """

    message: str
    """What happened."""

    url: str | None
    """Where to, redacted."""

    def __init__(
        self, message: str, *, url: str | None = None, secrets: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.message = redact(message, secrets)
        self.url = None if url is None else redact_url(url, secrets)

    def __str__(self) -> str:
        return self.message if self.url is None else f"{self.message} ({self.url})"


@final
class ConnectTimeoutError(ConnectError):
    """`Options.connect_timeout` passed before the connection was open."""

    stage: str
    """What was being waited for: `"tcp"`, `"proxy"`, `"tls"`, `"upgrade"`, `"session.created"`
    or `"session.updated"`."""

    def __init__(
        self, *, stage: str, seconds: float, url: str | None = None, secrets: Collection[str] = ()
    ) -> None:
        super().__init__(
            f"not open after {seconds:g} s: still waiting for {stage}. "
            "Is the host reachable? `Options.connect_timeout` sets the deadline",
            url=url,
            secrets=secrets,
        )
        self.stage = stage


class _RefusedError(ConnectError):
    """What the server said when it refused: shared by the errors of opening."""

    code: str | None
    """The server's error code, such as `invalid_api_key`, when it gave one."""

    request_id: str | None
    """The `x-request-id` of the answer, for the server's support."""


@final
class HandshakeRejectedError(_RefusedError):
    """The server answered the WebSocket upgrade with an HTTP status that is not 101."""

    status_code: int
    """The HTTP status."""

    headers: tuple[tuple[str, str], ...]
    """The answer's headers, without those that hold credentials."""

    body: str
    """The answer's body, redacted; what had arrived of it."""

    retry_after: float | None
    """Seconds to wait before another try, from `Retry-After`."""

    def __init__(
        self,
        *,
        status_code: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        code: str | None = None,
        message: str | None = None,
        url: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        said = "" if not message else f": {message}"
        wait = "" if retry_after is None else f". Try again after {retry_after:g} s"
        super().__init__(
            f"the server rejected the connection with HTTP {status_code}{said}{wait}",
            url=url,
            secrets=secrets,
        )
        self.status_code = status_code
        self.headers = redact_headers(headers, secrets)
        self.body = redact(body, secrets)
        self.request_id = request_id
        self.retry_after = retry_after
        self.code: str | None = _redacted(code, secrets)
        self.message_from_server: str | None = _redacted(message, secrets)
        """The server's own sentence, when the body held one."""


@final
class SessionRefusedError(_RefusedError):
    """The upgrade succeeded and then the server refused the session.

    Either an `error` event or a close came before the session was ready, or the server refused
    the `session=` that was given (then `param` names the field).
    """

    param: str | None
    """The field the server objects to, when it names one."""

    close_code: int | None
    """The WebSocket close code, when the server also closed."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        close_code: int | None = None,
        request_id: str | None = None,
        url: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        super().__init__(message, url=url, secrets=secrets)
        self.code: str | None = _redacted(code, secrets)
        self.param: str | None = _redacted(param, secrets)
        self.close_code = close_code
        self.request_id = request_id


@final
class AuthenticationError(_RefusedError):
    """A key was refused: HTTP 401 or 403, or `invalid_api_key` and close 3000 after the upgrade.

    The server takes a bad key only after it accepted the WebSocket, so both forms are common.
    """

    status_code: int | None
    """The HTTP status, or None when the refusal came after the upgrade."""

    close_code: int | None
    """The WebSocket close code, when there was one."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status_code: int | None = None,
        close_code: int | None = None,
        request_id: str | None = None,
        url: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        super().__init__(
            f"{message}. Check the API key, its project and its permissions",
            url=url,
            secrets=secrets,
        )
        self.code: str | None = _redacted(code, secrets)
        self.status_code = status_code
        self.close_code = close_code
        self.request_id = request_id


class ConnectionClosedError(RealtimeError):
    """The connection was open and is gone, so the operation cannot be done.

    Raised by every pending and every later operation on the connection, in whichever task asks;
    each raise is a new exception. Nothing is ever sent again behind your back.
    """

    info: CloseInfo
    """How it ended."""

    unsent: tuple[Frame, ...]
    """`(event_id, type)` of the frames that were accepted and not written."""

    uncertain: tuple[Frame, ...]
    """`(event_id, type)` of the frame that was being written, and of the requests that had no
    answer yet: whether the server acted on them cannot be known."""

    url: str | None
    """The connection's URL, redacted."""

    detail: str
    """What was observed, when there is more to say than the close frame did."""

    def __init__(
        self,
        info: CloseInfo,
        *,
        unsent: tuple[Frame, ...] = (),
        uncertain: tuple[Frame, ...] = (),
        url: str | None = None,
        detail: str = "",
    ) -> None:
        super().__init__()
        self.info = info
        self.unsent = unsent
        self.uncertain = uncertain
        self.url = None if url is None else redact_url(url)
        self.detail = redact(detail)

    def __str__(self) -> str:
        who = {
            "us": "the connection was closed by this program",
            "server": "the server closed the connection",
            "network": "the connection was lost without a close frame",
        }[self.info.closed_by]
        facts = [] if self.info.code is None else [f"code {self.info.code}"]
        facts += [text for text in (self.info.reason, self.detail) if text]
        facts += [f"{len(self.unsent)} frames unsent"] if self.unsent else []
        facts += [f"{len(self.uncertain)} frames uncertain"] if self.uncertain else []
        text = who + (f": {', '.join(facts)}" if facts else "")
        return text if self.url is None else f"{text} ({self.url})"


@final
class SessionExpiredError(ConnectionClosedError):
    """The session reached the server's maximum duration: `session_expired`, then close 1001.

    A new connection is a new, empty conversation.
    """


@final
class KeepaliveTimeoutError(ConnectionClosedError):
    """The peer showed no sign of life after a ping, and nothing of ours could be written."""


@final
class InboxOverflowError(ConnectionClosedError):
    """Nobody read what was received, while something waited for the server."""

    limit: int
    """The limit in bytes, twice `Options.inbox_bytes`."""

    def __init__(
        self,
        info: CloseInfo,
        *,
        limit: int,
        unsent: tuple[Frame, ...] = (),
        uncertain: tuple[Frame, ...] = (),
        url: str | None = None,
    ) -> None:
        super().__init__(
            info,
            unsent=unsent,
            uncertain=uncertain,
            url=url,
            detail=f"more than {limit} bytes of events were not read. "
            "Read the events, or set `Options.inbox_bytes`",
        )
        self.limit = limit


@final
class MessageTooBigError(ConnectionClosedError):
    """The server sent a message above `Options.max_message_bytes`."""

    limit: int
    """The limit in bytes."""

    def __init__(
        self,
        info: CloseInfo,
        *,
        limit: int,
        unsent: tuple[Frame, ...] = (),
        uncertain: tuple[Frame, ...] = (),
        url: str | None = None,
    ) -> None:
        super().__init__(
            info,
            unsent=unsent,
            uncertain=uncertain,
            url=url,
            detail=f"a message was larger than {limit} bytes. Set `Options.max_message_bytes`",
        )
        self.limit = limit


@final
class ServerError(RealtimeError):
    """The server answered with an `error` event. The connection stays open.

    Raised at the request the error names, and from the stream for frames you sent without
    waiting (unless the connection was opened with `errors="yield"`).
    """

    _left_behind: tuple[str, ...] = ("event",)

    type: str | None
    """The class of error, such as `invalid_request_error`."""

    code: str | None
    """The server's code, such as `unknown_parameter`."""

    message: str
    """The server's sentence, redacted."""

    param: str | None
    """The field the server objects to."""

    event_id: str | None
    """The id of the frame of yours that caused it, when the server names one."""

    event: Error | None
    """The event itself; None after unpickling."""

    def __init__(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the wire's name
        code: str | None = None,
        message: str = "",
        param: str | None = None,
        event_id: str | None = None,
        event: Error | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.type = type
        self.code: str | None = _redacted(code, secrets)
        self.message = redact(message, secrets)
        self.param: str | None = _redacted(param, secrets)
        self.event_id = event_id
        self.event = event

    def __str__(self) -> str:
        head = self.code or self.type or "error"
        place = f" (param {self.param})" if self.param else ""
        cause = f" (caused by {self.event_id})" if self.event_id else ""
        return f"{head}: {self.message}{place}{cause}"


@final
class ResponseFailedError(RealtimeError):
    """A response ended with status `failed`."""

    _left_behind: tuple[str, ...] = ("event",)

    response: Response
    """The response as the server reported it; in the beta dialect a `beta.Response`."""

    def __init__(
        self, response: Response, *, event: ResponseDone | beta.ResponseDone | None = None
    ) -> None:
        super().__init__()
        self.response = response
        self.event: ResponseDone | beta.ResponseDone | None = event
        """The event that told it; None after unpickling."""

    def __str__(self) -> str:
        details = self.response.status_details
        error = None if details is None else details.error
        said = f"{error.code or error.type}: {error.message}" if error else "no reason given"
        return redact(f"response {self.response.id or 'without an id'} failed: {said}")


@final
class RestError(RealtimeError):
    """An HTTP request of `trio_realtime.rest` was sent and not fulfilled.

    Either the server answered with a status that is no success, or its answer could not be read,
    or none came. A key that is refused is an `AuthenticationError`; what could not be sent at all,
    a `ConnectError`.
    """

    status_code: int | None
    """The HTTP status; None when no answer came."""

    type: str | None
    """The class of error, such as `invalid_request_error`."""

    code: str | None
    """The server's code, such as `unknown_parameter`."""

    message: str
    """The server's sentence, redacted, or what is wrong with its answer."""

    param: str | None
    """The field the server objects to."""

    request_id: str | None
    """The `x-request-id` of the answer, for the server's support."""

    retry_after: float | None
    """Seconds to wait before another try, as the server asks for."""

    uncertain: bool
    """Whether the server may have done what it was asked for all the same."""

    url: str | None
    """Where to, redacted."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        type: str | None = None,  # noqa: A002 - the wire's name
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        uncertain: bool = False,
        url: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.message = redact(message, secrets)
        self.status_code = status_code
        self.type: str | None = _redacted(type, secrets)
        self.code: str | None = _redacted(code, secrets)
        self.param: str | None = _redacted(param, secrets)
        self.request_id = request_id
        self.retry_after = retry_after
        self.uncertain = uncertain
        self.url = None if url is None else redact_url(url, secrets)

    def __str__(self) -> str:
        status = None if self.status_code is None else f"HTTP {self.status_code}"
        text = ": ".join(part for part in (status, self.code, self.message) if part)
        text += f" (param {self.param})" if self.param else ""
        if self.retry_after is not None:
            text += f". Try again after {self.retry_after:g} s"
        if self.uncertain:
            text += ". The server may have done it all the same"
        return text if self.url is None else f"{text} ({self.url})"


def server_error_from_event(event: Error, secrets: Collection[str] = ()) -> ServerError:
    """Make a new `ServerError` from an `error` event."""
    details = event.error
    return ServerError(
        type=details.type,
        code=details.code,
        message=details.message or "",
        param=details.param,
        event_id=details.event_id,
        event=event,
        secrets=secrets,
    )

from __future__ import annotations

import copy
import inspect
import pickle
import traceback

import pytest

from trio_realtime import errors
from trio_realtime.errors import (
    AuthenticationError,
    CloseInfo,
    ConnectError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HandshakeRejectedError,
    InboxOverflowError,
    KeepaliveTimeoutError,
    MessageTooBigError,
    RealtimeError,
    ResponseFailedError,
    RestError,
    ServerError,
    SessionExpiredError,
    SessionRefusedError,
    server_error_from_event,
)
from trio_realtime.events import Error, ResponseDone, decode_server
from trio_realtime.types import Response

# A key the way OpenAI makes them, one of no known shape, and what a server shows of the first.
KEY = "sk-proj-CANARY0123456789ueba"
OTHER = "9f8e7d6c5b4aCANARY"
ECHO = "Incorrect API key provided: sk-proj-****************ueba. You can find yours elsewhere."
ECHO_SHOWN = "Incorrect API key provided: [redacted]. You can find yours elsewhere."
SECRETS = (KEY, OTHER)
CANARIES = (KEY, OTHER, "CANARY", "ueba")
POISON = f"{ECHO} {KEY} {OTHER} Bearer {KEY}"
URL = f"wss://user:{OTHER}@api.openai.com/v1/realtime?model=gpt-realtime-2.1&token={KEY}"

LOST = CloseInfo(None, "", "network")


def failed(message: str) -> Response:
    return Response.model_validate(
        {
            "id": "resp_1",
            "status": "failed",
            "status_details": {
                "type": "failed",
                "error": {"type": "server_error", "code": None, "message": message},
            },
        }
    )


def error_event(message: str | None) -> Error:
    event = Error.model_validate(
        {
            "type": "error",
            "event_id": "event_server",
            "error": {
                "type": "invalid_request_error",
                "code": "unknown_parameter",
                "message": message,
                "param": "session.colour",
                "event_id": "event_mine",
            },
        }
    )
    assert isinstance(event, Error)
    return event


POISONED: list[RealtimeError] = [
    ConnectError(POISON, url=URL, secrets=SECRETS),
    ConnectTimeoutError(stage="tls", seconds=10, url=URL, secrets=SECRETS),
    HandshakeRejectedError(
        status_code=403,
        headers=(("Set-Cookie", OTHER), ("Authorization", KEY), ("X-Why", POISON)),
        body=f'{{"error": {{"message": "{POISON}"}}}}',
        request_id="req_1",
        retry_after=2.5,
        code=f"bad_{OTHER}",
        message=POISON,
        url=URL,
        secrets=SECRETS,
    ),
    SessionRefusedError(
        POISON, code="invalid_value", param=OTHER, close_code=3000, url=URL, secrets=SECRETS
    ),
    AuthenticationError(
        ECHO + OTHER, code="invalid_api_key", close_code=3000, url=URL, secrets=SECRETS
    ),
    ConnectionClosedError(CloseInfo(3000, ECHO, "server"), url=URL, detail=ECHO),
    SessionExpiredError(CloseInfo(1001, ECHO, "server"), url=URL),
    KeepaliveTimeoutError(CloseInfo(None, ECHO, "network"), url=URL),
    InboxOverflowError(CloseInfo(None, ECHO, "us"), limit=10, url=URL),
    MessageTooBigError(CloseInfo(1009, ECHO, "us"), limit=10, url=URL),
    ServerError(message=POISON, code=OTHER, param=OTHER, secrets=SECRETS),
    ResponseFailedError(failed(ECHO)),
    RestError(
        POISON,
        status_code=400,
        type=OTHER,
        code=OTHER,
        param=OTHER,
        request_id="req_1",
        retry_after=2.5,
        uncertain=True,
        url=URL,
        secrets=SECRETS,
    ),
]


def test_an_error_event_is_redacted_before_it_is_stored() -> None:  # promise 9
    error = server_error_from_event(error_event(POISON), SECRETS)
    assert error.message == f"{ECHO_SHOWN} [redacted] [redacted] Bearer [redacted]"


def test_every_error_of_this_package_is_among_the_poisoned() -> None:
    public = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, RealtimeError) and not kind.__name__.startswith("_")
    }
    assert public - {RealtimeError} == {type(error) for error in POISONED}


@pytest.mark.parametrize("error", POISONED, ids=lambda error: type(error).__name__)
def test_no_secret_is_in_what_an_error_shows(error: RealtimeError) -> None:  # promise 9
    shown = [str(error), repr(error), *map(str, traceback.format_exception(error))]
    for text in shown:
        for canary in CANARIES:
            assert canary not in text


@pytest.mark.parametrize(
    "error",
    [error for error in POISONED if not isinstance(error, ResponseFailedError)],
    ids=lambda error: type(error).__name__,
)
def test_no_secret_is_in_a_pickle(error: RealtimeError) -> None:  # promise 9
    pickled = pickle.dumps(error)
    for canary in CANARIES:
        assert canary.encode() not in pickled


@pytest.mark.parametrize("error", POISONED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("through", ["pickle", "copy"])
def test_errors_survive_pickling_and_copying(error: RealtimeError, through: str) -> None:
    twin = pickle.loads(pickle.dumps(error)) if through == "pickle" else copy.copy(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    left = {**error.__dict__, "event": None} if "event" in error.__dict__ else error.__dict__
    assert twin.__dict__ == left


def test_an_error_event_stays_behind_when_its_error_is_pickled() -> None:
    event = error_event("no such field")
    error = server_error_from_event(event)
    assert error.event is event
    twin = pickle.loads(pickle.dumps(error))
    assert isinstance(twin, ServerError)
    assert twin.event is None
    assert twin.event_id == "event_mine"


def test_notes_do_not_travel_in_a_pickle() -> None:
    error = ConnectError("no route")
    error.add_note(KEY)
    assert KEY.encode() not in pickle.dumps(error)


def test_the_tree_says_whose_fault_it_was() -> None:
    opening = [
        ConnectTimeoutError,
        HandshakeRejectedError,
        SessionRefusedError,
        AuthenticationError,
    ]
    gone = [SessionExpiredError, KeepaliveTimeoutError, InboxOverflowError, MessageTooBigError]
    assert all(issubclass(kind, ConnectError) for kind in opening)
    assert all(issubclass(kind, ConnectionClosedError) for kind in gone)
    for kind in (ConnectError, ConnectionClosedError, ServerError, ResponseFailedError, RestError):
        assert kind.__base__ is RealtimeError
    assert RealtimeError.__base__ is Exception


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectError("no route"), "no route"),
        (ConnectError("no route", url="wss://h/v1"), "no route (wss://h/v1)"),
        (
            ConnectTimeoutError(stage="tcp", seconds=2.5),
            (
                "not open after 2.5 s: still waiting for tcp. Is the host reachable? "
                "`Options.connect_timeout` sets the deadline"
            ),
        ),
        (
            HandshakeRejectedError(status_code=500),
            "the server rejected the connection with HTTP 500",
        ),
        (
            HandshakeRejectedError(status_code=429, message="Slow down", retry_after=2),
            "the server rejected the connection with HTTP 429: Slow down. Try again after 2 s",
        ),
        (SessionRefusedError("Unknown model", code="model_not_found"), "Unknown model"),
        (
            AuthenticationError("HTTP 401", status_code=401),
            "HTTP 401. Check the API key, its project and its permissions",
        ),
        (
            ConnectionClosedError(CloseInfo(1000, "", "us")),
            "the connection was closed by this program: code 1000",
        ),
        (
            ConnectionClosedError(
                CloseInfo(1011, "oops", "server"),
                unsent=(("event_1", "response.create"),),
                uncertain=(("event_2", "session.update"), ("event_3", "response.cancel")),
                url="wss://h/v1",
                detail="while writing",
            ),
            (
                "the server closed the connection: code 1011, oops, while writing, "
                "1 frames unsent, 2 frames uncertain (wss://h/v1)"
            ),
        ),
        (ConnectionClosedError(LOST), "the connection was lost without a close frame"),
        (
            InboxOverflowError(LOST, limit=5),
            (
                "the connection was lost without a close frame: more than 5 bytes of events were "
                "not read. Read the events, or set `Options.inbox_bytes`"
            ),
        ),
        (
            MessageTooBigError(CloseInfo(1009, "", "us"), limit=5),
            (
                "the connection was closed by this program: code 1009, a message was larger than "
                "5 bytes. Set `Options.max_message_bytes`"
            ),
        ),
        (RestError("Slow down", status_code=429), "HTTP 429: Slow down"),
        (
            RestError("No.", status_code=400, code="no", param="a.b", url="https://h/v1"),
            "HTTP 400: no: No. (param a.b) (https://h/v1)",
        ),
        (
            RestError("Later", status_code=503, retry_after=2.5),
            "HTTP 503: Later. Try again after 2.5 s",
        ),
        (
            RestError("no answer came", uncertain=True),
            "no answer came. The server may have done it all the same",
        ),
        (ServerError(), "error: "),
        (ServerError(type="server_error", message="Sorry"), "server_error: Sorry"),
        (
            server_error_from_event(error_event("No such field.")),
            "unknown_parameter: No such field. (param session.colour) (caused by event_mine)",
        ),
        (server_error_from_event(error_event(None)), "unknown_parameter:  (param session.colour)"),
        (ResponseFailedError(failed("Sorry")), "response resp_1 failed: server_error: Sorry"),
        (
            ResponseFailedError(Response.model_validate({"status": "failed"})),
            "response without an id failed: no reason given",
        ),
        (
            ResponseFailedError(
                Response.model_validate({"id": "resp_2", "status_details": {"type": "failed"}})
            ),
            "response resp_2 failed: no reason given",
        ),
    ],
)
def test_the_text_says_what_happened_and_what_to_do(error: RealtimeError, text: str) -> None:
    assert str(error).startswith(text)
    assert repr(error) == f"{type(error).__name__}({str(error)!r})"


def test_a_rejected_handshake_keeps_the_facts_without_the_credentials() -> None:
    error = HandshakeRejectedError(
        status_code=429,
        headers=(("x-request-id", "req_1"), ("set-cookie", "a=b"), ("api-key", KEY)),
        body=POISON,
        request_id="req_1",
        retry_after=2,
        code="rate_limit_exceeded",
        message="Slow down",
        url=URL,
        secrets=SECRETS,
    )
    assert error.headers == (("x-request-id", "req_1"),)
    assert (error.status_code, error.request_id, error.retry_after) == (429, "req_1", 2)
    assert (error.code, error.message_from_server) == ("rate_limit_exceeded", "Slow down")
    assert error.url == (
        "wss://[redacted]@api.openai.com/v1/realtime?model=gpt-realtime-2.1&token=[redacted]"
    )
    assert HandshakeRejectedError(status_code=500).message_from_server is None


def test_refusals_keep_the_facts() -> None:
    refused = SessionRefusedError(
        "no", code="c", param="session.type", close_code=3000, request_id="req_1"
    )
    assert (refused.code, refused.param, refused.close_code) == ("c", "session.type", 3000)
    assert refused.request_id == "req_1"
    bad_key = AuthenticationError(
        "no", code="c", status_code=401, close_code=None, request_id="req_2"
    )
    assert (bad_key.status_code, bad_key.close_code, bad_key.code) == (401, None, "c")
    assert bad_key.request_id == "req_2"


def test_a_lost_connection_keeps_the_facts() -> None:
    error = MessageTooBigError(LOST, limit=7, unsent=(("e", "t"),), uncertain=(("f", "u"),))
    assert (error.info, error.limit) == (LOST, 7)
    assert (error.unsent, error.uncertain) == ((("e", "t"),), (("f", "u"),))
    assert InboxOverflowError(LOST, limit=7).limit == 7


def test_a_failed_response_keeps_its_event_until_it_is_pickled() -> None:
    event = decode_server('{"type": "response.done", "response": {"id": "resp_1", "output": []}}')
    assert isinstance(event, ResponseDone)
    error = ResponseFailedError(failed("Sorry"), event=event)
    assert error.event is event
    twin = pickle.loads(pickle.dumps(error))
    assert isinstance(twin, ResponseFailedError)
    assert twin.event is None
    assert twin.response.id == "resp_1"


def test_close_info_can_be_compared_and_says_who() -> None:
    assert CloseInfo(1000, "bye", "server") == CloseInfo(1000, "bye", "server")
    assert CloseInfo(1000, ECHO, "server").reason == ECHO_SHOWN

"""What is asked of a server by plain HTTP: ephemeral keys, and what it does not have.

This module knows methods, paths and JSON. It does not know how HTTP travels, nor what a key opens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator import ClientHandshake, RefusedError, Secrets, bad_key
from trio_realtime._transport._http import HttpRequest, HttpResponse

JSON_TYPE: Final[tuple[str, str]] = ("Content-Type", "application/json")
"""The header of every answer."""

_SECRETS: Final = "/realtime/client_secrets"
_REALTIME: Final = ("/realtime", "/realtime/translations")


def refused(status: int, error: RefusedError, *headers: tuple[str, str]) -> HttpResponse:
    """Write a refusal as the real server writes it."""
    payload = {name: each for name, each in error.payload(None).items() if name != "event_id"}
    return HttpResponse(status, (JSON_TYPE, *headers), json.dumps({"error": payload}).encode())


def no_such_url(method: str, path: str) -> HttpResponse:
    """Say that there is nothing at this path."""
    return refused(404, RefusedError(None, f"Invalid URL ({method} {path})"))


def not_found(request: HttpRequest) -> HttpResponse:
    """Say why there is no answer to this: nothing is there, or only a WebSocket."""
    if not request.path.rstrip("/").endswith(_REALTIME):
        return no_such_url(request.method, request.path)
    return refused(
        426,
        RefusedError(None, "This URL speaks WebSocket only: ask for an upgrade."),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
    )


@final
class Rest:
    """The part of the API that is no WebSocket: `POST /v1/realtime/client_secrets`."""

    secrets: Secrets
    """The keys given out."""

    def __init__(self, api_key: str | None, letters: Callable[[int], str]) -> None:
        self.secrets = Secrets(letters)
        self._api_key = api_key
        self._letters = letters

    def create(
        self,
        session: Mapping[str, JsonValue] | None,
        seconds: int,
        *,
        now: float,
        unix_time: float,
    ) -> str:
        """Make an ephemeral key without being asked over HTTP.

        Raises:
            ValueError: if the request would be refused.
        """
        asked: JsonValue = {
            "session": None if session is None else dict(session),
            "expires_after": {"seconds": seconds},
        }
        try:
            return str(self.secrets.create(asked, now=now, unix_time=unix_time)["value"])
        except RefusedError as error:
            raise ValueError(error.message) from error

    def answer(self, request: HttpRequest, *, now: float, unix_time: float) -> HttpResponse:
        """Answer one request, whatever it is.

        Args:
            request: What is asked.
            now: The time that sessions go by.
            unix_time: The time of the calendar.
        """
        path = request.path.rstrip("/")
        if not path.endswith(_SECRETS):
            return not_found(request)
        if request.method != "POST":
            said = f"Not allowed to {request.method} on {path}."
            error = RefusedError("method_not_supported", said)
            return refused(405, error, ("Allow", "POST"))
        key = ClientHandshake(path, headers=request.headers).api_key
        if self._api_key not in (None, key):
            return refused(401, bad_key(key))
        if request.body is None:
            return refused(413, RefusedError(None, "The body of your request is too large."))
        try:
            answer = self.secrets.create(_json(request.body), now=now, unix_time=unix_time)
        except RefusedError as error:
            return refused(400, error)
        headers = (JSON_TYPE, ("X-Request-Id", f"req_{self._letters(32)}"))
        return HttpResponse(200, headers, json.dumps(answer).encode())


def _json(body: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(body or b"{}")
        # What JSON can say and a frame cannot: half of a surrogate pair.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        said = "We could not parse the JSON body of your request."
        raise RefusedError(None, f"{said} {error}") from error
    return value

"""What is asked of a server by plain HTTP: ephemeral keys, calls, and what it does not have.

This module knows methods, paths, forms and JSON. It does not know how HTTP travels, nor what a key
opens or what becomes of a call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, final
from urllib.parse import unquote

from pydantic import JsonValue

from trio_realtime._core.simulator import (
    Calls,
    ClientHandshake,
    RefusedError,
    Secret,
    Secrets,
    SimulatedCall,
    answer_to_offer,
    bad_key,
    call_not_found,
    create_beta_session,
    missing_parameter,
    opening,
    update_from_json,
)
from trio_realtime._transport._http import HttpRequest, HttpResponse

JSON_TYPE: Final[tuple[str, str]] = ("Content-Type", "application/json")
"""The header of every answer."""

_PATH: Final = re.compile(r"/realtime(?:api)?/(.+)$")
_ACTION: Final = re.compile(r"calls/([^/]+)/(accept|reject|refer|hangup)")
_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)')
_NAME: Final = re.compile(rb'[; ]name="([^"]*)"')

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
    """The part of the API that is no WebSocket."""

    secrets: Secrets
    """The keys given out."""

    calls: Calls
    """The calls there are."""

    def __init__(
        self,
        api_key: str | None,
        letters: Callable[[int], str],
        over: Callable[[SimulatedCall], None],
    ) -> None:
        self.secrets = Secrets(letters)
        self.calls = Calls(letters, over)
        self._api_key = api_key
        self._letters = letters
        self._answers: Mapping[str, Callable[[_Asked], HttpResponse]] = {
            "client_secrets": self._client_secret,
            "translations/client_secrets": self._translation_secret,
            "calls": self._call,
            "sessions": partial(self._beta_session, "realtime"),
            "transcription_sessions": partial(self._beta_session, "transcription"),
        }

    def create(
        self,
        session: Mapping[str, JsonValue] | None,
        seconds: int,
        *,
        now: float,
        unix_time: float,
        translation: bool = False,
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
            secret = self.secrets.create(
                asked, now=now, unix_time=unix_time, translation=translation
            )
        except RefusedError as error:
            raise ValueError(error.message) from error
        return str(secret["value"])

    def create_call(
        self, session: Mapping[str, JsonValue] | None, call_id: str | None
    ) -> SimulatedCall:
        """Make a call that is under way without being asked over HTTP.

        Raises:
            ValueError: if the request would be refused, or if there is a call of that id.
        """
        try:
            begins = opening(update_from_json(None if session is None else dict(session)))
        except RefusedError as error:
            raise ValueError(error.message) from error
        return self.calls.create(begins, call_id)

    def begins(self, handshake: ClientHandshake, now: float) -> Secret | None:
        """What the session of a client begins with, if it does not choose that itself."""
        secret = self.secrets.find(handshake.api_key, translation=handshake.is_translation)
        call = self.calls.find(handshake.query.get("call_id") or "")
        if call is None or not self._is_let_in(handshake.api_key, secret, now):
            # Who shows no good key is told so, and nothing else.
            return secret
        return call.begins

    def not_attachable(self, handshake: ClientHandshake) -> HttpResponse | None:
        """Answer who wants to attach to a call that is not there, or not any more."""
        if not handshake.is_sideband:
            return None
        call_id = handshake.query["call_id"]
        call = self.calls.find(call_id)
        if call is not None and call.begins is not None:
            return None
        return refused(404, call_not_found(call_id))

    def answer(self, request: HttpRequest, *, now: float, unix_time: float) -> HttpResponse:
        """Answer one request, whatever it is.

        Args:
            request: What is asked.
            now: The time that sessions go by.
            unix_time: The time of the calendar.
        """
        path = request.path.rstrip("/")
        found = _PATH.search(path)
        answer = None if found is None else self._answers.get(found[1])
        action = None if found is None else _ACTION.fullmatch(found[1])
        if answer is None and action is None:
            return not_found(request)
        if request.method != "POST":
            said = f"Not allowed to {request.method} on {path}."
            error = RefusedError("method_not_supported", said)
            return refused(405, error, ("Allow", "POST"))
        handshake = ClientHandshake(path, request.query, request.headers)
        secret = self.secrets.find(handshake.api_key)
        # An ephemeral key makes calls, and nothing else.
        good = secret if found is not None and found[1] == "calls" else None
        if not self._is_let_in(handshake.api_key, good, now):
            return refused(401, bad_key(handshake.api_key))
        if request.body is None:
            return refused(413, RefusedError(None, "The body of your request is too large."))
        asked = _Asked(handshake, request.body, good, now, unix_time)
        try:
            if answer is not None:
                return answer(asked)
            assert action is not None
            self.calls.act(unquote(action[1]), action[2], _json(asked.body, empty=None))
        except RefusedError as error:
            return refused(404 if error.code == "call_id_not_found" else 400, error)
        return HttpResponse(200, (self._request_id(),))

    def _is_let_in(self, key: str | None, secret: Secret | None, now: float) -> bool:
        return self._api_key in (None, key) if secret is None else now < secret.due

    def _request_id(self) -> tuple[str, str]:
        return "X-Request-Id", f"req_{self._letters(32)}"

    def _created(self, answer: JsonValue) -> HttpResponse:
        return HttpResponse(200, (JSON_TYPE, self._request_id()), json.dumps(answer).encode())

    def _client_secret(self, asked: _Asked) -> HttpResponse:
        body = _json(asked.body, empty={})
        return self._created(self.secrets.create(body, now=asked.now, unix_time=asked.unix_time))

    def _translation_secret(self, asked: _Asked) -> HttpResponse:
        body = _json(asked.body, empty={})
        return self._created(
            self.secrets.create(body, now=asked.now, unix_time=asked.unix_time, translation=True)
        )

    def _beta_session(self, kind: str, asked: _Asked) -> HttpResponse:
        return self._created(
            create_beta_session(
                self.secrets,
                _json(asked.body, empty={}),
                kind=kind,
                id=f"sess_{self._letters(21)}",
                now=asked.now,
                unix_time=asked.unix_time,
            )
        )

    def _call(self, asked: _Asked) -> HttpResponse:
        kind = asked.handshake.header("content-type") or ""
        form = form_from_body(kind, asked.body)
        offer = asked.body if form is None else form.get("sdp")
        if not offer:
            raise missing_parameter("sdp")
        answer = answer_to_offer(offer.decode("utf-8", "replace"), self._letters)
        session = None if form is None else form.get("session")
        if session is not None:
            begins = opening(update_from_json(_json(session, empty={})))
        elif asked.secret is not None:
            begins = opening(asked.secret.update)
        else:
            model = asked.handshake.model
            begins = opening({"type": "realtime", **({"model": model} if model else {})})
        call = self.calls.create(begins)
        headers = (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Location", f"/v1/realtime/calls/{call.id}"),
            self._request_id(),
        )
        return HttpResponse(201, headers, answer.encode())


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was let in."""

    handshake: ClientHandshake
    body: bytes
    secret: Secret | None
    now: float
    unix_time: float


def form_from_body(content_type: str, body: bytes) -> dict[str, bytes] | None:
    """The parts of a form by their names; None where it is none."""
    kind, _, rest = content_type.partition(";")
    boundary = _BOUNDARY.search(rest)
    if kind.strip().lower() != "multipart/form-data" or boundary is None:
        return None
    parts: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if name := _NAME.search(head):
            parts[name[1].decode("latin-1")] = content.removesuffix(b"\r\n")
    return parts


def _json(body: bytes, *, empty: JsonValue) -> JsonValue:
    try:
        value: JsonValue = json.loads(body) if body else empty
        # What JSON can say and a frame cannot: half of a surrogate pair.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        said = "We could not parse the JSON body of your request."
        raise RefusedError(None, f"{said} {error}") from error
    return value

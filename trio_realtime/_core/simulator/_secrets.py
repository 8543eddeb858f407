"""Ephemeral keys: what a client may ask for one, and the session that it opens.

This module does not know how such a key travels, to whom it is given, nor the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core.simulator._checks import choice, integer, members
from trio_realtime._core.simulator._errors import (
    invalid_type,
    invalid_value,
    missing_parameter,
    unknown_parameter,
)
from trio_realtime._core.simulator._json import Object, kind_of, object_of, text_of
from trio_realtime._core.simulator._session import initial_session, updated_session
from trio_realtime._core.simulator._translation_session import (
    initial_translation,
    updated_translation,
)

SECRETS_MAX: Final = 10_000
"""How many keys are remembered; the oldest go first."""

SECONDS_MIN: Final = 10
SECONDS_MAX: Final = 7200
SECONDS_DEFAULT: Final = 600
"""How long a key may be good for, and how long it is."""

# Of a realtime session that names none; our choice.
_MODEL: Final = "gpt-realtime"

_KINDS: Final = ("realtime", "transcription")

_PARAMETERS: Final = ("expires_after", "session")

_EXPIRES_AFTER: Final = members(
    {"anchor": choice("created_at"), "seconds": integer(SECONDS_MIN, SECONDS_MAX)}
)


@final
@dataclass(frozen=True, slots=True)
class Secret:
    """An ephemeral key. It opens any number of sessions until it expires, and ends none."""

    value: str = field(repr=False)
    """The key: `ek_...`."""

    due: float
    """When it expires, by the clock that sessions go by."""

    kind: str
    """The type of its sessions: `realtime`, `transcription` or `translation`."""

    model: str
    """Their model; empty for transcription."""

    update: Object = field(repr=False)
    """What was asked for them."""

    def session(self, id: str, expires_at: int) -> Object:  # noqa: A002 - the wire's name
        """A session as it was asked for with the key, complete.

        Raises:
            RefusedError: if what was asked for does not fit.
        """
        if self.kind == "translation":
            new = initial_translation(id=id, model=self.model, expires_at=expires_at)
            asked = {name: each for name, each in self.update.items() if name != "model"}
            return updated_translation(new, asked)
        new = initial_session(self.kind, id=id, model=self.model, expires_at=expires_at)
        return updated_session(new, self.update, voice_is_locked=False)


@final
class Secrets:
    """The ephemeral keys that one server has given out."""

    def __init__(self, letters: Callable[[int], str]) -> None:
        self._letters = letters
        self._given: dict[str, Secret] = {}

    def create(
        self, asked: JsonValue, *, now: float, unix_time: float, translation: bool = False
    ) -> Object:
        """Make a key as the body of a request asks, and return the body of the answer.

        Raises:
            RefusedError: if the request does not fit; nothing is made then.
        """
        body = body_from_json(asked, _PARAMETERS)
        seconds = _seconds(body.get("expires_after"))
        session = body.get("session")
        update = _translation_from_json(session) if translation else update_from_json(session)
        secret = self.add(update, due=now + seconds)
        session_id = f"sess_{self._letters(21)}"
        expires_at = int(unix_time) + seconds
        return {
            "value": secret.value,
            "expires_at": expires_at,
            "session": secret.session(session_id, 0),
        }

    def add(self, update: Object, *, due: float) -> Secret:
        """Make a key for sessions that are asked for like this.

        Raises:
            RefusedError: if a session like this cannot be; nothing is made then.
        """
        secret = opening(update, value=f"ek_{self._letters(32)}", due=due)
        self._given[secret.value] = secret
        if len(self._given) > SECRETS_MAX:
            del self._given[next(iter(self._given))]
        return secret

    def find(self, key: str | None, *, translation: bool = False) -> Secret | None:
        """The ephemeral key that a client showed, expired or not.

        None if it is none of ours, and if it is not for what is asked for: translations have keys
        of their own.
        """
        secret = None if key is None else self._given.get(key)
        fits = secret is not None and (secret.kind == "translation") == translation
        return secret if fits else None


def opening(update: Object, *, value: str = "", due: float = math.inf) -> Secret:
    """What a session begins with that is asked for like this; by default without a key.

    Raises:
        RefusedError: if a session like this cannot be.
    """
    kind = text_of(update.get("type") or "translation")
    model = "" if kind == "transcription" else text_of(update.get("model") or _MODEL)
    secret = Secret(value, due, kind, model, update)
    secret.session("", 0)
    return secret


def body_from_json(asked: JsonValue, parameters: Collection[str]) -> Object:
    """The body of a request that takes these parameters.

    Raises:
        RefusedError: if it is no object, or has others.
    """
    if not isinstance(asked, dict):
        raise invalid_type("body", "an object", kind_of(asked))
    for name in asked:
        if name not in parameters:
            raise unknown_parameter(name)
    return asked


def _seconds(expires_after: JsonValue) -> int:
    if expires_after is None:
        return SECONDS_DEFAULT
    _EXPIRES_AFTER(expires_after, "expires_after")
    seconds = object_of(expires_after).get("seconds")
    return seconds if isinstance(seconds, int) else SECONDS_DEFAULT


def update_from_json(session: JsonValue, where: str = "session.") -> Object:
    """What is asked for a session that talks, or writes down.

    Args:
        session: As it was sent.
        where: What the names of parameters begin with, in a refusal.

    Raises:
        RefusedError: if type or model do not fit.
    """
    if session is None:
        return {"type": "realtime"}
    if not isinstance(session, dict):
        raise invalid_type(where.rstrip("."), "an object", kind_of(session))
    if "type" not in session:
        raise missing_parameter(f"{where}type")
    if session["type"] not in _KINDS:
        raise invalid_value(f"{where}type", session["type"], _KINDS)
    return _with_model(session, where)


def _translation_from_json(session: JsonValue) -> Object:
    if session is None:
        raise missing_parameter("session")
    if not isinstance(session, dict):
        raise invalid_type("session", "an object", kind_of(session))
    if not session.get("model"):
        raise missing_parameter("session.model")
    return _with_model(session, "session.")


def _with_model(session: Object, where: str) -> Object:
    model = session.get("model")
    if model is None:
        return {name: each for name, each in session.items() if name != "model"}
    if not isinstance(model, str):
        raise invalid_type(f"{where}model", "a string", kind_of(model))
    return session

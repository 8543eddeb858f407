"""Ephemeral keys: what a client may ask for one, and the session that it opens.

This module does not know how such a key travels, to whom it is given, nor the time.
"""

from __future__ import annotations

from collections.abc import Callable
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

SECRETS_MAX: Final = 10_000
"""How many keys are remembered; the oldest go first."""

SECONDS_MIN: Final = 10
SECONDS_MAX: Final = 7200
SECONDS_DEFAULT: Final = 600
"""How long a key may be good for, and how long it is."""

# Of a realtime session that names none; our choice.
_MODEL: Final = "gpt-realtime"

_KINDS: Final = ("realtime", "transcription")

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
    """The type of its sessions: `realtime` or `transcription`."""

    model: str
    """Their model; empty for transcription."""

    update: Object = field(repr=False)
    """What was asked for them."""

    def session(self, id: str, expires_at: int) -> Object:  # noqa: A002 - the wire's name
        """A session as it was asked for with the key, complete.

        Raises:
            RefusedError: if what was asked for does not fit.
        """
        new = initial_session(self.kind, id=id, model=self.model, expires_at=expires_at)
        return updated_session(new, self.update, voice_is_locked=False)


@final
class Secrets:
    """The ephemeral keys that one server has given out."""

    def __init__(self, letters: Callable[[int], str]) -> None:
        self._letters = letters
        self._given: dict[str, Secret] = {}

    def create(self, asked: JsonValue, *, now: float, unix_time: float) -> Object:
        """Make a key as the body of a request asks, and return the body of the answer.

        Raises:
            RefusedError: if the request does not fit; nothing is made then.
        """
        if not isinstance(asked, dict):
            raise invalid_type("body", "an object", kind_of(asked))
        for name in asked:
            if name not in {"expires_after", "session"}:
                raise unknown_parameter(name)
        seconds = _seconds(asked.get("expires_after"))
        update = _update(asked.get("session"))
        kind = text_of(update["type"])
        model = text_of(update.get("model") or _MODEL) if kind == "realtime" else ""
        secret = Secret(f"ek_{self._letters(32)}", now + seconds, kind, model, update)
        # Before it is given out: the session may not fit.
        session = secret.session(f"sess_{self._letters(21)}", 0)
        self._given[secret.value] = secret
        if len(self._given) > SECRETS_MAX:
            del self._given[next(iter(self._given))]
        expires_at = int(unix_time) + seconds
        return {"value": secret.value, "expires_at": expires_at, "session": session}

    def find(self, key: str | None) -> Secret | None:
        """The ephemeral key that a client showed, expired or not; None if it is none of ours."""
        return None if key is None else self._given.get(key)


def _seconds(expires_after: JsonValue) -> int:
    if expires_after is None:
        return SECONDS_DEFAULT
    _EXPIRES_AFTER(expires_after, "expires_after")
    seconds = object_of(expires_after).get("seconds")
    return seconds if isinstance(seconds, int) else SECONDS_DEFAULT


def _update(session: JsonValue) -> Object:
    if session is None:
        return {"type": "realtime"}
    if not isinstance(session, dict):
        raise invalid_type("session", "an object", kind_of(session))
    if "type" not in session:
        raise missing_parameter("session.type")
    if session["type"] not in _KINDS:
        raise invalid_value("session.type", session["type"], _KINDS)
    model = session.get("model")
    if model is None:
        return {name: each for name, each in session.items() if name != "model"}
    if not isinstance(model, str):
        raise invalid_type("session.model", "a string", kind_of(model))
    return session

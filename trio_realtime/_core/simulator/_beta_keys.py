"""The beta's way to ephemeral keys: a session is asked for, in its flat shape, and brings a key.

What is asked is what a session of today's shape would be asked, under other names; so the same
limits hold. That, and the lives of keys, are our choice where the specification says nothing. This
module does not know the beta's events.
"""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from trio_realtime._core.simulator._beta import (
    TEMPERATURE,
    TEMPERATURES,
    flat_refusal,
)
from trio_realtime._core.simulator._beta_shape import (
    HEARING,
    SESSION,
    check_modalities,
    flat_session,
    modalities_of,
    nested,
)
from trio_realtime._core.simulator._checks import choice, integer, members
from trio_realtime._core.simulator._errors import RefusedError
from trio_realtime._core.simulator._json import Object, at
from trio_realtime._core.simulator._secrets import (
    SECONDS_MAX,
    SECONDS_MIN,
    Secret,
    Secrets,
    body_from_json,
)

BETA_SECONDS: Final = 60
"""How long a key of the beta is good for, if it is not said."""

_LIFE: Final = members(
    {"anchor": choice("created_at"), "seconds": integer(SECONDS_MIN, SECONDS_MAX)}
)
_KEY: Final = {
    # In spite of its name, what a transcription says of its key is a life too.
    "client_secret": members({"expires_after": _LIFE, "expires_at": _LIFE}),
}
_OWN: Final = {
    "realtime": {**_KEY, "temperature": TEMPERATURES},
    "transcription": {**_KEY, "modalities": check_modalities},
}
_PLACES: Final = {"realtime": SESSION, "transcription": HEARING}


def create_beta_session(
    secrets: Secrets,
    asked: JsonValue,
    *,
    kind: str,
    id: str,  # noqa: A002 - the wire's name
    now: float,
    unix_time: float,
) -> Object:
    """Make a key as the body of a request asks, and return the body of the answer.

    Args:
        secrets: What keeps the key.
        asked: The body.
        kind: The type of session: `realtime` or `transcription`.
        id: The id that the session is told to have.
        now: The time that sessions go by.
        unix_time: The time of the calendar.

    Raises:
        RefusedError: if the request does not fit; nothing is made then.
    """
    config = body_from_json(asked, (*_PLACES[kind], *_OWN[kind]))
    named = "expires_after" if kind == "realtime" else "expires_at"
    seconds = at(config, "client_secret", named, "seconds")
    life = seconds if isinstance(seconds, int) else BETA_SECONDS
    try:
        secret = _secret(secrets, config, kind, due=now + life)
    except RefusedError as error:
        raise _bare(flat_refusal(error)) from error
    flat = flat_session(secret.session(id, 0), _PLACES[kind])
    modalities = config.get("modalities")
    shown = modalities_of(modalities, "modalities") if modalities else ["audio", "text"]
    flat["modalities"] = [*shown]
    flat["client_secret"] = {"value": secret.value, "expires_at": int(unix_time) + life}
    if kind == "realtime":
        flat["temperature"] = config.get("temperature") or TEMPERATURE
    return flat


def _secret(secrets: Secrets, config: Object, kind: str, *, due: float) -> Secret:
    if (modalities := config.get("modalities")) is not None:
        check_modalities(modalities, "session.modalities")
    update = nested(config, _PLACES[kind], _OWN[kind], "session")
    return secrets.add({"type": kind, **update}, due=due)


def _bare(error: RefusedError) -> RefusedError:
    """A refusal of a request whose parameters are in no `session`."""
    param = None if error.param is None else error.param.removeprefix("session.")
    message = error.message.replace("'session.", "'")
    return RefusedError(error.code, message, param=param, type=error.type)

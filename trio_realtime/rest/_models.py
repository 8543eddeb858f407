"""What requests carry, and what answers bring.

Answers are read as everything is that a server sends: with tolerance. Keys have no `repr`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar, cast, final

from pydantic import Field, JsonValue, ValidationError

from trio_realtime.events import encode
from trio_realtime.rest._exchange import Body
from trio_realtime.translation import TranslationAudio, TranslationModel, TranslationSession
from trio_realtime.types import Session
from trio_realtime.types._base import ReceivedModel, SentModel
from trio_realtime.types._unknown import problems_from_error

if TYPE_CHECKING:
    from trio_realtime.rest._requests import Received

JsonObject: TypeAlias = Mapping[str, JsonValue]

ModelT = TypeVar("ModelT", bound=ReceivedModel)

NOTHING: Final = Body()


ExpiryAnchor: TypeAlias = Literal["created_at"]
"""From when on the life of a key is counted."""


class ExpiresAfter(SentModel):
    """How long an ephemeral key is good for."""

    anchor: ExpiryAnchor | str = "created_at"

    seconds: int | None = None
    """10 to 7200; the server's default is 600."""


class TranslationSessionConfig(SentModel):
    """What the sessions of a key for translation begin with."""

    model: TranslationModel | str
    audio: TranslationAudio | None = None


class ClientSecret(ReceivedModel):
    """An ephemeral key: it opens any number of sessions until it expires."""

    value: str = Field(repr=False)
    """The key, `ek_…`: a browser or a device shows it in the place of yours."""

    expires_at: int
    """When it expires, in seconds since 1970."""

    session: Session | None = None
    """What its sessions begin with."""


class TranslationClientSecret(ReceivedModel):
    """An ephemeral key for translation."""

    value: str = Field(repr=False)
    """The key, `ek_…`."""

    expires_at: int
    """When it expires, in seconds since 1970."""

    session: TranslationSession | None = None
    """What its sessions begin with."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """A WebRTC call that the server has answered."""

    sdp: str = dataclasses.field(repr=False)
    """The answer to your offer, for `setRemoteDescription`. It holds the call's ICE password."""

    call_id: str | None
    """For `open_realtime(call_id=...)` and `rest.calls.hangup(...)`; None where a compatible server
    does not tell it."""


def json_body(**fields: object) -> Body:
    """The body of a request: what is not None of the fields, models or JSON."""
    return Body(content=encode(_json({k: v for k, v in fields.items() if v is not None})))


def session_json(session: object, kind: str | None) -> str:
    """The JSON of a configuration.

    Raises:
        TypeError: if it is none.
    """
    return encode(_json(session_fields(session, kind)))


def session_fields(session: object, kind: str | None) -> object:
    """A configuration in the shape of the wire, with `type` where it is a mapping without.

    Raises:
        TypeError: if it is neither a model nor a mapping.
    """
    if isinstance(session, Mapping):
        given = cast("Mapping[str, object]", session)
        return {**({} if kind is None else {"type": kind}), **given}
    if not isinstance(session, SentModel):
        raise TypeError(
            f"session must be a session's configuration or a mapping, not {type(session).__name__}"
        )
    return session


def expiry(expires_after: ExpiresAfter | JsonObject | int | None) -> object:
    """How long a key is good for: whole, or as seconds."""
    if isinstance(expires_after, int):
        return ExpiresAfter(seconds=expires_after)
    return expires_after


def result(model: type[ModelT], received: Received) -> ModelT:
    """Read an answer. Fields that this release cannot read are left out.

    Raises:
        RestError: if what is needed is not there.
    """
    body = received.answer.body
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        wrong = {problem.location[:1] for problem in problems_from_error(error)}
        why = "; ".join(map(str, problems_from_error(error)))
    try:
        data: JsonValue = json.loads(body)
        assert isinstance(data, dict)
        kept = {name: each for name, each in data.items() if (name,) not in wrong}
        return model.model_validate_json(json.dumps(kept))
    except (ValueError, AssertionError):
        raise received.unreadable(why) from None


def _json(value: object) -> JsonObject:
    # `encode` writes models wherever they stand in it.
    return cast("JsonObject", value)

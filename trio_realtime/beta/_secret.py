"""The ephemeral key that a session made over REST comes with."""

from typing import Literal, TypeAlias

from pydantic import Field

from trio_realtime.types._base import ReceivedModel, SentModel

ExpiryAnchor: TypeAlias = Literal["created_at"]
"""From when on the life of a key is counted."""


class Expiry(SentModel):
    """How long an ephemeral key can be used to connect."""

    anchor: ExpiryAnchor | str | None = None
    seconds: int | None = None
    """10 to 7200."""


class ClientSecretConfig(SentModel):
    """What the ephemeral key of a session is to be. Over REST only."""

    expires_after: Expiry | None = None


class TranscriptionClientSecretConfig(SentModel):
    """What the ephemeral key of a transcription session is to be. Over REST only."""

    expires_at: Expiry | None = None
    """How long it can be used, in spite of the name."""


class ClientSecret(ReceivedModel):
    """An ephemeral key, for programs that must not have the real one."""

    value: str | None = Field(default=None, repr=False)
    """The key itself, such as `ek_...`."""

    expires_at: int | None = None
    """When it can no longer be used to connect, in seconds since 1970."""

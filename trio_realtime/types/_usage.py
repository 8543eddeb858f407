"""What was counted: tokens of responses and transcriptions, seconds, and what is left of them."""

from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from trio_realtime.types._base import Number, ReceivedModel, Unrecognised
from trio_realtime.types._unknown import OPEN, Unknown

RateLimitName: TypeAlias = Literal["requests", "tokens"]
"""What a rate limit counts."""


class CachedTokenDetails(ReceivedModel):
    """The cached part of the input, by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class InputTokenDetails(ReceivedModel):
    """The input, by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None

    cached_tokens: int | None = None
    """How many of the above came from the cache: part of them, not in addition."""

    cached_tokens_details: CachedTokenDetails | None = None


class OutputTokenDetails(ReceivedModel):
    """The output, by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None

    reasoning_tokens: int | None = None
    """Spent on thinking. Sent by reasoning models."""


class ResponseUsage(ReceivedModel):
    """The tokens that one response used. Its input is the whole conversation up to then."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_token_details: OutputTokenDetails | None = None


class TranscriptionInputTokenDetails(ReceivedModel):
    """The input of a transcription, by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class TranscriptionTokenUsage(ReceivedModel):
    """The tokens that one transcription used, for models paid by the token."""

    type: Literal["tokens"] = "tokens"
    input_tokens: int
    input_token_details: TranscriptionInputTokenDetails | None = None
    output_tokens: int
    total_tokens: int


class TranscriptionDurationUsage(ReceivedModel):
    """The audio that one transcription heard, for models paid by its length."""

    type: Literal["duration"] = "duration"
    seconds: Number


@final
class UnknownUsage(Unknown):
    """Usage of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


TranscriptionUsage: TypeAlias = Annotated[
    Annotated[TranscriptionTokenUsage | TranscriptionDurationUsage, Field(discriminator="type")]
    | UnknownUsage,
    OPEN,
]
"""What one transcription used. It is not part of any response's usage."""


class RateLimit(ReceivedModel):
    """What is left until the limit is reset."""

    name: RateLimitName | Unrecognised | None = None
    limit: int | None = None
    remaining: int | None = None
    """Less what is set aside for responses under way."""

    reset_seconds: Number | None = None


class LogProb(ReceivedModel):
    """How sure the model is of one token of a transcript."""

    token: str
    logprob: Number
    bytes: list[int] | None = None
    """The token in UTF-8, as numbers."""


class TranscriptionLanguage(ReceivedModel):
    """A language that was heard."""

    code: str


class Conversation(ReceivedModel):
    """A conversation: the list of items that a session works on."""

    id: str | None = None
    object: str | None = None

"""Events of the conversation: items, and the transcription of what the user says."""

from typing import Literal

from trio_realtime.types._base import ClientModel, Number, ServerModel
from trio_realtime.types._errors import TranscriptionError
from trio_realtime.types._items import Item
from trio_realtime.types._usage import (
    Conversation,
    LogProb,
    TranscriptionLanguage,
    TranscriptionUsage,
)


class ConversationItemCreate(ClientModel):
    """Add an item to the conversation.

    Answered by `conversation.item.added` and, once it is complete, `conversation.item.done`. While
    a response is under way the answer waits until that is done. It starts no response.
    """

    type: Literal["conversation.item.create"] = "conversation.item.create"

    previous_item_id: str | None = None
    """The item to put it after; `root` is the beginning. Unset is the end. An id that does not
    exist is an error."""

    item: Item


class ConversationItemDelete(ClientModel):
    """Remove an item from the conversation. Answered by `conversation.item.deleted`."""

    type: Literal["conversation.item.delete"] = "conversation.item.delete"
    item_id: str


class ConversationItemRetrieve(ClientModel):
    """Ask for an item, with its audio. Answered by `conversation.item.retrieved`."""

    type: Literal["conversation.item.retrieve"] = "conversation.item.retrieve"
    item_id: str


class ConversationItemTruncate(ClientModel):
    """Forget what the user has not heard of an assistant's audio.

    The server makes audio faster than it is played; after an interruption this tells it how far the
    user listened. The transcript of the item is dropped with the rest. Answered by
    `conversation.item.truncated`; more milliseconds than the audio has are an error.
    """

    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"

    item_id: str
    """A message of the assistant."""

    content_index: int
    """Which of its parts. 0 is right for all that the API makes."""

    audio_end_ms: int
    """How much was heard."""


class ConversationCreated(ServerModel):
    """A conversation exists. Documented for the start of a session, and never seen there."""

    type: Literal["conversation.created"] = "conversation.created"
    conversation: Conversation


class ConversationItemAdded(ServerModel):
    """An item is in the conversation.

    Its content may still be missing: an item of a response is filled while the response streams,
    one of the user's speech when it is transcribed. `conversation.item.done` follows.
    """

    type: Literal["conversation.item.added"] = "conversation.item.added"

    previous_item_id: str | None = None
    """The item it comes after; None at the beginning of a conversation."""

    item: Item


class ConversationItemCreated(ServerModel):
    """An item is in the conversation: the older form of `conversation.item.added`.

    GA servers send `added` and `done`; compatible servers may still send this.
    """

    type: Literal["conversation.item.created"] = "conversation.item.created"

    previous_item_id: str | None = None
    """The item it comes after; None at the beginning of a conversation."""

    item: Item


class ConversationItemDone(ServerModel):
    """An item is complete, and part of the context of later responses."""

    type: Literal["conversation.item.done"] = "conversation.item.done"

    previous_item_id: str | None = None
    """The item it comes after; often None where `added` named one."""

    item: Item


class ConversationItemDeleted(ServerModel):
    """An item is gone, because a client asked for it."""

    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"
    item_id: str


class ConversationItemRetrieved(ServerModel):
    """The item that a client asked for. With audio it can be megabytes."""

    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: Item


class ConversationItemTruncated(ServerModel):
    """The audio of an item was cut, because a client asked for it. Its transcript is gone."""

    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    item_id: str
    content_index: int

    audio_end_ms: int
    """How much is left."""


class ConversationItemInputAudioTranscriptionDelta(ServerModel):
    """More of the transcript of what the user says.

    Transcription is a model of its own and runs beside the conversation: expect these before,
    during or after the response to the same speech.
    """

    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    item_id: str
    content_index: int | None = None
    delta: str | None = None

    logprobs: list[LogProb] | None = None
    """Only where the session includes them."""

    obfuscation: str | None = None
    """Random padding against guessing the text by the length of frames."""


class ConversationItemInputAudioTranscriptionSegment(ServerModel):
    """A stretch of the transcript with its speaker, by models that tell speakers apart."""

    type: Literal["conversation.item.input_audio_transcription.segment"] = (
        "conversation.item.input_audio_transcription.segment"
    )
    item_id: str
    content_index: int

    id: str
    """The id of the segment."""

    speaker: str
    """A label, the same for the same voice."""

    text: str

    start: Number
    """In seconds."""

    end: Number
    """In seconds."""


class ConversationItemInputAudioTranscriptionCompleted(ServerModel):
    """The whole transcript of what the user said.

    It may differ from what the model heard, which listens to the audio itself.
    """

    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    item_id: str
    content_index: int
    transcript: str

    usage: TranscriptionUsage | None = None
    """What the transcription itself cost, in tokens or in seconds."""

    languages: list[TranscriptionLanguage] | None = None
    """The languages heard, by models that tell."""

    logprobs: list[LogProb] | None = None
    """Only where the session includes them."""


class ConversationItemInputAudioTranscriptionFailed(ServerModel):
    """What the user said could not be transcribed. The conversation goes on without.

    This is not an `error` event, so that the item it is about can be told.
    """

    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    item_id: str
    content_index: int
    error: TranscriptionError

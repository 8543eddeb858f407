"""Events of the input buffer: what the user says, before it is an item."""

from typing import Literal

from trio_realtime.types._base import Audio, ClientModel, ServerModel


class InputAudioBufferAppend(ClientModel):
    """Add audio to the input buffer.

    The only client event that the server never acknowledges. At most 15 MiB; small pieces let voice
    detection react sooner.
    """

    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"

    audio: Audio
    """Samples in the session's input format; base64 on the wire."""


class InputAudioBufferClear(ClientModel):
    """Throw away what is in the input buffer. Answered by `input_audio_buffer.cleared`."""

    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


class InputAudioBufferCommit(ClientModel):
    """Make a user message of the input buffer, which is empty then.

    Answered by `input_audio_buffer.committed`. Less than 100 ms of audio is an error. It starts
    transcription where that is on, and never a response.
    """

    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


class InputAudioBufferCleared(ServerModel):
    """The input buffer is empty, because a client asked for it."""

    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class InputAudioBufferCommitted(ServerModel):
    """The input buffer became an item: a client asked for it, or turn detection ended the turn.

    Nothing tells the two apart but what came before. `conversation.item.added` follows.
    """

    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"

    previous_item_id: str | None = None
    """The item it comes after; None at the beginning of a conversation."""

    item_id: str
    """The user message that is being made."""


class InputAudioBufferDtmfEventReceived(ServerModel):
    """The caller pressed a key. Telephone calls only; comes without `event_id`."""

    type: Literal["input_audio_buffer.dtmf_event_received"] = (
        "input_audio_buffer.dtmf_event_received"
    )

    event: str
    """The key: a digit, `*`, `#`, or `A` to `D`."""

    received_at: int
    """When, in seconds since 1970."""


class InputAudioBufferSpeechStarted(ServerModel):
    """Turn detection heard speech begin.

    The moment to stop playing. With `interrupt_response` the server cancels the response under way
    by itself.
    """

    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"

    audio_start_ms: int
    """Where in all audio of this session, less the padding that is kept before it."""

    item_id: str
    """The user message that will be made."""


class InputAudioBufferSpeechStopped(ServerModel):
    """Turn detection heard speech end. The server commits the buffer by itself."""

    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"

    audio_end_ms: int
    """Where in all audio of this session, with the silence that was waited for."""

    item_id: str
    """The user message that is being made."""


class InputAudioBufferTimeoutTriggered(ServerModel):
    """The user has said nothing for `idle_timeout_ms`, so the model speaks up.

    The server commits the silence and starts a response.
    """

    type: Literal["input_audio_buffer.timeout_triggered"] = "input_audio_buffer.timeout_triggered"

    audio_start_ms: int
    """Where in all audio of this session the silence began: the end of the last response."""

    audio_end_ms: int
    """Where it was ended."""

    item_id: str
    """The user message that holds the silence."""

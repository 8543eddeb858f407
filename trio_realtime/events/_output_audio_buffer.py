"""Events of the output buffer: what the server plays, over WebRTC and telephone calls only.

Over a plain WebSocket your code plays the audio, and there is no such buffer.
"""

from typing import Literal

from trio_realtime.types._base import ClientModel, ServerModel


class OutputAudioBufferClear(ClientModel):
    """Stop what is being played. Answered by `output_audio_buffer.cleared`.

    Send `response.cancel` first, or the rest of the response fills the buffer again.
    """

    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


class OutputAudioBufferStarted(ServerModel):
    """The first audio of a response is being played."""

    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"
    response_id: str


class OutputAudioBufferStopped(ServerModel):
    """All audio of a response has been played, after its `response.done`."""

    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"
    response_id: str


class OutputAudioBufferCleared(ServerModel):
    """Playing was stopped: the user interrupted, or a client asked for it."""

    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"
    response_id: str

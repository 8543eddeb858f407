"""The connection of the beta dialect. Loaded when `open_realtime` is asked for one."""

from __future__ import annotations

from typing import Final, final

from trio_realtime import beta
from trio_realtime._connection import Link
from trio_realtime._core._shapes import Shapes
from trio_realtime._resources import (
    ConversationResource,
    InputAudioBufferResource,
    OutputAudioBufferResource,
)
from trio_realtime._resources._beta import (
    BetaResponseResource,
    BetaSessionResource,
    TranscriptionSessionResource,
)
from trio_realtime._response._beta import BetaResponding

_SHAPES: Final = Shapes(beta.Response, beta.TextPart, beta.AudioPart)


@final
class BetaConnection(BetaResponding):
    """One open connection in the beta dialect, made by `open_realtime(..., dialect="beta")`.

    ::

        async with open_realtime("my-deployment", endpoint=azure, dialect="beta") as conn:
            await conn.session.update(modalities=["text"])
            async with conn.respond("Hello!") as reply:
                async for piece in reply.text():
                    print(piece, end="")

    It is used as a `RealtimeConnection` is; what differs on the wire differs here: sessions are
    flat, and the events are those of `trio_realtime.beta`. Any number of tasks may use it at the
    same time. It ends with its block, or with `aclose()`.
    """

    session: BetaSessionResource
    """What the session is, and changing it."""

    transcription_session: TranscriptionSessionResource
    """The same for a session that only writes down what is said."""

    conversation: ConversationResource
    """The conversation's items, and with `mirror=True` a copy of them all."""

    input_audio_buffer: InputAudioBufferResource
    """The audio you speak."""

    output_audio_buffer: OutputAudioBufferResource
    """The audio being played, on WebRTC."""

    response: BetaResponseResource
    """Asking for responses and cancelling them."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        link.shapes = _SHAPES
        self.session = BetaSessionResource(self._calls)
        self.transcription_session = TranscriptionSessionResource(self._calls)
        self.conversation = ConversationResource(self._calls, says="text")
        self.input_audio_buffer = InputAudioBufferResource(self._calls)
        self.output_audio_buffer = OutputAudioBufferResource(self._calls)
        self.response = BetaResponseResource(self._calls)

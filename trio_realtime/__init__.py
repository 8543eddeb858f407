"""OpenAI's Realtime API for Trio: typed events over one WebSocket, as structured concurrency.

::

    async with open_realtime("gpt-realtime-2.1") as conn:
        async with conn.respond("Hello!") as reply:
            async for piece in reply.text():
                print(piece, end="")

Events are in `trio_realtime.events`, what they hold in `trio_realtime.types`, audio arithmetic in
`trio_realtime.audio`, a simulated server in `trio_realtime.testing`.
"""

from typing import TYPE_CHECKING

from trio_realtime._connection import EventStream, Statistics
from trio_realtime._core._transcript import (
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
    TranscriptFailure,
    TranscriptSegment,
)
from trio_realtime._core._usage import UsageTotals
from trio_realtime._endpoint import (
    AzureEndpoint,
    Endpoint,
    Handshake,
    OpenAIEndpoint,
    StreamFactory,
    Target,
)
from trio_realtime._open import (
    RealtimeConnection,
    TranscriptionConnection,
    TranscriptStream,
    TranslationConnection,
    TranslationView,
    accepted_call,
    open_realtime,
    open_transcription,
    open_translation,
)
from trio_realtime._options import DEFAULT_OPTIONS, Options
from trio_realtime._resources import UNSET, Unset
from trio_realtime._response import IncomingReplies, Reply, ReplyView
from trio_realtime._transport import Transport, TransportClosed, TransportFactory
from trio_realtime._version import __version__
from trio_realtime.errors import (
    AuthenticationError,
    CloseInfo,
    ConnectError,
    ConnectionClosedError,
    ConnectTimeoutError,
    HandshakeRejectedError,
    InboxOverflowError,
    KeepaliveTimeoutError,
    MessageTooBigError,
    RealtimeError,
    ResponseFailedError,
    RestError,
    ServerError,
    SessionExpiredError,
    SessionRefusedError,
)

if TYPE_CHECKING:
    from trio_realtime._open._beta import BetaConnection
else:

    def __getattr__(name: str) -> object:
        """Load what only some programs use when it is first asked for."""
        if name != "BetaConnection":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from trio_realtime._open._beta import BetaConnection

        return BetaConnection


__all__ = [
    "DEFAULT_OPTIONS",
    "UNSET",
    "AuthenticationError",
    "AzureEndpoint",
    "BetaConnection",
    "CloseInfo",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "Endpoint",
    "EventStream",
    "Handshake",
    "HandshakeRejectedError",
    "InboxOverflowError",
    "IncomingReplies",
    "KeepaliveTimeoutError",
    "MessageTooBigError",
    "OpenAIEndpoint",
    "Options",
    "RealtimeConnection",
    "RealtimeError",
    "Reply",
    "ReplyView",
    "ResponseFailedError",
    "RestError",
    "ServerError",
    "SessionExpiredError",
    "SessionRefusedError",
    "Statistics",
    "StreamFactory",
    "Target",
    "Transcript",
    "TranscriptCompleted",
    "TranscriptDelta",
    "TranscriptFailed",
    "TranscriptFailure",
    "TranscriptSegment",
    "TranscriptStream",
    "TranscriptionConnection",
    "TranslationConnection",
    "TranslationView",
    "Transport",
    "TransportClosed",
    "TransportFactory",
    "Unset",
    "UsageTotals",
    "__version__",
    "accepted_call",
    "open_realtime",
    "open_transcription",
    "open_translation",
]

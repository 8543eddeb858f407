"""The translation dialect: its events and types, loaded when they are first used.

A session of it listens without end and translates as it listens: there are no turns, no items and
no responses. `open_translation` opens one.

The class of an event is its wire name in CamelCase, as in `trio_realtime.events`. Some names are
those of the GA dialect and hold other things: `translation.SessionCreated` is not
`events.SessionCreated`. What is the same on the wire is the same class: `Error`, and the two that
stand for what is not known.
"""

from typing import TypeAlias

from trio_realtime.events._error import Error
from trio_realtime.events._unknown import InvalidEvent, UnknownEvent
from trio_realtime.translation._session import (
    SessionClose,
    SessionClosed,
    SessionCreated,
    SessionInputAudioBufferAppend,
    SessionInputTranscriptDelta,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
    SessionUpdate,
    SessionUpdated,
)
from trio_realtime.translation._types import (
    TranslationAudio,
    TranslationAudioInput,
    TranslationAudioOutput,
    TranslationConfig,
    TranslationModel,
    TranslationNoiseReduction,
    TranslationSession,
    TranslationTranscription,
)

ClientEvent: TypeAlias = SessionUpdate | SessionInputAudioBufferAppend | SessionClose
"""Every event that a client can send."""

ServerEvent: TypeAlias = (
    Error
    | SessionCreated
    | SessionUpdated
    | SessionClosed
    | SessionInputTranscriptDelta
    | SessionOutputTranscriptDelta
    | SessionOutputAudioDelta
    | UnknownEvent
    | InvalidEvent
)
"""Everything a connection can deliver: the known events, and the two that stand for the rest."""

__all__ = [
    "ClientEvent",
    "Error",
    "InvalidEvent",
    "ServerEvent",
    "SessionClose",
    "SessionClosed",
    "SessionCreated",
    "SessionInputAudioBufferAppend",
    "SessionInputTranscriptDelta",
    "SessionOutputAudioDelta",
    "SessionOutputTranscriptDelta",
    "SessionUpdate",
    "SessionUpdated",
    "TranslationAudio",
    "TranslationAudioInput",
    "TranslationAudioOutput",
    "TranslationConfig",
    "TranslationModel",
    "TranslationNoiseReduction",
    "TranslationSession",
    "TranslationTranscription",
    "UnknownEvent",
]

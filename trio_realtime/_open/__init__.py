"""Where a connection is put together: `open_realtime` and its siblings."""

from trio_realtime._open._call import accepted_call
from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._open._realtime import RealtimeConnection, open_realtime
from trio_realtime._open._transcript_stream import TranscriptStream
from trio_realtime._open._transcription import TranscriptionConnection, open_transcription
from trio_realtime._open._translation import TranslationConnection, open_translation
from trio_realtime._open._translation_view import TranslationView

__all__ = [
    "RealtimeConnection",
    "TranscriptStream",
    "TranscriptionConnection",
    "TranslationConnection",
    "TranslationView",
    "accepted_call",
    "endpoint_from_environment",
    "open_realtime",
    "open_transcription",
    "open_translation",
]

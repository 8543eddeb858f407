"""The evidence for translations, which speak a dialect of their own.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import NOTHING, SPECIFICATION, Row

_RECORDING: Final = "https://github.com/vercel/ai"
_SESSION: Final = "a translation that was published with the AI SDK"
_CLOSE: Final = "session.close"
_APPEND: Final = "session.input_audio_buffer.append"
_HEARD: Final = "session.input_transcript.delta"
_SAID: Final = "session.output_transcript.delta"
_SOUND: Final = "session.output_audio.delta"

TRANSLATION_ROWS: Final = (
    Row(
        id="translation-connect",
        cause="connecting",
        when="at `/v1/realtime/translations`",
        outcome=("session.created",),
        evidence="recorded",
        source=_SESSION,
        link=_RECORDING,
    ),
    Row(
        id="translation-without-model",
        cause="connecting",
        when="at `/v1/realtime/translations`, without a model",
        outcome=("error(missing_model)", "close(4000)"),
        evidence="our choice",
        source="as in a conversation",
    ),
    Row(
        id="translation-update",
        cause="session.update",
        when="in a translation: language, transcription, noise reduction",
        outcome=("session.updated",),
        evidence="recorded",
        source=_SESSION,
        link=_RECORDING,
    ),
    Row(
        id="translation-update-model",
        cause="session.update",
        when="in a translation: `model` or `type`",
        outcome=("error(unknown_parameter)",),
        evidence="our choice",
        source="that neither can be changed is specified; the error is the usual one",
        link=SPECIFICATION,
    ),
    Row(
        id="translation-update-value",
        cause="session.update",
        when="in a translation: a value that the setting does not take",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="as in a conversation",
    ),
    Row(
        id="translation-append",
        cause=_APPEND,
        when="200 ms or more, with transcription: a frame at a time, the translation 1.8 s behind",
        outcome=(_SOUND, _HEARD, _SAID),
        evidence="recorded",
        source=_SESSION,
        link=_RECORDING,
        drivers=("hears",),
    ),
    Row(
        id="translation-append-untranscribed",
        cause=_APPEND,
        when="without transcription",
        outcome=(_SOUND, _SAID),
        evidence="specification",
        source="the description of `session.input_transcript.delta`",
        link=SPECIFICATION,
    ),
    Row(
        id="translation-append-short",
        cause=_APPEND,
        when="less than 200 ms since the last frame",
        outcome=NOTHING,
        evidence="specification",
        source="the description of the event",
        link=SPECIFICATION,
    ),
    Row(
        id="translation-append-no-base64",
        cause=_APPEND,
        when="what is no base64",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="as in a conversation",
    ),
    Row(
        id="translation-append-too-long",
        cause=_APPEND,
        when="more than 15 MiB",
        outcome=("error(string_above_max_length)",),
        evidence="our choice",
        source="as in a conversation",
    ),
    Row(
        id="translation-close",
        cause=_CLOSE,
        when="while a translation is behind: the rest of it comes first",
        outcome=(_SOUND, _HEARD, _SAID, "session.closed", "close(1000)"),
        evidence="recorded",
        source=f"{_SESSION}, whose end it is; that the server closes is our choice",
        link=_RECORDING,
    ),
    Row(
        id="translation-close-at-once",
        cause=_CLOSE,
        when="where nothing was sent",
        outcome=("session.closed", "close(1000)"),
        evidence="specification",
        source="the description of the event; that the server closes is our choice",
        link=SPECIFICATION,
    ),
    Row(
        id="translation-after-close",
        cause="any event",
        when="in a translation, after `session.close`",
        outcome=("error(session_closing)", _SOUND, "session.closed", "close(1000)"),
        evidence="our choice",
        source="no client that we know of sends any",
    ),
    Row(
        id="translation-other-event",
        cause="any event",
        when="in a translation, of a type that only conversations have",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="as in a conversation, of a type that nobody has",
    ),
    Row(
        id="translation-expiry",
        cause="time",
        when="a translation has lasted 60 minutes",
        outcome=("error(session_expired)", "close(1001)"),
        evidence="our choice",
        source="as in a conversation",
        drivers=("expire",),
    ),
)

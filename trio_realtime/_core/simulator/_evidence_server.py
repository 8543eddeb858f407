"""The evidence for what the server does by itself: greeting, hearing, transcribing, ending.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_responses import SPEECH_ENDS, SPOKEN
from trio_realtime._core.simulator._evidence_row import (
    GUIDE,
    ITEM,
    NOTHING,
    RECORDINGS,
    SPECIFICATION,
    Row,
)

_TURN: Final = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    *ITEM,
)
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"

CONNECTION_ROWS: Final = (
    Row(
        id="connect",
        cause="connecting",
        when="with a model",
        outcome=("session.created",),
        evidence="recorded",
        source="15 recorded sessions",
        link=RECORDINGS,
    ),
    Row(
        id="connect-transcription",
        cause="connecting",
        when="with `intent=transcription`",
        outcome=("session.created",),
        evidence="measured",
        source="a third party; voice detection is on even here",
    ),
    Row(
        id="connect-sideband",
        cause="connecting",
        when="to a call, with its `call_id`",
        outcome=NOTHING,
        evidence="recorded",
        source="two recorded sessions: the first event answers `session.update`",
        link=RECORDINGS,
    ),
    Row(
        id="connect-bad-key",
        cause="connecting",
        when="with a key that is not let in, or with none",
        outcome=("error(invalid_api_key)", "close(3000)"),
        evidence="measured",
        source="a third party, 2026-08: the upgrade itself succeeds",
    ),
    Row(
        id="connect-beta",
        cause="connecting",
        when="with the header that asks for the shape of the beta",
        outcome=("error(beta_api_shape_disabled)", "close(4000)"),
        evidence="reported",
        source="many users, since 2026-05",
        link="https://github.com/langwatch/scenario/issues/602",
    ),
    Row(
        id="connect-without-model",
        cause="connecting",
        when="without a model",
        outcome=("error(missing_model)", "close(4000)"),
        evidence="reported",
        source="the reason of the close, in a third party's troubleshooting",
    ),
    Row(
        id="connect-elsewhere",
        cause="connecting",
        when="to a path that is not that of the Realtime API",
        outcome=("http(404)",),
        evidence="our choice",
        source="what web servers do",
    ),
    Row(
        id="connect-refused",
        cause="connecting",
        when="the test has the upgrade refused, with any HTTP status",
        outcome=("http(429)",),
        evidence="our choice",
        source="a driver; users report 400, 401, 403 and 500",
        link="https://github.com/openai/openai-realtime-api-beta/issues/2",
    ),
)

SPEECH_ROWS: Final = (
    Row(
        id="speech",
        cause="speech",
        when="somebody speaks and stops, and the session answers turns",
        outcome=(*_TURN, *SPOKEN),
        evidence="recorded",
        source="the seven recorded turns",
        link=RECORDINGS,
    ),
    Row(
        id="speech-semantic",
        cause="speech",
        when="with `semantic_vad`, which waits longer: how long is our choice",
        outcome=(*_TURN, *SPOKEN),
        evidence="specification",
        source="the events are those of `server_vad`",
        link=SPECIFICATION,
    ),
    Row(
        id="speech-without-response",
        cause="speech",
        when="with `create_response` false",
        outcome=_TURN,
        evidence="specification",
        source="the setting's description",
        link=SPECIFICATION,
    ),
    Row(
        id="speech-transcribing",
        cause="speech",
        when="in a transcription session",
        outcome=(*_TURN, f"{_TRANSCRIPTION}.delta", f"{_TRANSCRIPTION}.completed"),
        evidence="guide",
        source="the guide to transcription",
        link="https://platform.openai.com/docs/guides/realtime-transcription",
    ),
    Row(
        id="speech-interrupts",
        cause="speech",
        when="while the model speaks: barge-in, what is open is closed first",
        outcome=(
            "input_audio_buffer.speech_started",
            *SPEECH_ENDS,
            "response.done(cancelled: turn_detected)",
        ),
        evidence="guide",
        source="over a WebSocket; recorded was the same over WebRTC, in the beta",
        link=GUIDE,
    ),
    Row(
        id="speech-interrupts-before-output",
        cause="speech",
        when="while a response has no output yet",
        outcome=(
            "input_audio_buffer.speech_started",
            "response.done(cancelled: turn_detected)",
        ),
        evidence="reported",
        source="recorded over WebRTC, in the beta",
    ),
    Row(
        id="speech-not-interrupting",
        cause="speech",
        when="with `interrupt_response` false, while the model speaks: answered after it",
        outcome=(*_TURN, "response.done(completed)", *SPOKEN),
        evidence="our choice",
        source="the setting is specified; when the turn is answered is not",
        link=SPECIFICATION,
    ),
)

TRANSCRIPTION_ROWS: Final = (
    Row(
        id="transcription",
        cause="transcription",
        when="of a turn, where the session asks for it: its response does not wait for it",
        outcome=(f"{_TRANSCRIPTION}.delta", f"{_TRANSCRIPTION}.completed"),
        evidence="recorded",
        source="seven recorded ones",
        link=RECORDINGS,
    ),
    Row(
        id="transcription-of-nothing",
        cause="transcription",
        when="of a silence that was committed: an empty transcript",
        outcome=(f"{_TRANSCRIPTION}.completed",),
        evidence="measured",
        source="a third party",
    ),
)

TIME_ROWS: Final = (
    Row(
        id="expiry",
        cause="time",
        when="the session has lasted 60 minutes",
        outcome=("error(session_expired)", "close(1001)"),
        evidence="reported",
        source="users whose sessions were ended so",
        link="https://github.com/pollen-robotics/reachy_mini_conversation_app/issues/134",
    ),
    Row(
        id="rate-limits",
        cause="response.done",
        when="if the server is told to: the real one tells its rate limits now and then",
        outcome=("response.done(completed)", "rate_limits.updated"),
        evidence="recorded",
        source="7 of 25 recorded responses, always directly after `response.done`",
        link=RECORDINGS,
        variant="rate_limits",
    ),
)

VARIANT_ROWS: Final = (
    Row(
        id="variant-no-greeting",
        cause="connecting",
        when="the server omits `session.created`",
        outcome=NOTHING,
        evidence="our choice",
        source="servers that imitate the real one do this",
        variant="omit_session_created",
    ),
    Row(
        id="variant-own-ids",
        cause="conversation.item.create",
        when="with an id of the client's, which the server replaces",
        outcome=ITEM,
        evidence="our choice",
        source="no recorded item has an id of the client's",
        variant="rewrite_item_ids",
    ),
)

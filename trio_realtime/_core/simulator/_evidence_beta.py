"""The evidence for the beta dialect, for Azure's addresses, and for keys in subprotocols.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import (
    RECORDINGS,
    SPECIFICATION,
    TRANSCRIPTION,
    Row,
)

_WEBSOCKETS: Final = "https://platform.openai.com/docs/guides/realtime-websocket"

_BEGINS: Final = (
    "response.created",
    "response.output_item.added",
    "conversation.item.created",
    "response.content_part.added",
)
_ENDS: Final = (
    "response.content_part.done",
    "response.output_item.done",
    "response.done(completed)",
)
_HEARD: Final = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.created",
)

BETA_ROWS: Final = (
    Row(
        id="beta-connect",
        cause="connecting",
        when="with the header or the subprotocol that asks for the beta dialect, to a server that "
        "still speaks it: the session is flat",
        outcome=("session.created",),
        evidence="specification",
        source="what is in it was counted in recorded sessions",
        link=SPECIFICATION,
        variant="beta",
    ),
    Row(
        id="beta-connect-preview",
        cause="connecting",
        when="to Azure's preview path `/openai/realtime`, with `api-version` and `deployment`: it "
        "speaks the dialect, whatever the header is",
        outcome=("session.created",),
        evidence="reported",
        source="the addresses of many users",
        link="https://github.com/Azure-Samples/aisearch-openai-rag-audio/issues/37",
    ),
    Row(
        id="beta-connect-voice-live",
        cause="connecting",
        when="to Azure Voice Live, `/voice-live/realtime`: the session has settings of its own",
        outcome=("session.created",),
        evidence="recorded",
        source="three recorded sessions",
        link=RECORDINGS,
    ),
    Row(
        id="beta-connect-transcription",
        cause="connecting",
        when="with `intent=transcription`, in the beta dialect",
        outcome=("transcription_session.created",),
        evidence="reported",
        source="a client that did not expect it",
        link="https://github.com/richiejp/VoxInput/issues/22",
        variant="beta",
    ),
    Row(
        id="beta-session-update",
        cause="session.update",
        when="in the beta dialect, with flat settings",
        outcome=("session.updated",),
        evidence="recorded",
        source="three sessions of Azure Voice Live",
        link=RECORDINGS,
        variant="beta",
    ),
    Row(
        id="beta-session-type",
        cause="session.update",
        when="in the beta dialect, with `session.type` or a nested setting, as in GA",
        outcome=("error(unknown_parameter)",),
        evidence="reported",
        source="a probe of the real server: the beta rejects `session.type`",
        link="https://github.com/crmitchelmore/justspeaktoit/pull/427",
        variant="beta",
    ),
    Row(
        id="beta-unknown-value",
        cause="session.update",
        when="in the beta dialect, with a value that GA refuses too: the error calls the setting "
        "what it is called here",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="the errors of the beta were not recorded",
        variant="beta",
    ),
    Row(
        id="beta-modalities",
        cause="session.update",
        when="in the beta dialect, with `modalities` that are not text, or audio and text",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="that there is no audio without text is reported of users; the wording is not",
        link="https://github.com/hkjarral/AVA-AI-Voice-Agent-for-Asterisk/issues/73",
        variant="beta",
    ),
    Row(
        id="beta-transcription-update",
        cause="transcription_session.update",
        when="in a transcription session of the beta dialect",
        outcome=("transcription_session.updated",),
        evidence="specification",
        source="its example",
        link=SPECIFICATION,
        variant="beta",
    ),
    Row(
        id="beta-wrong-session",
        cause="transcription_session.update",
        when="in a session that answers; and `session.update` in one that transcribes, of which "
        "this is our choice",
        outcome=("error(invalid_parameter)",),
        evidence="reported",
        source="a user of OpenAI's server quotes it",
        link="https://github.com/crmitchelmore/justspeaktoit/pull/427",
        variant="beta",
    ),
    Row(
        id="beta-item",
        cause="conversation.item.create",
        when="in the beta dialect: one event tells of it",
        outcome=("conversation.item.created",),
        evidence="recorded",
        source="the items of two sessions of Azure Voice Live",
        link=RECORDINGS,
        variant="beta",
    ),
    Row(
        id="beta-item-output-text",
        cause="conversation.item.create",
        when="in OpenAI's beta, with what the assistant wrote called `output_text`, as in GA",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="by analogy with other values that are not supported; Azure Voice Live takes it, "
        "as recorded",
        variant="beta",
    ),
    Row(
        id="beta-text",
        cause="response.create",
        when="in the beta dialect, answered in text",
        outcome=(*_BEGINS, "response.text.delta", "response.text.done", *_ENDS),
        evidence="recorded",
        source="two sessions of Azure Voice Live",
        link=RECORDINGS,
        variant="beta",
    ),
    Row(
        id="beta-rate-limits",
        cause="response.create",
        when="in the beta dialect: the limits of requests and tokens are told at the beginning",
        outcome=("response.created", "rate_limits.updated"),
        evidence="specification",
        source="8 of 10 recorded ones came there",
        link=SPECIFICATION,
        variant="beta",
    ),
    Row(
        id="beta-speech",
        cause="speech",
        when="in the beta dialect; its transcription has no `usage`",
        outcome=(
            *_HEARD,
            *_BEGINS,
            "response.audio_transcript.delta",
            f"{TRANSCRIPTION}.delta",
            "response.audio.delta",
            f"{TRANSCRIPTION}.completed",
            "response.audio_transcript.delta",
            "response.audio.delta",
            "response.audio.done",
            "response.audio_transcript.done",
            *_ENDS,
        ),
        evidence="recorded",
        source="a session of Azure Voice Live",
        link=RECORDINGS,
        variant="beta",
    ),
    Row(
        id="beta-speech-voice-live",
        cause="speech",
        when="in Azure Voice Live: the user's item, and no other, is told to be done",
        outcome=(*_HEARD, "conversation.item.done"),
        evidence="reported",
        source="a third party's recordings; in the one that is published it is not told",
    ),
)

AZURE_ROWS: Final = (
    Row(
        id="azure-connect",
        cause="connecting",
        when="to Azure's GA path `/openai/v1/realtime`, with `api-key` or `Authorization: Bearer`",
        outcome=("session.created",),
        evidence="recorded",
        source="the recorded sessions of Azure",
        link=RECORDINGS,
    ),
    Row(
        id="azure-connect-beta-header",
        cause="connecting",
        when="to Azure's GA path, with the header that asks for the beta dialect: it does nothing",
        outcome=("session.created",),
        evidence="our choice",
        source="that OpenAI refuses it is no reason for Azure to do so",
    ),
    Row(
        id="azure-bad-key",
        cause="connecting",
        when="to a path of Azure's, with a key that is not let in, or without one",
        outcome=("http(401)",),
        evidence="reported",
        source="users of the preview path; the body is that of Azure's other services",
        link="https://github.com/Azure-Samples/aisearch-openai-rag-audio/issues/48",
        variant="api_key",
    ),
    Row(
        id="azure-no-deployment",
        cause="connecting",
        when="to a path of Azure's, with a deployment that is not among those the server is told "
        "to have, or to the preview path without one",
        outcome=("http(400)",),
        evidence="reported",
        source="a user of the preview path; the body is our choice",
        link="https://github.com/jesuscopado/samantha-os1-openai-realtime/issues/1",
        variant="models",
    ),
    Row(
        id="azure-no-version",
        cause="connecting",
        when="to Azure's preview path, or to Voice Live's, without `api-version`",
        outcome=("http(404)",),
        evidence="our choice",
        source="what Azure's other services do",
    ),
)

SUBPROTOCOL_ROWS: Final = (
    Row(
        id="connect-subprotocol",
        cause="connecting",
        when="with the key in a subprotocol, beside `realtime`, which is chosen; organization and "
        "project may be others",
        outcome=("session.created",),
        evidence="guide",
        source="OpenAI's guide for browsers",
        link=_WEBSOCKETS,
    ),
    Row(
        id="connect-subprotocol-bad-key",
        cause="connecting",
        when="with a key in a subprotocol that is not let in",
        outcome=("error(invalid_api_key)", "close(3000)"),
        evidence="our choice",
        source="refused as any key that is not let in",
        variant="api_key",
    ),
)

"""The evidence for responses: their events, their refusals, their ends.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import (
    GUIDE,
    RECORDINGS,
    SPECIFICATION,
    Row,
)

_ITEM_BEGINS: Final = ("response.output_item.added", "conversation.item.added")
_ITEM_ENDS: Final = ("conversation.item.done", "response.output_item.done")
_TEXT: Final = (
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
)
_SPEECH_BEGINS: Final = (
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
)
SPEECH_ENDS: Final = (
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    *_ITEM_ENDS,
)
_CALL: Final = (
    *_ITEM_BEGINS,
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    *_ITEM_ENDS,
)
SPOKEN: Final = (
    "response.created",
    *_ITEM_BEGINS,
    *_SPEECH_BEGINS,
    *SPEECH_ENDS,
    "response.done(completed)",
)
"""A response that is spoken from its beginning to its end."""

_WRITTEN: Final = (
    "response.created",
    *_ITEM_BEGINS,
    *_TEXT,
    *_ITEM_ENDS,
    "response.done(completed)",
)
_OUT_OF_BAND: Final = (
    "response.created",
    "response.output_item.added",
    *_TEXT,
    "response.output_item.done",
    "response.done(completed)",
)

RESPONSE_ROWS: Final = (
    Row(
        id="respond-text",
        cause="response.create",
        when="the session's output is text",
        outcome=_WRITTEN,
        evidence="recorded",
        source="11 recorded ones",
        link=RECORDINGS,
    ),
    Row(
        id="respond-speech",
        cause="response.create",
        when="the session's output is audio; the transcript runs ahead of it",
        outcome=SPOKEN,
        evidence="recorded",
        source="9 recorded ones",
        link=RECORDINGS,
    ),
    Row(
        id="respond-call",
        cause="response.create",
        when="the model calls a function",
        outcome=("response.created", *_CALL, "response.done(completed)"),
        evidence="recorded",
        source="the recorded tool rounds",
        link=RECORDINGS,
    ),
    Row(
        id="respond-calls",
        cause="response.create",
        when="the model calls two functions, one after the other",
        outcome=("response.created", *_CALL, *_CALL, "response.done(completed)"),
        evidence="our choice",
        source="items are told in order; no recorded response has two calls",
    ),
    Row(
        id="respond-together",
        cause="response.create",
        when="the model says something and calls a function, the two overlapping",
        outcome=(
            "response.created",
            *_ITEM_BEGINS,
            *_TEXT[:2],
            *_ITEM_BEGINS,
            "response.function_call_arguments.delta",
            *_TEXT[2:],
            *_ITEM_ENDS,
            "response.function_call_arguments.done",
            *_ITEM_ENDS,
            "response.done(completed)",
        ),
        evidence="recorded",
        source="the recorded tool round of gpt-realtime-2.1",
        link=RECORDINGS,
    ),
    Row(
        id="respond-silence",
        cause="response.create",
        when="the model has nothing to say",
        outcome=("response.created", "response.done(completed)"),
        evidence="our choice",
        source="recorded responses without items were cancelled ones",
    ),
    Row(
        id="respond-overridden",
        cause="response.create",
        when="with settings for this response alone; `metadata` comes back in it",
        outcome=_WRITTEN,
        evidence="specification",
        source="the event's description; no recorded one has a body",
        link=SPECIFICATION,
    ),
    Row(
        id="respond-out-of-tokens",
        cause="response.create",
        when="the answer is longer than `max_output_tokens`",
        outcome=(*_WRITTEN[:-1], "response.done(incomplete: max_output_tokens)"),
        evidence="specification",
        source="the status and its reason; the tail is that of a cancelled response",
        link=SPECIFICATION,
    ),
    Row(
        id="respond-filtered",
        cause="response.create",
        when="the content filter cuts the answer off",
        outcome=(*_WRITTEN[:-1], "response.done(incomplete: content_filter)"),
        evidence="specification",
        source="the status and its reason; the tail is that of a cancelled response",
        link=SPECIFICATION,
    ),
    Row(
        id="respond-failed",
        cause="response.create",
        when="the model fails: the error is in `status_details`, the session goes on",
        outcome=("response.created", "response.done(failed: inference_rate_limit_exceeded)"),
        evidence="reported",
        source="the error that a client of a third party handles",
        link="https://github.com/livekit/agents/pull/2967",
    ),
    Row(
        id="respond-refused",
        cause="response.create",
        when="the test has it refused, with any code",
        outcome=("error(server_error)",),
        evidence="our choice",
        source="a driver: which errors the real server sends here cannot be listed",
    ),
    Row(
        id="respond-again",
        cause="response.create",
        when="while a response of the conversation is in progress; that one goes on",
        outcome=("error(conversation_already_has_active_response)",),
        evidence="reported",
        source="users of several clients; the error names the event's `event_id`",
        link="https://github.com/openai/openai-agents-python/issues/1466",
    ),
    Row(
        id="respond-out-of-band",
        cause="response.create",
        when='with `conversation` `"none"`: no events of the conversation',
        outcome=_OUT_OF_BAND,
        evidence="guide",
        source="its section on responses outside the default conversation",
        link=GUIDE,
    ),
    Row(
        id="respond-out-of-band-beside",
        cause="response.create",
        when='with `conversation` `"none"`, while a response of the conversation is in progress',
        outcome=("response.created",),
        evidence="guide",
        source="its section on responses outside the default conversation",
        link=GUIDE,
    ),
    Row(
        id="respond-input",
        cause="response.create",
        when="with `input` in place of the conversation, and references to items of it",
        outcome=_OUT_OF_BAND,
        evidence="guide",
        source="its section on responses outside the default conversation",
        link=GUIDE,
    ),
    Row(
        id="respond-input-unknown",
        cause="response.create",
        when="with a reference to an item that is not there",
        outcome=("error(item_retrieve_invalid_item_id)",),
        evidence="our choice",
        source="the code of looking an item up",
    ),
    Row(
        id="respond-unknown-setting",
        cause="response.create",
        when="with a parameter of the response that is unknown",
        outcome=("error(unknown_parameter)",),
        evidence="our choice",
        source="by analogy with parameters of the session",
    ),
    Row(
        id="respond-unknown-choice",
        cause="response.create",
        when="with a value that is not among those of a setting",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="by analogy with settings of the session",
    ),
    Row(
        id="respond-tool-incomplete",
        cause="response.create",
        when="with a function that has no name, or an MCP server without label or address",
        outcome=("error(missing_required_parameter)",),
        evidence="our choice",
        source="by analogy with `session.type`",
    ),
    Row(
        id="respond-much-metadata",
        cause="response.create",
        when="with more than 16 pairs of `metadata`",
        outcome=("error(object_above_max_properties)",),
        evidence="specification",
        source="the limit; the code is that of OpenAI's other interfaces",
        link=SPECIFICATION,
    ),
    Row(
        id="respond-long-metadata",
        cause="response.create",
        when="with a key of `metadata` above 64 characters, or a value above 512",
        outcome=("error(string_above_max_length)",),
        evidence="specification",
        source="the limits; the code is that of OpenAI's other interfaces",
        link=SPECIFICATION,
    ),
    Row(
        id="respond-voice-locked",
        cause="response.create",
        when="with another voice, after the model has spoken",
        outcome=("error(cannot_update_voice)",),
        evidence="our choice",
        source="reported of the session; that it holds for one response too is our reading",
    ),
    Row(
        id="respond-transcribing",
        cause="response.create",
        when="in a transcription session",
        outcome=("error(invalid_value)",),
        evidence="our choice",
        source="such a session has no responses; how it refuses them is not known",
    ),
)

CANCEL_ROWS: Final = (
    Row(
        id="cancel-speech",
        cause="response.cancel",
        when="while the model speaks: what is open is closed first",
        outcome=(*SPEECH_ENDS, "response.done(cancelled: client_cancelled)"),
        evidence="specification",
        source="each of the `done` events also comes when a response is cancelled",
        link=SPECIFICATION,
    ),
    Row(
        id="cancel-text",
        cause="response.cancel",
        when="while the model writes: what is open is closed first",
        outcome=(*_TEXT[2:], *_ITEM_ENDS, "response.done(cancelled: client_cancelled)"),
        evidence="specification",
        source="each of the `done` events also comes when a response is cancelled",
        link=SPECIFICATION,
    ),
    Row(
        id="cancel-call",
        cause="response.cancel",
        when="while the model calls a function: its arguments end broken",
        outcome=(
            "response.function_call_arguments.done",
            *_ITEM_ENDS,
            "response.done(cancelled: client_cancelled)",
        ),
        evidence="specification",
        source="each of the `done` events also comes when a response is cancelled",
        link=SPECIFICATION,
    ),
    Row(
        id="cancel-before-output",
        cause="response.cancel",
        when="before there is any output",
        outcome=("response.done(cancelled: client_cancelled)",),
        evidence="reported",
        source="recorded beta sessions, of responses that speech interrupted",
    ),
    Row(
        id="cancel-by-id",
        cause="response.cancel",
        when="with the id of a response out of band; the others go on",
        outcome=("response.done(cancelled: client_cancelled)",),
        evidence="specification",
        source="the event's description",
        link=SPECIFICATION,
    ),
    Row(
        id="cancel-nothing",
        cause="response.cancel",
        when="while no response is in progress",
        outcome=("error(response_cancel_not_active)",),
        evidence="reported",
        source="a live capture, 2026-08; the specification calls it safe",
        link="https://github.com/block/berd/pull/318",
    ),
    Row(
        id="cancel-unknown",
        cause="response.cancel",
        when="with the id of a response that is over or unknown",
        outcome=("error(response_cancel_not_active)",),
        evidence="our choice",
        source="the code of having nothing to cancel",
    ),
)

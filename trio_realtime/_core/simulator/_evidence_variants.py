"""The evidence for what a test has servers do, like the real one or not.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import ITEM, NOTHING, TRANSCRIPTION, Row

VARIANT_ROWS: Final = (
    Row(
        id="variant-no-close",
        cause="closing",
        when="the server never answers a client's CLOSE",
        outcome=NOTHING,
        evidence="our choice",
        source="servers and networks that hang do this",
        variant="answer_close",
    ),
    Row(
        id="variant-late-errors",
        cause="input_audio_buffer.commit",
        when="with too little audio, then one with enough, which overtakes the refusal",
        outcome=(
            "input_audio_buffer.committed",
            *ITEM,
            "error(input_audio_buffer_commit_empty)",
        ),
        evidence="measured",
        source="a third party, 2026-10: 0.8 to 1.0 s",
        variant="late_errors",
    ),
    Row(
        id="variant-slow-commit",
        cause="input_audio_buffer.commit",
        when="the commit takes its time, and a `response.create` behind it waits for it",
        outcome=("input_audio_buffer.committed", *ITEM, "response.created"),
        evidence="measured",
        source="a third party: about 150 ms; that what follows waits is our choice",
        variant="commit_seconds",
    ),
    Row(
        id="variant-slow-transcription",
        cause="transcription",
        when="it takes its time: the response of the turn is over before it",
        outcome=(
            "response.done(completed)",
            f"{TRANSCRIPTION}.delta",
            f"{TRANSCRIPTION}.completed",
        ),
        evidence="measured",
        source="a third party: 0.5 to 0.8 s",
        variant="transcription_seconds",
    ),
    Row(
        id="variant-no-event-ids",
        cause="connecting",
        when="the server omits the `event_id` of its events",
        outcome=("session.created",),
        evidence="our choice",
        source="servers that imitate the real one do this",
        variant="omit_event_ids",
    ),
    Row(
        id="variant-no-metadata",
        cause="response.create",
        when="with `metadata`, which does not come back",
        outcome=("response.created",),
        evidence="our choice",
        source="no recorded response has `metadata`",
        variant="echo_metadata",
    ),
    Row(
        id="variant-xai-order",
        cause="response.create",
        when="the events of the response come in xAI's order, without `conversation.item.done`",
        outcome=(
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.delta",
            "response.output_audio_transcript.delta",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_audio.done",
            "response.output_item.done",
            "response.done(completed)",
        ),
        evidence="reported",
        source="clients of third parties that speak to both",
        variant="event_order",
    ),
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

DRIVEN_ROWS: Final = (
    Row(
        id="driven-refusal",
        cause="any event",
        when="is refused, with any code",
        outcome=("error(rate_limit_exceeded)",),
        evidence="our choice",
        source="which errors the real server may send cannot be listed",
        drivers=("refuse_next",),
    ),
    Row(
        id="driven-failure",
        cause="a fatal error",
        when="ends the session; the reason of the close is the error's type and code",
        outcome=("error(credit_balance_exhausted)", "close(4000)"),
        evidence="our choice",
        source="this error is reported of another interface, closes like it of others",
        drivers=("fail",),
    ),
    Row(
        id="driven-close",
        cause="closing",
        when="the server does, with any code",
        outcome=("close(1001)",),
        evidence="our choice",
        source="the real server has been seen to close after an error only",
        drivers=("close",),
    ),
    Row(
        id="driven-loss",
        cause="the network",
        when="is lost: there is no CLOSE",
        outcome=NOTHING,
        evidence="our choice",
        source="what networks do",
        drivers=("drop",),
    ),
    Row(
        id="driven-pause",
        cause="the server",
        when="hangs, and answers an event when it goes on",
        outcome=("session.updated",),
        evidence="our choice",
        source="what servers do",
        drivers=("pause", "resume"),
    ),
)

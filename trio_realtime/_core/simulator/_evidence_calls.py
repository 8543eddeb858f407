"""The evidence for calls, which are made and taken over plain HTTP.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import RECORDINGS, SPECIFICATION, Row

_MAKING: Final = "POST realtime/calls"
_ACCEPTING: Final = f"{_MAKING}/…/accept"
_REJECTING: Final = f"{_MAKING}/…/reject"
_REFERRING: Final = f"{_MAKING}/…/refer"
_HANGING_UP: Final = f"{_MAKING}/…/hangup"

_NOT_FOUND: Final = "http(404: call_id_not_found)"
_AS_UPDATE: Final = "refused as a `session.update` would be"
_OF_STATES: Final = "nothing we know of says what a call in another state is answered"

CALL_ROWS: Final = (
    Row(
        id="call",
        cause=_MAKING,
        when="with an offer, alone or in a form with a session: an answer, and where the call is",
        outcome=("http(201)",),
        evidence="recorded",
        source="calls at OpenAI's and Azure's servers; what the answer describes is our choice",
        link=RECORDINGS,
    ),
    Row(
        id="call-with-secret",
        cause=_MAKING,
        when="with an ephemeral key, whose session it gets",
        outcome=("http(201)",),
        evidence="specification",
        source="what such a key is for",
        link=SPECIFICATION,
    ),
    Row(
        id="call-without-media",
        cause=_MAKING,
        when="with what is no offer",
        outcome=("http(400: invalid_offer)",),
        evidence="our choice",
        source="nothing we know of says what the real server answers",
    ),
    Row(
        id="call-accept",
        cause=_ACCEPTING,
        when="when a call rings: from then on clients can attach to it",
        outcome=("http(200)",),
        evidence="specification",
        source="the answer is empty",
        link=SPECIFICATION,
    ),
    Row(
        id="call-accept-without-type",
        cause=_ACCEPTING,
        when="with a session that has no `type`",
        outcome=("http(400: missing_required_parameter)",),
        evidence="our choice",
        source="the real server has been seen to answer 200, and the session to fail behind it",
    ),
    Row(
        id="call-accept-other-type",
        cause=_ACCEPTING,
        when="with a session that talks with no model",
        outcome=("http(400: invalid_value)",),
        evidence="our choice",
        source=_AS_UPDATE,
    ),
    Row(
        id="call-accept-again",
        cause=_ACCEPTING,
        when="when the call has been accepted",
        outcome=("http(400: invalid_call_state)",),
        evidence="our choice",
        source=_OF_STATES,
    ),
    Row(
        id="call-reject",
        cause=_REJECTING,
        when="when a call rings: the caller is told 603, or the status that was given",
        outcome=("http(200)",),
        evidence="specification",
        source="the answer is empty",
        link=SPECIFICATION,
    ),
    Row(
        id="call-refer",
        cause=_REFERRING,
        when="when the call has been accepted: it is over, who is attached is closed with 1000",
        outcome=("http(200)", "close(1000)"),
        evidence="our choice",
        source="the empty answer is specified; what becomes of the call is not",
        link=SPECIFICATION,
    ),
    Row(
        id="call-refer-without-target",
        cause=_REFERRING,
        when="without `target_uri`",
        outcome=("http(400: missing_required_parameter)",),
        evidence="our choice",
        source=_AS_UPDATE,
    ),
    Row(
        id="call-hangup",
        cause=_HANGING_UP,
        when="when the call is not over: it is, and who is attached is closed with 1000",
        outcome=("http(200)", "close(1000)"),
        evidence="reported",
        source="the WebSocket is closed; its code is our choice, the empty answer specified",
        link="https://community.openai.com/t/1368239",
    ),
    Row(
        id="call-unknown",
        cause=f"{_MAKING}/…",
        when="when there is no such call, or not any more",
        outcome=(_NOT_FOUND,),
        evidence="our choice",
        source="answered as attaching to it is",
    ),
    Row(
        id="connect-unknown-call",
        cause="connecting",
        when="to a call that there is not, or not any more, or that nobody has accepted",
        outcome=(_NOT_FOUND,),
        evidence="reported",
        source="what an upgrade was answered whose call had failed; developers' forum, 2026-05",
    ),
)

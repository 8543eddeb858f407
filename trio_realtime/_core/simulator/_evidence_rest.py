"""The evidence for ephemeral keys, which are asked for over plain HTTP.

Nothing here is run: these are facts, each with its source.
"""

from __future__ import annotations

from typing import Final

from trio_realtime._core.simulator._evidence_row import SPECIFICATION, Row

_ASKING: Final = "POST realtime/client_secrets"
_ASKING_TRANSLATION: Final = "POST realtime/translations/client_secrets"

SECRET_ROWS: Final = (
    Row(
        id="secret",
        cause=_ASKING,
        when="with a session: its key, when it expires, and the session with `expires_at` 0",
        outcome=("http(200)",),
        evidence="recorded",
        source="recordings of OpenAI's and Azure's servers",
        link="https://github.com/openai/openai-dotnet",
    ),
    Row(
        id="secret-parameter-type",
        cause=_ASKING,
        when="with a parameter of another JSON type than it must be",
        outcome=("http(400: invalid_type)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="secret-unknown-parameter",
        cause=_ASKING,
        when="with a parameter that it does not take",
        outcome=("http(400: unknown_parameter)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="secret-unknown-value",
        cause=_ASKING,
        when="with an anchor or a type of session that is unknown",
        outcome=("http(400: invalid_value)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="secret-without-type",
        cause=_ASKING,
        when="with a session that has no `type`",
        outcome=("http(400: missing_required_parameter)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="secret-too-short",
        cause=_ASKING,
        when="for less than 10 seconds",
        outcome=("http(400: integer_below_min_value)",),
        evidence="our choice",
        source="the limit is specified; the refusal is that of OpenAI's other interfaces",
        link=SPECIFICATION,
    ),
    Row(
        id="secret-too-long",
        cause=_ASKING,
        when="for more than 7200 seconds",
        outcome=("http(400: integer_above_max_value)",),
        evidence="our choice",
        source="the limit is specified; the refusal is that of OpenAI's other interfaces",
        link=SPECIFICATION,
    ),
    Row(
        id="secret-for-translation",
        cause=_ASKING_TRANSLATION,
        when="with a session and its model: a key that opens translations, and nothing else",
        outcome=("http(200)",),
        evidence="specification",
        source="what such a key is for",
        link=SPECIFICATION,
    ),
    Row(
        id="secret-for-translation-without-model",
        cause=_ASKING_TRANSLATION,
        when="without a session, or with one that names no model",
        outcome=("http(400: missing_required_parameter)",),
        evidence="our choice",
        source="both are required; the refusal is that of a `session.update`",
        link=SPECIFICATION,
    ),
    Row(
        id="secret-for-translation-parameter-type",
        cause=_ASKING_TRANSLATION,
        when="with a parameter of another JSON type than it must be",
        outcome=("http(400: invalid_type)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="secret-of-beta",
        cause="POST realtime/sessions",
        when="with a session in the beta's shape, or `transcription_sessions`: it brings a key",
        outcome=("http(200)",),
        evidence="specification",
        source="the answer's fields; what they hold by default is that of today's sessions",
        link=SPECIFICATION,
    ),
    Row(
        id="secret-of-beta-refused",
        cause="POST realtime/sessions",
        when="with a value that a session does not take; the error names it as it was asked for",
        outcome=("http(400: invalid_value)",),
        evidence="our choice",
        source="refused as a `session.update` would be",
    ),
    Row(
        id="connect-with-secret",
        cause="connecting",
        when="with an ephemeral key, which names the model: the session is as asked for with it",
        outcome=("session.created",),
        evidence="specification",
        source="what such a key is for",
        link=SPECIFICATION,
    ),
    Row(
        id="connect-with-expired-secret",
        cause="connecting",
        when="with an ephemeral key that has expired",
        outcome=("error(invalid_api_key)", "close(3000)"),
        evidence="our choice",
        source="refused as any key that is not let in",
    ),
)

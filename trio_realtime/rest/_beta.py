"""`rest.beta`: sessions of the beta, each with an ephemeral key of its own."""

from __future__ import annotations

from typing import final

from trio_realtime.beta import (
    Session,
    SessionConfig,
    TranscriptionSession,
    TranscriptionSessionConfig,
)
from trio_realtime.rest._exchange import Body
from trio_realtime.rest._models import JsonObject, result, session_json
from trio_realtime.rest._requests import Question, Received, Requests
from trio_realtime.rest._urls import target_from_endpoint


@final
class BetaSessionsResource:
    """Sessions of the beta that talk with a model."""

    def __init__(self, requests: Requests) -> None:
        self._requests: Requests = requests

    async def create(self, session: SessionConfig | JsonObject | None = None) -> Session:
        """Make an ephemeral key, and say what its session is to be.

        ::

            session = await rest.beta.sessions.create({"model": "gpt-4o-realtime-preview"})
            if session.client_secret is not None:
                send_to_the_browser(session.client_secret.value)

        If this is cancelled, a key may have been made, which nobody knows and which expires.

        Args:
            session: The configuration, in the flat shape of the beta; the model belongs to it.

        Raises:
            AuthenticationError: if your own key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; `.param` names the field.
        """
        return result(Session, await _ask(self._requests, "sessions", session))


@final
class BetaTranscriptionSessionsResource:
    """Sessions of the beta that only write down what is said."""

    def __init__(self, requests: Requests) -> None:
        self._requests: Requests = requests

    async def create(
        self, session: TranscriptionSessionConfig | JsonObject | None = None
    ) -> TranscriptionSession:
        """Make an ephemeral key, and say what its session is to be.

        If this is cancelled, a key may have been made, which nobody knows and which expires.

        Args:
            session: The configuration, in the flat shape of the beta.

        Raises:
            AuthenticationError: if your own key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; `.param` names the field.
        """
        received = await _ask(self._requests, "transcription_sessions", session)
        return result(TranscriptionSession, received)


@final
class BetaResource:
    """What compatible servers still have of the beta, and Azure's preview."""

    sessions: BetaSessionsResource
    """Sessions that talk with a model."""

    transcription_sessions: BetaTranscriptionSessionsResource
    """Sessions that only write down what is said."""

    def __init__(self, requests: Requests) -> None:
        self.sessions = BetaSessionsResource(requests)
        self.transcription_sessions = BetaTranscriptionSessionsResource(requests)


async def _ask(requests: Requests, path: str, session: object) -> Received:
    body = Body(content="{}" if session is None else session_json(session, None))
    target = target_from_endpoint(requests.endpoint, dialect="beta")
    return await requests.ask(Question(path=path, target=target, body=body, repeatable=True))

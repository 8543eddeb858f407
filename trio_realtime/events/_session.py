"""Events of the session: its configuration."""

from typing import Literal

from trio_realtime.types._base import ClientModel, ServerModel
from trio_realtime.types._session import Session, SessionConfig


class SessionUpdate(ClientModel):
    """Change the session. Answered by `session.updated`.

    Only what is set is changed; null clears. The server refuses a session without `type`. The model
    can never be changed, the voice no more once the model has spoken.
    """

    type: Literal["session.update"] = "session.update"
    session: SessionConfig


class SessionCreated(ServerModel):
    """The session is open, with the configuration that is in effect. The first event of all."""

    type: Literal["session.created"] = "session.created"
    session: Session


class SessionUpdated(ServerModel):
    """The session was changed; this is all that is in effect now."""

    type: Literal["session.updated"] = "session.updated"
    session: Session

"""Every row of the evidence table, brought about: by its id, what the simulated server sends.

Each scenario drives a session into the row's situation, checks what the row says beside its
outcome, and returns what came out.
"""

from tests.core.scenarios import (
    azure,
    betas,
    calls,
    connecting,
    items,
    responses,
    server,
    session,
    speech,
    translations,
)
from tests.core.scenarios.shared import SCENARIOS, Outcome

__all__ = [
    "SCENARIOS",
    "Outcome",
    "azure",
    "betas",
    "calls",
    "connecting",
    "items",
    "responses",
    "server",
    "session",
    "speech",
    "translations",
]

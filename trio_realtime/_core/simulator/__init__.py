"""The laws of the simulated server, without I/O: what it answers, in which order, and when.

Nothing here knows Trio, a clock, a socket or a random source: `trio_realtime.testing` is the shell.
"""

from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._errors import RefusedError
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._json import Object
from trio_realtime._core.simulator._manner import Manner, Pace
from trio_realtime._core.simulator._responder import (
    Action,
    CallTool,
    Fail,
    Refuse,
    Say,
    Silence,
    default_reply,
)
from trio_realtime._core.simulator._responses import Question
from trio_realtime._core.simulator._secrets import Secrets
from trio_realtime._core.simulator._simulation import Simulation
from trio_realtime._core.simulator._stage import Letters

__all__ = [
    "Action",
    "CallTool",
    "ClientFrame",
    "ClientHandshake",
    "Conversation",
    "Entry",
    "Fail",
    "Letters",
    "Manner",
    "Object",
    "Pace",
    "Question",
    "Refuse",
    "RefusedError",
    "Say",
    "Secrets",
    "Silence",
    "Simulation",
    "default_reply",
]

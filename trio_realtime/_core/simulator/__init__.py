"""The laws of the simulated server, without I/O: what it answers, in which order, and when.

Nothing here knows Trio, a clock, a socket or a random source: `trio_realtime.testing` is the shell.
"""

from trio_realtime._core.simulator._beta_keys import create_beta_session
from trio_realtime._core.simulator._calls import Calls, SimulatedCall, call_not_found
from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._echo import default_reply
from trio_realtime._core.simulator._errors import RefusedError, bad_key, missing_parameter
from trio_realtime._core.simulator._frames import ClientFrame
from trio_realtime._core.simulator._handshake import ClientHandshake
from trio_realtime._core.simulator._json import Object
from trio_realtime._core.simulator._manner import (
    BetaManner,
    EventOrder,
    Manner,
    McpServer,
    Pace,
    Translate,
    marked_translation,
)
from trio_realtime._core.simulator._responder import (
    ACTIONS,
    Action,
    CallMcp,
    CallTool,
    Fail,
    Incomplete,
    Phase,
    Refuse,
    Say,
    Silence,
    Together,
)
from trio_realtime._core.simulator._responses import Question
from trio_realtime._core.simulator._sdp import answer_to_offer
from trio_realtime._core.simulator._secrets import Secret, Secrets, opening, update_from_json
from trio_realtime._core.simulator._simulation import Simulation
from trio_realtime._core.simulator._stage import Letters
from trio_realtime._core.simulator._translation import Translation

__all__ = [
    "ACTIONS",
    "Action",
    "BetaManner",
    "CallMcp",
    "CallTool",
    "Calls",
    "ClientFrame",
    "ClientHandshake",
    "Conversation",
    "Entry",
    "EventOrder",
    "Fail",
    "Incomplete",
    "Letters",
    "Manner",
    "McpServer",
    "Object",
    "Pace",
    "Phase",
    "Question",
    "Refuse",
    "RefusedError",
    "Say",
    "Secret",
    "Secrets",
    "Silence",
    "SimulatedCall",
    "Simulation",
    "Together",
    "Translate",
    "Translation",
    "answer_to_offer",
    "bad_key",
    "call_not_found",
    "create_beta_session",
    "default_reply",
    "marked_translation",
    "missing_parameter",
    "opening",
    "update_from_json",
]

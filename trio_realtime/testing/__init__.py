"""A simulated server to test applications with: in memory or on a port, under real or mock time.

It is a model of the real server, not a script; it works without pytest, and with any client.
"""

from trio_realtime._core._faults import Faults, InjectedFault, StreamFaults
from trio_realtime._core.cassette import CassetteError, CassetteSecretError
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    ClientFrame,
    ClientHandshake,
    Conversation,
    Fail,
    Incomplete,
    McpServer,
    Refuse,
    Say,
    Silence,
    SimulatedCall,
    Together,
    Translate,
)
from trio_realtime.testing._azure import SimulatedAzureEndpoint
from trio_realtime.testing._cassette_server import CassetteServer
from trio_realtime.testing._cassettes import RecordMode, record, replay, use_cassette
from trio_realtime.testing._faults import FaultPlan
from trio_realtime.testing._host import Host, ServerSocket, SimulatedEndpoint
from trio_realtime.testing._matchers import (
    ANY,
    MISSING,
    EventPattern,
    Pattern,
    absent,
    any_order,
    assert_events,
    like,
    many,
    maybe,
)
from trio_realtime.testing._pipes import PipeStream, pipe_pair
from trio_realtime.testing._responders import Answer, Echo, ReplyFunction, Responder
from trio_realtime.testing._script import Script, ScriptedServer
from trio_realtime.testing._script_connection import (
    Expectation,
    ScriptedConnection,
    ScriptedRequest,
)
from trio_realtime.testing._seeding import seeded
from trio_realtime.testing._server import (
    SimulatedServer,
    SimulatedServerOptions,
    serve_simulated,
)
from trio_realtime.testing._session import SimulatedSession
from trio_realtime.testing._voice import Voice
from trio_realtime.testing._watching import Sighting, Watcher

__all__ = [
    "ANY",
    "MISSING",
    "Action",
    "Answer",
    "CallMcp",
    "CallTool",
    "CassetteError",
    "CassetteSecretError",
    "CassetteServer",
    "ClientFrame",
    "ClientHandshake",
    "Conversation",
    "Echo",
    "EventPattern",
    "Expectation",
    "Fail",
    "FaultPlan",
    "Faults",
    "Host",
    "Incomplete",
    "InjectedFault",
    "McpServer",
    "Pattern",
    "PipeStream",
    "RecordMode",
    "Refuse",
    "ReplyFunction",
    "Responder",
    "Say",
    "Script",
    "ScriptedConnection",
    "ScriptedRequest",
    "ScriptedServer",
    "ServerSocket",
    "Sighting",
    "Silence",
    "SimulatedAzureEndpoint",
    "SimulatedCall",
    "SimulatedEndpoint",
    "SimulatedServer",
    "SimulatedServerOptions",
    "SimulatedSession",
    "StreamFaults",
    "Together",
    "Translate",
    "Voice",
    "Watcher",
    "absent",
    "any_order",
    "assert_events",
    "like",
    "many",
    "maybe",
    "pipe_pair",
    "record",
    "replay",
    "seeded",
    "serve_simulated",
    "use_cassette",
]

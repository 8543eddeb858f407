"""Where to connect, and as whom: URL, headers, subprotocols, credentials.

Pure functions and frozen data. This package opens nothing, reads no environment and does not
know Trio; `open_realtime` does all three.
"""

from trio_realtime._endpoint._azure import AzureEndpoint
from trio_realtime._endpoint._environment import endpoint_from_environment
from trio_realtime._endpoint._handshake import (
    Endpoint,
    Handshake,
    StreamFactory,
    Target,
    target_from_arguments,
)
from trio_realtime._endpoint._openai import OpenAIEndpoint

__all__ = [
    "AzureEndpoint",
    "Endpoint",
    "Handshake",
    "OpenAIEndpoint",
    "StreamFactory",
    "Target",
    "endpoint_from_environment",
    "target_from_arguments",
]

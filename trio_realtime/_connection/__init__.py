"""The shell: reader, writer, heartbeat, inbox, and the choreography of opening and closing."""

from trio_realtime._connection._block import block
from trio_realtime._connection._calls import Caller
from trio_realtime._connection._finishing import Finishing
from trio_realtime._connection._link import Link
from trio_realtime._connection._opening import open_link
from trio_realtime._connection._plumbing import Connect
from trio_realtime._connection._shell import Shell, Statistics
from trio_realtime._connection._streams import EventStream

__all__ = [
    "Caller",
    "Connect",
    "EventStream",
    "Finishing",
    "Link",
    "Shell",
    "Statistics",
    "block",
    "open_link",
]

"""Where a connection is put together: `open_realtime` and its siblings."""

from trio_realtime._open._environment import endpoint_from_environment
from trio_realtime._open._realtime import RealtimeConnection, open_realtime

__all__ = ["RealtimeConnection", "endpoint_from_environment", "open_realtime"]

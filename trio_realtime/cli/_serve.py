"""`trio-realtime serve`: the simulated server on a port, until Ctrl-C.

This module does not know what the server says: `trio_realtime.testing` does.
"""

from __future__ import annotations

import errno

import trio

from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError
from trio_realtime.testing import serve_simulated


async def serve(display: Display, port: int) -> None:
    """Listen on `port`, print the base URL as the first line, and serve until cancelled."""
    if not 0 <= port <= 65535:
        raise ProblemError(f"--port must be from 0 to 65535; it is {port}")
    try:
        async with serve_simulated(port=port) as server:
            display.line(server.base_url)
            display.hint("Simulated server: any API key will do. Ctrl-C ends it.")
            await trio.sleep_forever()
    except OSError as exc:
        known = {errno.EADDRINUSE: "it is in use", errno.EACCES: "it needs more privileges"}
        reason = known.get(exc.errno or 0) or str(exc)
        raise ProblemError(f"cannot listen on port {port}: {reason}") from exc

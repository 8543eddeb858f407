"""Whatever is opened is closed, however opening it goes wrong."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def closed_on_failure(resource: trio.abc.AsyncResource) -> AsyncGenerator[None]:
    """Close `resource` by force if the block is left by an exception, cancellation included."""
    try:
        yield
    except BaseException:
        # Shielded, and without a deadline: closing by force waits for nobody.
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(resource)
        raise

"""A server of the kit at Azure's addresses: where it is, and how Azure turns clients away.

This module does not know keys, nor who is let in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from trio_realtime._endpoint import AzureEndpoint, Handshake, StreamFactory, Target
from trio_realtime._transport._http import HttpResponse

if TYPE_CHECKING:
    from trio_realtime._core.simulator import RefusedError

PREVIEW: Final = "2025-04-01-preview"
"""The version that the preview path is asked for."""


@final
@dataclass(frozen=True, slots=True)
class SimulatedAzureEndpoint:
    """Where a server of the kit is as an Azure resource, for `open_realtime(endpoint=...)`.

    The beta dialect goes to the preview path, everything else to the GA path.
    """

    endpoint: str
    """The resource's address; in memory a name only, that nothing listens at."""

    api_key: str = field(repr=False)
    """The key that is shown to the server, as `api-key`."""

    stream_factory: StreamFactory | None = None
    """What connects to it in place of TCP, or None for TCP."""

    async def handshake(self, target: Target) -> Handshake:
        """Tell where to connect, and as whom."""
        version = PREVIEW if target.dialect == "beta" else None
        azure = AzureEndpoint(self.endpoint, api_key=self.api_key, api_version=version)
        usual = await azure.handshake(target)
        return Handshake(usual.url, usual.headers, usual.subprotocols, self.stream_factory)


def azure_refusal(status: int, error: RefusedError) -> HttpResponse:
    """Write a refusal as Azure's gateway writes it."""
    body = {"error": {"code": error.code, "message": error.message}}
    return HttpResponse(status, (("Content-Type", "application/json"),), json.dumps(body).encode())

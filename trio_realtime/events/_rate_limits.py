"""The event of rate limits."""

from typing import Literal

from trio_realtime.types._base import ServerModel
from trio_realtime.types._usage import RateLimit


class RateLimitsUpdated(ServerModel):
    """What is left of the rate limits, at the beginning of a response.

    Tokens for the whole answer are set aside at that moment; what was not used is given back later,
    without an event.
    """

    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    rate_limits: list[RateLimit]

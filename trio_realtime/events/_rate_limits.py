"""The event of rate limits."""

from typing import Literal

from trio_realtime.types._base import ServerModel
from trio_realtime.types._usage import RateLimit


class RateLimitsUpdated(ServerModel):
    """What is left of the rate limits.

    Documented for the beginning of a response, when tokens for the whole answer are set aside; seen
    after its end. Many responses have none.
    """

    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    rate_limits: list[RateLimit]

"""How a simulated server behaves: what a test may set, and nothing that happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model is."""

    tokens_per_second: float = 100.0
    """Words and pieces of arguments a second; `math.inf` for all at once."""

    audio_speed: float = 10.0
    """Seconds of audio made in a second."""

    latency: float = 0.0
    """Seconds from `response.created` to the first output."""

    @property
    def token_seconds(self) -> float:
        """How long a token takes."""
        return 1 / self.tokens_per_second


DEFAULT_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server behaves."""

    pace: Pace = DEFAULT_PACE
    session_seconds: float = 3600.0
    """How long a session may last."""
    api_key: str | None = None
    """The only key that is let in; None lets every client in."""
    rate_limits: bool = False
    """Whether `rate_limits.updated` follows each response; the real server's comes now and then."""
    omit_session_created: bool = False
    """Whether the session begins without `session.created`."""
    rewrite_item_ids: bool = False
    """Whether items get ids of the server's, whatever the client chose."""

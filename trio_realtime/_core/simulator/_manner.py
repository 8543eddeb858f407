"""How a simulated server behaves: what a test may set, and nothing that happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, final, get_args

from trio_realtime._core.simulator._json import Object


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model is."""

    tokens_per_second: float = 100.0
    """Words and pieces of arguments a second; `math.inf` for all at once."""

    audio_speed: float = 10.0
    """Seconds of audio made in a second."""

    latency: float = 0.0
    """Seconds from `response.created` to the first output."""

    def __post_init__(self) -> None:
        for name in ("tokens_per_second", "audio_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.latency < 0:
            raise ValueError(f"latency cannot be negative, and is {self.latency}")

    @property
    def token_seconds(self) -> float:
        """How long a token takes."""
        return 1 / self.tokens_per_second


DEFAULT_PACE: Final = Pace()

Translate: TypeAlias = Callable[[str, str], str]
"""Translates a text into a language, which is named as the session names it."""


def marked_translation(text: str, language: str) -> str:
    """The default: each word with the language behind it, `sea-nb`."""
    return " ".join(f"{word}-{language}" for word in text.split())


BetaManner: TypeAlias = Literal["refuse", "speak"]
"""What becomes of who asks OpenAI's path for the beta dialect."""

EventOrder: TypeAlias = Literal["openai", "xai"]
"""Whose order a response's events come in."""


@final
@dataclass(frozen=True, slots=True)
class McpServer:
    """What an MCP server that a session may name lists."""

    tools: Sequence[str | Object] = ()
    """Its tools: names, or tools as they go over the wire (`name`, `input_schema`, ...)."""

    fails: bool = False
    """Whether listing its tools fails."""

    seconds: float = 0.0
    """How long listing them takes."""


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
    late_errors: float = 0.0
    """Seconds until a commit of too little audio is refused. Measured were 0.8 to 1.0 s, which is
    after the `committed` of a commit that follows."""
    commit_seconds: float = 0.0
    """Seconds until a commit is acted upon; whatever follows waits behind it. Measured was 0.15."""
    transcription_seconds: float = 0.0
    """Seconds from a commit to the rest of its transcription. Measured were 0.5 to 0.8."""
    models: Collection[str] | None = None
    """The only models there are; None lets clients name any."""
    omit_event_ids: bool = False
    """Whether server events have no `event_id`."""
    omit_session_created: bool = False
    """Whether the session begins without `session.created`."""
    rewrite_item_ids: bool = False
    """Whether items get ids of the server's, whatever the client chose."""
    echo_metadata: bool = True
    """Whether responses carry the `metadata` that they were asked for with."""
    event_order: EventOrder = "openai"
    """Whose order the events of responses come in: as xAI's compatible server sends them, audio
    precedes its transcript, `response.output_audio.done` follows `response.content_part.done`, and
    there is no `conversation.item.done`."""
    beta: BetaManner = "refuse"
    """What becomes of who asks for the beta dialect: as OpenAI's server of today does, or as it
    once did. Azure's preview path and Voice Live's speak it in any case."""
    mcp_servers: Mapping[str, McpServer] = field(default_factory=dict[str, McpServer])
    """The MCP servers there are, by label. A session that names another gets an empty list."""
    translate: Translate = marked_translation
    """How translations translate."""

    def __post_init__(self) -> None:
        if self.event_order not in get_args(EventOrder):
            raise ValueError(f"event_order is 'openai' or 'xai', not {self.event_order!r}")
        if self.beta not in get_args(BetaManner):
            raise ValueError(f"beta is 'refuse' or 'speak', not {self.beta!r}")
        for label, server in self.mcp_servers.items():
            if type(server) is not McpServer:
                raise TypeError(
                    f"the MCP server {label!r} is described by an McpServer, not {server!r}"
                )

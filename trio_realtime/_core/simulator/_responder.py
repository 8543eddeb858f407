"""What the model says: the actions a responder answers with.

Nothing here knows how an answer is streamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, final

from pydantic import JsonValue

Phase: TypeAlias = Literal["commentary", "final_answer"]
"""What a message of a 2.x model is for: said on the way to a call, or the answer."""


@final
@dataclass(frozen=True, slots=True)
class Say:
    """The model says a text: written or spoken, as the response's modalities ask."""

    text: str
    """What it says."""

    phase: Phase | None = None
    """The `phase` of the message. By default 2.x models have one (`"commentary"` where a call
    follows in the same response, else `"final_answer"`) and older ones have none, as recorded."""

    audio: bytes | None = field(default=None, repr=False)
    """How it sounds, if it is spoken: PCM of 16 bits at 24 kHz, mono. By default a tone per word.
    It is sent as it is, whatever the session's `speed`."""

    def __post_init__(self) -> None:
        if self.audio is not None and len(self.audio) % 2:
            raise ValueError("the audio of a Say is 16-bit PCM: it has an even number of bytes")


@final
@dataclass(frozen=True, slots=True)
class CallTool:
    """The model calls a function."""

    name: str
    """The function."""

    arguments: Mapping[str, JsonValue] | str = "{}"
    """Its arguments, as an object or as the text that goes over the wire (which may be broken)."""


@final
@dataclass(frozen=True, slots=True)
class CallMcp:
    """The model calls a tool of an MCP server, which runs on the server's side.

    Where the tool's `require_approval` asks for it, the response holds an `mcp_approval_request`
    in place of the call. Once the client has approved, the next response of the conversation
    begins with the call. That it is the next one, and not one that begins by itself, is our
    choice: nothing recorded shows it.
    """

    name: str
    """The tool."""

    arguments: Mapping[str, JsonValue] | str = "{}"
    """Its arguments, as an object or as the text that goes over the wire."""

    output: str = ""
    """What it returns."""

    error: str | Mapping[str, JsonValue] | None = None
    """Why it fails, if it does: a message, or a whole error object as it goes over the wire."""

    server_label: str | None = None
    """Its MCP server. By default the one that lists a tool of this name, or the first there is."""

    seconds: float = 0.0
    """How long the call takes."""


_ITEMS: Final[tuple[type, ...]] = (str, Say, CallTool, CallMcp)


@final
@dataclass(frozen=True, slots=True, init=False)
class Together:
    """Output items that overlap, as gpt-realtime-2.1 sends them.

    ::

        Together(Say("I'll look that up."), CallTool("get_weather", {"city": "Oslo"}))

    Each item begins and streams in turn, and only then each is done, in the same order: a call
    is there before the text before it has ended.
    """

    actions: tuple[Say | CallTool | CallMcp, ...]
    """What the items are."""

    def __init__(self, *actions: str | Say | CallTool | CallMcp) -> None:
        for action in actions:
            if not isinstance(action, _ITEMS):
                raise TypeError(
                    f"items that overlap are texts, Say, CallTool and CallMcp, not {action!r}"
                )
        said = tuple(Say(each) if isinstance(each, str) else each for each in actions)
        object.__setattr__(self, "actions", said)


@final
@dataclass(frozen=True, slots=True)
class Fail:
    """The response fails: it ends with the status `failed`.

    What comes directly before it is cut off: its item stays `incomplete`. Put a `Silence` between
    them to have it complete.
    """

    code: str | None = None
    """The code of the error in its `status_details`."""

    type: str = "server_error"
    """The type of that error."""

    message: str | None = None
    """Its message. Users quote some; the specification has none, so by default there is none."""


@final
@dataclass(frozen=True, slots=True)
class Incomplete:
    """The response ends early, with the status `incomplete`.

    What comes directly before it is cut off: its item stays `incomplete`. A response that reaches
    its `max_output_tokens` ends so by itself.
    """

    reason: Literal["content_filter", "max_output_tokens"] = "content_filter"
    """Why."""


@final
@dataclass(frozen=True, slots=True)
class Refuse:
    """The `response.create` is refused: an `error` event, and no response.

    Where a response has been created already (by an asynchronous responder, or by voice
    detection) it fails with the code instead.
    """

    code: str
    """The code of the error."""

    message: str = "The request was refused."
    """Its message."""

    type: str = "invalid_request_error"
    """Its type."""


@final
@dataclass(frozen=True, slots=True)
class Silence:
    """The model has nothing to say: alone, the response completes without output."""

    seconds: float = 0.0
    """How long it says nothing; then it goes on with what follows, or is done."""


Action: TypeAlias = Say | CallTool | CallMcp | Together | Fail | Incomplete | Refuse | Silence
"""One thing a responder can answer with."""

ACTIONS: Final = (Say, CallTool, CallMcp, Together, Fail, Incomplete, Refuse, Silence)
"""The types of all actions."""

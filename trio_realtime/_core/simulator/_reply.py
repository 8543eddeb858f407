"""One response of the model, streamed: which items it is made of, and how it ends.

A reply writes events and tells how long it takes until the next; it does not know what the time
is, how an item is written, nor what a response is asked for.

Recorded: items one after the other, items that overlap, phases. Specified: how a response ends that
is cancelled, incomplete or failed. That the item which was being written then stays `incomplete`
was recorded in the beta's shape; that a failure does the same is our choice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.simulator._conversation import Conversation, Entry
from trio_realtime._core.simulator._json import Object, at, object_of, text_of
from trio_realtime._core.simulator._mcp import Approved, Mcp, asks_approval
from trio_realtime._core.simulator._outputs import (
    ApprovalOutput,
    AudioOutput,
    CallOutput,
    Channel,
    McpOutput,
    Output,
    TextOutput,
)
from trio_realtime._core.simulator._responder import (
    Action,
    CallMcp,
    CallTool,
    Fail,
    Incomplete,
    Phase,
    Refuse,
    Say,
    Silence,
    Together,
)
from trio_realtime._core.simulator._settings import checked_format, voice_of
from trio_realtime._core.simulator._stage import Stage
from trio_realtime._core.simulator._usage import Budget, Tokens, usage_of

CancelReason: TypeAlias = Literal["client_cancelled", "turn_detected"]

Planned: TypeAlias = Action | Approved
"""One thing a response does."""

_Written: TypeAlias = Say | CallTool | CallMcp | Approved

_REASONING_MODELS: Final = "gpt-realtime-2"

_ENDS: Final = (Fail, Refuse, Incomplete)
"""What ends a response, and cuts off what comes directly before it."""

# How much a model thinks before it answers; our choice.
_REASONING_TOKENS: Final = {"minimal": 0, "low": 16, "medium": 64, "high": 256, "xhigh": 1024}


@final
@dataclass(slots=True)
class Late:
    """How the `response.done` of a response comes late."""

    seconds: float
    stays_active: bool
    duplicates: int


@final
@dataclass(slots=True)
class Reply:
    """One response, from `response.created` to `response.done`."""

    id: str
    create: Object
    """The parameters of the `response.create`; empty for one that voice detection began."""
    session: Object
    conversation: Conversation | None
    """The default conversation, or None out of band."""
    stage: Stage
    mcp: Mcp
    tools: Sequence[Object] = ()
    """The tools it may call."""
    given: Tokens = field(default_factory=Tokens)
    """What the context costs."""
    cached: Tokens = field(default_factory=Tokens)
    """What of it was seen before."""
    played: Callable[[Entry, int], None] | None = None
    """Told what audio was made, where the server plays it."""
    told: Callable[[], None] = field(kw_only=True)
    """Called directly after `response.done` was written."""
    late: Late | None = None
    begun: bool = False
    over: bool = False
    _done: list[Object] = field(default_factory=list[Object])
    _open: list[Output] = field(default_factory=list[Output])
    _count: int = 0
    _budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self._budget = Budget(self._setting("max_output_tokens"))

    @property
    def speaks(self) -> bool:
        """Whether the response is spoken."""
        return self._setting("output_modalities") == ["audio"]

    @property
    def made(self) -> Tokens:
        """What was generated so far."""
        return self._budget.made

    @property
    def _audio_output(self) -> Object:
        session = object_of(at(self.session, "audio", "output"))
        asked = object_of(at(self.create, "audio", "output"))
        return {
            "format": checked_format(asked.get("format") or session["format"], "response.audio"),
            "voice": voice_of(asked.get("voice")) or session["voice"],
        }

    def _setting(self, name: str) -> JsonValue:
        asked = self.create.get(name)
        return self.session.get(name) if asked is None else asked

    @property
    def _is_reasoning(self) -> bool:
        return text_of(self.session.get("model")).startswith(_REASONING_MODELS)

    def begin(self) -> None:
        """Announce the response."""
        self.begun = True
        created = self._resource("in_progress", None, None)
        self.stage.emit("response.created", {"response": created})

    def stream(self, plan: Sequence[Planned]) -> Iterator[float]:
        """Write the response event by event. Yields the seconds until the next can be written."""
        yield self.stage.manner.pace.latency
        whole = self._budget.take(text=self._reasoning_tokens or 0)
        for number, action in enumerate(plan):
            if not whole:
                break
            if isinstance(action, Silence):
                yield action.seconds
            elif isinstance(action, (Fail, Refuse)):
                error: Object = {"type": action.type, "code": action.code}
                if action.message is not None:
                    error["message"] = action.message
                self._cut("failed", {"type": "failed", "error": error})
                return
            elif isinstance(action, Incomplete):
                self._cut("incomplete", {"type": "incomplete", "reason": action.reason})
                return
            else:
                together = action.actions if isinstance(action, Together) else (action,)
                later = plan[number + 1 :]
                whole = yield from self._write(together, _phase((*together, *later)))
                if whole and not (later and isinstance(later[0], _ENDS)):
                    yield from self._finish()
        if not whole:
            self._cut("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
            return
        if self.late is not None and self.late.stays_active:
            yield self.late.seconds
        self.end("completed", None)

    def _write(self, actions: Sequence[_Written], phase: Phase) -> Generator[float, None, bool]:
        """Begin some items and stream them. Returns whether there were tokens for all of it."""
        for action in actions:
            output = self._output(action, phase)
            self._open.append(output)
            self._count += 1
            yield from output.stream()
            if self._budget.spent:
                return False
        return True

    def _finish(self) -> Iterator[float]:
        while self._open:
            yield from self._open[0].finish()
            del self._open[0]

    def _output(self, action: _Written, phase: Phase) -> Output:
        channel = Channel(
            self.stage, self.id, self.conversation, self._budget, self.played, self._done
        )
        index = self._count
        if isinstance(action, CallTool):
            return CallOutput(channel, index, call=action)
        if isinstance(action, Approved):
            return McpOutput(
                channel,
                index,
                call=action.call,
                server_label=action.server_label,
                approval_request_id=action.request_id,
            )
        if isinstance(action, CallMcp):
            label = self.mcp.label_of(action, self.tools)
            if not asks_approval(action.name, label, self.tools):
                return McpOutput(channel, index, call=action, server_label=label)
            asked = partial(self.mcp.requested, action, label)
            return ApprovalOutput(channel, index, call=action, server_label=label, asked=asked)
        said = action
        if self._is_reasoning and said.phase is None:
            said = Say(said.text, phase, said.audio)
        if not self.speaks:
            return TextOutput(channel, index, said=said)
        speed = at(self.session, "audio", "output", "speed")
        return AudioOutput(
            channel,
            index,
            said=said,
            format=text_of(at(self._audio_output, "format", "type")),
            speed=speed if isinstance(speed, (int, float)) else 1.0,
        )

    def cancel(self, reason: CancelReason) -> None:
        """End the response early: the remaining `done` events, then `response.done`."""
        self._cut("cancelled", {"type": "cancelled", "reason": reason})

    def _cut(self, status: str, details: JsonValue) -> None:
        for output in self._open:
            output.close("incomplete")
        self._open.clear()
        self.end(status, details)

    def end(self, status: str, details: JsonValue) -> None:
        """Write the end of the response."""
        self.over = True
        usage = usage_of(self.given, self.cached, self.made, self._reasoning_tokens)
        done: Object = {"response": self._resource(status, details, usage)}
        late = self.late or Late(0.0, True, 0)
        if late.stays_active:
            self._tell(done, late.duplicates)
        else:
            self.stage.later(late.seconds, self._tell_later(done, late.duplicates))

    def _tell_later(self, done: Object, duplicates: int) -> Iterator[float]:
        self._tell(done, duplicates)
        yield from ()

    def _tell(self, done: Object, duplicates: int) -> None:
        for _ in range(1 + duplicates):
            self.stage.emit("response.done", done)
        self.told()

    @property
    def _reasoning_tokens(self) -> int | None:
        """What a 2.x model thought, where it was told how much to; None where it was not."""
        effort = text_of(at(self._setting("reasoning"), "effort"))
        return _REASONING_TOKENS.get(effort) if self._is_reasoning else None

    def _resource(self, status: str, details: JsonValue, usage: JsonValue) -> Object:
        echoed = self.create.get("metadata") if self.stage.manner.echo_metadata else None
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [*self._done],
            "conversation_id": None if self.conversation is None else self.conversation.id,
            "output_modalities": self._setting("output_modalities"),
            "max_output_tokens": self._setting("max_output_tokens"),
            "audio": {"output": self._audio_output},
            "usage": usage,
            "metadata": echoed,
        }


def _phase(actions: Sequence[Planned]) -> Phase:
    """What a message is for that these actions follow."""
    for action in actions:
        each = action.actions if isinstance(action, Together) else (action,)
        if any(isinstance(one, (CallTool, CallMcp, Approved)) for one in each):
            return "commentary"
    return "final_answer"

"""The legal orders of what a server sends, as they were measured on genuine sessions.

One `Order` watches one session, frame by frame, and keeps only what is still open: it may watch
for an hour. Output items may overlap, as the newest model's do. It does not know what a frame holds
beside its place in the order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from pydantic import JsonValue

Frame: TypeAlias = dict[str, JsonValue]
_Part: TypeAlias = tuple[str, JsonValue, JsonValue]

_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription."

# What directly follows, of the same item.
_FOLLOWED_BY: Final = {
    "input_audio_buffer.speech_stopped": "input_audio_buffer.committed",
    "input_audio_buffer.committed": "conversation.item.added",
    "response.output_audio_transcript.done": "response.content_part.done",
}

# What comes directly before, of the same item.
_PRECEDED_BY: Final = {
    "response.output_audio_transcript.done": "response.output_audio.done",
}

# The member that holds all of what its deltas said.
_WHOLES: Final = ("text", "transcript", "arguments")

_WITHOUT_WHOLE: Final = {"response.output_audio.done"}


@final
@dataclass(slots=True)
class _Response:
    """A response that is not done."""

    joins: bool
    """Whether its items join the conversation."""
    open: dict[JsonValue, JsonValue] = field(default_factory=dict[JsonValue, JsonValue])
    """Output indexes by the ids of the items that are being written."""
    added: int = 0
    finished: list[tuple[int, JsonValue]] = field(default_factory=list[tuple[int, JsonValue]])
    parts: set[tuple[JsonValue, JsonValue]] = field(
        default_factory=set[tuple[JsonValue, JsonValue]]
    )
    sums: dict[_Part, str] = field(default_factory=dict[_Part, str])


def item_id_of(frame: Mapping[str, JsonValue]) -> JsonValue:
    """The item that a frame is about."""
    item = frame.get("item")
    return item["id"] if isinstance(item, dict) else frame.get("item_id")


@final
class Order:
    """The order of one session's frames."""

    def __init__(self, *, greeting: bool = True) -> None:
        """Begin to watch a session, that is greeted with `session.created` or is not."""
        self._greeting = greeting
        self._before: Frame = {}
        self._owed: tuple[str, JsonValue] | None = None
        self._responses: dict[str, _Response] = {}
        self._over: deque[str] = deque(maxlen=64)
        self._added: dict[JsonValue, JsonValue] = {}
        self._heard: dict[JsonValue, str] = {}

    def see(self, frame: Frame) -> None:
        """Check the next frame.

        Raises:
            AssertionError: if it must not come now.
        """
        kind = str(frame["type"])
        if not self._before and self._greeting:
            assert kind in {"session.created", "error"}, f"{kind} came first"
        assert kind != "session.created" or not self._before, f"{kind} came late"
        self._check_neighbours(kind, frame)
        if kind.startswith("response."):
            self._see_response(kind, frame)
        elif kind.startswith(_TRANSCRIPTION):
            self._see_transcription(kind.removeprefix(_TRANSCRIPTION), frame)
        elif kind == "conversation.item.added":
            self._added[item_id_of(frame)] = frame["previous_item_id"]
        elif kind == "conversation.item.done":
            self._see_item_done(frame)
        self._before = frame

    def end(self) -> None:
        """Check that nothing is owed. What is merely open, a session may leave open."""
        assert self._owed is None, f"{self._before['type']} was not followed by {self._owed}"

    def _check_neighbours(self, kind: str, frame: Frame) -> None:
        item_id, before = item_id_of(frame), self._before
        if self._owed is not None:
            assert (kind, item_id) == self._owed, f"{before['type']} was followed by {kind}"
            self._owed = None
        if kind in _FOLLOWED_BY:
            self._owed = (_FOLLOWED_BY[kind], item_id)
        if kind in _PRECEDED_BY:
            wanted = (_PRECEDED_BY[kind], item_id)
            assert (before.get("type"), item_id_of(before)) == wanted, f"{kind} came unprepared"
        if kind == "rate_limits.updated":
            assert before.get("type") == "response.done", f"{kind} came after {before.get('type')}"

    def _see_item_done(self, frame: Frame) -> None:
        item_id = item_id_of(frame)
        assert item_id in self._added, f"{item_id} was done before it was added, or twice"
        # Some genuine ones say null where there was one.
        assert frame["previous_item_id"] in (None, self._added.pop(item_id)), item_id

    def _see_response(self, kind: str, frame: Frame) -> None:
        resource = frame.get("response")
        if isinstance(resource, dict):
            response_id = str(resource["id"])
        elif "response_id" in frame:
            response_id = str(frame["response_id"])
        else:
            return  # of an MCP call: they name their item only
        if kind == "response.created":
            assert response_id not in self._responses
            assert response_id not in self._over
            assert isinstance(resource, dict)
            assert resource["output"] == []
            self._responses[response_id] = _Response(resource["conversation_id"] is not None)
            return
        assert response_id in self._responses, f"{kind} of a response that is not in progress"
        response = self._responses[response_id]
        if kind == "response.done":
            assert isinstance(resource, dict)
            assert response.open == {}, "the response was done before its items"
            in_order = sorted(response.finished, key=lambda each: each[0])
            assert resource["output"] == [item for _, item in in_order]
            del self._responses[response_id]
            self._over.append(response_id)
        elif kind == "response.output_item.added":
            self._see_item_opened(response, frame)
        elif kind == "response.output_item.done":
            self._see_item_closed(response, frame)
        else:
            self._see_part(response, kind, frame)

    def _see_item_opened(self, response: _Response, frame: Frame) -> None:
        item_id = item_id_of(frame)
        assert frame["output_index"] == response.added
        assert item_id not in response.open
        response.open[item_id] = frame["output_index"]
        response.added += 1
        if response.joins:
            self._owed = ("conversation.item.added", item_id)

    def _see_item_closed(self, response: _Response, frame: Frame) -> None:
        item_id, before = item_id_of(frame), self._before
        assert response.open.pop(item_id) == frame["output_index"]
        if response.joins:
            assert before["type"] == "conversation.item.done", "not done in the conversation"
            assert before["item"] == frame["item"]
        assert not any(part[0] == item_id for part in response.parts), "a part is still open"
        response.finished.append((int(str(frame["output_index"])), frame["item"]))

    def _see_part(self, response: _Response, kind: str, frame: Frame) -> None:
        item_id, index = frame["item_id"], frame.get("content_index")
        assert response.open.get(item_id) == frame["output_index"], f"{kind} of no open item"
        part, stream = (item_id, index), (kind.rpartition(".")[0], item_id, index)
        if kind == "response.content_part.added":
            assert part not in response.parts
            response.parts.add(part)
            return
        assert index is None or part in response.parts, f"{kind} of no open part"
        if kind == "response.content_part.done":
            response.parts.remove(part)
        elif kind.endswith(".delta"):
            response.sums[stream] = response.sums.get(stream, "") + str(frame["delta"])
        elif kind.endswith(".done") and kind not in _WITHOUT_WHOLE:
            (whole,) = (frame[name] for name in _WHOLES if name in frame)
            assert response.sums.pop(stream, "") == whole, f"the deltas before {kind} differ"

    def _see_transcription(self, what: str, frame: Frame) -> None:
        # Any of it may come before its item is added, and long after its turn was answered.
        item_id = frame["item_id"]
        if what == "delta":
            self._heard[item_id] = self._heard.get(item_id, "") + str(frame["delta"])
        elif what != "segment":
            heard = self._heard.pop(item_id, "")
            assert what != "completed" or heard.strip() == str(frame["transcript"]).strip()

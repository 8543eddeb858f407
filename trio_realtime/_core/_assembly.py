"""One response, put together from its events.

This module is told every event of one response, in the order of the wire. It does not know whose
response it is, nor who reads it; it keeps no audio, and never raises for what a server sends.

What streams is kept by item and content index, because items overlap: a function call begins before
the message in front of it is done, and a transcript ends after a later item has begun. Nothing is
taken for granted that a server was seen to leave out or to send in another order: an item without
its `output_item.added` or `.done`, a text without deltas, `.done` events after `response.done`, a
`response.done` that does not validate, or whose output is empty. The server's own words win
wherever it says something; what streamed fills what it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, cast, final

from pydantic_core import to_json

from trio_realtime._core._draft import Draft, Part
from trio_realtime._core._outgoing import text_at, value_at
from trio_realtime._core._shapes import GA, Shapes
from trio_realtime.events import InvalidEvent
from trio_realtime.types import Response, StatusDetails

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime import beta
    from trio_realtime._core._event import Event
    from trio_realtime.events import (
        ResponseContentPartAdded,
        ResponseContentPartDone,
        ResponseCreated,
        ResponseDone,
        ResponseFunctionCallArgumentsDelta,
        ResponseFunctionCallArgumentsDone,
        ResponseMcpCallArgumentsDelta,
        ResponseMcpCallArgumentsDone,
        ResponseOutputAudioDelta,
        ResponseOutputAudioTranscriptDelta,
        ResponseOutputAudioTranscriptDone,
        ResponseOutputItemAdded,
        ResponseOutputItemDone,
        ResponseOutputTextDelta,
        ResponseOutputTextDone,
    )
    from trio_realtime.types import Item, ResponseStatus, Unrecognised

    _AudioDelta: TypeAlias = ResponseOutputAudioDelta | beta.ResponseAudioDelta
    _TextDelta: TypeAlias = (
        ResponseOutputAudioTranscriptDelta
        | ResponseOutputTextDelta
        | beta.ResponseAudioTranscriptDelta
        | beta.ResponseTextDelta
    )
    _TextDone: TypeAlias = ResponseOutputTextDone | beta.ResponseTextDone
    _TranscriptDone: TypeAlias = (
        ResponseOutputAudioTranscriptDone | beta.ResponseAudioTranscriptDone
    )
    _InPart: TypeAlias = (
        ResponseContentPartAdded
        | ResponseContentPartDone
        | _AudioDelta
        | _TextDelta
        | _TextDone
        | _TranscriptDone
    )

_TEXT_DELTAS: Final = frozenset(
    {
        "response.audio_transcript.delta",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
        "response.text.delta",
    }
)
AUDIO_DELTAS: Final = frozenset({"response.audio.delta", "response.output_audio.delta"})
"""The types of the events that bring audio, in any dialect."""

_OF_AUDIO: Final = AUDIO_DELTAS | {
    "response.audio_transcript.delta",
    "response.audio_transcript.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
}


@final
class Assembly:
    """One response, as far as it is known.

    Args:
        shapes: What is made up here, in the words of the dialect.
    """

    def __init__(self, shapes: Shapes = GA) -> None:
        self._shapes = shapes
        self._shown = shapes.response(status="in_progress")
        self._status: ResponseStatus | Unrecognised = "in_progress"
        self._is_done = False
        self._whole: Response | None = None
        self._drafts: list[Draft] = []
        self._parts: dict[tuple[str, int], Part] = {}
        # By identity, and holding the event, so that its id stays its own.
        self._odd: dict[int, tuple[Event, str]] = {}

    @property
    def is_done(self) -> bool:
        """Whether `response.done` has come, valid or not."""
        return self._is_done

    @property
    def status(self) -> ResponseStatus | Unrecognised:
        """How the response ended; `in_progress` until it has.

        A `response.done` that does not tell is taken for `completed`, or for `failed` if it shows
        an error.
        """
        return self._status

    @property
    def items(self) -> tuple[Item, ...]:
        """The output items in their order, filled with what has streamed so far."""
        items = (draft.item(self._status) for draft in sorted(self._drafts, key=_index))
        return tuple(item for item in items if item is not None)

    @property
    def response(self) -> Response:
        """The response as `response.created` showed it, and once it is over as a whole.

        The whole is the server's own, unless that lacks something which streamed.
        """
        if not self._is_done:
            return self._shown
        if self._whole is None:
            self._whole = self._completed(self._shown)
        return self._whole

    def receive(self, event: Event) -> None:
        """Take the next event of the response."""
        take = self._TAKE.get(event.type)
        if take is not None:
            self._whole = None
            take(self, event)

    def drop(self) -> None:
        """Be over before it began, as if the server had cancelled it for what the user said."""
        details = StatusDetails(type="cancelled", reason="turn_detected")
        self._finish(self._shapes.response(status="cancelled", status_details=details, output=[]))

    def text_of(self, event: Event) -> str | None:
        """What an event adds to the text of the response, spoken or written; None: nothing.

        That is the delta, or at a `.done` event of any level what no delta brought. Ask at any time
        after the event was received.
        """
        if self._odd:
            odd = self._odd.get(id(event))
            if odd is not None:
                return odd[1] or None
        return cast("_TextDelta", event).delta or None if event.type in _TEXT_DELTAS else None

    def audio_of(self, event: Event) -> bytes | None:
        """The audio that an event brings; None: nothing."""
        return cast("_AudioDelta", event).delta or None if event.type in AUDIO_DELTAS else None

    # One method for each kind of event; the table of their names, in all dialects, is below.

    def _created(self, event: ResponseCreated | beta.ResponseCreated) -> None:
        if not self._is_done:
            self._shown = event.response

    def _done(self, event: ResponseDone | beta.ResponseDone) -> None:
        self._end(event, event.response)

    def _invalid(self, event: InvalidEvent) -> None:
        if event.wire_type == "response.done":
            readable = self._readable(event)
            names = readable.model_fields_set
            known = {name: getattr(readable, name) for name in names}
            self._end(event, self._shown.model_copy(update={"status": None, **known}))
        elif event.wire_type == "response.created" and not self._is_done:
            self._shown = self._readable(event)

    def _end(self, event: Event, response: Response) -> None:
        if not self._is_done:
            self._note(event, self._finish(response))

    def _finish(self, response: Response) -> str:
        """The response is over; what its texts add to the pieces is returned."""
        self._is_done = True
        self._shown = response
        self._status = _ended_status(response)
        output = response.output
        if not output:
            return ""
        drafts = [self._draft_of(item, index, output) for index, item in enumerate(output)]
        rests = [draft.finish(item) for draft, item in zip(drafts, output, strict=True)]
        # An item that streamed and is not named now is not part of the response after all.
        self._drafts = list(dict.fromkeys(drafts))
        return "".join(rests)

    def _readable(self, event: InvalidEvent) -> Response:
        """What can be read of the response in an event that did not validate, field by field."""
        told = value_at(event, "response")
        fields: Mapping[str, JsonValue] = {}
        if isinstance(told, Mapping):
            fields = cast("Mapping[str, JsonValue]", told)
        sound = {name: value for name, value in fields.items() if self._reads({name: value})}
        return self._shapes.response.model_validate_json(to_json(sound))

    def _reads(self, fields: Mapping[str, JsonValue]) -> bool:
        try:
            self._shapes.response.model_validate_json(to_json(fields))
        except ValueError:
            return False
        return True

    def _item_added(self, event: ResponseOutputItemAdded) -> None:
        self._draft(text_at(event.item, "id"), event.output_index).begin(event.item)

    def _item_done(self, event: ResponseOutputItemDone) -> None:
        draft = self._draft(text_at(event.item, "id"), event.output_index)
        self._note(event, draft.finish(event.item))

    def _part_added(self, event: ResponseContentPartAdded) -> None:
        self._part(event).show(event.part)

    def _part_done(self, event: ResponseContentPartDone) -> None:
        self._note(event, self._part(event).finish(event.part))

    def _text_delta(self, event: _TextDelta) -> None:
        part = self._parts.get((event.item_id, event.content_index))
        if part is None:
            part = self._part(event)
        delta = event.delta
        new = part.text.add(delta)
        if new is not delta:
            self._odd[id(event)] = (event, new)

    def _text_done(self, event: _TextDone) -> None:
        self._note(event, self._part(event).text.tell(event.text, is_final=True))

    def _transcript_done(self, event: _TranscriptDone) -> None:
        self._note(event, self._part(event).text.tell(event.transcript, is_final=True))

    def _audio_delta(self, event: _AudioDelta) -> None:
        if (event.item_id, event.content_index) not in self._parts:
            self._part(event)

    def _arguments_delta(
        self, event: ResponseFunctionCallArgumentsDelta | ResponseMcpCallArgumentsDelta
    ) -> None:
        self._draft(event.item_id, event.output_index).arguments.add(event.delta)

    def _arguments_done(
        self, event: ResponseFunctionCallArgumentsDone | ResponseMcpCallArgumentsDone
    ) -> None:
        draft = self._draft(event.item_id, event.output_index)
        draft.arguments.tell(event.arguments, is_final=True)
        if event.type == "response.function_call_arguments.done":
            draft.call_id = event.call_id
            draft.name = event.name or draft.name

    def _note(self, event: Event, rest: str) -> None:
        if rest:
            self._odd[id(event)] = (event, rest)

    def _draft(self, item_id: str | None, index: int) -> Draft:
        """The item of an id; where the server left the id out, the one at the index."""
        draft = self._known(item_id)
        if draft is None:
            draft = next((each for each in self._drafts if each.may_be(item_id, index)), None)
        if draft is None:
            draft = Draft(item_id, index, self._shapes)
            self._drafts.append(draft)
        draft.item_id = draft.item_id or item_id
        return draft

    def _draft_of(self, item: Item, index: int, output: Sequence[Item]) -> Draft:
        """The item that `response.done` shows: some servers give it another id there."""
        item_id = text_at(item, "id")
        draft = self._known(item_id)
        if draft is None:
            named = {text_at(each, "id") for each in output}
            unnamed = (each for each in self._drafts if each.item_id not in named)
            draft = next((each for each in unnamed if each.index == index), None)
        if draft is None:
            return self._draft(item_id, index)
        draft.item_id = item_id or draft.item_id
        draft.index = index
        return draft

    def _known(self, item_id: str | None) -> Draft | None:
        for draft in self._drafts:
            if draft.item_id == item_id is not None:
                return draft
        return None

    def _part(self, event: _InPart) -> Part:
        key = (event.item_id, event.content_index)
        part = self._parts.get(key)
        if part is None:
            draft = self._draft(event.item_id, event.output_index)
            part = draft.part(event.content_index, is_audio=event.type in _OF_AUDIO)
            self._parts[key] = part
        return part

    def _completed(self, response: Response) -> Response:
        lacking: dict[str, object] = {}
        items = list(self.items)
        output = response.output
        if output is None or list(map(id, items)) != list(map(id, output)):
            lacking["output"] = items
        if response.status != self._status:
            lacking["status"] = self._status
        return response.model_copy(update=lacking) if lacking else response

    _TAKE: ClassVar = cast(
        "Mapping[str, Callable[[Assembly, Event], None]]",
        {
            "<invalid>": _invalid,
            "response.audio.delta": _audio_delta,
            "response.audio_transcript.delta": _text_delta,
            "response.audio_transcript.done": _transcript_done,
            "response.content_part.added": _part_added,
            "response.content_part.done": _part_done,
            "response.created": _created,
            "response.done": _done,
            "response.function_call_arguments.delta": _arguments_delta,
            "response.function_call_arguments.done": _arguments_done,
            "response.mcp_call_arguments.delta": _arguments_delta,
            "response.mcp_call_arguments.done": _arguments_done,
            "response.output_audio.delta": _audio_delta,
            "response.output_audio_transcript.delta": _text_delta,
            "response.output_audio_transcript.done": _transcript_done,
            "response.output_item.added": _item_added,
            "response.output_item.done": _item_done,
            "response.output_text.delta": _text_delta,
            "response.output_text.done": _text_done,
            "response.text.delta": _text_delta,
            "response.text.done": _text_done,
        },
    )


def _index(draft: Draft) -> int:
    return draft.index


def _ended_status(response: Response) -> ResponseStatus | Unrecognised:
    details = response.status_details or StatusDetails()
    for told in (response.status, details.type):
        if told is not None and told != "in_progress":
            return told
    return "completed" if details.error is None else "failed"

"""A response and what it belongs to, for handles without a line: the test plays the reader."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import JsonValue

from trio_realtime import CloseInfo, ConnectionClosedError, Options
from trio_realtime._core._budget import Budget
from trio_realtime._core._loss import Loss
from trio_realtime._core._shapes import GA, Shapes
from trio_realtime._response import Reply, ReplySink
from trio_realtime.events import (
    InvalidEvent,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
)
from trio_realtime.types import (
    AssistantMessage,
    AudioFormat,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseError,
    ResponseUsage,
    Session,
    StatusDetails,
)

KIB: Final = 1024

BYTES_PER_MS: Final = 48
"""Of PCM at 24 kHz."""


class Connection:
    """What a reply asks of its connection. Each call is counted."""

    def __init__(self, options: Options | None = None, session: Session | None = None) -> None:
        self.options: Options = options or Options()
        self.session: object = session
        self.shapes: Shapes = GA
        self.budget: Budget = Budget(self.options.inbox_bytes)
        self.loss: Loss | None = None
        self.is_closed: bool = False
        self.touches: int = 0
        self.wakes: int = 0

    def touch(self) -> None:
        self.touches += 1

    def room_changed(self) -> None:
        self.wakes += 1

    def end_error(self) -> ConnectionClosedError | None:
        return None if self.loss is None else self.loss.error()

    def check_open(self) -> None:
        if self.loss is not None:
            raise self.loss.error()
        if self.is_closed:
            raise ConnectionClosedError(CloseInfo(1000, "", "us"))


class Handle:
    """A reply, and the server and the reader that fill it. Every event weighs 1 KiB."""

    def __init__(
        self,
        options: Options | None = None,
        *,
        session: Session | None = None,
        output_format: AudioFormat | None = None,
        in_conversation: bool = True,
    ) -> None:
        self.connection = Connection(options, session)
        self.sink = ReplySink(self.connection, in_conversation=in_conversation)
        self.reply = Reply(self.sink)
        audio = ResponseAudio(output=ResponseAudioOutput(format=output_format))
        self.take(ResponseCreated(response=response("in_progress", audio=audio)))

    @property
    def held(self) -> int:
        """What the views hold that were read, in events."""
        return self.connection.budget.held // KIB

    @property
    def waiting(self) -> int:
        return self.connection.budget.waiting

    def take(self, *events: ServerEvent, weight: int = KIB) -> None:
        for event in events:
            self.sink.take(event, weight)

    def says(self, *words: str) -> None:
        for word in words:
            self.take(
                ResponseOutputTextDelta(
                    response_id="resp_1",
                    item_id="item_1",
                    output_index=0,
                    content_index=0,
                    delta=word,
                )
            )

    def sounds(self, *chunks: bytes, item: str = "item_1") -> None:
        for chunk in chunks:
            self.take(
                ResponseOutputAudioDelta(
                    response_id="resp_1",
                    item_id=item,
                    output_index=0,
                    content_index=0,
                    delta=chunk,
                )
            )

    def transcribes(self, *words: str) -> None:
        for word in words:
            self.take(
                ResponseOutputAudioTranscriptDelta(
                    response_id="resp_1",
                    item_id="item_1",
                    output_index=0,
                    content_index=0,
                    delta=word,
                )
            )

    def begins_item(self) -> None:
        item = AssistantMessage(id="item_1", status="in_progress", content=[])
        self.take(ResponseOutputItemAdded(response_id="resp_1", output_index=0, item=item))

    def finishes_item(self, item_id: str | None = "item_1") -> None:
        item = AssistantMessage(id=item_id, status="completed", content=[])
        self.take(ResponseOutputItemDone(response_id="resp_1", output_index=0, item=item))

    def ends(
        self, status: Literal["completed", "cancelled", "failed", "incomplete"] = "completed"
    ) -> ResponseDone:
        error = ResponseError(type="server_error", code="overloaded", message="Too much")
        details = StatusDetails(type=status, error=error if status == "failed" else None)
        usage = ResponseUsage(total_tokens=7)
        done = ResponseDone(response=response(status, status_details=details, usage=usage))
        self.take(done)
        return done

    def ends_unreadably(self, status: str = "completed") -> None:
        said: JsonValue = {"id": "resp_1", "status": status}
        data: JsonValue = {"type": "response.done", "event_id": 1, "response": said}
        self.take(InvalidEvent("response.done", None, data, ()))

    def loses(self, code: int = 1006) -> None:
        self.connection.loss = Loss(CloseInfo(code, "", "network"))
        self.sink.end()

    def closes(self) -> None:
        self.connection.is_closed = True
        self.sink.end()

    def heard(self) -> list[tuple[str, int]]:
        """Leave; each item that is cut, and at how many milliseconds."""
        return [(cut.item_id, cut.audio_end_ms) for cut in self.sink.leave()]


def response(
    status: Literal["completed", "cancelled", "failed", "incomplete", "in_progress"],
    *,
    audio: ResponseAudio | None = None,
    status_details: StatusDetails | None = None,
    usage: ResponseUsage | None = None,
) -> Response:
    return Response(
        id="resp_1",
        status=status,
        status_details=status_details,
        output=[],
        audio=audio,
        usage=usage,
    )

"""`conn.response`: asking for responses, and cancelling them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

from trio_realtime._connection import Caller
from trio_realtime._resources._cancelling import cancelled
from trio_realtime._resources._frame import (
    UNSET,
    JsonObject,
    Unset,
    frame_from_fields,
    given,
    not_both,
    readable_part,
    with_extra_fields,
)
from trio_realtime.events import ResponseCreate, ResponseDone
from trio_realtime.types import Response, ResponseConfig

if TYPE_CHECKING:
    from trio_realtime.types import (
        ConversationChoice,
        InputItem,
        Modality,
        Prompt,
        Reasoning,
        ResponseAudio,
        Tool,
        ToolChoice,
        Unlimited,
    )
    from trio_realtime.types._base import ClientModel


@final
class ResponseResource:
    """The responses of a connection."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    async def create(
        self,
        response: ResponseConfig | JsonObject | None = None,
        *,
        audio: ResponseAudio | JsonObject | Unset | None = UNSET,
        conversation: ConversationChoice | str | Unset | None = UNSET,
        input: Sequence[InputItem | JsonObject] | Unset | None = UNSET,  # noqa: A002 - the wire's
        instructions: str | Unset | None = UNSET,
        max_output_tokens: int | Unlimited | str | Unset | None = UNSET,
        metadata: Mapping[str, str] | Unset | None = UNSET,
        output_modalities: Sequence[Modality | str] | Unset | None = UNSET,
        parallel_tool_calls: bool | Unset | None = UNSET,
        prompt: Prompt | JsonObject | Unset | None = UNSET,
        reasoning: Reasoning | JsonObject | Unset | None = UNSET,
        tool_choice: ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[Tool | JsonObject] | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str:
        """Ask the model to answer, and do not wait for it: its events come in the stream.

        For a handle of its own, in its turn and no longer than a block, use `conn.respond()`.

        ::

            await conn.response.create()
            await conn.response.create(conversation="none", instructions="Sum up so far.")

        Everything given holds for this response only. While a response is under way in the default
        conversation the server refuses another; that refusal arrives as an `Error` event that
        names the id returned here. To wait for `response.created`, use `conn.request`. With turn
        detection the server creates responses by itself.

        This returns when the frame is written. If it is cancelled before the writer has taken the
        frame, nothing was sent; later, the frame still goes out.

        Args:
            response: What the response is to be, as a model or as a mapping that goes out as it is.
            audio: Format and voice.
            conversation: `"none"` makes it beside the conversation; any number of those may run.
            input: Items in place of the conversation as context. An empty list is no context.
            instructions: In place of the session's.
            max_output_tokens: 1 to 4096, or `"inf"`.
            metadata: Up to 16 pairs of text that the response carries.
            output_modalities: `["audio"]` or `["text"]`.
            parallel_tool_calls: Whether it may call several tools.
            prompt: A prompt stored at the server.
            reasoning: How much a reasoning model thinks.
            tool_choice: Whether, and which, tools are called.
            tools: In place of the session's.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know: `{"response": {"new_setting": 1}}`.

        Returns:
            The id of the frame.

        Raises:
            ConnectionClosedError: if the connection is lost before the frame is out.
        """
        fields = given(
            audio=audio,
            conversation=conversation,
            input=input,
            instructions=instructions,
            max_output_tokens=max_output_tokens,
            metadata=metadata,
            output_modalities=output_modalities,
            parallel_tool_calls=parallel_tool_calls,
            prompt=prompt,
            reasoning=reasoning,
            tool_choice=tool_choice,
            tools=tools,
        )
        not_both("response", response, fields)
        event: ClientModel | JsonObject
        if isinstance(response, Mapping):
            event = frame_from_fields("response.create", event_id, response=dict(response))
        elif response is not None:
            event = ResponseCreate(event_id=event_id, response=response)
        else:
            event = response_create_event(fields, event_id)
        return await self._caller.send(with_extra_fields(event, extra_fields))

    async def cancel(
        self, response_id: str | None = None, *, event_id: str | None = None
    ) -> ResponseDone | None:
        """Stop a response, and wait until it is done.

        ::

            done = await conn.response.cancel(response_id)

        Name the response: voice detection may have ended it already and begun another, and the
        server ends whichever is active when the id is left out. Events of the response go on
        arriving until it is done. What it had said before stays in the conversation; see
        `conn.conversation.item.truncate`.

        If this is cancelled before the writer has taken the frame, nothing was sent; later, the
        response is still cancelled, and the answer is swallowed.

        Args:
            response_id: The response; by default the active one of the default conversation.
            event_id: The frame's id, chosen by you.

        Returns:
            Its `response.done`: with the status `cancelled`, or how it ended if that was sooner.
            None when there was nothing to cancel.

        Raises:
            ServerError: if the server refuses for any other reason.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        answer = await cancelled(self._caller, response_id, event_id)
        if answer is None or isinstance(answer, ResponseDone):
            return answer
        response = Response.model_validate_json(readable_part(answer, "response"))
        return ResponseDone(event_id=answer.event_id, response=response)


def response_create_event(
    fields: Mapping[str, object], event_id: str | None = None
) -> ResponseCreate:
    """Make what asks for a response, of the fields of its configuration."""
    if not fields:
        return ResponseCreate(event_id=event_id)
    return ResponseCreate(event_id=event_id, response=ResponseConfig.model_validate(fields))

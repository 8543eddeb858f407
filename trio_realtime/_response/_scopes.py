"""`conn.respond()` and `conn.incoming()`: the blocks that responses live in.

This module declares the calls. How a response is asked for is in `_asking`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Literal, get_args

import trio

from trio_realtime._connection import Shell, block
from trio_realtime._connection._dialects import ClientEventT, EventT, ResponseT
from trio_realtime._resources._frame import UNSET, JsonObject, Unset, given
from trio_realtime._resources._response import response_create_event
from trio_realtime._response._asking import Asking, WhenBusy
from trio_realtime._response._incoming import IncomingReplies
from trio_realtime._response._question import CreateEvent, Input, Question
from trio_realtime._response._reply import Reply

if TYPE_CHECKING:
    from trio_realtime.types import (
        InputItem,
        Modality,
        Prompt,
        Reasoning,
        ResponseAudio,
        Tool,
        ToolChoice,
        Unlimited,
    )


class Scopes(Shell[EventT, ClientEventT], Generic[EventT, ClientEventT, ResponseT]):
    """A connection on which responses have handles; how one asks is up to the dialect."""

    @block
    async def incoming(self) -> AsyncGenerator[IncomingReplies[EventT, ResponseT]]:
        """Take the responses that others start: voice detection, or another client of the session.

        ::

            async with conn.incoming() as replies:
                async for reply in replies:
                    with trio.CancelScope() as playing:
                        async for chunk in reply.audio():
                            await speaker.play(chunk)

        When the user begins to speak the server stops; what has arrived is still played, for audio
        comes faster than that. So another task has to read `conn` and call `playing.cancel()` at
        `input_audio_buffer.speech_started`. The whole loop is in `docs/responses.md`.

        While the block is open, the events of every response that begins without a request of this
        connection go to its handle, and not to the connection's stream. Going on to the next handle
        ends the one before as leaving `respond()` does; leaving the block ends all of them, also
        those that were not taken yet. Only one such block may be open at a time.

        On a server that does not echo metadata, whose response it is can be a guess; see
        `docs/responses.md`.

        Yields:
            The handles, in the order in which the responses begin.

        Raises:
            trio.BusyResourceError: if such a block is open already.
            ConnectionClosedError: if the connection is lost or closed.
        """
        link = self._link
        await trio.lowlevel.checkpoint()
        link.check_open()
        if link.replies.incoming is not None:
            raise trio.BusyResourceError(
                "incoming() is open already: a response that others start has one handle"
            )
        replies: IncomingReplies[EventT, ResponseT] = IncomingReplies(link)
        link.replies.incoming = replies
        try:
            yield replies
        finally:
            link.replies.incoming = None
            replies.close()

    def _ask(
        self,
        asked: Input,
        conversation: str,
        fields: dict[str, object],
        extra_fields: JsonObject | None,
        *,
        when_busy: WhenBusy,
        create_event: CreateEvent,
    ) -> Asking:
        """Prepare one `respond()`. Nothing is sent yet.

        Raises:
            ValueError: for arguments that make no sense, or do not validate.
        """
        if conversation not in ("auto", "none"):
            raise ValueError(f'conversation must be "auto" or "none", not {conversation!r}')
        if when_busy not in get_args(WhenBusy):
            raise ValueError(f'when_busy must be "wait", "cancel" or "raise", not {when_busy!r}')
        if conversation == "none":
            fields["conversation"] = conversation
        question = Question(self._calls, asked, fields, extra_fields, create_event)
        return Asking(self._link, self._calls, question, when_busy)


class Responding(Scopes):
    """A connection on which a response is a scope."""

    @block
    async def respond(
        self,
        input: str | Sequence[InputItem | JsonObject] | None = None,  # noqa: A002 - the wire's
        /,
        *,
        conversation: Literal["auto", "none"] = "auto",
        audio: ResponseAudio | JsonObject | Unset | None = UNSET,
        instructions: str | Unset | None = UNSET,
        max_output_tokens: int | Unlimited | str | Unset | None = UNSET,
        metadata: Mapping[str, str] | Unset | None = UNSET,
        output_modalities: Sequence[Modality | str] | Unset | None = UNSET,
        parallel_tool_calls: bool | Unset | None = UNSET,
        prompt: Prompt | JsonObject | Unset | None = UNSET,
        reasoning: Reasoning | JsonObject | Unset | None = UNSET,
        tool_choice: ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[Tool | JsonObject] | Unset | None = UNSET,
        when_busy: WhenBusy = "wait",
        extra_fields: JsonObject | None = None,
    ) -> AsyncGenerator[Reply]:
        """Have the model answer, for the length of a block.

        ::

            with trio.move_on_after(10):
                async with conn.respond("Tell me a story") as reply:
                    async for piece in reply.text():
                        print(piece, end="")

        Entering waits for its turn, sends the input and the request as one group, and waits until
        the response has begun. In the default conversation one response runs at a time; those that
        ask here meanwhile wait in the order in which they came, also while the server answers a
        turn that voice detection heard. If the server says that it is busy all the same, the
        request is made again when that response is over, up to three times; the items are not.

        Leaving the block of a response that is not done ends it, however the block is left: audio
        of which something was received is cut off where the listener was (`Reply.heard`), the
        response is cancelled, what still arrives of it is swallowed. That is handed over at once
        and waited for by nobody; the next response in the default conversation begins when this one
        is done, or after `Options.cancel_timeout`. While voice detection is interrupting the
        response by itself, no cancel is sent unless it fails to within a second. A response that is
        done is left alone, but for audio of which somebody listened to a part.

        When the user begins to speak and the server cancels the active response for it, requests
        that still wait give way: the user's turn will be answered with what they bring. Their items
        are sent, and the block is entered with a reply that is over already: `status` is
        `cancelled`, `response.status_details.reason` is `turn_detected`, there are no events. Where
        voice detection creates no responses (`create_response` is false) they go ahead.

        With `conversation="none"` the response is out of band: it runs beside the conversation,
        leaves nothing in it, waits for nobody, and any number of them may run at a time. There,
        `input` *replaces* the conversation as context. To let the response see the conversation,
        leave `input` out and put the question into `instructions`, or mix `ItemReference`s to what
        is there with new items.

        If entering is cancelled while it waits for its turn, nothing was sent. Later, the response
        is cancelled as soon as it is known.

        Args:
            input: What to answer: a user's text, or items. In the default conversation they are
                created first. None is what is there already.
            conversation: `"auto"` is the default conversation, `"none"` beside it.
            audio: Format and voice, for this response only.
            instructions: In place of the session's.
            max_output_tokens: 1 to 4096, or `"inf"`.
            metadata: Up to 15 pairs of text that the response carries. The sixteenth that the
                server takes is ours: responses are known by it.
            output_modalities: `["audio"]` or `["text"]`.
            parallel_tool_calls: Whether it may call several tools.
            prompt: A prompt stored at the server.
            reasoning: How much a reasoning model thinks.
            tool_choice: Whether, and which, tools are called.
            tools: In place of the session's.
            when_busy: What to do when another response is under way in the default conversation:
                `"wait"` for it, `"cancel"` it and wait for its end, or `"raise"`.
            extra_fields: Merged into the `response.create` last, object by object, for what this
                release does not know: `{"response": {"new_setting": 1}}`.

        Yields:
            The handle. Events of this response go to it, and not to the connection's stream.

        Raises:
            ServerError: from entering, if the server refuses the request or one of its items. A
                response that has begun all the same is cancelled.
            trio.WouldBlock: from entering with `when_busy="raise"`, if another response is under
                way.
            ConnectionClosedError: from entering, if the connection is lost or closed before.
            ValueError: for metadata of more than 15 pairs, or arguments that do not validate.
        """
        fields = given(
            audio=audio,
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
        asking = self._ask(
            input,
            conversation,
            fields,
            extra_fields,
            when_busy=when_busy,
            create_event=response_create_event,
        )
        try:
            yield await asking.enter()
        finally:
            asking.leave()

"""`conn.respond()` in the beta dialect; see `_scopes` for what it does.

Loaded with the first connection of that dialect.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Literal, cast

from trio_realtime import beta
from trio_realtime._connection import block
from trio_realtime._resources._beta import beta_response_create_event
from trio_realtime._resources._frame import UNSET, JsonObject, Unset, given
from trio_realtime._response._asking import WhenBusy
from trio_realtime._response._reply import Reply
from trio_realtime._response._scopes import Scopes


class BetaResponding(Scopes[beta.ServerEvent, beta.ClientEvent, beta.Response]):
    """A connection in the beta dialect on which a response is a scope."""

    @block
    async def respond(
        self,
        input: str | Sequence[beta.InputItem | JsonObject] | None = None,  # noqa: A002 - the wire's
        /,
        *,
        conversation: Literal["auto", "none"] = "auto",
        instructions: str | Unset | None = UNSET,
        max_output_tokens: int | beta.Unlimited | str | Unset | None = UNSET,
        max_response_output_tokens: int | beta.Unlimited | str | Unset | None = UNSET,
        metadata: Mapping[str, str] | Unset | None = UNSET,
        modalities: Sequence[beta.Modality | str] | Unset | None = UNSET,
        output_audio_format: beta.AudioFormat | str | Unset | None = UNSET,
        prompt: beta.Prompt | JsonObject | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        tool_choice: beta.ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[beta.Tool | JsonObject] | Unset | None = UNSET,
        voice: beta.Voice | JsonObject | Unset | None = UNSET,
        when_busy: WhenBusy = "wait",
        extra_fields: JsonObject | None = None,
    ) -> AsyncGenerator[Reply[beta.ServerEvent, beta.Response]]:
        """Have the model answer, for the length of a block; see `RealtimeConnection.respond`.

        ::

            async with conn.respond("Tell me a story", modalities=["text"]) as reply:
                async for piece in reply.text():
                    print(piece, end="")

        All that is said there holds here. If entering is cancelled while it waits for its turn,
        nothing was sent. Later, the response is cancelled as soon as it is known.

        Args:
            input: What to answer: a user's text, or items. None is what is there already.
            conversation: `"auto"` is the default conversation, `"none"` beside it.
            instructions: In place of the session's.
            max_output_tokens: 1 to 4096, or `"inf"`.
            max_response_output_tokens: The older name of the same.
            metadata: Up to 15 pairs of text that the response carries.
            modalities: `["text", "audio"]` or `["text"]`.
            output_audio_format: `"pcm16"`, `"g711_ulaw"` or `"g711_alaw"`.
            prompt: A prompt stored at the server.
            temperature: 0.6 to 1.2.
            tool_choice: Whether, and which, tools are called.
            tools: In place of the session's.
            voice: In place of the session's.
            when_busy: What to do when another response is under way in the default conversation:
                `"wait"` for it, `"cancel"` it and wait for its end, or `"raise"`.
            extra_fields: Merged into the `response.create` last, object by object.

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
            instructions=instructions,
            max_output_tokens=max_output_tokens,
            max_response_output_tokens=max_response_output_tokens,
            metadata=metadata,
            modalities=modalities,
            output_audio_format=output_audio_format,
            prompt=prompt,
            temperature=temperature,
            tool_choice=tool_choice,
            tools=tools,
            voice=voice,
        )
        asking = self._ask(
            input,
            conversation,
            fields,
            extra_fields,
            when_busy=when_busy,
            create_event=beta_response_create_event,
        )
        try:
            yield cast("Reply[beta.ServerEvent, beta.Response]", await asking.enter())
        finally:
            asking.leave()

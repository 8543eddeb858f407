"""`conn.conversation`: its items, created, deleted, retrieved and truncated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, final, overload

from pydantic import JsonValue

from trio_realtime._connection import Caller
from trio_realtime._core._outgoing import text_at
from trio_realtime._resources._frame import (
    UNSET,
    JsonObject,
    Unset,
    given,
    not_both,
    readable_part,
    with_extra_fields,
)
from trio_realtime._resources._item_create import item_create_event
from trio_realtime.events import (
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
)
from trio_realtime.types import UnknownItem

if TYPE_CHECKING:
    from trio_realtime.types import AssistantContent, Item, SystemContent, UserContent

_FORMS: Final = (
    "give item=, or role= with text= or content=, or call_id= with output=, or call_id= with name= "
    "and arguments=, or approval_request_id= with approve= and perhaps reason="
)


@final
class ConversationItemResource:
    """The items of the conversation."""

    def __init__(self, caller: Caller, *, says: str) -> None:
        self._caller: Caller = caller
        self._says: str = says
        """What the dialect calls a part with text of the assistant."""

    @overload
    async def create(
        self,
        item: Item | JsonObject,
        *,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        role: Literal["system", "user", "assistant"],
        text: str,
        id: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        role: Literal["system", "user", "assistant"],
        content: Sequence[SystemContent | UserContent | AssistantContent | JsonObject],
        id: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        call_id: str,
        output: str,
        id: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        call_id: str,
        name: str,
        arguments: str,
        id: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        approval_request_id: str,
        approve: bool,
        reason: str | Unset | None = UNSET,
        id: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str: ...
    async def create(
        self,
        item: Item | JsonObject | None = None,
        *,
        approval_request_id: str | Unset = UNSET,
        approve: bool | Unset = UNSET,
        arguments: str | Unset = UNSET,
        call_id: str | Unset = UNSET,
        content: Sequence[SystemContent | UserContent | AssistantContent | JsonObject]
        | Unset = UNSET,
        id: str | Unset = UNSET,  # noqa: A002 - the wire's name
        name: str | Unset = UNSET,
        output: str | Unset = UNSET,
        reason: str | Unset | None = UNSET,
        role: Literal["system", "user", "assistant"] | Unset = UNSET,
        text: str | Unset = UNSET,
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str:
        """Add an item to the conversation, and do not wait for the server to confirm it.

        ::

            await conn.conversation.item.create(role="user", text="What is the time in Oslo?")
            await conn.conversation.item.create(call_id=call.call_id, output='{"time": "12:30"}')
            await conn.conversation.item.create(as_input(item), previous_item_id="root")

        While a response is under way the server confirms a new item only after it: waiting for that
        here would deadlock a tool loop. A refusal arrives in the stream and, unless the connection
        was opened with `errors="yield"`, is raised there. To wait all the same, use `conn.request`.
        An item starts no response.

        This returns when the frame is written. If it is cancelled before the writer has taken the
        frame, nothing was sent; later, the frame still goes out.

        Args:
            item: The item, as a model or as a mapping that goes out as it is but for its `id`.
            approval_request_id: With `approve`: the MCP request that is answered.
            approve: Whether the MCP call may be made.
            arguments: With `call_id` and `name`: the JSON arguments of a function call to restore.
            call_id: The function call.
            content: With `role`: the parts of a message.
            id: The id of the item, chosen by you; at most 32 characters.
            name: With `call_id` and `arguments`: the function that was called.
            output: With `call_id`: what the function returned, as text.
            reason: Why an MCP call may not be made.
            role: Whose message it is.
            text: With `role`: the whole of the message.
            previous_item_id: The item to put it after; `"root"` is the beginning. By default it
                goes to the end.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know: `{"item": {"new_setting": 1}}`.

        Returns:
            The id of the item. It is chosen here where it has none, so that it can be named at
            once. A compatible server may put another in its place.

        Raises:
            ValueError: if an id is longer than the 32 characters that the server accepts.
            ConnectionClosedError: if the connection is lost before the frame is out.
        """
        fields = given(
            approval_request_id=approval_request_id,
            approve=approve,
            arguments=arguments,
            call_id=call_id,
            content=content,
            id=id,
            name=name,
            output=output,
            reason=reason,
            role=role,
            text=text,
        )
        not_both("item", item, fields)
        whole = _item_from_fields(fields, self._says) if item is None else item
        place = {} if previous_item_id is UNSET else {"previous_item_id": previous_item_id}
        event, item_id = item_create_event(
            whole, self._caller.new_id, as_it_is=item is whole, event_id=event_id, place=place
        )
        await self._caller.send(with_extra_fields(event, extra_fields))
        return item_id

    async def delete(self, item_id: str, *, event_id: str | None = None) -> None:
        """Remove an item from the conversation, and wait for the server to confirm it.

        If this is cancelled before the writer has taken the frame, nothing was sent; later, the
        item is still removed.

        Args:
            item_id: The item.
            event_id: The frame's id, chosen by you.

        Raises:
            ServerError: if the server refuses, most often because there is no such item.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        await self._caller.request(ConversationItemDelete(event_id=event_id, item_id=item_id))

    async def retrieve(self, item_id: str, *, event_id: str | None = None) -> Item:
        """Ask for an item as the server holds it, with its audio, and wait for it.

        Audio makes it large: a minute of speech is some 4 MB on the wire. If this is cancelled,
        nothing changes.

        Args:
            item_id: The item.
            event_id: The frame's id, chosen by you.

        Returns:
            The item; an `UnknownItem` if this release cannot read it.

        Raises:
            ServerError: if the server refuses, most often because there is no such item.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        answer = await self._caller.request(
            ConversationItemRetrieve(event_id=event_id, item_id=item_id)
        )
        if isinstance(answer, ConversationItemRetrieved):
            return answer.item
        data: JsonValue = json.loads(readable_part(answer, "item"))
        return UnknownItem(text_at(data, "type"), data)

    async def truncate(
        self,
        item_id: str,
        *,
        audio_end_ms: int,
        content_index: int = 0,
        event_id: str | None = None,
    ) -> None:
        """Forget what the user did not hear of an assistant's audio, and wait for confirmation.

        ::

            await conn.conversation.item.truncate(item_id, audio_end_ms=player.heard_ms)

        The server makes audio faster than it is played, so after an interruption it believes that
        more was said than was heard. The item's transcript goes with the audio.

        If this is cancelled before the writer has taken the frame, nothing was sent; later, the
        item is still truncated.

        Args:
            item_id: A message of the assistant.
            audio_end_ms: How much was heard; not more than the audio has.
            content_index: Which of the item's parts; 0 is right for all that the API makes.
            event_id: The frame's id, chosen by you.

        Raises:
            ServerError: if the server refuses, most often because the audio is shorter.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        await self._caller.request(
            ConversationItemTruncate(
                event_id=event_id,
                item_id=item_id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        )


@final
class ConversationResource:
    """The conversation of a connection."""

    item: ConversationItemResource
    """Creating, deleting, retrieving and truncating its items."""

    def __init__(self, caller: Caller, *, says: str = "output_text") -> None:
        self.item = ConversationItemResource(caller, says=says)
        self._caller: Caller = caller

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of the conversation, in the server's order, as a copy that is kept here.

        ::

            async with open_realtime("gpt-realtime-2.1", mirror=True) as conn:
                ...
                history = [as_input(item) for item in conn.conversation.items]

        Each call returns the items as they are now: a new tuple, which does not change. It tells
        what has arrived, which may be ahead of what you have read, and stays after the block. An
        item of a response is empty until it is done; speech has its transcript once that is here;
        what was truncated has lost it. Items without an id are not in it. On a sideband there is
        what was added since you joined.

        It is as large as the server's conversation, but for the audio, which is not kept: some
        kilobytes an item, and images as they were sent. An item goes when the server deletes it. So
        in a session without an end, delete what is not needed any more.

        Raises:
            RuntimeError: if the connection was opened without `mirror=True`.
        """
        mirror = self._caller.mirror
        if mirror is None:
            raise RuntimeError(
                "no copy of the conversation is kept: open the connection with mirror=True"
            )
        return mirror.items


def _item_from_fields(fields: Mapping[str, object], says: str) -> dict[str, object]:
    """The item that the keywords describe, in the shape of the wire.

    Raises:
        TypeError: if they describe none.
    """
    match sorted(fields.keys() - {"id"}):
        case ["role", "text"]:
            part = says if fields["role"] == "assistant" else "input_text"
            item: dict[str, object] = {
                "type": "message",
                "role": fields["role"],
                "content": [{"type": part, "text": fields["text"]}],
            }
            return {**item, "id": fields["id"]} if "id" in fields else item
        case ["content", "role"]:
            return {"type": "message", **fields}
        case ["call_id", "output"]:
            return {"type": "function_call_output", **fields}
        case ["arguments", "call_id", "name"]:
            return {"type": "function_call", **fields}
        case ["approval_request_id", "approve"] | ["approval_request_id", "approve", "reason"]:
            return {"type": "mcp_approval_response", **fields}
        case _:
            raise TypeError(_FORMS)

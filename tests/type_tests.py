"""What type checkers see. Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_never, assert_type

from trio_realtime import IncomingReplies, RealtimeConnection, Reply, UsageTotals
from trio_realtime.events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    Error,
    InputAudioBufferAppend,
    InvalidEvent,
    ResponseContentPartDone,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionCreated,
    SessionUpdate,
    UnknownEvent,
    decode_client,
    decode_server,
    encode,
)
from trio_realtime.types import (
    AssistantContent,
    AssistantMessage,
    AudioConfig,
    AudioInputConfig,
    AudioPart,
    ErrorDetails,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputText,
    Item,
    ItemReference,
    ItemStatus,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    McpTool,
    OutputAudio,
    OutputText,
    PcmFormat,
    Problem,
    RealtimeSessionConfig,
    Response,
    ResponseConfig,
    ResponseStatus,
    SemanticVad,
    ServerVad,
    Session,
    SystemMessage,
    TextPart,
    Tool,
    TurnDetection,
    UnknownContentPart,
    UnknownItem,
    UnknownTool,
    UnknownTurnDetection,
    Unrecognised,
    UserMessage,
    as_input,
)


def decoding(text: str, raw: bytes) -> None:
    assert_type(decode_server(text), ServerEvent)
    assert_type(decode_server(raw, "ga"), ServerEvent)
    assert_type(decode_client(text), ClientEvent | UnknownEvent | InvalidEvent)


def matching_on_the_class(event: ServerEvent) -> None:
    match event:
        case ResponseOutputTextDelta(delta=delta):
            assert_type(delta, str)
        case ResponseOutputAudioDelta(delta=audio):
            assert_type(audio, bytes)
        case ResponseDone(response=response):
            assert_type(response, Response)
        case SessionCreated(session=session):
            assert_type(session, Session)
        case Error(error=error):
            assert_type(error, ErrorDetails)
        case UnknownEvent(wire_type=wire_type):
            assert_type(wire_type, str)
        case InvalidEvent(wire_type=maybe, problems=problems):
            assert_type(maybe, str | None)
            assert_type(problems, tuple[Problem, ...])
        case _:
            assert_type(event.event_id, str | None)


def comparing_the_type(event: ServerEvent) -> None:
    if event.type == "response.done":
        assert_type(event, ResponseDone)
    elif event.type == "conversation.item.added":
        assert_type(event, ConversationItemAdded)
    elif event.type == "<unknown>":
        assert_type(event, UnknownEvent)
    elif event.type == "<invalid>":
        assert_type(event, InvalidEvent)


def a_match_over_items_is_exhaustive(item: Item) -> str:
    match item:
        case SystemMessage() | UserMessage() | AssistantMessage():
            return item.role
        case FunctionCall(name=name):
            return name
        case FunctionCallOutput(output=output):
            return output
        case McpListTools() | McpCall() | McpApprovalRequest():
            return item.server_label
        case McpApprovalResponse():
            return item.approval_request_id
        case UnknownItem():
            return item.wire_type or ""
        case _:
            assert_never(item)


def a_match_over_parts_is_exhaustive(part: AssistantContent) -> str | None:
    match part:
        case OutputText() | TextPart():
            return part.text
        case OutputAudio() | AudioPart():
            assert_type(part.audio, bytes | None)
            return part.transcript
        case UnknownContentPart():
            return None
        case _:
            assert_never(part)


def the_tag_tells_parts_apart(event: ResponseContentPartDone) -> None:
    if event.part.type == "audio":
        assert_type(event.part, AudioPart)
    elif event.part.type == "text":
        assert_type(event.part, TextPart)
    else:
        assert_type(event.part, UnknownContentPart)


def literals_stay_literals_beside_the_unrecognised(response: Response) -> str:
    assert_type(response.status, ResponseStatus | Unrecognised | None)
    match response.status:
        case "completed" | "cancelled" | "failed" | "incomplete" | "in_progress":
            return "known"
        case Unrecognised():
            return "new"
        case None:
            return "not told"
        case _:
            assert_never(response.status)


def the_status_of_an_item(item: UserMessage) -> None:
    assert_type(item.status, ItemStatus | Unrecognised | None)


def turn_detection_is_exhaustive(detection: TurnDetection) -> str:
    match detection:
        case ServerVad() | SemanticVad():
            return detection.type
        case UnknownTurnDetection():
            return detection.type
        case _:
            assert_never(detection)


def tools_are_exhaustive(tool: Tool) -> str | None:
    match tool:
        case FunctionTool():
            return tool.name
        case McpTool():
            return tool.server_label
        case UnknownTool():
            return tool.wire_type
        case _:
            assert_never(tool)


def building(audio: bytes, tools: list[FunctionTool]) -> None:
    assert_type(encode(InputAudioBufferAppend(audio=audio)), str)
    InputAudioBufferAppend(audio=audio, event_id="event_1")
    config = RealtimeSessionConfig(
        model="any-name",
        output_modalities=["text"],
        audio=AudioConfig(
            input=AudioInputConfig(format=PcmFormat(rate=24000), turn_detection=None)
        ),
        tools=tools,
        tool_choice="auto",
        max_output_tokens="inf",
    )
    SessionUpdate(session=config)
    item = UserMessage(content=[InputText(text="Ahoy.")])
    ConversationItemCreate(item=item)
    ResponseCreate(response=ResponseConfig(input=[item, ItemReference(id="item_1")]))
    encode({"type": "lamp.light", "lit": True}, extra_fields={"colour": None})
    InputAudioBufferAppend(audio="AAAA")  # type: ignore[arg-type]
    RealtimeSessionConfig(instruction="x")  # type: ignore[call-arg]


def making_items_sendable(item: Item, message: AssistantMessage) -> None:
    assert_type(as_input(message), AssistantMessage)
    ConversationItemCreate(item=as_input(item))


async def a_response_is_a_scope(conn: RealtimeConnection, tools: list[FunctionTool]) -> None:
    async with conn.respond("Ahoy.", tools=tools, metadata={"crew": "7"}) as reply:
        assert_type(reply, Reply)
        async for event in reply:
            assert_type(event, ServerEvent)
        async for piece in reply.text():
            assert_type(piece, str)
        async for chunk in reply.audio():
            assert_type(chunk, bytes)
        assert_type(await reply.result(), Response)
        assert_type(reply.items, tuple[Item, ...])
        assert_type(reply.id, str | None)
        assert_type(reply.status, ResponseStatus | Unrecognised)
    async with conn.respond([UserMessage(content=[]), ItemReference(id="item_1")]):
        pass
    async with conn.respond(conversation="none", when_busy="cancel"):
        pass
    async with conn.respond(when_busy="hurry"):  # type: ignore[arg-type]
        pass
    async with conn.respond("Ahoy.", instruction="x"):  # type: ignore[call-arg]
        pass


async def others_start_responses_too(conn: RealtimeConnection) -> None:
    async with conn.incoming() as replies:
        assert_type(replies, IncomingReplies)
        async for reply in replies:
            assert_type(reply, Reply)
        assert_type(await replies.receive(), Reply)


def what_a_connection_keeps(conn: RealtimeConnection) -> None:
    assert_type(conn.usage, UsageTotals)
    assert_type(conn.usage.transcription_seconds, float)
    assert_type(conn.conversation.items, tuple[Item, ...])

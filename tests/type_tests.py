"""What type checkers see. Checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import Literal, assert_never, assert_type

from trio_realtime import (
    BetaConnection,
    EventStream,
    IncomingReplies,
    RealtimeConnection,
    Reply,
    Transcript,
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
    TranscriptionConnection,
    TranscriptSegment,
    TranslationConnection,
    UsageTotals,
    beta,
    open_realtime,
    open_transcription,
    open_translation,
    translation,
)
from trio_realtime.events import (
    ClientEvent,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemCreated,
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


def decoding_the_beta_dialect(text: str) -> None:
    assert_type(decode_server(text, "beta"), beta.ServerEvent)
    assert_type(decode_client(text, "beta"), beta.ClientEvent | UnknownEvent | InvalidEvent)


def matching_on_the_class_of_the_beta_dialect(event: beta.ServerEvent) -> None:
    match event:
        case beta.ResponseTextDelta(delta=delta):
            assert_type(delta, str)
        case beta.ResponseAudioDelta(delta=audio):
            assert_type(audio, bytes)
        case beta.ResponseDone(response=response):
            assert_type(response, beta.Response)
            assert_type(response.output_audio_format, beta.AudioFormat | Unrecognised | None)
        case beta.SessionCreated(session=session):
            assert_type(session, beta.Session)
            assert_type(session.client_secret, beta.ClientSecret | None)
        case beta.TranscriptionSessionUpdated(session=transcription):
            assert_type(transcription, beta.TranscriptionSession)
        case Error(error=error):
            assert_type(error, ErrorDetails)
        case beta.UnknownEvent(wire_type=wire_type):
            assert_type(wire_type, str)
        case _:
            assert_type(event.event_id, str | None)


def comparing_the_type_in_the_beta_dialect(event: beta.ServerEvent) -> None:
    if event.type == "response.done":
        assert_type(event, beta.ResponseDone)
    elif event.type == "conversation.item.created":
        assert_type(event, ConversationItemCreated)
    elif event.type == "<invalid>":
        assert_type(event, InvalidEvent)


def turn_detection_of_the_beta_dialect_is_exhaustive(detection: beta.TurnDetection) -> str:
    match detection:
        case beta.ServerVad() | beta.SemanticVad():
            return detection.type
        case beta.UnknownTurnDetection():
            return detection.type
        case _:
            assert_never(detection)


def a_voice_of_the_beta_dialect_is_exhaustive(voice: beta.Voice) -> str:
    match voice:
        case str():
            return voice
        case beta.CustomVoice():
            return voice.id
        case beta.NamedVoice():
            return voice.name
        case beta.UnknownVoice():
            return ""
        case _:
            assert_never(voice)


def building_in_the_beta_dialect(message: AssistantMessage) -> None:
    config = beta.SessionConfig(
        modalities=["text"],
        voice=beta.NamedVoice(name="sage"),
        input_audio_format="pcm16",
        turn_detection=None,
        tools=[FunctionTool(name="tide")],
        max_response_output_tokens="inf",
    )
    assert_type(encode(beta.SessionUpdate(session=config)), str)
    beta.ResponseCreate(response=beta.ResponseConfig(input=[message], temperature=0.7))
    assert_type(beta.as_input(message), AssistantMessage)
    beta.SessionConfig(output_modalities=["text"])  # type: ignore[call-arg]
    beta.SessionConfig(turn_detection=ServerVad())  # type: ignore[arg-type]
    beta.SessionUpdate(session=RealtimeSessionConfig())  # type: ignore[arg-type]


async def a_bare_name_means_ga(
    conn: RealtimeConnection, stream: EventStream, reply: Reply, event: beta.SessionUpdate
) -> None:
    assert_type(stream, EventStream[ServerEvent])
    assert_type(reply, Reply[ServerEvent, Response])
    assert_type(await conn.receive(), ServerEvent)
    assert_type(await conn.request(ResponseCreate()), ServerEvent)
    async for each in conn:
        assert_type(each, ServerEvent)
    with conn.tap() as events:
        assert_type(events, EventStream)
    await conn.send(event)  # type: ignore[arg-type]


async def the_dialect_tells_the_connection(dialect: Literal["ga", "beta"]) -> None:
    async with open_realtime("m") as conn:
        assert_type(conn, RealtimeConnection)
    async with open_realtime("m", dialect="ga", session=RealtimeSessionConfig()) as conn:
        assert_type(conn, RealtimeConnection)
    async with open_realtime("m", dialect="beta", session=beta.SessionConfig()) as old:
        assert_type(old, BetaConnection)
    config = beta.TranscriptionSessionConfig()
    async with open_realtime(dialect="beta", intent="transcription", session=config) as heard:
        assert_type(heard, BetaConnection)
    async with open_realtime("m", dialect=dialect) as either:
        assert_type(either, RealtimeConnection | BetaConnection)
    async with open_realtime("m", dialect="beta", options=3):  # type: ignore[call-overload]
        pass
    async with open_realtime("m", session=beta.SessionConfig()):  # type: ignore[call-overload]
        pass


async def a_connection_of_the_beta_dialect(conn: BetaConnection, event: ResponseCreate) -> None:
    assert_type(await conn.receive(), beta.ServerEvent)
    assert_type(conn.session.current, beta.Session | None)
    assert_type(await conn.session.update(voice="sage"), beta.Session)
    assert_type(await conn.transcription_session.update({}), beta.TranscriptionSession)
    assert_type(await conn.response.cancel(), beta.ResponseDone | None)
    async for each in conn:
        match each:
            case beta.ResponseTextDelta(delta=delta):
                assert_type(delta, str)
            case beta.ResponseAudioDelta(delta=audio):
                assert_type(audio, bytes)
            case _:
                assert_type(each.event_id, str | None)
    with conn.tap() as events:
        assert_type(events, EventStream[beta.ServerEvent])
    async with conn.respond("Ahoy.", modalities=["text"]) as reply:
        assert_type(reply, Reply[beta.ServerEvent, beta.Response])
        assert_type(await reply.result(), beta.Response)
        async for each in reply:
            assert_type(each, beta.ServerEvent)
    async with conn.incoming() as replies:
        assert_type(await replies.receive(), Reply[beta.ServerEvent, beta.Response])
    await conn.send(event)  # type: ignore[arg-type]
    async with conn.respond(output_modalities=["text"]):  # type: ignore[call-arg]
        pass


async def a_translation() -> None:
    async with open_translation("gpt-realtime-translate", "es", errors="yield") as conn:
        assert_type(conn, TranslationConnection)
        assert_type(await conn.receive(), translation.ServerEvent)
        async for event in conn:
            match event:
                case translation.SessionOutputAudioDelta(delta=pcm):
                    assert_type(pcm, bytes)
                case translation.SessionCreated(session=session):
                    assert_type(session, translation.TranslationSession)
                case (
                    translation.SessionUpdated()
                    | translation.SessionClosed()
                    | translation.SessionInputTranscriptDelta()
                    | translation.SessionOutputTranscriptDelta()
                    | translation.Error()
                ):
                    pass
                case translation.UnknownEvent() | translation.InvalidEvent():
                    pass
                case _:
                    assert_never(event)
        async for chunk in conn.audio():
            assert_type(chunk, bytes)
        assert_type(await conn.transcript().receive(), str)
        assert_type(await conn.session.update(language="fi"), translation.TranslationSession)
        assert_type(await conn.request(translation.SessionClose()), translation.ServerEvent)
        await conn.send(ResponseCreate())  # type: ignore[arg-type]
        assert_type(await conn.finish(), None)
    async with open_translation(language="es"):  # type: ignore[call-arg]
        pass


async def a_transcription_session() -> None:
    async with open_transcription(model="whisper-1", errors="yield") as conn:
        assert_type(conn, TranscriptionConnection)
        assert_type(await conn.receive(), ServerEvent)
        async for each in conn.transcripts(until_committed=True):
            assert_type(each, Transcript)
            match each:
                case TranscriptDelta(text=text) | TranscriptSegment(text=text):
                    assert_type(text, str)
                case TranscriptCompleted(text=text, languages=languages):
                    assert_type(languages, tuple[str, ...])
                case TranscriptFailed(error=error):
                    assert_type(error.message, str | None)
                case _:
                    assert_never(each)
    async with open_transcription("whisper-1"):  # type: ignore[call-arg]
        pass
    async with open_transcription(model="whisper-1", mirror=True):  # type: ignore[call-arg]
        pass

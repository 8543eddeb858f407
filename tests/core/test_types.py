from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Literal, cast

import pytest
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from tests.wire import canonical
from trio_realtime import events, types
from trio_realtime.events import (
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseDone,
    ResponseOutputAudioDelta,
    SessionUpdate,
    decode_client,
    decode_server,
    encode,
)
from trio_realtime.types import (
    AssistantMessage,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    AudioPart,
    CustomVoice,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputAudio,
    InputImage,
    InputItem,
    InputText,
    Item,
    ItemReference,
    McpApprovalResponse,
    McpTool,
    OutputAudio,
    OutputText,
    PcmFormat,
    RealtimeSessionConfig,
    Response,
    ResponseConfig,
    SemanticVad,
    ServerVad,
    Session,
    SystemMessage,
    Tool,
    ToolChoice,
    ToolChoiceFunction,
    TranscriptionSessionConfig,
    TurnDetection,
    Unknown,
    UnknownContentPart,
    UnknownItem,
    UnknownTool,
    UnknownToolChoice,
    UnknownTurnDetection,
    UnknownVoice,
    Unrecognised,
    UserMessage,
    as_input,
)
from trio_realtime.types._base import ReceivedModel, SentModel


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for cls in base.__subclasses__():
        yield from _models(cls)
        # Other dialects have classes of the same names.
        if cls in (getattr(types, cls.__name__, None), getattr(events, cls.__name__, None)):
            yield cls


SENT = sorted(_models(SentModel), key=lambda cls: cls.__name__)
RECEIVED = sorted(_models(ReceivedModel), key=lambda cls: cls.__name__)

REQUIRED: dict[str, JsonValue] = {
    "item": {"type": "item_reference", "id": "x"},
    "item_id": "item_1",
    "content_index": 0,
    "audio_end_ms": 0,
    "session": {"type": "transcription"},
    "id": "x",
    "name": "x",
    "server_label": "x",
    "retention_ratio": 0.5,
}


def _needed(cls: type[BaseModel]) -> dict[str, object]:
    needed: dict[str, object] = {
        name: REQUIRED.get(name) for name, field in cls.model_fields.items() if field.is_required()
    }
    if cls is InputAudioBufferAppend:
        needed["audio"] = b""
    return needed


def test_every_model_is_frozen_and_tolerant_when_it_is_read() -> None:
    for cls in [*SENT, *RECEIVED]:
        assert cls.model_config.get("frozen") is True
        assert cls.model_config.get("extra") == "allow"
        assert cls.model_config.get("hide_input_in_errors") is True
    with pytest.raises(ValidationError, match="frozen"):
        InputText(text="a").text = "b"


def test_nothing_has_a_default_but_none_and_the_tags() -> None:
    for cls in [*SENT, *RECEIVED]:
        for name, field in cls.model_fields.items():
            if not field.is_required() and field.default is not None:
                assert name in {"type", "role"}, (cls, name)


# pain 16
@pytest.mark.parametrize("cls", SENT)
def test_what_callers_build_refuses_unknown_fields(cls: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls(**_needed(cls), lamp=1)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls.model_validate({**_needed(cls), "lamp": 1})
    if cls is not InputAudioBufferAppend:
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            cls.model_validate_json(json.dumps({**_needed(cls), "lamp": 1}))


# pain 16: unset is not null
@pytest.mark.parametrize("cls", SENT)
def test_what_was_never_set_stays_out_and_none_is_written(cls: type[BaseModel]) -> None:
    needed = _needed(cls)
    tags = {n: f.default for n, f in cls.model_fields.items() if isinstance(f.default, str)}
    bare = _written(cls(**needed))
    assert bare.keys() == needed.keys() | tags.keys()
    for name in cls.model_fields.keys() - bare.keys():
        assert _written(cls(**needed, **{name: None})) == bare | {name: None}


def _written(model: BaseModel) -> dict[str, JsonValue]:
    dumped = cast("dict[str, JsonValue]", model.model_dump(mode="json", exclude_unset=True))
    assert canonical(json.loads(model.model_dump_json(exclude_unset=True))) == canonical(dumped)
    return dumped


# pain 16: null switches voice detection off
def test_turn_detection_none_reaches_the_wire_as_null() -> None:
    def update(audio_input: AudioInputConfig) -> str:
        audio = AudioConfig(input=audio_input)
        return encode(SessionUpdate(session=RealtimeSessionConfig(audio=audio)))

    def golden(audio_input: str) -> str:
        session = '{"type":"realtime","audio":{"input":' + audio_input + "}}"
        return '{"type":"session.update","session":' + session + "}"

    assert update(AudioInputConfig()) == golden("{}")
    assert update(AudioInputConfig(turn_detection=None)) == golden('{"turn_detection":null}')
    assert update(AudioInputConfig(turn_detection=SemanticVad(eagerness="low"))) == golden(
        '{"turn_detection":{"type":"semantic_vad","eagerness":"low"}}'
    )
    assert update(AudioInputConfig(turn_detection=ServerVad(idle_timeout_ms=None))) == golden(
        '{"turn_detection":{"type":"server_vad","idle_timeout_ms":null}}'
    )


def test_mappings_build_what_models_would() -> None:
    built = SessionUpdate.model_validate(
        {
            "session": {
                "type": "realtime",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}},
                "tools": ({"type": "function", "name": "tide"},),
                "output_modalities": ("text",),
            }
        }
    )
    config = RealtimeSessionConfig(
        audio=AudioConfig(input=AudioInputConfig(format=PcmFormat(rate=24000))),
        tools=[FunctionTool(name="tide")],
        output_modalities=["text"],
    )
    assert encode(built) == encode(SessionUpdate(session=config))


# pain 16
def test_a_typo_inside_a_mapping_is_an_error_where_it_is_made() -> None:
    typos: list[JsonValue] = [
        {"type": "realtime", "instruction": "x"},
        {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "x": 1}}},
        },
        {"type": "transcription", "instructions": "x"},
        "realtime",
    ]
    for typo in typos:
        with pytest.raises(ValidationError, match="session"):
            SessionUpdate.model_validate({"session": typo})


def test_an_error_of_building_does_not_repeat_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        McpTool(server_label="x", authorization=cast("str", ["canary-1"]))
    assert "canary-1" not in str(caught.value)


def test_a_mapping_of_an_unknown_type_passes_as_it_is() -> None:
    tool = {"type": "web_search", "depth": 3}
    config = RealtimeSessionConfig.model_validate({"tools": [tool]})
    assert config.tools == [UnknownTool("web_search", cast("JsonValue", tool))]
    assert json.loads(config.model_dump_json(exclude_unset=True))["tools"] == [tool]


def test_an_arm_of_another_union_is_refused() -> None:
    with pytest.raises(ValidationError, match="It is known, and not valid"):
        RealtimeSessionConfig(tools=[cast("Tool", UnknownItem("x", {"type": "x"}))])


@pytest.mark.parametrize(
    ("union", "data", "arm"),
    [
        (Item, {"type": "item_reference", "id": "x"}, UnknownItem),
        (InputItem, {"type": "lamp"}, UnknownItem),
        (Tool, {"type": "lamp"}, UnknownTool),
        (ToolChoice, {"type": "lamp"}, UnknownToolChoice),
        (TurnDetection, {"type": "lamp"}, UnknownTurnDetection),
        (types.AudioFormat, {"type": "audio/opus"}, types.UnknownAudioFormat),
        (types.Voice, {"voice": "x"}, UnknownVoice),
        (types.Truncation, {"type": "lamp"}, types.UnknownTruncation),
        (types.SessionConfig, {"type": "lamp"}, types.UnknownSessionConfig),
        (types.TranscriptionUsage, {"type": "lamp"}, types.UnknownUsage),
        (types.McpError, {"type": "lamp"}, types.UnknownMcpError),
        (types.SystemContent, {"type": "input_audio"}, UnknownContentPart),
        (types.UserContent, {"type": "output_text"}, UnknownContentPart),
        (types.AssistantContent, {"type": "input_text"}, UnknownContentPart),
        (types.ResponsePart, {"type": "output_text"}, UnknownContentPart),
        (types.PromptVariable, {"type": "lamp"}, UnknownContentPart),
    ],
)
def test_every_union_has_an_arm_for_the_unknown(
    union: object, data: JsonValue, arm: type[Unknown]
) -> None:
    adapter = TypeAdapter(cast("type[object]", union))
    wire_type = data.get("type") if isinstance(data, dict) else None
    expected = arm(cast("str | None", wire_type), data)
    for read in (adapter.validate_json(json.dumps(data)), adapter.validate_python(data)):
        assert read == expected
        assert isinstance(read, Unknown)
        assert read.type == "<unknown>"
        assert adapter.validate_python(read) is read
        assert json.loads(adapter.dump_json(read)) == data
    assert str(data) not in repr(expected)


def test_values_that_are_new_are_unrecognised_and_still_strings() -> None:
    event = decode_server('{"type":"response.done","response":{"status":"dimmed"}}')
    assert isinstance(event, ResponseDone)
    status = event.response.status
    assert isinstance(status, Unrecognised)
    assert status == "dimmed"
    assert repr(status) == "Unrecognised('dimmed')"
    assert pickle.loads(pickle.dumps(status)) == status
    known = decode_server('{"type":"response.done","response":{"status":"completed"}}')
    assert isinstance(known, ResponseDone)
    assert type(known.response.status) is str


def test_new_values_can_be_sent() -> None:
    vad = SemanticVad(eagerness="reckless")
    assert vad.model_dump(exclude_unset=True) == {"type": "semantic_vad", "eagerness": "reckless"}
    assert UserMessage(content=[], status=Unrecognised("odd")).status == "odd"


@pytest.mark.parametrize("number", ["60", "60.0", "0.5", "-1", "123456789012345678901"])
def test_numbers_stay_as_they_were_written(number: str) -> None:
    text = '{"type":"rate_limits.updated","rate_limits":[{"reset_seconds":' + number + "}]}"
    assert encode(decode_server(text)) == text


@pytest.mark.parametrize("audio", [b"\x00\x01", bytearray(b"\x00\x01"), memoryview(b"\x00\x01")])
def test_audio_is_built_from_any_buffer(audio: bytes) -> None:
    event = InputAudioBufferAppend(audio=audio)
    assert event.audio == b"\x00\x01"
    assert type(event.audio) is bytes


def test_audio_that_is_base64_already_is_a_type_error_that_names_the_decoder() -> None:
    for cls in (InputAudio, OutputAudio, AudioPart, InputAudioBufferAppend):
        with pytest.raises(TypeError, match=r"not str; decode base64 with base64\.b64decode"):
            cls(audio=cast("bytes", "AAAA"))
    with pytest.raises(TypeError, match=r"not list$"):
        InputAudio(audio=cast("bytes", [0]))


def test_audio_may_be_null() -> None:
    assert InputAudio(audio=None).model_dump(mode="json", exclude_unset=True) == {
        "type": "input_audio",
        "audio": None,
    }


def test_dumping_to_python_keeps_audio_as_bytes() -> None:
    assert InputAudio(audio=b"ab").model_dump()["audio"] == b"ab"


# promise 9
def test_reprs_show_no_audio_no_credential_and_nothing_unknown() -> None:
    part = InputAudio(audio=bytes(4800))
    assert "audio=<4800 bytes>" in repr(part)
    assert "audio=<4800 bytes>" in str(UserMessage(content=[part]))
    image = InputImage(image_url="data:image/png;base64,canary")
    assert "image_url=<data URL of 28 characters>" in repr(image)
    tool = McpTool(server_label="x", authorization="canary", headers={"X-Key": "canary"})
    assert "canary" not in repr(tool)
    frame = '{"id":"sess_1","client_secret":{"value":"canary"},"lamp":"canary"}'
    session = Session.model_validate_json(frame)
    assert "canary" not in repr(session)
    assert "lamp=<not shown>" in repr(session)
    assert session.model_dump(mode="json", exclude_unset=True) == json.loads(frame)
    unknown = UnknownTool("x", {"type": "x", "key": "canary"})
    assert "canary" not in repr(RealtimeSessionConfig(tools=[unknown]))


def test_events_can_be_copied_pickled_and_compared() -> None:
    text = (
        '{"type":"response.done","response":{"status":"dimmed","output":'
        '[{"type":"lamp"},{"type":"message","role":"user","content":[]}]},"lamp":1}'
    )
    event = decode_server(text)
    for other in (pickle.loads(pickle.dumps(event)), copy.deepcopy(event), decode_server(text)):
        assert other == event
        assert encode(other) == text


def test_a_voice_is_a_name_or_an_object() -> None:
    for voice in ("marin", "my-own", CustomVoice(id="voice_1")):
        assert AudioOutputConfig(voice=voice).voice == voice
    config = ResponseConfig.model_validate({"audio": {"output": {"voice": {"id": "voice_1"}}}})
    assert config.model_dump(exclude_unset=True) == {
        "audio": {"output": {"voice": {"id": "voice_1"}}}
    }


def test_a_tool_choice_is_a_word_or_an_object() -> None:
    for choice in ("required", "some-day", ToolChoiceFunction(name="tide")):
        assert ResponseConfig(tool_choice=choice).tool_choice == choice


def test_a_text_is_not_taken_for_a_list_of_texts() -> None:
    with pytest.raises(ValidationError, match="output_modalities"):
        RealtimeSessionConfig(output_modalities="text")


def test_the_effective_session_needs_no_field_and_takes_both_types() -> None:
    for kind in cast(
        "tuple[Literal['realtime', 'transcription'], ...]", ("realtime", "transcription")
    ):
        assert Session(type=kind).type == kind
    assert all(not field.is_required() for field in Session.model_fields.values())
    assert all(not field.is_required() for field in Response.model_fields.values())
    assert encode(SessionUpdate(session=TranscriptionSessionConfig())) == (
        '{"type":"session.update","session":{"type":"transcription"}}'
    )


def test_a_received_session_can_be_sent_again_part_by_part() -> None:
    frame = '{"audio":{"input":{"turn_detection":{"type":"server_vad","new":1}}},"tools":[]}'
    session = Session.model_validate_json(frame)
    config = RealtimeSessionConfig(audio=session.audio, tools=session.tools)
    assert json.loads(config.model_dump_json(exclude_unset=True)) == {
        "type": "realtime",
        **json.loads(frame),
    }


def test_as_input_leaves_out_what_only_the_server_writes() -> None:
    text = json.dumps(
        {
            "id": "item_1",
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "lamp": 1,
            "content": [
                {"type": "output_audio", "transcript": "Ahoy."},
                {"type": "audio", "audio": "AAAA", "transcript": "Ahoy again."},
                {"type": "output_audio"},
                {"type": "text", "text": "Land."},
                {"type": "output_text", "text": "Home."},
                {"type": "lamp"},
            ],
        }
    )
    received = TypeAdapter[Item](Item).validate_json(text)
    item = as_input(received)
    assert item == AssistantMessage(
        id="item_1",
        content=[
            OutputText(text="Ahoy."),
            OutputText(text="Ahoy again."),
            OutputText(text="Land."),
            OutputText(text="Home."),
            UnknownContentPart("lamp", {"type": "lamp"}),
        ],
    )
    assert '"status"' not in encode(ConversationItemCreate(item=item))


def test_as_input_keeps_the_users_audio_or_else_its_transcript() -> None:
    item = UserMessage(
        status="completed",
        content=[
            InputAudio(audio=b"ab", transcript="Ahoy."),
            InputAudio(transcript="Land."),
            InputAudio(transcript=None),
            InputText(text="Home."),
        ],
    )
    assert as_input(item) == UserMessage(
        content=[InputAudio(audio=b"ab"), InputText(text="Land."), InputText(text="Home.")]
    )


def test_as_input_takes_every_item() -> None:
    system = SystemMessage(object="realtime.item", content=[InputText(text="a")])
    assert as_input(system) == SystemMessage(content=[InputText(text="a")])
    call = FunctionCall(id="i", status="completed", call_id="c", name="n", arguments="{}")
    assert as_input(call) == FunctionCall(id="i", call_id="c", name="n", arguments="{}")
    output = FunctionCallOutput(call_id="c", output="o", status="completed")
    assert as_input(output) == FunctionCallOutput(call_id="c", output="o")
    answer = McpApprovalResponse(approval_request_id="r", approve=True)
    assert as_input(answer) == answer
    for untouched in (ItemReference(id="i"), UnknownItem("x", {"status": "completed"})):
        assert as_input(untouched) is untouched


def test_a_client_event_read_by_a_server_is_as_tolerant_as_the_rest() -> None:
    frame = '{"type":"response.create","response":{"input":[{"type":"lamp"}],"lamp":2},"lamp":1}'
    event = decode_client(frame)
    assert event == decode_client(frame.encode())
    assert encode(event) == frame


def test_audio_deltas_are_bytes() -> None:
    event = ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b"\xfb\xff"
    )
    assert json.loads(encode(event))["delta"] == "+/8="
    assert "delta=<2 bytes>" in repr(event)


def test_a_response_tells_all_that_it_says_and_nothing_else() -> None:
    said = Response.model_validate(
        {
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [
                        {"type": "output_text", "text": "Ahoy, "},
                        {"type": "output_text", "text": None},
                        {"type": "smell", "of": "tar"},
                    ],
                },
                {"type": "function_call", "call_id": "c", "name": "sail", "arguments": "{}"},
                {"type": "message", "role": "user", "content": []},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_audio", "transcript": "captain!"}],
                },
            ]
        }
    )
    assert said.output_text == "Ahoy, captain!"
    assert Response().output_text == ""

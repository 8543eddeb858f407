from __future__ import annotations

import copy
import json
import pickle
from typing import cast

import pytest
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from tests.core.betas import CLIENT_CLASSES, OWN, beta_golden, beta_models
from tests.wire import canonical
from trio_realtime import beta, types
from trio_realtime.beta import (
    AssistantMessage,
    ClientSecretConfig,
    ConversationItemCreate,
    CustomVoice,
    Expiry,
    FunctionTool,
    InputAudio,
    InputText,
    InputTranscription,
    ItemReference,
    NamedVoice,
    OutputAudio,
    OutputText,
    Response,
    ResponseAudioDelta,
    ResponseConfig,
    ResponseCreate,
    ResponseDone,
    SemanticVad,
    ServerVad,
    Session,
    SessionConfig,
    SessionCreated,
    SessionUpdate,
    TextPart,
    TranscriptionSession,
    TranscriptionSessionConfig,
    TranscriptionSessionUpdate,
    UnknownItem,
    UnknownTurnDetection,
    UnknownVoice,
    Unrecognised,
    UserMessage,
    as_input,
)
from trio_realtime.events import decode_client, decode_server, encode
from trio_realtime.types._base import SentModel

SENT = {
    name: cls
    for name, cls in beta_models().items()
    if issubclass(cls, SentModel) and cls.__module__.startswith("trio_realtime.beta.")
}
NEEDED: dict[str, dict[str, JsonValue]] = {
    "NamedVoice": {"name": "x"},
    "SessionUpdate": {"session": {}},
    "TranscriptionSessionUpdate": {"session": {}},
}


def test_what_callers_build_is_their_own_events_and_configurations() -> None:
    events = {cls.__name__ for name, cls in CLIENT_CLASSES.items() if name in OWN}
    assert SENT.keys() == events | {
        "ClientSecretConfig",
        "Expiry",
        "InputTranscription",
        "NamedVoice",
        "ResponseConfig",
        "ServerVad",
        "SessionConfig",
        "TranscriptionClientSecretConfig",
        "TranscriptionSessionConfig",
    }


# pain 16
@pytest.mark.parametrize("name", sorted(SENT))
def test_what_callers_build_refuses_unknown_fields(name: str) -> None:
    cls, needed = SENT[name], NEEDED.get(name, {})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls(**needed, lamp=1)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls.model_validate({**needed, "lamp": 1})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        cls.model_validate_json(json.dumps({**needed, "lamp": 1}))


# pain 16: unset is not null
@pytest.mark.parametrize("name", sorted(SENT))
def test_what_was_never_set_stays_out_and_none_is_written(name: str) -> None:
    cls, needed = SENT[name], NEEDED.get(name, {})
    bare = _written(cls(**needed))
    tags = {n for n, field in cls.model_fields.items() if isinstance(field.default, str)}
    assert bare.keys() == needed.keys() | tags
    for field in cls.model_fields.keys() - bare.keys():
        assert _written(cls(**needed, **{field: None})) == bare | {field: None}


def _written(model: BaseModel) -> dict[str, JsonValue]:
    dumped = cast("dict[str, JsonValue]", model.model_dump(mode="json", exclude_unset=True))
    assert canonical(json.loads(model.model_dump_json(exclude_unset=True))) == canonical(dumped)
    return dumped


# pain 16: null switches voice detection off
@pytest.mark.parametrize(
    ("config", "session"),
    [
        (SessionConfig(), "{}"),
        (SessionConfig(turn_detection=None), '{"turn_detection":null}'),
        (
            SessionConfig(turn_detection=ServerVad(auto_truncate=None)),
            '{"turn_detection":{"type":"server_vad","auto_truncate":null}}',
        ),
        (
            SessionConfig(turn_detection=SemanticVad(eagerness="low")),
            '{"turn_detection":{"type":"semantic_vad","eagerness":"low"}}',
        ),
        (
            SessionConfig(input_audio_format="g711_alaw", modalities=["text"], temperature=1),
            '{"modalities":["text"],"input_audio_format":"g711_alaw","temperature":1}',
        ),
        (
            SessionConfig(client_secret=ClientSecretConfig(expires_after=Expiry(seconds=60))),
            '{"client_secret":{"expires_after":{"seconds":60}}}',
        ),
    ],
)
def test_an_update_holds_what_was_set_and_no_type_of_session(
    config: SessionConfig, session: str
) -> None:
    assert encode(SessionUpdate(session=config)) == (
        '{"type":"session.update","session":' + session + "}"
    )


def test_mappings_build_what_models_would() -> None:
    built = SessionUpdate.model_validate(
        {
            "session": {
                "modalities": ("text",),
                "tools": ({"type": "function", "name": "tide"},),
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "speech_duration_ms": 80},
            }
        }
    )
    config = SessionConfig(
        modalities=["text"],
        tools=[FunctionTool(name="tide")],
        input_audio_transcription=InputTranscription(model="whisper-1"),
        turn_detection=ServerVad(speech_duration_ms=80),
    )
    assert encode(built) == encode(SessionUpdate(session=config))


# pain 16
@pytest.mark.parametrize(
    ("event", "body"),
    [
        (SessionUpdate, {"session": {"instruction": "x"}}),
        (SessionUpdate, {"session": {"type": "realtime"}}),
        (SessionUpdate, {"session": {"output_modalities": ["text"]}}),
        (SessionUpdate, {"session": {"audio": {}}}),
        (SessionUpdate, {"session": {"modalities": "text"}}),
        (SessionUpdate, {"session": {"turn_detection": {"type": "server_vad", "x": 1}}}),
        (SessionUpdate, {"session": "realtime"}),
        (SessionUpdate, {"session": types.RealtimeSessionConfig()}),
        (SessionUpdate, {"session": {"turn_detection": types.ServerVad()}}),
        (TranscriptionSessionUpdate, {"session": {"instructions": "x"}}),
        (ResponseCreate, {"response": {"output_modalities": ["text"]}}),
        (ResponseCreate, {"response": types.ResponseConfig()}),
    ],
)
def test_a_typo_and_what_is_gas_alone_are_errors_where_they_are_made(
    event: type[BaseModel], body: dict[str, object]
) -> None:
    (member,) = body
    with pytest.raises(ValidationError, match=member):
        event.model_validate(body)


@pytest.mark.parametrize(
    ("voice", "written"),
    [
        ("sage", '"sage"'),
        ("my-own", '"my-own"'),
        (CustomVoice(id="voice_1"), '{"id":"voice_1"}'),
        (NamedVoice(name="sage", type="openai"), '{"name":"sage","type":"openai"}'),
        (NamedVoice(name="x", type="other"), '{"name":"x","type":"other"}'),
    ],
)
def test_a_voice_is_a_name_or_an_object(voice: beta.Voice, written: str) -> None:
    text = encode(ResponseCreate(response=ResponseConfig(voice=voice)))
    assert text == '{"type":"response.create","response":{"voice":' + written + "}}"
    event = decode_client(text, "beta")
    assert isinstance(event, ResponseCreate)
    assert event.response == ResponseConfig(voice=voice)


@pytest.mark.parametrize(
    ("given", "arm"),
    [
        ({"voice": {"type": "azure-standard", "name": "x", "rate": "1.2"}}, UnknownVoice),
        ({"turn_detection": {"type": "azure_semantic_vad", "x": 1}}, UnknownTurnDetection),
        ({"turn_detection": {"threshold": 0.5}}, UnknownTurnDetection),
    ],
)
def test_a_mapping_with_more_than_is_known_passes_as_it_is(
    given: dict[str, JsonValue], arm: type[types.Unknown]
) -> None:
    (name,) = given
    config = SessionConfig.model_validate(given)
    assert isinstance(getattr(config, name), arm)
    assert _written(config) == given


@pytest.mark.parametrize(
    ("field", "value", "arm"),
    [
        ("voice", 3, UnknownVoice),
        ("voice", {}, UnknownVoice),
        ("turn_detection", {"type": "lamp"}, UnknownTurnDetection),
        ("turn_detection", {"type": "server_vad", "threshold": []}, UnknownTurnDetection),
        ("turn_detection", "server_vad", UnknownTurnDetection),
        ("output_audio_format", "opus", Unrecognised),
        ("max_response_output_tokens", "many", Unrecognised),
    ],
)
def test_what_is_odd_in_a_session_does_not_cost_the_session(
    field: str, value: JsonValue, arm: type[object]
) -> None:
    text = json.dumps({"type": "session.created", "session": {"id": "sess_1", field: value}})
    event = decode_server(text, "beta")
    assert isinstance(event, SessionCreated)
    assert event.session.id == "sess_1"
    assert isinstance(getattr(event.session, field), arm)
    assert json.loads(encode(event)) == json.loads(text)


def test_values_that_are_known_are_plain_strings_and_may_be_new_when_sent() -> None:
    event = decode_server(json.dumps(beta_golden("session.created")), "beta")
    assert isinstance(event, SessionCreated)
    assert event.session.input_audio_format == "g711_ulaw"
    assert not isinstance(event.session.input_audio_format, Unrecognised)
    config = TranscriptionSessionConfig(input_audio_format="opus")
    assert _written(config) == {"input_audio_format": "opus"}


def test_a_received_session_can_be_sent_again_part_by_part() -> None:
    frame = '{"turn_detection":{"type":"server_vad","new":1},"voice":{"name":"x","new":2}}'
    session = Session.model_validate_json(frame)
    config = SessionConfig(turn_detection=session.turn_detection, voice=session.voice)
    assert canonical(_written(config)) == canonical(json.loads(frame))


# promise 9
@pytest.mark.parametrize("cls", [Session, TranscriptionSession])
def test_the_key_of_a_session_is_read_and_never_shown(
    cls: type[Session | TranscriptionSession],
) -> None:
    frame = '{"id":"sess_1","client_secret":{"value":"canary","expires_at":1}}'
    session = cls.model_validate_json(frame)
    assert session.client_secret is not None
    assert session.client_secret.value == "canary"
    assert "canary" not in repr(session) + repr(session.client_secret)
    assert _written(session) == json.loads(frame)


def test_audio_is_bytes_and_shown_by_its_length() -> None:
    event = ResponseAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b"\xfb\xff"
    )
    assert json.loads(encode(event))["delta"] == "+/8="
    assert "delta=<2 bytes>" in repr(event)
    assert decode_server(encode(event), "beta") == event
    with pytest.raises(TypeError, match=r"not str; decode base64 with base64\.b64decode"):
        ResponseAudioDelta(
            response_id="r",
            item_id="i",
            output_index=0,
            content_index=0,
            delta=cast("bytes", "AAAA"),
        )


def test_the_input_of_a_response_keeps_its_audio() -> None:
    item = UserMessage(content=[InputAudio(audio=b"\xfb\xff")])
    event = ResponseCreate(response=ResponseConfig(input=[item, ItemReference(id="i")]))
    assert '"audio":"+/8="' in encode(event)
    assert decode_client(encode(event), "beta") == event


def test_events_can_be_copied_pickled_and_compared() -> None:
    text = json.dumps(beta_golden("response.done"))
    event = decode_server(text, "beta")
    for other in (pickle.loads(pickle.dumps(event)), copy.deepcopy(event)):
        assert other == event == decode_server(text, "beta")
        assert encode(other) == encode(event)


def test_a_response_tells_what_it_says_whichever_names_its_parts_have() -> None:
    event = decode_server(json.dumps(beta_golden("response.done")), "beta")
    assert isinstance(event, ResponseDone)
    assert event.response.output_text == "High water at six.Mind the sluice."
    assert isinstance(event.response, types.Response)
    assert Response().output_text == ""


def test_a_response_with_gas_settings_is_known_as_well() -> None:
    text = '{"type":"response.done","response":{"output_modalities":["audio"],"modalities":null}}'
    event = decode_server(text, "beta")
    assert isinstance(event, ResponseDone)
    assert event.response.output_modalities == ["audio"]
    assert encode(event) == text


def test_as_input_gives_back_what_the_assistant_said_as_text() -> None:
    received = TypeAdapter[beta.Item](beta.Item).validate_python(
        {
            "id": "item_1",
            "object": "realtime.item",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "audio", "transcript": "Ahoy."},
                {"type": "text", "text": "Land."},
                {"type": "output_text", "text": "Home."},
                {"type": "output_audio"},
                {"type": "lamp"},
            ],
        }
    )
    assert isinstance(received, AssistantMessage)
    assert received.content[0] == beta.AudioPart(transcript="Ahoy.")
    assert encode(ConversationItemCreate(item=as_input(received))) == (
        '{"type":"conversation.item.create","item":{"id":"item_1","type":"message",'
        '"role":"assistant","content":[{"type":"text","text":"Ahoy."},'
        '{"type":"text","text":"Land."},{"type":"text","text":"Home."},{"type":"lamp"}]}}'
    )
    message = AssistantMessage(content=[OutputAudio(transcript="x"), OutputText(text="y")])
    assert as_input(message) == AssistantMessage(content=[TextPart(text="x"), TextPart(text="y")])


def test_as_input_leaves_everything_else_to_ga() -> None:
    said = UserMessage(status="completed", content=[InputAudio(transcript="Ahoy.")])
    assert as_input(said) == UserMessage(content=[InputText(text="Ahoy.")])
    for untouched in (ItemReference(id="i"), UnknownItem("x", {"status": "completed"})):
        assert as_input(untouched) is untouched

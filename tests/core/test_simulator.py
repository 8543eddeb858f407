"""The simulated server's session: opening, updates, items, refusals, time."""

from __future__ import annotations

import base64

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import types_of
from trio_realtime._core.simulator import ClientHandshake, Manner, RefusedError
from trio_realtime.audio import silence, tone

TEXT: dict[str, JsonValue] = {"output_modalities": ["text"]}


def test_a_session_begins_with_everything_the_real_server_tells() -> None:
    client = Client()
    (created,) = client.opening
    assert created["type"] == "session.created"
    assert at(created, "session", "model") == "gpt-realtime-2.1"
    assert at(created, "session", "expires_at") == 1_800_003_600
    assert at(created, "session", "audio", "input", "transcription") is None


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    client = Client()
    before = at(client.opening[0], "session")
    (updated,) = client.update(instructions="Be brief.", audio={"output": {"speed": 1.25}})
    session = at(updated, "session")
    assert at(session, "instructions") == "Be brief."
    assert at(session, "audio", "output") == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
        "speed": 1.25,
    }
    for same in ("id", "tools", "expires_at", "object"):
        assert at(session, same) == at(before, same)
    assert at(session, "audio", "input") == at(before, "audio", "input")


def test_voice_detection_keeps_what_was_not_named_and_null_switches_it_off() -> None:
    client = Client()
    path = ("session", "audio", "input", "turn_detection")
    vad = at(client.listen_with(turn_detection={"type": "server_vad", "threshold": 0.9})[0], *path)
    assert at(vad, "threshold") == 0.9
    assert at(vad, "silence_duration_ms") == 500
    vad = at(client.listen_with(turn_detection={"silence_duration_ms": 700})[0], *path)
    assert (at(vad, "threshold"), at(vad, "silence_duration_ms")) == (0.9, 700)
    vad = at(
        client.listen_with(turn_detection={"type": "semantic_vad", "eagerness": "low"})[0], *path
    )
    assert vad == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }
    assert at(client.listen_with(turn_detection=None)[0], *path) is None
    vad = at(client.listen_with(turn_detection={"type": "server_vad"})[0], *path)
    assert at(vad, "threshold") == 0.5


def test_an_unset_type_of_voice_detection_is_the_usual_one() -> None:
    client = Client()
    client.listen_with(turn_detection=None)
    (updated,) = client.listen_with(turn_detection={"threshold": 0.3})
    vad = at(updated, "session", "audio", "input", "turn_detection")
    assert (at(vad, "type"), at(vad, "threshold")) == ("server_vad", 0.3)


def test_unset_members_of_transcription_come_back_as_null() -> None:
    client = Client()
    (updated,) = client.listen_with(transcription={"model": "whisper-1"})
    assert at(updated, "session", "audio", "input", "transcription") == {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),  # B: the real server insists
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        (
            {"type": "realtime", "audio": {"input": {"codec": "opus"}}},
            "unknown_parameter",
            "session.audio.input.codec",
        ),
        ({"type": "realtime", "audio": 7}, "invalid_type", "session.audio"),
        (
            {"type": "realtime", "output_modalities": ["text", "audio"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "opus"}}}},
            "invalid_value",
            "session.audio.output.format.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": "pcm16"}}},
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "magic"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
        ({"type": "realtime", "model": "another"}, "invalid_value", "session.model"),
        (
            {"type": "realtime", "tools": [{"type": "function"}]},
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {
                "type": "realtime",
                "tools": [
                    {"type": "mcp", "server_label": "x"},
                    {"type": "function", "name": "f", "parameters": {"type": "string"}},
                ],
            },
            "invalid_function_parameters",
            "session.tools[1].parameters",
        ),
    ],
)
def test_a_refused_update_changes_nothing(session: JsonValue, code: str, param: str) -> None:
    client = Client()
    error = error_of(client.send("session.update", session=session, event_id="event_mine"))
    assert (error["type"], error["code"], error["param"], error["event_id"]) == (
        "invalid_request_error",
        code,
        param,
        "event_mine",
    )
    (updated,) = client.update()
    assert at(updated, "session") == at(client.opening[0], "session")


def test_a_format_that_is_null_is_the_usual_one_and_g711_has_no_rate() -> None:
    client = Client()
    (updated,) = client.listen_with(format={"type": "audio/pcmu"})
    assert at(updated, "session", "audio", "input", "format") == {"type": "audio/pcmu"}
    (updated,) = client.listen_with(format=None)
    assert at(updated, "session", "audio", "input", "format") == {
        "type": "audio/pcm",
        "rate": 24000,
    }


def test_the_voice_is_locked_once_the_model_has_spoken() -> None:
    client = Client()
    assert client.update(audio={"output": {"voice": "marin"}})[0]["type"] == "session.updated"
    client.say("Hello")
    client.respond()
    error = error_of(client.update(audio={"output": {"voice": "cedar"}}))
    assert error["code"] == "cannot_update_voice"
    assert client.update(audio={"output": {"voice": "marin"}})[0]["type"] == "session.updated"


def test_a_transcription_session_answers_no_response_create() -> None:
    client = Client(query="intent=transcription")
    (created,) = client.opening
    assert at(created, "session", "type") == "transcription"
    (updated,) = client.send(
        "session.update",
        session={
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
        },
    )
    assert updated["type"] == "session.updated"
    assert error_of(client.send("response.create"))["code"] == "invalid_value"
    client.speak()
    frames = client.run()
    assert frames[-1]["type"] == "conversation.item.input_audio_transcription.completed"
    assert at(frames[-1], "usage", "type") == "tokens"
    assert "response.created" not in types_of(client.frames)
    client.check()


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ("{", "invalid_event", None),
        ("[]", "invalid_event", None),
        ("null", "invalid_event", None),
        ("[" * 100_000, "invalid_event", None),
        (b"\xff\xfe\xfa", "invalid_event", None),
        ("{}", "invalid_event", None),
        ('{"type": 7}', "invalid_value", "type"),
        ('{"type": "response.destroy"}', "invalid_value", "type"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": []}', "invalid_type", "session"),
        ('{"type": "response.cancel", "why": 1}', "unknown_parameter", "why"),
        ('{"type": "response.cancel", "response_id": 1.5}', "invalid_type", "response_id"),
        (
            '{"type": "conversation.item.truncate", "item_id": "x", "content_index": true}',
            "invalid_type",
            "content_index",
        ),
        (
            f'{{"type": "response.cancel", "event_id": "{"e" * 513}"}}',
            "string_above_max_length",
            "event_id",
        ),
        ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value", "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "_-A="}', "invalid_value", "audio"),
    ],
)
def test_what_is_no_event_is_refused(data: str | bytes, code: str, param: str | None) -> None:
    error = error_of(Client().raw(data))
    assert (error["code"], error["param"]) == (code, param)


def test_binary_messages_are_read_as_text() -> None:
    (updated,) = Client().raw(b'{"type": "session.update", "session": {"type": "realtime"}}')
    assert updated["type"] == "session.updated"


def test_what_was_received_is_the_json_that_was_sent() -> None:
    client = Client()
    frame = client.simulation.receive('{"type": "x", "event_id": "event_1", "n": null}', 0.0)
    assert frame is not None
    assert frame == {"type": "x", "event_id": "event_1", "n": None}
    assert (frame.type, frame.event_id) == ("x", "event_1")
    assert client.simulation.receive("{", 0.0) is None
    frame = client.simulation.receive("{}", 0.0)
    assert frame is not None
    assert (frame.type, frame.event_id) == ("", None)


def test_a_refusal_names_the_event_that_caused_it_or_none() -> None:
    client = Client()
    assert error_of(client.send("response.cancel", event_id="event_7"))["event_id"] == "event_7"
    assert error_of(client.send("response.cancel"))["event_id"] is None
    assert error_of(client.send("nonsense", event_id="event_8"))["event_id"] == "event_8"


def test_items_go_where_they_are_told() -> None:
    client = Client()
    first, _ = client.say("first", id="item_1")
    assert first["previous_item_id"] is None
    assert client.say("last", id="item_2")[0]["previous_item_id"] == "item_1"

    def insert(item_id: str, after: str) -> JsonValue:
        item: JsonValue = {
            "type": "message",
            "role": "system",
            "id": item_id,
            "content": [{"type": "input_text", "text": "?"}],
        }
        frames = client.send("conversation.item.create", item=item, previous_item_id=after)
        assert types_of(frames) == ["conversation.item.added", "conversation.item.done"]
        return frames[0]["previous_item_id"]

    assert insert("item_0", "root") is None
    assert insert("item_15", "item_1") == "item_1"
    assert [entry.id for entry in client.simulation.conversation] == [
        "item_0",
        "item_1",
        "item_15",
        "item_2",
    ]
    error = error_of(
        client.send(
            "conversation.item.create",
            previous_item_id="nowhere",
            item={"type": "message", "role": "user", "content": []},
        )
    )
    assert (error["code"], error["param"]) == ("invalid_value", "previous_item_id")
    assert client.say("again", id="item_1")[0]["type"] == "error"
    client.check()


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "song"}, "invalid_value", "item.type"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "role": "bot", "content": []}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user", "content": {}}, "invalid_type", "item.content"),
        (
            {"type": "message", "role": "user", "content": [{"type": "text", "text": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": 1}]},
            "invalid_type",
            "item.content[0].audio",
        ),
        (
            {"type": "function_call_output", "output": ""},
            "missing_required_parameter",
            "item.call_id",
        ),
        (
            {"type": "function_call_output", "output": "", "call_id": "c" * 33},
            "string_above_max_length",
            "item.call_id",
        ),
        (
            {"type": "message", "role": "user", "content": [], "id": "i" * 33},
            "string_above_max_length",
            "item.id",
        ),
    ],
)
def test_an_item_that_does_not_fit_is_refused(item: JsonValue, code: str, param: str) -> None:
    client = Client()
    error = error_of(client.send("conversation.item.create", item=item, event_id="event_1"))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "event_1")
    assert len(client.simulation.conversation) == 0


def test_the_server_completes_the_items_it_is_given() -> None:
    client = Client()
    call, _ = client.send(
        "conversation.item.create", item={"type": "function_call", "name": "f", "arguments": "{}"}
    )
    assert at(call, "item", "status") == "completed"
    call_id = str(at(call, "item", "call_id"))
    assert call_id.startswith("call_")
    output, _ = client.send(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": call_id, "output": "1", "status": None},
    )
    assert "status" not in str(output["item"])


def test_deleted_and_unknown_items_are_gone() -> None:
    client = Client()
    client.say("Hello", id="item_1")
    assert client.send("conversation.item.delete", item_id="item_1")[0]["type"] == (
        "conversation.item.deleted"
    )
    for verb in ("delete", "retrieve"):
        error = error_of(client.send(f"conversation.item.{verb}", item_id="item_1"))
        assert error["code"] == f"item_{verb}_invalid_item_id"
    error = error_of(
        client.send("conversation.item.truncate", item_id="item_1", content_index=0, audio_end_ms=0)
    )
    assert error["code"] == "item_truncate_invalid_item_id"
    assert client.simulation.conversation.items == []


def test_audio_that_was_put_into_an_item_is_shown_only_to_retrieve() -> None:
    client = Client()
    audio = base64.b64encode(tone(300, 100)).decode()
    added, _ = client.send(
        "conversation.item.create",
        item={
            "type": "message",
            "role": "user",
            "id": "item_1",
            "content": [{"type": "input_audio", "audio": audio}],
        },
    )
    assert at(added, "item", "content") == [{"type": "input_audio", "transcript": None}]
    (retrieved,) = client.send("conversation.item.retrieve", item_id="item_1")
    assert at(retrieved, "item", "content", 0, "audio") == audio
    client.say("Hello", id="item_2")
    (retrieved,) = client.send("conversation.item.retrieve", item_id="item_2")
    assert at(retrieved, "item", "content") == [{"type": "input_text", "text": "Hello"}]


def test_a_server_may_give_items_ids_of_its_own() -> None:
    client = Client(manner=Manner(rewrite_item_ids=True))
    added, _ = client.say("Hello", id="item_mine")
    assert at(added, "item", "id") != "item_mine"


def test_the_next_event_of_a_type_can_be_refused_by_order() -> None:
    client = Client()
    client.simulation.refuse_next("response.cancel", RefusedError("odd", "No."))
    error = error_of(client.send("response.cancel", event_id="event_1"))
    assert (error["code"], error["message"], error["event_id"]) == ("odd", "No.", "event_1")
    assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_a_session_ends_when_its_time_is_up() -> None:  # pain 12
    client = Client()
    assert client.run(3599) == []
    error = error_of(client.run(1))
    assert error["code"] == "session_expired"
    assert client.simulation.closing == (1001, error["message"])
    assert client.simulation.due is None
    client.simulation.tick(5000.0)
    assert client.send("response.create") == []


def test_time_that_is_not_up_changes_nothing() -> None:
    client = Client()
    client.simulation.tick(1.0)
    assert client.collect() == []


KEY = "sk-proj-abcdefghijklmnop1234"


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ((), "didn't provide"),
        ((("Authorization", "Bearer sk-proj-wrongwrongwrong5678"),), "sk-proj-****5678"),
        ((("authorization", "bearer other-key-of-some-length"),), "oth****ngth"),
        ((("api-key", "short"),), ": ****."),
        ((("Authorization", "Basic eDp5"),), "didn't provide"),
    ],
)
def test_a_bad_key_is_refused_after_the_upgrade(
    headers: tuple[tuple[str, str], ...], shown: str
) -> None:  # pain 15
    client = Client(headers=headers, manner=Manner(api_key=KEY))
    error = error_of(client.opening)
    assert error["code"] == "invalid_api_key"
    assert shown in str(error["message"])
    assert client.simulation.closing == (3000, "invalid_request_error.invalid_api_key")


@pytest.mark.parametrize("header", [("Authorization", f"Bearer {KEY}"), ("api-key", KEY)])
def test_the_right_key_is_let_in(header: tuple[str, str]) -> None:
    client = Client(headers=(header,), manner=Manner(api_key=KEY))
    assert types_of(client.opening) == ["session.created"]


def test_a_missing_model_and_the_beta_are_refused() -> None:
    client = Client(query="")
    assert error_of(client.opening)["code"] == "missing_model"
    assert client.simulation.closing == (4000, "invalid_request_error.missing_model")
    client = Client(headers=(("OpenAI-Beta", "realtime=v1"),))
    assert error_of(client.opening)["code"] == "beta_api_shape_disabled"
    assert client.simulation.closing == (4000, "invalid_request_error.beta_api_shape_disabled")


def test_some_servers_and_every_sideband_omit_session_created() -> None:
    assert Client(manner=Manner(omit_session_created=True)).opening == []
    client = Client(query="call_id=rtc_1")
    assert client.opening == []
    assert client.update()[0]["type"] == "session.updated"


def test_a_handshake_tells_what_was_asked_for() -> None:
    handshake = ClientHandshake(
        "/openai/v1/realtime/",
        "deployment=mine&empty=",
        (("Host", "x"), ("Authorization", f"Bearer {KEY}")),
        ("realtime", f"openai-insecure-api-key.{KEY}"),
    )
    assert handshake.is_realtime
    assert handshake.query == {"deployment": "mine", "empty": ""}
    assert handshake.model == "mine"
    assert handshake.header("HOST") == "x"
    assert handshake.header("cookie") is None
    assert handshake.subprotocol == "realtime"
    assert KEY not in repr(handshake)  # promise 9
    bare = ClientHandshake("/v1/models", subprotocols=(f"openai-insecure-api-key.{KEY}",))
    assert bare.api_key == KEY
    assert bare.subprotocol is None
    assert not bare.is_realtime


def test_the_conversation_forgets_its_oldest_items_and_audio() -> None:  # promise 7
    client = Client()
    client.listen_with(turn_detection=None)
    conversation = client.simulation.conversation
    audio = silence(60_000)
    for number in range(7):
        client.append(audio)
        client.send("input_audio_buffer.commit")
        assert len(conversation) == number + 1
    kept = [entry.audio for entry in conversation]
    assert kept == [b"", b"", *[audio] * 5]
    first = next(iter(conversation)).id
    (retrieved,) = client.send("conversation.item.retrieve", item_id=first)
    assert at(retrieved, "item", "content") == [{"type": "input_audio", "transcript": None}]
    for _ in range(4096):
        client.simulation.receive(
            '{"type": "conversation.item.create", "item":'
            ' {"type": "message", "role": "user", "content": []}}',
            0.0,
        )
    client.simulation.outbox.clear()
    assert len(conversation) == 4096
    assert first not in conversation
    assert sum(len(entry.audio) for entry in conversation) == 0

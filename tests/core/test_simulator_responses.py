"""The simulated server's responses: their events, their order, their end."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import types_of
from trio_realtime._core.simulator import (
    Action,
    CallTool,
    Fail,
    Manner,
    Pace,
    Refuse,
    Say,
    Silence,
)
from trio_realtime.audio import pcm_from_alaw, pcm_from_mulaw, rms, silence, tone

TOOL: JsonValue = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}


def texting() -> Client:
    client = Client()
    client.update(output_modalities=["text"])
    return client


def test_text_is_answered_word_by_word() -> None:
    client = texting()
    client.say("Hello there")
    frames = client.respond()
    assert types_of(frames) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    deltas = [frame["delta"] for frame in frames if "delta" in frame]
    assert deltas == ["You", " said:", " Hello", " there"]
    response = frames[-1]["response"]
    assert at(response, "status") == "completed"
    assert at(response, "output", 0, "content", 0, "text") == "You said: Hello there"
    assert at(response, "conversation_id") == client.simulation.conversation.id
    assert at(response, "usage", "output_tokens") == 4
    assert at(response, "usage", "total_tokens") == 4 + int(
        str(at(response, "usage", "input_tokens"))
    )
    client.check()


def test_a_delta_and_its_obfuscation_have_a_length_that_tells_nothing() -> None:
    client = texting()
    client.say("Hello there")
    for frame in client.respond():
        if "delta" in frame:
            assert (len(str(frame["delta"])) + len(str(frame["obfuscation"]))) % 16 == 0


def test_words_take_their_time() -> None:
    client = Client(manner=Manner(pace=Pace(tokens_per_second=2, latency=3)))
    client.update(output_modalities=["text"])
    client.say("Hello")
    client.send("response.create")
    assert types_of(client.run(2.9)) == []
    assert "response.content_part.added" in types_of(client.run(0.2))
    assert types_of(client.run(0.5)) == ["response.output_text.delta"]
    assert client.run()[-1]["type"] == "response.done"


def test_audio_follows_its_transcript_with_one_tone_per_word() -> None:
    client = Client(reply=lambda _: [Say("one two three four ")])
    frames = client.send("response.create") + client.run()
    client.check()
    kinds = [str(frame["type"]).removeprefix("response.output_") for frame in frames]
    assert kinds.index("audio_transcript.delta") < kinds.index("audio.delta")
    audio = b"".join(
        base64.b64decode(str(frame["delta"]))
        for frame in frames
        if frame["type"] == "response.output_audio.delta"
    )
    assert len(audio) == 4 * 300 * 48
    assert 0.1 < rms(audio) < 0.4
    assert at(frames[-1], "response", "output", 0, "content") == [
        {"type": "output_audio", "transcript": "one two three four "}
    ]
    assert at(frames[-1], "response", "usage", "output_token_details", "audio_tokens") == 24
    item_id = at(frames[-1], "response", "output", 0, "id")
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content", 0, "audio") == base64.b64encode(audio).decode()


@pytest.mark.parametrize(
    ("kind", "decode"), [("audio/pcmu", pcm_from_mulaw), ("audio/pcma", pcm_from_alaw)]
)
def test_the_telephone_gets_its_own_audio(kind: str, decode: Callable[[bytes], bytes]) -> None:
    client = Client(reply=lambda _: [Say("one two")])
    client.update(audio={"output": {"format": {"type": kind}, "speed": 1.5}})
    frames = client.respond()
    client.check()
    audio = b"".join(
        base64.b64decode(str(frame["delta"]))
        for frame in frames
        if frame["type"] == "response.output_audio.delta"
    )
    assert len(audio) == 2 * 200 * 8
    assert 0.1 < rms(decode(audio)) < 0.4


def test_a_response_may_differ_from_its_session() -> None:
    client = Client()
    client.say("Hello")
    frames = client.respond(
        output_modalities=["text"], metadata={"mine": "1"}, audio={"output": {"voice": "marin"}}
    )
    response = frames[-1]["response"]
    assert at(response, "metadata") == {"mine": "1"}
    assert at(response, "audio", "output", "voice") == "marin"
    assert "response.output_text.delta" in types_of(frames)


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"modalities": ["text"]}, "response.modalities"),
        ({"audio": {"output": {"format": {"type": "x"}}}}, "response.audio.output.format.type"),
        ({"tools": [{"type": "function"}]}, "response.tools[0].name"),
    ],
)
def test_a_response_that_does_not_fit_is_refused(response: JsonValue, param: str) -> None:
    client = Client()
    error = error_of(client.send("response.create", response=response, event_id="event_1"))
    assert (error["param"], error["event_id"]) == (param, "event_1")
    assert client.respond()[-1]["type"] == "response.done"


def test_only_one_response_is_active_in_the_conversation() -> None:
    client = texting()
    client.say("Hello")
    created = client.send("response.create")[0]
    error = error_of(client.send("response.create", event_id="event_2"))
    assert error["code"] == "conversation_already_has_active_response"
    assert str(at(created, "response", "id")) in str(error["message"])
    assert error["event_id"] == "event_2"
    client.run()
    assert client.send("response.create")[0]["type"] == "response.created"
    client.check()


def test_out_of_band_responses_run_beside_it_and_join_no_conversation() -> None:
    client = texting()
    client.say("Hello and so on")
    asked: list[JsonValue] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "aside"}]},
    ]
    client.send("response.create")
    for name in ("one", "two"):
        (created,) = client.send(
            "response.create",
            response={"conversation": "none", "input": asked, "metadata": {"name": name}},
        )
        assert at(created, "response", "conversation_id") is None
    frames = client.run()
    client.check()
    done = [frame["response"] for frame in frames if frame["type"] == "response.done"]
    texts = [at(each, "output", 0, "content", 0, "text") for each in done]
    assert sorted(map(str, texts)) == [
        "You said: Hello and so on",
        "You said: aside",
        "You said: aside",
    ]
    assert len(client.simulation.conversation) == 2


def test_the_input_of_a_response_may_refer_to_items() -> None:
    client = texting()
    client.say("first", id="item_1")
    client.say("second", id="item_2")
    frames = client.respond(conversation="none", input=[{"type": "item_reference", "id": "item_1"}])
    assert at(frames[-1], "response", "output", 0, "content", 0, "text") == "You said: first"
    error = error_of(
        client.send("response.create", response={"input": [{"type": "item_reference", "id": "?"}]})
    )
    assert error["code"] == "item_retrieve_invalid_item_id"


def test_a_new_item_is_acknowledged_after_the_active_response() -> None:
    client = texting()
    client.say("Hello")
    client.send("response.create")
    assert client.say("more", id="item_9") == []
    assert client.send("conversation.item.delete", item_id="item_9") == []
    assert client.send("conversation.item.retrieve", item_id="nowhere")[0]["type"] == "error"
    assert types_of(client.run())[-4:] == [
        "response.done",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.deleted",
    ]
    client.check()


def test_a_client_can_cancel_and_gets_the_tail() -> None:
    client = texting()
    client.say("one two three")
    created = client.send("response.create")[0]
    client.run_until("response.output_text.delta")
    frames = client.send("response.cancel", response_id=at(created, "response", "id"))
    assert types_of(frames) == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    response = frames[-1]["response"]
    assert at(response, "status") == "cancelled"
    assert at(response, "status_details") == {"type": "cancelled", "reason": "client_cancelled"}
    assert at(response, "output", 0, "status") == "incomplete"
    assert at(response, "output", 0, "content", 0, "text") == "You"
    assert client.run() == []
    assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"
    client.check()


def test_speech_and_calls_have_their_tails_too() -> None:
    client = Client(reply=lambda _: [Say("one two"), CallTool("f", {"a": "long enough"})])
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    assert types_of(client.send("response.cancel"))[:2] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
    ]
    client.send("response.create")
    client.run_until("response.function_call_arguments.delta")
    frames = client.send("response.cancel")
    assert frames[0]["type"] == "response.function_call_arguments.done"
    assert [at(item, "status") for item in _outputs(frames)] == ["completed", "incomplete"]
    client.check()


def _outputs(frames: list[dict[str, JsonValue]]) -> list[JsonValue]:
    output = at(frames[-1], "response", "output")
    assert isinstance(output, list)
    return output


def test_a_response_out_of_band_is_cancelled_by_its_id_only() -> None:
    client = texting()
    (created,) = client.send("response.create", response={"conversation": "none"})
    assert error_of(client.send("response.cancel"))["code"] == "response_cancel_not_active"
    frames = client.send("response.cancel", response_id=at(created, "response", "id"))
    assert at(frames[-1], "response", "status") == "cancelled"


def test_a_response_that_still_thinks_can_be_cancelled() -> None:
    client = Client(reply=lambda _: None)
    assert types_of(client.send("response.create")) == ["response.created"]
    frames = client.send("response.cancel")
    assert types_of(frames) == ["response.done"]
    (question,) = client.unanswered
    client.simulation.begin(question)
    client.simulation.answer(question, [Say("too late")], client.now)
    assert client.run() == []
    client.check()


def test_a_response_nobody_was_asked_about_yet_can_be_cancelled() -> None:
    client = Client()
    client.simulation.receive('{"type": "response.create"}', 0.0)
    client.simulation.receive('{"type": "response.cancel"}', 0.0)
    assert types_of(client.collect()) == ["response.created", "response.done"]


def test_functions_are_called_with_the_json_that_follows() -> None:
    client = texting()
    client.update(tools=[TOOL])
    client.say('Please call get_weather {"city": "Oslo", "days": 2} and more')
    frames = client.respond()
    assert types_of(frames) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    (item,) = _outputs(frames)
    assert at(item, "name") == "get_weather"
    assert at(item, "arguments") == '{"city": "Oslo", "days": 2}'
    client.send(
        "conversation.item.create",
        item={
            "type": "function_call_output",
            "call_id": at(item, "call_id"),
            "output": "rain",
        },
    )
    frames = client.respond()
    assert at(frames[-1], "response", "output", 0, "content", 0, "text") == (
        "get_weather returned rain"
    )
    client.check()


def test_the_ways_to_end_a_response() -> None:
    plans: Iterator[Action] = iter(
        [
            Fail("rate_limit_exceeded"),
            Silence(),
            Refuse("odd", "No."),
            Say("fine"),
            Fail(message=""),
        ]
    )
    client = Client(reply=lambda _: [next(plans)])
    response = at(client.respond()[-1], "response")
    assert at(response, "status") == "failed"
    assert at(response, "status_details", "error") == {
        "type": "server_error",
        "code": "rate_limit_exceeded",
    }
    response = at(client.respond()[-1], "response")
    assert (at(response, "status"), at(response, "output")) == ("completed", [])
    error = error_of(client.send("response.create", event_id="event_1"))
    assert (error["code"], error["event_id"]) == ("odd", "event_1")
    assert at(client.respond()[-1], "response", "status") == "completed"
    told = at(client.respond()[-1], "response", "status_details", "error")
    assert told == {"type": "server_error", "code": None, "message": ""}
    client.check()


def test_input_that_does_not_fit_is_blamed_where_it_stands() -> None:
    client = Client()
    good: JsonValue = {"type": "function_call", "name": "f", "arguments": "{}"}
    part: JsonValue = {"type": "text", "text": "Hi"}
    bad: JsonValue = {"type": "message", "role": "user", "content": [part]}
    error = error_of(client.send("response.create", response={"input": [good, bad]}))
    assert error["param"] == "response.input[1].content[0].type"


def test_a_refusal_that_comes_too_late_fails_the_response() -> None:
    client = Client(reply=lambda _: None)
    client.send("response.create")
    client.simulation.answer(client.unanswered[0], [Refuse("odd")], client.now)
    assert at(client.run()[-1], "response", "status_details", "error") == {
        "type": "invalid_request_error",
        "code": "odd",
        "message": "The request was refused.",
    }


def test_rate_limits_follow_the_response_where_they_are_asked_for() -> None:
    client = Client(manner=Manner(rate_limits=True), reply=lambda _: [Refuse("odd")])
    assert types_of(client.send("response.create")) == ["error"]
    client.reply = lambda _: [Say("Hello")]
    assert types_of(client.respond())[-2:] == ["response.done", "rate_limits.updated"]
    client.check()


def test_spoken_messages_can_be_truncated_and_no_others() -> None:
    client = Client(reply=lambda _: [Say("one two three")])
    client.say("Hello", id="item_1")
    item_id = at(client.respond()[-1], "response", "output", 0, "id")

    def truncate(ms: int, *, index: int = 0, item: JsonValue = item_id) -> dict[str, JsonValue]:
        (frame,) = client.send(
            "conversation.item.truncate", item_id=item, content_index=index, audio_end_ms=ms
        )
        return frame

    assert at(truncate(901), "error", "message") == (
        "Audio content of 900ms is already shorter than 901ms"
    )
    assert at(truncate(-1), "error", "param") == "audio_end_ms"
    assert at(truncate(0, item="item_1"), "error", "code") == "unsupported_content_type"
    assert at(truncate(0, index=1), "error", "code") == "unsupported_content_type"
    truncated = truncate(450)
    assert truncated["type"] == "conversation.item.truncated"
    assert truncated["audio_end_ms"] == 450
    assert at(truncate(451), "error", "code") == "invalid_value"
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    part = at(retrieved, "item", "content", 0)
    assert at(part, "transcript") is None
    assert len(base64.b64decode(str(at(part, "audio")))) == 450 * 48
    truncate(0)
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content") == [{"type": "output_audio", "transcript": None}]


def test_the_output_buffer_is_always_cleared() -> None:
    client = Client()
    assert client.send("output_audio_buffer.clear")[0]["response_id"] == ""
    created = client.respond()[0]
    (cleared,) = client.send("output_audio_buffer.clear")
    assert cleared["response_id"] == at(created, "response", "id")


def test_usage_counts_what_was_said_and_heard() -> None:
    client = Client()
    client.listen_with(turn_detection=None)
    client.update(instructions="two words")
    client.append(tone(300, 1000) + silence(1000))
    client.send("input_audio_buffer.commit")
    usage = at(client.respond()[-1], "response", "usage", "input_token_details")
    assert (at(usage, "text_tokens"), at(usage, "audio_tokens")) == (2, 20)

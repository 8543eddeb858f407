"""Output items of the simulated server: overlapping, cut off, with a sound, in other orders."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import Frame, types_of
from tests.testing.watch import Watch
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    Fail,
    Incomplete,
    Manner,
    Refuse,
    Say,
    Silence,
    Together,
)
from trio_realtime.audio import rms, tone

CALL = CallTool("get_weather", {"city": "Oslo"})


def texting(*plan: Action, query: str = "model=gpt-realtime-2.1") -> Client:
    client = Client(reply=lambda _: plan, query=query)
    client.update(output_modalities=["text"])
    return client


def outputs(frames: Sequence[Frame]) -> list[JsonValue]:
    output = at(frames[-1], "response", "output")
    assert isinstance(output, list)
    return output


def steps(frames: Sequence[Frame]) -> list[str]:
    """Types, each with the number of the item it is about."""
    return list(
        dict.fromkeys(
            f"{frame.get('output_index', '')} {str(frame['type']).removeprefix('response.')}"
            for frame in frames
            if str(frame["type"]).startswith("response.")
        )
    )


def test_items_overlap_as_the_newest_model_sends_them() -> None:
    client = texting(Together(Say("I will look."), CALL))
    frames = client.respond()
    client.check()
    assert steps(frames) == [
        " created",
        "0 output_item.added",
        "0 content_part.added",
        "0 output_text.delta",
        "1 output_item.added",
        "1 function_call_arguments.delta",
        "0 output_text.done",
        "0 content_part.done",
        "0 output_item.done",
        "1 function_call_arguments.done",
        "1 output_item.done",
        " done",
    ]
    assert [at(item, "type") for item in outputs(frames)] == ["message", "function_call"]
    assert [entry.type for entry in client.simulation.conversation] == ["message", "function_call"]


def test_what_is_said_behind_the_first_item_is_done_behind_nothing() -> None:
    def previous(client: Client, *kinds: str) -> list[JsonValue]:
        return [frame["previous_item_id"] for frame in client.frames if frame["type"] in kinds]

    added, done = "conversation.item.added", "conversation.item.done"
    client = Client()
    client.say("Hello", id="item_1")
    client.respond()
    client.say("Hello again", id="item_3")
    client.respond()
    second = client.simulation.conversation.items[1]["id"]
    assert previous(client, added) == [None, "item_1", second, "item_3"]
    assert previous(client, done) == [None, None, second, "item_3"]
    unasked = Client()
    unasked.respond()
    assert previous(unasked, added, done) == [None, None]


def test_several_calls_come_one_after_the_other_or_overlap() -> None:
    other = CallTool("now")
    client = texting(CALL, other)
    frames = client.respond()
    client.check()
    assert [at(item, "name") for item in outputs(frames)] == ["get_weather", "now"]
    assert len({str(at(item, "call_id")) for item in outputs(frames)}) == 2
    client.reply = lambda _: [Together(CALL, other, CALL)]
    overlapping = [step for step in steps(client.respond()) if "item" in step]
    client.check()
    assert overlapping == [
        *(f"{number} output_item.added" for number in range(3)),
        *(f"{number} output_item.done" for number in range(3)),
    ]


def test_what_overlaps_is_said_or_called() -> None:
    assert Together("Hello").actions == (Say("Hello"),)
    with pytest.raises(TypeError, match="items that overlap are texts, Say, CallTool and CallMcp"):
        Together(Silence())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plan", "phases"),
    [
        ([Say("x")], ["final_answer"]),
        ([Say("x"), CALL, Say("y")], ["commentary", None, "final_answer"]),
        ([Together(Say("x"), CALL)], ["commentary", None]),
        ([Say("x"), Silence(1), Together(CALL, Say("y"))], ["commentary", None, "commentary"]),
        ([Say("x", phase="commentary")], ["commentary"]),
    ],
)
def test_messages_of_new_models_say_what_they_are_for(
    plan: list[Action], phases: list[str | None]
) -> None:
    assert [item.get("phase") for item in said_by(texting(*plan))] == phases


def test_older_models_say_it_only_when_they_are_told_to() -> None:
    older = "model=gpt-realtime"
    assert [item.get("phase") for item in said_by(texting(Say("x"), query=older))] == [None]
    plan = Say("x", phase="final_answer")
    assert [item.get("phase") for item in said_by(texting(plan, query=older))] == ["final_answer"]


def said_by(client: Client) -> list[dict[str, JsonValue]]:
    items = [item for item in outputs(client.respond()) if isinstance(item, dict)]
    client.check()
    return items


def test_a_failure_cuts_off_what_comes_directly_before_it() -> None:
    client = texting(CALL, Say("I wanted to"), Fail("server_error"))
    frames = client.respond()
    client.check()
    assert at(frames[-1], "response", "status") == "failed"
    assert [at(item, "status") for item in outputs(frames)] == ["completed", "incomplete"]
    client.reply = lambda _: [Say("All of it."), Silence(), Fail()]
    frames = client.respond()
    assert [at(item, "status") for item in outputs(frames)] == ["completed"]
    client.reply = lambda _: [Together("one", CALL), Refuse("odd")]
    frames = client.respond()
    client.check()
    assert at(frames[-1], "response", "status_details", "error", "code") == "odd"
    assert [at(item, "status") for item in outputs(frames)] == ["incomplete", "incomplete"]


@pytest.mark.parametrize("reason", ["content_filter", "max_output_tokens"])
def test_a_response_may_end_early(reason: str) -> None:
    action = Incomplete() if reason == "content_filter" else Incomplete("max_output_tokens")
    client = texting(Say("How to make"), action, Say("never"))
    frames = client.respond()
    client.check()
    response = frames[-1]["response"]
    assert at(response, "status") == "incomplete"
    assert at(response, "status_details") == {"type": "incomplete", "reason": reason}
    (item,) = outputs(frames)
    assert at(item, "status") == "incomplete"
    assert at(item, "content", 0, "text") == "How to make"


@pytest.mark.parametrize(
    ("limit", "text", "status"), [(2, "one two", "incomplete"), (3, "one two three", "completed")]
)
def test_output_tokens_are_limited(limit: int, text: str, status: str) -> None:
    client = texting(Say("one two three"))
    frames = client.respond(max_output_tokens=limit)
    client.check()
    response = frames[-1]["response"]
    assert at(response, "status") == status
    assert at(response, "max_output_tokens") == limit
    assert at(response, "usage", "output_tokens") == limit
    assert at(response, "output", 0, "status") == status
    assert at(response, "output", 0, "content", 0, "text") == text


def test_the_limit_of_the_session_cuts_speech_and_calls_too() -> None:
    client = Client(reply=lambda _: [Say("one two three"), CALL])
    client.update(max_output_tokens=8)
    frames = client.respond()
    client.check()
    # Two words run ahead of the sound, which costs six tokens a word.
    assert at(frames[-1], "response", "status_details", "reason") == "max_output_tokens"
    assert at(frames[-1], "response", "usage", "output_token_details") == {
        "text_tokens": 3,
        "audio_tokens": 0,
    }
    client.update(max_output_tokens=23)
    frames = client.respond()
    client.check()
    assert [at(item, "status") for item in outputs(frames)] == ["completed", "incomplete"]
    client.update(max_output_tokens=2)
    frames = client.respond()
    client.check()
    assert at(frames[-1], "response", "output", 0, "content", 0, "transcript") == "one two"


def test_nothing_of_what_overlaps_is_complete_when_the_tokens_run_out() -> None:
    client = texting(Together("one two three", CALL), Say("never"))
    frames = client.respond(max_output_tokens=2)
    client.check()
    assert [at(item, "status") for item in outputs(frames)] == ["incomplete"]


def test_a_new_model_that_is_told_to_reason_counts_it() -> None:
    client = texting(Say("one two"))
    response = at(client.respond(reasoning={"effort": "low"})[-1], "response")
    assert at(response, "usage", "output_token_details") == {
        "text_tokens": 18,
        "audio_tokens": 0,
        "reasoning_tokens": 16,
    }
    client.update(reasoning={"effort": "minimal"})
    response = at(client.respond()[-1], "response")
    assert at(response, "usage", "output_token_details", "reasoning_tokens") == 0
    response = at(client.respond(reasoning={"effort": "high"}, max_output_tokens=4)[-1], "response")
    assert (at(response, "status"), at(response, "output")) == ("incomplete", [])
    client.check()
    older = texting(Say("one"), query="model=gpt-realtime")
    response = at(older.respond(reasoning={"effort": "low"})[-1], "response")
    details = at(response, "usage", "output_token_details")
    assert isinstance(details, dict)
    assert "reasoning_tokens" not in details


def sent_audio(frames: Sequence[Frame]) -> list[bytes]:
    return [
        base64.b64decode(str(frame["delta"]))
        for frame in frames
        if frame["type"] == "response.output_audio.delta"
    ]


def test_a_text_may_have_its_own_sound() -> None:
    sound = tone(440, 1000)
    client = Client(reply=lambda _: [Say("one two three", audio=sound)])
    frames = client.respond()
    client.check()
    pieces = sent_audio(frames)
    assert [len(piece) // 48 for piece in pieces] == [333, 333, 334]
    assert b"".join(pieces) == sound
    item_id = at(frames[-1], "response", "output", 0, "id")
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content", 0, "audio") == base64.b64encode(sound).decode()
    client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    kept = base64.b64encode(sound[:4800]).decode()
    assert at(retrieved, "item", "content", 0, "audio") == kept


def test_sound_needs_no_words_and_is_heard_on_the_telephone() -> None:
    client = Client(reply=lambda _: [Say("", audio=tone(440, 200))])
    client.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    frames = client.respond()
    client.check()
    assert [len(piece) for piece in sent_audio(frames)] == [200 * 8]
    client.update(output_modalities=["text"])
    client.reply = lambda _: [Say("read", audio=tone(440, 200))]
    assert "response.output_text.done" in types_of(client.respond())


def test_sound_is_whole_samples() -> None:
    with pytest.raises(ValueError, match="even number of bytes"):
        Say("x", audio=b"1")
    assert rms(tone(440, 100)) > 0


def test_a_response_can_take_its_time() -> None:
    client = texting(Say("one"), Silence(5), Say("two"))
    client.send("response.create")
    assert types_of(client.run(4))[-1] == "response.output_item.done"
    assert client.run(2)[-1]["type"] == "response.done"
    client.check()


def test_events_may_come_in_the_order_of_another_server() -> None:
    client = Client(manner=Manner(event_order="xai"), reply=lambda _: [Say("one two")])
    assert types_of(client.say("Hello")) == ["conversation.item.added"]
    assert types_of(client.respond()) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_audio.done",
        "response.output_item.done",
        "response.done",
    ]


def test_metadata_may_be_lost() -> None:
    client = Client(manner=Manner(echo_metadata=False))
    frames = client.respond(metadata={"mine": "1"})
    assert at(frames[0], "response", "metadata") is None
    assert at(frames[-1], "response", "metadata") is None


def test_out_of_band_items_join_no_conversation_whatever_they_are() -> None:
    client = texting(Together("one", CALL), CallMcp("buy"))
    frames = client.respond(conversation="none", input=[])
    client.check()
    assert not [frame for frame in frames if str(frame["type"]).startswith("conversation.")]
    assert [at(item, "type") for item in outputs(frames)] == [
        "message",
        "function_call",
        "mcp_call",
    ]
    assert list(client.simulation.conversation) == []


def test_the_voice_is_locked_for_single_responses_too() -> None:
    client = Client(reply=lambda _: [Say("one")])
    client.respond(audio={"output": {"voice": "cedar"}})
    error = error_of(
        client.send("response.create", response={"audio": {"output": {"voice": "ash"}}})
    )
    assert error["code"] == "cannot_update_voice"
    voice = at(client.simulation.session, "audio", "output", "voice")
    assert at(client.respond(audio={"output": {"voice": voice}})[-1], "response", "status") == (
        "completed"
    )
    client.check()


def test_the_done_of_a_response_can_come_late() -> None:  # race: late-done
    client = texting(Say("one"))
    client.simulation.late_done(5)
    client.send("response.create")
    assert types_of(client.run(4))[-1] == "response.output_item.done"
    error = error_of(client.send("response.create"))
    assert error["code"] == "conversation_already_has_active_response"
    assert types_of(client.run(2)) == ["response.done"]
    assert client.respond()[-1]["type"] == "response.done"
    client.check()


def test_a_response_whose_done_is_held_back_can_still_be_cancelled() -> None:
    client = texting(Say("one"))
    client.send("response.create")
    client.simulation.late_done(5)
    client.run(1)
    (done,) = client.send("response.cancel")
    assert at(done, "response", "status") == "cancelled"
    assert at(done, "response", "output", 0, "status") == "completed"
    assert client.run() == []
    client.check()


def test_only_the_event_may_be_late_and_come_twice() -> None:
    # No real server does this; other networks between might.
    with Watch().installed():
        client = texting(Say("one"))
        client.simulation.late_done(5, stays_active=False, duplicates=1)
        (first,) = client.send("response.create")
        client.run(1)
        second = client.send("response.create")[0]
        ends = [frame for frame in client.run() if frame["type"] == "response.done"]
    ids = [at(frame, "response", "id") for frame in ends]
    assert ids == [at(second, "response", "id"), *[at(first, "response", "id")] * 2]


def test_out_of_band_responses_are_not_late() -> None:
    client = texting(Say("one"))
    client.simulation.late_done(5)
    client.send("response.create", response={"conversation": "none"})
    assert types_of(client.run(1))[-1] == "response.done"

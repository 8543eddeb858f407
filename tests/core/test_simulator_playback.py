"""Where the server plays the audio: sideband sessions, and barge-in in its four forms."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, types_of
from trio_realtime._core.simulator import Action, Manner, Say, Silence

# Ten words are 3 s of audio, made in 0.3 s and more.
TEN = Say("a b c d e f g h i j")


def on_call(*plan: Action, manner: Manner | None = None) -> Client:
    return Client(query="call_id=rtc_1", reply=lambda _: plan, manner=manner)


def by_hand(*plan: Action) -> Client:
    return Client(reply=lambda _: plan)


def start(client: Client) -> list[Frame]:
    client.simulation.read_clock(client.now)
    client.simulation.speech_started()
    return client.collect()


def truncated_ms(frames: Sequence[Frame]) -> list[JsonValue]:
    return [
        frame["audio_end_ms"] for frame in frames if frame["type"] == "conversation.item.truncated"
    ]


def test_the_server_plays_and_sends_no_audio() -> None:
    client = on_call(TEN, manner=Manner(rate_limits=True))
    assert client.opening == []
    client.send("response.create")
    generated = client.run(1)
    assert types_of(generated) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "output_audio_buffer.started",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert client.run(1.9) == []
    (stopped,) = client.run(1)
    assert stopped["type"] == "output_audio_buffer.stopped"
    assert stopped["response_id"] == at(generated[-2], "response", "id")
    client.check()


def test_speaking_mid_stream_silences_cancels_and_truncates() -> None:  # race: barge-in
    client = on_call(Say("a b c d e f g h i j " * 10))
    client.send("response.create")
    client.run(0.5)
    frames = start(client)
    client.check()
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "conversation.item.truncated",
    ]
    assert at(frames[-2], "response", "status_details") == {
        "type": "cancelled",
        "reason": "turn_detected",
    }
    assert at(frames[-2], "response", "output", 0, "status") == "incomplete"
    # The first sound came after three words, each of 10 ms.
    assert truncated_ms(frames) == [470]
    (retrieved,) = client.send("conversation.item.retrieve", item_id=frames[-1]["item_id"])
    part = at(retrieved, "item", "content", 0)
    assert at(part, "transcript") is None
    assert len(base64.b64decode(str(at(part, "audio")))) == 470 * 48
    assert client.run() == []


def test_speaking_after_the_item_cancels_a_response_whose_item_is_complete() -> None:
    client = on_call(TEN)
    client.simulation.late_done(10)
    client.send("response.create")
    client.run(1)
    frames = start(client)
    client.check()
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "response.done",
        "conversation.item.truncated",
    ]
    assert at(frames[2], "response", "status") == "cancelled"
    assert at(frames[2], "response", "output", 0, "status") == "completed"
    assert truncated_ms(frames) == [970]


def test_speaking_before_any_output_leaves_a_response_without_items() -> None:
    for client in (on_call(Silence(5), TEN), by_hand(Silence(5), TEN)):
        client.send("response.create")
        client.run(1)
        frames = start(client)
        assert types_of(frames) == ["input_audio_buffer.speech_started", "response.done"]
        assert at(frames[-1], "response", "output") == []
        assert at(frames[-1], "response", "status_details", "reason") == "turn_detected"
        assert client.run(3) == []
        client.check()


def test_speaking_after_the_response_only_silences_and_truncates() -> None:
    client = on_call(TEN)
    client.send("response.create")
    assert at(client.run(1)[-1], "response", "status") == "completed"
    frames = start(client)
    client.check()
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert truncated_ms(frames) == [970]
    assert client.run(10) == []


def test_over_websocket_the_client_plays_and_truncates() -> None:
    client = by_hand(TEN)
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    frames = start(client)
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    item_id = at(frames[-1], "response", "output", 0, "id")
    assert types_of(
        client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=200
        )
    ) == ["conversation.item.truncated"]
    client.simulation.speech_stopped()
    client.answer()
    assert client.run()[-1]["type"] == "response.done"
    assert types_of(start(client)) == ["input_audio_buffer.speech_started"]
    client.check()


def test_who_must_not_be_interrupted_plays_on() -> None:
    client = on_call(TEN)
    client.listen_with(turn_detection={"type": "server_vad", "interrupt_response": False})
    client.send("response.create")
    client.run(0.1)
    assert types_of(start(client)) == ["input_audio_buffer.speech_started"]
    assert client.run()[-1]["type"] == "output_audio_buffer.stopped"
    client.check()


def test_a_client_cancels_and_then_clears() -> None:
    client = on_call(TEN)
    client.send("response.create")
    client.run(0.2)
    assert types_of(client.send("response.cancel"))[-1] == "response.done"
    frames = client.send("output_audio_buffer.clear")
    assert types_of(frames) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert client.run() == []
    (cleared,) = client.send("output_audio_buffer.clear")
    assert cleared["type"] == "output_audio_buffer.cleared"
    client.check()


def test_what_was_generated_is_played_on_after_a_cancellation() -> None:
    client = on_call(TEN)
    client.send("response.create")
    client.run(0.2)
    client.send("response.cancel")
    assert types_of(client.run()) == ["output_audio_buffer.stopped"]
    client.check()


def test_a_response_that_is_silenced_but_not_cancelled_goes_on_unheard() -> None:
    client = on_call(TEN, Say("more and more"))
    client.send("response.create")
    client.run(0.2)
    frames = client.send("output_audio_buffer.clear")
    assert len(truncated_ms(frames)) == 1
    frames = client.run()
    assert frames[-1]["type"] == "response.done"
    assert not [each for each in frames if str(each["type"]).startswith("output_audio_buffer")]
    assert client.simulation.due is not None  # the session's end only
    client.check()


def test_speaking_over_a_response_that_was_silenced_cancels_it_without_a_sound() -> None:
    client = on_call(TEN, Silence(9))
    client.send("response.create")
    client.run(0.2)
    client.send("output_audio_buffer.clear")
    frames = start(client)
    assert "output_audio_buffer.cleared" not in types_of(frames)
    assert frames[-1]["type"] == "response.done"
    client.check()


def test_a_response_waits_until_the_one_before_was_heard() -> None:
    client = on_call(TEN)
    first, *_ = client.send("response.create")
    client.run(1)
    second, *_ = client.send("response.create")
    client.run(1)
    frames = client.run()
    told = [(frame["type"], frame["response_id"]) for frame in frames if "response_id" in frame]
    buffer = "output_audio_buffer."
    assert told == [
        (f"{buffer}stopped", at(first, "response", "id")),
        (f"{buffer}started", at(second, "response", "id")),
        (f"{buffer}stopped", at(second, "response", "id")),
    ]
    client.check()


def test_what_waits_behind_another_response_is_not_heard_at_all() -> None:
    client = on_call(TEN)
    client.send("response.create")
    client.run(1)
    client.send("response.create")
    client.run(1)
    frames = start(client)
    client.check()
    assert types_of(frames) == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert truncated_ms(frames) == [1970, 0]
    assert client.run(10) == []


def test_items_of_one_response_are_truncated_where_each_was_heard() -> None:
    client = on_call(Say("a b"), Say("c d"), Say("e f"))
    client.send("response.create")
    client.run(0.75)
    frames = start(client)
    # The first was heard whole, the second for 130 ms, and the third not at all.
    assert truncated_ms(frames) == [130, 0]
    client.check()


def test_items_the_client_deleted_are_not_truncated() -> None:
    client = on_call(TEN)
    done = (client.send("response.create") + client.run(1))[-1]
    client.send("conversation.item.delete", item_id=at(done, "response", "output", 0, "id"))
    assert truncated_ms(start(client)) == []


@pytest.mark.parametrize("after", [0.5, 5.0])
def test_nobody_hears_what_is_said_out_of_band(after: float) -> None:
    client = on_call(TEN)
    frames = client.send("response.create", response={"conversation": "none"})
    frames += client.run(after)
    assert not [each for each in frames if "output_audio_buffer" in str(each["type"])]
    assert "response.output_audio.delta" not in types_of(frames)


def test_what_follows_an_interruption_plays_at_once() -> None:
    client = on_call(TEN)
    client.send("response.create")
    client.run(1)  # all of it is made, and a second of it heard
    client.send("output_audio_buffer.clear")
    client.send("response.create")
    assert "output_audio_buffer.stopped" not in types_of(client.run(3))
    assert types_of(client.run(0.2)) == ["output_audio_buffer.stopped"]

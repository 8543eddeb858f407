"""The tokens of a context: counted once for each item, and again when the item changes."""

from __future__ import annotations

from pydantic import JsonValue

from tests.core.simulated import Client, at
from trio_realtime._core.simulator import Say


def given(client: Client) -> tuple[JsonValue, JsonValue]:
    """Text and audio tokens of the context of a response asked for now."""
    done = client.respond(output_modalities=["text"])[-1]
    assert done["type"] == "response.done"
    details = at(done, "response", "usage", "input_token_details")
    return at(details, "text_tokens"), at(details, "audio_tokens")


def test_what_is_said_counts_in_every_later_response() -> None:
    client = Client(reply=lambda _: [Say("one two three")])
    client.update(instructions="be brief")
    assert given(client) == (2, 0)
    client.say("four more words here")
    assert given(client) == (2 + 3 + 4, 0)
    assert given(client) == (2 + 3 + 4 + 3, 0)


def test_what_is_cut_off_counts_no_more() -> None:
    client = Client(reply=lambda _: [Say("one two three")])
    client.update(instructions="be brief")
    done = client.respond()[-1]
    assert given(client) == (2 + 3, 900 * 20 // 1000)
    item_id = at(done, "response", "output", 0, "id")
    client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=450)
    assert given(client) == (2 + 3, 450 * 20 // 1000)


def test_what_is_heard_late_counts_from_then_on() -> None:
    client = Client(reply=lambda _: [Say("one")])
    client.update(
        instructions="be brief",
        audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
    )
    client.speak(1000, pause_ms=0)
    client.send("input_audio_buffer.commit")
    client.send("response.create", response={"output_modalities": ["text"]})
    client.run()
    # "Speech of 1.0 seconds." came after the first response had counted.
    assert given(client) == (2 + 4 + 1, 10)


def test_an_item_that_is_being_written_is_counted_again_when_it_is_done() -> None:
    client = Client(reply=lambda _: [Say("one two three")])
    client.update(instructions="be brief")
    client.send("response.create", response={"output_modalities": ["text"]})
    client.run_until("response.output_item.added")
    beside: dict[str, JsonValue] = {"conversation": "none", "output_modalities": ["text"]}
    client.send("response.create", response=beside)
    client.run()
    assert given(client) == (2 + 3, 0)

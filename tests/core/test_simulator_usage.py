"""Usage and rate limits of the simulated server add up."""

from __future__ import annotations

from pydantic import JsonValue

from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, types_of
from trio_realtime._core.simulator import Manner, Say
from trio_realtime.audio import tone


def usage_of(frames: list[Frame]) -> dict[str, JsonValue]:
    done = next(frame for frame in frames if frame["type"] == "response.done")
    usage = at(done, "response", "usage")
    assert isinstance(usage, dict)
    return usage


def number(value: JsonValue, *path: str) -> int:
    found = at(value, *path)
    assert isinstance(found, int)
    return found


def check_sums(usage: dict[str, JsonValue]) -> None:
    given, made = usage["input_token_details"], usage["output_token_details"]
    cached = at(given, "cached_tokens_details")
    assert number(usage, "total_tokens") == sum(
        number(usage, name) for name in ("input_tokens", "output_tokens")
    )
    assert number(usage, "input_tokens") == sum(
        number(given, name) for name in ("text_tokens", "audio_tokens", "image_tokens")
    )
    assert number(usage, "output_tokens") == sum(
        number(made, name) for name in ("text_tokens", "audio_tokens")
    )
    assert number(given, "cached_tokens") == sum(
        number(cached, name) for name in ("text_tokens", "audio_tokens", "image_tokens")
    )
    for name in ("text_tokens", "audio_tokens"):
        assert number(cached, name) <= number(given, name)


def test_what_was_seen_before_is_cached_in_blocks() -> None:
    client = Client(reply=lambda _: [Say("yes")])
    client.listen_with(turn_detection=None)
    client.update(output_modalities=["text"], instructions=" ".join(["word"] * 60))
    client.append(tone(300, 10_000))
    client.send("input_audio_buffer.commit")
    first = usage_of(client.respond())
    assert at(first, "input_token_details", "cached_tokens") == 0
    client.say("more")
    second = usage_of(client.respond())
    # 60 words and 100 tokens of audio were known, and a word that was said: two blocks of 64.
    assert at(second, "input_token_details", "cached_tokens_details") == {
        "text_tokens": 62,
        "audio_tokens": 66,
        "image_tokens": 0,
    }
    own = usage_of(client.respond(conversation="none", input=[]))
    assert at(own, "input_token_details", "cached_tokens") <= own["input_tokens"]  # type: ignore[operator]
    for usage in (first, second, own):
        check_sums(usage)


def test_the_instructions_of_a_response_count_in_place_of_the_sessions() -> None:
    client = Client()
    client.update(instructions="one two three")
    assert usage_of(client.respond(input=[]))["input_tokens"] == 3
    assert usage_of(client.respond(input=[], instructions="one"))["input_tokens"] == 1


def test_an_item_that_is_being_written_counts_as_far_as_it_is_heard() -> None:
    client = Client(reply=lambda _: [Say("a b c d e f g h i j")])
    client.update(instructions="Hush!")
    client.send("response.create")
    client.run(0.2)
    aside: dict[str, JsonValue] = {"conversation": "none", "output_modalities": ["text"]}
    client.send("response.create", response=aside)
    done = [frame["response"] for frame in client.run() if frame["type"] == "response.done"]
    early = next(each for each in done if at(each, "conversation_id") is None)
    late = client.respond(**aside)[-1]["response"]
    assert 0 < number(early, "usage", "input_token_details", "audio_tokens") < 60
    assert number(late, "usage", "input_token_details", "audio_tokens") == 60
    assert number(late, "usage", "input_token_details", "text_tokens") == 11


def limits_of(frames: list[Frame]) -> dict[str, JsonValue]:
    (limits,) = [frame for frame in frames if frame["type"] == "rate_limits.updated"]
    found = at(limits, "rate_limits", 0)
    assert isinstance(found, dict)
    return found


def test_rate_limits_go_down_by_what_was_used_and_fill_up_again() -> None:
    client = Client(manner=Manner(rate_limits=True), reply=lambda _: [Say("one two three")])
    frames = client.send("response.create") + client.run(1)
    used = number(usage_of(frames), "total_tokens")
    limits = limits_of(frames)
    assert limits["limit"] == 40_000
    assert 40_000 - used <= number(limits, "remaining") < 40_000
    client.check()
    client.simulation.read_clock(client.now)
    client.simulation.rate_limits(limit=600, remaining=100)
    frames = client.send("response.create") + client.run(0.5)
    used = number(usage_of(frames), "total_tokens")
    limits = limits_of(frames)
    # Ten tokens a second come back.
    assert 100 - used <= number(limits, "remaining") <= 105 - used
    missing = 600 - number(limits, "remaining")
    assert abs(float(str(limits["reset_seconds"])) - missing / 10) < 0.2
    client.run(60)
    assert number(limits_of(client.respond()), "remaining") > 500
    client.check()


def test_rate_limits_never_go_below_nothing() -> None:
    client = Client(reply=lambda _: [Say("one two three")])
    client.simulation.rate_limits(limit=60, remaining=1)
    assert limits_of(client.respond())["remaining"] == 0
    assert "rate_limits.updated" not in types_of(client.respond())
    client.simulation.rate_limits(remaining=7)
    assert limits_of(client.respond())["limit"] == 60
    client.simulation.rate_limits(limit=50)
    assert number(limits_of(client.respond()), "remaining") < 50

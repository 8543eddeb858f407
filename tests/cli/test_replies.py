from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from tests.testing.raw import raw_client
from trio_realtime.cli._replies import Heard, Item, Replies, Rule, heard_from_items
from trio_realtime.testing import Answer, Conversation, Say, SimulatedServer, SimulatedSession


def user(*parts: JsonValue) -> Item:
    return {"type": "message", "role": "user", "content": list(parts)}


def text(said: str) -> dict[str, JsonValue]:
    return {"type": "input_text", "text": said}


def call(call_id: str, name: str) -> Item:
    return {"type": "function_call", "call_id": call_id, "name": name}


def output(call_id: str) -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": "{}"}


ASSISTANT: Item = {"type": "message", "role": "assistant", "content": []}


@pytest.mark.parametrize(
    ("items", "heard"),
    [
        ([], Heard()),
        ([ASSISTANT], Heard()),
        ([user(text("one")), ASSISTANT, user(text("two"), text("three"))], Heard("two three")),
        ([user(text("one")), ASSISTANT], Heard("one")),
        (
            [user({"type": "input_audio", "transcript": "heard"}, "odd", {"text": 4})],
            Heard("heard"),
        ),
        ([{"type": "message", "role": "user"}], Heard()),
        ([user(text("one")), call("1", "f"), output("1")], Heard("", ("f",))),
        ([call("1", "f"), call("2", "g"), output("1"), output("2")], Heard("", ("g", "f"))),
        ([output("lost")], Heard("", ("",))),
        ([call("1", "f"), output("1"), user(text("two"))], Heard("two")),
    ],
)
def test_what_was_last_said_is_a_text_or_what_functions_returned(
    items: Sequence[Item], heard: Heard
) -> None:
    assert heard_from_items(items) == heard


def test_a_rule_fits_a_text_or_the_output_of_a_function() -> None:
    about_weather = Rule("?", text=re.compile("weather"))
    after_weather = Rule("!", output_of="get_weather")
    assert about_weather.fits(Heard("the weather?"))
    assert not about_weather.fits(Heard("the time?"))
    assert not Rule("", text=re.compile("")).fits(Heard(functions=("f",)))
    assert after_weather.fits(Heard(functions=("f", "get_weather")))
    assert not after_weather.fits(Heard("get_weather"))


async def asked(replies: Replies, *creates: Item) -> list[str]:
    """What a session is answered, by name of what it brings."""
    said: list[str] = []
    async with SimulatedServer(replies) as server:
        async with raw_client(server) as client:
            await client.send(
                "session.update", session={"type": "realtime", "output_modalities": ["text"]}
            )
            for create in creates:
                await client.send("response.create", response=create)
                done = await client.until("response.done")
                said.append(str(done))
    return said


async def test_replies_follow_one_another_in_each_session_and_begin_again() -> None:
    replies = Replies(["one", [Say("two")]])
    for _ in range(2):
        first, second, third = await asked(replies, {}, {}, {})
        assert "'one'" in first
        assert "'two'" in second
        assert "'one'" in third


async def test_a_default_follows_when_replies_are_used_up() -> None:
    first, second, third = await asked(Replies(["one"], default="rest"), {}, {}, {})
    assert "'one'" in first
    assert "'rest'" in second
    assert "'rest'" in third


async def test_without_replies_the_default_answers_which_is_an_echo() -> None:
    (said,) = await asked(Replies(default="always"), {})
    assert "'always'" in said
    create: Item = {"conversation": "none", "input": [user(text("Hello"))]}
    (said,) = await asked(Replies(), create)
    assert "'You said: Hello'" in said


async def test_a_rule_that_fits_comes_first_and_uses_no_reply_up() -> None:
    rules = [Rule("a rule", text=re.compile("r")), Rule("never", text=re.compile("rule"))]
    brought: Item = {"conversation": "none", "input": [user(text("rule"))]}
    first, second = await asked(Replies(["one"], rules=rules), brought, {})
    assert "'a rule'" in first
    assert "'one'" in second


async def test_items_that_are_referred_to_are_looked_at() -> None:
    replies = Replies(rules=[Rule("found", text=re.compile("secret word"))])
    async with SimulatedServer(replies) as server:
        async with raw_client(server) as client:
            item: JsonValue = {**user(text("the secret word")), "id": "known"}
            await client.send("conversation.item.create", item=item)
            await client.send("conversation.item.create", item=user(text("something else")))
            brought: JsonValue = [{"type": "item_reference", "id": "known"}]
            await client.send(
                "response.create", response={"conversation": "none", "input": brought}
            )
            assert "'found'" in str(await client.until("response.done"))


async def test_a_reply_may_be_a_function() -> None:
    async def later(session: SimulatedSession, conversation: Conversation, create: Item) -> Answer:
        return f"{len(conversation)} items"

    first, second = await asked(Replies([later, "one"]), {}, {})
    assert "'0 items'" in first
    assert "'one'" in second

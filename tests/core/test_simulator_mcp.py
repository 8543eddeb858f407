"""MCP servers of the simulated server: listing, calling, approving. After the specification."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from tests.core.simulated import Client, at, error_of
from tests.testing.faithful import Frame, types_of
from trio_realtime._core.simulator import Action, CallMcp, Fail, Manner, McpServer, Say, Together

SCHEMA: JsonValue = {
    "type": "object",
    "properties": {"what": {"type": "string", "title": "What"}},
    "required": ["what"],
}
SHOP = McpServer([{"name": "buy", "input_schema": SCHEMA}, "look"], seconds=1)


def shop(**tool: JsonValue) -> dict[str, JsonValue]:
    return {
        "type": "mcp",
        "server_label": "shop",
        "server_url": "https://shop.example/mcp",
        "require_approval": "never",
        **tool,
    }


def shopping(*plan: Action, server: McpServer = SHOP, **tool: JsonValue) -> Client:
    """A client whose session has a shop, which has listed its tools."""
    manner = Manner(mcp_servers={"shop": server})
    client = Client(manner=manner, reply=lambda _: plan) if plan else Client(manner=manner)
    client.update(tools=[shop(**tool)], output_modalities=["text"])
    client.run(2)
    return client


def outputs(frames: Sequence[Frame]) -> list[JsonValue]:
    output = at(frames[-1], "response", "output")
    assert isinstance(output, list)
    return output


def test_a_server_lists_its_tools() -> None:
    client = Client(manner=Manner(mcp_servers={"shop": SHOP}))
    assert types_of(client.update(tools=[shop()])) == ["session.updated"]
    assert types_of(client.run(0.5)) == ["conversation.item.added", "mcp_list_tools.in_progress"]
    frames = client.run(1)
    assert types_of(frames) == ["mcp_list_tools.completed", "conversation.item.done"]
    item = frames[-1]["item"]
    assert (at(item, "type"), at(item, "server_label")) == ("mcp_list_tools", "shop")
    (buy, look) = [at(item, "tools", number) for number in range(2)]
    assert at(buy, "input_schema") == SCHEMA
    assert (at(look, "name"), at(look, "input_schema", "type")) == ("look", "object")
    client.check()


def test_tools_are_listed_once_for_each_definition() -> None:
    client = shopping()
    client.update(instructions="Be brief.")
    client.update(tools=[shop()])
    client.respond(tools=[shop()])
    assert listings(client) == 1
    client.update(tools=[shop(allowed_tools=["look"])])
    client.run()
    assert listings(client) == 2
    client.update(tools=[])
    client.update(tools=[shop()])
    client.run()
    assert listings(client) == 3
    client.respond(tools=[shop(server_label="other")])
    assert listings(client) == 4
    client.check()


def listings(client: Client) -> int:
    return sum(entry.type == "mcp_list_tools" for entry in client.simulation.conversation)


@pytest.mark.parametrize("allowed", [["look"], {"tool_names": ["look"]}])
def test_only_allowed_tools_are_listed(allowed: JsonValue) -> None:
    client = shopping(allowed_tools=allowed)
    (entry,) = client.simulation.conversation
    assert [at(tool, "name") for tool in listed(entry.item["tools"])] == ["look"]


def listed(value: JsonValue) -> list[JsonValue]:
    assert isinstance(value, list)
    return value


def test_a_listing_may_fail_and_a_server_nobody_described_lists_nothing() -> None:
    client = shopping(server=McpServer(fails=True))
    assert "mcp_list_tools.failed" in types_of(client.frames)
    client.update(tools=[shop(server_label="elsewhere")])
    frames = client.run()
    assert at(frames[-1], "item", "tools") == []
    assert "mcp_list_tools.completed" in types_of(frames)
    client.check()


def test_a_server_has_a_label_and_an_address() -> None:
    client = Client()
    error = error_of(client.update(tools=[{"type": "mcp", "server_url": "https://x"}]))
    assert error["param"] == "session.tools[0].server_label"
    error = error_of(client.update(tools=[{"type": "mcp", "server_label": "shop"}]))
    assert error["param"] == "session.tools[0].server_url"
    assert client.simulation.session["tools"] == []
    known: JsonValue = {"type": "mcp", "server_label": "shop"}
    error = error_of(client.send("response.create", response={"tools": [known]}))
    assert error["param"] == "response.tools[0].server_url"
    client.update(tools=[{"type": "function", "name": "f"}, shop()])
    client.run()
    assert at(client.respond(tools=[known])[-1], "response", "status") == "completed"
    client.check()


def test_a_call_is_made_by_the_server() -> None:
    client = shopping(CallMcp("buy", {"what": "tea"}, "bought"), Say("Done."))
    frames = client.respond()
    client.check()
    assert types_of(frames)[:8] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
    ]
    call, said = outputs(frames)
    assert at(call, "server_label") == "shop"
    assert at(call, "arguments") == '{"what": "tea"}'
    assert at(call, "output") == "bought"
    assert at(call, "error") is None
    assert at(call, "approval_request_id") is None
    assert at(said, "phase") == "final_answer"
    in_progress = next(each for each in frames if each["type"] == "response.mcp_call.in_progress")
    assert set(in_progress) == {"type", "event_id", "item_id", "output_index"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("no tea left", {"type": "tool_execution_error", "message": "no tea left"}),
        (
            {"type": "http_error", "code": 503, "message": "down"},
            {"type": "http_error", "code": 503, "message": "down"},
        ),
    ],
)
def test_a_call_may_fail(given: str | dict[str, JsonValue], error: JsonValue) -> None:
    client = shopping(CallMcp("buy", error=given))
    frames = client.respond()
    client.check()
    assert "response.mcp_call.failed" in types_of(frames)
    (call,) = outputs(frames)
    assert (at(call, "error"), at(call, "output")) == (error, None)
    assert at(frames[-1], "response", "status") == "completed"


def test_a_call_goes_to_the_server_that_lists_the_tool() -> None:
    other = McpServer(["sell"])
    client = Client(
        manner=Manner(mcp_servers={"shop": SHOP, "market": other}),
        reply=lambda _: [CallMcp("sell"), CallMcp("unknown"), CallMcp("buy", server_label="own")],
    )
    market = shop(server_label="market", server_url=None, connector_id="connector_gmail")
    client.update(tools=[shop(), market])
    client.run()
    labels = [at(item, "server_label") for item in outputs(client.respond())]
    assert labels == ["market", "shop", "own"]
    assert [
        at(item, "server_label")
        for item in outputs(Client(reply=lambda _: [CallMcp("buy")]).respond())
    ] == ["mcp"]


def test_a_call_takes_its_time_and_can_be_given_up() -> None:
    client = shopping(Together(CallMcp("buy", seconds=9), Say("Wait.")))
    client.send("response.create")
    client.run_until("response.mcp_call.in_progress")
    assert client.run(8) == []
    frames = client.send("response.cancel")
    assert types_of(frames)[0] == "response.mcp_call.failed"
    assert frames[-1]["type"] == "response.done"
    client.send("response.create")
    client.run_until("response.mcp_call_arguments.delta")
    assert types_of(client.send("response.cancel"))[:2] == [
        "response.mcp_call_arguments.done",
        "conversation.item.done",
    ]
    client.check()


def test_a_call_may_be_cut_off() -> None:
    client = shopping(CallMcp("buy"), Fail())
    frames = client.respond()
    assert "response.mcp_call.in_progress" not in types_of(frames)
    frames = shopping(CallMcp("buy", {"what": "tea"})).respond(max_output_tokens=1)
    assert at(frames[-1], "response", "status_details", "reason") == "max_output_tokens"


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (None, True),
        ("always", True),
        ("never", False),
        ({"always": {"tool_names": ["buy"]}}, True),
        ({"always": {"tool_names": ["look"]}}, False),
        ({"never": {"tool_names": ["look"]}}, True),
        ({"never": {"tool_names": ["buy"]}}, False),
        ({"always": {"tool_names": ["buy"]}, "never": {"tool_names": ["buy"]}}, True),
        ({"never": {"read_only": True}}, True),
    ],
)
def test_a_call_may_need_approval(rule: JsonValue, asked: bool) -> None:
    client = shopping(CallMcp("buy"), require_approval=rule)
    (item,) = outputs(client.respond())
    assert at(item, "type") == ("mcp_approval_request" if asked else "mcp_call")
    client.check()


def approve(client: Client, request_id: JsonValue, *, approved: bool = True) -> list[Frame]:
    return client.send(
        "conversation.item.create",
        item={
            "type": "mcp_approval_response",
            "approval_request_id": request_id,
            "approve": approved,
        },
    )


def test_an_approved_call_begins_the_next_response() -> None:
    client = shopping(CallMcp("buy", {"what": "tea"}, "bought"), require_approval="always")
    frames = client.respond()
    client.check()
    assert types_of(frames) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    (request,) = outputs(frames)
    assert at(request, "arguments") == '{"what": "tea"}'
    assert types_of(approve(client, at(request, "id"))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    client.reply = lambda _: [Say("There you are.")]
    call, said = outputs(client.respond())
    assert at(call, "output") == "bought"
    assert at(call, "approval_request_id") == at(request, "id")
    assert at(said, "type") == "message"
    (again,) = outputs(client.respond())
    assert at(again, "type") == "message"
    client.check()


def test_a_call_that_is_denied_is_not_made() -> None:
    client = shopping(CallMcp("buy"), require_approval="always")
    (request,) = outputs(client.respond())
    approve(client, at(request, "id"), approved=False)
    approve(client, "mcpr_unknown")
    client.reply = lambda _: [Say("Then not.")]
    assert [at(item, "type") for item in outputs(client.respond())] == ["message"]


def test_what_is_approved_is_not_called_out_of_band() -> None:
    client = shopping(CallMcp("buy"), require_approval="always")
    (request,) = outputs(client.respond())
    approve(client, at(request, "id"))
    client.reply = lambda _: [Say("aside")]
    kinds = [at(item, "type") for item in outputs(client.respond(conversation="none"))]
    assert kinds == ["message"]
    kinds = [at(item, "type") for item in outputs(client.respond())]
    assert kinds == ["mcp_call", "message"]


def test_by_default_the_model_calls_what_servers_list() -> None:
    client = shopping()
    client.say('call buy {"what": "tea"}')
    call, said = outputs(client.respond())
    assert (at(call, "arguments"), at(call, "output")) == ('{"what": "tea"}', "ok")
    assert at(said, "content", 0, "text") == "buy returned ok"
    choice: JsonValue = {"type": "mcp", "server_label": "shop"}
    client.say("Hello")
    forced = outputs(client.respond(tool_choice=choice))
    assert at(forced[0], "arguments") == '{"what": "what"}'
    named: JsonValue = {"type": "mcp", "server_label": "shop", "name": "look"}
    assert at(outputs(client.respond(tool_choice=named))[0], "name") == "look"
    client.check()


def test_by_default_the_model_asks_and_tells_what_was_decided() -> None:
    client = shopping(require_approval="always")
    for approved, text in ((True, "buy returned ok"), (False, "buy was not approved")):
        client.say("call buy")
        (request,) = outputs(client.respond())
        approve(client, at(request, "id"), approved=approved)
        said = outputs(client.respond())
        assert at(said[-1], "content", 0, "text") == text
        assert len(said) == (2 if approved else 1)
    client.say("call buy")
    (request,) = outputs(client.respond())
    approve(client, at(request, "id"), approved=False)
    client.send("conversation.item.delete", item_id=at(request, "id"))
    (said_last,) = outputs(client.respond())
    assert at(said_last, "content", 0, "text") == f"{at(request, 'id')} was not approved"
    client.check()

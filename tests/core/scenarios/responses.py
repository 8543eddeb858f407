"""Responses, their ends and the tools of MCP servers, brought about."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from tests.core.scenarios.shared import (
    Outcome,
    Scenario,
    alike,
    function,
    hello,
    outcome_of,
    proves,
    request,
    slow,
    spoken_item,
    texting,
)
from tests.core.simulated import Client, at
from tests.testing.faithful import Frame
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    Fail,
    Incomplete,
    Manner,
    McpServer,
    Refuse,
    Say,
    Silence,
    Together,
)


def answered_with(*plan: Action) -> Client:
    return texting(lambda _: plan)


@proves("respond-text")
def _() -> Outcome:
    client = texting()
    hello(client)
    return outcome_of(client.respond())


@proves("respond-to-first")
def _() -> Outcome:
    client = texting()
    (first, _) = hello(client)
    frames = client.respond()
    places = [frame["previous_item_id"] for frame in frames if "previous_item_id" in frame]
    assert places == [at(first, "item", "id"), None]
    return outcome_of(frames)


@proves("respond-speech")
def _() -> Outcome:
    client = Client()
    hello(client)
    return outcome_of(client.respond())


proves("respond-call")(lambda: outcome_of(answered_with(CallTool("look_up", {"n": 1})).respond()))
proves("respond-calls")(
    lambda: outcome_of(answered_with(CallTool("one"), CallTool("two")).respond())
)
proves("respond-together")(
    lambda: outcome_of(answered_with(Together("One moment.", CallTool("look_up"))).respond())
)
proves("respond-silence")(lambda: outcome_of(answered_with(Silence()).respond()))


@proves("respond-overridden")
def _() -> Outcome:
    client = Client()
    frames = client.respond(output_modalities=["text"], metadata={"mine": "1"})
    assert at(frames[0], "response", "metadata") == {"mine": "1"}
    assert at(frames[-1], "response", "metadata") == {"mine": "1"}
    assert client.simulation.session["output_modalities"] == ["audio"]
    return outcome_of(frames)


@proves("respond-out-of-tokens")
def _() -> Outcome:
    client = answered_with(Say("one two three four"))
    frames = client.respond(max_output_tokens=2)
    assert at(frames[-1], "response", "output", 0, "content", 0, "text") == "one two"
    return outcome_of(frames)


proves("respond-filtered")(
    lambda: outcome_of(answered_with(Say("one two"), Incomplete("content_filter")).respond())
)


@proves("respond-failed")
def _() -> Outcome:
    client = answered_with(Fail("inference_rate_limit_exceeded"))
    frames = client.respond()
    assert outcome_of(hello(client))[0] == "conversation.item.added"
    return outcome_of(frames)


proves("respond-refused")(lambda: outcome_of(answered_with(Refuse("server_error")).respond()))


@proves("respond-refused-late")
def _() -> Outcome:
    client = texting(lambda _: None)
    frames = client.send("response.create")
    (question,) = client.unanswered
    client.simulation.answer(question, [Refuse("rate_limit_exceeded")], client.now)
    return outcome_of(frames + client.run())


@proves("respond-again")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    frames = client.send("response.create", event_id="event_2")
    assert at(frames[0], "error", "event_id") == "event_2"
    assert client.run()[-1]["type"] == "response.done"
    return outcome_of(frames)


@proves("respond-out-of-band")
def _() -> Outcome:
    client = texting()
    frames = client.respond(conversation="none", metadata={"mine": "1"})
    assert len(client.simulation.conversation) == 0
    return outcome_of(frames)


@proves("respond-out-of-band-beside")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    frames = client.send("response.create", response={"conversation": "none"})
    assert [frame["type"] for frame in client.run()].count("response.done") == 2
    return outcome_of(frames)


@proves("respond-input")
def _() -> Outcome:
    client = texting()
    hello(client, id="item_1")
    reference: JsonValue = {"type": "item_reference", "id": "item_1"}
    frames = client.respond(conversation="none", input=[reference])
    assert at(frames[-1], "response", "output", 0, "content", 0, "text") == "You said: Hello"
    return outcome_of(frames)


def respond(*several: dict[str, JsonValue]) -> Scenario:
    """A scenario of responses that are all answered alike."""
    return alike("response.create", *({"response": each} for each in several))


proves("respond-input-unknown")(respond({"input": [{"type": "item_reference", "id": "item_x"}]}))
proves("respond-unknown-setting")(respond({"modalities": ["text"]}))
proves("respond-unknown-choice")(
    respond({"audio": {"output": {"format": {"type": "audio/mp3"}}}}, {"conversation": "mine"})
)
proves("respond-tool-incomplete")(
    respond(function(), {"tools": [{"type": "mcp", "server_label": "maps"}]})
)
proves("respond-much-metadata")(respond({"metadata": {str(n): "x" for n in range(17)}}))
proves("respond-long-metadata")(
    respond({"metadata": {"x" * 65: "1"}}, {"metadata": {"mine": "x" * 513}})
)


@proves("respond-voice-locked")
def _() -> Outcome:
    client = Client()
    spoken_item(client)
    return outcome_of(client.respond(audio={"output": {"voice": "cedar"}}))


proves("respond-transcribing")(
    lambda: outcome_of(Client(query="intent=transcription").send("response.create"))
)


def cancelled_after(client: Client, kind: str) -> Outcome:
    client.send("response.create")
    client.run_until(kind)
    frames = client.send("response.cancel")
    assert client.run() == []
    return outcome_of(frames)


proves("cancel-speech")(
    lambda: cancelled_after(
        Client(reply=lambda _: [Say("one two three four")]), "response.output_audio.delta"
    )
)
proves("cancel-text")(
    lambda: cancelled_after(answered_with(Say("one two three")), "response.output_text.delta")
)


@proves("cancel-call")
def _() -> Outcome:
    client = answered_with(CallTool("look_up", {"what": "a long argument"}))
    outcome = cancelled_after(client, "response.function_call_arguments.delta")
    (done,) = (frame for frame in client.frames if str(frame["type"]).endswith("arguments.done"))
    assert done["arguments"] == '{"what'
    return outcome


@proves("cancel-before-output")
def _() -> Outcome:
    client = slow(latency=1.0)
    client.send("response.create")
    return outcome_of(client.send("response.cancel"))


@proves("cancel-by-id")
def _() -> Outcome:
    client = slow(latency=1.0)
    client.send("response.create")
    (created,) = client.send("response.create", response={"conversation": "none"})
    response_id = at(created, "response", "id")
    frames = client.send("response.cancel", response_id=response_id)
    assert at(frames[-1], "response", "id") == response_id
    assert at(client.run()[-1], "response", "status") == "completed"
    return outcome_of(frames)


proves("cancel-nothing")(request("response.cancel"))
proves("cancel-unknown")(request("response.cancel", response_id="resp_x"))


def with_mcp(*plan: Action, approval: str = "never", fails: bool = False) -> tuple[Client, Outcome]:
    """A client of a session with an MCP server, and what came of naming it."""
    maps = McpServer(["look_up"], fails=fails)
    plans = iter([plan, ()])
    client = Client(manner=Manner(mcp_servers={"maps": maps}), reply=lambda _: [*next(plans)])
    server: JsonValue = {
        "type": "mcp",
        "server_label": "maps",
        "server_url": "https://mcp.example",
        "require_approval": approval,
    }
    frames = client.update(tools=[server]) + client.run(1.0)
    return client, outcome_of(frames)


proves("mcp-list")(lambda: with_mcp()[1])
proves("mcp-list-failed")(lambda: with_mcp(fails=True)[1])


def mcp_response(client: Client) -> Outcome:
    return outcome_of(client.respond())


LOOK_UP: Final = CallMcp("look_up", {"what": "herring"}, output="a fish")

proves("mcp-call")(lambda: mcp_response(with_mcp(LOOK_UP)[0]))
proves("mcp-call-failed")(
    lambda: mcp_response(with_mcp(CallMcp("look_up", error="no such fish"))[0])
)


@proves("mcp-call-cancelled")
def _() -> Outcome:
    client, _ = with_mcp(CallMcp("look_up", seconds=5.0))
    client.send("response.create")
    client.run_until("response.mcp_call.in_progress")
    return outcome_of(client.send("response.cancel"))


proves("mcp-approval")(lambda: mcp_response(with_mcp(LOOK_UP, approval="always")[0]))


def approving(*, approve: bool) -> tuple[Client, list[Frame]]:
    client, _ = with_mcp(LOOK_UP, approval="always")
    request_id = at(client.respond()[-1], "response", "output", 0, "id")
    item: JsonValue = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": approve,
    }
    return client, client.send("conversation.item.create", item=item)


proves("mcp-answered")(lambda: outcome_of(approving(approve=True)[1]))
proves("mcp-answered-unasked")(
    request(
        "conversation.item.create",
        item={"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    )
)
proves("mcp-approved")(lambda: mcp_response(approving(approve=True)[0]))
proves("mcp-denied")(lambda: mcp_response(approving(approve=False)[0]))

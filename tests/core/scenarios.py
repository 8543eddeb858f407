"""Every row of the evidence table, brought about: by its id, what the simulated server sends.

Each scenario drives a session into the row's situation, checks what the row says beside its
outcome, and returns what came out.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

import pytest
import trio
import trio_websocket
from pydantic import JsonValue

from tests.core.simulated import Client, at, by_default
from tests.testing.faithful import Frame, check_frame
from tests.testing.raw import raw_client
from tests.testing.watch import Watch
from trio_realtime import HandshakeRejectedError, open_realtime
from trio_realtime._core.simulator import (
    Action,
    CallMcp,
    CallTool,
    ClientHandshake,
    Fail,
    Incomplete,
    Manner,
    McpServer,
    Pace,
    Question,
    Refuse,
    RefusedError,
    Say,
    Silence,
    Simulation,
    Together,
)
from trio_realtime._core.simulator._secrets import Secrets
from trio_realtime.audio import silence, tone
from trio_realtime.testing import SimulatedServer

Outcome: TypeAlias = tuple[str, ...]
Scenario: TypeAlias = Callable[[], "Outcome | Awaitable[Outcome]"]

SCENARIOS: Final[dict[str, Scenario]] = {}
"""By the id of the row, how it is brought about."""


def proves(row_id: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        assert row_id not in SCENARIOS, f"two scenarios for {row_id}"
        SCENARIOS[row_id] = scenario
        return scenario

    return register


def outcome_of(frames: Sequence[Frame], closing: tuple[int, str] | None = None) -> Outcome:
    """Write what was sent as the table does."""
    steps: list[str] = []
    deltas = len(steps)  # where the run of deltas began
    for frame in frames:
        step = _step(frame)
        if not step.endswith(".delta"):
            if step not in steps[-1:]:
                steps.append(step)
            deltas = len(steps)
        elif step not in steps[deltas:]:
            steps.append(step)
    if closing is not None:
        steps.append(f"close({closing[0]})")
    return tuple(steps) or ("nothing",)


def _step(frame: Frame) -> str:
    kind = str(frame["type"])
    if kind in ("error", "conversation.item.input_audio_transcription.failed"):
        return f"{kind}({at(frame, 'error', 'code')})"
    if kind == "response.done":
        status, details = at(frame, "response", "status"), at(frame, "response", "status_details")
        if details is None:
            return f"{kind}({status})"
        why = at(details, "error", "code") if status == "failed" else at(details, "reason")
        return f"{kind}({status}: {why})"
    return kind


def since(kind: str, client: Client) -> list[Frame]:
    """What was sent from the first event of this type on."""
    number = next(n for n, frame in enumerate(client.frames) if frame["type"] == kind)
    return client.frames[number:]


def texting(reply: Callable[[Question], Sequence[Action] | None] = by_default) -> Client:
    client = Client(reply=reply)
    client.update(output_modalities=["text"])
    return client


def slow(**options: float) -> Client:
    """A client of a server that takes its time."""
    return Client(reply=lambda _: [Say("one two three four")], manner=Manner(pace=Pace(**options)))


def hello(client: Client, **fields: JsonValue) -> list[Frame]:
    return client.say("Hello", **fields)


def spoken_item(client: Client) -> str:
    """Let the model speak; returns the id of what it said."""
    hello(client)
    return str(at(client.respond()[-1], "response", "output", 0, "id"))


# --- connecting


@proves("connect")
def _() -> Outcome:
    return outcome_of(Client().opening)


@proves("connect-transcription")
def _() -> Outcome:
    (created,) = opening = Client(query="intent=transcription").opening
    assert at(created, "session", "type") == "transcription"
    assert at(created, "session", "audio", "input", "turn_detection", "type") == "server_vad"
    return outcome_of(opening)


@proves("connect-sideband")
def _() -> Outcome:
    client = Client(query="call_id=rtc_1")
    assert outcome_of(client.update()) == ("session.updated",)
    return outcome_of(client.opening)


def with_key(*headers: tuple[str, str]) -> Outcome:
    client = Client(manner=Manner(api_key="sk-right"), headers=headers)
    return outcome_of(client.opening, client.simulation.closing)


proves("connect-bad-key")(lambda: with_key(("Authorization", "Bearer sk-proj-another-key-1234")))
proves("connect-without-key")(with_key)


@proves("connect-beta")
def _() -> Outcome:
    client = Client(headers=(("OpenAI-Beta", "realtime=v1"),))
    return outcome_of(client.opening, client.simulation.closing)


@proves("connect-without-model")
def _() -> Outcome:
    client = Client(query="")
    return outcome_of(client.opening, client.simulation.closing)


def _status(error: trio_websocket.ConnectionRejected) -> bool:
    return error.status_code == 404


@proves("connect-elsewhere")
async def _() -> Outcome:
    async with SimulatedServer() as server:
        rejected = pytest.RaisesExc(trio_websocket.ConnectionRejected, check=_status)
        with pytest.RaisesGroup(rejected):
            async with raw_client(server, "/v1/elsewhere"):
                pass
    return ("http(404)",)


@proves("connect-refused")
async def _() -> Outcome:
    async with SimulatedServer() as server:
        server.refuse_connection(429, retry_after=2)
        with pytest.raises(HandshakeRejectedError) as caught:
            async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint):
                pass
    return (f"http({caught.value.status_code})",)


@proves("close")
async def _() -> Outcome:
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        await client.ws.aclose()
        assert client.ws.closed is not None
        return (f"close({client.ws.closed.code})",)


@proves("variant-no-close")
async def _() -> Outcome:
    async with SimulatedServer(answer_close=False) as server, raw_client(server) as client:
        await client.receive()
        with trio.move_on_after(3600) as scope:
            await client.ws.aclose()
        return ("nothing",) if scope.cancelled_caught else ("close(1000)",)


# --- ephemeral keys


def secrets() -> Secrets:
    return Secrets(lambda count: "x" * count)


def asked(*bodies: JsonValue) -> Scenario:
    """A scenario of requests for a key that are all answered alike."""

    def scenario() -> Outcome:
        outcomes: set[str] = set()
        for body in bodies:
            try:
                made = secrets().create(body, now=0.0, unix_time=1_800_000_000.0)
            except RefusedError as error:
                outcomes.add(f"http(400: {error.code})")
            else:
                outcomes.add("http(200)")
                assert str(made["value"]).startswith("ek_")
                assert made["expires_at"] == 1_800_000_600
                assert at(made, "session", "expires_at") == 0
        return tuple(outcomes)

    return scenario


proves("secret")(asked({}, {"session": {"type": "transcription"}}))
proves("secret-parameter-type")(
    asked(
        [],
        {"session": 7},
        {"session": {"type": "realtime", "model": 7}},
        {"expires_after": 7},
        {"expires_after": {"seconds": "long"}},
    )
)
proves("secret-unknown-parameter")(asked({"colour": "red"}, {"expires_after": {"hours": 1}}))
proves("secret-unknown-value")(
    asked({"expires_after": {"anchor": "noon"}}, {"session": {"type": "poem"}})
)
proves("secret-without-type")(asked({"session": {}}))
proves("secret-too-short")(asked({"expires_after": {"seconds": 9}}))
proves("secret-too-long")(asked({"expires_after": {"seconds": 7201}}))


def opened_with_secret(*, seconds_later: float) -> tuple[list[Frame], tuple[int, str] | None]:
    given = secrets()
    session: JsonValue = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sing."}
    key = str(given.create({"session": session}, now=0.0, unix_time=0.0)["value"])
    simulation = Simulation(
        ClientHandshake("/v1/realtime", "", (("Authorization", f"Bearer {key}"),)),
        Manner(api_key="sk-another"),
        lambda count: "x" * count,
        now=seconds_later,
        unix_time=seconds_later,
        secret=given.find(key),
    )
    simulation.open()
    return [check_frame(message) for message in simulation.outbox], simulation.closing


@proves("connect-with-secret")
def _() -> Outcome:
    frames, closing = opened_with_secret(seconds_later=599.0)
    assert at(frames[0], "session", "instructions") == "Sing."
    assert at(frames[0], "session", "model") == "gpt-realtime-2.1"
    return outcome_of(frames, closing)


@proves("connect-with-expired-secret")
def _() -> Outcome:
    return outcome_of(*opened_with_secret(seconds_later=601.0))


# --- any message


def asked_for(client: Client, kind: str, **fields: JsonValue) -> Outcome:
    """Send one event; an error names its `event_id`."""
    frames = client.send(kind, event_id="event_of_mine", **fields)
    for frame in frames:
        if frame["type"] == "error":
            assert at(frame, "error", "event_id") == "event_of_mine"
    return outcome_of(frames)


def request(kind: str, **fields: JsonValue) -> Scenario:
    return lambda: asked_for(Client(), kind, **fields)


def alike(kind: str, *several: Mapping[str, JsonValue]) -> Scenario:
    """A scenario of events that are all answered alike, each in a session of its own."""

    def scenario() -> Outcome:
        outcomes = {str(fields): asked_for(Client(), kind, **fields) for fields in several}
        assert len(set(outcomes.values())) == 1, outcomes
        return next(iter(outcomes.values()))

    return scenario


@proves("no-json")
def _() -> Outcome:
    messages: tuple[str | bytes, ...] = (
        "[1]",
        "Hello",
        '{"type": NaN}',
        '{"type": 1e999}',
        '{"type": "\\ud800"}',
        b"\xff",
        '{"a": ' + "[" * 200 + "]" * 200 + "}",
    )
    (outcome,) = {outcome_of(Client().raw(message)) for message in messages}
    return outcome


proves("no-type")(lambda: outcome_of(Client().raw('{"audio": ""}')))
proves("unknown-type")(lambda: outcome_of(Client().send("scooby.dooby.doo")))
proves("event-id-too-long")(
    lambda: outcome_of(Client().send("response.cancel", event_id="x" * 513))
)
proves("unknown-parameter")(request("input_audio_buffer.clear", colour="red"))
proves("missing-parameter")(request("conversation.item.delete"))
proves("parameter-type")(request("conversation.item.delete", item_id=7))


# --- the session


def update(*several: dict[str, JsonValue], kind: str = "realtime") -> Scenario:
    """A scenario of updates of the session that are all answered alike."""
    sessions: list[JsonValue] = [{"type": kind, **each} for each in several]
    return alike("session.update", *({"session": each} for each in sessions))


def hearing(**settings: JsonValue) -> dict[str, JsonValue]:
    return {"audio": {"input": settings}}


def detecting(**settings: JsonValue) -> dict[str, JsonValue]:
    return hearing(turn_detection=settings)


def function(**members: JsonValue) -> dict[str, JsonValue]:
    return {"tools": [{"type": "function", **members}]}


@proves("update")
def _() -> Outcome:
    frames = Client().update(instructions="Be brief.")
    assert at(frames[0], "session", "instructions") == "Be brief."
    assert at(frames[0], "session", "audio", "output", "speed") == 1.0
    return outcome_of(frames)


@proves("update-responding")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    frames = client.update(instructions="Be brief.")
    assert client.run()[-1]["type"] == "response.done"
    return outcome_of(frames)


proves("update-without-type")(request("session.update", session={"instructions": "Be brief."}))
proves("update-other-type")(update({}, kind="transcription"))
proves("update-unknown-setting")(
    update(
        {"colour": "red"},
        {"audio": {"output": {"colour": "red"}}},
        detecting(type="semantic_vad", threshold=0.5),
    )
)
proves("update-setting-type")(
    update(
        {"audio": 7},
        {"instructions": 7},
        {"tools": 7},
        {"prompt": {"id": "prompt_1", "variables": 7}},
        {"parallel_tool_calls": "yes"},
        {"max_output_tokens": True},
        {"audio": {"output": {"speed": "fast"}}},
        detecting(create_response=1),
    )
)
proves("update-unknown-choice")(
    update(
        detecting(type="ear"),
        {"tool_choice": "perhaps"},
        hearing(transcription={"model": "gpt-realtime-whisper", "delay": "bogus"}),
    )
)
proves("update-too-little")(update({"max_output_tokens": 0}, detecting(idle_timeout_ms=4999)))
proves("update-too-much")(update({"max_output_tokens": 4097}, detecting(idle_timeout_ms=30_001)))
proves("update-speed")(update({"audio": {"output": {"speed": 1.6}}}))
proves("update-empty-list")(
    update(hearing(transcription={"model": "gpt-transcribe", "languages": []}))
)


@proves("update-unsupported")
def _() -> Outcome:
    asked: list[JsonValue] = [
        {"model": "gpt-realtime-whisper", "prompt": "A restaurant."},
        {"model": "whisper-1", "delay": "low"},
        {"model": "whisper-1", "keywords": ["herring"]},
    ]
    outcomes = {update(hearing(transcription=each))() for each in asked}
    client = Client(query="intent=transcription")
    whisper = hearing(
        transcription={"model": "gpt-realtime-whisper"}, turn_detection={"type": "server_vad"}
    )
    session: JsonValue = {"type": "transcription", **whisper}
    outcomes.add(asked_for(client, "session.update", session=session))
    (outcome,) = outcomes
    assert isinstance(outcome, tuple)
    return outcome


proves("update-modalities")(update({"output_modalities": ["text", "audio"]}))
proves("update-format")(
    update(
        hearing(format={"type": "audio/mp3"}), hearing(format={"type": "audio/pcm", "rate": 8000})
    )
)
proves("update-tool-incomplete")(
    update(
        function(),
        {"tools": [{}]},
        {"tools": [{"type": "mcp", "server_url": "https://mcp.example"}]},
        {"tools": [{"type": "mcp", "server_label": "maps"}]},
    )
)
proves("update-tool-schema")(update(function(name="look_up", parameters={"type": "string"})))
proves("update-model")(update({"model": "gpt-realtime"}))
proves("update-voice")(update({"audio": {"output": {"voice": "cedar"}}}))


@proves("update-voice-locked")
def _() -> Outcome:
    client = Client()
    spoken_item(client)
    return outcome_of(client.update(audio={"output": {"voice": "cedar"}}))


@proves("update-speed-locked")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    return outcome_of(client.update(audio={"output": {"speed": 1.5}}))


@proves("update-tracing-locked")
def _() -> Outcome:
    client = Client()
    client.update(tracing="auto")
    return outcome_of(client.update(tracing={"workflow_name": "mine"}))


# --- the input buffer


proves("append")(lambda: outcome_of(Client().append(silence(5000))))
proves("append-not-base64")(request("input_audio_buffer.append", audio="%%%"))
proves("append-too-long")(
    lambda: asked_for(Client(), "input_audio_buffer.append", audio="AAAA" * (5 * 2**20 + 1))
)


def pushing_to_talk() -> Client:
    client = Client()
    client.listen_with(turn_detection=None)
    return client


@proves("commit")
def _() -> Outcome:
    client = pushing_to_talk()
    outcomes: set[Outcome] = set()
    for audio in (silence(100), tone(300, 1000)):
        client.append(audio)
        outcomes.add(outcome_of(client.send("input_audio_buffer.commit") + client.run()))
    (outcome,) = outcomes
    return outcome


@proves("commit-while-speaking")
def _() -> Outcome:
    client = hearing_with(create_response=False)
    client.append(tone(300, 500))
    frames = client.send("input_audio_buffer.commit") + client.append(silence(1000))
    first, second = (frame for frame in frames if frame["type"] == "input_audio_buffer.committed")
    assert first["item_id"] != second["item_id"]
    return outcome_of(frames)


@proves("commit-too-short")
def _() -> Outcome:
    client = pushing_to_talk()
    client.append(silence(99))
    return asked_for(client, "input_audio_buffer.commit")


@proves("clear")
def _() -> Outcome:
    client = Client()
    client.append(tone(300, 500))
    return outcome_of(client.send("input_audio_buffer.clear") + client.append(silence(1000)))


proves("clear-output")(request("output_audio_buffer.clear"))


# --- the items


def create(*items: dict[str, JsonValue]) -> Scenario:
    """A scenario of items that are all answered alike."""
    return alike("conversation.item.create", *({"item": item} for item in items))


def message(*content: JsonValue, role: str = "user", **more: JsonValue) -> dict[str, JsonValue]:
    return {"type": "message", "role": role, "content": [*content], **more}


OUTPUT: Final[dict[str, JsonValue]] = {
    "type": "function_call_output",
    "call_id": "call_1",
    "output": "21",
}
CALL: Final[dict[str, JsonValue]] = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "look_up",
    "arguments": "{}",
}


@proves("create-item")
def _() -> Outcome:
    client = Client()
    frames = hello(client)
    client.send("conversation.item.create", item=CALL)
    more = client.send("conversation.item.create", item=OUTPUT)
    assert outcome_of(more) == outcome_of(frames)
    assert "status" not in str(more[0]["item"])
    return outcome_of(frames)


@proves("create-items-pipelined")
def _() -> Outcome:
    client = Client()
    return outcome_of([frame for _ in range(3) for frame in hello(client)])


@proves("create-item-responding")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    assert hello(client) == []
    client.run()
    return outcome_of(since("response.done", client))


@proves("create-item-own-id")
def _() -> Outcome:
    frames = hello(Client(), id="item_of_mine")
    assert [at(frame, "item", "id") for frame in frames] == ["item_of_mine", "item_of_mine"]
    return outcome_of(frames)


def placed(previous_item_id: str) -> tuple[Client, list[Frame]]:
    client = Client()
    hello(client, id="item_1")
    hello(client, id="item_2")
    frames = client.send("conversation.item.create", previous_item_id=previous_item_id, item=CALL)
    return client, frames


@proves("create-item-root")
def _() -> Outcome:
    client, frames = placed("root")
    assert [frame["previous_item_id"] for frame in frames] == [None, None]
    assert client.simulation.conversation.items[0]["call_id"] == "call_1"
    return outcome_of(frames)


@proves("create-item-after")
def _() -> Outcome:
    client, frames = placed("item_1")
    assert [frame["previous_item_id"] for frame in frames] == ["item_1", "item_1"]
    assert client.simulation.conversation.items[1]["call_id"] == "call_1"
    return outcome_of(frames)


proves("create-item-after-unknown")(lambda: outcome_of(placed("item_x")[1]))


@proves("create-item-twice")
def _() -> Outcome:
    client = Client()
    hello(client, id="item_1")
    return outcome_of(hello(client, id="item_1"))


proves("create-item-long-id")(create({**CALL, "id": "x" * 33}, {**CALL, "call_id": "x" * 33}))
proves("create-item-without-type")(create({"role": "user"}))
proves("create-item-unknown-choice")(
    create({"type": "poem"}, message(role="poet"), message(status="late"))
)
proves("create-item-incomplete")(
    create({"type": "function_call_output", "output": "21"}, message({"type": "input_text"}))
)
proves("create-item-member-type")(
    create(
        {"type": "message", "role": "user", "content": "Hello"},
        message({"type": "input_audio", "audio": 7}),
        {**CALL, "id": 7},
        {**CALL, "type": 7, "name": 7} | {"type": "function_call"},
    )
)
proves("create-item-unknown-member")(create({**CALL, "colour": "red"}))
proves("create-item-part")(create(message({"type": "output_text", "text": "Hello"})))
proves("create-item-call-id")(create({**CALL, "call_id": "my call"}))
proves("create-item-image")(
    create(
        message({"type": "input_image", "image_url": "https://example.com/cat.png"}),
        message({"type": "input_image", "image_url": "data:image/png;base64,%%%"}),
    )
)
proves("create-item-audio")(create(message({"type": "input_audio", "audio": "%%%"})))


@proves("create-output-unknown-call")
def _() -> Outcome:
    frames = Client().send("conversation.item.create", event_id="event_1", item=OUTPUT)
    assert at(frames[0], "error", "event_id") is None
    return outcome_of(frames)


@proves("create-items-waiting")
def _() -> Outcome:
    client = texting()
    client.send("response.create")
    while not (frames := hello(client)):
        pass
    return outcome_of(frames)


@proves("retrieve")
def _() -> Outcome:
    client = Client()
    frames = client.send("conversation.item.retrieve", item_id=spoken_item(client))
    assert at(frames[0], "item", "content", 0, "audio")
    return outcome_of(frames)


@proves("delete")
def _() -> Outcome:
    client = Client()
    frames = client.send("conversation.item.delete", item_id=spoken_item(client))
    assert len(client.simulation.conversation) == 1
    return outcome_of(frames)


def truncation(client: Client, item_id: str, audio_end_ms: int) -> Outcome:
    where: dict[str, JsonValue] = {"item_id": item_id, "content_index": 0}
    return outcome_of(client.send("conversation.item.truncate", **where, audio_end_ms=audio_end_ms))


@proves("truncate")
def _() -> Outcome:
    client = Client()
    item_id = spoken_item(client)
    outcome = truncation(client, item_id, 300)
    (retrieved,) = client.send("conversation.item.retrieve", item_id=item_id)
    assert at(retrieved, "item", "content", 0, "transcript") is None
    assert len(str(at(retrieved, "item", "content", 0, "audio"))) == 300 * 48 * 4 // 3
    return outcome


@proves("truncate-beyond-end")
def _() -> Outcome:
    client = Client()
    return truncation(client, spoken_item(client), 3_600_000)


@proves("truncate-not-spoken")
def _() -> Outcome:
    client = Client()
    hello(client, id="item_1")
    return truncation(client, "item_1", 0)


@proves("truncate-negative")
def _() -> Outcome:
    client = Client()
    return truncation(client, spoken_item(client), -1)


proves("retrieve-unknown")(request("conversation.item.retrieve", item_id="item_x"))
proves("delete-unknown")(request("conversation.item.delete", item_id="item_x"))
proves("truncate-unknown")(lambda: truncation(Client(), "item_x", 0))


# --- responses


def answered_with(*plan: Action) -> Client:
    return texting(lambda _: plan)


@proves("respond-text")
def _() -> Outcome:
    client = texting()
    hello(client)
    return outcome_of(client.respond())


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


# --- cancelling


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


# --- speech


proves("speech")(lambda: heard(Client()))


def heard(client: Client, pause_ms: int = 1500) -> Outcome:
    return outcome_of(client.speak(pause_ms=pause_ms) + client.run())


def hearing_with(**settings: JsonValue) -> Client:
    client = Client()
    client.listen_with(turn_detection={"type": "server_vad", **settings})
    return client


proves("speech-semantic")(
    lambda: heard(hearing_with(type="semantic_vad", eagerness="high"), pause_ms=9000)
)


@proves("speech-driven")
def _() -> Outcome:
    outcomes: set[Outcome] = set()
    for driven in ("hears", "speech_started"):
        client = Client()
        if driven == "hears":
            client.simulation.turns.hears("Hello there", None, None)
        else:
            client.simulation.speech_started()
            client.simulation.speech_stopped()
        client.answer()
        outcomes.add(outcome_of(client.collect() + client.run()))
    (outcome,) = outcomes
    return outcome


proves("speech-without-response")(lambda: heard(hearing_with(create_response=False)))


@proves("speech-transcribing")
def _() -> Outcome:
    client = Client(query="intent=transcription")
    asked: JsonValue = {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}
    client.send("session.update", session={"type": "transcription", "audio": asked})
    return heard(client)


@proves("speech-interrupts")
def _() -> Outcome:
    client = Client(reply=lambda _: [Say("one two three four five six")])
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-interrupts-before-output")
def _() -> Outcome:
    client = slow(latency=1.0)
    client.send("response.create")
    return outcome_of(client.append(tone(300, 200)))


def called() -> Client:
    """A client beside a call, to whose other end the server plays what the model says."""
    client = Client(query="call_id=rtc_1", reply=lambda _: [Say("one two three four five six")])
    client.update()
    client.send("response.create")
    return client


@proves("speech-interrupts-playback")
def _() -> Outcome:
    client = called()
    client.run_until("response.done")
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-interrupts-call")
def _() -> Outcome:
    client = called()
    client.run_until("response.output_audio_transcript.delta")
    client.run(0.05)
    return outcome_of(client.append(tone(300, 200)))


@proves("speech-not-interrupting")
def _() -> Outcome:
    client = hearing_with(interrupt_response=False)
    client.send("response.create")
    client.run_until("response.output_audio.delta")
    turn = client.speak()
    client.run()
    return outcome_of([*turn, *since("response.done", client)])


# --- transcription


def transcribing() -> Client:
    client = pushing_to_talk()
    client.listen_with(transcription={"model": "gpt-4o-transcribe"})
    return client


@proves("transcription")
def _() -> Outcome:
    client = transcribing()
    client.append(tone(300, 1000))
    client.send("input_audio_buffer.commit")
    return outcome_of(client.run())


def transcribed(client: Client, audio: bytes) -> Outcome:
    client.append(audio)
    client.send("input_audio_buffer.commit")
    return outcome_of(client.run())


proves("transcription-of-nothing")(lambda: transcribed(transcribing(), silence(200)))


@proves("transcription-of-speakers")
def _() -> Outcome:
    client = transcribing()
    client.listen_with(transcription={"model": "gpt-4o-transcribe-diarize"})
    return transcribed(client, tone(300, 1000))


@proves("transcription-streamed")
def _() -> Outcome:
    client = hearing_with(create_response=False)
    client.listen_with(transcription={"model": "gpt-realtime-whisper"})
    frames = client.append(tone(300, 1000)) + client.run(1.0)
    return outcome_of([*frames, *client.append(silence(1000)), *client.run()])


@proves("transcription-failed")
def _() -> Outcome:
    client = transcribing()
    failure = RefusedError("audio_unintelligible", "", type="transcription_error")
    client.simulation.turns.transcription_fails(failure)
    return transcribed(client, tone(300, 1000))


# --- what comes by itself


@proves("idle-timeout")
def _() -> Outcome:
    client = hearing_with(idle_timeout_ms=5000)
    hello(client)
    client.send("response.create")
    client.run_until("response.done")
    by_itself = [*client.run_until("input_audio_buffer.timeout_triggered"), *client.run(3)]
    client.simulation.turns.idle_timeout()
    client.answer()
    assert outcome_of(client.collect() + client.run(3)) == outcome_of(by_itself)
    return outcome_of(by_itself)


@proves("playback")
def _() -> Outcome:
    client = called()
    client.run()
    return outcome_of(
        [frame for frame in since("output_audio_buffer.started", client) if "delta" not in frame]
    )


@proves("dtmf")
def _() -> Outcome:
    client = Client()
    client.simulation.press("5")
    (frame,) = client.collect()
    assert "event_id" not in frame
    return outcome_of([frame])


@proves("late-done")
def _() -> Outcome:
    with Watch().installed():  # no real server does this; networks between might
        client = texting()
        client.simulation.late_done(2.0, stays_active=False, duplicates=1)
        client.send("response.create")
        before = client.run_until("response.output_item.done")
        assert "response.done" not in [frame["type"] for frame in before]
        frames = client.send("response.cancel") + client.run()
    assert [frame["type"] for frame in frames].count("response.done") == 2
    return outcome_of(frames)


@proves("expiry")
def _() -> Outcome:
    client = Client()
    assert client.run(3599.0) == []
    outcome = outcome_of(client.run(2.0), client.simulation.closing)
    client = Client()
    client.simulation.expire()
    assert outcome_of(client.collect(), client.simulation.closing) == outcome
    return outcome


@proves("rate-limits")
def _() -> Outcome:
    told = Client(manner=Manner(rate_limits=True)).respond()
    client = Client()
    client.simulation.rate_limits(remaining=0)
    assert outcome_of(client.respond()) == outcome_of(told)
    return outcome_of(told[-2:])


# --- what only a test has a server do


@proves("driven-refusal")
def _() -> Outcome:
    client = Client()
    client.simulation.refuse_next("response.create", RefusedError("rate_limit_exceeded", "Slow."))
    outcome = asked_for(client, "response.create")
    assert client.respond()[-1]["type"] == "response.done"
    return outcome


@proves("driven-failure")
def _() -> Outcome:
    client = Client()
    client.simulation.fail(RefusedError("credit_balance_exhausted", "No credits."), 4000)
    assert client.simulation.closing == (4000, "invalid_request_error.credit_balance_exhausted")
    return outcome_of(client.collect(), client.simulation.closing)


@proves("driven-close")
async def _() -> Outcome:
    async with SimulatedServer() as server, raw_client(server) as client:
        (await server.wait_session()).close(1001)
        return (f"close({(await client.to_the_end()).code})",)


@proves("driven-loss")
async def _() -> Outcome:
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        server.sessions[0].drop()
        reason = await client.to_the_end()
        # 1006: there was none.
        return ("nothing",) if reason.code == 1006 else (f"close({reason.code})",)


@proves("driven-pause")
async def _() -> Outcome:
    async with SimulatedServer() as server, raw_client(server) as client:
        await client.receive()
        server.sessions[0].pause()
        await client.send("session.update", session={"type": "realtime"})
        with trio.move_on_after(3500) as scope:
            await client.receive()
        assert scope.cancelled_caught
        server.sessions[0].resume()
        return outcome_of([await client.receive()])


# --- variants


@proves("variant-no-greeting")
def _() -> Outcome:
    return outcome_of(Client(manner=Manner(omit_session_created=True)).opening)


@proves("variant-own-ids")
def _() -> Outcome:
    frames = hello(Client(manner=Manner(rewrite_item_ids=True)), id="item_of_mine")
    assert at(frames[0], "item", "id") != "item_of_mine"
    return outcome_of(frames)


@proves("variant-no-event-ids")
def _() -> Outcome:
    with Watch().installed():  # the schema wants one
        simulation = Simulation(
            ClientHandshake("/v1/realtime", "model=gpt-realtime-2.1"),
            Manner(omit_event_ids=True),
            lambda count: "x" * count,
            now=0.0,
            unix_time=0.0,
        )
        simulation.open()
    (created,) = opening = [json.loads(message) for message in simulation.outbox]
    assert "event_id" not in created
    return outcome_of(opening)


@proves("variant-no-metadata")
def _() -> Outcome:
    client = Client(manner=Manner(echo_metadata=False))
    frames = client.send("response.create", response={"metadata": {"mine": "1"}})
    assert at(frames[0], "response", "metadata") is None
    return outcome_of(frames)


proves("variant-xai-order")(lambda: outcome_of(Client(manner=Manner(event_order="xai")).respond()))


@proves("variant-late-errors")
def _() -> Outcome:
    client = Client(manner=Manner(late_errors=0.9))
    client.listen_with(turn_detection=None)
    frames = client.send("input_audio_buffer.commit")
    client.append(silence(200))
    return outcome_of([*frames, *client.send("input_audio_buffer.commit"), *client.run()])


@proves("variant-slow-commit")
def _() -> Outcome:
    client = Client(manner=Manner(commit_seconds=0.15))
    client.listen_with(turn_detection=None)
    client.append(silence(200))
    assert client.send("input_audio_buffer.commit") == []
    assert client.send("response.create") == []
    return outcome_of(client.run(0.15))[:4]


@proves("variant-slow-transcription")
def _() -> Outcome:
    client = Client(manner=Manner(transcription_seconds=5.0))
    client.listen_with(transcription={"model": "gpt-4o-transcribe"})
    client.speak()
    client.run()
    return outcome_of(since("response.done", client))


@proves("connect-unknown-model")
def _() -> Outcome:
    client = Client(manner=Manner(models=["gpt-realtime"]))
    return outcome_of(client.opening, client.simulation.closing)


# --- MCP


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
proves("mcp-approved")(lambda: mcp_response(approving(approve=True)[0]))
proves("mcp-denied")(lambda: mcp_response(approving(approve=False)[0]))

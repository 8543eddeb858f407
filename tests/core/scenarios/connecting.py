"""Connecting, closing, and ephemeral keys, brought about."""

from __future__ import annotations

import pytest
import trio
import trio_websocket
from pydantic import JsonValue

from tests.core.scenarios.shared import (
    Outcome,
    Scenario,
    outcome_of,
    proves,
)
from tests.core.simulated import Client, at
from tests.testing.faithful import Frame, check_frame
from tests.testing.raw import raw_client
from trio_realtime import HandshakeRejectedError, open_realtime
from trio_realtime._core.simulator import (
    ClientHandshake,
    Manner,
    RefusedError,
    Simulation,
)
from trio_realtime._core.simulator._secrets import Secret, Secrets
from trio_realtime.testing import SimulatedServer


@proves("connect")
def _() -> Outcome:
    return outcome_of(Client().opening)


@proves("connect-transcription")
def _() -> Outcome:
    (created,) = opening = Client(query="intent=transcription").opening
    assert at(created, "session", "type") == "transcription"
    detection = at(created, "session", "audio", "input", "turn_detection")
    assert at(detection, "type") == "server_vad"
    assert "create_response" not in str(detection)
    return outcome_of(opening)


@proves("connect-sideband")
def _() -> Outcome:
    client = Client(query="call_id=rtc_1")
    assert outcome_of(client.update()) == ("session.updated",)
    return outcome_of(client.opening)


@proves("connect-sideband-again")
async def _() -> Outcome:
    call = "/v1/realtime?call_id=rtc_1"
    server = SimulatedServer()
    server.create_call(call_id="rtc_1")
    async with server, raw_client(server, call) as first, raw_client(server, call) as second:
        await first.send("session.update", session={"type": "realtime", "instructions": "Hush!"})
        await first.until("session.updated")
        with trio.move_on_after(3600):
            await second.receive()
        return outcome_of(second.frames)


def with_key(*headers: tuple[str, str]) -> Outcome:
    client = Client(manner=Manner(api_key="sk-right"), headers=headers)
    return outcome_of(client.opening, client.simulation.closing)


proves("connect-bad-key")(lambda: with_key(("Authorization", "Bearer sk-proj-another-key-1234")))
proves("connect-without-key")(with_key)


def opened(
    handshake: ClientHandshake, manner: Manner, *, now: float = 0.0, secret: Secret | None = None
) -> tuple[list[Frame], Outcome]:
    """What a client is told first, and as an outcome."""
    simulation = Simulation(
        handshake,
        manner,
        lambda count: "x" * count,
        now=now,
        unix_time=now,
        secret=secret,
    )
    simulation.open()
    frames = [check_frame(message) for message in simulation.outbox]
    return frames, outcome_of(frames, simulation.closing)


@proves("connect-beta")
def _() -> Outcome:
    client = Client(headers=(("OpenAI-Beta", "realtime=v1"),))
    return outcome_of(client.opening, client.simulation.closing)


@proves("connect-beta-subprotocol")
def _() -> Outcome:
    offered = ("realtime", "openai-beta.realtime-v1")
    return opened(
        ClientHandshake("/v1/realtime", "model=gpt-realtime-2.1", subprotocols=offered), Manner()
    )[1]


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


def with_secret(*, seconds_later: float) -> tuple[list[Frame], Outcome]:
    given = secrets()
    session: JsonValue = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Sing."}
    key = str(given.create({"session": session}, now=0.0, unix_time=0.0)["value"])
    return opened(
        ClientHandshake("/v1/realtime", "", (("Authorization", f"Bearer {key}"),)),
        Manner(api_key="sk-another"),
        now=seconds_later,
        secret=given.find(key),
    )


@proves("connect-with-secret")
def _() -> Outcome:
    frames, outcome = with_secret(seconds_later=599.0)
    assert at(frames[0], "session", "instructions") == "Sing."
    assert at(frames[0], "session", "model") == "gpt-realtime-2.1"
    return outcome


proves("connect-with-expired-secret")(lambda: with_secret(seconds_later=601.0)[1])

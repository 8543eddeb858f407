"""What a server does by itself, or because a test says so, brought about."""

from __future__ import annotations

import json

import trio

from tests.core.scenarios.shared import (
    Outcome,
    asked_for,
    called,
    hearing_with,
    hello,
    outcome_of,
    proves,
    since,
    texting,
)
from tests.core.simulated import Client, at
from tests.testing.raw import raw_client
from tests.testing.watch import Watch
from trio_realtime._core.simulator import (
    ClientHandshake,
    Manner,
    RefusedError,
    Simulation,
)
from trio_realtime.audio import silence
from trio_realtime.testing import SimulatedServer


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

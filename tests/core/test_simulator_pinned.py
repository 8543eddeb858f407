"""What a round of mutations left alive in the simulator, pinned."""

from __future__ import annotations

import pytest

from tests.core.simulated import Client, error_of
from trio_realtime._core.simulator import Manner, Pace, Say, _simulation


def test_what_waited_for_a_response_makes_room_for_what_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_simulation, "DEFERRED_BYTES_MAX", 2000)
    client = Client(reply=lambda _: [Say("a b c")])
    for _ in range(3):
        client.send("response.create")
        assert client.say("x" * 1200) == []
        refused = error_of(client.say("y" * 1200))
        assert refused["type"] == "invalid_request_error"
        client.run()
    said = [item["role"] for item in client.simulation.conversation.items]
    assert said == ["assistant", "user"] * 3


def test_a_clock_that_is_read_late_does_not_slow_the_model_down() -> None:
    manner = Manner(pace=Pace(tokens_per_second=1))
    client = Client(reply=lambda _: [Say("one two three")], manner=manner)
    client.send("response.create", response={"output_modalities": ["text"]})
    simulation = client.simulation
    for now in (0, 0, 1.75, 2.75):
        simulation.tick(now)
    assert simulation.due == 3

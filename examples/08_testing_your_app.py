"""Test a voice application in virtual time. The new idea: the endpoint is the one seam.

python 08_testing_your_app.py, or: pytest -o trio_mode=true 08_testing_your_app.py
"""

import trio
from trio.testing import MockClock

from trio_realtime import ConnectionClosedError, Endpoint, open_realtime
from trio_realtime.events import InputAudioBufferSpeechStarted, ResponseOutputAudioDelta
from trio_realtime.testing import SimulatedServer


class App:
    """Plays what the model says, and falls silent when the user speaks or the line is dead."""

    def __init__(self) -> None:
        self.item_id = ""  # what is being played
        self.given_ms = 0  # how much of it the loudspeaker has got
        self.ends = 0.0  # when the loudspeaker will have played that
        self.lost = False

    def play(self, item_id: str, pcm: bytes) -> None:
        self.given_ms = len(pcm) // 48 + (self.given_ms if item_id == self.item_id else 0)
        self.item_id = item_id
        self.ends = max(self.ends, trio.current_time()) + len(pcm) / 48_000

    async def run(self, endpoint: Endpoint | None = None) -> None:
        try:
            async with open_realtime("gpt-realtime-2.1", endpoint=endpoint) as conn:
                async for event in conn:
                    if isinstance(event, ResponseOutputAudioDelta):
                        self.play(event.item_id, event.delta)
                    elif isinstance(event, InputAudioBufferSpeechStarted):
                        unheard_s, self.ends = self.ends - trio.current_time(), 0.0
                        if unheard_s > 0:  # what was not heard, the model has not said
                            await conn.conversation.item.truncate(
                                self.item_id, audio_end_ms=self.given_ms - round(unheard_s * 1000)
                            )
        except* ConnectionClosedError:
            self.lost = True


async def test_an_answer(autojump_clock: MockClock) -> None:
    app = App()
    async with SimulatedServer("one two three") as server, trio.open_nursery() as nursery:
        nursery.start_soon(app.run, server.endpoint)
        (await server.wait_session()).hears("What can you do?")
        await trio.sleep(10)  # virtual seconds: they pass at once
        assert app.given_ms == 900  # a word of the simulated voice takes 0.3 s
        nursery.cancel_scope.cancel()


async def test_an_interruption(autojump_clock: MockClock) -> None:
    app = App()
    async with SimulatedServer("one two three four") as server, trio.open_nursery() as nursery:
        nursery.start_soon(app.run, server.endpoint)
        session = await server.wait_session()
        session.hears("What can you do?")
        await trio.sleep(1)
        session.speech_started()
        asked = await session.wait_for("conversation.item.truncate")
        assert asked["audio_end_ms"] in range(500, 1000)
        nursery.cancel_scope.cancel()


async def test_a_lost_network(autojump_clock: MockClock) -> None:
    app = App()
    async with SimulatedServer() as server, trio.open_nursery() as nursery:
        nursery.start_soon(app.run, server.endpoint)
        await trio.sleep(1)
        server.sessions[0].drop()
    assert app.lost


if __name__ == "__main__":
    for test in (test_an_answer, test_an_interruption, test_a_lost_network):
        clock = MockClock(autojump_threshold=0)
        trio.run(test, clock, clock=clock)
        print("passed:", test.__name__)

"""Hold a spoken conversation that can be interrupted. The new idea: replies that others start.

python examples/06_voice_loop.py: no key, no devices; the user and the server are simulated.
"""

import trio
from trio.testing import MockClock

from trio_realtime import Endpoint, RealtimeConnection, Reply, ReplyView, open_realtime
from trio_realtime.audio import chunks_of, silence, tone
from trio_realtime.events import ConversationItemTruncated, InputAudioBufferSpeechStarted
from trio_realtime.testing import SimulatedServer

BYTES_PER_SECOND = 48_000  # 24 kHz, 16 bits, mono


class Speaker:
    """Plays out of a buffer of 0.3 s. A real one hands the bytes to the system."""

    given = 0.0  # seconds of this reply that it was given
    ends = 0.0  # when it will have played them

    async def play(self, reply: Reply) -> None:
        self.given = self.ends = 0.0
        async for pcm in reply.audio():
            self.given += len(pcm) / BYTES_PER_SECOND
            self.ends = max(self.ends, trio.current_time()) + len(pcm) / BYTES_PER_SECOND
            await trio.sleep_until(self.ends - 0.3)
        await trio.sleep_until(self.ends)

    def stop(self) -> float:
        """Fall silent; return how many milliseconds of the reply were heard."""
        return 1000 * (self.given - max(0.0, self.ends - trio.current_time()))


async def microphone(conn: RealtimeConnection) -> None:
    """The user asks, interrupts the answer, and hangs up. A real one reads from the system."""
    for sound in (tone(220, 1200), silence(2500), tone(220, 900), silence(3500)):
        for chunk in chunks_of(sound, 4800):
            await conn.input_audio_buffer.append(chunk)
            await trio.sleep(len(chunk) / BYTES_PER_SECOND)
    await conn.aclose()


async def subtitles(text: ReplyView[str]) -> None:
    print("model:", "".join([words async for words in text]))


async def converse(endpoint: Endpoint | None = None) -> None:
    speaker, playing = Speaker(), trio.CancelScope()

    async def listen() -> None:
        async for event in conn:
            if isinstance(event, InputAudioBufferSpeechStarted):
                print("user: (speaks)")
                playing.cancel()
            elif isinstance(event, ConversationItemTruncated):
                print(f"server: {event.audio_end_ms / 1000:.1f} s of it were heard")

    async with open_realtime("gpt-realtime-2.1", endpoint=endpoint) as conn:
        async with conn.incoming() as replies, trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            nursery.start_soon(microphone, conn)
            async for reply in replies:  # one for each turn of the user
                with trio.CancelScope() as playing:
                    async with trio.open_nursery() as views:
                        views.start_soon(subtitles, reply.text())
                        await speaker.play(reply)
                if playing.cancelled_caught:
                    reply.heard(speaker.stop())  # what was not heard, the model has not said


async def main() -> None:
    menu = "We have herring, salmon, cod, halibut, reindeer, and of course potatoes."
    async with SimulatedServer([menu, "As you like it."]) as server:
        await converse(server.endpoint)


if __name__ == "__main__":
    trio.run(main, clock=MockClock(autojump_threshold=0))

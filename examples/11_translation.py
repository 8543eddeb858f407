"""Translate a WAV file into another language. The new idea: no turns, and an end you ask for.

python examples/11_translation.py es trio_realtime/cli/question.wav translated.wav
"""

import sys

import trio

from trio_realtime import TranslationView, open_translation
from trio_realtime.audio import bytes_from_ms, chunks_of, pcm_from_wav, wav_from_pcm


async def show(what: str, words: TranslationView[str]) -> None:
    text = "".join([piece async for piece in words])
    print(f"{what}: {text.strip()}")


async def main(language: str, question: str, translated: str) -> None:
    pcm = pcm_from_wav(await trio.Path(question).read_bytes())
    sound = bytearray()
    async with open_translation("gpt-realtime-translate", language) as conn:
        await conn.session.update(transcription={"model": "gpt-realtime-whisper"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(show, "heard", conn.input_transcript())
            nursery.start_soon(show, "said", conn.transcript())

            @nursery.start_soon
            async def speak() -> None:
                # 200 ms at a time, as a microphone would bring it, and the server likes it.
                for chunk in chunks_of(pcm, bytes_from_ms(200)):
                    await conn.append(chunk)
                # The server is seconds behind. What comes until it is done is still read below.
                with trio.fail_after(60):
                    await conn.finish()

            async for chunk in conn.audio():
                sound += chunk  # a loudspeaker would play it
    await trio.Path(translated).write_bytes(wav_from_pcm(sound))
    print(f"{len(sound) / 48_000:.1f} s of speech in {translated}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: 11_translation.py LANGUAGE QUESTION.wav TRANSLATED.wav")
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])

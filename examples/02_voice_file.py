"""Say a WAV file to the model and write its reply to another. The new idea: audio is `bytes`.

python examples/02_voice_file.py trio_realtime/cli/question.wav reply.wav
"""

import sys

import trio
from pydantic import JsonValue

from trio_realtime import open_realtime
from trio_realtime.audio import pcm_from_wav, wav_from_pcm
from trio_realtime.events import (
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
)

# We know where the turn ends (at the end of the file), so the server need not listen for it.
SESSION: dict[str, JsonValue] = {
    "output_modalities": ["audio"],
    "audio": {"input": {"turn_detection": None}},
}


async def main(question: str, reply: str) -> None:
    spoken = bytearray()
    async with open_realtime("gpt-realtime-2.1", session=SESSION) as conn:
        # Any PCM WAV will do; the server wants 24 kHz mono.
        await conn.input_audio_buffer.append(pcm_from_wav(await trio.Path(question).read_bytes()))
        # A request: it returns once the server has confirmed, or raises what the server objects to.
        await conn.input_audio_buffer.commit()
        await conn.response.create()
        async for event in conn:
            match event:
                case ResponseOutputAudioDelta(delta=pcm):
                    spoken += pcm
                case ResponseOutputAudioTranscriptDelta(delta=words):
                    print(words, end="", flush=True)
                case ResponseDone():
                    break
                case _:
                    pass
    await trio.Path(reply).write_bytes(wav_from_pcm(spoken))
    print(f"\n{len(spoken) / 48_000:.1f} s of speech in {reply}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: 02_voice_file.py QUESTION.wav REPLY.wav")
    trio.run(main, sys.argv[1], sys.argv[2])

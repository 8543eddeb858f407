"""Write down what is said in WAV files. The new idea: a session that only listens, and has an end.

python examples/10_transcription.py trio_realtime/cli/question.wav
"""

import sys

import trio

from trio_realtime import (
    TranscriptCompleted,
    TranscriptDelta,
    TranscriptFailed,
    TranscriptSegment,
    open_transcription,
)
from trio_realtime.audio import pcm_from_wav


async def main(*files: str) -> None:
    # Without turn detection it is we who say where something ends: at the end of each file.
    async with open_transcription(model="gpt-4o-transcribe", turn_detection=None) as conn:
        for file in files:
            await conn.input_audio_buffer.append(pcm_from_wav(await trio.Path(file).read_bytes()))
            await conn.input_audio_buffer.commit()
        # The server may work on several at a time. Here they come one after the other, in the order
        # of the commits, and when the last has its end the loop ends.
        async for transcript in conn.transcripts(until_committed=True):
            match transcript:
                case TranscriptDelta(text=words):
                    print(words, end="", flush=True)
                case TranscriptCompleted():
                    print()
                case TranscriptFailed(error=error):
                    print(f" [not transcribed: {error.message}]")
                case TranscriptSegment():
                    pass  # who said it, by models that tell speakers apart
        print(f"{conn.usage.transcription_input_tokens} tokens of audio")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: 10_transcription.py FILE.wav...")
    trio.run(main, *sys.argv[1:])

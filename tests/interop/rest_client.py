# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""What openai-python asks over HTTP, run by its own interpreter.

`python rest_client.py CALL_ID...` asks OPENAI_BASE_URL for keys, makes a call, and does with the
calls that ring what can be done with them. It prints what it saw as JSON.
"""

import asyncio
import json
import sys

from openai import AsyncOpenAI, NotFoundError

OFFER = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
SESSION = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}


async def main(accepted, rejected, referred):
    client = AsyncOpenAI()
    calls = client.realtime.calls
    seen = {}
    raw = await calls.with_raw_response.create(sdp=OFFER, session=SESSION)
    seen["call"] = [raw.status_code, raw.headers["location"], raw.text]
    alone = await calls.create(sdp=OFFER)
    seen["alone"] = alone.text
    await calls.accept(accepted, **SESSION)
    await calls.hangup(accepted)
    await calls.reject(rejected, status_code=486)
    await calls.accept(referred, **SESSION)
    await calls.refer(referred, target_uri="tel:+14155550123")
    try:
        await calls.hangup("a/b")
    except NotFoundError as exc:
        seen["unknown"] = exc.code
    translation = await client.realtime.translations.client_secrets.create(
        session={"model": "gpt-realtime-translate", "audio": {"output": {"language": "es"}}}
    )
    seen["translation"] = json.loads(translation.to_json())
    session = await client.beta.realtime.sessions.create(modalities=["text"], voice="sage")
    seen["session"] = json.loads(session.to_json())
    written = await client.beta.realtime.transcription_sessions.create(
        input_audio_transcription={"model": "whisper-1"}
    )
    seen["written"] = json.loads(written.to_json())
    sys.stdout.write(json.dumps(seen))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 20))

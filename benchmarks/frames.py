"""What the load server sends, encoded once. Standard library only: every process here loads it."""

import base64
import hashlib
import json

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3

PCM_20_MS = bytes(n * 7 % 256 for n in range(960))
PCM_100_MS = PCM_20_MS * 5
START = "input_audio_buffer.append"
"""What clients send to start a load: the one event that no server answers."""

TEXT = "response.output_text.delta"
AUDIO = "response.output_audio.delta"
TRANSCRIPT = "response.output_audio_transcript.delta"
DONE = "response.done"

SAID = "You said something, and this is what there is to say about it. " * 4


def frame(event: dict[str, object]) -> bytes:
    """Return a whole text frame, unmasked as a server's are."""
    payload = json.dumps(event, separators=(",", ":")).encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes([size]) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def upgrade(key: bytes) -> bytes:
    """Return the HTTP response that opens the WebSocket, and the session's first event."""
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    session = {"type": "realtime", "object": "realtime.session", "id": "sess_01", "model": "load"}
    created = frame({"type": "session.created", "event_id": "event_01", "session": session})
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + created


def event(type_: str, **fields: object) -> dict[str, object]:
    return {"type": type_, "event_id": "event_0123456789ABCDEFGHIJK", **fields}


def item(number: int, status: str, content: list[dict[str, object]]) -> dict[str, object]:
    kind = {"object": "realtime.item", "type": "message", "role": "assistant"}
    return {"id": f"item_a{number}", **kind, "status": status, "content": content}


def response(number: int, status: str) -> dict[str, object]:
    """Return the response object of `response.created` (in progress) or `response.done`."""
    done = status == "completed"
    details = {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64}
    cached = {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}
    usage = {
        "total_tokens": 253,
        "input_tokens": 132,
        "output_tokens": 121,
        "input_token_details": {**details, "cached_tokens_details": cached},
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    }
    content: list[dict[str, object]] = [{"type": "output_audio", "transcript": SAID}]
    return {
        "object": "realtime.response",
        "id": f"resp_{number}",
        "status": status,
        "status_details": None,
        "output": [item(number, status, content)] if done else [],
        "conversation_id": "conv_01",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
        "usage": usage if done else None,
        "metadata": None,
    }


def place(number: int) -> dict[str, object]:
    """Return the fields by which a delta says whose it is."""
    return {
        "response_id": f"resp_{number}",
        "item_id": f"item_a{number}",
        "output_index": 0,
        "content_index": 0,
    }


def created(number: int = 1) -> bytes:
    return frame(event("response.created", response=response(number, "in_progress")))


def done(number: int = 1) -> bytes:
    return frame(event(DONE, response=response(number, "completed")))


def text_delta(number: int = 1) -> bytes:
    return frame(event(TEXT, **place(number), delta=" word", obfuscation="aB3dE5gH7"))


def audio_delta(pcm: bytes = PCM_100_MS, number: int = 1) -> bytes:
    audio = base64.b64encode(pcm).decode()
    return frame(event(AUDIO, **place(number), delta=audio))


def committed() -> bytes:
    return frame(event("input_audio_buffer.committed", item_id="item_u1", previous_item_id=None))


def turn(number: int) -> list[bytes]:
    """Return one turn of a voice session: the user is heard, and two seconds are answered."""
    user = {
        "id": f"item_u{number}",
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    heard = {"item_id": f"item_u{number}", "content_index": 0}
    where = place(number)
    output = {"response_id": where["response_id"], "output_index": 0}
    part: dict[str, object] = {"type": "audio", "transcript": ""}
    spoken: dict[str, object] = {"type": "output_audio", "transcript": SAID}
    words = [frame(event(TRANSCRIPT, **where, delta=word + " ")) for word in SAID.split()[:8]]
    audio = [audio_delta(number=number)] * 20
    pieces = [piece for n, piece in enumerate(audio) for piece in (*words[n : n + 1], piece)]
    transcription = "conversation.item.input_audio_transcription"
    limits = [{"name": "tokens", "limit": 40000, "remaining": 39000, "reset_seconds": 1.5}]
    before: list[dict[str, object]] = [
        event("input_audio_buffer.speech_started", audio_start_ms=0, item_id=user["id"]),
        event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id=user["id"]),
        event("input_audio_buffer.committed", item_id=user["id"], previous_item_id=None),
        event("conversation.item.added", item=user, previous_item_id=None),
        event("conversation.item.done", item=user, previous_item_id=None),
        event("response.created", response=response(number, "in_progress")),
        event("response.output_item.added", **output, item=item(number, "in_progress", [])),
        event("conversation.item.added", item=item(number, "in_progress", [])),
        event("response.content_part.added", **where, part=part),
        event(f"{transcription}.delta", **heard, delta="Hello there."),
        event(
            f"{transcription}.completed",
            **heard,
            transcript="Hello there.",
            usage={"type": "duration", "seconds": 1},
        ),
    ]
    after: list[dict[str, object]] = [
        event("response.output_audio.done", **where),
        event("response.output_audio_transcript.done", **where, transcript=SAID),
        event("response.content_part.done", **where, part={"type": "audio", "transcript": SAID}),
        event("response.output_item.done", **output, item=item(number, "completed", [spoken])),
        event("conversation.item.done", item=item(number, "completed", [spoken])),
        event(DONE, response=response(number, "completed")),
        event("rate_limits.updated", rate_limits=limits),
    ]
    return [*map(frame, before), *pieces, *map(frame, after)]


TURN_EVENTS = len(turn(1))


def second() -> list[tuple[float, bytes]]:
    """Return what one session is sent in a second, half of which the model speaks, and when."""
    audio, word = audio_delta(), frame(event(TRANSCRIPT, **place(1), delta="word "))
    return sorted([(n / 5, audio) for n in range(5)] + [(n / 2 + 0.05, word) for n in range(2)])


APPENDS_PER_SECOND = 25
"""What one session sends in a second: half of it the user speaks, in pieces of 20 ms."""

"""A server that is not the bottleneck: prepared frames out of a raw socket, standard library only.

The model in the URL names the load, as in `?model=text-20000`. The first frame of the client starts
it: that many events. `append-20000` answers the frame after that many with a `committed`.

`python server.py` prints its port and serves until its standard input closes.
"""

import base64
import contextlib
import hashlib
import json
import re
import socketserver
import sys
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
BATCH = 256 * 1024  # bytes per write: large enough that our own calls do not count


def frame(event):
    """Return a whole text frame, unmasked as a server's are."""
    payload = json.dumps(event, separators=(",", ":")).encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes([size]) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def delta(type_, **fields):
    place = {"response_id": "resp_01", "item_id": "item_01", "output_index": 0, "content_index": 0}
    return {"type": type_, "event_id": "event_0123456789ABCDEFGHIJK", **place, **fields}


def response_done():
    text = "You said something, and this is what there is to say about it. " * 4
    content = [{"type": "output_audio", "transcript": text}]
    item = {"id": "item_01", "object": "realtime.item", "type": "message", "status": "completed"}
    details = {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64}
    cached = {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}
    usage = {
        "total_tokens": 253,
        "input_tokens": 132,
        "output_tokens": 121,
        "input_token_details": {**details, "cached_tokens_details": cached},
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    }
    response = {
        "object": "realtime.response",
        "id": "resp_01",
        "status": "completed",
        "status_details": None,
        "output": [{**item, "role": "assistant", "content": content}],
        "conversation_id": "conv_01",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
        "usage": usage,
        "metadata": None,
    }
    return {
        "type": "response.done",
        "event_id": "event_0123456789ABCDEFGHIJK",
        "response": response,
    }


PCM = bytes(n * 7 % 256 for n in range(4800))
SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_01", "model": "load"}
CREATED = frame({"type": "session.created", "event_id": "event_01", "session": SESSION})
COMMITTED = frame(
    {"type": "input_audio_buffer.committed", "event_id": "event_02", "item_id": "item_02"}
)
LOADS = {
    "text": frame(delta("response.output_text.delta", delta=" word", obfuscation="aB3dE5gH7")),
    "audio": frame(delta("response.output_audio.delta", delta=base64.b64encode(PCM).decode())),
    "done": frame(response_done()),
}


def skip_frame(reader):
    """Read past one masked frame of the client; tell its opcode, or None at the end."""
    head = reader.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size >= 126:
        size = int.from_bytes(reader.read(2 if size == 126 else 8), "big")
    reader.read(4 + size)
    return head[0] & 0x0F


class Session(socketserver.StreamRequestHandler):
    rbufsize = 256 * 1024

    def handle(self):
        request = self.rfile.readline()
        load, count = re.search(rb"model=(\w+)-(\d+)", request).groups()
        load, count = load.decode(), int(count)
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-key":
                digest = hashlib.sha1(value.strip() + GUID).digest()
        accept = base64.b64encode(digest)
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + CREATED
        )
        with contextlib.suppress(OSError):  # a client that has had enough
            self.serve(load, count)

    def serve(self, load, count):
        skip_frame(self.rfile)
        if load == "append":
            for _ in range(count + 1):  # the last one is the commit
                skip_frame(self.rfile)
            self.wfile.write(COMMITTED)
        else:
            event = LOADS[load]
            batch = max(1, BATCH // len(event))
            whole, rest = divmod(count, batch)
            for _ in range(whole):
                self.wfile.write(event * batch)
            self.wfile.write(event * rest)
        while (opcode := skip_frame(self.rfile)) is not None:
            if opcode == 8:
                self.wfile.write(b"\x88\x02\x03\xe8")  # CLOSE 1000
                return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Session) as server:
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()

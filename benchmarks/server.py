"""A server that is not the bottleneck: prepared frames out of a raw socket, standard library only.

The model in the URL names the load, as in `?model=text-20000`; the client's first frame starts it.

- `text`, `audio`, `done`, `mix`: that many events. `sized-N-BYTES`: audio deltas of so much PCM.
- `append`: reads until a frame below 200 bytes, which is the commit, and confirms it.
- `echo`: answers each frame with an audio delta. `connect`, `idle`: nothing but `session.created`.
- `session-SECONDS`: paced as a voice session, from one thread for all sessions.

`python -m benchmarks.server` prints its port and serves until its standard input closes.
"""

import collections
import contextlib
import heapq
import re
import selectors
import socket
import sys
import threading
import time

from benchmarks import frames

BATCH = 256 * 1024  # bytes per write: large enough that our own calls do not count
SMALL = 200  # bytes: a commit is below, a frame with audio above


def skip_frame(reader):
    """Read past one masked frame of the client; return its opcode and size, or None at the end."""
    head = reader.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size >= 126:
        size = int.from_bytes(reader.read(2 if size == 126 else 8), "big")
    left = 4 + size
    while left > 0:
        piece = reader.read(min(left, BATCH))
        if not piece:
            return None
        left -= len(piece)
    return head[0] & 0x0F, size


def shake_hands(sock, reader):
    """Answer the upgrade; return the words of the load's name."""
    load = re.search(rb"model=([\w-]+)", reader.readline()).group(1).decode()
    key = b""
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            key = value.strip()
    sock.sendall(frames.upgrade(key))
    name, *numbers = load.split("-")
    return name, [int(number) for number in numbers]


def batches(name, count, size=0):
    """Return what is to be written for a load of so many events, in large pieces."""
    if name == "mix":
        turns = -(-count // frames.TURN_EVENTS)
        return [b"".join(frames.turn(number)) for number in range(turns)]
    if name == "done":  # each of another response, as they are: who counts usage sees none twice
        dones = numbered(count)
        batch = max(1, BATCH // len(dones[0]))
        whole = [b"".join(dones[at : at + batch]) for at in range(0, count, batch)]
        return [frames.created(), *whole]
    each = {
        "text": frames.text_delta,
        "audio": frames.audio_delta,
        "sized": lambda: frames.audio_delta(bytes(size)),
    }[name]()
    batch = max(1, BATCH // len(each))
    whole, rest = divmod(count, batch)
    return [frames.created(), *[each * batch] * whole, each * rest]


def numbered(count):
    """Return frames of `response.done`, alike but for their ids."""
    example = frames.done(100_000)
    return [example.replace(b"100000", b"%06d" % number) for number in range(count)]


def serve(sock, pacer):
    """Serve one client."""
    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        reader = stack.enter_context(sock.makefile("rb", BATCH))
        stack.enter_context(contextlib.suppress(OSError))  # a client that has had enough
        name, numbers = shake_hands(sock, reader)
        if name in {"session", "idle"}:
            pacer.adopt(sock.dup(), numbers[0] if numbers else 0)
            return
        if name not in {"connect", "append", "echo"}:
            pieces = batches(name, *numbers)
            skip_frame(reader)
            for piece in pieces:
                sock.sendall(piece)
        answer = frames.audio_delta() if name == "echo" else frames.committed()
        while (got := skip_frame(reader)) is not None:
            if got[0] == 8:
                sock.sendall(b"\x88\x02\x03\xe8")  # CLOSE 1000
                return
            if name == "echo" or (name == "append" and got[1] < SMALL):
                sock.sendall(answer)


class Paced:
    """One session whose events come at their times. What it sends is thrown away."""

    def __init__(self, sock, seconds):
        sock.setblocking(False)
        self.sock = sock
        self.schedule = [
            (second + offset, frame)
            for second in range(seconds)
            for offset, frame in frames.second()
        ]
        if seconds:
            self.schedule.append((float(seconds), frames.done()))
        self.started = None
        self.next = 0
        self.unsent = b""

    def due(self):
        """Return when there is something to do, or None when all is sent."""
        if self.unsent:
            return time.monotonic() + 0.005
        if self.next == len(self.schedule):
            return None
        return self.started + self.schedule[self.next][0]

    def send(self):
        now = time.monotonic() - self.started
        while self.next < len(self.schedule) and self.schedule[self.next][0] <= now:
            self.unsent += self.schedule[self.next][1]
            self.next += 1
        with contextlib.suppress(BlockingIOError):
            self.unsent = self.unsent[self.sock.send(self.unsent) :]


class Pacer(threading.Thread):
    """All paced sessions, in one thread."""

    def __init__(self):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.arrivals = collections.deque()
        self.bell, listener = socket.socketpair()
        self.selector.register(listener, selectors.EVENT_READ)
        self.buffer = bytearray(BATCH)
        self.queue = []

    def adopt(self, sock, seconds):
        self.arrivals.append(Paced(sock, seconds))
        self.bell.send(b"!")

    def run(self):
        while True:
            wait = max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None
            for key, _ in self.selector.select(wait):
                if key.data is None:
                    key.fileobj.recv(4096)
                    while self.arrivals:
                        paced = self.arrivals.popleft()
                        self.selector.register(paced.sock, selectors.EVENT_READ, paced)
                else:
                    self.read(key.data)
            now = time.monotonic()
            while self.queue and self.queue[0][0] <= now:
                paced = heapq.heappop(self.queue)[2]
                try:
                    paced.send()
                except OSError:  # it is gone; reading tells
                    continue
                self.plan(paced)

    def plan(self, paced):
        due = paced.due()
        if due is not None:
            heapq.heappush(self.queue, (due, id(paced), paced))

    def read(self, paced):
        try:
            size = paced.sock.recv_into(self.buffer)
        except OSError:
            size = 0
        if not size:
            self.selector.unregister(paced.sock)
            paced.sock.close()
        elif paced.started is None:
            paced.started = time.monotonic()
            self.plan(paced)


def main():
    pacer = Pacer()
    pacer.start()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)

        def accept():
            while True:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve, args=(sock, pacer), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()

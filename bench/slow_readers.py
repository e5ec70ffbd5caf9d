"""The readers in Python, where no C compiler is: the same commands as readers.c.

It takes some ten times the CPU, so the quick contenders wait for it and their
latencies are its own; the CPU they spend themselves stays comparable.
"""

import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, cycle

ROOM = 1 << 18
CARRY = 16
"""Bytes kept of what came before, longer than an id."""
SOURCES = cycle(f"127.0.0.{last}" for last in range(2, 18))
BIND_WITHOUT_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT (Linux), which Python's socket module has since 3.14."""
STALLED_ROOM = 4096
FLUSH = b"\0\0\xff\xff"
"""The end of a block in a gzip stream."""


@dataclass(eq=False, slots=True)
class Reader:
    """One connection; *state* is connecting, asked or open."""

    sock: socket.socket
    request: bytes
    state: str = "connecting"
    tail: bytes = b""
    delivered: int = 0


class Client:
    """All readers, and what is expected of them."""

    def __init__(self) -> None:
        self.readers: dict[int, Reader] = {}
        self.requests: list[bytes] = []
        self.spans: list[int] = []
        self.arrivals: list[int] = []
        self.stalled: socket.socket | None = None
        self.expected = b""
        self.expectation = self.pending = self.answered = self.failed = self.received = 0
        self.numbers = count()
        self.poll = select.epoll()

    def server(self, port: int, gzip: int, head: int) -> str:
        """Take readers of *port*."""
        self.address = ("127.0.0.1", port)
        self.gzip, self.head = bool(gzip), bool(head)
        return "known"

    def request(self, size: int) -> str:
        """Add a request."""
        self.requests.append(sys.stdin.buffer.read(size))
        return f"added {len(self.requests)}"

    def forget(self) -> str:
        """Forget the requests."""
        self.requests.clear()
        return "forgotten"

    def open(self, wanted: int, at_once: int, wait: int) -> str:
        """Add readers until all are answered or *wait* ms are over."""
        begun = time.time_ns()
        self.answered = self.failed = started = 0
        while self.answered + self.failed < wanted and time.time_ns() < begun + wait * 1_000_000:
            if started < wanted and self.pending < at_once:
                started += 1
                self._add()
                self._step(0)
            else:
                self._step(0.01)
        took = time.time_ns() - begun
        for reader in [one for one in self.readers.values() if one.state != "open"]:
            self._drop(reader)
        return f"opened {self.answered} {wanted - self.answered} {took}"

    def stall(self) -> str:
        """Add one that never reads."""
        if self.stalled:
            self.stalled.close()
        self.stalled = _socket()
        self.stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_ROOM)
        self.stalled.connect(self.address)
        self.stalled.send(self.requests[-1])
        return "stalled"

    def idle(self, quiet: int) -> str:
        """Read until nothing came for *quiet* ms."""
        while self._step(quiet / 1000):
            pass
        return f"idle {len(self.readers)}"

    def expect(self, id: int) -> str:
        """Look for the event *id* from now on."""
        self.expected = str(id).encode()
        self.expectation = next(self.numbers) + 1
        self.received = 0
        self.arrivals.clear()
        for reader in self.readers.values():
            reader.tail = b""
        return "ready"

    def sent(self, moment: int, wait: int) -> str:
        """Read until all have it, or *wait* ms are over."""
        deadline = time.time_ns() + wait * 1_000_000
        while len(self.arrivals) < len(self.readers) and time.time_ns() < deadline:
            self._step(0.01)
        self.spans += [arrival - moment for arrival in self.arrivals]
        self.expected = b""
        return f"got {len(self.arrivals)} {len(self.readers)} {self.received}"

    def latencies(self) -> str:
        """Return those since the last call."""
        spans, self.spans = sorted(self.spans) or [0], []
        last = len(spans) - 1
        chosen = (spans[last // 2], spans[int(last * 0.99)], spans[last])
        return f"latencies {len(spans)} {' '.join(map(str, chosen))}"

    def close(self) -> str:
        """Hang up."""
        closed = len(self.readers)
        for reader in list(self.readers.values()):
            self._drop(reader)
        if self.stalled:
            self.stalled.close()
        self.stalled = None
        return f"closed {closed}"

    def _add(self) -> None:
        sock = _socket()
        sock.setblocking(False)
        try:
            sock.connect(self.address)
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            self.failed += 1
            return
        text = self.requests[next(self.numbers) % len(self.requests)]
        self.readers[sock.fileno()] = Reader(sock, text)
        self.pending += 1
        self.poll.register(sock, select.EPOLLOUT)

    def _drop(self, reader: Reader) -> None:
        if reader.state != "open":
            self.pending -= 1
            self.failed += 1
        del self.readers[reader.sock.fileno()]
        reader.sock.close()

    def _step(self, timeout: float) -> int:
        found = self.poll.poll(timeout)
        for fd, _ in found:
            reader = self.readers[fd]
            try:
                if reader.state == "connecting":
                    self._ask(reader)
                else:
                    self._receive(reader)
            except BlockingIOError:
                pass
            except OSError:
                self._drop(reader)
        return len(found)

    def _ask(self, reader: Reader) -> None:
        reader.sock.send(reader.request)
        self.poll.modify(reader.sock, select.EPOLLIN)
        reader.state = "asked"
        if not self.head:
            self._became_open(reader)

    def _became_open(self, reader: Reader) -> None:
        reader.state = "open"
        self.pending -= 1
        self.answered += 1

    def _receive(self, reader: Reader) -> None:
        data = reader.sock.recv(ROOM)
        if not data:
            raise ConnectionResetError
        self.received += len(data)
        data = reader.tail + data
        if reader.state == "asked":
            if not data.startswith(b"HTTP/1.1 200"):
                raise ConnectionRefusedError
            head, end, rest = data.partition(b"\r\n\r\n")
            reader.tail = b"" if end else head
            if not end:
                return
            data = rest
            self._became_open(reader)
        if self.expected and reader.delivered != self.expectation:
            self._look(reader, data)

    def _look(self, reader: Reader, data: bytes) -> None:
        if self.gzip:
            found, reader.tail = FLUSH in data, data[1 - len(FLUSH) :]
        else:
            at = data.find(self.expected)
            found = at >= 0 and (b"\n\n" in data[at:] or b"\n\r\n" in data[at:])
            reader.tail = data[at:] if at >= 0 else data[-CARRY:]
        if found:
            reader.delivered, reader.tail = self.expectation, b""
            self.arrivals.append(time.time_ns())


def _socket() -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, struct.pack("i", 1))
    sock.bind((next(SOURCES), 0))
    return sock


def main() -> None:
    """Obey until stdin ends; readers are read only while a command runs."""
    client = Client()
    for line in sys.stdin.buffer:
        word, *values = line.decode().split()
        command: Callable[..., str] = getattr(client, word)
        print(command(*map(int, values)), flush=True)


if __name__ == "__main__":
    main()

"""Who comes to the web: too many, too slow, too much, or speaking another language."""

import os
import resource
import socket
import time
from contextlib import ExitStack, suppress

from tests.faults.harness.fault import NOTHING, Act, Fault
from tests.faults.harness.product import Product
from tests.faults.harness.readers import Readers
from tests.support.tools import wait_for

CROWD = 2000


def use_up_descriptors(product: Product) -> None:
    """Let the web open no file and no socket more, while readers come."""
    pid = product.server()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    with Readers(product.port, 50, seed=7):
        time.sleep(4)
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def crowd(product: Product) -> None:
    """Let 2,000 readers arrive within a second."""
    with Readers(product.port, CROWD, seed=8) as readers:
        newest = product.committed()[-1]
        wait_for(lambda: readers.have(newest), 60, f"{CROWD} readers to have a tick")


def slowloris(product: Product) -> None:
    """Send a byte of a head now and then, on 300 connections."""
    with ExitStack() as stack:
        socks = [_connect(product, stack, b"GET /stream HTTP/1.1\r\nX") for _ in range(300)]
        for _ in range(4):
            time.sleep(1)
            for sock in socks:
                with suppress(OSError):
                    sock.send(b"-")


def say(*sent: bytes, count: int = 20, seconds: float = 2, buffer: int | None = None) -> Act:
    """Send each of *sent* on *count* connections, and leave them open for a while, unread."""

    def act(product: Product) -> None:
        with ExitStack() as stack:
            for said in sent * count:
                _connect(product, stack, said, buffer)
            time.sleep(seconds)

    return act


def _connect(
    product: Product, stack: ExitStack, said: bytes, buffer: int | None = None
) -> socket.socket:
    """Give a connection on which *said* was sent, as far as anybody took it."""
    sock = stack.enter_context(socket.socket())
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(5)
    with suppress(OSError):
        sock.connect(("127.0.0.1", product.port))
        sock.sendall(said)
    return sock


STREAM = b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
GARBAGE = (
    b"\0" * 1000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500,  # TLS to a plain port
    b"GET\r\n\r\n",
    b"GET /stream HTTP/9.9\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nHost: a\r\nLast-Event-ID: \xff\0\r\n\r\n",
    b"G" * 100_000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
HALF = (b"GET /stre", b"GET /stream HTTP/1.1\r\n", b"GET /stream HTTP/1.1\r\nHost: a\r\nAcc")
BIG = (
    b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n" + b"x" * 10_485_760,
    b"GET /stream HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_485_760 + b"\r\n\r\n",
)

FAULTS = (
    Fault(
        "web: no descriptors left, and 50 readers come",
        use_up_descriptors,
        "newcomers wait; nothing for those who are there",
    ),
    Fault("web: 2,000 readers at once", crowd, "ticks come up to some seconds later", 20),
    Fault("web: 300 slow heads (slowloris)", slowloris, NOTHING),
    Fault("web: 20 readers that never read", say(STREAM, seconds=4, buffer=1024), NOTHING),
    Fault("web: garbage instead of a request", say(*GARBAGE), NOTHING),
    Fault("web: half a request", say(*HALF), NOTHING),
    Fault("web: a request of 10 MB", say(*BIG, count=2), NOTHING),
)

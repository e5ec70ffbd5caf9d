"""How the cost of a delivered event grows with the frame's size and the number of variants.

`python -m bench.sizes` broadcasts from a hub in this process to TCP readers on
the loopback, and counts the CPU of the broadcasting thread alone, kernel and
all; the readers are emptied between two broadcasts.
"""

import _socket
import socket
import statistics
import time

from bench.machine import description
from tracker.stream.frames import Frame, Variant, encode
from tracker.stream.hub import Hub

READERS = 1000
ROUNDS = 30
SIZES = (300, 1_000, 3_000, 10_000, 30_000, 75_000)
"""Bytes of a frame: one filtered coin has about 300, ten 3,000, 250 coins 75,000."""
VARIANTS = (1, 10, 50, 200)
BUFFER = 512 * 1024


def connected(listener: socket.socket) -> tuple[_socket.socket, socket.socket]:
    """Return the hub's end and the reader's of one connection."""
    reader = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    reader.setblocking(False)
    hubs = _socket.socket(fileno=ours.detach())
    hubs.setblocking(False)
    return hubs, reader


def measure(size: int, variants: int) -> float:
    """Return the CPU microseconds of an event of *size* bytes, read through so many *variants*."""
    hub = Hub(heartbeat=3600)
    with socket.create_server(("127.0.0.1", 0), backlog=READERS) as listener:
        readers = []
        for n in range(READERS):
            ours, reader = connected(listener)
            topics = () if variants == 1 else (str(n % variants),)
            hub.admit("", Variant(topics)).join(ours)
            readers.append(reader)
    data = "x" * size
    costs = []
    for id in range(1, ROUNDS + 1):
        frame = Frame(id, lambda topics, id=id: encode(data, event="prices", id=id))  # type: ignore[misc]
        before = time.thread_time()
        hub.broadcast(frame)
        costs.append((time.thread_time() - before) / READERS * 1e6)
        empty(readers)
    hub.close()
    for reader in readers:
        reader.close()
    return statistics.median(costs)


def empty(readers: list[socket.socket]) -> None:
    """Read all that there is."""
    for reader in readers:
        try:
            while reader.recv(1 << 20):
                pass
        except BlockingIOError:
            continue


def main() -> None:
    """Print both tables."""
    print(description()[0])
    print("| bytes of a frame | CPU µs an event |\n|---|---|")
    for size in SIZES:
        print(f"| {size:,} | {measure(size, 1):.1f} |")
    print("\n| variants | CPU µs an event of 1,000 bytes |\n|---|---|")
    for variants in VARIANTS:
        print(f"| {variants} | {measure(1_000, variants):.1f} |")


if __name__ == "__main__":
    main()

"""The readers: a compiled client that holds thousands of them, and its other side here.

The client obeys lines on stdin and answers each with one; sizes are in bytes,
waits in ms, moments and spans in ns:

    server PORT GZIP HEAD       known               GZIP, HEAD: 0 or 1; with HEAD 0
                                                    no reader waits for a response's head
    request SIZE + bytes        added COUNT         readers take the requests in turn
    forget                      forgotten           the requests
    open COUNT AT_ONCE WAIT     opened COUNT FAILED SPAN
    stall                       stalled             one reader that never reads
    idle MS                     idle COUNT          when nothing came for so long
    expect ID                   ready               before the event ID is published
    sent MOMENT WAIT            got COUNT READERS BYTES    when all have it
    latencies                   latencies COUNT P50 P99 MAX    of all since the last time
    close                       closed COUNT
"""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import CannotRunError

HERE = Path(__file__).parent
AT_ONCE = 256
"""Connections in the making at one time, where not all come at once."""
QUIET = 250
"""Milliseconds of silence after which everything sent has come."""
SPARE = 500
"""Descriptors that a process needs beside those of its readers, and while they come."""


class Opened(NamedTuple):
    """How readers came: *seconds* until the last had its response's head."""

    opened: int
    failed: int
    seconds: float


class Delivery(NamedTuple):
    """One event: how many of *readers* got it, and the bytes that came in all."""

    events: int
    readers: int
    size: int


class Latencies(NamedTuple):
    """From publish to reader, in milliseconds."""

    p50: float
    p99: float
    max: float


def compile_c(name: str, directory: Path) -> Path:
    """Compile this folder's *name*.c into *directory*. Raises `CannotRunError`."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CannotRunError("there is no C compiler (apt-get install gcc)")
    program = directory / name
    source = str(HERE / f"{name}.c")
    done = subprocess.run([compiler, "-O2", "-o", program, source], capture_output=True, text=True)
    if done.returncode:
        raise CannotRunError(f"{name}.c did not compile: {done.stderr.strip()[-300:]}")
    return program


def client(directory: Path) -> tuple[list[str], str | None]:
    """Return the client's command, and a remark if it is not the compiled one."""
    try:
        return [str(compile_c("readers", directory))], None
    except CannotRunError as error:
        slow = [sys.executable, str(HERE / "slow_readers.py")]
        return slow, f"the readers are Python's and slow down the quick contenders: {error}"


def most() -> int:
    """Return how many readers the file limit allows, after raising it as far as may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (soft if hard == resource.RLIM_INFINITY else hard) - SPARE


def request(path: str, *, gzip: bool = False, last_event_id: int | None = None) -> bytes:
    """Return a reader's request."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/event-stream"]
    if gzip:
        lines.append("Accept-Encoding: gzip")
    if last_event_id is not None:
        lines.append(f"Last-Event-ID: {last_event_id}")
    return "\r\n".join([*lines, "", ""]).encode()


class Readers:
    """One client process with readers of the server on *port*."""

    def __init__(
        self, command: list[str], port: int, *, gzip: bool = False, head: bool = True
    ) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._ask(f"server {port} {gzip:d} {head:d}")

    def ask_for(self, requests: Sequence[bytes]) -> None:
        """Let the next readers send *requests*, in turn."""
        self._ask("forget")
        for text in requests:
            self._ask(f"request {len(text)}", text)

    def open(self, count: int, *, at_once: int = AT_ONCE, timeout: float = 60) -> Opened:
        """Add *count* readers and wait until each was answered."""
        opened, failed, took = self._ask(f"open {count} {at_once} {timeout * 1000:.0f}")
        return Opened(opened, failed, took / 1e9)

    def stall(self) -> None:
        """Add the reader that never reads, in place of the last such. Raises `CannotRunError`."""
        self._ask("stall")

    def settle(self) -> None:
        """Wait until nothing comes any more."""
        self._ask(f"idle {QUIET}")

    def deliver(self, id: int, publish: Callable[[], object], *, timeout: float = 20) -> Delivery:
        """Call *publish*, which brings the event *id* about, and wait until all have it."""
        self._ask(f"expect {id}")
        sent = time.time_ns()
        publish()
        return Delivery(*self._ask(f"sent {sent} {timeout * 1000:.0f}"))

    def latencies(self) -> Latencies:
        """Return those of all events since the last call."""
        _, *spans = self._ask("latencies")
        return Latencies(*(span / 1e6 for span in spans))

    def close(self) -> None:
        """Hang up, all of them."""
        self._ask("close")

    def end(self) -> None:
        """End the client."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, line: str, data: bytes = b"") -> list[int]:
        assert self._process.stdin is not None, "it was opened with pipes"
        assert self._process.stdout is not None, "it was opened with pipes"
        self._process.stdin.write(line.encode() + b"\n" + data)
        self._process.stdin.flush()
        word, *values = self._process.stdout.readline().decode().split() or ["nothing"]
        if word in ("nothing", "unknown", "failed"):
            raise CannotRunError(f"the readers answered {word} to {line}")
        return [int(value) for value in values]

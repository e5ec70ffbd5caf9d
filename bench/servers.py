"""The servers that are measured: each starts, publishes a tick, and ends.

Each has a directory of its own and ports that were free a moment ago.
"""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from bench import process
from bench.errors import CannotRunError
from bench.readers import compile_c
from bench.ticks import frame
from dev.embedded_redis import EmbeddedRedis, free_port
from tracker import config
from tracker.config import ROOT
from tracker.market.freshness import SourceState
from tracker.market.quotes import Tick, TickJson
from tracker.messaging.feed import Feed, Message

START_SECONDS = 20.0
STOP_SECONDS = 15.0
HOURS = 3600
"""A heartbeat, interval or timeout that never comes while a benchmark runs."""


class Server(ABC):
    """One contender's process. Raises `CannotRunError` from `start`."""

    path = "/stream"
    answers_at_once = True
    """False when a reader hears nothing, not even a head, before the first event."""
    resumes: ClassVar[bool] = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it and return when it answers."""

    @abstractmethod
    def publish(self, tick: Tick) -> None:
        """Give it *tick* to deliver."""

    def expect(self, readers: int) -> None:  # noqa: B027 - few need it
        """Wait until it serves *readers*, where response heads do not show it."""

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in reversed(self.pids):
                os.kill(pid, 9)
            self._process.wait()

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        assert self._process is not None, "only after start"
        return process.family(self._process.pid)

    def _run(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(env or os.environ),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotRunError(f"it did not start: {self._last_words()}")
            time.sleep(0.05)

    def _last_words(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Floor(Server):
    """A loop of `send()` in C."""

    def start(self) -> None:
        """Compile and start it."""
        self._run([str(compile_c("floor", self.directory)), str(self.port)])

    def publish(self, tick: Tick) -> None:
        """Write the frame to its stdin."""
        assert self._process is not None, "only after start"
        assert self._process.stdin is not None, "it was opened with a pipe"
        data = frame(tick)
        self._process.stdin.write(b"%d\n" % len(data) + data)
        self._process.stdin.flush()


class Ours(Server):
    """The product's web process, as gunicorn runs it, with a Redis and a database of its own."""

    resumes = True

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._redis = EmbeddedRedis()
        self._first: int | None = None
        self._previous: int | None = None

    def start(self) -> None:
        """Start its Redis, migrate its database, start gunicorn."""
        self._redis.start()
        settings = {
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "REDIS_URL": self._redis.url,
            "DATABASE_URL": f"sqlite:///{self.directory / 'bench.db'}",
            "TRACKER_SOURCE": "simulated",
            "TRACKER_INTERVAL": str(HOURS),
            "TRACKER_HEARTBEAT": str(HOURS),
            "TRACKER_REPLAY": "200",
            "TRACKER_MAX_SUBSCRIBERS": "1000000",
            "TRACKER_MAX_SUBSCRIBERS_PER_IP": "1000000",
            "LOG_LEVEL": "WARNING",
        }
        env = os.environ | settings
        tool = [sys.executable, "-m"]
        subprocess.run(
            [*tool, "flask", "--app", "wsgi", "db", "upgrade"],
            cwd=ROOT,
            env=env,
            check=True,
            capture_output=True,
            timeout=60,
        )
        self.settings = config.load(env)
        self._feed = Feed(self.settings)
        self._run([*tool, "gunicorn", "wsgi:app"], env)

    def publish(self, tick: Tick) -> None:
        """Publish the tick, as the worker does."""
        self._first = self._first or tick.id
        health = SourceState(fresh_at=tick.id, fresh_since=self._first)
        self._feed.publish(Message(health, TickJson.of_tick(tick), self._previous))
        self._previous = tick.id

    def stop(self) -> None:
        """End gunicorn, then its Redis."""
        super().stop()
        self._redis.stop()


NGINX = """
load_module {module};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/pid;
error_log {directory}/log warn;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
  uwsgi_temp_path {directory}; scgi_temp_path {directory};
  nchan_max_reserved_memory 256m;
  keepalive_timeout {hours};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /stream {{
      nchan_subscriber eventsource; nchan_channel_id ticks; nchan_eventsource_ping_interval 0;
    }}
  }}
  server {{
    listen 127.0.0.1:{publisher};
    location = /publish {{
      nchan_publisher; nchan_channel_id ticks; nchan_message_buffer_length 200;
    }}
  }}
}}
"""


class Posted(Server):
    """A server that takes a tick as the body of a POST."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._publisher = self.port
        self._connection: http.client.HTTPConnection | None = None

    def publish(self, tick: Tick) -> None:
        """Post the tick."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._publisher, timeout=20)
        headers = {"X-EventSource-Event": "prices", "Content-Type": "application/json"}
        self._connection.request("POST", "/publish", tick.to_json().encode(), headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise CannotRunError(f"it answered {answer.status} to a tick")


class Nchan(Posted):
    """nginx with the nchan module, and one worker process."""

    def start(self) -> None:
        """Write its configuration and start it."""
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        module = nchan_module()
        if nginx is None or module is None:
            raise CannotRunError(
                "there is no nginx with nchan (apt-get install nginx libnginx-mod-nchan)"
            )
        self._publisher = free_port()
        text = NGINX.format(
            module=module,
            user="user root;" if os.geteuid() == 0 else "",
            files=20000,
            hours=HOURS,
            directory=self.directory,
            port=self.port,
            publisher=self._publisher,
        )
        (self.directory / "nginx.conf").write_text(text)
        self._run([nginx, "-p", str(self.directory), "-c", str(self.directory / "nginx.conf")])


def nchan_module() -> Path | None:
    """Return the nchan module of this machine's nginx."""
    places = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")
    found = (Path(place) / "ngx_nchan_module.so" for place in places)
    return next((path for path in found if path.exists()), None)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
